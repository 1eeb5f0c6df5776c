# SPDX-License-Identifier: Apache-2.0
"""Questions in PromQL: what is answered is right, what is not is refused in Prometheus' words."""

import base64
import itertools
import math
from typing import Any

import pytest

from day2.sandbox.http import Answer, Request
from day2.sandbox.services import alertmanager, prometheus
from day2.sandbox.services.prometheus_evaluate import Point, extrapolated
from tests.unit.sandbox.cloud import BEGIN, Cloud

DAY = 86400
NOW = BEGIN.timestamp()


@pytest.fixture(scope="module")
def small() -> Cloud:
    return cloud("small")


def cloud(name: str) -> Cloud:
    made = Cloud(name)
    made.world.secrets = {"prometheus_password": "p"}
    return made


def ask(cloud: Cloud, path: str, *, service: Any = prometheus, **words: str) -> Answer:
    login = base64.b64encode(b"admin:p").decode()
    request = Request(
        method="GET",
        path=path,
        base="",
        query=list(words.items()),
        headers={"authorization": f"Basic {login}"},
    )
    found: Answer = service.SERVICE.answer(request, cloud.world)
    return found


def value(cloud: Cloud, query: str, *, at: float = NOW) -> list[float]:
    """Return the values of a question, in order."""
    answer = ask(cloud, "/api/v1/query", query=query, time=str(at))
    assert answer.status == 200, answer.body
    data = answer.body["data"]
    if data["resultType"] == "scalar":
        return [float(data["result"][1])]
    return sorted(float(row["value"][1]) for row in data["result"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("1 + 2 * 3", [7]),
        ("(1 + 2) * 3", [9]),
        ("2 ^ 3 ^ 2", [512]),
        ("-2 ^ 2", [-4]),
        ("7 % 4 - 0x10", [-13]),
        ("1e3 / 8", [125]),
        ("vector(2) * 3", [6]),
        ("1 - vector(0.25)", [0.75]),
        ("time() - max(timestamp(up))", [0]),
        ('count(up{job="node"})', [6]),
        ('count(up{job="node", instance=~"comp.*"})', [3]),
        ('count(up{job="node", instance!~"comp.*"})', [3]),
        ('count({__name__=~"node_load.*", instance!="compute01"})', [5]),
        ("sum by (aggregates) (openstack_nova_vcpus_used)", [8, 19]),
        ("sum(openstack_nova_vcpus_used) without (hostname, aggregates)", [8, 19]),
        ("sum(openstack_nova_vcpus_available)", [80]),
        ("openstack_nova_vcpus_used / openstack_nova_vcpus_available > 0.45", [0.5]),
        ("up == 0", []),
        ('up{job="node"} unless on (instance) node_load1', []),
        ("max(max_over_time(up[1d])) + min(min_over_time(up[1h]))", [2]),
        ('count_over_time(up{job="node", instance="compute01"}[10m])', [10]),
        ("ceil(vector(0.2)) + floor(vector(0.9)) + abs(vector(-1))", [2]),
        ("nothing_of_that_name", []),
        ("vector(1) / 0", [math.inf]),
    ],
)
def test_a_question_has_one_answer(small: Cloud, query: str, found: list[float]) -> None:
    assert value(small, query) == pytest.approx(found)


@pytest.mark.parametrize(
    ("query", "kind", "said"),
    [
        ("", "bad_data", "no expression found in input"),
        ("up{", "bad_data", "inside braces"),
        ("up and 1", "bad_data", 'set operator "and" not allowed'),
        ("rate(up)", "bad_data", 'expected type range vector in call to function "rate"'),
        ("abs(up[5m])", "bad_data", 'expected type instant vector in call to function "abs"'),
        ("topk(3, up)", "bad_data", 'unknown function with name "topk"'),
        ("histogram_quantile(0.9, x)", "bad_data", "unknown function"),
        ("predict_linear(up[1h], 3600)", "bad_data", "unknown function"),
        ("up == bool 1", "bad_data", "bool"),
        ("max_over_time(up[1h:1m])", "bad_data", "subqueries"),
        ("up @ 5", "bad_data", "@ modifier"),
        ("up * on (instance) group_left node_load1", "bad_data", "many-to-one"),
        ('up{instance=~"("}', "bad_data", "regexp"),
        ('{job=""}', "bad_data", "at least one non-empty matcher"),
        ("1 > 2", "bad_data", "BOOL modifier"),
        ("up up", "bad_data", 'unexpected "up"'),
        ("sum(1)", "bad_data", "expected type instant vector"),
        ("up + on (job) up", "execution", "many-to-many matching not allowed"),
        ("(" * 900 + "1" + ")" * 900, "bad_data", "nested too deeply"),
        ("avg_over_time(node_cpu_seconds_total[30d])", "execution", "too many samples"),
    ],
)
def test_what_is_not_answered_is_refused(small: Cloud, query: str, kind: str, said: str) -> None:
    answer = ask(small, "/api/v1/query", query=query)
    assert answer.status in {400, 422}
    assert (answer.body["status"], answer.body["errorType"]) == ("error", kind)
    assert said in answer.body["error"]


