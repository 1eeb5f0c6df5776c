# SPDX-License-Identifier: Apache-2.0
"""Let Cinder back up one volume: this changes the cloud, unlike the taking of a set."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from day2.adapters.openstack.volume_backups import VolumeBackups
from day2.engine.action import Doing, Result, Seen
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.model.tables.storage import VolumeBackup
from day2.operations.backup.selecting import why_not

NAME, DROP = "backup.volume", "backup.volume-drop"
AVAILABLE = "available"
UNDER_WAY = frozenset({"creating", "backing-up"})
OF_SET = "backup-set"
POLL_SECONDS = 3.0


class VolumeArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The name that the backup gets, by which it is found again, and how long it may take."""

    name: str
    seconds_max: float


class DropArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The backup, how long its end may take, and the newer one that makes it needless."""

    backup: str
    seconds_max: float
    newer: str = ""


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """What came of ordering it; `id` is empty when Cinder refused."""

    id: str = ""
    detail: str = ""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """How a backup is."""

    status: str
    detail: str = ""


class BackUpVolume:
    """Order a backup of a volume, and wait until it is there."""

    name = NAME

    def __init__(self, open_backups: Callable[[], VolumeBackups]) -> None:
        self._open = open_backups

    def look(self, step: Step) -> Seen:
        """Read the volume, and whether the backup was made already."""
        api = self._open()
        given = msgspec.convert(step.arguments, VolumeArguments)
        volume = api.volume(step.subject.id)
        if volume is None:
            return Seen(gone=f"volume {step.subject.id} is not there any more")
        made = api.named(given.name, volume.id)
        if made is not None and made.status == AVAILABLE:
            return Seen(already=f"backup {made.id} is there")
        return Seen(facts={"size": volume.size, "project": volume.project_id})

    def perform(self, step: Step, do: Doing) -> Result:
        """Order it, wait, and look at what came of it."""
        given = msgspec.convert(step.arguments, VolumeArguments)
        ordered = do.act("order", lambda: self._order(step.subject.id, given.name, do.run), Ordered)
        if not ordered.id:
            return Result(ending=Ending.FAILED, detail=ordered.detail)
        do.wait(
            "made",
            lambda: self._ended(ordered.id),
            Made,
            seconds_max=given.seconds_max,
            every=POLL_SECONDS,
        )
        made = do.read("proof", lambda: self._made(ordered.id), Made)
        facts = {"backup": ordered.id, "status": made.status}
        if made.status == AVAILABLE:
            said = f"backup {ordered.id} is available"
            return Result(ending=Ending.DONE, detail=said, facts=facts)
        said = f"backup {ordered.id} is {made.status}{f': {made.detail}' if made.detail else ''}"
        return Result(ending=Ending.FAILED, detail=said, facts=facts)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Delete the backup that was made."""
        if not facts.get("backup"):
            return None
        given = msgspec.convert(step.arguments, VolumeArguments)
        return step.way_back(
            DROP,
            "it was made by the run that is taken back",
            arguments={"backup": facts["backup"], "seconds_max": given.seconds_max},
            irreversible="a deleted backup is gone",
        )

    def _order(self, volume: str, name: str, run: str) -> Ordered:
        api = self._open()
        made = api.named(name, volume)
        if made is None:
            found = api.volume(volume)
            why = "it is gone" if found is None else why_not(found)
            if why:
                return Ordered(detail=f"volume {volume} cannot be backed up: {why}")
            said = api.create(volume, name, f"made by day2, run {run}")
            if not said.ok:
                return Ordered(detail=f"Cinder refuses it: {said}")
            made = api.named(name, volume)
        if made is None:
            return Ordered(detail="Cinder accepted it, and does not list it")
        return Ordered(id=made.id)

    def _ended(self, backup: str) -> Made | None:
        made = self._made(backup)
        return None if made.status in UNDER_WAY else made

    def _made(self, backup: str) -> Made:
        found = self._open().backup(backup)
        if found is None:
            return Made(status="gone")
        return Made(status=found.status, detail=found.fail_reason or "")


class DropBackup:
    """Delete a backup that a run made: to take that back, or with the set that it is of.

    `why_kept` asks retention again, just before: why a set must stay now, empty when it may go.
    """

    name = DROP

    def __init__(
        self, open_backups: Callable[[], VolumeBackups], why_kept: Callable[[str], str]
    ) -> None:
        self._open = open_backups
        self._why_kept = why_kept

    def look(self, step: Step) -> Seen:
        """See whether it is gone already, and whether the newer one is still good."""
        given = msgspec.convert(step.arguments, DropArguments)
        api = self._open()
        found = api.backup(given.backup)
        if found is None:
            return Seen(already=f"backup {given.backup} is gone")
        return Seen(facts=facts(found, api.backup(given.newer) if given.newer else None))

    def perform(self, step: Step, do: Doing) -> Result:
        """Delete it, and wait until it is gone."""
        given = msgspec.convert(step.arguments, DropArguments)
        if step.subject.type == OF_SET:
            kept = do.read("judged", lambda: self._needed(step.subject.id, given), str)
            if kept:
                return Result(ending=Ending.SKIPPED, detail=kept)
        refused = do.act("delete", lambda: self._delete(given.backup), str)
        if refused:
            return Result(ending=Ending.FAILED, detail=f"Cinder refuses it: {refused}")
        gone = do.wait(
            "gone",
            lambda: True if self._open().backup(given.backup) is None else None,
            bool,
            seconds_max=given.seconds_max,
            every=POLL_SECONDS,
        )
        if gone:
            return Result(ending=Ending.DONE, detail=f"backup {given.backup} is gone")
        return Result(ending=Ending.FAILED, detail=f"backup {given.backup} is still there")

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: it is gone."""
        del step, facts
        return None

    def _needed(self, name: str, given: DropArguments) -> str:
        """Say why a backup must not go with its set, whatever was planned; empty: it may."""
        why = self._why_kept(name)
        if why:
            return f"its set is needed again: {why}"
        found = self._open().backup(given.backup)
        if given.newer or found is None or found.status != AVAILABLE or not found.volume_id:
            return ""
        # A list lacked the volume; only its own page proves that it is gone.
        if self._open().volume(found.volume_id) is None:
            return ""
        return f"volume {found.volume_id} is there, and this is the last that is known of it"

    def _delete(self, backup: str) -> str:
        """Order it; return what Cinder said against it."""
        api = self._open()
        found = api.backup(backup)
        if found is None or found.status == "deleting":
            return ""
        said = api.delete(backup)
        return "" if said.ok else str(said)


def facts(found: VolumeBackup, newer: VolumeBackup | None) -> dict[str, Any]:
    """Return what the end of a backup depends on."""
    return {
        "name": found.name or "",
        "volume": found.volume_id or "",
        "project": found.project_id,
        "newer": newer.status if newer else "",
    }
