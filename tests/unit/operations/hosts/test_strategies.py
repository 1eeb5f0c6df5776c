# SPDX-License-Identifier: Apache-2.0
"""One row for each row of the table of ways: status and facts in, a step or a blocker out."""

from datetime import timedelta
from typing import Any

import pytest

from day2.model.tables.compute import Server, VolumeId
from day2.model.tables.others import Amphora, LoadBalancer
from tests.unit import builders as make
from tests.unit.operations.hosts.racks import (
    cloud,
    flavor,
    group,
    guest,
    planned,
    refusal_of,
    special,
    step_of,
)

LIVE = "server.live-migrate"
COLD = "server.cold-migrate"
LEAVE = "server.leave"


def told(server: Server, *, purpose: str, allow: tuple[str, ...] = (), **tables: Any) -> str:
    """Say what becomes of a server: the action, or the blocker's kind and word."""
    plan = planned(cloud([server], **tables), purpose=purpose, allow=allow)
    step, refusal = step_of(plan), refusal_of(plan)
    assert (step is None) != (refusal is None)
    if step is not None:
        return step.action
    assert refusal is not None
    assert refusal.blocker
    return f"{refusal.kind}/{refusal.allow}"


@pytest.mark.parametrize(
    ("status", "power", "reboot", "decommission"),
    [
        ("ACTIVE", 1, LIVE, LIVE),
        ("PAUSED", 3, LIVE, LIVE),
        ("SUSPENDED", 4, LEAVE, "suspended/"),
        ("SHUTOFF", 4, LEAVE, COLD),
        ("RESCUE", 1, "rescued/stop-guests", "rescued/"),
        ("SHELVED", 4, LEAVE, "shelved/"),
        ("ERROR", 1, "error/stop-guests", "error/"),
        ("SOFT_DELETED", 4, LEAVE, "soft-deleted/"),
        ("BUILD", 0, "busy/", "busy/"),
        ("MIGRATING", 1, "busy/", "busy/"),
        ("RESIZE", 1, "busy/", "busy/"),
        ("REBOOT", 1, "busy/", "busy/"),
        ("HARD_REBOOT", 1, "busy/", "busy/"),
        ("REBUILD", 1, "busy/", "busy/"),
        ("PASSWORD", 1, "busy/", "busy/"),
        ("REVERT_RESIZE", 1, "busy/", "busy/"),
        ("SOMETHING_NEW", 1, "status/", "status/"),
    ],
)
def test_each_status_has_its_way(status: str, power: int, reboot: str, decommission: str) -> None:
    server = guest(status=status, power_state=power)
    assert told(server, purpose="reboot") == reboot
    assert told(server, purpose="decommission") == decommission


def test_a_task_that_is_under_way_is_waited_for() -> None:
    assert told(guest(task_state="powering-off"), purpose="reboot") == "busy/"


def test_an_offloaded_server_has_no_host_and_is_not_in_the_plan() -> None:
    plan = planned(cloud([guest(status="SHELVED_OFFLOADED", host=None)]))
    assert plan.manifest == {}
    assert plan.totals["servers"] == 0


@pytest.mark.parametrize(
    ("specs", "asked", "allow", "then"),
    [
        ({"hw__mem_encryption": "true"}, "sev/restart", "restart", COLD),
        ({"hw__tpm_version": "2.0"}, "vtpm/restart", "restart", COLD),
        ({"hw__pmem": "6GB"}, "vpmem/restart", "restart", COLD),
        ({"pci_passthrough__alias": "gpu:1"}, "pci/restart", "restart", COLD),
        ({"resources__VGPU": "1"}, "vgpu/vgpu-pause", "vgpu-pause", LIVE),
        ({"accel__device_profile": "fpga"}, "accelerator/stop-guests", "stop-guests", LEAVE),
    ],
)
def test_hardware_asks_for_its_own_word(
    specs: dict[str, str], asked: str, allow: str, then: str
) -> None:
    server = guest(flavor=special(**specs))
    assert told(server, purpose="reboot") == asked
    assert told(server, purpose="reboot", allow=(allow,)) == then


