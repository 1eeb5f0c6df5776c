# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from day2.model.survey import Survey
from day2.model.tables import compute, placement
from day2.model.tables.placement import Inventory
from day2.model.usage import Counted, Usage
from day2.operations.usage import count
from day2.operations.usage.policy import UsagePolicy
from tests.unit import builders as b

TB = 1 << 40
TAKEN = {"VCPU": 2, "MEMORY_MB": 4096}


def cloud(gaps: tuple[str, ...] = (), **tables: Any) -> Survey:
    """Two hosts of 128 VCPU each, one server on the first; override what matters."""
    given: dict[str, Any] = {
        "providers": [b.provider("cmp1"), b.provider("cmp2")],
        "inventories": [b.inventories("cmp1"), b.inventories("cmp2")],
        "allocations": [b.allocations("cmp1", s1=TAKEN), b.allocations("cmp2")],
        "hypervisors": [b.hypervisor("cmp1"), b.hypervisor("cmp2")],
        "compute_services": [
            b.compute_service("cmp1", zone="az1"),
            b.compute_service("cmp2", zone="az2"),
        ],
        "aggregates": [
            compute.Aggregate(id=1, name="fast", hosts=["cmp1"]),
            compute.Aggregate(id=2, name="all", hosts=["cmp1", "cmp2"]),
        ],
        "servers": [b.server("s1")],
        "migrations": [],
        "projects": [b.project("p1")],
        "quotas": [b.quota(2, 10), b.quota(4096, 51200, resource="ram")],
        "volume_pools": [b.pool()],
        **tables,
    }
    return b.survey(gaps=gaps, **{k: v for k, v in given.items() if k not in gaps})


def counted(survey: Survey, **policy: Any) -> Counted:
    return count.count(survey, UsagePolicy(**policy))


def row(found: Counted, scope: str, name: str, resource: str = "VCPU") -> Usage:
    return next(r for r in found.rows if r.place == (scope, name, resource))


def names(found: Counted, scope: str) -> set[str]:
    return {r.name for r in found.rows if r.scope == scope}


@pytest.mark.parametrize(
    ("scope", "name", "resource", "allocated", "usable", "providers"),
    [
        ("cloud", "c1", "VCPU", 2, 256, 2),
        ("cloud", "c1", "MEMORY_MB", 4096, 2 * (131072 - 4096), 2),
        ("zone", "az1", "VCPU", 2, 128, 1),
        ("zone", "az2", "VCPU", 0, 128, 1),
        ("aggregate", "fast", "VCPU", 2, 128, 1),
        ("aggregate", "all", "VCPU", 2, 256, 2),
        ("project", "p1", "VCPU", 2, 10, 0),
        ("project", "p1", "MEMORY_MB", 4096, 51200, 0),
    ],
)
def test_usable_is_total_less_reserved_times_ratio(
    scope: str, name: str, resource: str, allocated: float, usable: float, providers: int
) -> None:
    found = row(counted(cloud()), scope, name, resource)
    assert (found.allocated, found.usable, found.providers) == (allocated, usable, providers)


def test_every_resource_class_is_counted_and_the_usual_ones_come_first() -> None:
    has = {
        "CUSTOM_LICENCE": Inventory(total=3),
        "VGPU": Inventory(total=8),
        "MEMORY_MB": Inventory(total=10),
        "VCPU": Inventory(total=4),
    }
    found = counted(cloud(inventories=[b.inventories("cmp1", **has), b.inventories("cmp2")]))
    zone = [r.resource for r in found.rows if r.place[:2] == ("zone", "az1")]
    assert zone == ["VCPU", "MEMORY_MB", "CUSTOM_LICENCE", "VGPU"]


def test_a_nested_provider_belongs_to_the_host_of_its_root() -> None:
    card = placement.ResourceProvider(
        uuid="rp-gpu",
        name="cmp1_gpu0",
        parent_provider_uuid="rp-cmp1",
        root_provider_uuid="rp-cmp1",
    )
    gpu = placement.ProviderInventories(provider="rp-gpu", inventories={"VGPU": Inventory(total=8)})
    survey = cloud(
        providers=[b.provider("cmp1"), b.provider("cmp2"), card],
        inventories=[b.inventories("cmp1"), b.inventories("cmp2"), gpu],
    )
    assert row(counted(survey), "aggregate", "fast", "VGPU").usable == 8


DISABLED = [
    b.compute_service("cmp1", zone="az1", status="disabled", disabled_reason="disks"),
    b.compute_service("cmp2", zone="az2"),
]


def test_disabled_hosts_are_counted_apart_and_named() -> None:
    found = counted(cloud(compute_services=DISABLED))
    whole = row(found, "cloud", "c1")
    assert (whole.allocated, whole.usable, whole.providers) == (0, 128, 1)
    assert (whole.closed_allocated, whole.closed_usable, whole.closed_providers) == (2, 128, 1)
    assert any("cmp1" in note and "usage.disabled_hosts = apart" in note for note in found.notes)


def test_disabled_hosts_count_like_others_where_the_policy_says_so() -> None:
    found = counted(cloud(compute_services=DISABLED), disabled_hosts="counted")
    whole = row(found, "cloud", "c1")
    assert (whole.allocated, whole.usable, whole.closed_usable) == (2, 256, 0)
    assert any("cmp1" in note and "counted like any other" in note for note in found.notes)


