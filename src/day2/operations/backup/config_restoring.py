# SPDX-License-Identifier: Apache-2.0
"""What a worker does to put the configuration back where it was; killed anywhere it goes on.

Only paths that the settings call configuration are written to, whatever a set says: who can write
a vault could otherwise choose what root writes. What is there is renamed, never deleted.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters import private_folders
from day2.adapters.files import write_private
from day2.adapters.vaults.disk import Point, passed
from day2.adapters.vaults.vault import Vault
from day2.errors import NotVerified, Refused
from day2.model.backup import Found, Kind, State
from day2.operations.backup.takers.taker import Say
from day2.operations.backup.takers.tree import Entry, give, index_of, restore

BEGAN = "began.json"
SHOWN_MAX = 5


class Put(msgspec.Struct, frozen=True, kw_only=True):
    """One file or folder that is put back: `was` tells whether anything was there before."""

    root: str
    was: bool

    def named(self, mark: str, word: str) -> Path:
        """Return the name beside it for what is kept, or made, or taken away."""
        path = Path(self.root)
        return path.with_name(f".{path.name}.{mark}-{word}")


def put(
    vault: Vault,
    found: Found,
    allowed: Sequence[Path],
    *,
    mark: str,
    folder: Path,
    say: Say,
    point: Point = passed,
) -> dict[str, Any]:
    """Put the configuration of a set in place; `folder` is this restore's alone.

    `point` is told before each name changes: a test ends there, as a `kill -9` would.

    What a set has of hosts' own volumes is not put anywhere: that is theirs.

    Raises:
        Refused: when the set is none of a configuration, bad, or names a path that is none here.
        NotVerified: when it does not hold, or what lies there afterwards is not what it holds.

    """
    roots = _roots(found, allowed)
    puts = _began(folder, roots)
    # Decrypted: what a killed one has left goes with the next worker, whatever that does.
    with private_folders.folder(folder.parent) as scratch:
        say("unpacking")
        restore(vault, found, scratch / "tree", scratch, say)
        index = index_of(vault, found, scratch)
        for one in puts:
            say(f"putting {one.root} back")
            _place(one, scratch / "tree", index, mark, point)
    wrong = [why for one in puts for entry in _of(one.root, index) if (why := _differs(entry))]
    if wrong:
        raise NotVerified(f"{found.manifest.id}: {'; '.join(wrong[:SHOWN_MAX])}")
    mine = sum(1 for one in puts for _entry in _of(one.root, index))
    return {
        "roots": [one.root for one in puts],
        "kept": [str(one.named(mark, "kept")) for one in puts if one.was],
        "files": mine,
        "elsewhere": len(index) - mine,
    }


def take_away(folder: Path, *, mark: str) -> dict[str, Any]:
    """Give what was kept its old names; what was put there is kept beside it."""
    private_folders.sweep(folder.parent)
    puts = msgspec.json.decode((folder / BEGAN).read_bytes(), type=list[Put])
    for one in puts:
        root, kept = Path(one.root), one.named(mark, "kept")
        away = one.named(mark, "restored")
        mine = os.path.lexists(kept) or not one.was
        if mine and os.path.lexists(root) and not os.path.lexists(away):
            root.rename(away)
        if os.path.lexists(kept) and not os.path.lexists(root):
            kept.rename(root)
        _flush(root.parent)
    return {"roots": [one.root for one in puts]}


def _roots(found: Found, allowed: Sequence[Path]) -> list[str]:
    manifest = found.manifest
    if manifest.kind is not Kind.CONFIG or found.state is State.BAD:
        raise Refused(
            f"{manifest.id} is not put back: it is {found.state.value}, of {manifest.kind.value}",
            hint="name a good set of the configuration: day2 backup list --kind config",
        )
    roots = [str(root) for root in manifest.source.get("roots", [])]
    strange = sorted(set(roots) - {str(path) for path in allowed})
    if strange:
        raise Refused(
            f"{manifest.id} has {', '.join(strange)}, which is no configuration by the settings",
            hint="kolla.config_dir, kolla.inventory and backup.config_paths say what is",
        )
    for root in roots:
        if os.path.ismount(root):
            raise Refused(f"{root} is a mount point: it cannot be renamed", hint="day2 backup "
                          f"restore {manifest.id} --into FOLDER, and copy it")  # fmt: skip
    return roots


def _began(folder: Path, roots: Sequence[str]) -> list[Put]:
    """Return what was there when this restore began: a second attempt meets its own traces."""
    file = folder / BEGAN
    if file.exists():
        return msgspec.json.decode(file.read_bytes(), type=list[Put])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    puts = [Put(root=root, was=os.path.lexists(root)) for root in roots]
    write_private(file, msgspec.json.encode(puts))
    return puts


def _place(one: Put, tree: Path, index: Sequence[Entry], mark: str, point: Point) -> None:
    root, kept, fresh = Path(one.root), one.named(mark, "kept"), one.named(mark, "new")
    if one.was and not os.path.lexists(kept):
        point(f"keep {root.name}")
        root.rename(kept)
    elif os.path.lexists(root):
        return
    root.parent.mkdir(parents=True, exist_ok=True)
    _clear(fresh)
    source = tree / one.root.lstrip("/")
    if source.is_dir():
        shutil.copytree(source, fresh, copy_function=_copy)
    elif source.exists():
        _copy(source, fresh)
    for entry in reversed(list(_of(one.root, index))):
        path = fresh / Path(entry.path).relative_to(one.root)
        if entry.target:
            path = fresh if entry.path == one.root else path
            path.symlink_to(entry.target)
        else:
            give(path, entry)
    for folder, _folders, _files in os.walk(fresh):
        _flush(Path(folder))
    point(f"place {root.name}")
    fresh.rename(root)
    _flush(root.parent)


def _clear(path: Path) -> None:
    """Remove what an attempt before has left: a folder, a file, or a link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _copy(source: str | Path, target: str | Path) -> None:
    """Copy one file, private from its first byte on; mode and owner are given to it afterwards."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(target, flags, 0o600)
    with os.fdopen(handle, "wb") as written, Path(source).open("rb") as read:
        shutil.copyfileobj(read, written)
        written.flush()
        os.fsync(handle)


def _flush(folder: Path) -> None:
    """Make names last: they live in their folder."""
    if not folder.is_dir():
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _of(root: str, index: Sequence[Entry]) -> Iterator[Entry]:
    return (e for e in index if e.path == root or e.path.startswith(f"{root}/"))


def _differs(entry: Entry) -> str:
    path = Path(entry.path)
    if entry.target:
        same = path.is_symlink() and str(path.readlink()) == entry.target
        return "" if same else f"{path} is another link"
    if not entry.sha256:
        return "" if path.is_dir() else f"{path} is missing"
    if not path.is_file():
        return f"{path} is missing"
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return "" if digest == entry.sha256 else f"{path} differs"
