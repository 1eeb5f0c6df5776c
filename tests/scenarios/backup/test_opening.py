# SPDX-License-Identifier: Apache-2.0
"""Services are opened after a restore only when the stores agree, or when people say so."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.clock import SystemClock
from day2.engine.action import Ran
from day2.errors import BadAnswer, NotVerified, Unreachable
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.backup.actions.outage import (
    GO_ON,
    STAY,
    Programs,
    Reconciled,
    StartServices,
    StopServices,
)
from tests.scenarios.hosts.direct import Direct

AGREED = Reconciled(summary="the stores agree")
TWICE = Reconciled(summary="1 guest disagrees", grave=["web01 runs on compute01 and compute02"])


class Running(Direct):
    """Runs the programs of a step as they are."""

    def __init__(self, folder: Path, answers: Sequence[str] = ()) -> None:
        super().__init__(SystemClock(), answers=answers)
        self._folder = folder

    def child(self, name: str, argv: Sequence[str], **_given: Any) -> Ran:
        ended = subprocess.run(argv, cwd=self._folder, check=False)
        return Ran(code=ended.returncode, log=str(self._folder / name))


def step(*words: str, reading: Sequence[str] = ("sh", "-c", "echo reading >> did")) -> Step:
    return Step(
        n=1,
        action="backup.start-services",
        subject=Subject(type="services", id="all"),
        why="",
        arguments={
            "words": list(words) or ["sh", "-c", "echo open >> did"],
            "back": ["sh", "-c", "echo close >> did"],
            "reading": list(reading),
            "seconds_max": 5.0,
            "answers_seconds_max": 0.5,
        },
    )


def nobody() -> Reconciled:
    raise Unreachable("connection refused")


def did(folder: Path) -> list[str]:
    return (folder / "did").read_text().split() if (folder / "did").exists() else []


@pytest.mark.parametrize(
    ("reconcile", "answers", "asked", "opened"),
    [
        (lambda: AGREED, [], False, True),
        (lambda: TWICE, [STAY], True, False),
        (lambda: TWICE, [GO_ON], True, True),
        (nobody, [STAY], True, False),
    ],
)
def test_a_guest_that_exists_twice_holds_the_gate(
    tmp_path: Path,
    reconcile: Callable[[], Reconciled],
    answers: list[str],
    *,
    asked: bool,
    opened: bool,
) -> None:
    do = Running(tmp_path, answers)
    start = StartServices(Programs(environment={}), lambda: {"servers": 3}, reconcile)
    result = start.perform(step(), do)
    assert bool(do.questions) is asked
    assert did(tmp_path) == (["reading", "open"] if opened else ["reading"])
    assert result.ending is (Ending.DONE if opened else Ending.FAILED)
    assert result.facts["reconciled"]["summary"]
    assert ("3 servers" in result.detail) is opened


def test_nothing_is_reconciled_where_nothing_can_be_asked_before_all_is_open(
    tmp_path: Path,
) -> None:
    start = StartServices(Programs(environment={}), lambda: {"servers": 0}, lambda: TWICE)
    result = start.perform(step(reading=()), Running(tmp_path))
    assert result.ending is Ending.DONE
    assert did(tmp_path) == ["open"]


def test_services_that_do_not_answer_are_a_failure_and_their_way_back_stops_them(
    tmp_path: Path,
) -> None:
    def silent() -> dict[str, int]:
        raise Unreachable("connection refused")

    start = StartServices(Programs(environment={}), silent, None)
    with pytest.raises(NotVerified, match="do not answer within"):
        start.perform(step(), Running(tmp_path))
    back = start.undo(step(), {})
    assert back is not None
    StopServices(Programs(environment={})).perform(back, Running(tmp_path))
    assert did(tmp_path) == ["open", "close"]


def test_words_that_fail_are_told_with_their_log(tmp_path: Path) -> None:
    start = StartServices(Programs(environment={}), lambda: {"servers": 0}, None)
    with pytest.raises(BadAnswer, match="sh ended with 7") as error:
        start.perform(step("sh", "-c", "exit 7"), Running(tmp_path))
    assert str(tmp_path) in error.value.hint
