# SPDX-License-Identifier: Apache-2.0
"""Measure a drill by the records of its run's steps, and keep what it measured."""

from collections.abc import Callable, Mapping
from typing import Any

from day2.adapters.clock import Clock
from day2.engine.action import Doing, Result, Seen
from day2.errors import NotVerified
from day2.memory import drills, plans, runs
from day2.memory.store import Memory
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.model.recovery import Drill
from day2.operations.recovery import drill


class Record:
    """Keep phases, recovery time and recovery point of the drill that it is the last step of.

    `drilled` is told of a drill that brought services back: its sets are proven as far as can be.
    """

    name = drill.RECORD

    def __init__(
        self, memory: Callable[[], Memory], clock: Clock, drilled: Callable[[Drill], None]
    ) -> None:
        self._memory = memory
        self._clock = clock
        self._drilled = drilled

    def look(self, step: Step) -> Seen:
        """See nothing: what is kept is what the steps before say."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Measure, and keep it; begun again, it keeps the same."""
        del step
        found = do.read("measure", lambda: self._kept(do.run), Drill)
        late = [phase.name for phase in found.phases if phase.is_late]
        rpo = "no database" if found.rpo_seconds is None else f"{found.rpo_seconds / 3600:.1f} h"
        detail = (
            f"recovered in {found.rto_seconds:.0f} s of {found.rto_seconds_max:.0f} s; "
            f"recovery point {rpo} of {found.rpo_seconds_max / 3600:g} h"
            + (f"; late: {', '.join(late)}" if late else "")
        )
        facts = {"rto_seconds": found.rto_seconds, "rpo_seconds": found.rpo_seconds}
        if found.ok:
            return Result(ending=Ending.DONE, detail=detail, facts=facts)
        # Whatever kept a phase from its end, the drill did not prove what it is for.
        return Result(
            ending=Ending.FAILED,
            detail=f"not recovered; {detail}",
            facts={**facts, "error": NotVerified.__name__},
        )

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: what was measured stays."""
        del step, facts
        return None

    def _kept(self, run: str) -> Drill:
        memory = self._memory()
        plan = plans.load(memory, run).plan
        found = drill.measured(runs.load(memory, run), plan.manifest, self._clock.now())
        drills.save(memory, found)
        if found.ok and found.depth == drill.REAL:
            self._drilled(found)
        return found
