# SPDX-License-Identifier: Apache-2.0
"""One set on its way into a vault of files: nothing until its folder gets its name."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters.vaults import howto, keys, layout
from day2.adapters.vaults.disk import Disk, told
from day2.adapters.vaults.locks import Locks, Ticket
from day2.adapters.vaults.streams import Sealer
from day2.adapters.vaults.vault import Draft, Sink
from day2.errors import BadPlan, Day2Error, Refused, VaultFull
from day2.model.backup import Artefact, Found, Manifest, digest, encode


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a set when it begins, beside its draft."""

    cloud: str
    host: str
    day2: str
    recipients: list[str]
    started_at: datetime
    started: float
    ticket: Ticket
    level: int


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer works with, lent by its vault.

    `look` reads all sets anew; `name` is the vault's.
    """

    folder: Path
    disk: Disk
    locks: Locks
    now: Callable[[], tuple[datetime, float]]
    look: Callable[[], list[Found]]
    name: str


class PlainSink:
    """Takes the plain bytes of one artefact."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def write(self, part: bytes) -> None:
        """Take the next bytes.

        Raises:
            VaultFull: when there is no room for them.
            Unreachable: when the disk fails.

        """
        self._sealer.write(part)


class PlainWriter:
    """Takes the artefacts of one set, and makes it appear."""

    place = ""
    """Where its data are, when they are no files of the set."""

    def __init__(self, ground: Ground, draft: Draft, begun: Begun) -> None:
        self._ground = ground
        self._draft = draft
        self._begun = begun
        self._partial = ground.folder / f".{draft.id}.partial"
        self._artefacts: list[Artefact] = []
        self._open = ""
        self._named = False
        self._recipients = keys.of(begun.recipients)
        with told(f"cannot begin set {draft.id}", ground.folder):
            ground.disk.make_folder(self._partial)
            self._handle = os.open(self._partial, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)

    @property
    def recipients(self) -> list[str]:
        return self._begun.recipients

    @contextlib.contextmanager
    def sink(self, of: str, name: str) -> Iterator[Sink]:
        """Open an artefact; it is part of the set once the block was left without an exception.

        Raises:
            BadUsage: when the name is no file name, or taken.
            BadPlan: when another one is open: they are written one after the other.

        """
        if self._open or self._named:
            raise BadPlan(f"{self._open or 'the set'} is not open for {name}")
        file = layout.require_file(name, (one.name for one in self._artefacts))
        with self._written(file) as handle:
            written = 0

            def out(part: bytes) -> None:
                nonlocal written
                written += len(part)
                with told(f"cannot write {file}", self._ground.folder, bytes_wanted=written):
                    self._ground.disk.append(handle, part, file)

            sealer = Sealer(out, recipients=self._recipients, level=self._begun.level)
            try:
                yield PlainSink(sealer)
                sealed = sealer.finish()
            except BaseException:
                sealer.abandon()
                raise
            with told(f"cannot write {file}", self._ground.folder, bytes_wanted=written):
                self._ground.disk.flush(handle, file)
        self._artefacts.append(
            Artefact(
                of=of,
                name=file,
                bytes=sealed.bytes,
                sha256=sealed.sha256,
                stored_bytes=sealed.stored_bytes,
                stored_sha256=sealed.stored_sha256,
                chunks=sealed.chunks,
            )
        )

    def commit(self, *, source: Mapping[str, Any], exits: Mapping[str, int]) -> Found:
        """Write the manifest last, and make the set appear.

        Raises:
            Refused: when the lock is not ours any more, or the parent has gone or turned bad.
            VaultFull, Unreachable: when the disk does not take it; the set does not exist then.
            BadPlan: when there is nothing to commit, or it was done before.

        """
        if self._open or self._named or not self._artefacts:
            raise BadPlan(f"set {self._draft.id} cannot be committed: nothing whole is in it")
        with (
            self._ground.locks.moment(),
            told(f"cannot commit set {self._draft.id}", self._ground.folder, bytes_wanted=1 << 20),
        ):
            return self._commit(dict(source), dict(exits))

    def close(self) -> None:
        """Leave nothing behind but a set that was committed.

        What a double of ours has put under the same name meanwhile is not touched.
        """
        os.close(self._handle)
        if self._named:
            return
        # What cannot be removed now is swept by the next writer: an error here hides the first.
        with contextlib.suppress(OSError, Day2Error), self._ground.locks.moment():
            if self._ground.locks.holds(self._begun.ticket):
                self._ground.disk.remove_tree(self._partial)

    def _commit(self, source: dict[str, Any], exits: dict[str, int]) -> Found:
        disk, final = self._ground.disk, self._ground.folder / self._draft.id
        self._require_ours()
        known = self._ground.look()
        require_parent(self._draft, known)
        if os.path.lexists(final):
            raise Refused(f"set {self._draft.id} is there already", hint="day2 backup list")
        sequences = (found.manifest.sequence for found in known if not found.broken)
        sequence = self._ground.locks.next_sequence(max(sequences, default=0))
        manifest = self._manifest(sequence, source, exits)
        document, page = encode(manifest), howto.write(manifest, self.place)
        disk.write(self._partial, layout.HOWTO, page)
        sums = layout.sums(document, manifest, layout.file_hash(page))
        disk.write(self._partial, layout.SUMS, sums)
        disk.write(self._partial, layout.MANIFEST, document)
        disk.rename(self._partial, final)
        self._named = True
        disk.flush_folder(self._ground.folder)
        return Found(vault=self._ground.name, manifest=manifest, sha256=digest(document))

    def _manifest(self, sequence: int, source: dict[str, Any], exits: dict[str, int]) -> Manifest:
        draft, begun = self._draft, self._begun
        ended_at, ended = self._ground.now()
        return Manifest(
            id=draft.id,
            sequence=sequence,
            kind=draft.kind,
            method=draft.method,
            cloud=begun.cloud,
            region=draft.region,
            foundation=draft.foundation,
            started_at=begun.started_at,
            ended_at=ended_at,
            seconds=round(ended - begun.started, 3),
            host=begun.host,
            by=draft.by,
            day2=begun.day2,
            run=draft.run,
            token=begun.ticket.number,
            parent=draft.parent,
            parent_sha256=draft.parent_sha256,
            recipients=begun.recipients,
            artefacts=self._artefacts,
            source=source,
            exits=exits,
        )

    def _require_ours(self) -> None:
        if not self._ground.locks.holds(self._begun.ticket):
            raise Refused(
                f"another process has taken over the lock of set {self._draft.id}; ours is void",
                hint="this one stood still for too long: see day2 backup list, and run it again",
            )

    @contextlib.contextmanager
    def _written(self, file: str) -> Iterator[int]:
        """Hold a new file of the set open; left by an exception, it is gone."""
        with told(f"cannot write {file}", self._ground.folder):
            handle = self._ground.disk.create(file, self._handle)
        self._open = file
        try:
            yield handle
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(file, dir_fd=self._handle)
            raise
        finally:
            self._open = ""
            os.close(handle)


def require_parent(draft: Draft, known: list[Found]) -> None:
    """See that the set that an increment builds on is there, as it was, and good.

    Raises:
        Refused: when it is not: the increment would be worth nothing.

    """
    if not draft.parent:
        return
    found = {one.manifest.id: one for one in known}.get(draft.parent)
    why = (
        "is gone"
        if found is None
        else found.broken
        or ("is another one now" if found.sha256 != draft.parent_sha256 else "")
        or ("" if found.state == "good" else f"is {found.state}")
    )
    if why:
        raise Refused(
            f"set {draft.id} cannot build on {draft.parent}: that {why}",
            hint="take a full one: day2 backup run",
        )


def require_room(folder: Path, free: int, reserve: int) -> None:
    """See that a vault has the room that is kept free in it.

    Raises:
        VaultFull: when it has not; the message tells the bytes that are missing.

    """
    if free < reserve:
        raise VaultFull(
            f"{folder} has {free} bytes free, {reserve - free} fewer than the reserve",
            hint="make room there, or condemn sets (day2 backup prune); setting reserve_gib",
        )
