# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta
from typing import Any

import pytest

from day2.model.finding import Finding
from day2.model.severity import Severity
from day2.model.tables import monitoring as tables
from day2.model.tables.infrastructure import Container, Host
from day2.operations.health.check import Facts
from day2.operations.health.fold import fold
from day2.operations.health.policy import HealthPolicy
from day2.operations.health.rules import alerts, containers, hosts, monitoring, targets
from tests.unit.builders import HOSTILE, NOW, ago, built, facts, judged

CHECKS = (*monitoring.CHECKS, *targets.CHECKS, *alerts.CHECKS)
WITH_HOSTS = (*CHECKS, *containers.CHECKS, *hosts.CHECKS)
P1, P2, A1, A2 = "10.0.0.1:9091", "10.0.0.2:9091", "10.0.0.1:9093", "10.0.0.2:9093"
WARNING, CRITICAL, INFO = Severity.WARNING, Severity.CRITICAL, Severity.INFO


def server(address: str = P1, **fields: Any) -> tables.MonitoringServer:
    given = {
        "address": address,
        "reachable": True,
        "ready": True,
        "version": "3.5.4",
        "config_loaded": True,
        "config_at": NOW,
        "alertmanagers": 1,
    }
    return built(tables.MonitoringServer, given, fields)


def dead(address: str = P1) -> tables.MonitoringServer:
    return tables.MonitoringServer(address=address, reachable=False, error="connection refused")


def target(job: str = "node", instance: str = "10.0.0.1:9100", **fields: Any) -> Any:
    given = {"server": P1, "job": job, "instance": instance, "health": "up"}
    return built(tables.ScrapeTarget, given, fields)


def lost(job: str = "node", instance: str = "10.0.0.1:9100", **fields: Any) -> Any:
    given = {"health": "down", "last_error": "connection refused", "seen_up": True}
    return target(job, instance, **{**given, **fields})


def rule(name: str = "TargetDown", **fields: Any) -> tables.AlertRule:
    given = {"server": P1, "group": "g", "name": name, "type": "alerting", "health": "ok"}
    return built(tables.AlertRule, given, fields)


WATCHDOG = rule("Watchdog", constant=True)


def alert(name: str = "TargetDown", state: str = "firing", **labels: str) -> tables.Alert:
    every = {"alertname": name, **labels}
    return tables.Alert(server=P1, name=name, state=state, labels=every, active_at=ago(minutes=5))


def routed(name: str = "TargetDown", state: str = "suppressed", **fields: Any) -> Any:
    given = {
        "server": A1,
        "fingerprint": name,
        "name": name,
        "state": state,
        "labels": {"alertname": name, "monitor": "kolla"},
    }
    return built(tables.RoutedAlert, given, fields)


def manager(address: str = A1, **fields: Any) -> tables.Alertmanager:
    given = {
        "address": address,
        "reachable": True,
        "cluster_status": "ready",
        "peers": ["m1", "m2"],
        "receivers": [tables.Receiver(name="pager", integrations=1)],
    }
    return built(tables.Alertmanager, given, fields)


def silence(**fields: Any) -> tables.Silence:
    given = {
        "server": A1,
        "id": "s1",
        "state": "active",
        "starts_at": ago(hours=1),
        "ends_at": NOW + timedelta(days=2),
        "created_by": "ann",
        "matchers": ['alertname="TargetDown"'],
    }
    return built(tables.Silence, given, fields)


def whole(**fields: Any) -> dict[str, Any]:
    """Return the tables of a monitoring that is well: two of each server."""
    return {
        "monitoring_servers": [server(P1), server(P2)],
        "scrape_targets": [target(instance=f"10.0.0.{n}:9100") for n in (1, 2, 3)],
        "alert_rules": [WATCHDOG, rule("Watchdog", server=P2), rule()],
        "alerts": [alert("Watchdog", severity="none")],
        "key_series": [tables.KeySeries(server=P1, selector="up", age_seconds=12.0)],
        "alertmanagers": [manager(A1), manager(A2)],
        "routed_alerts": [routed("Watchdog", "active")],
        "silences": [],
        **fields,
    }


def found(given: Facts) -> dict[str, Severity]:
    return {f.key: f.severity for f in judged(CHECKS, given)}


def top(given: Facts) -> dict[str, Severity]:
    shown, _folded = fold(judged(WITH_HOSTS, given))
    return {f.key: f.severity for f in shown}


