# SPDX-License-Identifier: Apache-2.0
"""What speaks against the host itself, and which words accept it."""

from typing import Any

import msgspec
import pytest

from day2.errors import BadUsage, Refused
from day2.model.tables.compute import HypervisorService
from day2.model.tables.identity import CatalogService
from day2.model.tables.infrastructure import BusNode, DatabaseNode
from day2.model.tables.monitoring import Alert
from day2.model.tables.storage import VolumeService
from day2.operations.hosts.dangers import ALLOW
from day2.operations.hosts.kinds import DRAIN_KINDS
from day2.operations.hosts.plan import drain
from day2.operations.hosts.policy import DrainPolicy
from tests.unit import builders as make
from tests.unit.operations.hosts.racks import (
    ASKED,
    actions_of,
    aggregate,
    cloud,
    guest,
    kinds_of,
    planned,
    refusal_of,
)

DECIDING = tuple(kind for kind in DRAIN_KINDS[: DRAIN_KINDS.index("projects")])


def services(*, others: dict[str, Any] | None = None, **mine: Any) -> list[Any]:
    more = others or {}
    return [
        make.compute_service("cmp1", **{"id": "svc-cmp1", "zone": "nova", **mine}),
        make.compute_service("cmp2", **{"zone": "nova", **more}),
        make.compute_service("cmp3", zone="nova"),
    ]


@pytest.mark.parametrize("host", ["cmp*", "cmp1,cmp2", "all", "", "[cmp1]", "nope"])
def test_only_a_whole_name_is_a_host(host: str) -> None:
    with pytest.raises(BadUsage):
        planned(cloud(), host)


def test_a_wrong_name_is_told_the_near_ones() -> None:
    with pytest.raises(BadUsage) as raised:
        planned(cloud(), "cpm1")
    assert "cmp1" in raised.value.hint


def test_the_name_of_a_hypervisor_is_told_its_host() -> None:
    hypervisors = [
        make.hypervisor("cmp1.example.org", service=HypervisorService(host="cmp1")),
        make.hypervisor("cmp2"),
    ]
    with pytest.raises(BadUsage) as raised:
        planned(cloud(hypervisors=hypervisors), "cmp1.example.org")
    assert raised.value.hint == "Did you mean cmp1?"


def test_an_unknown_word_is_bad_usage() -> None:
    with pytest.raises(BadUsage):
        planned(cloud(), allow=["everything"])


@pytest.mark.parametrize("kind", DECIDING)
def test_nothing_is_planned_from_a_part_of_the_picture(kind: str) -> None:
    with pytest.raises(Refused) as raised:
        planned(cloud([guest()], gaps=[kind]))
    assert kind in str(raised.value)


def test_a_service_that_the_cloud_does_not_have_is_no_gap() -> None:

    survey = cloud([guest()])
    readings = {
        kind: reading
        for kind, reading in survey.readings.items()
        if kind not in {"amphorae", "load_balancers"}
    }
    unread = msgspec.structs.replace(survey, readings=readings)
    with pytest.raises(Refused):
        planned(unread)
    assert planned(msgspec.structs.replace(unread, absent=["load-balancer"])).steps


@pytest.mark.parametrize("kind", ["database_nodes", "bus_nodes", "alerts"])
def test_carriers_that_could_not_be_read_are_not_taken_for_well(kind: str) -> None:
    survey = cloud(gaps=[kind])
    assert kinds_of(planned(survey)) == ["unhealthy-cloud"]
    assert not planned(survey, allow=["unhealthy-cloud"]).blockers


def test_a_cell_that_is_down_makes_the_picture_incomplete() -> None:
    with pytest.raises(Refused):
        planned(cloud([make.server(status="UNKNOWN", host=None)]))
    with pytest.raises(Refused):
        planned(cloud(compute_services=services(others={"status": "UNKNOWN"})))


def test_bare_metal_is_not_drained() -> None:
    with pytest.raises(Refused):
        planned(cloud(hypervisors=[make.hypervisor("cmp1", hypervisor_type="ironic")]))


@pytest.mark.parametrize("fields", [{"state": "down"}, {"forced_down": True}])
def test_a_host_that_is_down_cannot_be_drained(fields: dict[str, Any]) -> None:
    plan = planned(cloud(compute_services=services(**fields)))
    assert kinds_of(plan) == ["service-down"]
    assert plan.blockers[0].allow == ""


