# SPDX-License-Identifier: Apache-2.0
"""What a run that has ended offers: a way back only where there is something to take back."""

from datetime import UTC, datetime

import pytest
from msgspec import structs

from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.run import Gate, Run, RunStep, State, Wanted
from day2.report.changes import next_word

SUBJECT = Subject(type="set", id="x")
READ = RunStep(n=1, action="backup.verify", subject=SUBJECT, outcome=Ending.FAILED, readonly=True)


def run(*steps: RunStep) -> Run:
    return Run(
        id="r1",
        cloud="one",
        region="",
        plan="p1",
        sha256="",
        kind="backup-verify",
        summary="",
        state=State.FAILED,
        wanted=Wanted.RUN,
        by="me",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        steps=list(steps),
    )


def test_a_run_that_only_read_offers_no_way_back() -> None:
    assert next_word(run(READ), held=False) == ""


@pytest.mark.parametrize("outcome", [Ending.DONE, Ending.FAILED])
def test_one_that_acted_does(outcome: Ending) -> None:
    acted = RunStep(n=2, action="backup.take", subject=SUBJECT, outcome=outcome)
    assert "day2 run undo r1" in next_word(run(READ, acted), held=False)


@pytest.mark.parametrize("outcome", [Ending.SKIPPED, Ending.ALREADY, None])
def test_a_step_that_did_nothing_is_no_reason(outcome: Ending | None) -> None:
    idle = RunStep(n=2, action="backup.take", subject=SUBJECT, outcome=outcome)
    assert next_word(run(READ, idle), held=False) == ""


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        (["reject", "approve"], "waits for an answer: day2 run approve r1, or reject"),
        (
            ["leave", "retry"],
            "waits for an answer: day2 run approve r1 --answer leave, or --answer retry",
        ),
    ],
)
def test_a_gate_is_answered_with_what_it_knows(choices: list[str], said: str) -> None:
    """A stuck migration knows no yes: what is told to be typed must work."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    gate = Gate(name="4:stuck", question="?", choices=choices, since=at, step=4)
    waiting = structs.replace(run(), state=State.WAITING, gates=[gate])
    assert next_word(waiting, held=False) == said
