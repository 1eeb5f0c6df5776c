# SPDX-License-Identifier: Apache-2.0
"""Count usage: survey and policy in, rows out; what is not read whole is a gap and has no row.

(total - reserved) x allocation ratio is what Placement lets be allocated; it is the scheduler's own
arithmetic, so nothing here asks hypervisors how they feel.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from day2.model.survey import Gap, Survey
from day2.model.usage import SCOPES, Counted, Usage
from day2.operations.usage import pools, projects
from day2.operations.usage.consumers import Consumers, consumers
from day2.operations.usage.missing import because, gap
from day2.operations.usage.places import (
    NEEDED,
    Place,
    aggregates,
    in_order,
    notes,
    places,
    zones,
)
from day2.operations.usage.policy import UsagePolicy

UNKNOWN = "UNKNOWN"
KINDS: dict[str, tuple[str, ...]] = {
    "cloud": (*NEEDED, "servers", "migrations"),
    "zone": (*NEEDED, "servers", "migrations"),
    "aggregate": (*NEEDED, "aggregates", "servers", "migrations"),
    "project": ("providers", *projects.NEEDED, "projects", "quotas"),
    "pool": pools.KINDS,
}
"""The tables that each scope is counted from."""


class _Sum(msgspec.Struct):
    """What the providers of one scope have of one resource class."""

    allocated: float = 0.0
    total: float = 0.0
    usable: float = 0.0
    providers: int = 0
    closed_allocated: float = 0.0
    closed_usable: float = 0.0
    closed_providers: int = 0
    moving: float = 0.0
    unowned: float = 0.0


def kinds(scopes: Iterable[str]) -> list[str]:
    """List the tables that these scopes need, each once."""
    return list(dict.fromkeys(kind for scope in scopes for kind in KINDS[scope]))


def count(survey: Survey, policy: UsagePolicy, scopes: Sequence[str] = SCOPES) -> Counted:
    """Count every scope that is asked for and that the survey has whole."""
    rows: list[Usage] = []
    gaps: list[Gap] = []
    said: list[str] = []
    who = consumers(survey)
    by_host = [scope for scope in ("cloud", "zone", "aggregate") if scope in scopes]
    if by_host:
        found = _of_hosts(survey, policy, by_host, who)
        rows, gaps, said = [*found.rows], [*found.gaps], [*found.notes]
    for scope, counted in (("project", projects.count), ("pool", pools.count)):
        if scope in scopes:
            more = counted(survey, who)
            rows, gaps, said = rows + more.rows, gaps + more.gaps, said + more.notes
    return Counted(rows=rows, gaps=gaps, notes=said)


def _of_hosts(
    survey: Survey, policy: UsagePolicy, scopes: Sequence[str], who: Consumers
) -> Counted:
    missing = [kind for kind in NEEDED if not survey.is_complete(kind)]
    if missing:
        return Counted(gaps=[gap(scope, survey, missing) for scope in scopes])
    tables = survey.tables
    lost = {s.host for s in tables.compute_services if s.status == UNKNOWN}
    if lost:
        # A cell that cannot be asked hides its hypervisors: their providers look like left behind.
        why = f"a Nova cell cannot be asked (it has {len(lost)} hosts)"
        return Counted(gaps=[because(scope, why) for scope in scopes])
    found = places(tables, policy, who)
    rows, gaps = [], []
    for scope in scopes:
        if scope == "cloud":
            rows += _rows(scope, survey.cloud, list(found.values()), who)
            continue
        if scope == "aggregate" and not survey.is_complete("aggregates"):
            gaps.append(gap(scope, survey, ["aggregates"]))
            continue
        groups = zones(tables) if scope == "zone" else aggregates(tables)
        by_host: dict[str, list[Place]] = defaultdict(list)
        for place in found.values():
            by_host[place.host].append(place)
        for name, hosts in sorted(groups.items()):
            rows += _rows(scope, name, [p for host in hosts for p in by_host.get(host, ())], who)
    said = notes(tables, found, policy)
    if not who.known:
        said.append("what moves hold is not told apart: servers or migrations were not read whole")
    else:
        said += who.notes(tables)
    return Counted(rows=rows, gaps=gaps, notes=said)


def _rows(scope: str, name: str, of: Iterable[Place], who: Consumers) -> list[Usage]:
    sums: dict[str, _Sum] = defaultdict(_Sum)
    for place in of:
        (_add_closed if place.closed else _add_open)(sums, place)
    unknown = {} if who.known else {"moving": None, "unowned": None}
    return [
        Usage(
            scope=scope,
            name=name,
            resource=resource,
            **{**msgspec.structs.asdict(sums[resource]), **unknown},
        )
        for resource in in_order(sums)
    ]


def _add_open(sums: dict[str, _Sum], place: Place) -> None:
    for resource, has in place.inventories.items():
        row = sums[resource]
        row.providers += 1
        row.total += has.total
        row.usable += has.capacity
    for resource, amount in place.taken.items():
        sums[resource].allocated += amount
    for resource, amount in place.moving.items():
        sums[resource].moving += amount
    for resource, amount in place.unowned.items():
        sums[resource].unowned += amount


def _add_closed(sums: dict[str, _Sum], place: Place) -> None:
    for resource, has in place.inventories.items():
        sums[resource].closed_providers += 1
        sums[resource].closed_usable += has.capacity
    for resource, amount in place.taken.items():
        sums[resource].closed_allocated += amount
