# SPDX-License-Identifier: Apache-2.0
"""What killed writers and half-done removals leave in a vault, and how it goes."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from day2.adapters.vaults.disk import Disk, is_folder
from day2.adapters.vaults.layout import SET
from day2.adapters.vaults.locks import FOLDER, Locks
from day2.model.backup import Found, Kind

Clear = Callable[[Path], object]
PARTIAL, REMOVING, RECORDS, NEW = ".partial", ".removing", ".records", ".new"


def nothing(_folder: Path) -> None:
    """Do nothing before a folder goes."""


def partials(folder: Path, kind: Kind, disk: Disk, clear: Clear = nothing) -> list[str]:
    """Remove the unfinished sets of a kind; only while its lock is held: nobody writes one then.

    `clear` is called for each folder before it goes: what it names elsewhere goes first.
    """
    swept = [
        name for name in _names(folder) if name.endswith(PARTIAL) and name.startswith(f".{kind}-")
    ]
    for name in swept:
        clear(folder / name)
        disk.remove_tree(folder / name)
    return swept


def removed(folder: Path, name: str, disk: Disk, clear: Clear = nothing) -> None:
    """Remove what is left of a set that has lost its name: its files, then its records."""
    files = folder / f".{name}{REMOVING}"
    if os.path.lexists(files):
        clear(files)
    for left in (files, folder / f"{name}{RECORDS}"):
        if os.path.lexists(left):
            disk.remove_tree(left)
    disk.flush_folder(folder)


def half_removed(folder: Path, name: str, disk: Disk, clear: Clear = nothing) -> None:
    """Finish the removal of a set whose id is to be used again: its records are of the old one."""
    if os.path.lexists(folder / f".{name}{REMOVING}"):
        removed(folder, name, disk, clear)


def left(folder: Path, before: float, locks: Locks, read: Callable[[str], Found]) -> list[str]:
    """Name what is older than a time (seconds since 1970) and no part of a set any more.

    An unfinished set counts only while nobody writes one of its kind. Records without their set
    count only when it was condemned: those of a set that vanished are all that tells of it.
    """
    found: list[str] = []
    for name in _names(folder):
        if not _older(folder / name, before):
            continue
        kind = _kind(name)
        if name.startswith(".") and name.endswith(PARTIAL) and kind is not None:
            with locks.idle(kind) as idle:
                found += [name] if idle else []
        elif name.startswith(".") and name.endswith(REMOVING) and kind is not None:
            found.append(name)
        elif name.endswith(RECORDS) and SET.fullmatch(name.removesuffix(RECORDS)):
            found += _records(folder, name, before, read)
    return found + [f"{FOLDER}/{name}" for name in _unfinished(folder / FOLDER, before)]


def sweep(
    folder: Path, names: Iterable[str], disk: Disk, locks: Locks, clear: Clear = nothing
) -> list[str]:
    """Remove these of what is left; return the names of what went."""
    swept = []
    for name in names:
        kind = _kind(name)
        if not os.path.lexists(folder / name):
            continue
        if name.endswith(PARTIAL) and kind is not None:
            with locks.idle(kind) as idle:
                if not idle:
                    continue
                clear(folder / name)
                disk.remove_tree(folder / name)
        elif name.endswith(REMOVING):
            removed(folder, name.removeprefix(".").removesuffix(REMOVING), disk, clear)
        elif name.endswith(RECORDS):
            disk.remove_tree(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
        swept.append(name)
    return swept


def _kind(name: str) -> Kind | None:
    bare = name.removeprefix(".")
    return next((kind for kind in Kind if bare.startswith(f"{kind}-")), None)


def _records(folder: Path, name: str, before: float, read: Callable[[str], Found]) -> list[str]:
    set_name = name.removesuffix(RECORDS)
    if os.path.lexists(folder / set_name):
        return [f"{name}/{one}" for one in _unfinished(folder / name, before)]
    return [name] if read(set_name).condemned_at is not None else []


def _unfinished(folder: Path, before: float) -> list[str]:
    """Name the files that were begun beside their name and never got it."""
    names = _names(folder) if is_folder(folder) else []
    return [
        name
        for name in names
        if name.startswith(".") and name.endswith(NEW) and _older(folder / name, before)
    ]


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def _older(path: Path, before: float) -> bool:
    try:
        found = path.lstat()
        inside = (
            [entry.stat(follow_symlinks=False) for entry in os.scandir(path)]
            if (is_folder(path))
            else []
        )
    except FileNotFoundError:
        return False
    return all(max(one.st_mtime, one.st_ctime) < before for one in (found, *inside))
