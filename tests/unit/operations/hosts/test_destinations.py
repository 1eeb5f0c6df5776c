# SPDX-License-Identifier: Apache-2.0
"""Who may go where, and whether all have a place at once."""

from typing import Any

import pytest
from msgspec import structs

from day2.model.tables.compute import ServerGroup
from day2.model.tables.others import Amphora, LoadBalancer
from day2.model.tables.placement import (
    Inventory,
    ProviderAllocations,
    ProviderInventories,
    ResourceProvider,
)
from tests.unit import builders as make
from tests.unit.operations.hosts.racks import (
    HOSTS,
    aggregate,
    cloud,
    flavor,
    group,
    guest,
    kinds_of,
    planned,
    refusal_of,
    special,
    step_of,
    stock,
    traits,
)

TWO = ("cmp1", "cmp2")


def first_choice(plan: Any, server: str = "s1") -> str:
    step = step_of(plan, server)
    assert step is not None
    return str(step.arguments["targets"][0])


def why_not(**tables: Any) -> str:
    """Say why a server of two hosts has no place on the other one."""
    servers = tables.pop("servers", [guest()])
    plan = planned(cloud(servers, hosts=TWO, **tables), allow=["last-of-aggregate"])
    refusal = refusal_of(plan)
    assert refusal is not None
    assert refusal.kind == "no-room"
    return refusal.why


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"status": "disabled"}, "cmp2 is disabled"),
        ({"state": "down"}, "cmp2 is down"),
        ({"forced_down": True}, "cmp2 is down"),
        ({"zone": "other"}, "cmp2 is in zone other, it stays in nova"),
    ],
)
def test_a_closed_host_takes_nobody(fields: dict[str, Any], said: str) -> None:
    services = [
        make.compute_service("cmp1", zone="nova"),
        make.compute_service("cmp2", **{"zone": "nova", **fields}),
    ]
    assert said in why_not(compute_services=services)


def test_the_trait_of_a_disabled_host_closes_it_too() -> None:
    assert "is disabled" in why_not(traits=[traits("cmp2", "COMPUTE_STATUS_DISABLED")])


def test_a_hypervisor_that_is_down_closes_its_host() -> None:
    hypervisors = [make.hypervisor("cmp1"), make.hypervisor("cmp2", state="down")]
    assert "hypervisor down" in why_not(hypervisors=hypervisors)


def test_nobody_moves_live_to_an_older_hypervisor_but_a_stopped_server_may() -> None:
    hypervisors = [
        make.hypervisor("cmp1", hypervisor_version=8002000),
        make.hypervisor("cmp2", hypervisor_version=7002000),
    ]
    assert "older hypervisor" in why_not(hypervisors=hypervisors)
    stopped = guest(status="SHUTOFF", power_state=4)
    plan = planned(
        cloud([stopped], hosts=TWO, hypervisors=hypervisors),
        purpose="decommission",
        reserve_hosts_decommission=0,
    )
    assert first_choice(plan) == "cmp2"


def test_another_kind_of_hypervisor_takes_nobody() -> None:
    hypervisors = [
        make.hypervisor("cmp1", hypervisor_type="QEMU"),
        make.hypervisor("cmp2", hypervisor_type="VMware vCenter Server"),
    ]
    assert "runs VMware" in why_not(hypervisors=hypervisors)


@pytest.mark.parametrize(
    ("value", "has", "fits"),
    [
        ("required", True, True),
        ("required", False, False),
        ("forbidden", True, False),
        ("forbidden", False, True),
    ],
)
def test_traits_of_the_flavor_decide(value: str, has: bool, fits: bool) -> None:
    server = guest(flavor=special(trait__CUSTOM_X=value))
    rows = [traits("cmp2", *(["CUSTOM_X"] if has else []))]
    plan = planned(cloud([server], hosts=TWO, traits=rows))
    assert (step_of(plan) is not None) is fits


def test_a_flavor_bound_to_an_aggregate_stays_in_it() -> None:
    server = guest(flavor=special(aggregate_instance_extra_specs__ssd="true"))
    inside = planned(cloud([server], hosts=TWO, aggregates=[aggregate(*TWO, ssd="true")]))
    outside = planned(cloud([server], hosts=TWO, aggregates=[aggregate("cmp1", ssd="true")]))
    assert first_choice(inside) == "cmp2"
    assert kinds_of(outside) == ["last-of-aggregate", "no-room"]


@pytest.mark.parametrize(
    ("wanted", "has", "fits"),
    [
        ("ssd", "ssd, nvme", True),
        ("nvme", "ssd,nvme", True),
        ("hdd", "ssd,nvme", False),
        ("<or> ssd <or> hdd", "hdd", True),
        ("s== ssd", "ssd", True),
        (">= 3", "4", True),
    ],
)
def test_an_aggregate_may_have_several_values_and_operators_are_for_nova_to_decide(
    wanted: str, has: str, fits: bool
) -> None:
    """Nova's filter knows both; a host that it would take was called one that may not."""
    server = guest(flavor=special(aggregate_instance_extra_specs__disk=wanted))
    plan = planned(cloud([server], hosts=TWO, aggregates=[aggregate(*TWO, disk=has)]))
    assert (plan.blockers == []) == fits


