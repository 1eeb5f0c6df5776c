# SPDX-License-Identifier: Apache-2.0
"""Boot a server on a cloud that was not there when the drill was planned."""

from collections.abc import Callable, Mapping
from typing import Any

from day2.engine.action import Action, Doing, Result, Seen
from day2.errors import NotVerified
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.recovery import drill


class Smoke:
    """Choose what a smoke run needs when its turn comes, and let its own action do the rest."""

    name = drill.SMOKE

    def __init__(self, make: Callable[[], Step], action: Callable[[], Action]) -> None:
        self._make = make
        self._action = action

    def look(self, step: Step) -> Seen:
        """See nothing: what there is to boot from is not known before."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Choose, recorded; then boot, try and delete; a phase that failed fails it."""
        del step
        do.say("choosing image, flavor and network")
        chosen = do.read("choose", self._make, Step)
        result = self._action().perform(chosen, do)
        failed = [p["name"] for p in result.facts.get("phases", ()) if p["outcome"] == "failed"]
        if not failed or result.ending is Ending.FAILED:
            return result
        return Result(
            ending=Ending.FAILED,
            detail=f"{', '.join(failed)} failed; {result.detail}",
            facts={**result.facts, "error": NotVerified.__name__},
        )

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: it deleted everything itself."""
        del step, facts
        return None
