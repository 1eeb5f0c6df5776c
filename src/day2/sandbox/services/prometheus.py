# SPDX-License-Identifier: Apache-2.0
"""Prometheus' HTTP API: questions in PromQL, targets, rules, alerts, and itself."""

import math
import urllib.parse
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services import prometheus_rules
from day2.sandbox.services.guarded import Guarded
from day2.sandbox.services.prometheus_evaluate import Evaluator, Labels, Point
from day2.sandbox.services.prometheus_parse import Node, Selector, duration, parse
from day2.sandbox.services.prometheus_past import DAYS, Past, targets
from day2.sandbox.services.prometheus_series import FAMILIES, find
from day2.sandbox.world import World

VERSION = "3.2.1"
POINTS_MAX = 11_000
SCRAPE = timedelta(seconds=60)
NO_ROUTE = "context deadline exceeded"


def _render(refused: Refused, _request: Request) -> Answer:
    match refused.status:
        case http.UNAUTHORIZED:
            return Answer(
                status=refused.status,
                body=b"Unauthorized\n",
                headers={"WWW-Authenticate": "Basic", "Content-Type": "text/plain"},
            )
        case http.NOT_FOUND | http.NOT_ALLOWED:
            plain = {"Content-Type": "text/plain; charset=utf-8"}
            return Answer(status=refused.status, body=b"404 page not found\n", headers=plain)
        case _:
            body = {"status": "error", "errorType": refused.kind, "error": refused.message}
            return Answer(status=refused.status, body=body)


SERVICE = Guarded("prometheus", render=_render, user="admin", key="prometheus_password")
route = SERVICE.route


@route("GET", "/-/ready")
@route("GET", "/-/healthy")
def ready(_request: Request, _world: World) -> Answer:
    """Say that it is ready."""
    plain = {"Content-Type": "text/plain; charset=utf-8"}
    return Answer(body=b"Prometheus Server is Ready.\n", headers=plain)


@route("GET", "/api/v1/query")
@route("POST", "/api/v1/query")
def query(request: Request, world: World) -> Answer:
    """Answer for one moment."""
    words = _words(request)
    moment = _moment(words, "time", world) if words.get("time") else world.now().timestamp()
    node, evaluator = parse(words.get("query", "")), Evaluator(partial(find, Past(world)))
    if isinstance(node, Selector) and node.seconds:
        rows = [
            {"metric": labels, "values": [_pair(p.at, p.value) for p in points]}
            for labels, points in evaluator.samples(node, moment)
        ]
        return _success({"resultType": "matrix", "result": rows})
    value = evaluator.at(node, moment)
    if isinstance(value, float):
        return _success({"resultType": "scalar", "result": _pair(moment, value)})
    found = [{"metric": p.labels, "value": _pair(moment, p.value)} for p in value]
    return _success({"resultType": "vector", "result": found})


@route("GET", "/api/v1/query_range")
@route("POST", "/api/v1/query_range")
def query_range(request: Request, world: World) -> Answer:
    """Answer for a span, step by step."""
    words = _words(request)
    start, end = _moment(words, "start", world), _moment(words, "end", world)
    step = _step(words.get("step", ""))
    if end < start:
        raise _bad("end", "end timestamp must not be before start time")
    if (end - start) / step > POINTS_MAX:
        raise Refused(
            http.BAD_REQUEST,
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
            "resolution (?step=XX)",
            kind="bad_data",
        )
    node = parse(words.get("query", ""))
    if isinstance(node, Selector) and node.seconds:
        raise _bad(
            "query",
            'invalid expression type "range vector" for range query, must be Scalar or instant '
            "Vector",
        )
    moments = [start + step * number for number in range(int((end - start) / step) + 1)]
    rows = _matrix(node, Evaluator(partial(find, Past(world))), moments)
    return _success({"resultType": "matrix", "result": rows})


@route("GET", "/api/v1/targets")
def list_targets(request: Request, world: World) -> Answer:
    """List what is scraped, and how the last time went."""
    now = world.now()
    rows = []
    for target in targets(world):
        name, dead = target.host.name, target.host.dead
        url = f"http://{name}:{target.port}{target.path}"
        rows.append(
            {
                "discoveredLabels": {"__address__": f"{name}:{target.port}", "job": target.job},
                "labels": {"instance": name, "job": target.job},
                "scrapePool": target.job,
                "scrapeUrl": url,
                "globalUrl": url,
                "lastError": f'Get "{url}": {NO_ROUTE}' if dead else "",
                "lastScrape": _iso(_scraped(now)),
                "lastScrapeDuration": 10.0 if dead else 0.021,
                "health": "down" if dead else "up",
                "scrapeInterval": "1m",
                "scrapeTimeout": "10s",
            }
        )
    shown = rows if request.first("state", "any") in {"any", "active"} else []
    return _success({"activeTargets": shown, "droppedTargets": [], "droppedTargetCounts": {}})


