# SPDX-License-Identifier: Apache-2.0
"""One set whose data go to a repository of restic; its documents lie in the vault like any other's.

What makes it a set is what makes every other one: its folder gets its name. Data that no committed
manifest names are forgotten by whoever writes a set of this kind next, because the folder of what
was begun is made before the first byte is sent.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters.processes import Process
from day2.adapters.vaults import layout
from day2.adapters.vaults.disk import NotOurs, read_file
from day2.adapters.vaults.restic import DOCUMENTS, Repository, Snapshot
from day2.adapters.vaults.vault import Draft, Sink
from day2.adapters.vaults.writing import Begun, Ground, PlainWriter
from day2.errors import BadAnswer, BadPlan, Day2Error
from day2.model.backup import Artefact, Found, Kind, Manifest

PROCESS = "restic.json"
"""In the folder of a set that is being written: which restic wrote for it last, on which host.

It is there until the set is committed: it tells that the repository has something of this set.
"""


class _Running(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    process: Process


class ResticWriter(PlainWriter):
    """Takes the artefacts of one set into the repository, and makes the set appear in the vault."""

    def __init__(self, ground: Ground, draft: Draft, begun: Begun, repository: Repository) -> None:
        super().__init__(ground, draft, begun)
        self._repository = repository
        self._tag = tag(draft.id)
        self.place = repository.place

    @contextlib.contextmanager
    def sink(self, of: str, name: str) -> Iterator[Sink]:
        """Open an artefact; it is part of the set once the block was left without an exception.

        Raises:
            BadUsage: when the name is no file name, or taken.
            BadPlan: when another one is open: they are written one after the other.
            Locked, VaultFull, Refused, Unreachable: when restic fails.

        """
        if self._open or self._named:
            raise BadPlan(f"{self._open or 'the set'} is not open for {name}")
        layout.require_name(name, (one.name for one in self._artefacts))
        self._open = name
        try:
            with self._repository.keep([self._tag], name, self._began) as stream:
                yield stream
            made = stream.artefact(of, name)
        finally:
            self._open = ""
        self._artefacts.append(made)

    def commit(self, *, source: Mapping[str, Any], exits: Mapping[str, int]) -> Found:
        """Write the manifest last, and make the set appear; a copy of it goes to the repository.

        Raises:
            Refused: when the lock is not ours any more, or the parent has gone or turned bad.
            VaultFull, Unreachable: when the disk does not take it; the set does not exist then.
            BadPlan: when there is nothing to commit, or it was done before.

        """
        if self._artefacts and not self._open and not self._named:
            self._artefacts = self._named_whole()
            with contextlib.suppress(OSError):
                (self._partial / PROCESS).unlink(missing_ok=True)
        found = super().commit(source=source, exits=exits)
        # The set is there whole, with or without it; the next writer makes good what failed here.
        with contextlib.suppress(Day2Error):
            keep_documents(self._repository, self._ground.folder / found.manifest.id)
        return found

    def close(self) -> None:
        """Leave nothing behind but a set that was committed; what cannot go now is swept later."""
        if not self._named and self._is_ours():
            try:
                self._repository.clear(self._tag)
            except Day2Error:
                # The folder stays: it names what is to be forgotten.
                self._named = True
        super().close()

    def _is_ours(self) -> bool:
        with contextlib.suppress(Day2Error, OSError), self._ground.locks.moment():
            return self._ground.locks.holds(self._begun.ticket)
        return False

    def _began(self, process: Process) -> None:
        running = _Running(host=self._begun.host, process=process)
        self._ground.disk.write(self._partial, PROCESS, msgspec.json.encode(running))

    def _named_whole(self) -> list[Artefact]:
        """Replace the beginnings of the ids of snapshots by the ids."""
        there = self._repository.snapshots(self._tag)
        return [
            msgspec.structs.replace(one, stored_sha256=_whole(one, there))
            for one in self._artefacts
        ]


def _whole(artefact: Artefact, there: list[Snapshot]) -> str:
    fit = [
        one.id
        for one in there
        if one.id.startswith(artefact.stored_sha256) and one.paths == [f"/{artefact.name}"]
    ]
    if len(fit) != 1:
        raise BadAnswer(
            f"restic lists {len(fit)} snapshots of {artefact.name}, not the one it made"
        )
    return fit[0]


def tag(set_id: str) -> str:
    """Return what the snapshots of a set are tagged with."""
    return f"set:{set_id}"


def keep_documents(repository: Repository, folder: Path) -> None:
    """Put a copy of a set's documents into the repository."""
    repository.keep_documents([tag(folder.name)], folder)


def mend(repository: Repository, folder: Path, known: list[Found], kind: Kind) -> None:
    """Put the documents of those sets of a kind there that lack them."""
    there = {one for snapshot in repository.snapshots(DOCUMENTS) for one in snapshot.tags}
    for found in known:
        name = found.manifest.id
        kept = layout.kept(found.manifest)
        if found.manifest.kind is kind and kept and not found.broken and tag(name) not in there:
            keep_documents(repository, folder / name)


def clear(repository: Repository, folder: Path, set_id: str, host: str, *, prune: bool) -> None:
    """Forget what the repository has of a set whose folder is about to go.

    Raises:
        Day2Error: when it cannot be forgotten now; the folder must stay.

    """
    before = None
    with contextlib.suppress(OSError, NotOurs, msgspec.MsgspecError):
        running = msgspec.json.decode(read_file(folder, PROCESS), type=_Running)
        before = running.process if running.host == host else None
    repository.clear(tag(set_id), before, left=not prune, prune=prune)


def began(folder: Path) -> bool:
    """Tell whether the folder is of an unfinished set of which the repository may have data."""
    return os.path.lexists(folder / PROCESS)


def manifest_of(folder: Path) -> Manifest | None:
    """Return what a folder's manifest says, whatever its name is now; None: it has none."""
    with contextlib.suppress(OSError, NotOurs, layout.Untrusted):
        return layout.decode(read_file(folder, layout.MANIFEST))
    return None
