# SPDX-License-Identifier: Apache-2.0
"""`day2 explain` over the embedded cloud: a healthy server, a stuck one, one without a place."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.sandboxes import Home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    found = Home(tmp_path_factory.mktemp("home"))
    assert found.run("sandbox", "up").code == 0
    yield found
    found.run("sandbox", "down")


def story(home: Home, name: str) -> dict[str, Any]:
    document = home.json("--cloud", "sandbox", "explain", name)
    assert document["schema"] == "day2.explanation/1"
    found: dict[str, Any] = document["explanation"]
    return found


def test_a_healthy_server_has_no_cause(home: Home) -> None:
    found = story(home, "web-01")
    assert found["causes"] == []
    assert found["summary"].startswith("Nothing speaks against it")
    assert [event["what"] for event in found["events"]] == ["create"]


def test_a_move_that_stands_still_is_the_cause(home: Home) -> None:
    (cause,) = story(home, "render01")["causes"]
    assert cause["code"] == "compute.migration.stuck"
    assert cause["speaks_for"] == ["health.migration_minutes = 60"]


def test_a_fault_is_told_in_novas_words(home: Home) -> None:
    (cause,) = story(home, "web-canary")["causes"]
    assert cause["text"].startswith("Build of instance aborted")


def test_hosts_are_judged_for_one_without_a_place(home: Home) -> None:
    found = story(home, "test-01")
    reasons = {c["host"]: [r["code"] for r in c["reasons"]] for c in found["candidates"]}
    assert reasons == {"compute01": [], "compute02": [], "compute03": ["MEMORY_MB"]}
    assert found["nearest"] == "compute01"
    assert "could take it now" in found["summary"]


def test_a_server_is_named_by_its_id_too_and_never_guessed(home: Home) -> None:
    own = story(home, "web-01")["subject"]["id"]
    assert story(home, own)["subject"]["name"] == "web-01"
    for wanted in ("web", "web-0.", ".*", "00000000-0000-4000-8000-000000000000"):
        ended = home.run("--cloud", "sandbox", "explain", wanted)
        assert (ended.code, ended.out) == (2, ""), wanted
        assert f"nothing is called {wanted}" in ended.err


def test_it_fits_a_terminal(home: Home) -> None:
    ended = home.run("--cloud", "sandbox", "explain", "test-01")
    assert max(map(len, ended.out.splitlines())) <= 80


def test_a_failure_does_not_steer_the_terminal(home: Home) -> None:
    ended = home.run("--cloud", "sandbox", "explain", "web\x1b[2J01")
    assert ended.code == 2
    assert "web?[2J01" in ended.err
    assert "\x1b" not in ended.err
