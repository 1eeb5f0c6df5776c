# SPDX-License-Identifier: Apache-2.0
"""Every fault that the sandbox can play: a gap with a sentence, in time, and the rest is read."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.sandboxes import Ended, Home

QUICK = {
    "DAY2_LOAD__REQUEST_SECONDS_MAX": "1.5",
    "DAY2_LOAD__KIND_SECONDS_MAX": "3",
    "DAY2_SURVEY__SECONDS_MAX": "12",
}
SERVICES = {
    "identity": ("projects", "/v3/projects"),
    "compute": ("compute_services", "/os-services"),
    "placement": ("providers", "/resource_providers\\?"),
    "network": ("routers", "/v2.0/routers"),
    "block-storage": ("volumes", "/volumes/detail"),
    "image": ("images", "/v2/images"),
    "orchestration": ("stacks", "/stacks"),
}
SAID = {
    "status": ("Unreachable", "HTTP 503"),
    "html": ("Unreachable", "HTTP 502"),
    "truncate": ("BadAnswer", "breaks off before its end"),
    "reset": ("Unreachable", "reset"),
    "close": ("Unreachable", "closed without an answer"),
    "delay": ("Unreachable", "no answer in time"),
    "drip": ("", ""),
    "hang": ("Unreachable", "no answer in time"),
    # Nova's list of services has no pages: it refuses the next one.
    "loop": ("BadAnswer", "again|already read|without end|HTTP 400"),
    "types": ("BadAnswer", "not what this API promises"),
    "null": ("BadAnswer", "not what this API promises"),
    "header": ("BadAnswer", "header"),
}
SLOW: dict[str, dict[str, Any]] = {"delay": {"seconds": 4}, "drip": {"seconds": 0.4}}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    found = Home(tmp_path_factory.mktemp("home"))
    assert found.run("sandbox", "up", "--scenario", "healthy").code == 0
    found.more = QUICK
    yield found
    assert found.run("sandbox", "down").code == 0


def check(home: Home, rules: list[dict[str, Any]]) -> tuple[Ended, float]:
    home.control("PUT", "faults", {"rules": rules})
    started = time.monotonic()
    ended = home.run("--cloud", "sandbox", "health", "check", "-f", "json")
    seconds = time.monotonic() - started
    assert all(home.control("GET", "faults")["hits"]), rules
    home.control("PUT", "faults", {"rules": []})
    return ended, seconds


@pytest.mark.parametrize("kind", SAID)
def test_a_fault_of_every_service_is_a_gap_of_each_and_the_rest_is_read(
    home: Home, kind: str
) -> None:
    error, said = SAID[kind]
    more = SLOW.get(kind, {})
    rules = [
        {"kind": kind, "service": service, "path": path, **more}
        for service, (_kind, path) in SERVICES.items()
    ]
    ended, seconds = check(home, rules)
    assert (ended.code, ended.err) == (12, "")
    assert seconds < 14
    gaps = {gap["kind"]: gap for gap in ended.document["gaps"]}
    for table, _path in SERVICES.values():
        assert table in gaps, (kind, sorted(gaps))
        assert not error or gaps[table]["error"] == error
        assert any(word in gaps[table]["message"] for word in said.split("|")), gaps[table]
    # Placement is one chain of requests; what others list on their own is still there.
    assert not {"servers", "ports", "users"} & set(gaps)


def test_a_single_failure_is_asked_again_or_named(home: Home) -> None:
    rule = {"kind": "status", "status": 403, "service": "compute", "path": "os-aggregates"}
    ended, _seconds = check(home, [rule])
    gap = next(gap for gap in ended.document["gaps"] if gap["kind"] == "aggregates")
    assert (gap["error"], "HTTP 403" in gap["message"]) == ("Denied", True)


def test_rules_count_and_end(home: Home) -> None:
    rule = {"kind": "status", "path": "/v3/regions", "nth": 2, "times": 1}
    home.control("PUT", "faults", {"rules": [rule]})
    assert home.control("GET", "faults")["hits"] == [0]
    assert home.control("GET", "state")["tables"]["servers"] == 12
    home.control("PUT", "faults", {"rules": []})


def test_keystone_down_is_said_at_once(home: Home) -> None:
    ended, seconds = check(
        home, [{"kind": "status", "status": 500, "service": "identity", "method": "POST"}]
    )
    assert ended.code in {11, 12}
    assert seconds < 10


def test_a_token_that_expires_in_between_is_fetched_anew(home: Home) -> None:
    home.control("POST", "clock", {"advance_seconds": 25 * 3600})
    assert home.run("--cloud", "sandbox", "health", "check").code == 0
