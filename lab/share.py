# SPDX-License-Identifier: Apache-2.0
"""The bind mount that stands for cinder's NFS share.

cinder finds its mount point mounted and is content. No NFS server is needed, and none would run
everywhere: it is a kernel module.
"""

import hashlib
import subprocess
from pathlib import Path

from lab.facts import NFS_SHARE
from lab.place import Place


def mount_point(place: Place) -> Path:
    """Return where cinder expects the share; not below `data`, which the golden state copies."""
    return share_point(place.run / "cinder-mnt", NFS_SHARE)


def share_point(base: Path, share: str) -> Path:
    """Return where below the base of its mount points cinder expects a share."""
    # os-brick names mount points so; the hash guards nothing.
    return base / hashlib.md5(share.encode(), usedforsecurity=False).hexdigest()


def mount_share(place: Place) -> None:
    """Mount the folder below `data` there, also when one that was deleted since is mounted."""
    point, source = mount_point(place), place.data / "cinder-nfs"
    if _mounted(point) and not point.samefile(source):
        unmount_share(place)
    if not _mounted(point):
        point.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "--bind", source, point], check=True)


def unmount_share(place: Place) -> None:
    """Undo `mount_share`; a lazy unmount, for a killed cinder may hold a file open."""
    point = mount_point(place)
    while _mounted(point):
        subprocess.run(["umount", "--lazy", point], check=True)


def _mounted(point: Path) -> bool:
    lines = Path("/proc/mounts").read_text().splitlines()
    return any(line.split()[1] == str(point) for line in lines)