def test_an_anti_affinity_group_may_allow_several_members_on_a_host() -> None:
    servers = [guest("s1"), guest("s2", host="cmp2")]
    apart = ServerGroup(id="g1", policy="anti-affinity", members=["s1", "s2"])
    assert kinds_of(planned(cloud(servers, hosts=TWO, server_groups=[apart]))) == ["no-room"]
    two = structs.replace(apart, rules={"max_server_per_host": 2})
    assert not planned(cloud(servers, hosts=TWO, server_groups=[two])).blockers


def test_hosts_kept_for_projects_take_no_other() -> None:
    kept = aggregate("cmp2", filter_tenant_id="p2, p3")
    assert "kept for other projects" in why_not(aggregates=[kept])
    mine = aggregate("cmp2", filter_tenant_id_1="p1")
    assert first_choice(planned(cloud([guest()], hosts=TWO, aggregates=[mine]))) == "cmp2"


def test_a_server_does_not_leave_the_hosts_of_its_project() -> None:
    assert "as this host is" in why_not(aggregates=[aggregate("cmp1", filter_tenant_id="p1")])


def test_a_pinned_server_stays_in_its_zone_whatever_policy_says() -> None:
    services = [
        make.compute_service("cmp1", zone="a"),
        make.compute_service("cmp2", zone="b"),
    ]
    pinned = cloud([guest(pinned_availability_zone="a")], hosts=TWO, compute_services=services)
    free = cloud([guest()], hosts=TWO, compute_services=services)
    assert step_of(planned(pinned, cross_zones=True)) is None
    assert step_of(planned(free, cross_zones=True)) is not None
    assert step_of(planned(free)) is None


def test_anti_affinity_needs_a_host_without_another_member() -> None:
    groups = [group("anti-affinity", "s1", "s2", "s3")]
    servers = [guest("s1"), guest("s2", host="cmp2"), guest("s3", host="cmp3")]
    refusal = refusal_of(planned(cloud(servers, server_groups=groups)))
    assert refusal is not None
    assert "anti-affinity group pair" in refusal.why
    two = planned(cloud(servers[:2], server_groups=groups))
    assert first_choice(two) == "cmp3"


def test_anti_affinity_counts_those_that_the_plan_itself_puts_there() -> None:
    groups = [group("anti-affinity", "s1", "s2")]
    plan = planned(cloud([guest("s1"), guest("s2")], server_groups=groups))
    assert {first_choice(plan, "s1"), first_choice(plan, "s2")} == {"cmp2", "cmp3"}
    two = planned(cloud([guest("s1"), guest("s2")], hosts=TWO, server_groups=groups))
    assert kinds_of(two) == ["no-room"]


def test_affinity_follows_the_members_that_are_elsewhere() -> None:
    groups = [group("affinity", "s1", "s2")]
    servers = [guest("s1"), guest("s2", host="cmp3")]
    step = step_of(planned(cloud(servers, server_groups=groups)))
    assert step is not None
    assert step.arguments["targets"] == ["cmp3"]


def test_soft_groups_are_preferences() -> None:
    servers = [guest("s1"), guest("s2", host="cmp3", flavor=flavor(ram=1024))]
    apart = cloud(servers, server_groups=[group("soft-anti-affinity", "s1", "s2")])
    near = cloud(servers, server_groups=[group("soft-affinity", "s1", "s2")])
    assert first_choice(planned(apart)) == "cmp2"
    assert first_choice(planned(near)) == "cmp3"


def test_what_does_not_fit_says_what_it_needs_and_what_the_best_host_has() -> None:
    inventories = [make.inventories(host, **stock(memory=6144)) for host in TWO]
    why = why_not(servers=[guest(flavor=flavor(ram=8192))], inventories=inventories, allocations=[])
    assert "it needs 20 GiB disk, 8.0 GiB memory, 2 VCPU" in why
    assert "the best host cmp2 has 6.0 GiB memory free" in why


def test_all_must_fit_at_once() -> None:
    servers = [guest(f"s{n}", flavor=flavor(ram=4096)) for n in range(3)]
    inventories = [make.inventories("cmp1"), make.inventories("cmp2", **stock(memory=8192))]
    plan = planned(cloud(servers, hosts=TWO, inventories=inventories))
    assert kinds_of(plan) == ["no-room"]


def test_packing_tight_is_tried_where_spreading_fails() -> None:
    """Spread, the large one goes to the larger host, and one of the others has no place."""
    sizes = {"a": 6144, "b": 4096, "c": 4096}
    servers = [guest(name, flavor=flavor(ram=ram)) for name, ram in sizes.items()]
    inventories = [
        make.inventories("cmp1"),
        make.inventories("cmp2", **stock(memory=8192)),
        make.inventories("cmp3", **stock(memory=6144)),
    ]
    plan = planned(cloud(servers, inventories=inventories))
    assert not plan.blockers
    assert {name: first_choice(plan, name) for name in sizes} == {
        "a": "cmp3",
        "b": "cmp2",
        "c": "cmp2",
    }


