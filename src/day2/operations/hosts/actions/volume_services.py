# SPDX-License-Identifier: Apache-2.0
"""Block storage services: given no new volumes while their host is worked on, and then again."""

from collections.abc import Mapping
from typing import Any

import msgspec

from day2.engine.action import Doing, Result, Seen
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.model.tables.storage import VolumeService
from day2.operations.hosts.actions.cloud import Cloud, arguments
from day2.operations.hosts.actions.facts import word
from day2.operations.hosts.actions.services import Changed

ENABLED, DISABLED = "enabled", "disabled"
NOT_THERE = "the service is not there any more"


class VolumeArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`host` is `host@backend` for cinder-volume; a disable is known as ours by its `reason`."""

    host: str
    binary: str
    reason: str


class _Set:
    """Enable or disable one service."""

    name = ""
    wanted = ""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self, step: Step) -> Seen:
        """Read the service."""
        given = arguments(step, VolumeArguments)
        row = self._row(given)
        if row is None:
            return Seen(gone=NOT_THERE)
        facts = {
            "status": row.status,
            "state": row.state,
            "disabled_reason": row.disabled_reason,
        }
        already = f"is {row.status} already" if self._is_set(row, given) else ""
        return Seen(facts=dict(facts), already=already)

    def perform(self, step: Step, do: Doing) -> Result:
        """Set it, and read it again."""
        given = arguments(step, VolumeArguments)
        done = do.act("set", lambda: self._change(given), Changed)
        if done.ending is not Ending.DONE:
            return Result(ending=done.ending, detail=done.detail)
        proven = do.read("proof", lambda: self._proof(given), bool)
        said = f"{given.binary} on {given.host} is {self.wanted}"
        if proven:
            return Result(ending=Ending.DONE, detail=said, facts={"changed": True})
        said = f"Cinder accepted it, and shows {given.binary} on {given.host} otherwise"
        return Result(ending=Ending.FAILED, detail=said, facts={"changed": True})

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Set it back."""
        # One that broke off before it was proven as well: its reason says whose it is.
        if not facts.get("changed") and not facts.get("acted"):
            return None
        disabled = self.wanted == DISABLED
        reason = arguments(step, VolumeArguments).reason
        return msgspec.structs.replace(
            step,
            action=EnableVolumes.name if disabled else DisableVolumes.name,
            why=f"takes back: {step.why}",
            fingerprint={"status": self.wanted, "disabled_reason": reason if disabled else None},
            undo="sets it again",
        )

    def _row(self, given: VolumeArguments) -> VolumeService | None:
        rows = self._cloud.storage.services(given.host, given.binary)
        return next((row for row in rows if row.host == given.host), None)

    def _is_set(self, row: VolumeService, given: VolumeArguments) -> bool:
        ours = row.status == ENABLED or row.disabled_reason == given.reason
        return row.status == self.wanted and ours

    def _proof(self, given: VolumeArguments) -> bool:
        row = self._row(given)
        return row is not None and self._is_set(row, given)

    def _change(self, given: VolumeArguments) -> Changed:
        row = self._row(given)
        if row is None:
            return Changed(ending=Ending.SKIPPED, detail=NOT_THERE)
        if self._is_set(row, given):
            return Changed(ending=Ending.DONE)
        if row.status == DISABLED and row.disabled_reason != given.reason:
            theirs = word(row.disabled_reason)
            said = f"it is disabled for another reason than ours ({theirs}); that is kept"
            return Changed(ending=Ending.SKIPPED, detail=said)
        storage = self._cloud.storage
        if self.wanted == ENABLED:
            answer = storage.enable(given.host, given.binary)
        else:
            answer = storage.disable(given.host, given.binary, given.reason)
        if answer.ok:
            return Changed(ending=Ending.DONE)
        return Changed(ending=Ending.FAILED, detail=f"Cinder refuses it: {answer}")


class DisableVolumes(_Set):
    """Give a block storage service nothing new."""

    name = "volume-service.disable"
    wanted = DISABLED


class EnableVolumes(_Set):
    """Let a block storage service be given work again, if it is we who disabled it."""

    name = "volume-service.enable"
    wanted = ENABLED