@pytest.mark.parametrize(
    ("vnic", "asked", "allow", "then"),
    [
        ("direct", "sriov/packet-loss", "packet-loss", LIVE),
        ("macvtap", "sriov/packet-loss", "packet-loss", LIVE),
        ("vdpa", "sriov/packet-loss", "packet-loss", LIVE),
        ("direct-physical", "sriov/restart", "restart", COLD),
        ("accelerator-direct", "accelerator/stop-guests", "stop-guests", LEAVE),
    ],
)
def test_passed_through_ports_ask_for_their_own_word(
    vnic: str, asked: str, allow: str, then: str
) -> None:
    ports = [make.port(vnic_type=vnic)]
    assert told(guest(), purpose="reboot", ports=ports) == asked
    assert told(guest(), purpose="reboot", allow=(allow,), ports=ports) == then


def test_an_ordinary_port_asks_nothing() -> None:
    assert told(guest(), purpose="reboot", ports=[make.port()]) == LIVE


def test_nothing_is_forced_that_has_devices_passed_through() -> None:
    plain = planned(cloud([guest()]), force_complete=True)
    passed = planned(
        cloud([guest()], ports=[make.port(vnic_type="direct")]),
        allow=["packet-loss"],
        force_complete=True,
    )
    forced = [step_of(plan) for plan in (plain, passed)]
    assert [step and step.arguments["force_complete"] for step in forced] == [True, False]


def test_pinned_processors_move_live_and_say_that_the_fit_is_not_known() -> None:
    step = step_of(planned(cloud([guest(flavor=special(hw__numa_nodes="2"))])))
    assert step is not None
    assert step.action == LIVE
    assert "NUMA" in step.why


@pytest.mark.parametrize(
    ("tags", "reboot", "decommission"),
    [
        (["day2:maintenance=live"], LIVE, LIVE),
        (["day2:maintenance=cold"], COLD, COLD),
        (["day2:maintenance=leave"], LEAVE, "consent/owner-asked"),
        (["day2:maintenance=ask"], "consent/owner-asked", "consent/owner-asked"),
        (["day2:maintenance=never"], "consent/owner-asked", "consent/owner-asked"),
        (["day2:maintenance="], "consent/owner-asked", "consent/owner-asked"),
        (
            ["day2:maintenance=live", "day2:maintenance=leave"],
            "consent/owner-asked",
            "consent/owner-asked",
        ),
        (["production", "maintenance=leave"], LIVE, LIVE),
    ],
)
def test_the_owner_of_a_running_server_is_heard(
    tags: list[str], reboot: str, decommission: str
) -> None:
    assert told(guest(tags=tags), purpose="reboot") == reboot
    assert told(guest(tags=tags), purpose="decommission") == decommission


@pytest.mark.parametrize(
    ("tag", "reboot", "decommission"),
    [
        ("live", LEAVE, COLD),
        ("cold", COLD, COLD),
        ("leave", LEAVE, "consent/owner-asked"),
        ("ask", LEAVE, "consent/owner-asked"),
    ],
)
def test_the_owner_of_a_stopped_server_is_heard(tag: str, reboot: str, decommission: str) -> None:
    server = guest(status="SHUTOFF", power_state=4, tags=[f"day2:maintenance={tag}"])
    assert told(server, purpose="reboot") == reboot
    assert told(server, purpose="decommission") == decommission


def test_when_the_owner_was_asked_the_server_moves() -> None:
    server = guest(tags=["day2:maintenance=ask"])
    assert told(server, purpose="reboot", allow=("owner-asked",)) == LIVE


