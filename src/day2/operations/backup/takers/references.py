# SPDX-License-Identifier: Apache-2.0
"""Pure: what the tables of identity refer to, and whether it is in them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]
SYSTEM = "system"


class Dangling(msgspec.Struct, frozen=True, order=True):
    """A thing that a row of `table` names, and that no table has."""

    table: str
    kind: str
    id: str


def dangling(tables: Tables) -> list[Dangling]:
    """Return every reference that leads nowhere, once for each table and thing."""
    known = {
        "user": _ids(tables, "users"),
        "group": _ids(tables, "groups"),
        "role": _ids(tables, "roles"),
        # A domain is a project as well: the highest projects have it for their parent.
        "project": _ids(tables, "projects") | _ids(tables, "domains"),
        "domain": _ids(tables, "domains"),
        "service": _ids(tables, "services"),
        "region": _ids(tables, "regions"),
    }
    found = {
        Dangling(table, kind, named)
        for table, read in REFERENCES.items()
        for row in tables.get(table, ())
        for kind, named in read(row)
        if named and named not in known[kind]
    }
    return sorted(found)


def malformed(tables: Tables) -> list[str]:
    """Return a sentence for each assignment that names no actor, no role, or no place."""
    wrong = []
    for number, row in enumerate(tables.get("role_assignments", ())):
        actors = [kind for kind in ("user", "group") if (row.get(kind) or {}).get("id")]
        scope = row.get("scope") or {}
        places = [kind for kind in ("project", "domain", SYSTEM) if scope.get(kind)]
        if len(actors) != 1 or len(places) != 1 or not (row.get("role") or {}).get("id"):
            wrong.append(f"assignment {number} names {actors or 'nobody'} on {places or 'nothing'}")
    return wrong


def _ids(tables: Tables, name: str) -> set[str]:
    return {str(row.get("id")) for row in tables.get(name, ())}


def _assignment(row: Row) -> Iterator[tuple[str, str]]:
    for kind in ("user", "group", "role"):
        yield kind, str((row.get(kind) or {}).get("id") or "")
    scope = row.get("scope") or {}
    for kind in ("project", "domain"):
        yield kind, str((scope.get(kind) or {}).get("id") or "")


def _inference(row: Row) -> Iterator[tuple[str, str]]:
    yield "role", str((row.get("prior_role") or {}).get("id") or "")
    for implied in row.get("implies") or ():
        yield "role", str(implied.get("id") or "")


def _fields(**kinds: str) -> Callable[[Row], Iterator[tuple[str, str]]]:
    def read(row: Row) -> Iterator[tuple[str, str]]:
        for field, kind in kinds.items():
            yield kind, str(row.get(field) or "")

    return read


REFERENCES: Mapping[str, Callable[[Row], Iterator[tuple[str, str]]]] = {
    "role_assignments": _assignment,
    "role_inferences": _inference,
    "projects": _fields(domain_id="domain", parent_id="project"),
    "users": _fields(domain_id="domain"),
    "groups": _fields(domain_id="domain"),
    "group_members": _fields(group_id="group", user_id="user"),
    "application_credentials": _fields(user_id="user", project_id="project"),
    "endpoints": _fields(service_id="service", region_id="region"),
    "registered_limits": _fields(service_id="service", region_id="region"),
    "limits": _fields(
        service_id="service", region_id="region", project_id="project", domain_id="domain"
    ),
    "identity_providers": _fields(domain_id="domain"),
}
