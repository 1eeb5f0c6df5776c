# SPDX-License-Identifier: Apache-2.0
"""Make things old: the only writer of ages in the lab, proven by reading the API back.

No API sets these times, so they are written into the services' databases.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab.databases import SERVERS, sql
from lab.facts import Facts
from lab.readiness import Questions


@dataclass(frozen=True, kw_only=True)
class Clockwork:
    """Where one kind keeps its times, and where its API shows them."""

    table: str
    key: str = "id"
    service: str
    path: str
    """Of one thing, with `{id}`; or of a list, in which the thing is looked for by `key`."""
    within: str
    """Name of the object or list in the answer; empty when the answer is the object."""
    columns: Mapping[str, str]
    """API field: column."""


BOTH = {"created_at": "created_at", "updated_at": "updated_at"}


def _neutron(singular: str, plural: str) -> Clockwork:
    return Clockwork(
        table=f"neutron.{plural}",
        service="neutron-server",
        path=f"/v2.0/{plural}/{{id}}",
        within=singular,
        columns=BOTH,
    )


def _cinder(singular: str, plural: str) -> Clockwork:
    return Clockwork(
        table=f"cinder.{plural}",
        service="cinder-api",
        path=f"/v3/{{project}}/{plural}/{{id}}",
        within=singular,
        columns=BOTH,
    )


KINDS = {
    "server": Clockwork(
        table="nova.instances",
        key="uuid",
        service="nova-api",
        path="/v2.1/servers/{id}",
        within="server",
        columns={
            "created": "created_at",
            "updated": "updated_at",
            "OS-SRV-USG:launched_at": "launched_at",
        },
    ),
    "migration": Clockwork(
        table="nova.migrations",
        key="uuid",
        service="nova-api",
        path="/v2.1/os-migrations",
        within="migrations",
        columns=BOTH,
    ),
    "image": Clockwork(
        table="glance.images", service="glance-api", path="/v2/images/{id}", within="", columns=BOTH
    ),
    "stack": Clockwork(
        table="heat.stack",
        service="heat-api",
        path="/v1/{project}/stacks/{id}",
        within="stack",
        columns={"creation_time": "created_at", "updated_time": "updated_at"},
    ),
    "volume": _cinder("volume", "volumes"),
    "snapshot": _cinder("snapshot", "snapshots"),
    "backup": _cinder("backup", "backups"),
    "port": _neutron("port", "ports"),
    "floating_ip": _neutron("floatingip", "floatingips"),
    "network": _neutron("network", "networks"),
    "router": _neutron("router", "routers"),
    "security_group": _neutron("security_group", "security_groups"),
}
"""Every kind that can be aged."""

NEUTRON_PATHS = {"security_groups": "security-groups"}
SHARED_TIMES = "neutron.standardattributes"
"""neutron keeps the times of all its kinds in one table."""


def set_time(facts: Facts, kind: str, identifier: str, field: str, at: datetime) -> None:
    """Write one time of one thing and read it back through the API.

    Args:
        facts: the lab's.
        kind: a key of `KINDS`.
        identifier: the thing's UUID.
        field: the name of the time in the API, such as `created` of a server.
        at: aware; whole seconds are kept.

    Raises:
        LookupError: when there is no such thing.
        RuntimeError: when the API does not show what was written.

    """
    row = KINDS[kind]
    wanted = at.astimezone(UTC).replace(microsecond=0)
    _write(facts, row, identifier, row.columns[field], wanted)
    shown = read_time(facts, kind, identifier, field)
    if shown != wanted:
        message = f"{kind} {identifier}: wrote {wanted} but the API shows {field} = {shown}"
        raise RuntimeError(message)


def read_time(facts: Facts, kind: str, identifier: str, field: str) -> datetime:
    """Return one time of one thing as its API shows it, aware."""
    text = str(_fetch(facts, KINDS[kind], identifier)[field])
    return datetime.fromisoformat(text.replace("Z", "")).replace(tzinfo=UTC, microsecond=0)


def _write(facts: Facts, row: Clockwork, identifier: str, column: str, at: datetime) -> None:
    table, where = row.table, f"{row.key} = %s"
    if row.table.startswith("neutron."):
        name = row.table.replace("security_groups", "securitygroups")
        where = f"id = (SELECT standard_attr_id FROM {name} WHERE id = %s)"  # noqa: S608
        table = SHARED_TIMES
    # The servers of the second cell are in a database of their own.
    databases = SERVERS if row.table.startswith("nova.") else ("mariadb",)
    changed = 0
    for database in databases:
        with sql(facts, database) as cursor:
            # Names come from the table above, values as parameters.
            changed += cursor.execute(f"SELECT 1 FROM {table} WHERE {where}", (identifier,))  # noqa: S608
            text = at.strftime("%Y-%m-%d %H:%M:%S")
            update = f"UPDATE {table} SET {column} = %s WHERE {where}"  # noqa: S608
            cursor.execute(update, (text, identifier))
    if changed != 1:
        message = f"{changed} rows of {row.table} are called {identifier}"
        raise LookupError(message)


def _fetch(facts: Facts, row: Clockwork, identifier: str) -> Mapping[str, Any]:
    path = row.path.replace("{id}", identifier)
    for plural, spelled in NEUTRON_PATHS.items():
        path = path.replace(plural, spelled)
    with closing(Questions(facts)) as questions:
        answer = questions.get(row.service, path)
    found: Any = answer[row.within] if row.within else answer
    if isinstance(found, list):
        return next(each for each in found if each[row.key] == identifier)
    return dict(found)
