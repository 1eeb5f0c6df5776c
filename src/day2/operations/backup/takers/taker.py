# SPDX-License-Identifier: Apache-2.0
"""What a kind of backup has to know: how to read what it saves, and how to prove that it has it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from day2.adapters.vaults.vault import Draft, Vault, Writer
from day2.model.backup import Found, Kind

Say = Callable[[str], None]

ALWAYS = "always"
"""In what a draft says about itself: it is taken also when the newest one holds the same."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of what was read, and how the programs that took part ended.

    `content` is the same for two sets that would restore the same, by the manifest's
    `source.content_sha256`; empty: each set is worth having.
    """

    source: dict[str, Any]
    exits: dict[str, int] = {}
    content: str = ""


class Taker(Protocol):
    """Takes and proves the sets of one kind."""

    kind: Kind

    def take(self, writer: Writer, draft: Draft, parent: Found | None, say: Say) -> Taken:
        """Read everything once, into sinks of the writer.

        Raises:
            Day2Error: whenever it is not sure to have all of it; nothing is committed then.

        """

    def check(self, vault: Vault, found: Found, say: Say) -> str:
        """Hash what was stored (level 1); return what is wrong, empty when nothing is."""

    def prove(self, vault: Vault, found: Found, folder: Path, say: Say) -> dict[str, Any]:
        """Restore a set into a private folder (level 3) and hold it against what was read.

        Returns what was measured.

        Raises:
            NotVerified: naming what differs.

        """
