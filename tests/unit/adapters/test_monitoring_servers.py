# SPDX-License-Identifier: Apache-2.0
"""Prometheus and Alertmanager when what answers is hostile, broken, slow, or somebody else."""

import contextlib
import json
import math
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from day2.adapters.alertmanager import AlertRouter, integrations
from day2.adapters.prometheus import Prometheus
from day2.errors import BadAnswer, BadUsage, Day2Error, Denied, NotDeployed, Unreachable
from tests.unit.adapters import wire
from tests.unit.builders import HOSTILE

PASSWORD = "pa55-word-of-the-test"
LIMITS: dict[str, Any] = {"connect_seconds": 5, "answer_seconds": 20}
QUICK: dict[str, Any] = {"connect_seconds": 5, "answer_seconds": 0.5}
NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)


def prometheus(port: int, **more: Any) -> Prometheus:
    url = f"http://127.0.0.1:{port}"
    return Prometheus(url, user="u", password=PASSWORD, **{**LIMITS, **more})


def router(port: int, **more: Any) -> AlertRouter:
    url = f"http://127.0.0.1:{port}"
    return AlertRouter(url, user="u", password=PASSWORD, **{**LIMITS, **more})


Read = Callable[..., Any]
ROWS: dict[str, Read] = {
    "prometheus": lambda port, **more: prometheus(port, **more).read(),
    "alertmanager": lambda port, **more: router(port, **more).status(),
}
MINUTE = timedelta(minutes=1)
LISTS: dict[str, Read] = {
    "query": lambda port, **more: prometheus(port, **more).query("up"),
    "range": lambda port, **more: prometheus(port, **more).query_range("up", NOW, NOW, MINUTE),
    "targets": lambda port, **more: prometheus(port, **more).targets(),
    "rules": lambda port, **more: prometheus(port, **more).rules(),
    "alerts": lambda port, **more: prometheus(port, **more).alerts(),
    "newest": lambda port, **more: prometheus(port, **more).newest("up"),
    "routed": lambda port, **more: router(port, **more).alerts(),
    "silences": lambda port, **more: router(port, **more).silences(),
}
every_row = pytest.mark.parametrize("read", ROWS.values(), ids=ROWS)
every_list = pytest.mark.parametrize("read", LISTS.values(), ids=LISTS)
every = pytest.mark.parametrize("read", [*ROWS.values(), *LISTS.values()], ids=[*ROWS, *LISTS])


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@every_row
def test_nobody_there_is_a_row_that_says_so(read: Read, closed_port: int) -> None:
    row = read(closed_port)
    assert (row.reachable, row.error) == (False, "connection refused")


@every_list
def test_nobody_there_is_no_empty_list(read: Read, closed_port: int) -> None:
    with pytest.raises(Unreachable, match="connection refused"):
        read(closed_port)


@every_row
@pytest.mark.parametrize("script", [wire.silent, wire.dripping], ids=["silent", "dripping"])
def test_what_never_ends_is_cut(read: Read, script: wire.Script) -> None:
    started = time.monotonic()
    # The first bytes may tell that it is something else.
    with wire.serving(script) as port, contextlib.suppress(BadAnswer):
        assert read(port, **QUICK).reachable is False
    assert time.monotonic() - started < 3


@every_list
def test_a_hung_list_is_unreachable_in_time(read: Read) -> None:
    started = time.monotonic()
    with wire.serving(wire.silent) as port, pytest.raises(Unreachable, match=r"within 0\.5 s"):
        read(port, **QUICK)
    assert time.monotonic() - started < 3


@every
@pytest.mark.parametrize(
    ("script", "error"),
    [
        (wire.http(lambda _line: b"<html>log in</html>"), BadAnswer),
        (wire.http(lambda _line: b"\xff\xfe\x00"), BadAnswer),
        (wire.http(lambda _line: b"[" * 100_000), BadAnswer),
        (wire.http(lambda _line: b'{"status":"success"}'), BadAnswer),
        (wire.http(lambda _line: b'{"status":"success","data":7}'), BadAnswer),
        (wire.http(lambda _line: b'{"status"', length=500), BadAnswer),
        (wire.http(lambda _line: b"", status="302 Found"), BadAnswer),
        (wire.http(lambda _line: b"", status="401 Unauthorized"), Denied),
        (wire.http(lambda _line: b"no", status="403 Forbidden"), Denied),
        (wire.http(lambda _line: b"404 page not found", status="404 Not Found"), NotDeployed),
    ],
)
def test_something_else_behind_the_url_has_a_name(
    read: Read, script: wire.Script, error: type[Day2Error]
) -> None:
    with wire.serving(script) as port, pytest.raises(error) as caught:
        read(port)
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_server_that_starts_is_reachable_and_not_ready() -> None:
    with wire.serving(wire.http(lambda _line: b"", status="503 Service Unavailable")) as port:
        row = prometheus(port).read()
        with pytest.raises(Unreachable, match="HTTP 503"):
            prometheus(port).query("up")
        assert router(port).status().error == "HTTP 503"
    assert (row.reachable, row.ready) == (True, False)


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        ("400 Bad Request", "bad_data", BadUsage),
        ("422 Unprocessable Entity", "execution", BadUsage),
        ("503 Service Unavailable", "timeout", Unreachable),
        ("503 Service Unavailable", "canceled", Unreachable),
        ("500 Internal Server Error", "internal", Unreachable),
        ("404 Not Found", "not_found", NotDeployed),
        ("418 Teapot", "whatever", BadAnswer),
        ("200 OK", "execution", BadUsage),
    ],
)
def test_the_servers_own_errors_have_a_name_and_keep_their_sentence(
    status: str, kind: str, error: type[Day2Error]
) -> None:
    body = {"status": "error", "errorType": kind, "error": f"too much {HOSTILE}"}
    script = wire.http(lambda _line: json.dumps(body).encode(), status=status)
    with wire.serving(script) as port, pytest.raises(Day2Error) as caught:
        prometheus(port).query("up")
    assert type(caught.value) is error
    assert f"{kind}: too much x" in str(caught.value)
    assert str(caught.value).isprintable()


