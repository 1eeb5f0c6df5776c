# SPDX-License-Identifier: Apache-2.0
"""Which cause is named first when no host could take a server."""

from typing import Any

from msgspec import structs

from day2.model.survey import Tables
from day2.model.tables import compute, placement
from day2.operations.explain import placing
from day2.operations.explain.hosts import hosts, shares_disk
from day2.operations.explain.policy import FILTERS
from day2.operations.explain.request import request_of
from tests.unit import builders as b

HOSTS = ("cmp1", "cmp2", "cmp3")
STOCK = {"VCPU": 16, "MEMORY_MB": 65536, "DISK_GB": 500}
AGGREGATES = (*FILTERS, "AggregateInstanceExtraSpecsFilter")


def tables(**fields: Any) -> Tables:
    given: dict[str, Any] = {
        "compute_services": [b.compute_service(name, zone="nova") for name in HOSTS],
        "hypervisors": [b.hypervisor(name) for name in HOSTS],
        "providers": [placement.ResourceProvider(uuid=f"u-{n}", name=n) for n in HOSTS],
        "inventories": [
            placement.ProviderInventories(
                provider=f"u-{name}",
                inventories={r: placement.Inventory(total=t) for r, t in STOCK.items()},
            )
            for name in HOSTS
        ],
    }
    return Tables(**{**given, **fields})


def wish(*, image: dict[str, str] | None = None, groups: Any = (), **flavor: Any) -> Any:
    asked = {"vcpus": 2, "ram": 4096, "disk": 20, **flavor}
    zone = asked.pop("zone", None)
    server = b.server(
        "new",
        host=None,
        image={"id": "i1"},
        pinned_availability_zone=zone,
        flavor=compute.ServerFlavor(**asked),
    )
    return request_of(server, image=image or {}, groups=list(groups))


def judged(found: Tables, request: Any, filters: Any = FILTERS) -> placing.Judged:
    return placing.judge(hosts(found), request, filters, shared_disk=shares_disk(found))


def codes(result: placing.Judged) -> list[str]:
    return [cause.code for cause in result.causes]


def used(name: str, **amounts: int) -> placement.ProviderAllocations:
    return placement.ProviderAllocations(provider=f"u-{name}", allocations={"s": amounts})


def test_a_server_that_has_a_place_has_no_cause() -> None:
    result = judged(tables(), wish())
    assert result.causes == []
    assert [c.reasons for c in result.candidates] == [[], [], []]


def test_what_is_short_everywhere_is_named_with_the_nearest_host() -> None:
    taken = [used("cmp1", VCPU=16), used("cmp2", VCPU=15), used("cmp3", VCPU=16)]
    result = judged(tables(allocations=taken), wish())
    assert codes(result) == ["VCPU"]
    assert result.nearest == "cmp2"
    assert "cmp2 has 1 of 16 VCPU free, 2 wanted" in result.causes[0].speaks_for


def test_two_reasons_at_once_are_both_named() -> None:
    services = [b.compute_service(n, zone="nova") for n in HOSTS]
    services[0] = structs.replace(services[0], status="disabled", disabled_reason="new DIMM")
    taken = [used("cmp2", VCPU=16), used("cmp3", VCPU=16)]
    result = judged(tables(compute_services=services, allocations=taken), wish())
    assert codes(result) == ["VCPU", "disabled"]
    assert result.causes[1].speaks_for == ["cmp1 is disabled: new DIMM"]


def test_hosts_that_were_never_asked_for_are_no_cause() -> None:
    """All of the zone are down; that other zones are other zones is no news."""
    services = [
        b.compute_service("cmp1", zone="edge", state="down"),
        b.compute_service("cmp2", zone="nova"),
        b.compute_service("cmp3", zone="nova"),
    ]
    result = judged(tables(compute_services=services), wish(zone="edge"))
    assert codes(result) == ["down"]
    assert "the only host that was asked for" in result.causes[0].text


def test_a_wish_that_no_host_could_ever_meet_is_the_cause() -> None:
    result = judged(tables(), wish(extra_specs={"trait:HW_NOPE": "required"}))
    assert codes(result) == ["trait HW_NOPE"]


def test_wishes_that_no_host_meets_together_are_both_named() -> None:
    services = [b.compute_service(n, zone="edge" if n == "cmp1" else "nova") for n in HOSTS]
    traits = [placement.ProviderTraits(provider="u-cmp1", traits=["CUSTOM_A"])]
    asked = wish(zone="nova", extra_specs={"trait:CUSTOM_A": "required"})
    result = judged(tables(compute_services=services, traits=traits), asked)
    assert sorted(codes(result)) == ["trait CUSTOM_A", "zone"]


def test_an_aggregate_counts_only_where_its_filter_is_enabled() -> None:
    specs = {"aggregate_instance_extra_specs:ssd": "true"}
    assert judged(tables(), wish(extra_specs=specs)).causes == []
    assert codes(judged(tables(), wish(extra_specs=specs), AGGREGATES)) == ["aggregate ssd"]
    aggregate = compute.Aggregate(id=1, hosts=["cmp2"], metadata={"ssd": "true, fast"})
    found = tables(aggregates=[aggregate])
    assert judged(found, wish(extra_specs=specs), AGGREGATES).causes == []


