# SPDX-License-Identifier: Apache-2.0
"""Copies of the memory for a backup: each database whole, at one instant, while others write."""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from day2.errors import MemoryUnusable

DATABASES = ("memory.sqlite", "engine.sqlite")
PAGES = 4096


@contextlib.contextmanager
def copied(state: Path) -> Iterator[list[Path]]:
    """Copy the databases of a state folder into a private one that is gone afterwards.

    The journal is taken last: what a step did is in it before the step is recorded as done, so that
    a restored pair repeats at worst a step, and every step looks before it acts.

    Raises:
        MemoryUnusable: when one cannot be read, or there is no room for the copies.

    """
    folder = Path(tempfile.mkdtemp(prefix="day2-own-"))
    try:
        files = []
        for name in reversed(DATABASES):
            if (state / name).exists():
                _copy(state / name, folder / name)
                files.append(folder / name)
        yield files
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    try:
        with (
            contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reading,
            contextlib.closing(sqlite3.connect(target)) as writing,
        ):
            reading.execute("PRAGMA busy_timeout=30000")
            reading.backup(writing, pages=PAGES)
            # A copy is one file: whoever opens it later must not look for another beside it.
            writing.execute("PRAGMA journal_mode=DELETE")
            (said,) = writing.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise MemoryUnusable(f"cannot copy {source}: {error}") from None
    if said != "ok":
        raise MemoryUnusable(
            f"{source} is damaged: {said}", hint="restore it from an earlier set of kind day2"
        )
