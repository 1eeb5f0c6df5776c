# SPDX-License-Identifier: Apache-2.0
"""Put an image of Glance back under a new id, and take that back."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from day2.adapters.openstack.image_writing import ImageWriter
from day2.engine.action import Doing, Result, Seen
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.backup.actions.worker import FromSet, work
from day2.operations.backup.reimaging import MARK

REIMAGE, DROP = "backup.restore-image", "backup.drop-restored-image"
GONE = 404


class ReimageArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The set, the image that it has data of, and the name of the new one (empty: as it was)."""

    set: str
    image: str
    name: str = ""


class Reimage(FromSet):
    """Make a hidden and private image of the data that a set has."""

    name = REIMAGE

    def perform(self, step: Step, do: Doing) -> Result:
        """Let a worker do it."""
        given = msgspec.convert(step.arguments, ReimageArguments)
        words = ["reimage", given.set, "--image", given.image, "--into", step.subject.id]
        words += [f"--name={given.name}"] if given.name else []
        told = work(do, self._worker, words).get("restored", {})
        return Result(
            ending=Ending.DONE,
            detail=f"image {step.subject.id}: {told.get('bytes')} bytes, hash compared; hidden",
            facts=dict(told),
        )

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Delete the image that was made."""
        if not facts.get("image"):
            return None
        return step.way_back(
            DROP,
            "it was made by the run that is taken back",
            irreversible="a deleted image is gone; the set still has it",
        )


class DropRestored:
    """Delete an image that was put back, as long as it is ours by its mark."""

    name = DROP

    def __init__(self, open_images: Callable[[], ImageWriter]) -> None:
        self._open = open_images

    def look(self, step: Step) -> Seen:
        """See whether it is gone already."""
        there = self._open().row(step.subject.id)
        return Seen(already="" if there else f"image {step.subject.id} is gone")

    def perform(self, step: Step, do: Doing) -> Result:
        """Delete it."""
        given = msgspec.convert(step.arguments, ReimageArguments)
        refused = do.act("delete", lambda: self._delete(step.subject.id, given.set), str)
        if refused:
            return Result(ending=Ending.FAILED, detail=refused)
        return Result(ending=Ending.DONE, detail=f"image {step.subject.id} is gone")

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: restore it again from the set."""
        del step, facts
        return None

    def _delete(self, image: str, of_set: str) -> str:
        there = self._open().row(image)
        if there is None:
            return ""
        if there.get(MARK) != of_set:
            return f"image {image} is not the one that was made of {of_set}"
        said = self._open().remove(image)
        return "" if said.ok or said.status == GONE else f"Glance refuses it: {said}"
