# SPDX-License-Identifier: Apache-2.0
"""The image of the boxes: Debian's programs with Kolla's own scripts around them.

Images cannot be had from a registry here, so this one is built as Kolla's recipes build theirs:
its users have the same numbers, and its entry, its backup and its bootstrap are Kolla's files.
"""

import shutil
from pathlib import Path

from lab.parts.nodes_image import SUITE, mirror
from lab.parts.tools import FILES, cached, key, remove, run
from lab.place import Place

PACKAGES = (
    "mariadb-server mariadb-backup galera-4 socat sudo python3 dumb-init expect procps iproute2 "
    "ca-certificates etcd-server etcd-client ovn-central openvswitch-common"
)
SCRIPT = "boxes-image.sh"
FOLDERS = ("base", "mariadb/mariadb-server")
CHANGES = ('ENTRYPOINT ["dumb-init", "--"]', 'CMD ["kolla_start"]', "USER mysql")


def box_image(place: Place, kolla: Path) -> Path:
    """Return the archive of the image, built once for all labs; `kolla`: its package's recipes."""
    name = key(SUITE, PACKAGES, (FILES / SCRIPT).read_text(), str(kolla), *CHANGES)
    return cached(
        place.cache / "images" / f"boxes-{name}.tar", lambda target: _build(target, kolla)
    )


def _build(target: Path, kolla: Path) -> None:
    root = target.with_suffix(".root")
    remove(root)
    try:
        run(["debootstrap", "--variant=minbase", SUITE, root, mirror()], seconds=900)
        for folder in FOLDERS:
            shutil.copytree(kolla / folder, root / "opt/kolla" / folder)
        script = (FILES / SCRIPT).read_bytes()
        run(["chroot", root, "sh", "-s", "--", PACKAGES], data=script, seconds=900)
        run(["tar", "--numeric-owner", "-C", root, "-cf", target, "."])
    finally:
        remove(root)
