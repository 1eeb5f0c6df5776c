# SPDX-License-Identifier: Apache-2.0
"""Firing alerts as findings, and Alertmanager: reachable, of one mind, with somebody to tell."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables import utc
from day2.model.tables.monitoring import Alert, Alertmanager, RoutedAlert, Silence
from day2.operations.health.check import Check, Facts, ago, finding, setting
from day2.operations.health.policy import HealthPolicy
from day2.operations.health.rules.crowd import HOST, bounded
from day2.operations.health.rules.sight import command, few, iso
from day2.operations.health.rules.where import Where

LOGS = "docker logs --tail 100 prometheus_alertmanager"
# Labels in which rules and exporters name a host, the surest first.
PLACES = ("instance", "hostname", "host", "nodename", "node", "exported_instance")
Labels = frozenset[tuple[str, str]]


@bounded("alerts are firing", by=HOST, tell="alert", merged=False)
def firing(facts: Facts) -> Iterator[Finding]:
    """What Prometheus' own rules found, one finding for each alert and place; silenced ones not."""
    where = Where(facts)
    hidden = _Hidden(facts)
    constant = {rule.name for rule in facts.tables.alert_rules if rule.constant}
    groups: dict[tuple[str, str, str], dict[Labels, Alert]] = defaultdict(dict)
    for alert in facts.tables.alerts:
        if alert.state != "firing" or _proves_only(facts.policy, alert, constant):
            continue
        if hidden.has(alert):
            continue
        labels = frozenset(alert.labels.items())
        host, place = _place(where, alert.labels)
        groups[alert.name, place, host].setdefault(labels, alert)
    for (name, place, host), found in sorted(groups.items()):
        yield _firing(facts, name, place, host, list(found.values()))


def _firing(facts: Facts, name: str, place: str, host: str, alerts: list[Alert]) -> Finding:
    severities = {id(alert): severity(facts.policy, alert.labels) for alert in alerts}
    worst = min(alerts, key=lambda alert: severities[id(alert)].rank)
    graded = severities[id(worst)]
    since = max((facts.age(a.active_at) or timedelta(0) for a in alerts), default=timedelta(0))
    rows = f" ({len(alerts)} of them)" if len(alerts) > 1 else ""
    on = f" on {place}" if place else ""
    return finding(
        "monitoring.alert.firing",
        graded,
        Subject(
            type="alert", id=f"{name}/{place}" if place else name, name=name or "alert", host=host
        ),
        f"alert {name or 'without a name'} fires{on} for {ago(since)}{rows}"
        + (f": {worst.summary}" if worst.summary else ""),
        why=_decided(facts.policy, graded, worst.labels.get("severity", "")),
        evidence={
            "alert": name,
            "labels": worst.labels,
            "active_at": iso(worst.active_at),
            "count": len(alerts),
        },
        advice="See the alert's own runbook; what it says now: "
        + command("amtool alert query", f"alertname={name}"),
    )


def severity(policy: HealthPolicy, labels: dict[str, str]) -> Severity:
    """Translate an alert's own severity into ours."""
    said = labels.get("severity", "").lower()
    if said in {word.lower() for word in policy.alert_critical_labels}:
        return Severity.CRITICAL
    if said in {word.lower() for word in policy.alert_info_labels}:
        return Severity.INFO
    return Severity.WARNING


def _decided(policy: HealthPolicy, graded: Severity, said: str) -> str:
    label = f"its label severity is {said!r}" if said else "it has no label severity"
    match graded:
        case Severity.CRITICAL:
            return f"{label}: {setting(policy, 'alert_critical_labels')}"
        case Severity.INFO:
            return f"{label}: {setting(policy, 'alert_info_labels')}"
        case _:
            return f"{label}: neither in health.alert_critical_labels nor in alert_info_labels"


def _proves_only(policy: HealthPolicy, alert: Alert, constant: set[str]) -> bool:
    """Tell whether it fires only to show that alerts arrive."""
    return (
        alert.name in policy.alert_watchdog_names
        or alert.name in constant
        or alert.labels.get("severity", "").lower() == "none"
    )


