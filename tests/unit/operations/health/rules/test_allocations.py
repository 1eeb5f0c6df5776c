# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from day2.model.severity import Severity
from day2.model.tables.compute import ServerFlavor
from day2.model.tables.identity import CatalogService
from day2.operations.health.rules import allocations as rules
from tests.unit.builders import (
    ago,
    allocations,
    compute_service,
    facts,
    hypervisor,
    judged,
    keys,
    migration,
    port,
    provider,
    server,
)

MISSING, ORPHAN = (
    "placement.allocation.missing:server:s1",
    "placement.allocation.orphan:consumer:ghost",
)
WRONG, DIFFERS = (
    "placement.allocation.wrong_host:server:s1",
    "placement.allocation.differs:server:s1",
)
WELL: dict[str, Any] = {
    "compute_services": [compute_service(), compute_service("cmp2")],
    "hypervisors": [hypervisor(), hypervisor("cmp2")],
    "providers": [provider(), provider("cmp2")],
    "allocations": [allocations("cmp1", s1=None), allocations("cmp2")],
    "servers": [server()],
    "migrations": [],
}
NOTHING = {"allocations": [allocations("cmp1"), allocations("cmp2")]}
GHOST = {"allocations": [allocations("cmp1", s1=None, ghost={"VCPU": 1})]}
BOTH = {"allocations": [allocations("cmp1", s1=None), allocations("cmp2", s1=None)]}
OTHER = {"allocations": [allocations("cmp1"), allocations("cmp2", s1=None)]}
SMALL = {"allocations": [allocations("cmp1", s1={"VCPU": 1, "MEMORY_MB": 4096})]}


def flavor(**extra_specs: str) -> ServerFlavor:
    return ServerFlavor(vcpus=2, ram=4096, extra_specs=extra_specs)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, set()),
        # missing
        (NOTHING, {MISSING}),
        ({**NOTHING, "servers": [server(status="SHELVED_OFFLOADED")]}, set()),
        ({**NOTHING, "servers": [server(status="BUILD")]}, set()),
        ({**NOTHING, "servers": [server(host=None)]}, set()),
        ({**NOTHING, "servers": [server(task_state="deleting")]}, set()),
        ({**NOTHING, "servers": [server(updated=ago(minutes=5))]}, set()),
        ({**NOTHING, "servers": [server(updated=None)]}, set()),
        ({**NOTHING, "migrations": [migration(status="running")]}, set()),
        # orphan
        (GHOST, {ORPHAN}),
        ({**GHOST, "migrations": [migration("ghost", status="finished")]}, set()),
        ({**GHOST, "ports": [port(device_id="ghost", created_at=ago(minutes=1))]}, set()),
        ({**GHOST, "ports": [port(device_id="ghost")]}, {ORPHAN}),
        ({**GHOST, "catalog_services": [CatalogService(id="z", type="container")]}, set()),
        # on another host
        (OTHER, {WRONG}),
        (BOTH, {WRONG}),
        ({**BOTH, "migrations": [migration(status="running")]}, set()),
        ({**BOTH, "servers": [server(status="VERIFY_RESIZE")]}, set()),
        ({**BOTH, "servers": [server(task_state="resize_finish")]}, set()),
        ({**BOTH, "servers": [server(updated=ago(minutes=5))]}, set()),
        ({**BOTH, "hypervisors": [hypervisor(), hypervisor("cmp2", state="down")]}, set()),
        (
            {
                **BOTH,
                "migrations": [
                    migration(migration_type="evacuation", status="done", source_node="cmp2")
                ],
            },
            set(),
        ),
        # another amount
        (SMALL, {DIFFERS}),
        ({**SMALL, "servers": [server(updated=ago(minutes=5))]}, set()),
        ({**SMALL, "servers": [server(flavor=ServerFlavor())]}, set()),
        ({**SMALL, "servers": [server(status="ERROR")]}, set()),
        ({**SMALL, "servers": [server(flavor=flavor(**{"resources:VCPU": "0"}))]}, set()),
        ({**SMALL, "servers": [server(flavor=flavor(**{"resources1:PCPU": "1"}))]}, set()),
        (
            {**SMALL, "servers": [server(flavor=flavor(**{"resources:MEMORY_MB": "1"}))]},
            {DIFFERS},
        ),
        (
            {
                **SMALL,
                "servers": [server(flavor=flavor(**{"hw:emulator_threads_policy": "isolate"}))],
            },
            set(),
        ),
        ({"allocations": [allocations("cmp1", s1={"PCPU": 2, "MEMORY_MB": 4096})]}, set()),
        (
            {"allocations": [allocations("cmp1", s1={"VCPU": 1, "PCPU": 1, "MEMORY_MB": 4096})]},
            set(),
        ),
    ],
)
def test_placement_against_the_servers(change: dict[str, Any], expected: set[str]) -> None:
    assert keys(rules.CHECKS, facts(**{**WELL, **change})) == expected


@pytest.mark.parametrize("gap", rules.NEEDS)
@pytest.mark.parametrize("change", [NOTHING, GHOST, BOTH, SMALL])
def test_nothing_is_concluded_from_incomplete_tables(gap: str, change: dict[str, Any]) -> None:
    assert keys(rules.CHECKS, facts(**{**WELL, **change}, gaps=[gap])) == set()


@pytest.mark.parametrize(
    "down",
    [
        {"compute_services": [compute_service(status="UNKNOWN")]},
        {"servers": [server(), server("s2", status="UNKNOWN")]},
    ],
)
@pytest.mark.parametrize("change", [NOTHING, GHOST, BOTH])
def test_nothing_is_concluded_while_a_cell_is_down(
    down: dict[str, Any], change: dict[str, Any]
) -> None:
    assert keys(rules.CHECKS, facts(**{**WELL, **change, **down})) == set()


def test_nested_providers_and_shared_disk_are_one_place() -> None:
    tables = {
        **WELL,
        "providers": [
            provider(),
            provider("cmp1_numa0", root_provider_uuid="rp-cmp1", parent_provider_uuid="rp-cmp1"),
            provider("shared"),
        ],
        "allocations": [
            allocations("cmp1", s1={"MEMORY_MB": 4096}),
            allocations("cmp1_numa0", s1={"VCPU": 2}),
            allocations("shared", s1={"DISK_GB": 20}),
        ],
    }
    assert keys(rules.CHECKS, facts(**tables)) == set()


def test_an_orphan_may_be_a_resize_that_is_no_longer_listed() -> None:
    waiting = server("s2", status="VERIFY_RESIZE")
    allocated = [allocations("cmp1", s1=None, s2=None, ghost={"VCPU": 1})]
    (found,) = judged(
        rules.CHECKS, facts(**{**WELL, "servers": [server(), waiting], "allocations": allocated})
    )
    assert (found.key, found.severity) == (ORPHAN, Severity.INFO)
    (found,) = judged(rules.CHECKS, facts(**{**WELL, **GHOST}))
    assert found.severity is Severity.WARNING
    assert found.subject.host == "cmp1"
