# SPDX-License-Identifier: Apache-2.0
"""Alertmanager's API v2: itself, its receivers, the alerts that Prometheus sent, silences."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services import prometheus_rules
from day2.sandbox.services.guarded import Guarded
from day2.sandbox.services.prometheus_past import targets
from day2.sandbox.services.prometheus_rules import Alert
from day2.sandbox.tables import Row
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
    if refused.kind != "not_found":
        # Alertmanager says what it does not take as a bare string.
        return Answer(status=refused.status, body=refused.message)
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
    holding = [row for row in world["silences"] if _state(row, now) == "active"]
    firing = [one for one in prometheus_rules.alerts(world) if one.firing]
    return Answer(body=[_alert(one, now, holding) for one in firing])


@route("GET", "/api/v2/silences")
def silences(_request: Request, world: World) -> Answer:
    """List the silences, those that have expired included."""
    now = world.now()
    return Answer(body=[_silence(row, now) for row in world["silences"]])


@route("POST", "/api/v2/silences")
def add_silence(request: Request, world: World) -> Answer:
    """Add a silence, or change the one whose id is given."""
    given = request.document()
    try:
        wanted = msgspec.convert(given, _Wanted)
        for matcher in wanted.matchers:
            re.compile(matcher.value if matcher.is_regex else "")
    except (msgspec.ValidationError, re.error) as error:
        raise Refused(http.BAD_REQUEST, f"invalid silence: {error}") from None
    now = world.now()
    if not wanted.matchers:
        raise Refused(http.BAD_REQUEST, "invalid silence: at least one matcher required")
    if wanted.ends_at <= max(now, wanted.starts_at):
        raise Refused(http.BAD_REQUEST, "Failed to create silence: end time can't be in the past")
    row = msgspec.structs.asdict(wanted)
    old = world["silences"].get(wanted.id) if wanted.id else None
    if wanted.id and old is None:
        raise Refused(http.NOT_FOUND, f"silence {wanted.id} not found")
    if old is not None and _state(old, now) == "active" and old["matchers"] == row["matchers"]:
        world["silences"].change(wanted.id, ends_at=wanted.ends_at, updated_at=now)
        return Answer(body={"silenceID": wanted.id})
    row |= {"id": world.new_id("silence"), "updated_at": now}
    world["silences"].put({**row, "starts_at": max(wanted.starts_at, now)})
    return Answer(body={"silenceID": row["id"]})


@route("GET", "/api/v2/silence/{id}")
def one_silence(request: Request, world: World) -> Answer:
    """Show a silence, one that has expired as well."""
    row = world["silences"].get(request.parts["id"])
    if row is None:
        raise Refused(http.NOT_FOUND, f"silence {request.parts['id']} not found")
    return Answer(body=_silence(row, world.now()))


@route("DELETE", "/api/v2/silence/{id}")
def expire_silence(request: Request, world: World) -> Answer:
    """Expire a silence: it stays in the list."""
    own, now = request.parts["id"], world.now()
    row = world["silences"].get(own)
    if row is None:
        raise Refused(http.NOT_FOUND, f"silence {own} not found")
    if _state(row, now) != "expired":
        world["silences"].change(
            own, ends_at=now, starts_at=min(row["starts_at"], now), updated_at=now
        )
    return Answer()


class _Matcher(msgspec.Struct, rename="camel"):
    name: str
    value: str
    is_regex: bool
    is_equal: bool = True

    def fits(self, labels: dict[str, str]) -> bool:
        value = labels.get(self.name, "")
        same = bool(re.fullmatch(self.value, value)) if self.is_regex else value == self.value
        return same is self.is_equal


class _Wanted(msgspec.Struct, rename="camel"):
    matchers: list[_Matcher]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    id: str = ""


def _state(row: Row, now: datetime) -> str:
    if row["ends_at"] <= now:
        return "expired"
    return "pending" if row["starts_at"] > now else "active"


def _silence(row: Row, now: datetime) -> dict[str, Any]:
    return {
        "id": row["id"],
        "status": {"state": _state(row, now)},
        "updatedAt": _iso(row["updated_at"]),
        "comment": row["comment"],
        "createdBy": row["created_by"],
        "endsAt": _iso(row["ends_at"]),
        "matchers": [msgspec.to_builtins(matcher) for matcher in row["matchers"]],
        "startsAt": _iso(row["starts_at"]),
    }


def _alert(alert: Alert, now: datetime, holding: list[Row]) -> dict[str, Any]:
    words = sorted(alert.labels.items())
    by = [
        row["id"] for row in holding if all(one.fits(dict(alert.labels)) for one in row["matchers"])
    ]
    return {
        "annotations": {"summary": alert.summary},
        "endsAt": _iso(now + timedelta(minutes=4)),
        "fingerprint": _hash(str(words))[:16],
        "receivers": [{"name": RECEIVER}],
        "startsAt": _iso(datetime.fromtimestamp(alert.since + alert.rule.seconds, UTC)),
        "status": {
            "inhibitedBy": [],
            "mutedBy": [],
            "silencedBy": by,
            "state": "suppressed" if by else "active",
        },
        "updatedAt": _iso(now),
        "generatorURL": "http://prometheus:9091/graph",
        "labels": alert.labels,
    }


def _hash(*words: str) -> str:
    return hashlib.sha256("/".join(words).encode()).hexdigest()


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
