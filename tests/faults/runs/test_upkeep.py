# SPDX-License-Identifier: Apache-2.0
"""What ends by itself is renewed while its run goes on, and each renewal is in the journal."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.clock import SystemClock
from day2.engine.action import Doing, Result, Seen
from day2.engine.book import Book
from day2.engine.upkeep import Upkeep
from day2.errors import Day2Error, Unreachable
from day2.memory import journal
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.plan import Plan, Step, seal
from tests.faults.runs.nursery import Stand

NOW = datetime.now(UTC)
TOWER = Subject(type="tower", id="t1")


class Candle:
    """Burns down; whoever renews it sets it alight for another hour."""

    name = "candle.light"

    def __init__(self, *, left: int = 0, fails: Day2Error | None = None) -> None:
        self.left, self.fails, self.asked_by = left, fails, ""

    def look(self, step: Step) -> Seen:
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        del step, do
        return Result(ending=Ending.DONE, detail="burns")

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        del step, facts
        return None

    def ends_soon(self, step: Step, facts: Mapping[str, Any], run: str) -> bool:
        del step, facts
        self.asked_by = run
        if isinstance(self.fails, Unreachable):
            raise self.fails
        return self.left == 0

    def renew(self, step: Step, facts: Mapping[str, Any], run: str) -> str:
        del step, run
        if self.fails is not None:
            raise self.fails
        self.left = int(facts["hours"])
        return "burns for another hour"


class Watch:
    """One run with one candle, and who looks after it."""

    def __init__(self, folder: Path, candle: Candle, *, halted: bool = False) -> None:
        self.stand = Stand(folder, 1)
        step = Step(n=1, action=candle.name, subject=TOWER, why="it is dark", undo="blow it out")
        plan = Plan(
            id="watch", kind="watch", cloud="toy", region="", foundation="toy", subject=TOWER,
            summary="keep a light", at=NOW, expires_at=NOW + timedelta(hours=1), by="operator",
            steps=[step],
        )  # fmt: skip
        run = self.stand.file(plan)
        clock = SystemClock()
        saved = seal(plan)
        self.book = Book(self.stand.memory, clock, saved, run, outage_seconds=1)
        self.upkeep = Upkeep(
            self.stand.memory,
            clock,
            books=lambda: [self.book],
            actions=lambda _book: {candle.name: candle},
            halted=lambda: halted,
        )

    def end(self, ending: Ending = Ending.DONE) -> None:
        step = self.book.plan.steps[0]
        with self.stand.memory.writing() as connection:
            result = Result(ending=ending, detail="", facts={"hours": 1})
            self.book.end(connection, step, result, datetime.now(UTC))

    def rows(self) -> list[tuple[str, Any]]:
        found = journal.entries(self.stand.memory, "toy", "", run="watch")
        return [(e.kind, e.body.get("recorded")) for e in found if "/renew" in e.step]


def test_it_is_renewed_once_it_ends_soon_with_an_intent_and_an_outcome(tmp_path: Path) -> None:
    candle = Candle()
    watch = Watch(tmp_path, candle)
    watch.upkeep.round()
    assert watch.rows() == [], "the step that makes it has not ended"
    watch.end()
    watch.upkeep.round()
    assert sorted(watch.rows(), key=str) == [
        ("intent", None),
        ("outcome", {"ok": "burns for another hour"}),
    ]
    assert candle.asked_by == "watch"
    watch.upkeep.round()
    assert len(watch.rows()) == 2
    journal.verify(watch.stand.memory)


@pytest.mark.parametrize("ending", [Ending.FAILED, Ending.SKIPPED, Ending.ALREADY])
def test_what_the_run_did_not_make_is_left_alone(tmp_path: Path, ending: Ending) -> None:
    candle = Candle()
    watch = Watch(tmp_path, candle)
    watch.end(ending)
    watch.upkeep.round()
    assert (watch.rows(), candle.asked_by) == ([], "")


def test_nothing_is_renewed_while_everything_is_stopped(tmp_path: Path) -> None:
    watch = Watch(tmp_path, Candle(), halted=True)
    watch.end()
    watch.upkeep.round()
    assert watch.rows() == []


def test_a_service_that_does_not_answer_is_asked_the_next_time(tmp_path: Path) -> None:
    candle = Candle(fails=Unreachable("nobody there"))
    watch = Watch(tmp_path, candle)
    watch.end()
    watch.upkeep.round()
    assert watch.rows() == []
    candle.fails = None
    watch.upkeep.round()
    assert len(watch.rows()) == 2


def test_a_renewal_that_fails_is_written_down(tmp_path: Path) -> None:
    watch = Watch(tmp_path, Candle(fails=Day2Error("no match")))
    watch.end()
    watch.upkeep.round()
    assert ("outcome", {"error": "Day2Error", "message": "no match", "hint": ""}) in watch.rows()
