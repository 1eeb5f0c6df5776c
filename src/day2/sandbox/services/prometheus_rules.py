# SPDX-License-Identifier: Apache-2.0
"""The rules of the sandbox's Prometheus, and the alerts that they raise now."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from day2.sandbox.services.prometheus_evaluate import NAME, Evaluator, Labels, Point
from day2.sandbox.services.prometheus_parse import parse
from day2.sandbox.services.prometheus_past import Past
from day2.sandbox.services.prometheus_series import find
from day2.sandbox.world import World

GROUP, FILE, INTERVAL = "cloud", "/etc/prometheus/cloud.rules", 60
# How far back the beginning of an alert is looked for.
BACK_SECONDS = 7 * 86400
VARIABLE = re.compile(r"\{\{ \$labels\.(\w+) \}\}")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule; one without severity records."""

    name: str
    query: str
    seconds: int = 0
    severity: str = ""
    summary: str = ""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert that is pending or firing."""

    rule: Rule
    labels: Labels
    value: float
    since: float
    firing: bool

    @property
    def summary(self) -> str:
        """What is said of it."""
        return VARIABLE.sub(lambda found: self.labels.get(found[1], ""), self.rule.summary)


RULES = (
    Rule(name="cloud:vcpus_used:sum", query="sum(openstack_nova_vcpus_used)"),
    Rule(
        name="Watchdog",
        query="vector(1)",
        severity="none",
        summary="Fires always: its absence means that no alert arrives",
    ),
    Rule(
        name="TargetDown",
        query="up == 0",
        seconds=300,
        severity="critical",
        summary="{{ $labels.job }} of {{ $labels.instance }} is down",
    ),
    Rule(
        name="FileSystemNearlyFull",
        query="node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.1",
        seconds=900,
        severity="warning",
        summary="{{ $labels.mountpoint }} of {{ $labels.instance }} is nearly full",
    ),
    Rule(
        name="ServiceDown",
        query="max by (hostname, service) (openstack_nova_agent_state) == 0",
        seconds=300,
        severity="warning",
        summary="{{ $labels.service }} of {{ $labels.hostname }} does not report",
    ),
)


def alerts(world: World) -> list[Alert]:
    """Return the alerts of every rule, in the rules' order."""
    past = Past(world)
    return [alert for rule in RULES if rule.severity for alert in _of_rule(rule, past)]


def _of_rule(rule: Rule, past: Past) -> Iterator[Alert]:
    found = _vector(rule, past, past.now)
    for point in found:
        since = _since(rule, past, point)
        yield Alert(
            rule=rule,
            labels={
                "alertname": rule.name,
                **{k: v for k, v in point.labels.items() if k != NAME},
                "severity": rule.severity,
            },
            value=point.value,
            since=since,
            firing=past.now - since >= rule.seconds,
        )


def _vector(rule: Rule, past: Past, moment: float) -> list[Point]:
    found = Evaluator(partial(find, past)).at(parse(rule.query), moment)
    return found if isinstance(found, list) else []


def _since(rule: Rule, past: Past, point: Point) -> float:
    """Return when it began, to the minute; what is wrong here has been so without a break."""

    def holds(moment: float) -> bool:
        return any(p.labels == point.labels for p in _vector(rule, past, moment))

    good, bad = past.now - BACK_SECONDS, past.now
    if holds(good):
        return good
    while bad - good > INTERVAL:
        middle = (good + bad) / 2
        good, bad = (good, middle) if holds(middle) else (middle, bad)
    return bad


def listed(world: World, *, with_alerts: bool) -> dict[str, Any]:
    """Return the answer of `/api/v1/rules`."""
    now = world.now()
    raised = alerts(world)
    rules = []
    for rule in RULES:
        own = [alert for alert in raised if alert.rule is rule]
        entry: dict[str, Any] = {
            "name": rule.name,
            "query": rule.query,
            "health": "ok",
            "evaluationTime": 0.0008,
            "lastEvaluation": now.astimezone(UTC),
            "type": "alerting" if rule.severity else "recording",
        }
        if rule.severity:
            firing = any(alert.firing for alert in own)
            entry |= {
                "state": "firing" if firing else "pending" if own else "inactive",
                "duration": rule.seconds,
                "labels": {"severity": rule.severity},
                "annotations": {"summary": rule.summary},
                "alerts": [shown(alert) for alert in own] if with_alerts else [],
            }
        rules.append(entry)
    group = {
        "name": GROUP,
        "file": FILE,
        "rules": rules,
        "interval": INTERVAL,
        "limit": 0,
        "evaluationTime": 0.004,
        "lastEvaluation": now.astimezone(UTC),
    }
    return {"groups": [group]}


def shown(alert: Alert) -> dict[str, Any]:
    """Return an alert as Prometheus shows it."""
    return {
        "labels": alert.labels,
        "annotations": {"summary": alert.summary},
        "state": "firing" if alert.firing else "pending",
        "activeAt": datetime.fromtimestamp(alert.since, UTC),
        "value": f"{alert.value:e}",
    }