def test_groups_are_judged_by_where_their_members_are() -> None:
    servers = [b.server(f"m{n}", host=name) for n, name in enumerate(HOSTS)]
    members = [s.id for s in servers]
    apart = compute.ServerGroup(id="g", policy="anti-affinity", members=[*members, "new"])
    assert codes(judged(tables(servers=servers), wish(groups=[apart]))) == ["anti-affinity"]
    two = compute.ServerGroup(
        id="g",
        policy="anti-affinity",
        members=[*members, "new"],
        rules={"max_server_per_host": 2},
    )
    assert judged(tables(servers=servers), wish(groups=[two])).causes == []
    together = compute.ServerGroup(id="g", policy="affinity", members=["m0", "new"])
    taken = [used("cmp1", MEMORY_MB=65536)]
    found = judged(tables(servers=servers[:1], allocations=taken), wish(groups=[together]))
    assert sorted(codes(found)) == ["MEMORY_MB", "affinity"]
    empty = compute.ServerGroup(id="g", policy="affinity", members=["new"])
    assert judged(tables(), wish(groups=[empty])).causes == []


def test_a_piece_that_is_larger_than_a_host_gives_away_is_told() -> None:
    inventories = [
        placement.ProviderInventories(
            provider=f"u-{name}",
            inventories={
                **{r: placement.Inventory(total=t) for r, t in STOCK.items()},
                "VCPU": placement.Inventory(total=16, allocation_ratio=4.0, max_unit=16),
            },
        )
        for name in HOSTS
    ]
    result = judged(tables(inventories=inventories), wish(vcpus=20))
    assert codes(result) == ["VCPU"]
    assert "cmp1 gives at most 16 VCPU to one server, 20 wanted" in result.causes[0].speaks_for


def test_a_piece_of_another_size_than_a_host_gives_is_told() -> None:
    stock = {r: placement.Inventory(total=t) for r, t in STOCK.items()}
    stock["MEMORY_MB"] = placement.Inventory(total=65536, min_unit=1024, step_size=1024)
    inventories = [
        placement.ProviderInventories(provider=f"u-{name}", inventories=stock) for name in HOSTS
    ]
    assert judged(tables(inventories=inventories), wish(ram=4096)).causes == []
    assert codes(judged(tables(inventories=inventories), wish(ram=4000))) == ["MEMORY_MB unit"]


def test_amounts_are_those_that_nova_asks_for() -> None:
    asked = wish(vcpus=4, swap=1500, ephemeral=10, extra_specs={"hw:cpu_policy": "dedicated"})
    assert asked.needs == {"PCPU": 4, "MEMORY_MB": 4096, "DISK_GB": 32}
    over = {"resources:VCPU": "0", "resources:CUSTOM_GPU": "2"}
    assert wish(extra_specs=over).needs == {"MEMORY_MB": 4096, "DISK_GB": 20, "CUSTOM_GPU": 2}


def test_shared_disk_is_not_wanted_of_the_host() -> None:
    inventories = [
        placement.ProviderInventories(
            provider=f"u-{name}",
            inventories={
                r: placement.Inventory(total=t) for r, t in STOCK.items() if r != "DISK_GB"
            },
        )
        for name in HOSTS
    ]
    assert codes(judged(tables(inventories=inventories), wish())) == ["DISK_GB"]
    shared = placement.ProviderTraits(provider="pool", traits=["MISC_SHARES_VIA_AGGREGATE"])
    assert judged(tables(inventories=inventories, traits=[shared]), wish()).causes == []


def test_what_only_hosts_know_is_listed() -> None:
    specs = {"hw:mem_page_size": "1GB", "capabilities:cpu_info:vendor": "Intel", "ssd": "true"}
    asked = wish(image={"hw_numa_nodes": "2"}, extra_specs=specs)
    assert asked.hidden == [
        "flavor: hw:mem_page_size=1GB",
        "flavor: capabilities:cpu_info:vendor=Intel",
        "image: hw_numa_nodes=2",
    ]


def test_a_host_that_placement_does_not_know_is_told() -> None:
    result = judged(tables(providers=[]), wish())
    assert codes(result) == ["unknown-host"]
    assert "discover_hosts" in result.causes[0].advice


def test_processors_are_dedicated_by_the_image_as_well() -> None:
    """Nova asks for PCPU where the image wants it, whatever the flavor leaves open."""
    assert wish(image={"hw_cpu_policy": "dedicated"}).needs["PCPU"] == 2
    assert "PCPU" not in wish(extra_specs={"hw:cpu_policy": "shared"}).needs


def test_mixed_processors_are_not_counted_as_shared_ones() -> None:
    request = wish(
        extra_specs={"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "0-14"}, vcpus=30
    )
    assert not {"VCPU", "PCPU"} & set(request.needs)
    assert request.hidden == ["flavor: hw:cpu_policy=mixed"]
