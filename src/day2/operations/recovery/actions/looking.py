# SPDX-License-Identifier: Apache-2.0
"""Look whether everything is at hand, and whether the stores agree; nothing is changed by it."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from day2.engine.action import Doing, Result, Seen
from day2.errors import NotVerified
from day2.model.examination import Examination, State
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.model.recovery import Reconciled
from day2.operations.recovery import drill

STOP, OPEN = "stop", "open"
SAID_MAX = 3


class _Looks:
    """What a step begins with that only looks: with nothing, and it leaves nothing."""

    def look(self, step: Step) -> Seen:
        """See nothing: looking is what it does."""
        del step
        return Seen()

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: nothing was changed."""
        del step, facts
        return None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a look found, as it is recorded: sentences, and what is critical."""

    said: str
    wrong: list[str] = []
    findings: int = 0
    critical: int = 0
    gaps: int = 0
    compared: int = 0


class Ready(_Looks):
    """See whether a recovery could begin: keys, sets, programs, room."""

    name = drill.READY

    def __init__(self, examine: Callable[[], Examination]) -> None:
        self._examine = examine

    def perform(self, step: Step, do: Doing) -> Result:
        """Examine everything; what fails keeps the drill from proving anything."""
        del step
        do.say("looking at sets, keys, programs and room")
        found = do.read("examine", self._found, Found)
        if found.wrong:
            return _failed("; ".join(found.wrong[:SAID_MAX]))
        return Result(ending=Ending.DONE, detail=found.said)

    def _found(self) -> Found:
        items = self._examine().items
        failed = [f"{i.title}: {i.detail}" for i in items if i.state is State.FAILED]
        warnings = sum(item.state is State.WARNING for item in items)
        said = f"{len(items)} things looked at, {warnings} warnings"
        return Found(said=said, wrong=failed)


class ReconcileArguments(msgspec.Struct, frozen=True, kw_only=True):
    """With a gate, people are asked before compute is opened in spite of what was found.

    `whole_seconds_max` is how long it is waited until every store answers.
    """

    gate: bool = False
    whole_seconds_max: float = 0.0


class Reconcile(_Looks):
    """Compare the stores; hold compute closed while a guest exists twice or nowhere."""

    name = drill.RECONCILE

    def __init__(self, reconcile: Callable[[], Reconciled]) -> None:
        self._reconcile = reconcile

    def perform(self, step: Step, do: Doing) -> Result:
        """Compare; ask where it holds."""
        given = msgspec.convert(step.arguments, ReconcileArguments)
        do.say("comparing the stores")
        found = self._whole(do, given.whole_seconds_max) or do.read("compare", self._found, Found)
        facts = {"findings": found.findings, "critical": found.critical, "gaps": found.gaps}
        if not found.compared:
            return _failed(f"nothing could be compared: {found.gaps} gaps")
        unread = [f"{found.gaps} things could not be read"] if given.gate and found.gaps else []
        wrong = [*found.wrong, *unread]
        if not wrong:
            return Result(ending=Ending.DONE, detail=found.said, facts=facts)
        if not given.gate:
            detail = f"{found.said}; compute would stay closed: {wrong[0]}"
            return Result(ending=Ending.DONE, detail=detail, facts=facts)
        question = (
            f"{found.critical} guests exist twice, nowhere or unknown to Nova; {wrong[0]}. "
            "See: day2 recovery reconcile. Open compute all the same?"
        )
        if do.gate("compute", question, [STOP, OPEN]) == OPEN:
            return Result(ending=Ending.DONE, detail=f"{found.said}; opened by word", facts=facts)
        return _failed(f"compute stays closed: {wrong[0]}")

    def _whole(self, do: Doing, seconds_max: float) -> Found | None:
        """Compare until every store answers: services that just start do not at once."""

        def poll() -> Found | None:
            found = self._found()
            return None if found.gaps else found

        if not seconds_max:
            return None
        return do.wait("whole", poll, Found, seconds_max=seconds_max, every=2.0)

    def _found(self) -> Found:
        reconciled = self._reconcile()
        report = reconciled.report
        rows = {finding.key: finding for finding in report.findings}
        compared = ", ".join(f"{n} {kind}" for kind, n in sorted(reconciled.compared.items()))
        return Found(
            said=f"{compared or 'nothing'} compared: {len(rows)} findings, {len(report.gaps)} gaps",
            wrong=[rows[key].summary for key in reconciled.holds],
            findings=len(rows),
            critical=len(reconciled.holds),
            gaps=len(report.gaps),
            compared=sum(reconciled.compared.values()),
        )


def _failed(detail: str) -> Result:
    return Result(ending=Ending.FAILED, detail=detail, facts={"error": NotVerified.__name__})
