# SPDX-License-Identifier: Apache-2.0
"""The plan as a whole, and what is true of any plan of any host."""

from collections import defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from day2.model.plan import Plan, encode, seal
from day2.model.survey import Survey
from day2.model.tables.compute import Server, ServerGroup, VolumeId
from day2.operations.hosts.dangers import ALLOW
from day2.operations.hosts.steps import AMPHORAE, CANARY, DISABLE, GUESTS, SETTLE, VERIFY
from tests.unit import builders as make
from tests.unit.operations.hosts.racks import (
    actions_of,
    cloud,
    flavor,
    group,
    guest,
    planned,
    special,
    step_of,
    stock,
    takes,
    traits,
)

STATUSES = [
    "ACTIVE",
    "PAUSED",
    "SUSPENDED",
    "SHUTOFF",
    "RESCUE",
    "SHELVED",
    "ERROR",
    "BUILD",
    "VERIFY_RESIZE",
    "SOFT_DELETED",
    "NEVER_HEARD_OF",
]
SPECS: list[dict[str, str]] = [
    {},
    {},
    {},
    {"hw__tpm_version": "2.0"},
    {"trait__CUSTOM_X": "required"},
    {"accel__device_profile": "x"},
    {"hw__numa_nodes": "1"},
]
TAGS = [[], [], [], ["day2:maintenance=cold"], ["day2:maintenance=leave"], ["day2:maintenance=?"]]


@st.composite
def guests(draw: st.DrawFn, number: int, host: str) -> Server:
    size = special(**draw(st.sampled_from(SPECS)))
    return guest(
        f"{host}-{number}",
        host=host,
        status=draw(st.sampled_from(["ACTIVE"] * 10 + STATUSES)),
        power_state=draw(st.sampled_from([1, 4])),
        tags=draw(st.sampled_from(TAGS)),
        volumes=draw(st.sampled_from([[], [VolumeId(id="v1")]])),
        flavor=flavor(
            ram=draw(st.sampled_from([512, 4096, 16384])),
            vcpus=draw(st.integers(1, 8)),
            extra_specs=size.extra_specs,
        ),
    )


@st.composite
def clouds(draw: st.DrawFn) -> Survey:
    hosts = [f"cmp{n}" for n in range(1, draw(st.integers(2, 5)) + 1)]
    servers = [
        draw(guests(number, host))
        for host in hosts
        for number in range(draw(st.integers(0, 8 if host == "cmp1" else 2)))
    ]
    names = [server.id for server in servers if server.host in {"cmp1", "cmp2"}]
    groups: list[ServerGroup] = []
    if names:
        policy = draw(st.sampled_from(["affinity", "anti-affinity", "soft-anti-affinity"]))
        members = draw(st.lists(st.sampled_from(names), max_size=6, unique=True))
        groups = [group(policy, *members)]
    services = [
        make.compute_service(
            host,
            id=f"svc-{host}",
            zone=draw(st.sampled_from(["nova", "nova", "nova", "z2"]))
            if host != "cmp1"
            else "nova",
            state=draw(st.sampled_from(["up", "up", "up", "down"])),
            status=draw(st.sampled_from(["enabled", "enabled", "enabled", "disabled"])),
        )
        for host in hosts
    ]
    inventories = [
        make.inventories(
            host,
            **stock(
                memory=draw(st.sampled_from([8192, 24576, 65536])),
                cpus=draw(st.sampled_from([4, 16, 64])),
            ),
        )
        for host in hosts
    ]
    rows = [traits(host, *draw(st.sampled_from([[], ["CUSTOM_X"]]))) for host in hosts]
    return cloud(
        servers,
        hosts=hosts,
        server_groups=groups,
        compute_services=services,
        inventories=inventories,
        traits=rows,
    )


def assigned(plan: Plan) -> dict[str, str]:
    """Say where each server goes first."""
    return {
        step.subject.id: step.arguments["targets"][0]
        for step in plan.steps
        if step.arguments.get("targets")
    }


