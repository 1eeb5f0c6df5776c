# SPDX-License-Identifier: Apache-2.0
"""What is in a server, as far as a backup must know: schemas, tables, revisions, who works."""

import re
from collections.abc import Iterable

import msgspec

from day2.adapters.database.server import SYSTEM, Server, identifier, literal
from day2.errors import Denied, Refused

_DDL = "ALTER|CREATE|DROP|TRUNCATE|RENAME|OPTIMIZE|REPAIR"
# Not CREATE TEMPORARY: it is nobody else's.
_CHANGES = rf"^[[:space:]]*(/[*].*[*]/)?[[:space:]]*({_DDL})[[:space:]]+(?!TEMPORARY)"
_VERSIONS = re.compile(r"(alembic_version(_\w+)?|migrate_version)\Z")
SHOWN_MAX = 5
TABLE, VIEW, SEQUENCE = "table", "view", "sequence"
KINDS = {"VIEW": VIEW, "SEQUENCE": SEQUENCE}
"""What a server calls what is no table; those with system versioning are tables as well."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table, view or sequence of a server (`kind`); `made` changes when its definition does."""

    schema: str
    name: str
    kind: str
    engine: str = ""
    made: str = ""
    broken: str = ""


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a server holds outside of its system schemas, at one moment.

    `revisions` are what its services wrote down about the state of their schemas (Alembic's tables,
    and those of its predecessor), by schema.
    """

    schemas: dict[str, tuple[str, str]]
    tables: list[Table]
    revisions: dict[str, list[str]]
    counts: dict[str, int]

    @property
    def broken_views(self) -> list[Table]:
        """Return the views that their server cannot use: a dump cannot read them."""
        return [table for table in self.tables if table.broken]


def read(server: Server) -> Contents:
    """Read it; a connection for the lists and one for the revisions.

    Raises:
        Day2Error: as `Program.finish`.

    """
    ours = _others("TABLE_SCHEMA")
    rows = server.ask(
        "SELECT 'schema', SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM "
        f"information_schema.SCHEMATA WHERE {_others('SCHEMA_NAME')} ORDER BY 2;"
        "SELECT 'table', TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, IFNULL(ENGINE, ''), "
        "IFNULL(CREATE_TIME, ''), IF(TABLE_TYPE = 'VIEW' AND TABLE_COMMENT <> 'VIEW', "
        f"TABLE_COMMENT, '') FROM information_schema.TABLES WHERE {ours} ORDER BY 2, 3;"
        f"SELECT 'count', 'events', COUNT(*) FROM information_schema.EVENTS "
        f"WHERE {_others('EVENT_SCHEMA')};"
        f"SELECT 'count', 'routines', COUNT(*) FROM information_schema.ROUTINES "
        f"WHERE {_others('ROUTINE_SCHEMA')};"
        f"SELECT 'count', 'triggers', COUNT(*) FROM information_schema.TRIGGERS "
        f"WHERE {_others('TRIGGER_SCHEMA')};"
        "SELECT 'count', 'users', COUNT(*) FROM mysql.global_priv"
    )
    tables = [
        Table(
            schema=row[1],
            name=row[2],
            kind=KINDS.get(row[3], TABLE),
            engine=row[4],
            made=row[5],
            broken=row[6],
        )
        for row in rows
        if row[0] == "table"
    ]
    return Contents(
        schemas={row[1]: (row[2], row[3]) for row in rows if row[0] == "schema"},
        tables=tables,
        revisions=_revisions(server, tables),
        counts={row[1]: int(row[2]) for row in rows if row[0] == "count"},
    )


def require_sight(server: Server) -> None:
    """Refuse an account from which a server hides schemas: what it does not show is not backed up.

    Raises:
        Denied: when the account may not read everything.

    """
    found = server.one(
        "SELECT CURRENT_USER(), COUNT(*) FROM information_schema.USER_PRIVILEGES "
        "WHERE PRIVILEGE_TYPE = 'SELECT' AND GRANTEE = CONCAT(QUOTE(SUBSTRING_INDEX(CURRENT_USER(),"
        " '@', 1)), '@', QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)))"
    )
    if found[1] == "0":
        raise Denied(
            f"{server.name}: the account {found[0]} may not read every schema; the server hides "
            "those from it, and the backup would miss them",
            hint="use root, or grant SELECT, SHOW VIEW, TRIGGER, EVENT, PROCESS, RELOAD, "
            "BINLOG MONITOR, LOCK TABLES on *.* to the account",
        )


def require_quiet(server: Server) -> None:
    """Refuse while somebody changes definitions: no snapshot protects against that.

    Raises:
        Refused: when a statement that changes a definition runs; it is named.

    """
    found = server.ask(
        "SELECT ID, USER, IFNULL(DB, ''), LEFT(INFO, 80) FROM information_schema.PROCESSLIST "
        f"WHERE ID <> CONNECTION_ID() AND COMMAND = 'Query' AND INFO RLIKE {literal(_CHANGES)}"
    )
    if found:
        number, user, schema, statement = found[0]
        raise Refused(
            f"{server.name}: definitions are being changed: connection {number} of {user} in "
            f"{schema or 'no schema'} runs {statement!r}",
            hint="wait for the upgrade or `db sync` to end; a dump beside it may be wrong",
        )


def changed(before: Contents, after: Contents) -> list[str]:
    """Name the tables and schemas whose definition is not what it was."""
    first = {(t.schema, t.name): (t.kind, t.made) for t in before.tables}
    second = {(t.schema, t.name): (t.kind, t.made) for t in after.tables}
    tables = {".".join(name) for name, _made in set(first.items()) ^ set(second.items())}
    schemas = set(before.schemas) ^ set(after.schemas)
    names = before.revisions.keys() | after.revisions.keys()
    revised = {
        f"revision of {n}" for n in names if before.revisions.get(n) != after.revisions.get(n)
    }
    return sorted(tables | schemas | revised)


def few(names: Iterable[str]) -> str:
    """Name some of many."""
    found = list(names)
    more = f" and {len(found) - SHOWN_MAX} more" if len(found) > SHOWN_MAX else ""
    return ", ".join(found[:SHOWN_MAX]) + more


def _others(column: str) -> str:
    return f"{column} NOT IN ({','.join(map(literal, SYSTEM))})"


def _revisions(server: Server, tables: Iterable[Table]) -> dict[str, list[str]]:
    asked = []
    for table in tables:
        if table.kind != TABLE or not _VERSIONS.match(table.name):
            continue
        column = "version" if table.name == "migrate_version" else "version_num"
        asked.append(
            f"SELECT {literal(table.schema)}, {literal(table.name)}, {column} FROM "
            f"{identifier(table.schema)}.{identifier(table.name)} ORDER BY 3"
        )
    found: dict[str, list[str]] = {}
    for schema, name, version in server.ask(";".join(asked)) if asked else []:
        found.setdefault(schema, []).append(f"{name}={version}")
    return found
