# SPDX-License-Identifier: Apache-2.0
"""What a vault does to its disk, each act between two points where a test may end the process."""

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from day2.adapters.reasons import one_line
from day2.errors import Unreachable, VaultFull

Point = Callable[[str], None]
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
DOCUMENT_BYTES_MAX = 16 << 20


class NotOurs(Exception):
    """What lies there is not what day2 writes: a link, a device, something too large."""


def passed(_name: str) -> None:
    """Pass a point, as everywhere but in tests."""


@contextlib.contextmanager
def told(what: str, where: Path, *, bytes_wanted: int = 0) -> Iterator[None]:
    """Turn failures of the disk into ours.

    Raises:
        VaultFull: when there is no room, or no quota, or the file may not grow so far.
        Unreachable: for everything else: the disk fails, or the share is gone.

    """
    try:
        yield
    except OSError as error:
        said = one_line(error.strerror or str(error))
        if error.errno in FULL:
            free = free_bytes(where)
            raise VaultFull(
                f"{what}: {said}; {bytes_wanted} bytes were to be stored, {free} are free",
                hint=f"make room in {where}, or condemn sets: day2 backup prune",
            ) from None
        raise Unreachable(
            f"{what}: {said}", hint=f"look at the disk or the share of {where}"
        ) from None


def free_bytes(folder: Path) -> int:
    """Return what this user may still write there; 0 when nobody can tell."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


def read_file(folder: Path, name: str, *, bytes_max: int = DOCUMENT_BYTES_MAX) -> bytes:
    """Read one small file that must be an ordinary one.

    Raises:
        NotOurs: when it is a link or a device, or too large.
        OSError: when it cannot be read.

    """
    handle = open_file(folder, name)
    with os.fdopen(handle, "rb") as opened:
        content = opened.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise NotOurs(f"{name} is larger than {bytes_max} bytes")
    return content


def open_file(folder: Path, name: str) -> int:
    """Open an ordinary file for reading; neither a link nor a pipe is followed or waited for.

    Raises:
        NotOurs: when it is not an ordinary file.
        OSError: when it cannot be opened.

    """
    try:
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            raise NotOurs(f"{name} is not an ordinary file") from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotOurs(f"{name} is not an ordinary file")
    return handle


def is_folder(path: Path) -> bool:
    """Tell whether there is a folder of its own: a link to one is none."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return False


class Disk:
    """The writing half: private files, flushed, renamed, and the folders flushed after it."""

    def __init__(self, point: Point = passed) -> None:
        self._point = point

    @contextlib.contextmanager
    def _between(self, act: str, name: str) -> Iterator[None]:
        self._point(f"before {act} {name}")
        yield
        self._point(f"after {act} {name}")

    def create(self, name: str, folder: int, known_as: str = "") -> int:
        """Create a file that was not there, in an opened folder."""
        with self._between("create", known_as or name):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(name, flags, PRIVATE_FILE, dir_fd=folder)

    def append(self, handle: int, part: bytes, name: str) -> None:
        """Write all of it: a short write is followed by another one."""
        with self._between("write", name):
            left = memoryview(part)
            while left:
                left = left[os.write(handle, left) :]

    def flush(self, handle: int, name: str) -> None:
        with self._between("flush", name):
            os.fsync(handle)

    def flush_folder(self, folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            self.flush(handle, f"folder {shown(folder.name)}")
        finally:
            os.close(handle)

    def make_folder(self, folder: Path) -> None:
        with self._between("mkdir", shown(folder.name)):
            folder.mkdir(mode=PRIVATE_FOLDER)

    def rename(self, old: Path, new: Path) -> None:
        with self._between("rename", shown(new.name)):
            old.rename(new)

    def write(self, folder: Path, name: str, content: bytes) -> None:
        """Write a whole file in place of the one with this name; the folder is flushed after it."""
        beside = f".{name}.new"
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=opened)
            handle = self.create(beside, opened)
            try:
                self.append(handle, content, name)
                self.flush(handle, name)
            finally:
                os.close(handle)
            self.rename(folder / beside, folder / name)
            self.flush(opened, f"folder {shown(folder.name)}")
        finally:
            os.close(opened)

    def add(self, folder: Path, name: str, content: bytes) -> None:
        """Write a whole file under a name that is free.

        Raises:
            FileExistsError: when somebody was faster.

        """
        beside = f".{name}.{os.urandom(4).hex()}.new"
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            handle = self.create(beside, opened, name)
            try:
                self.append(handle, content, name)
                self.flush(handle, name)
                with self._between("link", name):
                    os.link(beside, name, src_dir_fd=opened, dst_dir_fd=opened)
            finally:
                os.close(handle)
                os.unlink(beside, dir_fd=opened)
            self.flush(opened, f"folder {shown(folder.name)}")
        finally:
            os.close(opened)

    def remove_tree(self, folder: Path) -> None:
        """Remove a folder with all that is in it; links in it are removed, never followed."""
        with self._between("remove", shown(folder.name)):
            if is_folder(folder):
                shutil.rmtree(folder)
            else:
                folder.unlink(missing_ok=True)


def shown(name: str) -> str:
    """Name a folder without the set it is of: points have the same names in every set."""
    for ending in (".partial", ".removing", ".records"):
        if name.endswith(ending):
            return ending[1:]
    return "of the set" if name.count("-") > 2 else name  # noqa: PLR2004 - KIND-DATE-TIME-WORD


def take_lock(file: Path) -> int | None:
    """Lock a file for as long as it is open; None when somebody else holds it.

    The lock dies with its process. A lock on a file that is not there any more protects nothing:
    it is taken again on the one that is.

    Raises:
        OSError: when the file cannot be made or locked.

    """
    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(file, flags, PRIVATE_FILE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            there = file.lstat()
        except BlockingIOError:
            os.close(handle)
            return None
        except FileNotFoundError:
            os.close(handle)
            continue
        except BaseException:
            os.close(handle)
            raise
        if os.path.samestat(there, os.fstat(handle)):
            return handle
        os.close(handle)
