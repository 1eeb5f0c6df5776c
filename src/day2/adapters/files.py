# SPDX-License-Identifier: Apache-2.0
"""Write files that are whole or not there, and private from their first byte on."""

import contextlib
import os
import tempfile
from pathlib import Path

from day2.errors import BadUsage


def require_place(file: Path) -> None:
    """See that a file may be written there, before the work whose result it shall hold.

    Raises:
        BadUsage: when its folder does not exist or is closed, or the path is a folder.

    """
    folder = file.absolute().parent
    if file.is_dir():
        raise BadUsage(f"{file} is a folder", hint="name a file in it")
    if not folder.is_dir():
        raise BadUsage(f"there is no folder {folder}", hint=f"make it: mkdir -p {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadUsage(f"this user may not write into {folder}", hint="name another file")


def write_private(file: Path, content: bytes) -> None:
    """Write beside it, flush to the disk, rename: a reader sees the old file or the new one.

    The file is for its owner only (0600).

    Raises:
        BadUsage: when it cannot be written; what was there before is still there.

    """
    folder = file.absolute().parent
    try:
        handle, beside = tempfile.mkstemp(dir=folder, prefix=f".{file.name[:100]}.")
        try:
            with os.fdopen(handle, "wb") as opened:
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
            Path(beside).replace(file)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(beside).unlink()
            raise
        flush(folder)
    except OSError as error:
        raise BadUsage(f"cannot write {file}: {error.strerror}") from None


def flush_tree(folder: Path) -> None:
    """Make files and folders of our own last, before the folder gets its name."""
    for place, _folders, names in os.walk(folder):
        for name in names:
            flush(Path(place) / name)
        flush(Path(place))


def flush(path: Path) -> None:
    """Make a file last, or the names in a folder: a rename lives there."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