@given(
    survey=clouds(),
    purpose=st.sampled_from(["reboot", "decommission"]),
    allow=st.lists(st.sampled_from(sorted(ALLOW)), unique=True),
)
@settings(max_examples=100, deadline=None)
def test_whatever_the_cloud_looks_like(survey: Survey, purpose: str, allow: list[str]) -> None:
    plan = planned(survey, purpose=purpose, allow=allow)
    tables = survey.tables
    here = {server.id: server for server in tables.servers if server.host == "cmp1"}

    # Every server of the host appears exactly once, as a step or as a blocker.
    decided = [
        step.subject.id
        for step in plan.steps
        if step.subject.type == "server" and step.action != "server.confirm-resize"
    ]
    asked = [r.subject.id for r in plan.blockers if r.subject.type == "server"]
    assert sorted(decided + asked) == sorted(here)
    assert set(plan.manifest) == set(here)

    # No step names a target that is the source, disabled, down, or of another zone.
    services = {service.host: service for service in tables.compute_services}
    for step in plan.steps:
        for target in step.arguments.get("targets", ()):
            assert target != "cmp1"
            assert services[target].status == "enabled"
            assert services[target].state == "up"
            assert services[target].zone == "nova"

    # The sum on each target never exceeds what it has.
    sums: dict[tuple[str, str], float] = defaultdict(float)
    places = assigned(plan)
    for server in tables.servers:
        on = places.get(server.id) or server.host
        for resource, amount in takes(server).items():
            sums[str(on), resource] += amount
    for row in tables.inventories:
        host = row.provider.removeprefix("rp-")
        before = {
            resource: sum(takes(s).get(resource, 0) for s in tables.servers if s.host == host)
            for resource in row.inventories
        }
        for resource, inventory in row.inventories.items():
            added = sums[host, resource] - before[resource]
            assert host == "cmp1" or added == 0 or sums[host, resource] <= inventory.capacity

    # Anti-affinity holds for those that move.
    for servers in tables.server_groups:
        if servers.policy == "anti-affinity":
            moved = [places[member] for member in servers.members if member in places]
            stay = [
                server.host
                for server in tables.servers
                if server.id in servers.members and server.id not in places
            ]
            assert len(moved) == len(set(moved) - set(stay))

    # Each step says how it is taken back, or why not; numbers and stages go up together.
    for step in plan.steps:
        assert sum([bool(step.undo), bool(step.irreversible), step.readonly]) == 1
        assert step.why
    assert [step.n for step in plan.steps] == list(range(1, len(plan.steps) + 1))
    assert [step.stage for step in plan.steps] == sorted(step.stage for step in plan.steps)

    # What stays is told to the final proof, and the same request makes the same plan.
    left = {step.subject.id for step in plan.steps if step.action == "server.leave"}
    assert plan.steps[-1].action == "host.verify-drained"
    assert set(plan.steps[-1].arguments["left"]) == left
    assert plan.steps[-1].arguments["guests"] == sorted(here)
    assert encode(planned(survey, purpose=purpose, allow=allow)) == encode(plan)


def test_the_stages_are_in_order_and_the_canary_goes_alone_and_first() -> None:
    servers = [
        guest("big", flavor=flavor(ram=16384)),
        guest("small", flavor=flavor(ram=512)),
        guest("off", status="SHUTOFF", power_state=4),
    ]
    plan = planned(cloud(servers))
    assert [(step.stage, step.action, step.subject.id) for step in plan.steps] == [
        (DISABLE, "compute.disable", "cmp1"),
        (SETTLE, "host.settle", "cmp1"),
        (CANARY, "server.live-migrate", "small"),
        (GUESTS, "server.live-migrate", "big"),
        (GUESTS, "server.leave", "off"),
        (VERIFY, "host.verify-drained", "cmp1"),
    ]
    assert DISABLE < SETTLE < AMPHORAE < CANARY < GUESTS < VERIFY


def test_a_server_alone_is_no_canary_and_risky_ones_are_none() -> None:
    alone = planned(cloud([guest()]))
    step = step_of(alone)
    assert step is not None
    assert step.stage == GUESTS
    passed = planned(
        cloud([guest("s1"), guest("s2")], ports=[make.port(vnic_type="direct")]),
        allow=["packet-loss"],
    )
    first = step_of(passed, "s2")
    assert first is not None
    assert first.stage == CANARY


