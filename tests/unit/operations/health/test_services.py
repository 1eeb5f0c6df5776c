# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import asdict

from day2.model.finding import Finding
from day2.model.round import Before, Compared
from day2.model.severity import Severity
from day2.model.survey import Gap, Reading, Survey, Tables
from day2.model.tables.compute import ComputeService, Server
from day2.model.tables.network import NetworkAgent
from day2.model.tables.storage import Volume, VolumeService
from day2.operations.health.check import Facts
from day2.operations.health.fold import fold
from day2.operations.health.judge import judge
from day2.operations.health.policy import HealthPolicy
from day2.operations.health.rules import heartbeats, services

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
CHECKS = (*heartbeats.CHECKS, *services.CHECKS)


def compute(host: str, **fields: Any) -> ComputeService:
    given = {"binary": "nova-compute", "status": "enabled", "state": "up", "updated_at": NOW}
    return ComputeService(**{**given, "host": host, **fields})


def agent(host: str, **fields: Any) -> NetworkAgent:
    given = {"id": f"agent-{host}", "binary": "neutron-openvswitch-agent", "alive": True}
    return NetworkAgent(**{**given, "host": host, **fields})


def server(name: str, host: str) -> Server:
    return Server(id=name, name=name, status="ACTIVE", host=host)


def survey(*, gaps: tuple[str, ...] = (), at: datetime = NOW, **tables: Any) -> Survey:
    return Survey(
        cloud="c",
        region="r",
        started_at=at,
        ended_at=at,
        tables=Tables(**tables),
        readings={k: Reading(rows=len(v), requests=1, seconds=0) for k, v in tables.items()},
        gaps=[Gap(kind=k, what=k, error="Unreachable", message="no") for k in gaps],
    )


def facts(*, history: tuple[Survey, ...] = (), policy: Any = None, **tables: Any) -> Facts:
    return Facts(
        survey=survey(**tables), policy=policy or HealthPolicy(), now=NOW, history=list(history)
    )


def found(given: Facts) -> dict[str, Finding]:
    return {f.key: f for check in CHECKS for f in check.run(given)}


def top(given: Facts) -> dict[str, Finding]:
    return {f.key: f for f in fold(found(given).values())[0]}


UP = [compute("compute02"), agent("compute02")]


def test_a_whole_cloud_has_no_finding() -> None:
    given = facts(compute_services=[compute("a"), compute("b")], agents=[agent("a"), agent("b")])
    assert found(given) == {}


@pytest.mark.parametrize(
    ("servers", "severity"),
    [([server("web", "compute01")], Severity.CRITICAL), ([], Severity.WARNING)],
)
def test_a_dead_compute_service_is_as_bad_as_what_lives_there(
    servers: list[Server], severity: Severity
) -> None:
    down = compute("compute01", state="down", updated_at=NOW - timedelta(minutes=5))
    given = facts(
        compute_services=[down, compute("compute02")],
        agents=[agent("compute01"), agent("compute02")],
        servers=servers,
    )
    (finding,) = top(given).values()
    assert finding.key == "compute.service.down:service:nova-compute@compute01"
    assert finding.severity is severity
    assert "silent for 5 min" in finding.summary


@pytest.mark.parametrize("gaps", [("servers", "volumes"), ()])
def test_what_was_not_read_may_live_on_a_dead_host(gaps: tuple[str, ...]) -> None:
    lost: dict[str, Any] = {"servers": [], "volumes": []} if gaps else {}
    away = VolumeService(binary="cinder-volume", host="a@lvm", status="enabled", state="down")
    given = Facts(
        survey=survey(
            gaps=gaps,
            compute_services=[compute("a", state="down"), compute("b")],
            volume_services=[
                away,
                VolumeService(**{**asdict(away), "host": "b@lvm", "state": "up"}),
            ],
            **lost,
        ),
        policy=HealthPolicy(),
        now=NOW,
    )
    for key in (
        "compute.service.down:service:nova-compute@a",
        "volume.service.down:service:cinder-volume@a@lvm",
    ):
        one = found(given)[key]
        assert one.severity is Severity.CRITICAL
        assert "not read" in one.summary


def test_the_last_scheduler_is_critical_and_a_spare_one_is_not() -> None:
    down = compute("ctl1", binary="nova-scheduler", state="down")
    spare = compute("ctl2", binary="nova-scheduler")
    alone = found(facts(compute_services=[down]))
    both = found(facts(compute_services=[down, spare]))
    key = "compute.service.down:service:nova-scheduler@ctl1"
    assert alone[key].severity is Severity.CRITICAL
    assert both[key].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("reason", "severity", "why"),
    [
        ("drive swap, ticket 12, kim", Severity.INFO, "disabled_reason_required = True"),
        (None, Severity.WARNING, "disabled_reason_required = True"),
        ("  ", Severity.WARNING, "disabled_reason_required = True"),
        ("AUTO: Connection to libvirt lost: 1", Severity.WARNING, "disabled itself"),
    ],
)
def test_disabled_is_judged_by_its_reason(reason: str | None, severity: Severity, why: str) -> None:
    row = compute("compute01", status="disabled", disabled_reason=reason)
    (finding,) = found(facts(compute_services=[row])).values()
    assert finding.check == "compute.service.disabled"
    assert finding.severity is severity
    assert why in finding.why


