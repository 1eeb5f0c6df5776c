# SPDX-License-Identifier: Apache-2.0
"""Backup sets: what one holds, what was proven of it, and what that makes it."""

import hashlib
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

import msgspec

from day2.model.severity import Severity

FORMAT = "day2-set-1"


class Kind(StrEnum):
    """What a set is a backup of."""

    DATABASE = "database"
    CONFIG = "config"
    IDENTITY = "identity"
    IMAGES = "images"
    VOLUMES = "volumes"
    RBD = "rbd"
    DAY2 = "day2"


class Method(StrEnum):
    """How it was taken; an increment needs its parent, the others stand alone."""

    LOGICAL = "logical"
    FULL = "full"
    INCREMENT = "increment"
    ADOPTED = "adopted"


class Level(IntEnum):
    """How far a set was proven. From RESTORED on it protects itself as the last good one."""

    COMMITTED = 0
    HASHED = 1
    READ = 2
    RESTORED = 3
    DRILLED = 4


class State(StrEnum):
    """What a set is good for: a bad one is no base, and no protection for others."""

    GOOD = "good"
    BAD = "bad"
    CONDEMNED = "condemned"


class Artefact(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a set: `of` is what it holds (`dump`, `accounts`), `name` its file.

    `bytes` and `sha256` are of the plain content, the stored ones of the file as it lies there:
    compressed inside, encrypted outside. `chunks` are the SHA-256 of each 64 MiB of the file.
    """

    of: str
    name: str
    bytes: int
    sha256: str
    stored_bytes: int
    stored_sha256: str
    chunks: list[str] = []
    compression: str = "zstd"
    encryption: str = "age"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What one set is; written last, never changed: a set without it does not exist.

    `sequence` orders the sets of a vault's cloud whatever the clocks said. `seconds` was measured
    by a clock that does not jump. `token` is the number of the lock under which it was written.
    `recipients` are the public keys that it is encrypted to. `source` is what is known of what was
    read (server version, schemas, positions, the node whose files they were); `exits` how each
    program that took part ended.
    """

    id: str
    sequence: int
    kind: Kind
    method: Method
    cloud: str
    region: str
    foundation: str
    started_at: datetime
    ended_at: datetime
    seconds: float
    host: str
    by: str
    day2: str
    run: str = ""
    token: int = 0
    parent: str = ""
    parent_sha256: str = ""
    recipients: list[str] = []
    artefacts: list[Artefact] = []
    source: dict[str, Any] = {}
    exits: dict[str, int] = {}
    format: str = FORMAT

    @property
    def taken_at(self) -> datetime:
        """Return the moment that it is of: for an adopted one, when others took it."""
        told = self.source.get("taken_at") if self.method is Method.ADOPTED else None
        return datetime.fromisoformat(told) if isinstance(told, str) else self.started_at

    @property
    def bytes(self) -> int:
        """Return how much was read."""
        return sum(artefact.bytes for artefact in self.artefacts)

    @property
    def stored_bytes(self) -> int:
        """Return how much lies in the vault."""
        return sum(artefact.stored_bytes for artefact in self.artefacts)


class Told(StrEnum):
    """What a record says of its set."""

    VERIFIED = "verified"
    PINNED = "pinned"
    UNPINNED = "unpinned"
    CONDEMNED = "condemned"
    SPARED = "spared"
    UNCHANGED = "unchanged"
    ENDED = "ended"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was found or decided about a set afterwards: appended beside it.

    A verification has its `level` and whether it held (`ok`); `facts` is what it measured. A set is
    `condemned` by retention, with the reason, before it is removed, and may be `spared` until then.
    It is `unchanged` when another one was to be taken and would have held the same, and `ended`
    when no newer one will come, because what it is of is gone or not wanted any more.
    """

    set: str
    manifest_sha256: str
    told: Told
    at: datetime
    by: str
    level: Level = Level.COMMITTED
    ok: bool = True
    seconds: float = 0.0
    detail: str = ""
    facts: dict[str, Any] = {}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A set as it lies in a vault: its manifest, its records in their order, and what they make it.

    `broken` says why its manifest cannot be trusted: such a set is told, never used nor removed.
    """

    vault: str
    manifest: Manifest
    sha256: str
    records: list[Record] = []
    broken: str = ""

    @property
    def state(self) -> State:
        """Return what it is good for, by its verifications and the newest decision.

        One that failed stands until the set holds at that level again, or at a higher one: what
        would not restore may have the right hashes all the same.
        """
        failed: Level | None = None
        for record in self.records:
            if record.told is not Told.VERIFIED:
                continue
            if not record.ok:
                failed = max(failed or record.level, record.level)
            elif failed is not None and record.level >= failed:
                failed = None
        if self.broken or failed is not None:
            return State.BAD
        told = [r.told for r in self.records if r.told in {Told.CONDEMNED, Told.SPARED}]
        return State.CONDEMNED if told[-1:] == [Told.CONDEMNED] else State.GOOD

    @property
    def level(self) -> Level:
        """Return the highest level that was proven since it last failed."""
        level = Level.COMMITTED
        for record in self.records:
            if record.told is Told.VERIFIED:
                level = max(level, record.level) if record.ok else Level.COMMITTED
        return level

    @property
    def proven_at(self) -> datetime | None:
        """Return when it was last restored for a proof; None: never, or it failed since."""
        moment = None
        for record in self.records:
            if record.told is Told.VERIFIED:
                if not record.ok:
                    moment = None
                elif record.level >= Level.RESTORED:
                    moment = record.at
        return moment

    @property
    def condemned_at(self) -> datetime | None:
        """Return when it was condemned, whatever was found of it; None: not, or spared since."""
        told = [r for r in self.records if r.told in {Told.CONDEMNED, Told.SPARED}]
        return told[-1].at if told and told[-1].told is Told.CONDEMNED else None

    @property
    def holds_at(self) -> datetime:
        """Return the last moment at which what it holds was known to be what there was."""
        moments = [record.at for record in self.records if record.told is Told.UNCHANGED]
        return max([self.manifest.taken_at, *moments])

    @property
    def ended_at(self) -> datetime | None:
        """Return when it was found that no newer one will come; None: it was not."""
        moments = [record.at for record in self.records if record.told is Told.ENDED]
        return moments[-1] if moments else None

    @property
    def pinned(self) -> bool:
        """Tell whether somebody wants it kept whatever retention says."""
        told = [r.told for r in self.records if r.told in {Told.PINNED, Told.UNPINNED}]
        return told[-1:] == [Told.PINNED]


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a kind, and what to type.

    `what` is the same word each time that this is wrong; `set` is the set that it is about, empty:
    the kind as such; `setting` is the one of section `backup` that decided, empty: none does.
    """

    severity: Severity
    said: str
    advice: str
    what: str
    set: str = ""
    setting: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One kind; `newest` and `proven` are set ids, empty: there is none."""

    kind: Kind
    newest: str = ""
    newest_at: datetime | None = None
    proven: str = ""
    proven_set_at: datetime | None = None
    sets: int = 0
    stored_bytes: int = 0
    troubles: list[Trouble] = []


def encode(manifest: Manifest) -> bytes:
    """Return the one way in which a manifest is written: JSON with sorted keys."""
    return msgspec.json.encode(manifest, order="sorted")


def digest(document: bytes) -> str:
    """Return what a manifest is known by."""
    return hashlib.sha256(document).hexdigest()