class _Hidden:
    """What Alertmanager suppresses: somebody knows of it, or it follows from something else.

    Alertmanager has the labels of Prometheus and its external ones.
    """

    def __init__(self, facts: Facts) -> None:
        self._by_name: dict[str, list[dict[str, str]]] = defaultdict(list)
        for alert in facts.tables.routed_alerts:
            if alert.state == "suppressed":
                self._by_name[alert.name].append(alert.labels)
        # By the name of the alert and the names of its labels, of which there are few.
        self._cut: dict[tuple[str, frozenset[str]], set[Labels]] = {}

    def has(self, alert: Alert) -> bool:
        if alert.name not in self._by_name:
            return False
        names = frozenset(alert.labels)
        key = (alert.name, names)
        if key not in self._cut:
            self._cut[key] = {
                frozenset((name, labels[name]) for name in names)
                for labels in self._by_name[alert.name]
                if names <= labels.keys()
            }
        return frozenset(alert.labels.items()) in self._cut[key]


def _place(where: Where, labels: dict[str, str]) -> tuple[str, str]:
    """Return the host that an alert is about, if it can be known, and what its labels call it."""
    for name in PLACES:
        value = labels.get(name, "")
        if value:
            host = where.of_address(value)
            return host, host or value
    return "", ""


@bounded("Alertmanagers that do not answer", by=HOST)
def down(facts: Facts) -> Iterator[Finding]:
    """An Alertmanager that does not answer; without any nobody is told of anything."""
    managers = facts.tables.alertmanagers
    alive = sum(1 for manager in managers if manager.reachable)
    safe = alive > 0 or not facts.survey.is_complete("alertmanagers")
    for manager in managers:
        if manager.reachable:
            continue
        yield finding(
            "alerting.server.down",
            Severity.WARNING if safe else Severity.CRITICAL,
            _subject(facts, manager),
            f"Alertmanager {manager.address} does not answer ({manager.error}); "
            + (f"{alive} of {len(managers)} answer" if alive else "nobody is told of any alert"),
            why="the server does not answer" + (" (a warning: others do)" if safe else ""),
            evidence={"error": manager.error, "answering": alive},
            advice=f"On its host: {LOGS}; docker start prometheus_alertmanager",
        )


def split(facts: Facts) -> Iterator[Finding]:
    """Alertmanagers that do not see each other: each sends everything, and silences part ways."""
    managers = [manager for manager in facts.tables.alertmanagers if manager.reachable]
    if len(managers) < 2:  # noqa: PLR2004 - it takes two
        return
    seen = {manager.address: _members(manager) for manager in managers}
    together = set.intersection(*seen.values())
    # Each sees as many as answered, and all see the same ones.
    if len(together) >= len(managers) and len({frozenset(one) for one in seen.values()}) == 1:
        return
    yield finding(
        "alerting.cluster.split",
        Severity.WARNING,
        Subject(type="alerting", id="alertmanager"),
        f"the {len(managers)} Alertmanagers do not see each other: "
        + "; ".join(f"{address} sees {len(members)}" for address, members in sorted(seen.items())),
        why="all Alertmanagers of one cloud are members of one cluster",
        evidence={
            "members": {address: sorted(members) for address, members in seen.items()},
            "status": {manager.address: manager.cluster_status for manager in managers},
        },
        advice="Open TCP and UDP port 9094 between them; see --cluster.peer of each: "
        "docker inspect prometheus_alertmanager",
    )


def _members(manager: Alertmanager) -> set[str]:
    """Return whom it sees; outside of a cluster only itself."""
    return set(manager.peers) or {manager.address}


def without_receiver(facts: Facts) -> Iterator[Finding]:
    """Receivers without an integration: whatever is sent to them reaches nobody."""
    told: Counter[str] = Counter()
    where: dict[str, list[str]] = defaultdict(list)
    for alert in facts.tables.routed_alerts:
        told.update(set(alert.receivers))
    for manager in facts.tables.alertmanagers:
        rows = manager.receivers
        known = [row for row in rows if row.integrations is not None]
        deaf = {row.name for row in known if row.integrations == 0}
        # One of several may be meant to swallow; all of them, or one that gets alerts, is not.
        if rows and len(deaf) == len(rows):
            for name in deaf:
                where[name].append(manager.address)
    for name, addresses in sorted(where.items()):
        yield finding(
            "alerting.receiver.empty",
            Severity.WARNING,
            Subject(type="receiver", id=name),
            f"Alertmanager's receiver {name} tells nobody, and no other receiver does"
            + (f"; {told[name]} alerts went there" if told[name] else ""),
            why="none of the receivers has an integration (mail, webhook, PagerDuty, Slack, …)",
            evidence={"alertmanagers": sorted(addresses), "alerts": told[name]},
            advice="Write receivers into NODE_CUSTOM_CONFIG/prometheus/"
            "prometheus-alertmanager.yml, then: kolla-ansible reconfigure --tags prometheus",
        )


