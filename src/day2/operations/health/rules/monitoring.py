# SPDX-License-Identifier: Apache-2.0
"""Prometheus itself: answering, with its own configuration, rules that work, samples that come."""

from collections.abc import Iterator
from datetime import timedelta

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.monitoring import AlertRule, MonitoringServer
from day2.operations.health.check import Check, Facts, ago, finding, setting
from day2.operations.health.rules.crowd import HOST, bounded
from day2.operations.health.rules.sight import few, iso
from day2.operations.health.rules.where import Where

SECONDS_MAX = 1e9
LOGS = "docker logs --tail 100 prometheus_server"


@bounded("Prometheus servers that do not answer", by=HOST)
def down(facts: Facts) -> Iterator[Finding]:
    """A Prometheus server that does not answer; without any nobody sees and nobody is told."""
    servers = facts.tables.monitoring_servers
    alive = sum(1 for server in servers if server.reachable)
    # One that refused our account is a gap, and works.
    safe = alive > 0 or not facts.survey.is_complete("monitoring_servers")
    for server in servers:
        if server.reachable:
            continue
        yield finding(
            "monitoring.server.down",
            Severity.WARNING if safe else Severity.CRITICAL,
            _subject(facts, server),
            f"Prometheus {server.address} does not answer ({server.error}); "
            + (f"{alive} of {len(servers)} answer" if alive else "nothing watches this cloud"),
            why="the server does not answer" + (" (a warning: others do)" if safe else ""),
            evidence={"error": server.error, "answering": alive},
            advice=f"On its host: {LOGS}; docker start prometheus_server",
        )


@bounded("Prometheus servers that are not ready", by=HOST)
def not_ready(facts: Facts) -> Iterator[Finding]:
    """A server that answers, and answers no question yet."""
    for server in facts.tables.monitoring_servers:
        if server.reachable and server.ready is False:
            yield finding(
                "monitoring.server.not_ready",
                Severity.WARNING,
                _subject(facts, server),
                f"Prometheus {server.address} is not ready: it still reads its own log",
                why="the server says so itself; after a start this takes up to some minutes",
                advice=f"On its host: {LOGS}; a server that starts again and again runs out of "
                "memory or disk: docker inspect --format '{{.RestartCount}}' prometheus_server",
            )


@bounded("Prometheus servers with an old configuration", by=HOST)
def configuration(facts: Facts) -> Iterator[Finding]:
    """A server that could not read its newest configuration, and goes on with the one before."""
    for server in facts.tables.monitoring_servers:
        if server.config_loaded is False:
            yield finding(
                "monitoring.server.config",
                Severity.WARNING,
                _subject(facts, server),
                f"Prometheus {server.address} could not load its configuration and goes on with an "
                "older one",
                why="its last attempt to load the configuration failed",
                evidence={"loaded_at": iso(server.config_at)},
                advice="On its host: docker exec prometheus_server promtool check config "
                f"/etc/prometheus/prometheus.yml; {LOGS}",
            )


@bounded("key series are stale", by=HOST)
def stale(facts: Facts) -> Iterator[Finding]:
    """A series that must be fresh and is not: somebody watches a picture that stands still."""
    bound = facts.policy.monitoring_stale_minutes * 60
    for row in facts.tables.key_series:
        if row.age_seconds is not None and row.age_seconds <= bound:
            continue
        age = row.age_seconds
        since = "for over an hour" if age is None else f"for {_span(age)}"
        yield finding(
            "monitoring.series.stale",
            Severity.WARNING,
            Subject(type="series", id=row.selector, host=Where(facts).of_address(row.server)),
            f"Prometheus {row.server} has no sample of {row.selector} {since}",
            why=setting(facts.policy, "monitoring_stale_minutes"),
            evidence={"server": row.server, "age_seconds": row.age_seconds},
            advice="See whether the exporter runs, and whether the name is right (setting "
            "monitoring.key_series): an exporter may answer and have nothing to say.",
            aspect=row.server,
        )


