# SPDX-License-Identifier: Apache-2.0
"""Condemn a set, spare it, and remove it: two steps with days between them."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from day2.adapters.clock import Clock
from day2.engine.action import Doing, Result, Seen
from day2.errors import BadUsage
from day2.model.backup import Found, Record, State, Told
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.backup.actions.worker import Open

CONDEMN, SPARE, REMOVE = "backup.condemn", "backup.spare", "backup.remove"
SWEEP = "backup.sweep"


class PruneArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`reason` is what retention said of it."""

    reason: str = ""


class _OfSet:
    def __init__(self, open_vault: Open, clock: Clock) -> None:
        self._open = open_vault
        self._clock = clock

    def look(self, step: Step) -> Seen:
        """See the set as it is: its hash, what it is good for, and whether somebody pinned it."""
        found = self._find(step)
        if found is None:
            return Seen(gone=f"{step.subject.id} is not in the vault any more")
        return Seen(facts=facts(found))

    def _find(self, step: Step) -> Found | None:
        try:
            return self._open().find(step.subject.id)
        except BadUsage:
            return None

    def _tell(self, step: Step, do: Doing, told: Told) -> str:
        """Append a record, unless the newest one says so already."""
        vault = self._open()
        found = vault.find(step.subject.id)
        decided = [r for r in found.records if r.told in {Told.CONDEMNED, Told.SPARED}]
        if decided and decided[-1].told is told:
            return decided[-1].detail
        reason = msgspec.convert(step.arguments, PruneArguments).reason
        vault.record(
            Record(
                set=found.manifest.id,
                manifest_sha256=found.sha256,
                told=told,
                at=self._clock.now(),
                by=do.by,
                detail=reason,
            )
        )
        return reason


class Condemn(_OfSet):
    """Say of a set that retention does not need it: nothing is removed yet."""

    name = CONDEMN

    def perform(self, step: Step, do: Doing) -> Result:
        """Append the record."""
        reason = do.act("condemn", lambda: self._tell(step, do, Told.CONDEMNED), str)
        return Result(ending=Ending.DONE, detail=f"condemned: {reason}")

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Spare it."""
        del facts
        return Step(action=SPARE, subject=step.subject, why="taken back", undo="condemn it again")


class Spare(_OfSet):
    """Take back that a set was condemned."""

    name = SPARE

    def perform(self, step: Step, do: Doing) -> Result:
        """Append the record."""
        do.act("spare", lambda: self._tell(step, do, Told.SPARED), str)
        return Result(ending=Ending.DONE, detail="spared")

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Condemn it again."""
        del facts
        return Step(action=CONDEMN, subject=step.subject, why="taken back", undo="spare it")


class Remove(_OfSet):
    """Remove a set that was condemned, once its days of grace are over.

    `why_kept` asks retention again, just before: why a set must stay now, empty when it may go.
    """

    name = REMOVE

    def __init__(self, open_vault: Open, clock: Clock, why_kept: Callable[[str], str]) -> None:
        super().__init__(open_vault, clock)
        self._why_kept = why_kept

    def perform(self, step: Step, do: Doing) -> Result:
        """Remove it, and see that it is gone."""

        def remove() -> int:
            found = self._find(step)
            if found is None:
                return 0
            self._open().remove(found)
            return found.manifest.stored_bytes

        kept = do.read("judged", lambda: self._why_kept(step.subject.id), str)
        if kept:
            said = f"it is needed again: {kept}"
            return Result(ending=Ending.SKIPPED, detail=said)
        freed = do.act("remove", remove, int)
        left = do.read("proof", lambda: self._find(step) is not None, bool)
        if left:
            return Result(ending=Ending.FAILED, detail="it is still in the vault")
        return Result(ending=Ending.DONE, detail=f"{freed} bytes freed", facts={"bytes": freed})

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: it is gone."""
        del step, facts
        return None


class SweepArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`names` are what is removed, and nothing else."""

    names: list[str]


class Sweep:
    """Remove what killed writers and half-done removals left: no set, and no part of one."""

    name = SWEEP

    def __init__(self, open_vault: Open, hours: float) -> None:
        self._open = open_vault
        self._hours = hours

    def look(self, step: Step) -> Seen:
        """See which of it is still there; less than was planned is no reason to stop."""
        names = self._names(step)
        there = set(self._open().left(hours=self._hours)).intersection(names)
        return Seen(facts={}) if there else Seen(gone="nothing of it is left")

    def perform(self, step: Step, do: Doing) -> Result:
        """Remove it, and see that it is gone."""
        names = self._names(step)
        swept = do.act(
            "sweep", lambda: list(self._open().sweep(names, hours=self._hours)), list[str]
        )
        there = do.read(
            "proof",
            lambda: sorted(set(self._open().left(hours=self._hours)).intersection(names)),
            list[str],
        )
        if there:
            return Result(ending=Ending.FAILED, detail=f"still there: {', '.join(there[:3])}")
        return Result(ending=Ending.DONE, detail=f"{len(swept)} leftovers removed")

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: it is gone."""
        del step, facts
        return None

    @staticmethod
    def _names(step: Step) -> list[str]:
        return msgspec.convert(step.arguments, SweepArguments).names


def facts(found: Found) -> dict[str, Any]:
    """Return what a step about a set depends on."""
    return {
        "sha256": found.sha256,
        "condemned": found.state is State.CONDEMNED,
        "pinned": found.pinned,
    }
