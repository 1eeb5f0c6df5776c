# SPDX-License-Identifier: Apache-2.0
"""Plans, runs and the journal as plain text, 80 columns wide."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from day2.engine.differing import Difference
from day2.memory.journal import Entry
from day2.model.outcome import Ending
from day2.model.plan import Plan
from day2.model.run import Run, RunStep, State
from day2.report.terminal import Text

_MARKS = {Ending.DONE: "✓", Ending.ALREADY: "=", Ending.SKIPPED: "-", Ending.FAILED: "✗"}
SHOWN_DONE = 12
HOUR_SECONDS, MINUTE_SECONDS = 3600, 60


def plans(rows: Sequence[Mapping[str, Any]]) -> str:
    """Render the list of plans: one line each."""
    text = Text(colour=False)
    for row in rows:
        text.line(f"{row['id']:40} {row['state']:10} {row['at']:%Y-%m-%d %H:%M} by {row['by']}")
    return text.render() if rows else ""


def runs(found: Sequence[Run], *, held: bool) -> str:
    """Render the list of runs: one line each, and what to type for those that wait."""
    text = Text(colour=False)
    for run in found:
        text.line(f"{run.id:40} {run.state.value:10} {run.at:%Y-%m-%d %H:%M} by {run.by}")
        following = next_word(run, held=held)
        if following:
            text.add(following, indent=4, hanging=6)
    return text.render() if found else ""


def run(found: Run, *, now: datetime, held: bool) -> str:
    """Render one run: where it is, what failed or was left first, then what was done."""
    text = Text(colour=False)
    text.add(f"{found.id}: {found.state.value.upper()}", hanging=2)
    text.add(found.summary, indent=2)
    began = found.started_at
    if began is not None:
        took = (found.ended_at or now) - began
        text.add(f"by {found.by}, since {began:%Y-%m-%d %H:%M} UTC, {span(took)}", indent=2)
    if found.detail:
        text.add(found.detail, indent=2)
    text.add()
    _steps(text, found)
    for gate in found.gates:
        text.add()
        text.add(f"? {gate.question}", hanging=2)
        text.add(f"answers: {', '.join(gate.choices)}  (gate {gate.name})", indent=2)
    following = next_word(found, held=held)
    if following:
        text.add()
        text.add(following, hanging=2)
    return text.render()


def next_word(run: Run, *, held: bool) -> str:
    """Say what to type next for a run that does not go on by itself; empty when it does."""
    if run.gates:
        if len(run.gates) > 1:
            return f"waits at {len(run.gates)} gates: day2 run show {run.id}"
        choices = run.gates[0].choices
        if {"approve", "reject"} <= set(choices):
            return f"waits for an answer: day2 run approve {run.id}, or reject"
        words = ", or ".join(f"--answer {choice}" for choice in choices)
        return f"waits for an answer: day2 run approve {run.id} {words}"
    if run.state is State.PAUSED:
        return f"go on with: day2 run resume {run.id}"
    if not run.state.ended and not held:
        return (
            "no engine holds it: it was killed, or broke off (see engine.log in the state folder). "
            f"Nothing is lost: day2 run resume {run.id}"
        )
    if run.state in {State.PARTIAL, State.CANCELLED, State.FAILED} and any(
        step.acted for step in run.steps
    ):
        return f"take back what it did with: day2 run undo {run.id}"
    return ""


def differences(plan: Plan, found: Sequence[Difference]) -> str:
    """Render how the cloud differs from a plan, old and new."""
    text = Text(colour=False)
    if not found:
        text.add(f"{plan.id}: every subject is as the plan saw it")
    for difference in found:
        subject = f"{difference.subject.type} {difference.subject.label}"
        if difference.what:
            said = f"{difference.what}: {difference.was} → {difference.now}"
        else:
            said = str(difference.now)
        text.add(f"{difference.n:4}  {subject}  {said}", hanging=8)
    return text.render()


def journal(entries: Sequence[Entry]) -> str:
    """Render rows of the journal: one line each."""
    text = Text(colour=False)
    for entry in entries:
        said = entry.body.get("detail") or entry.body.get("summary") or ""
        step = f"/{entry.step}" if entry.step else ""
        text.line(
            f"{entry.n:6} {entry.at:%m-%d %H:%M:%S} {entry.run}{step} {entry.kind} {said}".rstrip()
        )
    return text.render() if entries else ""


def span(took: timedelta) -> str:
    """Say a duration: 3 s, 4 min 5 s, 2 h 7 min."""
    seconds = int(took.total_seconds())
    if seconds >= HOUR_SECONDS:
        return f"{seconds // HOUR_SECONDS} h {seconds % HOUR_SECONDS // MINUTE_SECONDS} min"
    if seconds >= MINUTE_SECONDS:
        return f"{seconds // MINUTE_SECONDS} min {seconds % MINUTE_SECONDS} s"
    return f"{seconds} s"


def _steps(text: Text, run: Run) -> None:
    """Add the steps: those that need somebody's eye whole, the others a line each, many folded."""
    worth = [s for s in run.steps if s.outcome in {Ending.FAILED, Ending.SKIPPED}]
    going = [s for s in run.steps if s.outcome is None]
    done = [s for s in run.steps if s.outcome in {Ending.DONE, Ending.ALREADY}]
    for step in worth:
        _step(text, step)
    for step in going:
        _step(text, step)
    for step in done[:SHOWN_DONE]:
        text.line(f"  {_mark(step)} {_named(step)}: {step.detail}")
    if len(done) > SHOWN_DONE:
        text.line(f"  … and {len(done) - SHOWN_DONE} more done (-f json has them all)")
    left = run.total - len(run.steps)
    if left > 0:
        text.line(f"  {left} of {run.total} steps have not begun")


def _step(text: Text, step: RunStep) -> None:
    text.add(f"{_mark(step)} {_named(step)}: {step.detail or step.doing}", indent=2, hanging=6)


def _mark(step: RunStep) -> str:
    return "…" if step.outcome is None else _MARKS[step.outcome]


def _named(step: RunStep) -> str:
    return f"{step.n} {step.action} {step.subject.label}"