def test_limits_and_bounds_come_from_policy() -> None:
    plan = planned(
        cloud([guest()]), per_source_max=3, cloud_max=5, failed_max=0, changed_ratio_max=0.1
    )
    step = step_of(plan)
    assert step is not None
    assert step.limits == {"source:cmp1": 3, "cloud": 5}
    assert (plan.bounds.failed_max, plan.bounds.changed_ratio_max) == (0, 0.1)


def test_time_follows_memory_and_link_and_falls_with_concurrency() -> None:
    servers = [guest(f"s{n}", image="", flavor=flavor(ram=30_000)) for n in range(4)]
    survey = cloud(servers)
    usual: dict[str, Any] = {
        "canary": False,
        "link_mib_per_second": 100,
        "dirty_ratio": 0.25,
        "start_seconds": 10,
    }
    # 30,000 MiB / 100 MiB/s / (1 - 0.25) + 10 s, four times.
    one = planned(survey, **usual)
    step = step_of(one, "s0")
    assert step is not None
    assert step.seconds_expected == 410
    assert step.arguments["seconds_max"] == 410 * 5
    assert one.seconds_expected == 4 * 410
    assert planned(survey, **usual, per_source_max=2).seconds_expected == 2 * 410
    assert planned(survey, **usual, per_source_max=9, cloud_max=9).seconds_expected == 410


def test_a_small_server_is_not_called_stuck_too_soon() -> None:
    step = step_of(planned(cloud([guest(image="", flavor=flavor(ram=512))])))
    assert step is not None
    assert step.arguments["seconds_max"] == 300


def test_a_host_without_servers_is_disabled_and_proven_empty() -> None:
    plan = planned(cloud())
    assert actions_of(plan) == ["compute.disable", "host.settle", "host.verify-drained"]
    assert plan.summary == "drain cmp1 to reboot it: no server is on it"


def test_other_requests_of_the_same_moment_are_other_plans() -> None:
    survey = cloud([guest()])
    plans = [
        planned(survey),
        planned(survey, purpose="decommission"),
        planned(survey, allow=["restart"]),
        planned(survey, tries=7),
        planned(survey, "cmp2"),
    ]
    assert len({plan.id for plan in plans}) == len(plans)
    assert len({seal(plan).sha256 for plan in plans}) == len(plans)


def test_the_manifest_holds_what_was() -> None:
    server = guest(
        locked=True, tags=["b", "a"], volumes=[VolumeId(id="v1")], availability_zone="nova"
    )
    row = planned(
        cloud([server], ports=[make.port()], server_groups=[group("soft-affinity", "s1")])
    ).manifest["s1"]
    assert row == {
        "name": "name-of-s1",
        "project": "p1",
        "user": "",
        "status": "ACTIVE",
        "power_state": 1,
        "host": "cmp1",
        "flavor": {
            "name": "m1",
            "vcpus": 2,
            "memory_mib": 4096,
            "disk_gib": 20,
            "ephemeral_gib": 0,
        },
        "ports": [{"id": "port1", "host": "cmp1", "vnic": "normal"}],
        "volumes": ["v1"],
        "groups": ["g1"],
        "locked": True,
        "tags": ["a", "b"],
        "zone": "nova",
        "pinned_zone": None,
    }


def test_a_fingerprint_has_what_the_actions_read_again() -> None:
    step = step_of(planned(cloud([guest()])))
    assert step is not None
    assert step.fingerprint == {
        "status": "ACTIVE",
        "task_state": None,
        "host": "cmp1",
        "flavor": "m1",
        "locked": False,
        "volumes": "",
        "project_id": "p1",
    }
    assert set(step.arguments) == {
        "source",
        "targets",
        "block",
        "seconds_max",
        "memory_mib",
        "force_complete",
        "abort",
        "tries",
    }


def test_a_plan_ages_from_its_survey() -> None:
    plan = planned(cloud(), valid_minutes=30)
    assert (plan.expires_at - make.NOW).total_seconds() == 30 * 60
