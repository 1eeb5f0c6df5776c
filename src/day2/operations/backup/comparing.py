# SPDX-License-Identifier: Apache-2.0
"""Two sets of files compared: which files, and of YAML files which keys; never a secret's value."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters.vaults.vault import Vault
from day2.errors import BadSettings, BadUsage
from day2.model.backup import Found
from day2.model.comparison import FileChange, KeyChange
from day2.operations.backup.masking import LEAVES_MAX, is_secret_file, leaves, secrets_of, shown
from day2.operations.backup.takers.taker import Say
from day2.operations.backup.takers.tree import TREE, Entry, index_of, unpack
from day2.settings import read_yaml

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
YAML = (".yml", ".yaml")
BYTES_MAX = 4 << 20


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two: its index, and the folder that it is unpacked in."""

    entries: Sequence[Entry]
    folder: Path

    def yaml(self, path: str) -> Mapping[str, Any] | None:
        """Read one of its files; None when it is no YAML that can be read."""
        file = self.folder / path.lstrip("/")
        if file.suffix not in YAML or not file.is_file() or file.stat().st_size > BYTES_MAX:
            return None
        try:
            return read_yaml(file)
        except (BadSettings, RecursionError, ValueError):
            return None

    @property
    def secrets(self) -> list[str]:
        """The values of its files of passwords."""
        paths = [entry.path for entry in self.entries if is_secret_file(entry.path)]
        return secrets_of([tree for path in paths if (tree := self.yaml(path)) is not None])


def diff(vault: Vault, before: Found, after: Found, scratch: Path, say: Say) -> list[FileChange]:
    """Compare two sets of files of a vault; both are unpacked in the scratch folder meanwhile.

    Raises:
        BadUsage: when one is a set of something else.
        NotVerified, Refused: when one does not hold, or no key at hand opens it.

    """
    return compare(
        _side(vault, before, scratch / "before", say), _side(vault, after, scratch / "after", say)
    )


def _side(vault: Vault, found: Found, folder: Path, say: Say) -> Side:
    trees = [artefact for artefact in found.manifest.artefacts if artefact.of == TREE]
    if not trees:
        raise BadUsage(f"{found.manifest.id} is no set of files")
    folder.mkdir(mode=0o700)
    say(f"reading {found.manifest.id}")
    entries = index_of(vault, found, folder)
    plain = vault.fetch(found, trees[0], folder)
    unpack(plain, folder / "unpacked")
    plain.unlink()
    return Side(entries=entries, folder=folder / "unpacked")


def compare(before: Side, after: Side) -> list[FileChange]:
    """Return what changed, by path."""
    then = {entry.path: entry for entry in before.entries}
    now = {entry.path: entry for entry in after.entries}
    secrets = sorted({*before.secrets, *after.secrets}, key=len, reverse=True)
    found = []
    for path in sorted({*then, *now}):
        old, new = then.get(path), now.get(path)
        if old is None or new is None:
            found.append(FileChange(path=path, verb=ADDED if old is None else REMOVED))
        elif old != new:
            keys = _keys(path, before, after, secrets) if old.sha256 != new.sha256 else []
            found.append(FileChange(path=path, verb=CHANGED, what=_what(old, new), keys=keys))
    return found


def _what(old: Entry, new: Entry) -> list[str]:
    """Say what of a file changed; of its content nothing, and not its length either."""
    told = []
    if old.sha256 != new.sha256:
        told.append("content")
    if old.target != new.target:
        told.append(f"target {old.target or '(none)'} → {new.target or '(none)'}")
    if old.mode != new.mode:
        told.append(f"mode {old.mode & 0o7777:04o} → {new.mode & 0o7777:04o}")
    if (old.owner, old.group) != (new.owner, new.group):
        told.append(f"owner {old.owner}:{old.group} → {new.owner}:{new.group}")
    return told


def _keys(path: str, before: Side, after: Side, secrets: Sequence[str]) -> list[KeyChange]:
    old, new = before.yaml(path), after.yaml(path)
    if old is None or new is None:
        return []
    then = dict(itertools.islice(leaves(old), LEAVES_MAX))
    now = dict(itertools.islice(leaves(new), LEAVES_MAX))
    closed = is_secret_file(path)
    found = []
    for key in sorted({*then, *now}):
        if key in then and key in now and then[key] == now[key]:
            continue
        verb = CHANGED if key in then and key in now else REMOVED if key in then else ADDED
        trees = [tree for tree in (then, now) if key in tree]
        values = [None if closed else shown(key, tree[key], secrets) for tree in trees]
        # One side alone would tell that the other is a secret, or what it was before it was one.
        hidden = None in values
        found.append(
            KeyChange(
                key=key,
                verb=verb,
                before=None if hidden or verb == ADDED else values[0],
                after=None if hidden or verb == REMOVED else values[-1],
                hidden=hidden,
            )
        )
    return found