def test_an_owner_who_wants_no_restart_is_asked_before_one() -> None:
    server = guest(flavor=special(hw__tpm_version="2.0"), tags=["day2:maintenance=live"])
    assert told(server, purpose="reboot", allow=("restart",)) == "vtpm/owner-asked"
    assert told(server, purpose="reboot", allow=("restart", "owner-asked")) == COLD


def test_an_owner_who_wants_no_restart_is_asked_before_it_stops_with_its_host() -> None:
    server = guest(status="RESCUE", tags=["day2:maintenance=live"])
    assert told(server, purpose="reboot", allow=("stop-guests",)) == "rescued/owner-asked"


def test_a_consent_to_cold_covers_hardware_that_cannot_move_live() -> None:
    server = guest(flavor=special(hw__tpm_version="2.0"), tags=["day2:maintenance=cold"])
    assert told(server, purpose="reboot") == COLD


def test_a_paused_server_never_moves_cold() -> None:
    server = guest(status="PAUSED", power_state=3, flavor=special(hw__tpm_version="2.0"))
    assert told(server, purpose="decommission", allow=("restart",)) == "vtpm/"


def test_a_stopped_server_moves_before_a_reboot_when_policy_says_so() -> None:
    plan = planned(cloud([guest(status="SHUTOFF", power_state=4)]), shutoff_on_reboot="move")
    step = step_of(plan)
    assert step is not None
    assert step.action == COLD
    assert step.arguments["status"] == "SHUTOFF"


def test_a_locked_server_moves_and_stays_locked() -> None:
    step = step_of(planned(cloud([guest(locked=True)])))
    assert step is not None
    assert step.fingerprint["locked"] is True
    assert "locked" in step.why


def test_hard_affinity_holds_its_members_here() -> None:
    tables: dict[str, Any] = {"server_groups": [group("affinity", "s1", "s2")]}
    plan = planned(cloud([guest("s1"), guest("s2")], **tables))
    assert {r.kind for r in plan.blockers} == {"affinity"}
    assert {r.allow for r in plan.blockers} == {"stop-guests"}


def test_soft_affinity_and_a_group_of_one_hold_nobody() -> None:
    soft = planned(
        cloud([guest("s1"), guest("s2")], server_groups=[group("soft-affinity", "s1", "s2")])
    )
    alone = planned(cloud([guest("s1")], server_groups=[group("affinity", "s1")]))
    assert not soft.blockers
    assert not alone.blockers


def test_members_of_a_group_share_a_chain() -> None:
    groups = [group("anti-affinity", "s1", "s2")]
    plan = planned(cloud([guest("s1"), guest("s2")], server_groups=groups), canary=False)
    assert {step.chain for step in plan.steps if step.action == LIVE} == {"group:g1"}


def test_boot_from_volume_moves_its_memory_only() -> None:
    volumes = [VolumeId(id="v2"), VolumeId(id="v1")]
    step = step_of(planned(cloud([guest(image="", volumes=volumes)])))
    assert step is not None
    assert step.why == "memory only"
    assert step.fingerprint["volumes"] == "v1,v2"
    assert step.radius == ["volume v2", "volume v1"]


def test_shared_disks_are_not_copied() -> None:
    local = planned(cloud([guest()]))
    shared = planned(cloud([guest()]), disks="shared")
    assert local.totals["block-live"] == 1
    assert shared.totals["live"] == 1
    assert shared.seconds_expected < local.seconds_expected


def test_an_amphora_is_replaced_by_octavia() -> None:
    tables: dict[str, Any] = {
        "amphorae": [Amphora(id="a1", loadbalancer_id="lb1", compute_id="s1")],
        "load_balancers": [LoadBalancer(id="lb1", provisioning_status="ACTIVE")],
    }
    plan = planned(cloud([guest()], **tables))
    step = step_of(plan, "a1")
    assert step is not None
    assert step.action == "amphora.failover"
    assert step.arguments["amphora_id"] == "a1"
    assert step.irreversible
    assert step_of(plan, "s1") is None