def answering(data: Any, **more: Any) -> wire.Script:
    body = json.dumps({"status": "success", "data": data, **more}).encode()
    return wire.http(lambda _line: body)


def vector(*values: Any, kind: str = "vector") -> dict[str, Any]:
    return {"resultType": kind, "result": list(values)}


def test_every_form_of_a_number_is_read() -> None:
    words = ("1", "NaN", "+Inf", "-Inf", "1e+300", "-0.5")
    rows = [{"metric": {"n": str(n)}, "value": [1.5, word]} for n, word in enumerate(words)]
    with wire.serving(answering(vector(*rows))) as port:
        found = [s.last for s in prometheus(port).query("x").series]
    assert math.isnan(found.pop(1))
    assert found == [1.0, math.inf, -math.inf, 1e300, -0.5]


def test_warnings_are_kept_and_bounded() -> None:
    script = answering(vector(), warnings=[f"w{n} {HOSTILE}" for n in range(100)])
    with wire.serving(script) as port:
        answer = prometheus(port).query("x")
        with pytest.raises(BadAnswer, match="answered in part: w0 x"):
            prometheus(port).newest("up")
    assert len(answer.warnings) == 5
    assert all(text.isprintable() for text in answer.warnings)


def test_histograms_are_said_not_to_be_read() -> None:
    row = {"metric": {}, "histogram": [1, {"count": "1", "sum": "1"}]}
    with wire.serving(answering(vector(row))) as port:
        answer = prometheus(port).query("x")
    assert answer.series == []
    assert "native histograms" in answer.warnings[0]


@pytest.mark.parametrize(
    "data",
    [
        vector({"metric": {}, "value": [1, "one"]}),
        vector({"metric": {}, "value": ["1", "1"]}),
        vector({"metric": {"a": 1}, "value": [1, "1"]}),
        vector({"metric": {}, "value": [1]}),
        {"resultType": "string", "result": [1, "x"]},
        {"resultType": "scalar", "result": []},
        {"resultType": "vector", "result": 5},
        {"resultType": 5, "result": []},
        {"result": []},
    ],
)
def test_a_result_of_a_wrong_form_is_a_bad_answer(data: Any) -> None:
    with wire.serving(answering(data)) as port, pytest.raises(BadAnswer):
        prometheus(port).query("x")


def test_a_flood_of_series_is_refused() -> None:
    row = {"metric": {}, "value": [1, "1"]}
    with (
        wire.serving(answering(vector(*[row] * 50_001))) as port,
        pytest.raises(BadAnswer, match="50,001 series"),
    ):
        prometheus(port).query("x")


def test_a_flood_of_bytes_is_cut() -> None:
    def script(link: socket.socket) -> None:
        wire.request_line(link)
        link.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            link.sendall(b"x" * (1 << 20))

    with wire.serving(script) as port, pytest.raises(BadAnswer, match="larger than 64 MiB"):
        prometheus(port).alerts()


def test_hostile_labels_are_made_printable_and_few() -> None:
    labels = {"alertname": HOSTILE, HOSTILE: HOSTILE, **{f"l{n}": "v" for n in range(500)}}
    rows = [{"labels": labels, "state": "firing", "annotations": {"summary": "y" * 10_000}}]
    with wire.serving(answering({"alerts": rows})) as port:
        (alert,) = prometheus(port).alerts().rows
    assert len(alert.labels) == 64
    assert all(f"{name}{value}".isprintable() for name, value in alert.labels.items())
    assert len(alert.summary) == 200


def test_rows_of_wrong_types_are_counted_and_the_others_kept() -> None:
    rows = [{"labels": {"alertname": "a"}, "state": "firing"}, {"labels": []}, 7, None]
    with wire.serving(answering({"alerts": rows})) as port:
        found = prometheus(port).alerts()
    assert [row.name for row in found.rows] == ["a"]
    assert ["3 rows are not" in str(error) for error in found.failures] == [True]