def test_disabled_on_purpose_is_not_down() -> None:
    row = compute("compute01", status="disabled", disabled_reason="maintenance", state="down")
    checks = {f.check for f in found(facts(compute_services=[row])).values()}
    assert checks == {"compute.service.disabled"}


def test_disabled_says_since_when_the_memory_knows() -> None:
    row = compute("compute01", status="disabled", disabled_reason="swap")
    earlier = [
        survey(at=NOW - timedelta(days=1), compute_services=[row]),
        survey(at=NOW - timedelta(days=2), compute_services=[row]),
        survey(at=NOW - timedelta(days=3), compute_services=[compute("compute01")]),
    ]
    (finding,) = found(facts(compute_services=[row], history=tuple(earlier))).values()
    assert "since 2026-05-02 09:00 or before" in finding.summary


def test_a_dead_host_is_one_finding() -> None:
    given = facts(
        compute_services=[compute("compute01", state="down"), *UP[:1]],
        agents=[agent("compute01", alive=False), *UP[1:]],
        servers=[server("web", "compute01")],
    )
    (finding,) = top(given).values()
    assert finding.key == "host.down:host:compute01"
    assert finding.severity is Severity.CRITICAL
    assert len(finding.consequences) == 2


def test_services_that_write_their_time_with_and_without_a_zone_are_one_host() -> None:
    naive = (NOW - timedelta(hours=1)).replace(tzinfo=None)
    row = compute("compute01", state="down", updated_at=naive)
    away = agent("compute01", alive=False, heartbeat_timestamp=NOW - timedelta(hours=2))
    given = facts(compute_services=[row, UP[0]], agents=[away, UP[1]])
    assert "silent for 1 h" in top(given)["host.down:host:compute01"].summary


def test_an_empty_host_down_on_purpose_is_worth_a_word_only() -> None:
    row = compute("compute01", state="down", status="disabled", disabled_reason="new PSU")
    given = facts(
        servers=[],
        compute_services=[row, *UP[:1]],
        agents=[agent("compute01", alive=False), *UP[1:]],
    )
    (finding,) = top(given).values()
    assert (finding.check, finding.severity) == ("host.down", Severity.INFO)


def test_a_host_that_nova_disabled_is_not_down_on_purpose() -> None:
    reason = "AUTO: Connection to libvirt lost: 1"
    row = compute("compute01", state="down", status="disabled", disabled_reason=reason)
    given = facts(compute_services=[row, UP[0]], agents=[agent("compute01", alive=False), UP[1]])
    assert top(given)["host.down:host:compute01"].severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("volume", "severity"), [("compute01@lvm#lvm", Severity.CRITICAL), ("x@y#z", Severity.WARNING)]
)
def test_volumes_on_a_host_switched_off_for_its_servers_are_not_lost_on_purpose(
    volume: str, severity: Severity
) -> None:
    given = facts(
        compute_services=[
            compute("compute01", state="down", status="disabled", disabled_reason="new PSU"),
            UP[0],
        ],
        volume_services=[
            VolumeService(
                binary="cinder-volume", host="compute01@lvm", status="enabled", state="down"
            ),
            VolumeService(
                binary="cinder-volume", host="compute02@lvm", status="enabled", state="up"
            ),
        ],
        volumes=[Volume(id="v", status="in-use", host=volume)],
        servers=[],
    )
    found = top(given)["host.down:host:compute01"]
    assert (found.severity, "cinder-volume was not" in found.why) == (
        severity,
        severity is Severity.WARNING,
    )


def test_everything_silent_at_once_blames_the_bus_first() -> None:
    hosts = [f"compute{i:02}" for i in range(5)]
    given = facts(
        compute_services=[compute(h, state="down") for h in hosts],
        agents=[agent(h, alive=False) for h in hosts],
    )
    (finding,) = top(given).values()
    assert finding.key == "cloud.heartbeats.lost:cloud:c"
    assert len(finding.consequences) == 15


def test_forced_down_is_told_and_is_not_down() -> None:
    row = compute("compute01", state="down", forced_down=True)
    checks = {f.check for f in found(facts(compute_services=[row])).values()}
    assert checks == {"compute.service.forced_down"}


def test_hosts_of_two_sites_with_one_first_name_are_no_duplicate() -> None:
    given = facts(compute_services=[compute("cmp0.dc1.example"), compute("cmp0.dc2.example")])
    assert found(given) == {}


def test_one_host_under_two_names_is_a_duplicate() -> None:
    rows = [compute("compute01"), compute("compute01.example.org"), compute("compute02")]
    (finding,) = found(facts(compute_services=rows)).values()
    assert finding.key == "compute.service.duplicate:service:nova-compute@compute01"