def test_a_disable_of_somebody_else_stops_and_is_never_written_over() -> None:
    survey = cloud(compute_services=services(status="disabled", disabled_reason="bad RAM, bob"))
    plan = planned(survey)
    assert kinds_of(plan) == ["disabled-by-others"]
    assert "bad RAM, bob" in plan.blockers[0].why
    allowed = planned(survey, allow=["disabled-by-others"])
    assert not allowed.blockers
    assert "compute.disable" not in actions_of(allowed)


def test_a_disable_of_ours_is_taken_over() -> None:
    survey = cloud(
        compute_services=services(status="disabled", disabled_reason="day2: drain to reboot")
    )
    plan = planned(survey)
    assert not plan.blockers
    assert "compute.disable" not in actions_of(plan)


def test_the_reason_of_our_disable_says_who_when_and_why() -> None:
    step = planned(cloud()).steps[0]
    assert step.action == "compute.disable"
    assert step.arguments["service_id"] == "svc-cmp1"
    reason = step.arguments["reason"]
    assert reason.startswith("day2: drain to reboot, plan drain-cmp1-")
    assert "ana" in reason
    assert "CHG-7" in reason
    assert len(reason) <= 255
    assert step.fingerprint == {
        "status": "enabled",
        "state": "up",
        "disabled_reason": None,
        "forced_down": False,
    }


def test_the_last_host_of_an_aggregate_is_kept() -> None:
    survey = cloud(aggregates=[aggregate("cmp1")])
    assert kinds_of(planned(survey)) == ["last-of-aggregate"]
    assert not planned(survey, allow=["last-of-aggregate"]).blockers
    assert not planned(cloud(aggregates=[aggregate("cmp1", "cmp2")])).blockers


def test_a_host_that_takes_no_servers_does_not_count_for_an_aggregate() -> None:
    closed = services(others={"status": "disabled", "disabled_reason": "x"})
    survey = cloud(aggregates=[aggregate("cmp1", "cmp2")], compute_services=closed)
    assert kinds_of(planned(survey)) == ["last-of-aggregate"]


def test_one_host_of_a_zone_at_a_time() -> None:
    away = services(others={"status": "disabled", "disabled_reason": "day2: drain"})
    assert kinds_of(planned(cloud(compute_services=away))) == ["other-work"]
    elsewhere = services(
        others={"status": "disabled", "disabled_reason": "day2: drain", "zone": "z2"}
    )
    assert not planned(cloud(compute_services=elsewhere)).blockers
    theirs = services(others={"status": "disabled", "disabled_reason": "by bob"})
    assert not planned(cloud(compute_services=theirs)).blockers


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"database_nodes": [DatabaseNode(address="d1", reachable=False)]}, "database"),
        (
            {
                "database_nodes": [
                    DatabaseNode(
                        address="d1", reachable=True, wsrep_on=True, cluster_status="non-Primary"
                    )
                ]
            },
            "database",
        ),
        ({"bus_nodes": [BusNode(name="r1", running=False)]}, "bus"),
        ({"bus_nodes": [BusNode(name="r1", running=True, partitions=["r2"])]}, "bus"),
        ({"bus_nodes": [BusNode(name="r1", running=True, memory_alarm=True)]}, "bus"),
        (
            {
                "alerts": [
                    Alert(server="p", name="A", state="firing", labels={"severity": "critical"})
                ]
            },
            "critical alerts fire: A",
        ),
    ],
)
def test_a_cloud_that_is_not_well_is_left_alone(tables: dict[str, Any], said: str) -> None:
    plan = planned(cloud(**tables))
    assert kinds_of(plan) == ["unhealthy-cloud"]
    assert said in plan.blockers[0].why


@pytest.mark.parametrize(
    "alert",
    [
        Alert(server="p", name="A", state="pending", labels={"severity": "critical"}),
        Alert(server="p", name="A", state="firing", labels={"severity": "warning"}),
        Alert(
            server="p",
            name="A",
            state="firing",
            labels={"severity": "critical", "instance": "cmp1:9100"},
        ),
    ],
)
def test_alerts_that_are_not_critical_or_are_about_the_host_do_not_block(alert: Alert) -> None:
    assert not planned(cloud(alerts=[alert])).blockers