def test_more_alerts_than_anybody_reads_are_cut_and_said() -> None:
    rows = [{"labels": {"alertname": f"a{n}"}, "state": "firing"} for n in range(5_001)]
    with wire.serving(answering({"alerts": rows})) as port:
        found = prometheus(port).alerts()
    assert len(found.rows) == 5_000
    assert ["5,001 rows, of which 5,000" in str(error) for error in found.failures] == [True]


def target(instance: str, health: str = "up", **fields: Any) -> dict[str, Any]:
    given = {"labels": {"job": "node", "instance": instance}, "health": health}
    return {**given, "lastScrape": "2026-05-04T09:00:00.123456789Z", **fields}


def test_what_failed_is_told_without_the_secrets_of_its_url() -> None:
    error = 'Get "http://me:pa55@10.0.0.1:9100/m?token=hunter2": dial tcp: connection refused'
    rows = [
        target("a:1", "down", lastError=error),
        target("b:1", "down", lastScrape="0001-01-01T00:00:00Z"),
        target("c:1"),
    ]
    once = [
        {"metric": {"job": "node", "instance": "a:1"}, "value": [1, "1"]},
        {"metric": {"job": "node", "instance": "b:1"}, "value": [1, "0"]},
    ]

    def answer(line: str) -> bytes:
        data = {"activeTargets": rows} if "/targets" in line else vector(*once)
        return json.dumps({"status": "success", "data": data}).encode()

    with wire.serving(wire.http(answer)) as port:
        first, second, third = prometheus(port).targets().rows
    assert first.last_error == 'Get "http://…@10.0.0.1:9100/m?…": dial tcp: connection refused'
    assert (first.seen_up, second.seen_up, third.seen_up) == (True, False, None)
    assert first.last_scrape_at is not None
    assert second.last_scrape_at is None


@pytest.mark.parametrize(
    ("query", "constant"),
    [
        ("vector(1)", True),
        ("1", True),
        (" ( vector( 1 ) ) ", True),
        ("up == 0", False),
        ("vector(1) > 0", False),
        ("1 * up", False),
        ("", False),
    ],
)
def test_a_rule_of_a_number_fires_always(query: str, constant: bool) -> None:
    rules = [{"name": "r", "type": "alerting", "query": query, "health": "ok"}]
    with wire.serving(answering({"groups": [{"name": "g", "rules": rules}]})) as port:
        (rule,) = prometheus(port).rules().rows
    assert rule.constant is constant


def test_the_hour_is_asked_only_where_the_newest_sample_is_not_at_hand() -> None:
    asked: list[str] = []

    def answer(line: str) -> bytes:
        asked.append(line)
        late = {"metric": {}, "value": [1, "1800"]}
        data = vector(*[late] if "max_over_time" in line else [])
        return json.dumps({"status": "success", "data": data}).encode()

    with wire.serving(wire.http(answer)) as port:
        assert prometheus(port).newest("up").age_seconds == 1800
    assert len(asked) == 2


# Alertmanager.


def test_silences_that_are_over_are_dropped_and_matchers_are_written_out() -> None:
    def silence(state: str, *matchers: Any) -> dict[str, Any]:
        return {
            "id": state,
            "status": {"state": state},
            "startsAt": "2026-05-04T09:00:00.000Z",
            "endsAt": "2026-05-05T09:00:00.000Z",
            "createdBy": HOSTILE,
            "comment": HOSTILE,
            "matchers": list(matchers),
        }

    forms = [
        {"name": "a", "value": "x", "isRegex": regex, "isEqual": equal}
        for regex in (False, True)
        for equal in (True, False)
    ]
    old = {"name": "a", "value": "x", "isRegex": False}
    body = json.dumps([silence("expired"), silence("active", *forms, old)]).encode()
    with wire.serving(wire.http(lambda _line: body)) as port:
        (row,) = router(port).silences().rows
    assert row.matchers == ['a="x"', 'a!="x"', 'a=~"x"', 'a!~"x"', 'a="x"']
    assert row.created_by.isprintable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "receivers:\n- name: a\n- name: b\n  slack_configs: [{api_url: s}, {}]\n",
            {"a": 0, "b": 2},
        ),
        ("receivers: 5\n", {}),
        ("receivers: [5, {name: 7}]\n", {}),
        ("- a list\n", {}),
        ("{{{", {}),
        ("", {}),
        ("x: " + "[" * 5000, {}),
        ("x" * 300_000, {}),
    ],
)
def test_a_configuration_yields_numbers_or_nothing(text: str, expected: dict[str, int]) -> None:
    assert integrations(text) == expected


def test_no_repr_shows_the_password() -> None:
    for shown in (repr(prometheus(1)), repr(router(2))):
        assert PASSWORD not in shown
        assert "***" in shown
