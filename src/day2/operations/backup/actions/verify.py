# SPDX-License-Identifier: Apache-2.0
"""Prove one set."""

from collections.abc import Mapping
from typing import Any

import msgspec

from day2.engine.action import Doing, Result
from day2.errors import NotVerified
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.backup.actions.worker import OfSet, work

NAME = "backup.verify"


class VerifyArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`level` is 1 to 3."""

    level: int


class Verify(OfSet):
    """Prove the set that the step names; what is found is appended beside it."""

    name = NAME

    def perform(self, step: Step, do: Doing) -> Result:
        """Let a worker prove it; a set that does not hold is the step's failure."""
        given = msgspec.convert(step.arguments, VerifyArguments)
        do.say(f"proving {step.subject.id} to level {given.level}")
        words = ["verify", step.subject.id, "--level", str(given.level), "--by", do.by]
        word = work(do, self._worker, words)
        record = word.get("record", {})
        held = bool(record.get("ok"))
        return Result(
            ending=Ending.DONE if held else Ending.FAILED,
            detail=str(record.get("detail", "the worker did not say what it found")),
            facts={
                **({} if held else {"error": NotVerified.__name__}),
                "set": step.subject.id,
                "verified": held,
                "level": record.get("level", 0),
                "seconds": record.get("seconds", 0),
                **record.get("facts", {}),
            },
        )

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: it only reads."""
        del step, facts
        return None