def one(given: Facts) -> Finding:
    (finding,) = judged(CHECKS, given)
    return finding


def test_a_whole_monitoring_is_well() -> None:
    assert found(facts(**whole())) == {}


def test_nothing_configured_is_nothing_judged() -> None:
    assert found(facts(servers=[])) == {}


DOWN, NEVER, FIRING = (
    "monitoring.target.down",
    "monitoring.target.never_up",
    "monitoring.alert.firing",
)
CASES: list[tuple[str, dict[str, Any], dict[str, Severity]]] = [
    (
        "one dead server of two is a warning",
        {"monitoring_servers": [dead(P1), server(P2)]},
        {f"monitoring.server.down:monitoring:{P1}": WARNING},
    ),
    (
        "without any server nobody watches",
        {"monitoring_servers": [dead(P1)]},
        {f"monitoring.server.down:monitoring:{P1}": CRITICAL},
    ),
    (
        "a server that reads its own log is not ready",
        {"monitoring_servers": [server(ready=False)]},
        {f"monitoring.server.not_ready:monitoring:{P1}": WARNING},
    ),
    (
        "an old configuration is a warning",
        {"monitoring_servers": [server(config_loaded=False)]},
        {f"monitoring.server.config:monitoring:{P1}": WARNING},
    ),
    (
        "alerts that go nowhere are a warning",
        {"monitoring_servers": [server(alertmanagers=0)]},
        {f"monitoring.alertmanager.none:monitoring:{P1}": WARNING},
    ),
    (
        "a series older than the bound is stale",
        {"key_series": [tables.KeySeries(server=P1, selector="up", age_seconds=601.0)]},
        {f"monitoring.series.stale:series:up:{P1}": WARNING},
    ),
    (
        "a series that does not come at all is stale",
        {"key_series": [tables.KeySeries(server=P1, selector="x")]},
        {f"monitoring.series.stale:series:x:{P1}": WARNING},
    ),
    (
        "a rule that fails on two servers is one finding",
        {"alert_rules": [WATCHDOG, rule("Watchdog", server=P2)]
         + [rule("bad", health="err", server=at) for at in (P1, P2)]},
        {"monitoring.rule.failing:rule:g/bad": WARNING},
    ),
    (
        "a server without an alert that fires always is worth a word",
        {"alert_rules": [WATCHDOG, rule(server=P2)]},
        {"alerting.watchdog.absent:alert:watchdog": INFO},
    ),
    (
        "no rule at all is no watchdog either",
        {"alert_rules": []},
        {"alerting.watchdog.absent:alert:watchdog": INFO},
    ),
    (
        "one target down is a warning",
        {"scrape_targets": [lost(), target(instance="10.0.0.2:9100")]},
        {f"{DOWN}:target:node/10.0.0.1": WARNING},
    ),
    (
        "several targets of one job on one host are one finding",
        {"scrape_targets": [lost(instance=f"10.0.0.1:{port}") for port in (1, 2)]
         + [target(instance="10.0.0.2:1"), target("other")]},
        {f"{DOWN}:target:node/10.0.0.1": WARNING},
    ),
    (
        "a whole job is one finding",
        {"scrape_targets": [lost(instance=f"10.0.0.{n}:9100") for n in range(99)]
         + [target("other", f"10.0.0.{n}:1") for n in range(99)]},
        {f"{DOWN}:job:node": WARNING},
    ),
    (
        "a whole host is one finding",
        {"scrape_targets": [lost(job) for job in ("node", "cadvisor", "fluentd")]
         + [target(job, "10.0.0.2:9100") for job in ("node", "cadvisor", "fluentd")]},
        {f"{DOWN}:host:10.0.0.1": WARNING},
    ),
    (
        "a target that never was up is another finding",
        {"scrape_targets": [lost(seen_up=False), target(instance="10.0.0.2:9100")]},
        {f"{NEVER}:target:node/10.0.0.1": WARNING},
    ),
    (
        "a job that never was up is one finding",
        {"scrape_targets": [lost(instance=f"10.0.0.{n}:9100", seen_up=False) for n in range(99)]},
        {f"{NEVER}:job:node": WARNING},
    ),
    (
        "what is not known is not never",
        {"scrape_targets": [lost(seen_up=None), target(instance="10.0.0.2:9100")]},
        {f"{DOWN}:target:node/10.0.0.1": WARNING},
    ),
    (
        "a target of the probe is told by the host of its URL",
        {"scrape_targets": [lost("probe", "http://10.0.0.9:5000/v3"), target("probe", "x:1")]},
        {f"{DOWN}:target:probe/10.0.0.9": WARNING},
    ),
    ("a target that was not tried yet is well", {"scrape_targets": [target(health="unknown")]}, {}),
    (
        "severities are translated",
        {"alerts": [alert(n, severity=s) for n, s in (
            ("a", "critical"), ("b", "PAGE"), ("c", "warning"), ("d", "major"), ("e", "info"),
            ("f", ""), ("g", "none"))]},
        {f"{FIRING}:alert:a": CRITICAL, f"{FIRING}:alert:b": CRITICAL, f"{FIRING}:alert:c": WARNING,
         f"{FIRING}:alert:d": WARNING, f"{FIRING}:alert:e": INFO, f"{FIRING}:alert:f": WARNING},
    ),
    (
        "alerts of one name and place are one finding, as bad as the worst",
        {"alerts": [alert(instance="h1:1", disk=str(n), severity="warning") for n in range(20)]
         + [alert(instance="h1:1", severity="critical"), alert(instance="h2:1")]},
        {f"{FIRING}:alert:TargetDown/h1:1": CRITICAL, f"{FIRING}:alert:TargetDown/h2:1": WARNING},
    ),
    ("a pending alert is none", {"alerts": [alert(state="pending")]}, {}),
    (
        "an alert of a rule that is a number proves only that alerts arrive",
        {"alerts": [alert("Mine", severity="critical")],
         "alert_rules": [rule("Mine", constant=True, server=at) for at in (P1, P2)]},
        {},
    ),
    ("a silenced alert is known", {"alerts": [alert()], "routed_alerts": [routed()]}, {}),
    (
        "another alert of that name is not",
        {"alerts": [alert(instance="h2:1")],
         "routed_alerts": [routed(labels={"alertname": "TargetDown", "instance": "h1:1"})]},
        {f"{FIRING}:alert:TargetDown/h2:1": WARNING},
    ),
    (
        "one dead Alertmanager of two is a warning",
        {"alertmanagers": [tables.Alertmanager(address=A1, reachable=False), manager(A2)]},
        {f"alerting.server.down:alerting:{A1}": WARNING},
    ),
    (
        "without any Alertmanager nobody is told",
        {"alertmanagers": [tables.Alertmanager(address=A1, reachable=False)]},
        {f"alerting.server.down:alerting:{A1}": CRITICAL},
    ),
    (
        "members that see different ones are split",
        {"alertmanagers": [manager(A1, peers=["m1", "m2"]), manager(A2, peers=["m2"])]},
        {"alerting.cluster.split:alerting:alertmanager": WARNING},
    ),
    (
        "two clusters of one are split",
        {"alertmanagers": [manager(at, peers=[], cluster_status="disabled") for at in (A1, A2)]},
        {"alerting.cluster.split:alerting:alertmanager": WARNING},
    ),
    (
        "a receiver that is the only one and tells nobody is a warning",
        {"alertmanagers": [
            manager(receivers=[tables.Receiver(name="default-receiver", integrations=0)])]},
        {"alerting.receiver.empty:receiver:default-receiver": WARNING},
    ),
    (
        "a silence that hides something and ends soon is a warning",
        {"silences": [silence(ends_at=NOW + timedelta(hours=3))],
         "routed_alerts": [routed(silenced_by=["s1"])]},
        {"alerting.silence.ending:silence:s1": WARNING},
    ),
    (
        "a silence for months is a warning, once for all members of a cluster",
        {"silences": [silence(ends_at=NOW + timedelta(days=99), server=at) for at in (A1, A2)]},
        {"alerting.silence.endless:silence:s1": WARNING},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_table(given: dict[str, Any], expected: dict[str, Severity]) -> None:
    assert found(facts(**whole(**given))) == expected


def test_every_finding_says_why_and_what_to_do() -> None:
    for _name, given, _expected in CASES:
        for finding in judged(CHECKS, facts(**whole(**given))):
            assert finding.why
            assert finding.advice


WELL: dict[str, dict[str, Any]] = {
    "one Alertmanager alone": {"alertmanagers": [manager(peers=[], cluster_status="disabled")]},
    "a third member that is not in the settings": {
        "alertmanagers": [manager(at, peers=["m1", "m2", "m3"]) for at in (A1, A2)]
    },
    "a receiver that swallows beside one that tells": {
        "alertmanagers": [
            manager(
                receivers=[
                    tables.Receiver(name="null", integrations=0),
                    tables.Receiver(name="pager", integrations=1),
                ]
            )
        ]
    },
    "receivers of which nothing is known": {
        "alertmanagers": [manager(receivers=[tables.Receiver(name="r")])]
    },
    "a silence that hides nothing and ends soon": {
        "silences": [silence(ends_at=NOW + timedelta(minutes=1))]
    },
    "a silence for months that has not begun": {
        "silences": [silence(state="pending", ends_at=NOW + timedelta(days=999))]
    },
    "a server of which nobody knows where its alerts go": {
        "monitoring_servers": [server(alertmanagers=None)]
    },
}


@pytest.mark.parametrize("given", WELL.values(), ids=WELL)
def test_what_is_meant_so_is_well(given: dict[str, Any]) -> None:
    assert found(facts(**whole(**given))) == {}


def test_servers_that_refused_our_account_are_not_dead() -> None:
    given = whole(monitoring_servers=[dead(P1)], alertmanagers=[])
    keys = found(facts(**given, gaps=["monitoring_servers"]))
    assert keys == {f"monitoring.server.down:monitoring:{P1}": WARNING}


def test_rules_that_were_not_read_whole_are_no_missing_watchdog() -> None:
    assert found(facts(**whole(alert_rules=[]), gaps=["alert_rules"])) == {}


def test_a_target_that_one_of_two_servers_misses_says_so() -> None:
    rows = [lost(), target(server=P2), target(instance="10.0.0.2:9100")]
    assert "as 1 of 2 Prometheus see it" in one(facts(**whole(scrape_targets=rows))).summary


def host(name: str = "ctl1", **fields: Any) -> Host:
    given = {"name": name, "address": "10.0.0.1", "reachable": True, "containers_read": True}
    return built(Host, given, fields)


def test_a_host_that_cannot_be_reached_explains_its_targets_and_servers() -> None:
    rows = [lost(job) for job in ("node", "cadvisor")]
    rows += [target(job, "10.0.0.2:1") for job in ("node", "cadvisor")]
    given = whole(
        hosts=[host(reachable=False, error="ssh"), host("ctl2", address="10.0.0.2")],
        containers=[],
        scrape_targets=rows,
        monitoring_servers=[dead(P1), server(P2)],
    )
    assert list(top(facts(**given))) == ["host.unreachable:host:ctl1"]


def test_a_stopped_exporter_explains_its_own_target_and_no_other() -> None:
    exporter = Container(
        host="ctl1",
        name="prometheus_node_exporter",
        state="exited",
        kolla_version="20.1.0",
        restart_policy="unless-stopped",
    )
    rows = [lost("node"), lost("mysqld"), target("cadvisor"), target("node", "10.0.0.2:1")]
    given = whole(
        hosts=[host()],
        containers=[exporter],
        scrape_targets=[*rows, target("mysqld", "10.0.0.2:2")],
    )
    assert set(top(facts(**given))) == {
        "container.stopped:container:ctl1/prometheus_node_exporter",
        f"{DOWN}:target:mysqld/ctl1",
    }


def test_thousands_of_alerts_are_one_finding() -> None:
    rows = [alert("Same", instance=f"h{n}:1", severity="critical") for n in range(5000)]
    assert list(found(facts(**whole(alerts=rows)))) == [f"{FIRING}:cloud:c1"]


def test_thousands_of_silenced_alerts_are_seen_at_once() -> None:
    rows = [alert("Same", instance=f"h{n}:1") for n in range(5000)]
    hidden = [routed("Same", labels={**row.labels, "monitor": "k"}) for row in rows]
    assert found(facts(**whole(alerts=rows, routed_alerts=hidden))) == {}


def test_the_text_of_an_alert_steers_no_shell() -> None:
    advice = one(facts(**whole(alerts=[alert(HOSTILE)]))).advice
    assert "amtool alert query 'alertname=" in advice


def test_lists_of_severities_are_the_operators_own() -> None:
    policy = HealthPolicy(alert_critical_labels=["P1"], alert_info_labels=["P5"])
    rows = [alert("a", severity="p1"), alert("b", severity="P5"), alert("c", severity="critical")]
    assert set(found(facts(policy=policy, **whole(alerts=rows))).values()) == {
        CRITICAL,
        INFO,
        WARNING,
    }
