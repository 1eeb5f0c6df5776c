# SPDX-License-Identifier: Apache-2.0
"""Make an RBD image of a set, under a name that is free, and take that back."""

from collections.abc import Mapping
from typing import Any

import msgspec

from day2.adapters.rbd_restoring import MARK
from day2.engine.action import Doing, Result, Seen
from day2.errors import NotDeployed
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.backup.actions.rbd import OpenRbd
from day2.operations.backup.actions.worker import FromSet, work

REBUILD, DROP = "backup.rebuild-image", "backup.drop-image"


class RebuildArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The set, and where its image is made."""

    set: str
    pool: str
    image: str


class Rebuild(FromSet):
    """Make an image of a set and all that it stands on; never over one that is there."""

    name = REBUILD

    def perform(self, step: Step, do: Doing) -> Result:
        """Let a worker do it."""
        given = msgspec.convert(step.arguments, RebuildArguments)
        words = ["rebuild", given.set, "--into", f"{given.pool}/{given.image}"]
        told = work(do, self._worker, words).get("restored", {})
        return Result(
            ending=Ending.DONE,
            detail=f"{given.pool}/{given.image}: {told.get('bytes')} bytes of "
            f"{told.get('links')} links{', hash compared' if told.get('content_sha256') else ''}",
            facts=dict(told),
        )

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Remove the image that was made."""
        if not facts.get("links"):
            return None
        return step.way_back(
            DROP,
            "it was made by the run that is taken back",
            irreversible="what was written to it since it was made is gone",
        )


class DropImage:
    """Remove an image that a restore has made, while it is ours by its mark and nobody's in use."""

    name = DROP

    def __init__(self, open_rbd: OpenRbd) -> None:
        self._open = open_rbd

    def look(self, step: Step) -> Seen:
        """See whether it is gone already."""
        given = msgspec.convert(step.arguments, RebuildArguments)
        try:
            self._open().image(given.pool, given.image)
        except NotDeployed:
            return Seen(already=f"{given.pool}/{given.image} is gone")
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Remove it, unless it is another one, somebody has it open, or it has snapshots."""
        given = msgspec.convert(step.arguments, RebuildArguments)
        refused = do.act("remove", lambda: self._remove(given), str)
        if refused:
            return Result(ending=Ending.FAILED, detail=refused)
        return Result(ending=Ending.DONE, detail=f"{given.pool}/{given.image} is removed")

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: it is made again of its set."""
        del step, facts
        return None

    def _remove(self, given: RebuildArguments) -> str:
        rbd, name = self._open(), f"{given.pool}/{given.image}"
        if rbd.marked(given.pool, given.image, MARK) != given.set:
            return f"{name} is not the image that was made of {given.set}"
        if rbd.watchers(given.pool, given.image):
            return f"somebody has {name} open"
        if rbd.snapshots(given.pool, given.image):
            return f"{name} has snapshots"
        rbd.remove(given.pool, given.image)
        return ""