def test_reserved_memory_and_the_ratio_count_as_placement_counts() -> None:
    has = {"VCPU": Inventory(total=2, allocation_ratio=2.0), "MEMORY_MB": stock()["MEMORY_MB"]}
    has["DISK_GB"] = stock()["DISK_GB"]
    fits = planned(
        cloud(
            [guest(flavor=flavor(vcpus=4))],
            hosts=TWO,
            inventories=[make.inventories("cmp2", **has)],
        )
    )
    assert step_of(fits) is not None
    tight = {**has, "MEMORY_MB": Inventory(total=4096, reserved=1)}
    assert "memory free" in why_not(inventories=[make.inventories("cmp2", **tight)])


def test_units_of_an_inventory_are_kept() -> None:
    odd = {**stock(), "VCPU": Inventory(total=64, max_unit=1)}
    assert "in pieces only" in why_not(inventories=[make.inventories("cmp2", **odd)])


def test_resources_of_a_nested_provider_stay_together() -> None:
    card = ResourceProvider(
        uuid="gpu2", name="gpu2", parent_provider_uuid="rp-cmp2", root_provider_uuid="rp-cmp2"
    )
    mine = ResourceProvider(
        uuid="gpu1", name="gpu1", parent_provider_uuid="rp-cmp1", root_provider_uuid="rp-cmp1"
    )
    server = guest(flavor=special(resources__VGPU="1"))
    allocations = [
        make.allocations("cmp1", s1=None),
        ProviderAllocations(provider="gpu1", allocations={"s1": {"VGPU": 1}}),
    ]
    vgpu = {"VGPU": Inventory(total=1)}
    stocks = [
        make.inventories("cmp1", **stock()),
        make.inventories("cmp2", **stock()),
        ProviderInventories(provider="gpu2", inventories=vgpu),
    ]
    providers = [make.provider(host) for host in TWO]
    given: dict[str, Any] = {"allocations": allocations, "inventories": stocks}
    with_card = planned(
        cloud([server], hosts=TWO, providers=[*providers, mine, card], **given),
        allow=["vgpu-pause"],
    )
    without = planned(
        cloud([server], hosts=TWO, providers=[*providers, mine], **given), allow=["vgpu-pause"]
    )
    assert first_choice(with_card) == "cmp2"
    assert kinds_of(without) == ["no-room"]


def test_disk_that_is_shared_by_all_is_not_wanted_of_a_host() -> None:
    no_disk = {name: has for name, has in stock().items() if name != "DISK_GB"}
    given: dict[str, Any] = {
        "inventories": [make.inventories("cmp1", **stock()), make.inventories("cmp2", **no_disk)],
    }
    pool = traits("pool", "MISC_SHARES_VIA_AGGREGATE")
    assert "disk free" in why_not(**given)
    assert step_of(planned(cloud([guest()], hosts=TWO, traits=[pool], **given))) is not None


def test_a_server_that_placement_does_not_know_counts_by_its_flavor() -> None:
    inventories = [make.inventories("cmp2", **stock(memory=2048))]
    assert "memory free" in why_not(inventories=inventories, allocations=[])


def test_the_hypervisor_may_be_called_otherwise_than_its_host() -> None:
    hypervisors = [
        make.hypervisor("cmp1"),
        make.hypervisor("cmp2.example.org", service=make.hypervisor("cmp2").service),
    ]
    providers = [make.provider("cmp1"), make.provider("cmp2.example.org")]
    inventories = [make.inventories("cmp2.example.org", **stock())]
    plan = planned(
        cloud(
            [guest()],
            hosts=TWO,
            hypervisors=hypervisors,
            providers=providers,
            inventories=inventories,
        )
    )
    assert first_choice(plan) == "cmp2"


def test_a_reserve_for_a_further_failure_is_asked_for_by_policy() -> None:
    full = [guest(f"x{n}", host=host, flavor=flavor(ram=98304)) for n, host in enumerate(HOSTS[1:])]
    survey = cloud([guest(), *full])
    assert not planned(survey).blockers
    short = planned(survey, reserve_hosts_reboot=1)
    assert kinds_of(short) == ["reserve"]
    assert "failed while this host is away" in short.blockers[0].why
    assert kinds_of(planned(survey, purpose="decommission")) == ["reserve"]
    accepted = planned(survey, reserve_hosts_reboot=1, allow=["use-reserve"])
    assert not accepted.blockers
    assert "accepted: --allow use-reserve" in accepted.refused[0].why


def test_an_amphora_needs_room_too() -> None:
    tables: dict[str, Any] = {
        "amphorae": [Amphora(id="a1", loadbalancer_id="lb1", compute_id="s1")],
        "load_balancers": [LoadBalancer(id="lb1", provisioning_status="ACTIVE")],
        "inventories": [make.inventories("cmp2", **stock(memory=1024))],
    }
    refusal = refusal_of(planned(cloud([guest()], hosts=TWO, **tables)))
    assert refusal is not None
    assert (refusal.kind, refusal.allow) == ("no-room", "")
