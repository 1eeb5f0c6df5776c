# SPDX-License-Identifier: Apache-2.0
"""Whatever the survey: no rule raises, keys are unique, and no key tells the time."""

import random
import types
import typing
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from day2.model.survey import KINDS, Tables
from day2.operations.health.policy import HealthPolicy
from day2.operations.health.rules import (
    alerts,
    allocations,
    attachments,
    bus,
    database,
    database_load,
    hypervisors,
    images,
    load_balancers,
    migrations,
    monitoring,
    others,
    pools,
    ports,
    proxies,
    queues,
    quotas,
    server_places,
    servers,
    subnets,
    targets,
    volumes,
)
from tests.unit.builders import HOSTILE, NOW, facts, judged, keys

CHECKS = tuple(
    check
    for module in (
        alerts,
        allocations,
        attachments,
        bus,
        database,
        database_load,
        hypervisors,
        images,
        load_balancers,
        migrations,
        monitoring,
        others,
        pools,
        ports,
        proxies,
        queues,
        quotas,
        server_places,
        servers,
        subnets,
        targets,
        volumes,
    )
    for check in module.CHECKS
)
# A few ids, so that rows meet; the words that rules look for; and the worst that a name can be.
WORDS = (
    *("", "a", "b", "c", HOSTILE, "\ud7ff", "a@b#c"),
    *("ACTIVE", "BUILD", "ERROR", "UNKNOWN", "VERIFY_RESIZE", "SHUTOFF", "SHELVED_OFFLOADED"),
    *("DOWN", "down", "up", "disabled", "nova-compute", "neutron-dhcp-agent", "compute:nova"),
    *("binding_failed", "network:dhcp", "creating", "reserved", "error", "in-use", "running"),
    *("evacuation", "done", "PENDING_UPDATE", "CREATE_IN_PROGRESS", "CREATE_FAILED", "queued"),
    *("firing", "suppressed", "alerting", "err", "active", "severity", "critical", "instance"),
    *("VCPU", "MEMORY_MB", "infinite", "nan", "1e999", "clean failed", "resources:VCPU"),
)
NUMBERS = (-1, 0, 1, 2, 4, 6, 100, 2**63, 10**400)
FLOATS = (0.0, 0.5, 1.0, 100.0, -1.0, 1e308, float("nan"), float("inf"))


class Maker:
    """Makes values of any type of the tables from one seed: far faster than one draw per field."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - rows of a test

    def value(self, kind: Any) -> Any:
        pick = self.random.choice
        simple: dict[Any, Any] = {
            str: lambda: pick(WORDS),
            int: lambda: pick(NUMBERS),
            float: lambda: pick(FLOATS),
            bool: lambda: pick((True, False)),
            type(None): lambda: None,
            datetime: self.moment,
            Any: lambda: None,
        }
        if kind in simple:
            return simple[kind]()
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if origin is list:
            return [self.value(inner[0]) for _ in range(self.random.randrange(4))]
        if origin is dict:
            count = self.random.randrange(4)
            return {self.value(inner[0]): self.value(inner[1]) for _ in range(count)}
        if origin in {typing.Union, types.UnionType}:
            return self.value(pick(inner))
        return self.row(kind)

    def moment(self) -> datetime:
        ago = NOW - timedelta(minutes=self.random.randrange(-3, 90_000))
        first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
        moment = self.random.choice((ago, ago, ago, first, last))
        return moment.replace(tzinfo=None) if self.random.random() < 0.3 else moment

    def row(self, kind: type[msgspec.Struct]) -> Any:
        """Make a row: some fields as they come, the others as the API left them out."""
        fields = msgspec.structs.fields(kind)
        given = {f.name: f for f in fields if f.required or self.random.random() < 0.8}
        return kind(**{name: self.value(field.type) for name, field in given.items()})

    def tables(self) -> dict[str, Any]:
        types_ = {field.name: field.type for field in msgspec.structs.fields(Tables)}
        return {
            kind: [
                self.row(typing.get_args(types_[kind])[0]) for _ in range(self.random.randrange(9))
            ]
            for kind in USED
        }


EXTRA = {"projects", "traits", "catalog_services", "volume_attachments"}
USED = [kind for kind in KINDS if kind in {n for c in CHECKS for n in c.needs} | EXTRA]


@given(
    seed=st.integers(0, 2**32),
    gaps=st.lists(st.sampled_from(USED), max_size=1),
    most=st.sampled_from([1, 2, 50]),
    days=st.integers(0, 9),
)
@settings(max_examples=100, deadline=None)
def test_any_survey_can_be_judged(seed: int, gaps: list[str], most: int, days: int) -> None:
    tables = Maker(seed).tables()
    policy = HealthPolicy(findings_per_check_max=most)
    found = judged(CHECKS, facts(gaps=gaps, policy=policy, **tables))
    every = [f.key for f in found]
    assert len(every) == len(set(every))
    assert msgspec.json.encode(found)
    assert {f.check for f in found} <= {check.name for check in CHECKS}
    # Looked at later, the same facts have the same keys: at most more of them, as things age.
    plain = HealthPolicy(findings_per_check_max=10_000, migration_failed_hours=10**6)
    early = facts(gaps=gaps, policy=plain, **tables)
    late = facts(gaps=gaps, policy=plain, now=NOW + timedelta(days=days), **tables)
    assert keys(CHECKS, early) <= keys(CHECKS, late)


def test_such_surveys_reach_most_checks() -> None:
    reached = {
        found.check
        for seed in range(100)
        for found in judged(CHECKS, facts(**Maker(seed).tables()))
    }
    assert len(reached) > 0.7 * len(CHECKS)
