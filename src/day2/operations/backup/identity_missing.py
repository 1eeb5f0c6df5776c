# SPDX-License-Identifier: Apache-2.0
"""Pure: what a set of identity has and Keystone has not, by the names that people know.

Ids differ once something was made anew, so everything is known by its name and its domain's name.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]


class Thing(StrEnum):
    """Kinds of things, in the order in which they can be made."""

    DOMAIN = "domain"
    PROJECT = "project"
    ROLE = "role"
    GROUP = "group"
    USER = "user"
    MEMBER = "member"
    ASSIGNMENT = "assignment"


TABLES = {
    Thing.DOMAIN: "domains",
    Thing.PROJECT: "projects",
    Thing.ROLE: "roles",
    Thing.GROUP: "groups",
    Thing.USER: "users",
}


class Name(msgspec.Struct, frozen=True, order=True):
    """How people know a thing: its name and its domain's (empty: it has none)."""

    domain: str
    name: str

    def __str__(self) -> str:
        return f"{self.domain}/{self.name}" if self.domain else self.name


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a set has and Keystone has not.

    Of a member, `actor` is the user and `name` the group. Of an assignment, `name` is the role,
    `actor` who has it, `actor_kind` user or group, and `where` on what: `scope` is project, domain
    or system; `inherited`: on all projects below.
    """

    thing: Thing
    name: Name
    parent: Name | None = None
    description: str = ""
    enabled: bool = True
    actor_kind: str = ""
    actor: Name | None = None
    scope: str = ""
    where: Name | None = None
    inherited: bool = False

    @property
    def label(self) -> str:
        """Write it as people would."""
        if self.thing is Thing.MEMBER:
            return f"user {self.actor} in group {self.name}"
        if self.thing is Thing.ASSIGNMENT:
            place = self.scope if self.scope == "system" else f"{self.scope} {self.where}"
            below = ", and all projects below" if self.inherited else ""
            return f"role {self.name} of {self.actor_kind} {self.actor} on {place}{below}"
        return f"{self.thing.value} {self.name}"


def missing(before: Tables, now: Tables) -> list[Lost]:
    """Return what is in the tables of a set and not in those of now, in the order of making."""
    there = {_key(one) for one in _all(now)}
    found = {_key(one): one for one in _all(before)}
    order = list(Thing)
    lost = [one for key, one in found.items() if key not in there]
    return sorted(lost, key=lambda one: (order.index(one.thing), _depth(one, lost), one.label))


def _key(one: Lost) -> tuple[Any, ...]:
    return (one.thing, one.name, one.actor_kind, one.actor, one.scope, one.where, one.inherited)


def _depth(one: Lost, lost: Sequence[Lost]) -> int:
    """Count the projects above that have to be made before."""
    made = {other.name: other.parent for other in lost if other.thing is Thing.PROJECT}
    depth, above = 0, one.parent
    while above is not None and above in made and depth < len(made):
        depth, above = depth + 1, made[above]
    return depth


def _all(tables: Tables) -> Iterator[Lost]:
    domains = {str(row["id"]): str(row.get("name", "")) for row in tables.get("domains", ())}

    def names(table: str) -> dict[str, Name]:
        return {
            str(row["id"]): Name(
                domains.get(str(row.get("domain_id") or ""), ""), str(row.get("name", ""))
            )
            for row in tables.get(table, ())
        }

    known = {thing: names(table) for thing, table in TABLES.items()}
    known[Thing.DOMAIN] = {own: Name("", name) for own, name in domains.items()}
    for thing, table in TABLES.items():
        for row in tables.get(table, ()):
            if thing is Thing.PROJECT and row.get("is_domain"):
                continue
            yield Lost(
                thing=thing,
                name=known[thing][str(row["id"])],
                parent=known[thing].get(str(row.get("parent_id") or "")),
                description=str(row.get("description") or ""),
                enabled=bool(row.get("enabled", True)),
            )
    for row in tables.get("group_members", ()):
        group = known[Thing.GROUP].get(str(row.get("group_id")))
        user = known[Thing.USER].get(str(row.get("user_id")))
        if group and user:
            yield Lost(thing=Thing.MEMBER, name=group, actor=user)
    for row in tables.get("role_assignments", ()):
        made = _assignment(row, known)
        if made is not None:
            yield made


def _assignment(row: Row, known: Mapping[Thing, Mapping[str, Name]]) -> Lost | None:
    """Return an assignment by names; None when it names something that no table has."""

    def named(thing: Thing, told: Any) -> Name | None:  # noqa: ANN401 - JSON
        return known[thing].get(str((told or {}).get("id", "")))

    role = named(Thing.ROLE, row.get("role"))
    kind = Thing.USER if row.get("user") else Thing.GROUP
    actor = named(kind, row.get(kind.value))
    place = row.get("scope") or {}
    where = next((one for one in ("project", "domain", "system") if place.get(one)), "")
    target = None if where in {"", "system"} else named(Thing(where), place[where])
    if role is None or actor is None or not where or (where != "system" and target is None):
        return None
    return Lost(
        thing=Thing.ASSIGNMENT,
        name=role,
        actor_kind=kind.value,
        actor=actor,
        scope=where,
        where=target,
        inherited=bool(place.get("OS-INHERIT:inherited_to")),
    )
