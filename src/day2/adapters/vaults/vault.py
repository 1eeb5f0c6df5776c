# SPDX-License-Identifier: Apache-2.0
"""What every vault can do; the rooms know no more of one than this."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from day2.model.backup import Artefact, Found, Kind, Method, Record


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a set before it is taken.

    The `id` is chosen when it is planned, so that a worker that was killed begins the same set
    again: what it left is swept, and a set that is committed already is not taken twice. `about` is
    what its kind needs to know beside.
    """

    id: str
    kind: Kind
    method: Method
    region: str
    foundation: str
    by: str
    run: str = ""
    parent: str = ""
    parent_sha256: str = ""
    about: dict[str, str] = {}


class Sink(Protocol):
    """Takes the plain bytes of one artefact; they are hashed, compressed and encrypted on the way.

    Closed by its context; left by an exception, nothing of it remains.
    """

    def write(self, part: bytes) -> None:
        """Take the next bytes.

        Raises:
            VaultFull: when there is no room for them.

        """


class Writer(Protocol):
    """Takes one set; what it wrote becomes a set by `commit` alone."""

    @property
    def recipients(self) -> Sequence[str]:
        """Return the public keys that the set is sealed to; none where its place seals it."""

    def sink(self, of: str, name: str) -> AbstractContextManager[Sink]:
        """Open an artefact: `name` is a plain file name without the endings of what wraps it."""

    def commit(self, *, source: Mapping[str, Any], exits: Mapping[str, int]) -> Found:
        """Write the manifest last, and make the set appear.

        Raises:
            Refused: when the lock under which it was begun is not ours any more.

        """


class Vault(Protocol):
    """One place for the sets of one cloud."""

    name: str

    def sets(self) -> list[Found]:
        """List every committed set, by its sequence; those that cannot be trusted are among them.

        Raises:
            Unreachable, BadSettings: when the vault cannot be read at all.

        """

    def find(self, name: str) -> Found:
        """Return the set with this id, or the one whose id begins so.

        Raises:
            BadUsage: when there is none, or more than one.

        """

    def write(self, draft: Draft) -> AbstractContextManager[Writer]:
        """Begin a set, alone for its cloud and kind; left without a commit, it never existed.

        Raises:
            Locked: when another one of this kind is being written.
            VaultFull: when the vault has less room than it keeps in reserve.

        """

    def check(self, found: Found) -> str:
        """Hash every file of a set (level 1); return what is wrong, empty when nothing is."""

    def fetch(self, found: Found, artefact: Artefact, into: Path) -> Path:
        """Decrypt and decompress one artefact into a private file of a folder, and check it whole.

        Nothing is left in the folder when it does not hold: plain bytes are never used before they
        are proven.

        Raises:
            NotVerified: when it is damaged, truncated, or not what the manifest says.
            Refused: when no key at hand opens it.

        """

    def record(self, record: Record) -> None:
        """Append a record beside its set; a set is never edited."""

    def remove(self, found: Found) -> None:
        """Remove a condemned set: its manifest first, so that no half of it is taken for a set.

        Raises:
            Refused: when it is not condemned, or is locked by the store.

        """

    def left(self, *, hours: float) -> Sequence[str]:
        """Name what killed writers and half-done removals left, once it is older than this."""

    def sweep(self, names: Sequence[str], *, hours: float) -> Sequence[str]:
        """Remove these, if they still are what `left` names; return what went."""
