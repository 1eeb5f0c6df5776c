# SPDX-License-Identifier: Apache-2.0
"""Put one schema back, and take that back."""

from collections.abc import Mapping
from typing import Any

import msgspec

from day2.engine.action import Doing, Result, Seen
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.backup.actions.worker import FromSet, Worker, work

RESTORE, SWAP_BACK = "backup.restore-schema", "backup.swap-back"


class RestoreArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`aside` is the private file that keeps what is there now."""

    set: str = ""
    aside: str


class RestoreSchema(FromSet):
    """Replace a schema by that of a set; what was there is kept in a file of the state folder."""

    name = RESTORE

    def perform(self, step: Step, do: Doing) -> Result:
        """Let a worker do it."""
        given = msgspec.convert(step.arguments, RestoreArguments)
        schema = step.subject.id
        words = ["restore", given.set, "--schema", schema, "--aside", given.aside]
        word = work(do, self._worker, words)
        told = word.get("restored", {})
        counted = told.get("schemas", {})
        return Result(
            ending=Ending.DONE,
            detail=f"{schema} is that of {given.set}: {counted.get('tables')} tables, "
            f"{counted.get('rows')} rows, each compared",
            facts={"aside": told.get("aside", "")},
        )

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Put back what was kept; nothing when there was none before."""
        if not facts.get("aside"):
            return None
        return step.way_back(
            SWAP_BACK,
            "put back what was there before",
            arguments={"aside": facts["aside"]},
            irreversible="what was written since the restore is gone",
        )


class SwapBack:
    """Put back the schema that a restore kept aside."""

    name = SWAP_BACK

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def look(self, step: Step) -> Seen:
        """See nothing: the worker refuses when the file is not whole."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Let a worker do it."""
        given = msgspec.convert(step.arguments, RestoreArguments)
        words = ["swap-back", "--schema", step.subject.id, "--aside", given.aside]
        work(do, self._worker, words)
        return Result(ending=Ending.DONE, detail=f"{step.subject.id} is as it was before")

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: restore it again from the set."""
        del step, facts
        return None