def test_a_healthy_database_and_bus_do_not_block() -> None:
    node = DatabaseNode(
        address="d1", reachable=True, wsrep_on=True, cluster_status="Primary", ready=True
    )
    single = DatabaseNode(address="d2", reachable=True)
    bus = BusNode(name="r1", running=True)
    assert not planned(cloud(database_nodes=[node, single], bus_nodes=[bus])).blockers


def test_volumes_that_the_host_serves_are_told() -> None:
    tables: dict[str, Any] = {
        "volumes": [make.volume(host="cmp1@lvm#pool"), make.volume("v2", host="cmp10@lvm#pool")],
        "volume_services": [
            VolumeService(binary="cinder-volume", host="cmp1@lvm", status="enabled"),
            VolumeService(binary="cinder-volume", host="cmp10@lvm", status="enabled"),
            VolumeService(binary="cinder-backup", host="cmp1", status="enabled"),
        ],
    }
    plan = planned(cloud(**tables))
    assert kinds_of(plan) == ["volumes-on-host"]
    assert "serves 1 volume:" in plan.blockers[0].why
    steps = [step for step in plan.steps if step.action == "volume-service.disable"]
    assert [step.arguments["host"] for step in steps] == ["cmp1@lvm"]


def test_masakari_is_told_or_somebody_says_that_it_was() -> None:
    catalog = [CatalogService(id="c", type="instance-ha", name="masakari")]
    survey = cloud(catalog_services=catalog)
    assert kinds_of(planned(survey)) == ["masakari"]
    assert not planned(survey, allow=["masakari-on"]).blockers
    told = planned(survey, masakari=True)
    assert not told.blockers
    assert actions_of(told)[0] == "masakari.maintenance"
    assert "masakari.maintenance" not in actions_of(planned(cloud(), masakari=True))


def test_a_server_on_its_way_here_is_waited_for() -> None:
    coming = guest("s9", host="cmp2", status="MIGRATING", task_state="migrating")
    migrations = [
        make.migration(
            instance_uuid="s9", status="running", source_compute="cmp2", dest_compute="cmp1"
        )
    ]
    refusal = refusal_of(planned(cloud([coming], migrations=migrations)), "s9")
    assert refusal is not None
    assert (refusal.kind, refusal.blocker) == ("arriving", True)


def test_a_record_of_a_move_that_died_with_its_conductor_blocks_nothing() -> None:
    """Nova keeps it `running` for ever; a server on its way has a task."""
    stays = guest("s9", host="cmp2", task_state=None)
    migrations = [
        make.migration(
            instance_uuid="s9", status="running", source_compute="cmp2", dest_compute="cmp1"
        )
    ]
    assert not planned(cloud([stays], migrations=migrations)).blockers


@pytest.mark.parametrize(
    ("instance", "blockers"),
    [
        ("192.0.2.11:9100", 0),
        ("192.0.2.11", 0),
        ("[2001:db8::11]:9100", 0),
        ("192.0.2.110:9100", 1),
        ("192.0.2.1:9100", 1),
    ],
)
def test_an_alert_about_the_host_by_its_address_does_not_block(
    instance: str, blockers: int
) -> None:
    """It may be the reason of the work; Kolla's Prometheus calls hosts by their addresses."""
    labels = {"severity": "critical", "instance": instance}
    survey = cloud(alerts=[Alert(server="p", name="A", state="firing", labels=labels)])
    addresses = ("192.0.2.11", "2001:db8::11")
    plan = drain(survey, "cmp1", policy=DrainPolicy(), asked=ASKED, addresses=addresses)
    assert len(plan.blockers) == blockers


def test_every_word_of_allow_is_told() -> None:
    assert all(meaning and meaning == meaning.strip() for meaning in ALLOW.values())


def test_all_blockers_are_told_at_once() -> None:
    survey = cloud(
        [guest("s1", status="ERROR"), guest("s2", tags=["day2:maintenance=ask"])],
        aggregates=[aggregate("cmp1")],
        database_nodes=[DatabaseNode(address="d1", reachable=False)],
    )
    assert kinds_of(planned(survey)) == [
        "consent",
        "error",
        "last-of-aggregate",
        "unhealthy-cloud",
    ]