def test_a_cell_that_cannot_be_asked_is_one_finding() -> None:
    rows = [compute("compute05", status="UNKNOWN", state="", updated_at=None), compute("compute01")]
    lost = Server(id="1", status="UNKNOWN")
    (finding,) = top(facts(compute_services=rows, servers=[lost])).values()
    assert finding.key == "compute.cell.down:cell:compute05"
    assert "1 servers unknown" in finding.summary


def test_flapping_needs_as_many_changes_as_the_policy_says() -> None:
    def seen(*up: bool) -> dict[str, Finding]:
        rows = [[compute("a", state="up" if u else "down"), compute("b")] for u in up]
        history = tuple(survey(compute_services=row) for row in rows[1:])
        return found(facts(compute_services=rows[0], history=history))

    key = "service.flapping:service:nova-compute@a"
    assert key in seen(True, False, True, False, True)
    assert key not in seen(True, False, True, True, True)


@pytest.mark.parametrize(
    ("binary", "twin", "severity"),
    [
        ("neutron-openvswitch-agent", True, Severity.CRITICAL),
        ("neutron-dhcp-agent", True, Severity.WARNING),
        ("neutron-dhcp-agent", False, Severity.CRITICAL),
    ],
)
def test_agents_are_judged_by_their_class(binary: str, twin: bool, severity: Severity) -> None:
    rows = [agent("net01", binary=binary, alive=False)]
    rows += [agent("net02", binary=binary)] if twin else []
    (finding,) = found(facts(agents=rows)).values()
    assert (finding.check, finding.severity) == ("network.agent.down", severity)


def test_volume_service_with_volumes_is_critical() -> None:
    down = VolumeService(binary="cinder-volume", host="s1@rbd", state="down", status="enabled")
    twin = VolumeService(binary="cinder-volume", host="s2@rbd", state="up", status="enabled")
    volume = Volume(id="v", status="in-use", host="s1@rbd#rbd")
    (finding,) = found(facts(volume_services=[down, twin], volumes=[volume])).values()
    assert finding.severity is Severity.CRITICAL
    assert finding.subject.host == "s1"


def before(*keys: str) -> Before:
    checks = {key: key.split(":")[0] for key in keys}
    return Before(compared_with=Compared(id=1, at=NOW - timedelta(days=1)), open_checks=checks)


def test_new_and_gone_are_told_apart() -> None:
    old = "network.agent.down:service:neutron-dhcp-agent@net01"
    row = compute("compute01", status="disabled")
    given = facts(compute_services=[row], agents=[agent("net01", binary="neutron-dhcp-agent")])
    report = judge(given, CHECKS, before(old), kind="daily")
    assert report.new == ["compute.service.disabled:service:nova-compute@compute01"]
    assert report.gone == [old]


def test_what_was_not_read_is_neither_gone_nor_confirmed() -> None:
    old = "network.agent.down:service:neutron-dhcp-agent@net01"
    given = Facts(survey=survey(agents=[], gaps=("agents",)), policy=HealthPolicy(), now=NOW)
    report = judge(given, CHECKS, before(old), kind="daily")
    assert (report.gone, report.unjudged) == ([], [old])
    assert report.exit_code == 12


def test_muted_findings_are_counted_and_acknowledged_ones_do_not_grade() -> None:
    row = compute("compute01", status="disabled")
    key = "compute.service.disabled:service:nova-compute@compute01"
    given = facts(compute_services=[row])
    muted = judge(given, CHECKS, Before(muted=frozenset({key})), kind="daily")
    known = judge(given, CHECKS, Before(acknowledged=frozenset({key})), kind="daily")
    assert (muted.findings, muted.muted, muted.exit_code) == ([], 1, 0)
    assert (known.acknowledged, known.exit_code) == ([key], 0)
    assert len(known.findings) == 1


def test_a_word_on_a_warning_does_not_hold_for_what_became_critical() -> None:
    down = VolumeService(binary="cinder-volume", host="s1@rbd", state="down", status="enabled")
    twin = VolumeService(binary="cinder-volume", host="s2@rbd", state="up", status="enabled")
    volume = Volume(id="v", status="in-use", host="s1@rbd#rbd")
    given = facts(volume_services=[down, twin], volumes=[volume])
    (key,) = found(given)
    words = frozenset({key})
    warned = {key: Severity.WARNING}
    known = judge(given, CHECKS, Before(acknowledged=words, said_of=warned), kind="daily")
    muted = judge(given, CHECKS, Before(muted=words, said_of=warned), kind="daily")
    assert (known.acknowledged, known.exit_code) == ([], 11)
    assert (len(muted.findings), muted.muted, muted.exit_code) == (1, 0, 11)
    same = Before(acknowledged=words, said_of={key: Severity.CRITICAL})
    assert judge(given, CHECKS, same, kind="daily").exit_code == 0
