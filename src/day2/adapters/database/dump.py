# SPDX-License-Identifier: Apache-2.0
"""Take the logical backup: every schema of a server at one instant, and its accounts as statements.

One connection reads everything, so nova, placement and neutron agree with each other. No lock is
taken: the snapshot of InnoDB is the instant, and its position comes with it.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from day2.adapters.database import contents, identity, programs, sections
from day2.adapters.database.accounts import ignored, write_loaded
from day2.adapters.database.contents import Contents
from day2.adapters.database.programs import Write
from day2.adapters.database.sections import Dump
from day2.adapters.database.server import BYTES, CHARSET, PACKET, Server
from day2.errors import Day2Error, NotVerified, Refused

NAMES = ("mariadb-dump", "mysqldump")
"""Newer images have no programs by the second name, older ones none by the first."""
FLAGS = (
    "--single-transaction",
    "--quick",
    "--events",
    "--routines",
    "--triggers",
    "--tz-utc",
    "--skip-add-locks",
    BYTES,
    PACKET,
)
POSITION = ("--master-data=2", "--gtid")
"""Only where a binary log is written: the program fails without one."""
_KINDS = {
    sections.TABLE: contents.TABLE,
    sections.VIEW: contents.VIEW,
    sections.SEQUENCE: contents.SEQUENCE,
}
ACCOUNTS = ("--system=users", "--insert-ignore")


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest says of its source, and how the programs ended."""

    source: dict[str, Any]
    exits: dict[str, int]


def take(
    server: Server,
    *,
    dump: Write,
    accounts: Write,
    silence_seconds: float = programs.SILENCE_SECONDS,
) -> Taken:
    """Write the dump of all schemas, then the accounts, and return what is known of them.

    Raises:
        Denied: when the server hides schemas from the account.
        Refused: while definitions are being changed, or when there is nothing to back up.
        NotVerified: when what was written is not whole, or definitions changed meanwhile.
        Day2Error: as `Program.finish`; nothing that was written before counts.

    """
    who, told = identity.read(server)
    contents.require_sight(server)
    contents.require_quiet(server)
    before = contents.read(server)
    if not before.schemas:
        raise Refused(
            f"{server.name} has no schema besides its own",
            hint="is this the database of the cloud?",
        )
    read = write(server, before, dump, told=told, silence_seconds=silence_seconds)
    write_accounts(server, accounts, silence_seconds=silence_seconds)
    after, _told = identity.read(server)
    if after != who:
        raise NotVerified(
            f"{server.name}: another server answers than at the beginning: {who.hostname} "
            f"(id {who.id}), now {after.hostname} (id {after.id})",
            hint="use a node's own address or socket, not the balanced one",
        )
    if moved := contents.changed(before, contents.read(server)):
        raise NotVerified(
            f"{server.name}: definitions changed while it was read: {contents.few(moved)}",
            hint="take it again once the upgrade or `db sync` has ended",
        )
    _require_all(server, before, read)
    return Taken(
        source={
            **described(told, before),
            **_measured(read, before),
            "files": _proof(server, who),
            "accounts_ignored": ignored(server),
        },
        exits={"dump": 0, "accounts": 0},
    )


def write(
    server: Server,
    known: Contents,
    into: Write,
    *,
    told: Mapping[str, str],
    schemas: list[str] | None = None,
    silence_seconds: float = programs.SILENCE_SECONDS,
) -> Dump:
    """Write the dump of all schemas, or of these, and return what went by.

    Raises:
        NotVerified: when it is not whole.
        Day2Error: as `Program.finish`.

    """
    names = list(known.schemas) if schemas is None else schemas
    words = [server.program(*NAMES), *FLAGS]
    if told.get("log_bin") == "ON":
        words += POSITION
    # One view that its server cannot use would end the whole dump.
    words += [f"--ignore-table={view.schema}.{view.name}" for view in known.broken_views]
    reader = sections.Reader()
    program = server.start(
        [*words, "--databases", "--", *names], what="the dump", silence_seconds=silence_seconds
    )
    with program:
        for part in program.parts():
            reader.feed(part)
            into(part)
    return reader.done()


def write_accounts(
    server: Server, into: Write, *, silence_seconds: float = programs.SILENCE_SECONDS
) -> None:
    """Write accounts, roles and rights as statements, never as rows of system tables.

    Rows replayed into a live cluster are not replicated: the other nodes lose their accounts.

    Raises:
        NotVerified: when it is not whole.
        Day2Error: as `Program.finish`.

    """
    if ignored(server):
        write_loaded(server, into)
        return
    reader = sections.Reader()
    words = [server.program(*NAMES), *ACCOUNTS, CHARSET]
    with server.start(words, what="the accounts", silence_seconds=silence_seconds) as program:
        for part in program.parts():
            reader.feed(part)
            into(part)
    reader.done()


def summary(read: Dump) -> dict[str, dict[str, Any]]:
    """Return for each schema its tables, rows, bytes and one SHA-256 over those of its sections."""
    found: dict[str, dict[str, Any]] = {}
    for name in read.schemas():
        pieces = list(sections.pieces(read, name))
        tables = [s for s in pieces if s.kind == sections.TABLE]
        rows = [s.rows for s in pieces]
        whole = hashlib.sha256("\n".join(s.sha256 for s in pieces).encode())
        found[name] = {
            "tables": len(tables),
            "rows": None if None in rows else sum(row or 0 for row in rows),
            "bytes": sum(s.end - s.start for s in pieces),
            "sha256": whole.hexdigest(),
        }
    return found


def _require_all(server: Server, known: Contents, read: Dump) -> None:
    expected = {(t.kind, t.schema, t.name) for t in known.tables if not t.broken}
    found = {(_KINDS[s.kind], s.schema, s.name) for s in read.sections if s.kind in _KINDS}
    if wrong := sorted(expected ^ found):
        raise NotVerified(
            f"{server.name}: the dump and the server disagree about "
            f"{contents.few('.'.join(name[1:]) for name in wrong)}",
            hint="a table was made or dropped meanwhile, or a name imitates a section of a dump",
        )


def described(told: Mapping[str, str], known: Contents) -> dict[str, Any]:
    """Return what a manifest says of the server itself."""
    return {
        "server": {name: told[name] for name in sorted(told) if not name.startswith("wsrep")},
        "wsrep": {name: told[name] for name in sorted(told) if name.startswith("wsrep")},
        "counts": known.counts,
        "views_broken": [f"{view.schema}.{view.name}" for view in known.broken_views],
        # Only InnoDB is in the snapshot.
        "unprotected": [
            f"{t.schema}.{t.name}" for t in known.tables if t.engine not in {"", "InnoDB"}
        ],
    }


def _measured(read: Dump, known: Contents) -> dict[str, Any]:
    told = summary(read)
    for name, found in told.items():
        charset, collation = known.schemas.get(name, ("", ""))
        found |= {
            "charset": charset,
            "collation": collation,
            "revisions": known.revisions.get(name, []),
        }
    return {
        "schemas": told,
        "position": {"file": read.log_file, "at": read.log_position, "gtid": read.gtid},
    }


def _proof(server: Server, who: identity.Identity) -> str:
    """Say whether the node whose files these are is proven; a dump is good without it."""
    try:
        identity.require_files(server, who.datadir)
    except Day2Error:
        return "not proven"
    return "proven by its socket"