@route("GET", "/api/v1/rules")
def rules(request: Request, world: World) -> Answer:
    """List the rules, with the alerts that they raise."""
    return _success(prometheus_rules.listed(world, with_alerts=not request.flag("exclude_alerts")))


@route("GET", "/api/v1/alerts")
def alerts(_request: Request, world: World) -> Answer:
    """List the alerts."""
    found = [prometheus_rules.shown(alert) for alert in prometheus_rules.alerts(world)]
    return _success({"alerts": found})


@route("GET", "/api/v1/alertmanagers")
def managers(_request: Request, world: World) -> Answer:
    """Name the Alertmanagers that alerts are sent to."""
    urls = [
        {"url": f"http://{t.host.name}:{t.port}/api/v2/alerts"}
        for t in targets(world)
        if t.job == "alertmanager" and not t.host.dead
    ]
    return _success({"activeAlertmanagers": urls, "droppedAlertmanagers": []})


@route("GET", "/api/v1/status/buildinfo")
def build(_request: Request, _world: World) -> Answer:
    """Say what was built."""
    names = ("revision", "branch", "buildUser", "buildDate", "goVersion")
    return _success({"version": VERSION, **dict.fromkeys(names, "")})


@route("GET", "/api/v1/status/runtimeinfo")
def runtime(_request: Request, world: World) -> Answer:
    """Say how it runs."""
    begun = world.started_at - timedelta(days=60)
    return _success(
        {
            "startTime": _iso(begun),
            "CWD": "/var/lib/prometheus",
            "reloadConfigSuccess": True,
            "lastConfigTime": _iso(begun),
            "corruptionCount": 0,
            "storageRetention": f"{DAYS}d",
        }
    )


@route("GET", "/api/v1/status/tsdb")
def head(_request: Request, world: World) -> Answer:
    """Count what is in memory."""
    past = Past(world)
    count = sum(1 for family in FAMILIES.values() for _series in family(past))
    return _success({"headStats": {"numSeries": count, "chunkCount": count * 2}})


@route("GET", "/api/v1/label/{name}/values")
def values(request: Request, world: World) -> Answer:
    """List the values of a label."""
    past, name = Past(world), request.parts["name"]
    if name == "__name__":
        return _success(sorted(FAMILIES))
    found = {s.labels.get(name, "") for family in FAMILIES.values() for s in family(past)}
    return _success(sorted(found - {""}))


def _matrix(node: Node, evaluator: Evaluator, moments: Iterable[float]) -> list[dict[str, Any]]:
    found: dict[tuple[tuple[str, str], ...], tuple[Labels, list[list[Any]]]] = {}
    for moment in moments:
        value = evaluator.at(node, moment)
        for point in [Point({}, value, moment)] if isinstance(value, float) else value:
            key = tuple(sorted(point.labels.items()))
            _labels, pairs = found.setdefault(key, (point.labels, []))
            pairs.append(_pair(moment, point.value))
    return [{"metric": labels, "values": pairs} for labels, pairs in found.values()]


def _words(request: Request) -> dict[str, str]:
    form = urllib.parse.parse_qsl(request.body.decode("utf-8", "replace"))
    return dict([*request.query, *form])


def _moment(words: dict[str, str], name: str, world: World) -> float:
    text = words.get(name, "")
    try:
        found = float(text)
    except ValueError:
        try:
            found = datetime.fromisoformat(text).timestamp()
        except ValueError:
            said = f'cannot parse "{text}" to a valid timestamp'
            raise _bad(name, said) from None
    if not math.isfinite(found) or abs(found - world.now().timestamp()) > DAYS * 10 * 86400:
        raise _bad(name, f'cannot parse "{text}" to a valid timestamp')
    return found


def _step(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = duration(text)
    if not math.isfinite(found) or found <= 0:
        said = (
            "zero or negative query resolution step widths are not accepted. Try a positive integer"
        )
        raise _bad("step", said if text else 'cannot parse "" to a valid duration')
    return found


def _bad(name: str, said: str) -> Refused:
    text = f'invalid parameter "{name}": {said}'
    return Refused(http.BAD_REQUEST, text, kind="bad_data")


def _success(data: Any) -> Answer:  # noqa: ANN401 - JSON
    return Answer(body={"status": "success", "data": data})


def _pair(moment: float, value: float) -> list[Any]:
    return [round(moment, 3), written(value)]


def written(value: float) -> str:
    """Write a number as Prometheus does: no exponent, no superfluous zero."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def _scraped(now: datetime) -> datetime:
    seconds = math.floor(now.timestamp() / SCRAPE.total_seconds()) * SCRAPE.total_seconds()
    return datetime.fromtimestamp(seconds, UTC)


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
