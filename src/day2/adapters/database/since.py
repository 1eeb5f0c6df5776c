# SPDX-License-Identifier: Apache-2.0
"""What tenants made since a moment, and what they deleted: asked of the living database.

Its rows carry their moments themselves. What has none (projects, grants, rules, what Neutron and
Keystone deleted) cannot be told: that is said, not passed over.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from day2.adapters.database import contents
from day2.adapters.database.server import Server, literal
from day2.adapters.reasons import one_line
from day2.errors import Day2Error

UNTOLD = "projects, grants, security group rules, and whatever only changed"
SHOWN_MAX = 10_000


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of a tenant's; `at` is when it was made, or deleted."""

    type: str
    id: str
    name: str = ""
    project: str = ""
    at: str = ""


class Since(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore would lose, and what would come back; `gaps` say what could not be asked."""

    lost: list[Thing] = []
    returning: list[Thing] = []
    gaps: list[str] = []


class _Table(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    schema: str
    table: str
    id: str = "t.id"
    name: str = "t.name"
    project: str = "t.project_id"
    made: str = "t.created_at"
    living: str = ""
    deleted: str = ""
    join: str = ""


_ATTRIBUTES = " JOIN `neutron`.`standardattributes` s ON s.id = t.standard_attr_id"
_NEUTRON = {
    "network": "networks",
    "subnet": "subnets",
    "port": "ports",
    "router": "routers",
    "security-group": "securitygroups",
}
_SOFT = {"living": "t.deleted = 0", "deleted": "t.deleted_at"}
_TABLES = [
    *(
        _Table(
            type="server",
            schema=schema,
            table="instances",
            id="t.uuid",
            name="t.display_name",
            **_SOFT,
        )
        for schema in ("nova", "nova_cell0")
    ),
    *(
        _Table(type=kind, schema="cinder", table=table, name="t.display_name", **_SOFT)
        for kind, table in (
            ("volume", "volumes"),
            ("volume-snapshot", "snapshots"),
            ("volume-backup", "backups"),
        )
    ),
    _Table(type="image", schema="glance", table="images", project="t.owner", **_SOFT),
    *(
        _Table(type=kind, schema="neutron", table=table, made="s.created_at", join=_ATTRIBUTES)
        for kind, table in _NEUTRON.items()
    ),
    _Table(
        type="floating-ip",
        schema="neutron",
        table="floatingips",
        name="t.floating_ip_address",
        made="s.created_at",
        join=_ATTRIBUTES,
    ),
    _Table(
        type="user",
        schema="keystone",
        table="user",
        name="l.name",
        project="t.domain_id",
        join=" LEFT JOIN `keystone`.`local_user` l ON l.user_id = t.id",
    ),
    _Table(
        type="stack",
        schema="heat",
        table="stack",
        project="t.tenant",
        living="t.deleted_at IS NULL",
        deleted="t.deleted_at",
    ),
]


def read(server: Server, moment: datetime) -> Since:
    """Ask what was made and deleted after a moment; a table that cannot be asked is a gap.

    Raises:
        Day2Error: when the server itself does not answer.

    """
    known = {(table.schema, table.name) for table in contents.read(server).tables}
    lost: list[Thing] = []
    returning: list[Thing] = []
    gaps: list[str] = []
    after = literal(moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"))
    for table in _TABLES:
        if (table.schema, table.table) not in known:
            continue
        try:
            lost += _things(server, table, table.made, after, table.living)
            if table.deleted:
                returning += _things(
                    server, table, table.deleted, after, f"{table.made} <= {after}"
                )
        except Day2Error as error:
            gaps.append(f"{table.schema}.{table.table}: {one_line(str(error))}")
    return Since(lost=lost, returning=returning, gaps=gaps)


def counted(things: Sequence[Thing]) -> str:
    """Say how many there are of each type: `3 servers, 1 volume`; empty for none."""
    types = dict.fromkeys(thing.type for thing in things)
    numbers = {kind: sum(thing.type == kind for thing in things) for kind in types}
    return ", ".join(
        f"{number} {kind.replace('-', ' ')}{'' if number == 1 else 's'}"
        for kind, number in numbers.items()
    )


def _things(server: Server, table: _Table, column: str, after: str, more: str) -> list[Thing]:
    condition = f" AND {more}" if more else ""
    rows = server.ask(
        f"SELECT {table.id}, IFNULL({table.name}, ''), IFNULL({table.project}, ''), {column} "
        f"FROM `{table.schema}`.`{table.table}` t{table.join} "
        f"WHERE {column} > {after}{condition} ORDER BY {column}, 1 LIMIT {SHOWN_MAX}"
    )
    # Names are a tenant's: what they hold beside letters is not for a terminal.
    return [
        Thing(
            type=table.type,
            id=one_line(row[0]),
            name=one_line(row[1]),
            project=one_line(row[2]),
            at=one_line(row[3]),
        )
        for row in rows
    ]
