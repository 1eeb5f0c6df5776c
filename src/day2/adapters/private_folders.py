# SPDX-License-Identifier: Apache-2.0
"""Private folders for what lies decrypted for a while: they go with whoever made them.

Each is held by a lock that dies with its process; what a killed one has left goes with the next.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from day2.errors import BadSettings

PREFIX = "day2-scratch-"


@contextlib.contextmanager
def folder(parent: Path | None = None) -> Iterator[Path]:
    """Give a private folder; what is left of others is swept first. None: where temporary ones are.

    Raises:
        BadSettings: when it cannot be made.

    """
    where = parent or Path(tempfile.gettempdir())
    sweep(where)
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        place, handle = _held(where)
    except OSError as error:
        raise BadSettings(f"cannot make a folder in {where}: {error.strerror}") from None
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(handle)


def sweep(parent: Path) -> list[str]:
    """Remove the folders that nobody holds; return their names."""
    swept = []
    for place in sorted(parent.glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError):
            handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(place, ignore_errors=True)
                swept.append(place.name)
            finally:
                os.close(handle)
    return swept


def _held(parent: Path) -> tuple[Path, int]:
    """Make a folder and lock it; one that somebody sweeps in between is let go."""
    while True:
        place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        try:
            handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if place.exists():
                return place, handle
        os.close(handle)