def test_a_load_balancer_that_takes_no_orders_is_waited_for() -> None:
    tables: dict[str, Any] = {
        "amphorae": [Amphora(id="a1", loadbalancer_id="lb1", compute_id="s1")],
        "load_balancers": [LoadBalancer(id="lb1", provisioning_status="PENDING_UPDATE")],
    }
    assert told(guest(), purpose="reboot", **tables) == "busy/"


def test_a_spare_amphora_moves_like_any_server() -> None:
    tables: dict[str, Any] = {"amphorae": [Amphora(id="a1", loadbalancer_id=None, compute_id="s1")]}
    assert told(guest(), purpose="reboot", **tables) == LIVE


def resized(**fields: Any) -> dict[str, Any]:
    return {
        "servers": [guest(status="VERIFY_RESIZE", **fields)],
        "migrations": [
            make.migration(
                id=7,
                status="finished",
                migration_type="resize",
                source_compute="cmp2",
                dest_compute="cmp1",
            )
        ],
    }


def test_a_resize_on_the_host_waits_for_its_owner() -> None:
    refusal = refusal_of(planned(cloud(**resized())))
    assert refusal is not None
    assert (refusal.kind, refusal.allow) == ("unconfirmed-resize", "confirm-resize")


def test_a_resize_is_confirmed_and_then_the_server_moves_as_it_will_be() -> None:
    plan = planned(cloud(**resized()), allow=["confirm-resize"])
    steps = [step for step in plan.steps if step.subject.id == "s1"]
    assert [step.action for step in steps] == ["server.confirm-resize", LIVE]
    assert steps[0].arguments == {"migration": 7}
    assert steps[0].chain == steps[1].chain
    assert steps[0].fingerprint["status"] == "VERIFY_RESIZE"
    assert steps[1].fingerprint["status"] == "ACTIVE"


def test_policy_confirms_a_resize_that_waits_too_long() -> None:
    young = resized(updated=make.ago(hours=2))
    old = resized(updated=make.ago(hours=49))
    assert planned(cloud(**young), confirm_resize_hours=48).blockers
    assert not planned(cloud(**old), confirm_resize_hours=48).blockers
    assert make.NOW - make.ago(hours=49) > timedelta(hours=48)


def test_a_stopped_resize_stays_for_a_reboot() -> None:
    step = step_of(planned(cloud(**resized(power_state=4))))
    assert step is not None
    assert step.action == LEAVE


def test_an_old_disk_of_a_resize_blocks_a_decommission_only() -> None:
    away = guest(status="VERIFY_RESIZE", host="cmp2")
    migrations = [
        make.migration(id=7, status="finished", source_compute="cmp1", dest_compute="cmp2")
    ]
    survey = cloud([away], migrations=migrations)
    reboot = planned(survey)
    assert not reboot.blockers
    assert reboot.refused[0].kind == "unconfirmed-resize"
    assert set(reboot.steps[-1].arguments["left"]) == {"s1"}
    refusal = refusal_of(planned(survey, purpose="decommission"))
    assert refusal is not None
    assert refusal.allow == "confirm-resize"
    allowed = planned(survey, purpose="decommission", allow=["confirm-resize"])
    assert [s.action for s in allowed.steps if s.subject.id == "s1"] == ["server.confirm-resize"]


def test_a_server_without_a_place_may_stop_with_its_host_if_that_is_accepted() -> None:
    big = guest(flavor=flavor(ram=200_000))
    assert told(big, purpose="reboot") == "no-room/stop-guests"
    assert told(big, purpose="reboot", allow=("stop-guests",)) == LEAVE
    assert told(big, purpose="decommission", allow=("stop-guests",)) == "no-room/"


def test_names_of_servers_are_data_whatever_they_are() -> None:
    plan = planned(cloud([guest(name=make.HOSTILE, tags=[f"day2:maintenance={make.HOSTILE}"])]))
    assert plan.blockers[0].kind == "consent"
