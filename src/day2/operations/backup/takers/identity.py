# SPDX-License-Identifier: Apache-2.0
"""Sets of identity: who may do what, for audit and for building it anew.

The databases' sets have all of this and the passwords too; this one can be read by people, on a
day without a database server.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters.openstack.identity import Directory
from day2.adapters.vaults.vault import Draft, Vault, Writer
from day2.errors import BadAnswer, NotVerified
from day2.model.backup import Found, Kind
from day2.operations.backup.takers.references import Dangling, dangling, malformed
from day2.operations.backup.takers.taker import Say, Taken

ASKED_MAX = 200
SHOWN_MAX = 5
WITHOUT = ["password hashes", "secrets of application credentials", "EC2 and TOTP credentials"]

Tables = Mapping[str, list[dict[str, Any]]]


class IdentityTaker:
    """Takes Keystone's tables, one JSON file each."""

    kind = Kind.IDENTITY

    def __init__(self, open_directory: Callable[[], Directory]) -> None:
        self._open = open_directory

    def take(self, writer: Writer, draft: Draft, parent: Found | None, say: Say) -> Taken:
        """Read every table, and see that what they name is there.

        Raises:
            BadAnswer: when a list lacks what Keystone shows by its id: it was cut.

        """
        del draft, parent
        directory = self._open()
        tables, absent = directory.tables()
        wrong = malformed(tables)
        if wrong:
            raise BadAnswer(f"Keystone's role assignments: {wrong[0]}")
        lost = dangling(tables)
        _require_gone(directory, lost)
        for name in sorted(tables):
            say(f"{name}: {len(tables[name])}")
            with writer.sink(name, f"{name}.json") as sink:
                sink.write(msgspec.json.format(msgspec.json.encode(tables[name]), indent=1))
        return Taken(
            source={
                "tables": {name: len(tables[name]) for name in sorted(tables)},
                "absent": absent,
                "without": WITHOUT,
                "dangling": msgspec.to_builtins(lost),
            }
        )

    def check(self, vault: Vault, found: Found, say: Say) -> str:
        """Hash what was stored."""
        say("hashing")
        return vault.check(found)

    def prove(self, vault: Vault, found: Found, folder: Path, say: Say) -> dict[str, Any]:
        """Read every table back, count it, and follow every reference.

        Raises:
            NotVerified: when a count differs, or something leads nowhere that did not before.

        """
        tables = read(vault, found, folder, say)
        counts = {name: len(rows) for name, rows in tables.items()}
        source = found.manifest.source
        if counts != source.get("tables"):
            raise NotVerified(f"{found.manifest.id}: other tables than were read: {counts}")
        wrong = malformed(tables)
        known = {Dangling(**one) for one in source.get("dangling", [])}
        wrong += [
            f"{one.table} names {one.kind} {one.id}, which is not there"
            for one in dangling(tables)
            if one not in known
        ]
        if wrong:
            raise NotVerified(f"{found.manifest.id}: {'; '.join(wrong[:SHOWN_MAX])}")
        return {
            "rows": sum(counts.values()),
            "assignments": counts.get("role_assignments", 0),
            "dangling": len(known),
        }


def read(vault: Vault, found: Found, folder: Path, say: Say) -> Tables:
    """Read every table of a set.

    Raises:
        NotVerified: when one is not what the manifest says, or no list.

    """
    tables = {}
    for artefact in found.manifest.artefacts:
        say(f"reading {artefact.name}")
        file = vault.fetch(found, artefact, folder)
        try:
            tables[artefact.of] = msgspec.json.decode(file.read_bytes(), type=list[dict[str, Any]])
        except msgspec.MsgspecError as error:
            raise NotVerified(f"{found.manifest.id}: {artefact.name}: {error}") from None
        finally:
            file.unlink()
    return tables


def _require_gone(directory: Directory, lost: list[Dangling]) -> None:
    """See that what is named and not listed is really not there."""
    things = sorted({(one.kind, one.id) for one in lost})
    for kind, one in things[:ASKED_MAX]:
        if directory.is_there(kind, one):
            raise BadAnswer(
                f"the list of {kind}s is not whole: {kind} {one} is there, and not in it",
                hint="give the account of clouds.NAME the role reader on the system; "
                "or raise Keystone's list_limit",
            )
