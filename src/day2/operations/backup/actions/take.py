# SPDX-License-Identifier: Apache-2.0
"""Take one set."""

from collections.abc import Mapping
from typing import Any

import msgspec

from day2.adapters.vaults.vault import Draft
from day2.engine.action import Doing, Result, Seen
from day2.model.backup import Found
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.backup.actions.worker import Open, Worker, work

NAME = "backup.take"


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it, as the vault tells; `same_as`: the set that holds what it would have."""

    id: str
    sha256: str
    bytes: int
    stored_bytes: int
    seconds: float
    same_as: str = ""


class Take:
    """Take the set whose id the step names; it exists whole afterwards, or not at all."""

    name = NAME

    def __init__(self, open_vault: Open, worker: Worker) -> None:
        self._open = open_vault
        self._worker = worker

    def look(self, step: Step) -> Seen:
        """See whether it was taken already."""
        found = self._find(step.subject.id)
        return Seen(already=f"{step.subject.id} is in the vault" if found else "")

    def perform(self, step: Step, do: Doing) -> Result:
        """Let a worker take it, and look whether the vault has it."""
        draft = msgspec.convert({**step.arguments, "by": do.by, "run": do.run}, Draft)
        do.say(f"taking {draft.id}")
        words = ["take", "--draft", msgspec.json.encode(draft).decode()]
        word = work(do, self._worker, words)
        known = str((word.get("set") or {}).get("id") or draft.id)
        taken = do.read("proof", lambda: self._taken(draft.id, known), Taken)
        if taken.same_as:
            return Result(
                ending=Ending.ALREADY,
                detail=f"nothing changed since {taken.same_as}",
                facts=msgspec.to_builtins(taken),
            )
        if not taken.sha256:
            return Result(ending=Ending.FAILED, detail=f"{draft.id} is not in the vault")
        return Result(
            ending=Ending.DONE,
            detail=f"{taken.bytes} bytes in {taken.stored_bytes}, {taken.seconds:.0f} s",
            facts=msgspec.to_builtins(taken),
        )

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: a set too many harms nobody; retention removes it."""
        del step, facts
        return None

    def _find(self, name: str) -> Found | None:
        return next((f for f in self._open().sets() if f.manifest.id == name), None)

    def _taken(self, name: str, known: str) -> Taken:
        found = self._find(known)
        if found is None:
            return Taken(id=name, sha256="", bytes=0, stored_bytes=0, seconds=0)
        return Taken(
            id=known,
            sha256=found.sha256,
            same_as=known if known != name else "",
            bytes=found.manifest.bytes,
            stored_bytes=found.manifest.stored_bytes,
            seconds=found.manifest.seconds,
        )
