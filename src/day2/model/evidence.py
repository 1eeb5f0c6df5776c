# SPDX-License-Identifier: Apache-2.0
"""Evidence of one moment: each part with what it rests on, and what it could not have."""

import enum
from datetime import datetime
from typing import Any

import msgspec

from day2.model.problem import Suspect
from day2.model.round import Compared
from day2.model.severity import Severity


class State(enum.StrEnum):
    """How much of a section was read now; what was last known does not count."""

    READ = "read"
    PARTIAL = "partial"
    NOT_READ = "not read"


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One part. `why` says what is missing and why, one sentence each; empty when all was read.

    `configured` False: the settings name nothing that could be read. `known_at` is the moment of
    what was last known, where that stands in for what could not be read. `lines` are for people,
    `content` is the same as data.
    """

    name: str
    title: str
    state: State
    why: list[str] = []
    configured: bool = True
    known_at: datetime | None = None
    lines: list[str] = []
    content: dict[str, Any] = {}

    @property
    def complete(self) -> bool:
        """Tell whether nothing is missing that could have been read."""
        return self.state is State.READ or not self.configured


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; `scope` is the sentence that everything begins with.

    `suspects` are the probable causes, likeliest first. `compared_with` is the round that changes
    are told against; None without one.
    """

    cloud: str
    region: str
    at: datetime
    since: datetime
    scope: str
    severity: Severity
    suspects: list[Suspect] = []
    sections: list[Section] = []
    compared_with: Compared | None = None
    seconds: float = 0.0
    version: str = ""

    @property
    def complete(self) -> bool:
        """Tell whether every section that is configured was read whole."""
        return all(section.complete for section in self.sections)

    def section(self, name: str) -> Section:
        """Return a section by its name."""
        return next(one for one in self.sections if one.name == name)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a pack."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a pack says of itself first: what it is about, and the hash of everything in it."""

    schema: str
    scope: str
    cloud: str
    at: datetime
    members: list[Member] = []


class Lack(msgspec.Struct, frozen=True, kw_only=True):
    """Something of a host that could not be had; `error` is the name of a class of errors."""

    what: str
    why: str
    error: str = ""


class OddContainer(msgspec.Struct, frozen=True, kw_only=True):
    """A container that does not do its work, or was made or begun since; `why` says which."""

    name: str
    why: list[str] = []
    state: str = ""
    health: str = ""
    health_said: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""
    restarts: int = 0
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    image: str = ""


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """The last lines of a container: of a log file, or of what it printed."""

    container: str
    source: str
    lines: list[str] = []


class ImageInUse(msgspec.Struct, frozen=True, kw_only=True):
    """An image of one host, and the containers that were made of it there."""

    image: str
    id: str = ""
    digests: list[str] = []
    containers: list[str] = []


class ChangedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the configuration; `since` when it changed within the time that is looked at.

    A file that is a secret has no hash but a mark (`salted`), which is good for comparing hosts of
    one collection and for nothing else.
    """

    path: str
    changed_at: datetime | None = None
    bytes: int = 0
    since: bool = False
    sha256: str = ""
    salted: str = ""


class HostEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What one host told; `error` says why it told nothing.

    `addresses` are pairs of interface and address, None when they are not known. `keys` are marks
    of its Fernet keys, by their names.
    """

    host: str
    groups: list[str] = []
    error: str = ""
    addresses: list[tuple[str, str]] | None = None
    containers: list[OddContainer] = []
    containers_total: int = 0
    tails: list[Tail] = []
    images: list[ImageInUse] = []
    keys: dict[str, str] = {}
    files: list[ChangedFile] = []
    files_total: int | None = None
    processes: list[str] = []
    lacks: list[Lack] = []