@bounded("silences end soon", by=HOST, merged=False)
def ending(facts: Facts) -> Iterator[Finding]:
    """A silence that hides alerts now and soon will not: somebody will be called."""
    bound = timedelta(hours=facts.policy.silence_ending_hours)
    for key, (silence, hides) in _silences(facts).items():
        ends = utc(silence.ends_at)
        if not hides or ends is None or ends - facts.now > bound:
            continue
        names = few(sorted({alert.name for alert in hides}))
        yield finding(
            "alerting.silence.ending",
            Severity.WARNING,
            Subject(type="silence", id=key),
            f"a silence of {silence.created_by or 'nobody known'} ends in "
            f"{ago(max(ends - facts.now, timedelta(0)))} and still hides {len(hides)} alerts "
            f"({names})",
            why=setting(facts.policy, "silence_ending_hours"),
            evidence={
                "matchers": silence.matchers,
                "ends_at": iso(silence.ends_at),
                "comment": silence.comment,
                "alerts": len(hides),
            },
            advice="Mend what it hides, or make the silence longer: amtool silence update "
            "--duration 24h ID",
        )


@bounded("silences never end", by=HOST, merged=False)
def endless(facts: Facts) -> Iterator[Finding]:
    """A silence for longer than anybody remembers it."""
    bound = timedelta(days=facts.policy.silence_days_max)
    for key, (silence, hides) in _silences(facts).items():
        starts, ends = utc(silence.starts_at), utc(silence.ends_at)
        if starts is None or ends is None or ends - starts <= bound:
            continue
        yield finding(
            "alerting.silence.endless",
            Severity.WARNING,
            Subject(type="silence", id=key),
            f"a silence of {silence.created_by or 'nobody known'} lasts {ago(ends - starts)}: "
            f"{few(silence.matchers)}" + (f"; it hides {len(hides)} alerts now" if hides else ""),
            why=setting(facts.policy, "silence_days_max"),
            evidence={
                "matchers": silence.matchers,
                "starts_at": iso(silence.starts_at),
                "ends_at": iso(silence.ends_at),
                "comment": silence.comment,
                "alerts": len(hides),
            },
            advice="Take the rule out, or mend what it says, and end the silence: "
            + command("amtool silence expire", key),
        )


def _silences(facts: Facts) -> dict[str, tuple[Silence, list[RoutedAlert]]]:
    """Return the silences that hold, once for all members of a cluster, with what they hide."""
    hides: dict[str, dict[str, RoutedAlert]] = defaultdict(dict)
    for alert in facts.tables.routed_alerts:
        for key in alert.silenced_by:
            hides[key].setdefault(alert.fingerprint, alert)
    return {
        silence.id: (silence, list(hides[silence.id].values()))
        for silence in reversed(facts.tables.silences)
        if silence.state == "active"
    }


def _subject(facts: Facts, manager: Alertmanager) -> Subject:
    host = Where(facts).of_address(manager.address)
    return Subject(type="alerting", id=manager.address, host=host)


MANAGERS = ("alertmanagers",)
SILENCES = ("silences", "routed_alerts")

CHECKS = (
    Check(
        name="monitoring.alert.firing",
        title="An alert of Prometheus that fires",
        needs=("alerts",),
        judge=firing,
        settings=("alert_critical_labels", "alert_info_labels", "alert_watchdog_names"),
    ),
    Check(
        name="alerting.server.down",
        title="An Alertmanager that does not answer",
        needs=MANAGERS,
        judge=down,
    ),
    Check(
        name="alerting.cluster.split",
        title="Alertmanagers that do not see each other",
        needs=MANAGERS,
        judge=split,
    ),
    Check(
        name="alerting.receiver.empty",
        title="An Alertmanager that tells nobody",
        needs=MANAGERS,
        judge=without_receiver,
    ),
    Check(
        name="alerting.silence.ending",
        title="A silence that ends soon",
        needs=SILENCES,
        judge=ending,
        settings=("silence_ending_hours",),
    ),
    Check(
        name="alerting.silence.endless",
        title="A silence that never ends",
        needs=SILENCES,
        judge=endless,
        settings=("silence_days_max",),
    ),
)
