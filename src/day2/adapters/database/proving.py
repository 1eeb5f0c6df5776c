# SPDX-License-Identifier: Apache-2.0
"""Prove a database set: restored into a scratch server, checked, and read again (level 3).

What a logical set is held against is its own dump: every section of a second dump, taken of the
scratch server, must have the same hash. A physical set has no dump to be held against: its tables
are checked, read to the last row, and its schemas and revisions compared with the manifest's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from day2.adapters.database import contents, dump, identity, loading, sections
from day2.adapters.database.contents import Contents
from day2.adapters.database.loading import Ways
from day2.adapters.database.sections import Dump
from day2.adapters.database.server import Server, identifier
from day2.errors import NotVerified

CHECK_SECONDS = 4 * 3600.0
AT_ONCE = 50
GOOD = frozenset({"OK", "Table is already up to date"})


def logical(
    scratch: Server,
    file: Path,
    *,
    source: Mapping[str, Any],
    accounts: Path | None = None,
    clients: int = loading.CLIENTS,
) -> dict[str, Any]:
    """Load a fetched dump into an empty scratch server, check it, and return what was measured.

    `accounts` is loaded last; the scratch server cannot be asked afterwards.

    Raises:
        NotVerified: when something differs; it is named.
        Day2Error: as `Program.finish`.

    """
    told = loading.index(file)
    loading.load(scratch, file, told, ways=Ways(clients=clients, logged=False))
    known = contents.read(scratch)
    checked = check(scratch, known)
    again = dump.write(scratch, known, _nowhere, told={}, schemas=told.schemas())
    require_same(told, again, what="the scratch server")
    require_revisions(known, source)
    facts = {
        "tables_checked": checked,
        "schemas": dump.summary(again),
        "revisions": known.revisions,
    }
    if accounts is not None:
        facts["accounts"] = _accounts(scratch, accounts, source)
    return facts


def physical(scratch: Server, *, source: Mapping[str, Any]) -> dict[str, Any]:
    """Check a scratch server that runs over a prepared folder, and return what was measured.

    Raises:
        NotVerified: when something differs; it is named.
        Day2Error: as `Program.finish`.

    """
    known = contents.read(scratch)
    checked = check(scratch, known)
    _who, told = identity.read(scratch)
    read = dump.write(scratch, known, _nowhere, told=told | {"log_bin": "OFF"})
    found = {name: facts["tables"] for name, facts in dump.summary(read).items()}
    expected = {name: facts["tables"] for name, facts in source["schemas"].items()}
    if found != expected:
        differing = sorted(
            name for name in found | expected if found.get(name) != expected.get(name)
        )
        raise NotVerified(
            f"the restored files hold other tables than the server had: {contents.few(differing)}",
        )
    require_revisions(known, source)
    return {"tables_checked": checked, "schemas": dump.summary(read), "revisions": known.revisions}


def check(server: Server, known: Contents) -> int:
    """Run CHECK TABLE on every table; return how many there are.

    Raises:
        NotVerified: when a table is not well.

    """
    tables = [t for t in known.tables if t.kind == contents.TABLE]
    named = [f"{identifier(t.schema)}.{identifier(t.name)}" for t in tables]
    statements = [
        f"CHECK TABLE {','.join(named[at : at + AT_ONCE])}" for at in range(0, len(named), AT_ONCE)
    ]
    rows = server.ask(";".join(statements), seconds=CHECK_SECONDS) if statements else []
    bad = [f"{row[0]}: {row[3]}" for row in rows if row[2] != "note" and row[3] not in GOOD]
    if bad or len({row[0] for row in rows}) != len(tables):
        raise NotVerified(f"CHECK TABLE: {contents.few(bad) or 'not every table answered'}")
    return len(tables)


def require_same(told: Dump, again: Dump, *, what: str, schemas: list[str] | None = None) -> None:
    """See that every section of two dumps is the same.

    Raises:
        NotVerified: when one differs, or is in one of them only.

    """
    wanted = set(told.schemas() if schemas is None else schemas)
    first, second = _by_name(told, wanted), _by_name(again, wanted)
    wrong = [
        _differs(name, first.get(name), second.get(name))
        for name in sorted(first.keys() | second.keys())
        if first.get(name) != second.get(name)
    ]
    if wrong:
        raise NotVerified(
            f"what {what} holds is not what was dumped: {contents.few(wrong)}",
            hint="this set is not good; the ones before it may be",
        )


_Name = tuple[str, str, str]
_Held = tuple[str, int | None]


def _by_name(read: Dump, wanted: set[str]) -> dict[_Name, _Held]:
    return {
        (s.schema, s.kind, s.name): (s.sha256, s.rows)
        for s in read.sections
        if s.schema in wanted and s.kind != sections.SCHEMA
    }


def _differs(name: _Name, first: _Held | None, second: _Held | None) -> str:
    called = " ".join((name[1], ".".join(filter(None, (name[0], name[2])))))
    if first is None or second is None:
        return f"{called} is {'missing' if second is None else 'new'}"
    if first[1] != second[1]:
        return f"{called} has {second[1]} rows, not {first[1]}"
    return f"{called} has other content"


def require_revisions(known: Contents, source: Mapping[str, Any]) -> None:
    """See that each schema is at the revision that a manifest tells.

    Raises:
        NotVerified: when one is not; it is named.

    """
    schemas: Mapping[str, Any] = source.get("schemas") or {}
    wrong = [
        f"{name}: {known.revisions.get(name, [])} instead of {facts['revisions']}"
        for name, facts in schemas.items()
        if known.revisions.get(name, []) != facts["revisions"]
    ]
    if wrong:
        raise NotVerified(f"the revisions of schemas differ: {contents.few(wrong)}")


def _accounts(scratch: Server, file: Path, source: Mapping[str, Any]) -> int:
    found, _refused = loading.load_accounts(scratch, file.read_bytes())
    expected = (source.get("counts") or {}).get("users", 0)
    expected -= len(source.get("accounts_ignored") or ())
    # The scratch server has a few of its own.
    if found < expected:
        raise NotVerified(f"{found} accounts were restored, the server had {expected}")
    return found


def _nowhere(part: bytes) -> None:
    del part
