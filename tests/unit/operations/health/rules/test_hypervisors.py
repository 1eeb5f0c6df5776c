# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from day2.model.tables.compute import HypervisorService
from day2.model.tables.placement import Inventory, ProviderTraits
from day2.operations.health.rules import hypervisors
from tests.unit.builders import (
    allocations,
    compute_service,
    facts,
    hypervisor,
    inventories,
    judged,
    keys,
    provider,
    server,
)

GHOST = "placement.provider.no_hypervisor:provider:rp-ghost"
WELL: dict[str, Any] = {
    "compute_services": [compute_service()],
    "hypervisors": [hypervisor()],
    "providers": [provider()],
    "inventories": [inventories()],
    "traits": [],
    "allocations": [allocations("cmp1", s1=None)],
    "servers": [server()],
}


def test_a_hypervisor_with_its_provider_is_well() -> None:
    assert keys(hypervisors.CHECKS, facts(**WELL)) == set()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"state": "down"}, {"compute.hypervisor.down:hypervisor:cmp1"}),
        ({"state": "down", "status": "disabled"}, set()),
    ],
)
def test_a_hypervisor_that_is_down(fields: dict[str, Any], expected: set[str]) -> None:
    given = facts(**{**WELL, "hypervisors": [hypervisor(**fields)]})
    assert keys(hypervisors.CHECKS, given) == expected


def test_it_lives_on_the_host_of_its_service() -> None:
    row = hypervisor("node-7", state="down", service=HypervisorService(host="ironic1"))
    (found,) = judged(hypervisors.CHECKS, facts(hypervisors=[row]))
    assert found.subject.host == "ironic1"


@pytest.mark.parametrize(("gaps", "count"), [((), 1), (("providers",), 0)])
def test_a_provider_is_missing_only_from_a_complete_list(gaps: tuple[str, ...], count: int) -> None:
    given = facts(hypervisors=[hypervisor()], providers=[provider("cmp2")], gaps=gaps)
    found = keys(hypervisors.CHECKS, given)
    assert found == {"compute.hypervisor.no_provider:hypervisor:cmp1"} if count else not found


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {GHOST}),
        ({"gaps": ["hypervisors"]}, set()),
        ({"gaps": ["inventories"]}, set()),
        ({"gaps": ["compute_services"]}, set()),
        ({"compute_services": [compute_service(status="UNKNOWN")]}, set()),
        ({"servers": [server(status="UNKNOWN")]}, set()),
        ({"traits": [ProviderTraits(provider="rp-ghost", traits=[hypervisors.SHARING])]}, set()),
        ({"inventories": [inventories("ghost", DISK_GB=Inventory(total=1))]}, set()),
        ({"providers": [provider(), provider("ghost", parent_provider_uuid="rp-cmp1")]}, set()),
    ],
)
def test_a_provider_without_hypervisor(change: dict[str, Any], expected: set[str]) -> None:
    tables = {
        **WELL,
        "providers": [provider(), provider("ghost")],
        "inventories": [inventories(), inventories("ghost")],
    }
    assert keys(hypervisors.CHECKS, facts(**{**tables, **change})) == expected


@pytest.mark.parametrize(
    ("stock", "used", "expected"),
    [
        (Inventory(total=10, reserved=2, allocation_ratio=2.0), 16, False),
        (Inventory(total=10, reserved=2, allocation_ratio=2.0), 17, True),
        (Inventory(total=10**400), 1, False),
    ],
)
def test_overcommitted_is_more_than_placement_would_give(
    stock: Inventory, used: int, *, expected: bool
) -> None:
    tables = {
        **WELL,
        "inventories": [inventories("cmp1", VCPU=stock)],
        "allocations": [allocations("cmp1", s1={"VCPU": used})],
    }
    found = keys(hypervisors.CHECKS, facts(**tables))
    assert found == ({"placement.overcommitted:provider:rp-cmp1:VCPU"} if expected else set())


def test_a_reserved_baremetal_node_is_not_overcommitted() -> None:
    tables = {
        **WELL,
        "inventories": [inventories("cmp1", CUSTOM_BM=Inventory(total=1, reserved=1))],
        "allocations": [allocations("cmp1", s1={"CUSTOM_BM": 1})],
    }
    assert keys(hypervisors.CHECKS, facts(**tables)) == set()