def test_a_host_that_is_down_for_a_moment_still_counts_and_is_named() -> None:
    services = [b.compute_service("cmp1", zone="az1", state="down"), DISABLED[1]]
    found = counted(cloud(compute_services=services))
    assert row(found, "cloud", "c1").usable == 256
    assert any(note.startswith("down") and "cmp1" in note for note in found.notes)


def test_a_provider_left_behind_by_a_host_takes_no_servers() -> None:
    found = counted(cloud(hypervisors=[b.hypervisor("cmp1")]))
    assert row(found, "cloud", "c1").usable == 128
    assert row(found, "cloud", "c1").closed_usable == 128
    assert any("without a hypervisor" in note and "cmp2" in note for note in found.notes)


def test_shared_disk_of_no_host_counts_for_the_cloud_only() -> None:
    shared = b.provider("nfs")
    stock = placement.ProviderInventories(
        provider="rp-nfs", inventories={"DISK_GB": Inventory(total=1000)}
    )
    found = counted(
        cloud(
            providers=[b.provider("cmp1"), b.provider("cmp2"), shared],
            inventories=[b.inventories("cmp1"), b.inventories("cmp2"), stock],
        )
    )
    assert row(found, "cloud", "c1", "DISK_GB").usable == 1000
    assert [r.scope for r in found.rows if r.resource == "DISK_GB"] == ["cloud"]


def test_what_migrations_and_nobody_hold_is_counted_and_named() -> None:
    held = b.allocations("cmp2", **{"m-uuid": {"VCPU": 4}, "lost": {"VCPU": 1}})
    move = b.migration("m-uuid", instance_uuid="s1", status="migrating")
    found = counted(cloud(allocations=[b.allocations("cmp1", s1=TAKEN), held], migrations=[move]))
    whole = row(found, "cloud", "c1")
    assert (whole.allocated, whole.moving, whole.unowned) == (7, 4, 1)
    assert any("1 migration holds 4 VCPU: m-uuid" in note for note in found.notes)
    assert any("neither server nor migration" in n and "lost" in n for n in found.notes)
    mine = row(found, "project", "p1")
    assert (mine.allocated, mine.moving) == (6, 4)


def test_without_the_lists_of_servers_and_moves_nothing_is_said_of_them() -> None:
    found = counted(cloud(gaps=("servers",)))
    assert row(found, "cloud", "c1").moving is None
    assert row(found, "cloud", "c1").allocated == 2
    assert names(found, "project") == set()


@pytest.mark.parametrize(
    ("gap", "lost"),
    [
        ("providers", {"cloud", "zone", "aggregate"}),
        ("inventories", {"cloud", "zone", "aggregate"}),
        ("allocations", {"cloud", "zone", "aggregate", "project"}),
        ("hypervisors", {"cloud", "zone", "aggregate"}),
        ("compute_services", {"cloud", "zone", "aggregate"}),
        ("aggregates", {"aggregate"}),
        ("servers", {"project"}),
        ("migrations", {"project"}),
        ("volume_pools", {"pool"}),
    ],
)
def test_a_scope_that_was_not_read_whole_is_a_gap_and_has_no_row(gap: str, lost: set[str]) -> None:
    found = counted(cloud(gaps=(gap,)))
    scopes = {r.scope for r in found.rows}
    assert scopes == {"cloud", "zone", "aggregate", "project", "pool"} - lost
    for scope in lost - {"pool"}:
        (said,) = [g.message for g in found.gaps if g.what == f"usage by {scope}"]
        assert gap.replace("_", " ") in said
    assert len(found.gaps) >= len(lost)


def test_a_cell_that_cannot_be_asked_makes_every_sum_of_hosts_a_gap() -> None:
    services = [b.compute_service("cmp1", status="UNKNOWN"), DISABLED[1]]
    found = counted(cloud(compute_services=services))
    assert {r.scope for r in found.rows} == {"project", "pool"}
    assert all("cell" in gap.message for gap in found.gaps)


def test_projects_without_known_quotas_have_no_bound_and_the_gap_is_said() -> None:
    found = counted(cloud(gaps=("quotas",)))
    assert row(found, "project", "p1").usable is None
    assert any("quotas" in gap.message for gap in found.gaps)


def test_dedicated_and_shared_processors_are_held_together_against_the_quota_of_cores() -> None:
    taken = b.allocations("cmp1", s1={"VCPU": 2, "PCPU": 3})
    found = counted(cloud(allocations=[taken]))
    assert row(found, "project", "p1", "VCPU").usable is None
    assert row(found, "project", "p1", "PCPU").usable is None
    both = row(found, "project", "p1", "VCPU+PCPU")
    assert (both.allocated, both.usable) == (5, 10)


def test_a_quota_without_limit_is_no_bound() -> None:
    found = counted(cloud(quotas=[b.quota(2, None)]))
    assert row(found, "project", "p1").usable is None


@pytest.mark.parametrize(
    ("scopes", "without"),
    [
        (["pool"], {"servers", "providers", "quotas"}),
        (["cloud"], {"quotas", "aggregates", "volume_pools"}),
        (["project"], {"inventories", "hypervisors", "volume_pools"}),
    ],
)
def test_only_the_tables_that_a_scope_needs_are_read(scopes: list[str], without: set[str]) -> None:
    assert without.isdisjoint(count.kinds(scopes))