def test_a_rate_is_the_rate_of_the_counter(small: Cloud) -> None:
    words = 'node_network_receive_bytes_total{instance="compute01"}'
    before, after = value(small, f"{words} offset 1h"), value(small, words)
    grown = after[0] - before[0]
    assert value(small, f"increase({words}[1h])") == pytest.approx([grown], rel=1e-3)
    assert value(small, f"rate({words}[1h])") == pytest.approx([grown / 3600], rel=1e-3)
    # All modes of all processors together do nothing but pass the time.
    whole = 'sum(rate(node_cpu_seconds_total{instance="compute01"}[10m]))'
    assert value(small, whole) == pytest.approx([32], rel=1e-6)


@pytest.mark.parametrize(
    ("samples", "end", "seconds", "found"),
    [
        # Samples that fill the window but for half a step at both ends are carried to its ends.
        ([(30, 100), (90, 160), (150, 220)], 180, 180, 180),
        # A counter that began within the window is carried back to zero and no further.
        ([(70, 2), (130, 62)], 160, 160, 92),
        # A restart: what it had counted before is not lost.
        ([(0, 50), (60, 110), (120, 10)], 120, 120, 70),
    ],
)
def test_counters_are_extrapolated_as_prometheus_does(
    samples: list[tuple[float, float]], end: float, seconds: float, found: float
) -> None:
    points = [Point({}, float(number), at) for at, number in samples]
    assert extrapolated(points, end, seconds, number=len(points)) == pytest.approx(found)


def test_there_are_400_days_in_which_use_grows_with_the_rhythm_of_weeks(small: Cloud) -> None:
    query = 'sum(openstack_nova_memory_used_bytes{aggregates="general"})'
    words = {"query": query, "start": str(NOW - 399 * DAY), "end": str(NOW), "step": "1d"}
    answer = ask(small, "/api/v1/query_range", **words)
    (row,) = answer.body["data"]["result"]
    values = [float(text) for _at, text in row["values"]]
    assert len(values) == 400
    assert [values[-1]] == value(small, query)
    weeks = [sum(values[n : n + 7]) for n in range(0, 392, 7)]
    assert weeks == sorted(weeks)
    assert any(a > b for a, b in itertools.pairwise(values))
    assert value(small, query, at=NOW - 402 * DAY) == []
    assert value(small, query, at=NOW + DAY) == []


def test_a_span_is_bounded_and_checked(small: Cloud) -> None:
    span = {"query": "up", "start": "0", "end": "100"}
    for words, said in (
        ({**span, "start": str(NOW - 12000), "end": str(NOW), "step": "1"}, "11,000 points"),
        ({**span, "start": str(NOW), "end": str(NOW - 1), "step": "1"}, "must not be before"),
        ({**span, "start": str(NOW), "end": str(NOW), "step": "0"}, "zero or negative"),
        ({**span, "start": "soon", "end": str(NOW), "step": "1"}, "cannot parse"),
        (
            {**span, "query": "up[5m]", "start": str(NOW), "end": str(NOW), "step": "1"},
            "range vector",
        ),
    ):
        answer = ask(small, "/api/v1/query_range", **words)
        assert (answer.status, said in answer.body["error"]) == (400, True), answer.body


@pytest.mark.parametrize(
    ("scenario", "firing"),
    [
        ("healthy", ["Watchdog"]),
        ("small", ["FileSystemNearlyFull", "Watchdog"]),
        ("outage", [*["ServiceDown"] * 3, *["TargetDown"] * 4, "Watchdog"]),
    ],
)
def test_alerts_follow_from_the_world(scenario: str, firing: list[str]) -> None:
    made = cloud(scenario)
    found = ask(made, "/api/v1/alerts").body["data"]["alerts"]
    assert sorted(alert["labels"]["alertname"] for alert in found) == firing
    sent = ask(made, "/api/v2/alerts", service=alertmanager).body
    assert sorted(alert["labels"]["alertname"] for alert in sent) == firing
    rules = ask(made, "/api/v1/rules").body["data"]["groups"][0]["rules"]
    assert {r["name"] for r in rules if r.get("state") == "firing"} == set(firing)


def test_a_dead_host_is_a_target_that_is_down_and_tells_nothing_more() -> None:
    made = cloud("outage")
    rows = ask(made, "/api/v1/targets", state="active").body["data"]["activeTargets"]
    down = {(row["labels"]["job"], row["labels"]["instance"]) for row in rows if row["lastError"]}
    assert ("node", "compute02") in down
    assert {host for _job, host in down} == {"compute02", "control01"}
    assert value(made, 'up{instance="compute02"}') == [0]
    assert value(made, 'node_load1{instance="compute02"}') == []
    assert len(value(made, 'node_load1{instance="compute02"}', at=NOW - 3600)) == 1


def test_who_has_no_account_is_not_answered(small: Cloud) -> None:
    for headers in ({}, {"authorization": "Basic !"}, {"authorization": "Basic YWRtaW46eA=="}):
        request = Request(method="GET", path="/api/v1/alerts", base="", headers=dict(headers))
        assert prometheus.SERVICE.answer(request, small.world).status == 401
        assert alertmanager.SERVICE.answer(request, small.world).status == 401


def test_a_page_that_is_not_there_says_so(small: Cloud) -> None:
    assert ask(small, "/api/v1/nope").status == 404
    assert ask(small, "/api/v2/nope", service=alertmanager).status == 404