@bounded("rules of Prometheus fail", by=HOST)
def rules_failing(facts: Facts) -> Iterator[Finding]:
    """A rule that cannot be evaluated: its alert will never come."""
    failing: dict[tuple[str, str], list[str]] = {}
    rows: dict[tuple[str, str], AlertRule] = {}
    for rule in facts.tables.alert_rules:
        if rule.health == "err":
            failing.setdefault((rule.group, rule.name), []).append(rule.server)
            rows.setdefault((rule.group, rule.name), rule)
    for (group, name), servers in sorted(failing.items()):
        rule = rows[group, name]
        what = "the alert" if rule.type == "alerting" else "the recording rule"
        yield finding(
            "monitoring.rule.failing",
            Severity.WARNING,
            Subject(type="rule", id=f"{group}/{name}", name=name),
            f"{what} {name} of group {group} cannot be evaluated: {rule.last_error}",
            why="its last evaluation failed: it neither fires nor records anything",
            evidence={
                "error": rule.last_error,
                "servers": sorted(set(servers)),
                "evaluated_at": iso(rule.evaluated_at),
            },
            advice="Try its expression in Prometheus; before a change is deployed: "
            "promtool check rules FILE, promtool test rules FILE",
        )


@bounded("Prometheus servers without an Alertmanager", by=HOST)
def unheard(facts: Facts) -> Iterator[Finding]:
    """A server with alerts and nobody to send them to."""
    alerting = {rule.server for rule in facts.tables.alert_rules if rule.type == "alerting"}
    for server in facts.tables.monitoring_servers:
        if server.alertmanagers == 0 and server.address in alerting:
            yield finding(
                "monitoring.alertmanager.none",
                Severity.WARNING,
                _subject(facts, server),
                f"Prometheus {server.address} has alerts and no Alertmanager to send them to",
                why="it has alerting rules, and no active Alertmanager",
                advice="enable_prometheus_alertmanager of Kolla's globals, then: "
                "kolla-ansible reconfigure --tags prometheus",
            )


def watchdog(facts: Facts) -> Iterator[Finding]:
    """No alert that always fires: then silence may mean that all is well, or that nothing works."""
    if not facts.survey.is_complete("alert_rules"):
        return
    names = set(facts.policy.alert_watchdog_names)
    lacking = {server.address for server in facts.tables.monitoring_servers if server.ready}
    for rule in facts.tables.alert_rules:
        if rule.type == "alerting" and (rule.constant or rule.name in names):
            lacking.discard(rule.server)
    if lacking:
        yield finding(
            "alerting.watchdog.absent",
            Severity.INFO,
            Subject(type="alert", id="watchdog"),
            f"no alert fires always on {few(sorted(lacking))}: nobody notices when alerts stop "
            "arriving",
            why=setting(facts.policy, "alert_watchdog_names"),
            evidence={"servers": sorted(lacking)},
            advice="Add a rule `vector(1)` named Watchdog, and a receiver outside of this cloud "
            "that calls when it stops coming.",
        )


def _subject(facts: Facts, server: MonitoringServer) -> Subject:
    host = Where(facts).of_address(server.address)
    return Subject(type="monitoring", id=server.address, host=host)


def _span(seconds: float) -> str:
    """Say a span, whatever number a server makes of it."""
    return ago(timedelta(seconds=seconds)) if abs(seconds) < SECONDS_MAX else "ever"


SERVERS = ("monitoring_servers",)
RULES = ("alert_rules",)

CHECKS = (
    Check(
        name="monitoring.server.down",
        title="A Prometheus server that does not answer",
        needs=SERVERS,
        judge=down,
    ),
    Check(
        name="monitoring.server.not_ready",
        title="A Prometheus server that is not ready",
        needs=SERVERS,
        judge=not_ready,
    ),
    Check(
        name="monitoring.server.config",
        title="A Prometheus server with an older configuration than its file",
        needs=SERVERS,
        judge=configuration,
    ),
    Check(
        name="monitoring.series.stale",
        title="A key series without new samples",
        needs=("key_series",),
        judge=stale,
        settings=("monitoring_stale_minutes",),
    ),
    Check(
        name="monitoring.rule.failing",
        title="A rule of Prometheus that cannot be evaluated",
        needs=RULES,
        judge=rules_failing,
    ),
    Check(
        name="monitoring.alertmanager.none",
        title="A Prometheus server that sends its alerts nowhere",
        needs=(*SERVERS, *RULES),
        judge=unheard,
    ),
    Check(
        name="alerting.watchdog.absent",
        title="No alert that proves that alerts arrive",
        needs=(*SERVERS, *RULES),
        judge=watchdog,
        settings=("alert_watchdog_names",),
    ),
)
