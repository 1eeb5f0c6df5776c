# SPDX-License-Identifier: Apache-2.0
"""Hosts, containers and caches: tables of facts and the findings that they must make."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from day2.model.finding import Finding
from day2.model.severity import Severity
from day2.model.survey import Gap, Reading, Survey, Tables
from day2.model.tables.compute import ComputeService, Hypervisor, HypervisorService, Server
from day2.model.tables.infrastructure import CacheNode, Container, Host, Mount
from day2.model.tables.network import NetworkAgent
from day2.operations.health.check import Facts
from day2.operations.health.fold import fold
from day2.operations.health.noise import known_noise
from day2.operations.health.policy import HealthPolicy
from day2.operations.health.rules import cache, containers, hosts, missing, partly_known, services
from day2.operations.health.rules.places import same_host
from day2.operations.health.rules.where import machine

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=9)
CHECKS = (
    *hosts.CHECKS,
    *containers.CHECKS,
    *missing.CHECKS,
    *partly_known.CHECKS,
    *cache.CHECKS,
    *services.CHECKS,
)
GROUPS = {"ctl": ["control", "nova-api"], "cmp": ["compute"]}


def host(name: str, **fields: Any) -> Host:
    given = {"reachable": True, "groups": GROUPS[name[:3]], "containers_read": True}
    return Host(**{**given, "name": name, "engine": "docker", **fields})


def container(where: str, name: str, **fields: Any) -> Container:
    given = {
        "image": f"kolla/{name}:1",
        "image_id": f"id-{name}",
        "state": "running",
        "restart_policy": "unless-stopped",
        "kolla_version": "20.1.0",
        "started_at": LONG_AGO,
    }
    return Container(**{**given, "host": where, "name": name, **fields})


def compute(name: str, **fields: Any) -> ComputeService:
    given = {"binary": "nova-compute", "status": "enabled", "state": "up", "updated_at": NOW}
    return ComputeService(**{**given, "host": name, **fields})


def agent(name: str) -> NetworkAgent:
    return NetworkAgent(id=name, host=name, binary="neutron-openvswitch-agent", alive=True)


def hypervisor(name: str, kind: str = "QEMU") -> Hypervisor:
    return Hypervisor(
        id=name,
        hypervisor_hostname=name,
        hypervisor_type=kind,
        service=HypervisorService(host=name),
    )


def survey(*, at: datetime = NOW, gaps: tuple[str, ...] = (), **tables: Any) -> Survey:
    return Survey(
        cloud="c",
        region="r",
        started_at=at,
        ended_at=at,
        tables=Tables(**tables),
        readings={k: Reading(rows=len(v), requests=1, seconds=0) for k, v in tables.items()},
        gaps=[Gap(kind=k, what=k, error="Unreachable", message="no") for k in gaps],
    )


def found(
    *, history: tuple[Survey, ...] = (), gaps: tuple[str, ...] = (), policy: Any = None, **rows: Any
) -> dict[str, Finding]:
    given = Facts(
        survey=survey(gaps=gaps, **rows),
        policy=policy or HealthPolicy(),
        now=NOW,
        history=list(history),
    )
    return {f.key: f for check in CHECKS for f in known_noise(check.run(given), given)}


def graded(findings: dict[str, Finding]) -> dict[str, str]:
    return {key: str(f.severity.value) for key, f in findings.items()}


THREE = [host("ctl1"), host("ctl2"), host("ctl3")]


def api(*names: str, **fields: Any) -> list[Container]:
    return [container(name, "nova_api", **fields) for name in names]


ONE_HOST: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("well", {}, {}),
    (
        "silent",
        {"reachable": False, "error": "refused"},
        {"host.unreachable:host:ctl1": "critical"},
    ),
    (
        "disk 90 %",
        {"mounts": [Mount(path="/", size_bytes=10**9, used_ratio=0.9)]},
        {"host.disk.full:host:ctl1:/": "warning"},
    ),
    (
        "disk 96 %",
        {"mounts": [Mount(path="/var", size_bytes=10**9, used_ratio=0.96)]},
        {"host.disk.full:host:ctl1:/var": "critical"},
    ),
    (
        "inodes",
        {"mounts": [Mount(path="/", size_bytes=1, used_ratio=0.1, inodes_used_ratio=0.95)]},
        {"host.inodes.full:host:ctl1:/": "warning"},
    ),
    (
        "clock within doubt",
        {"clock_offset_seconds": 4.0, "clock_uncertainty_seconds": 3.0},
        {},
    ),
    (
        "clock off",
        {"clock_offset_seconds": -4.0, "clock_uncertainty_seconds": 0.3},
        {"host.clock.offset:host:ctl1": "warning"},
    ),
    (
        "clock far off",
        {"clock_offset_seconds": 90.0, "clock_uncertainty_seconds": 0.3},
        {"host.clock.offset:host:ctl1": "critical"},
    ),
    ("clock state unknown", {"clock_synchronized": None}, {}),
    (
        "clock follows nothing",
        {"clock_synchronized": False},
        {"host.clock.unsynchronized:host:ctl1": "warning"},
    ),
    ("reboot", {"reboot_required": True}, {"host.reboot.required:host:ctl1": "info"}),
]


@pytest.mark.parametrize(
    ("fields", "expected"), [row[1:] for row in ONE_HOST], ids=[r[0] for r in ONE_HOST]
)
def test_a_host_is_judged_by_what_it_told(fields: dict[str, Any], expected: dict[str, str]) -> None:
    assert graded(found(hosts=[host("ctl1", **fields)], containers=[])) == expected


def test_a_silent_host_whose_services_report_is_alive_and_a_warning() -> None:
    rows: dict[str, Any] = {
        "hosts": [host("cmp1", reachable=False, containers_read=False)],
        "compute_services": [compute("cmp1.example.org")],
    }
    assert graded(found(**rows))["host.unreachable:host:cmp1"] == "warning"


STOPPED = {"state": "exited", "exit_code": 137, "finished_at": NOW - timedelta(hours=2)}

CONTAINERS: list[tuple[str, list[Container], dict[str, str]]] = [
    (
        "one api of three stopped",
        [*api("ctl1", **STOPPED), *api("ctl2", "ctl3")],
        {"container.stopped:container:ctl1/nova_api": "warning"},
    ),
    (
        "the last of its name stopped",
        api("ctl1", **STOPPED),
        {"container.stopped:container:ctl1/nova_api": "critical"},
    ),
    (
        "a compute agent has no twin",
        [container("ctl1", "nova_compute", **STOPPED), container("ctl2", "nova_compute")],
        {"container.stopped:container:ctl1/nova_compute": "critical"},
    ),
    (
        "log shipping is aside",
        [container("ctl1", "fluentd", state="created")],
        {"container.stopped:container:ctl1/fluentd": "warning"},
    ),
    ("a bootstrap container ends", [container("ctl1", "bootstrap_nova", **STOPPED)], {}),
    ("no restart policy", api("ctl1", **{**STOPPED, "restart_policy": ""}), {}),
    ("not Kolla's", [container("ctl1", "web", **{**STOPPED, "kolla_version": ""})], {}),
    (
        "restarting",
        [*api("ctl1", state="restarting", restarts=3), *api("ctl2")],
        {"container.restarting:container:ctl1/nova_api": "warning"},
    ),
    (
        "caught between two restarts",
        api("ctl1", restarts=2, started_at=NOW - timedelta(seconds=5)),
        {"container.restarting:container:ctl1/nova_api": "critical"},
    ),
    (
        "restarted often today",
        api("ctl1", restarts=6, started_at=NOW - timedelta(hours=3)),
        {"container.restarting:container:ctl1/nova_api": "warning"},
    ),
    ("restarted often long ago", api("ctl1", restarts=60), {}),
    (
        "unhealthy",
        [*api("ctl1", health="unhealthy", failing_checks=3), *api("ctl2")],
        {"container.unhealthy:container:ctl1/nova_api": "warning"},
    ),
    (
        "all unhealthy",
        api("ctl1", health="unhealthy", failing_checks=9),
        {"container.unhealthy:container:ctl1/nova_api": "critical"},
    ),
    ("one failed check is a moment of load", api("ctl1", health="unhealthy", failing_checks=1), {}),
    (
        "unhealthy while it starts",
        api("ctl1", health="unhealthy", failing_checks=5, started_at=NOW - timedelta(seconds=160)),
        {},
    ),
    (
        "known noise",
        [container("ctl1", "barbican_api", health="unhealthy", failing_checks=9)],
        {"container.unhealthy:container:ctl1/barbican_api": "info"},
    ),
    (
        "another image",
        [*api("ctl1", image_id="old"), *api("ctl2", "ctl3")],
        {"container.image.differs:host:ctl1": "warning"},
    ),
    (
        "of two images the older differs",
        [*api("ctl1"), *api("ctl2", image_id="zz", kolla_version="19.9.1")],
        {"container.image.differs:host:ctl2": "warning"},
    ),
    (
        "a version of thousands of digits is none that ends a round",
        [*api("ctl1"), *api("ctl2", image_id="zz", kolla_version="9" * 5000)],
        {"container.image.differs:host:ctl1": "warning"},
    ),
]


@pytest.mark.parametrize(
    ("rows", "expected"), [r[1:] for r in CONTAINERS], ids=[r[0] for r in CONTAINERS]
)
def test_a_container_is_judged_by_state_and_role(
    rows: list[Container], expected: dict[str, str]
) -> None:
    assert graded(found(hosts=[host("ctl1"), host("ctl2")], containers=rows)) == expected


def test_a_stopped_podman_container_needs_no_restart_policy() -> None:
    rows: dict[str, Any] = {
        "hosts": [host("ctl1", engine="podman")],
        "containers": api("ctl1", state="exited", restart_policy=""),
    }
    assert list(found(**rows)) == ["container.stopped:container:ctl1/nova_api"]


MISSING = "container.missing:container:ctl3/nova_api"
EARLIER = survey(at=LONG_AGO, hosts=THREE, containers=api("ctl1", "ctl2", "ctl3"))


def test_a_container_that_all_peers_have_is_missing() -> None:
    rows = [*api("ctl1", "ctl2"), container("ctl3", "cron")]
    assert graded(found(hosts=THREE, containers=rows)) == {MISSING: "warning"}


def test_a_host_that_was_never_deployed_is_one_finding() -> None:
    keys = found(hosts=THREE, containers=api("ctl1", "ctl2"))
    assert graded(keys) == {"container.missing:host:ctl3": "warning"}


def test_a_group_that_has_exactly_the_hosts_explains_everything() -> None:
    rows = [
        msgspec.structs.replace(
            h, groups=["control", "monitoring"] if h.name != "ctl3" else ["control"]
        )
        for h in THREE
    ]
    some = [container(name, "prometheus_server") for name in ("ctl1", "ctl2")]
    assert found(hosts=rows, containers=[*some, container("ctl3", "cron")]) == {}


def test_a_container_of_an_earlier_survey_is_missing() -> None:
    rows: dict[str, Any] = {
        "hosts": THREE,
        "containers": [*api("ctl1"), *(container(h.name, "cron") for h in THREE)],
    }
    expected = {"container.missing:container:ctl2/nova_api", MISSING}
    assert set(found(history=(EARLIER,), **rows)) == expected


def test_a_host_whose_containers_were_not_read_misses_nothing() -> None:
    rows = [*THREE[:2], host("ctl3", containers_read=False)]
    given: dict[str, Any] = {"hosts": rows, "containers": api("ctl1", "ctl2")}
    assert found(history=(EARLIER,), gaps=("containers",), **given) == {}


def test_a_container_gone_from_all_hosts_is_one_finding() -> None:
    crons = [container(name, "cron") for name in ("ctl1", "ctl2", "ctl3")]
    keys = found(history=(EARLIER,), hosts=THREE, containers=crons)
    assert graded(keys) == {"container.missing:container:nova_api": "warning"}


def test_a_host_that_lost_every_container_is_one_finding() -> None:
    keys = found(history=(EARLIER,), hosts=THREE, containers=api("ctl1", "ctl2"))
    assert graded(keys) == {"container.missing:host:ctl3": "critical"}


COMPUTES = [f"cmp{n}" for n in range(1, 5)]
KNOWN: dict[str, Any] = {
    "compute_services": [compute(n) for n in COMPUTES],
    "agents": [agent(n) for n in COMPUTES],
    "hypervisors": [hypervisor(f"{n}.example.org") for n in COMPUTES],
    "hosts": [host(n) for n in COMPUTES],
    "containers": [],
}

PARTLY: list[tuple[str, dict[str, Any], set[str]]] = [
    ("all know all", {}, set()),
    ("no agent", {"agents": [agent(n) for n in COMPUTES[1:]]}, {"host.partly_known:host:cmp1"}),
    ("a network driver without agents", {"agents": []}, set()),
    (
        "no hypervisor",
        {"hypervisors": [hypervisor(n) for n in COMPUTES[1:]]},
        {"host.partly_known:host:cmp1"},
    ),
    (
        "bare metal",
        {"hypervisors": [hypervisor(n, "ironic") for n in COMPUTES], "agents": []},
        set(),
    ),
    (
        "not in the inventory",
        {"hosts": [host(n) for n in COMPUTES[1:]]},
        {"host.inventory.differs:host:cmp1"},
    ),
    (
        "unknown to Nova",
        {"hosts": [host(n) for n in (*COMPUTES, "cmp9")]},
        {"host.inventory.differs:host:cmp9"},
    ),
    (
        "an alias that tells its name",
        {"hosts": [*(host(n) for n in COMPUTES[1:]), host("cmp-a", hostname="cmp1.example.org")]},
        set(),
    ),
    ("the inventory of another cloud", {"hosts": [host("cmpx")]}, set()),
]


@pytest.mark.parametrize(("rows", "expected"), [r[1:] for r in PARTLY], ids=[r[0] for r in PARTLY])
def test_a_host_known_by_half_is_found_by_name(rows: dict[str, Any], expected: set[str]) -> None:
    assert set(found(**{**KNOWN, **rows})) == expected


@pytest.mark.parametrize("kind", ["compute_services", "agents", "hypervisors", "hosts"])
def test_nothing_is_unknown_while_a_list_was_not_read_whole(kind: str) -> None:
    rows = {**KNOWN, kind: KNOWN[kind][1:]}
    assert found(gaps=(kind,), **rows) == {}


def test_a_stopped_container_and_its_dead_service_are_one_finding() -> None:
    keys = found(
        hosts=[host("cmp1", hostname="cmp1.example.org"), host("cmp2")],
        containers=[
            container("cmp1", "nova_compute", **STOPPED),
            container("cmp1", "neutron_openvswitch_agent"),
        ],
        compute_services=[compute("cmp1.example.org", state="down"), compute("cmp2")],
    )
    top, folded = fold(keys.values())
    assert [f.key for f in top] == ["container.stopped:container:cmp1/nova_compute"]
    assert [f.key for f in folded] == ["compute.service.down:service:nova-compute@cmp1.example.org"]


def test_a_warning_never_hides_what_is_critical() -> None:
    restarted = container("cmp1", "nova_compute", restarts=6, started_at=NOW - timedelta(hours=3))
    keys = found(
        hosts=[host("cmp1"), host("cmp2")],
        containers=[restarted],
        compute_services=[compute("cmp1", state="down"), compute("cmp2")],
        servers=[Server(id="s", status="ACTIVE", host="cmp1")],
    )
    top, _folded = fold(keys.values())
    severities = {f.check: f.severity for f in top}
    assert severities["container.restarting"] is Severity.WARNING
    assert severities["compute.service.down"] is Severity.CRITICAL


def test_a_dead_service_explains_its_unhealthy_container() -> None:
    sick = container("cmp1", "nova_compute", health="unhealthy", failing_checks=9)
    keys = found(
        hosts=[host("cmp1"), host("cmp2")],
        containers=[sick],
        compute_services=[compute("cmp1", state="down"), compute("cmp2")],
    )
    top, _folded = fold(keys.values())
    assert [f.key for f in top] == ["compute.service.down:service:nova-compute@cmp1"]


def test_a_stopped_memcached_explains_the_silent_cache_of_its_host() -> None:
    keys = found(
        hosts=[host("ctl1", address="192.0.2.1")],
        containers=[container("ctl1", "memcached", **STOPPED)],
        cache_nodes=[CacheNode(address="192.0.2.1:11211", reachable=False, error="refused")],
    )
    top, _folded = fold(keys.values())
    assert [f.key for f in top] == ["container.stopped:container:ctl1/memcached"]


CACHES: list[tuple[str, list[CacheNode], dict[str, str]]] = [
    ("well", [CacheNode(address="a:1", reachable=True, evictions=3)], {}),
    (
        "none answers",
        [CacheNode(address="a:1", reachable=False)],
        {"cache.down:cache:a:1": "critical"},
    ),
    (
        "one of two answers",
        [CacheNode(address="a:1", reachable=False), CacheNode(address="b:1", reachable=True)],
        {"cache.down:cache:a:1": "warning"},
    ),
    (
        "too small",
        [CacheNode(address="a:1", reachable=True, evictions=200_000)],
        {"cache.evictions:cache:a:1": "info"},
    ),
    (
        "too many clients",
        [CacheNode(address="a:1", reachable=True, connections=900, connections_max=1000)],
        {"cache.connections:cache:a:1": "warning"},
    ),
]


@pytest.mark.parametrize(("nodes", "expected"), [r[1:] for r in CACHES], ids=[r[0] for r in CACHES])
def test_a_cache_is_judged_by_its_answer(nodes: list[CacheNode], expected: dict[str, str]) -> None:
    assert graded(found(cache_nodes=nodes)) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("cmp1", "cmp1.example.org", True),
        ("CMP1", "cmp1", True),
        ("cmp1", "cmp10", False),
        ("cmp1.a.org", "cmp1.b.org", False),
        ("", "cmp1", False),
    ],
)
def test_a_name_with_and_without_its_domain_is_one_host(
    one: str, other: str, *, same: bool
) -> None:
    assert same_host(one, other) is same


@pytest.mark.parametrize("address", ["fd00::5", "[fd00::5]", "[fd00::5]:11211"])
def test_an_address_of_ipv6_is_its_hosts_with_a_port_or_without(address: str) -> None:
    findings = found(
        hosts=[host("ctl1", address="fd00::5")],
        cache_nodes=[CacheNode(address=address, reachable=False, error="refused")],
    )
    assert findings[f"cache.down:cache:{address}"].subject.host == "ctl1"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("ctl1:9100", "ctl1"),
        ("ctl1", "ctl1"),
        ("10.0.0.1:9100", "10.0.0.1"),
        ("[fd00::1]:9100", "fd00::1"),
        ("fd00::1", "fd00::1"),
        (":9100", ":9100"),
        ("", ""),
    ],
)
def test_what_stands_before_the_port_is_the_machine(address: str, name: str) -> None:
    assert machine(address) == name


def test_a_command_to_type_runs_nothing_that_a_container_is_called() -> None:
    name = "x; reboot #"
    (one,) = found(hosts=[host("ctl1")], containers=[container("ctl1", name, **STOPPED)]).values()
    assert one.advice == "On ctl1: docker logs --tail 100 'x; reboot #'; docker start 'x; reboot #'"
