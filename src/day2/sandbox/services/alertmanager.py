# SPDX-License-Identifier: Apache-2.0
"""Alertmanager's API v2: itself, its receivers, the alerts that Prometheus sent, silences."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services import prometheus_rules
from day2.sandbox.services.guarded import Guarded
from day2.sandbox.services.prometheus_past import targets
from day2.sandbox.services.prometheus_rules import Alert
from day2.sandbox.world import World

VERSION = "0.28.1"
RECEIVER = "operators"
CONFIGURATION = f"""route:
  receiver: {RECEIVER}
  group_by: [alertname, instance]
receivers:
- name: {RECEIVER}
  webhook_configs:
  - send_resolved: true
    url: <secret>
"""


def _render(refused: Refused, _request: Request) -> Answer:
    if refused.status == http.UNAUTHORIZED:
        headers = {"WWW-Authenticate": "Basic", "Content-Type": "text/plain"}
        return Answer(status=refused.status, body=b"Unauthorized\n", headers=headers)
    said = {"code": refused.status, "message": f"path {refused.message}"}
    return Answer(status=refused.status, body=said)


SERVICE = Guarded("alertmanager", render=_render, user="admin", key="prometheus_password")
route = SERVICE.route


@route("GET", "/-/ready")
@route("GET", "/-/healthy")
def ready(_request: Request, _world: World) -> Answer:
    """Say that it is ready."""
    return Answer(body=b"OK", headers={"Content-Type": "text/plain; charset=utf-8"})


@route("GET", "/api/v2/status")
def status(_request: Request, world: World) -> Answer:
    """Say how it is, and whom it sees."""
    peers = [
        {"name": _hash("peer", t.host.name)[:26].upper(), "address": f"{t.host.name}:9094"}
        for t in targets(world)
        if t.job == "alertmanager" and not t.host.dead
    ]
    cluster = {"name": peers[0]["name"] if peers else "", "peers": peers, "status": "ready"}
    return Answer(
        body={
            "cluster": cluster,
            "config": {"original": CONFIGURATION},
            "uptime": _iso(world.started_at - timedelta(days=60)),
            "versionInfo": {"version": VERSION, "branch": "HEAD", "goVersion": "go1.23.7"},
        }
    )


@route("GET", "/api/v2/receivers")
def receivers(_request: Request, _world: World) -> Answer:
    """Name the receivers."""
    return Answer(body=[{"name": RECEIVER}])


@route("GET", "/api/v2/alerts")
def alerts(_request: Request, world: World) -> Answer:
    """List the alerts that Prometheus has sent: those that fire."""
    now = world.now()
    return Answer(body=[_alert(one, now) for one in prometheus_rules.alerts(world) if one.firing])


@route("GET", "/api/v2/silences")
def silences(_request: Request, _world: World) -> Answer:
    """List the silences: nobody has silenced anything here."""
    return Answer(body=[])


def _alert(alert: Alert, now: datetime) -> dict[str, Any]:
    words = sorted(alert.labels.items())
    return {
        "annotations": {"summary": alert.summary},
        "endsAt": _iso(now + timedelta(minutes=4)),
        "fingerprint": _hash(str(words))[:16],
        "receivers": [{"name": RECEIVER}],
        "startsAt": _iso(datetime.fromtimestamp(alert.since + alert.rule.seconds, UTC)),
        "status": {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": _iso(now),
        "generatorURL": "http://prometheus:9091/graph",
        "labels": alert.labels,
    }


def _hash(*words: str) -> str:
    return hashlib.sha256("/".join(words).encode()).hexdigest()


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
