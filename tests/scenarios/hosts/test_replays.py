# SPDX-License-Identifier: Apache-2.0
"""Killed anywhere and begun again, every action has the same effect, and starts nothing twice."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from day2.engine.action import Result
from day2.model.outcome import Ending
from day2.model.plan import Step
from tests.scenarios.hosts.direct import Direct, Killed
from tests.scenarios.hosts.guests import Guests


@dataclass(frozen=True)
class Story:
    """One action that is killed: on a fresh guest each time."""

    kind: str
    step: Callable[[Guests, str], Step]
    detail: str
    moves: list[tuple[str, str]]
    status: str


def live(guests: Guests, own: str) -> Step:
    return guests.live(own)


def cold(guests: Guests, own: str) -> Step:
    return guests.cold(own, "SHUTOFF")


def evacuate(guests: Guests, own: str) -> Step:
    row = guests.service("dead01")
    guests.cloud.compute.update_service(str(row["id"]), forced_down=True)
    given: dict[str, Any] = {"source": "dead01", "targets": ["compute04"], "was": "ACTIVE"}
    return guests.step("server.evacuate", own, seconds_max=60, **given)


STORIES = {
    "live": Story(
        "plain", live, "compute01 → compute02", [("live-migration", "completed")], "ACTIVE"
    ),
    "cold": Story("off", cold, "compute01 → compute02", [("migration", "confirmed")], "SHUTOFF"),
    "evacuate": Story("lost", evacuate, "dead01 → compute04", [("evacuation", "done")], "ACTIVE"),
}


def life(guests: Guests, step: Step, do: Direct) -> Result | None:
    """Live until the end, or until the kill."""
    try:
        return guests.actions[step.action].perform(step, do)
    except Killed:
        return None


@pytest.mark.parametrize("mode", ["kill_before", "kill_after"])
@pytest.mark.parametrize("name", STORIES)
def test_killed_at_every_call(guests: Guests, name: str, mode: str) -> None:
    story = STORIES[name]
    for number in range(20):
        own = guests.fresh(story.kind)
        step = story.step(guests, own)
        first = Direct(guests.clock, **{mode: number})  # type: ignore[arg-type]
        if life(guests, step, first) is not None:
            assert number == len(first.records), "every call was killed once"
            assert number >= 7
            return
        # Between two lives time passes: what was begun goes on without us.
        guests.clock.sleep(1 if number % 2 else 15)
        second = Direct(guests.clock, given=first.records)
        result = life(guests, step, second)
        assert result is not None
        assert result.ending is Ending.DONE, (number, result)
        assert result.detail == story.detail, number
        assert guests.moves(own) == story.moves, number
        assert guests.server(own)["status"] == story.status
    pytest.fail("the action makes more calls than anybody thought")


@pytest.mark.parametrize("name", STORIES)
def test_killed_again_and_again_with_one_call_in_each_life(guests: Guests, name: str) -> None:
    story = STORIES[name]
    own = guests.fresh(story.kind)
    step = story.step(guests, own)
    records: list[tuple[str, bytes]] = []
    for _life in range(20):
        do = Direct(guests.clock, given=records, kill_before=len(records) + 1)
        result = life(guests, step, do)
        if result is not None:
            assert (result.ending, result.detail) == (Ending.DONE, story.detail)
            assert guests.moves(own) == story.moves
            return
        records = do.records
    pytest.fail("it never ended")


def test_a_service_is_disabled_once_however_often_it_is_killed(guests: Guests) -> None:
    row = guests.service("compute04")
    reason = "day2: test of kills"
    given: dict[str, Any] = {"service_id": str(row["id"]), "reason": reason}
    for action, status in (("compute.disable", "disabled"), ("compute.enable", "enabled")):
        for mode in ("kill_before", "kill_after"):
            for number in range(2):
                step = guests.step(action, "compute04", **given)
                first = Direct(guests.clock, **{mode: number})  # type: ignore[arg-type]
                assert life(guests, step, first) is None
                second = Direct(guests.clock, given=first.records)
                result = life(guests, step, second)
                assert result is not None
                assert result.ending is Ending.DONE, result
                assert guests.service("compute04")["status"] == status
                back = guests.back(step, result)
                assert guests.perform(back)[0].ending is Ending.DONE
        guests.perform(guests.step(action, "compute04", **given))
