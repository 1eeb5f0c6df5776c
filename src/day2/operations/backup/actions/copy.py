# SPDX-License-Identifier: Apache-2.0
"""Copy one set to where nobody of us can delete it."""

from collections.abc import Mapping
from typing import Any

from day2.engine.action import Doing, Result
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.backup.actions.worker import OfSet, work

NAME = "backup.copy"


class Copy(OfSet):
    """Send what is not there yet, read all of it back, and send the manifest last."""

    name = NAME

    def perform(self, step: Step, do: Doing) -> Result:
        """Let a worker copy it."""
        do.say(f"copying {step.subject.id}")
        told = dict(work(do, self._worker, ["copy", step.subject.id]).get("copied", {}))
        return Result(
            ending=Ending.ALREADY if told.get("already") else Ending.DONE,
            detail=f"{told.get('objects', 0)} objects in {told.get('bucket', '?')}, locked until "
            f"{told.get('retain_until', '?')}",
            facts=told,
        )

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: it cannot be deleted, which is what it is for."""
        del step, facts
        return None
