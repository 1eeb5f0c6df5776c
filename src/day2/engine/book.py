# SPDX-License-Identifier: Apache-2.0
"""What an engine knows of one run: its plan, how its steps are, and whether it must stop."""

import threading
from collections.abc import Sequence
from datetime import datetime

from msgspec import structs

from day2.adapters.clock import Clock
from day2.engine.action import Result
from day2.memory import runs
from day2.memory.journal import Journalist
from day2.memory.store import Connection, Memory
from day2.model.outcome import Ending
from day2.model.plan import Saved, Step
from day2.model.run import Run, RunStep, State

CHANGED, GONE, ACTED = "changed", "gone", "acted"
"""Facts of an outcome: the subject was not as the plan saw it, or is proven not to be there; it
was changed, or may have been, and then the step broke off before it was proven."""


class Book:
    """One run while an engine holds it; safe to use from the threads of its chains."""

    def __init__(
        self, memory: Memory, clock: Clock, saved: Saved, run: Run, *, outage_seconds: float
    ) -> None:
        self.outage_seconds = outage_seconds
        self.plan = saved.plan
        self.sha256 = saved.sha256
        self.run = run
        self.journalist = Journalist(run.cloud, run.region)
        self._memory = memory
        self._clock = clock
        self._lock = threading.Lock()
        self._steps = {step.n: step for step in run.steps}
        self._dirty: set[int] = set()
        self._gates = {gate.name for gate in run.gates}
        self.stopped = ""

    def stages(self) -> list[list[tuple[str, list[Step]]]]:
        """Return the plan's chains by stage, in the order of their first steps."""
        stages: dict[int, dict[str, list[Step]]] = {}
        for step in self.plan.steps:
            chain = step.chain or f"step-{step.n}"
            stages.setdefault(step.stage, {}).setdefault(chain, []).append(step)
        return [list(stages[stage].items()) for stage in sorted(stages)]

    def chain(self, stage: int, name: str) -> list[Step]:
        """Return the steps of one chain."""
        return dict(self.stages()[stage])[name]

    def step(self, n: int) -> RunStep | None:
        """Return how a step is; None when it has not begun."""
        with self._lock:
            return self._steps.get(n)

    def steps(self) -> list[RunStep]:
        """Return how every step is that has begun."""
        with self._lock:
            return list(self._steps.values())

    def begin(self, connection: Connection, step: Step) -> None:
        """Write down that a step begins, in the transaction of its intent."""
        now = self._clock.now()
        begun = structs.replace(_of(step), started_at=now)
        with self._lock:
            self._steps[step.n] = self._steps.get(step.n, begun)
            begun = self._steps[step.n]
        runs.put_steps(connection, self.run.id, [begun])

    def end(self, connection: Connection, step: Step, result: Result, at: datetime) -> None:
        """Write down how a step ended, in the transaction of its outcome."""
        with self._lock:
            known = self._steps.get(step.n)
            ended = structs.replace(
                known or _of(step),
                outcome=result.ending,
                detail=result.detail,
                doing="",
                ended_at=at,
                facts=result.facts,
            )
            self._steps[step.n] = ended
            self._dirty.discard(step.n)
        runs.put_steps(connection, self.run.id, [ended])

    def say(self, n: int, text: str) -> None:
        """Note what a step is doing; `flush` keeps it."""
        with self._lock:
            known = self._steps.get(n)
            if known is not None and known.outcome is None and known.doing != text:
                self._steps[n] = structs.replace(known, doing=text)
                self._dirty.add(n)

    def flush(self) -> None:
        """Keep what the steps said since the last time."""
        if not self._dirty:
            return
        # What is kept is looked at under the write lock: a step that ends meanwhile stays ended.
        with self._memory.writing() as connection:
            with self._lock:
                said = [self._steps[n] for n in sorted(self._dirty)]
                self._dirty.clear()
            runs.put_steps(connection, self.run.id, said)

    def must_stop(self) -> str:
        """Say why no other step may begin; empty when it may."""
        if self.stopped:
            return self.stopped
        bounds = self.plan.bounds
        steps = self.steps()
        undone = {s.n for s in steps if s.outcome in {Ending.FAILED, Ending.SKIPPED}}
        lost = next((s for s in self.plan.steps if s.required and s.n in undone), None)
        if lost is not None:
            return f"step {lost.n} ({lost.action}) was not done, and the others need it"
        failed = sum(step.outcome is Ending.FAILED for step in steps)
        if failed >= bounds.failed_max:
            return f"{failed} steps failed, {bounds.failed_max} are the limit"
        return too_many_changed(
            # What an action did keeps facts of its own words: only what was skipped says so.
            sum(s.outcome is Ending.SKIPPED and bool(s.facts.get(CHANGED)) for s in steps),
            sum(bool(step.fingerprint) for step in self.plan.steps),
            bounds.changed_ratio_max,
        )

    def verdict(self, *, cancelled: bool) -> tuple[State, str]:
        """Judge the whole, once every step has its outcome."""
        steps = self.steps()
        count = {ending: sum(step.outcome is ending for step in steps) for ending in Ending}
        done = count[Ending.DONE] + count[Ending.ALREADY]
        left = [s for s in steps if s.outcome is Ending.SKIPPED and not s.facts.get(GONE)]
        said = ", ".join(f"{count[ending]} {ending.value}" for ending in Ending if count[ending])
        why = self.must_stop()
        said = f"{said}; stopped: {why}" if why else said
        # Whatever was wanted after its last step: who reads CANCELLED thinks that some is undone.
        if not count[Ending.FAILED] and not left and len(steps) == len(self.plan.steps):
            return State.DONE, said
        if cancelled:
            return State.CANCELLED, said
        acted = any(s.outcome is Ending.DONE and not self._readonly(s.n) for s in steps)
        return (State.PARTIAL if acted or done else State.FAILED), said

    def _readonly(self, n: int) -> bool:
        return next((step.readonly for step in self.plan.steps if step.n == n), True)


def too_many_changed(changed: int, of: int, ratio_max: float) -> str:
    """Say that more subjects changed than the plan allows; one always may. Empty: not so."""
    allowed = max(1, int(of * ratio_max))
    if changed <= allowed:
        return ""
    return (
        f"{changed} of {of} subjects changed since the plan was made, {allowed} may "
        f"(changes.changed_ratio_max: {ratio_max:g})"
    )


def outcome_counts(steps: Sequence[RunStep]) -> dict[str, int]:
    """Count outcomes by their names; steps under way are not counted."""
    return {
        ending.value: count
        for ending in Ending
        if (count := sum(step.outcome is ending for step in steps))
    }


def _of(step: Step) -> RunStep:
    return RunStep(n=step.n, action=step.action, subject=step.subject, readonly=step.readonly)
