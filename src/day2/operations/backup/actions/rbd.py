# SPDX-License-Identifier: Apache-2.0
"""Snapshots on RBD images: made before a set is taken of them, released when it needs them no more.

What is released is named by the plan, and judged again just before: by what the vault has then.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.rbd_listing import in_pool, snapshots_of
from day2.adapters.rbd_writing import RbdWriter
from day2.engine.action import Doing, Result, Seen
from day2.errors import BadUsage, NotDeployed
from day2.model.backup import Record, Told
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.backup import rbd_chains as chains
from day2.operations.backup.actions.worker import Open
from day2.operations.backup.rbd_round import GONE, POOL, of_id

SNAPSHOT, RELEASE, END = "backup.rbd-snapshot", "backup.rbd-release", "backup.rbd-end"
OpenRbd = Callable[[], RbdWriter]


class ImageArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The image, by its name for people and its id for us; `snapshots` are those that may go.

    `where` says why no newer set will come of it: `pool` (not selected), `trash`, `gone`.
    """

    pool: str
    image: str
    image_id: str
    snapshots: list[str] = []
    where: str = ""


class Snapshot:
    """Freeze an image under the name of the set that is about to be taken."""

    name = SNAPSHOT

    def __init__(self, open_rbd: OpenRbd) -> None:
        self._open = open_rbd

    def look(self, step: Step) -> Seen:
        """See which image has the name now, and whether it was frozen already."""
        given = msgspec.convert(step.arguments, ImageArguments)
        try:
            image = self._open().image(given.pool, given.image)
        except NotDeployed:
            return Seen(gone=f"there is no image {given.pool}/{given.image}")
        frozen = image.id == given.image_id and self._frozen(step, given)
        return Seen(
            facts={"image_id": image.id},
            already=f"{given.pool}/{given.image} was frozen before" if frozen else "",
        )

    def perform(self, step: Step, do: Doing) -> Result:
        """Make the snapshot, unless it is there."""
        given = msgspec.convert(step.arguments, ImageArguments)
        snapshot = chains.snapshot_name(step.subject.id)

        def make() -> str:
            if not self._frozen(step, given):
                self._open().create_snapshot(given.pool, given.image, snapshot)
            return snapshot

        do.act("snapshot", make, str)
        if not do.read("proof", lambda: self._frozen(step, given), bool):
            said = f"{given.pool}/{given.image} has no snapshot {snapshot}"
            return Result(ending=Ending.FAILED, detail=said)
        return Result(
            ending=Ending.DONE,
            detail=f"{given.pool}/{given.image} is frozen as {snapshot}",
            facts={"snapshot": snapshot},
        )

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Remove it, unless a set ends at it."""
        if not facts.get("snapshot"):
            return None
        given = msgspec.convert(step.arguments, ImageArguments)
        named = msgspec.structs.replace(given, snapshots=[facts["snapshot"]])
        return step.way_back(
            RELEASE,
            "it was made by the run that is taken back",
            arguments=msgspec.to_builtins(named),
            undo=NOTHING_LOST,
        )

    def _frozen(self, step: Step, given: ImageArguments) -> bool:
        names = snapshots_of(self._open(), given.pool, given.image_id)
        return chains.snapshot_name(step.subject.id) in names


NOTHING_LOST = "nothing is lost: a set holds what it froze, or was never taken"


class _Releasing:
    def __init__(self, open_rbd: OpenRbd, open_vault: Open) -> None:
        self._open = open_rbd
        self._vault = open_vault

    def _present(self, given: ImageArguments) -> list[str]:
        """List those of the plan that are still there."""
        try:
            names = snapshots_of(self._open(), given.pool, given.image_id)
        except NotDeployed:
            return []
        return [name for name in given.snapshots if name in names]

    def _remove(self, given: ImageArguments, names: list[str]) -> list[str]:
        for name in self._present(given):
            if name in names:
                self._open().remove_snapshot_by_id(given.pool, given.image_id, name)
        return names

    def _release(self, given: ImageArguments, names: list[str], do: Doing) -> str:
        """Remove them; return what is still there, empty when nothing is."""
        if names:
            do.act("release", lambda: self._remove(given, names), list[str])
        left = do.read("proof", lambda: self._present(given), list[str])
        return ", ".join(name for name in left if name in names)


class Release(_Releasing):
    """Remove those of our snapshots that no next difference will begin at."""

    name = RELEASE

    def look(self, step: Step) -> Seen:
        """See nothing: which may go is judged within."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Judge by the sets that there are now, and remove."""
        given = msgspec.convert(step.arguments, ImageArguments)

        def judged() -> list[str]:
            sets = of_id(self._vault().sets(), given.pool, given.image_id)
            return chains.releases(sets, self._present(given))

        names = do.read("judged", judged, list[str])
        left = self._release(given, names, do)
        if left:
            return Result(ending=Ending.FAILED, detail=f"still there: {left}")
        kept = len(given.snapshots) - len(names)
        said = f"{len(names)} snapshots released" + (f", {kept} kept or gone" if kept else "")
        return Result(ending=Ending.DONE, detail=said, facts={"released": names})

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: the sets hold what they froze."""
        del step, facts
        return None


class EndImage(_Releasing):
    """Release all of our snapshots of an image of which no newer set will come, and record that."""

    name = END

    def __init__(self, open_rbd: OpenRbd, open_vault: Open, clock: Clock) -> None:
        super().__init__(open_rbd, open_vault)
        self._clock = clock

    def look(self, step: Step) -> Seen:
        """See that it is still where the plan saw it: somebody may have taken it from the trash."""
        given = msgspec.convert(step.arguments, ImageArguments)
        found = [one for one in in_pool(self._open(), given.pool) if one.id == given.image_id]
        where = GONE if not found else "trash" if found[0].trashed else POOL
        return Seen(facts={"where": where})

    def perform(self, step: Step, do: Doing) -> Result:
        """Remove them, then say so beside the newest set."""
        given = msgspec.convert(step.arguments, ImageArguments)
        left = self._release(given, given.snapshots, do)
        if left:
            return Result(ending=Ending.FAILED, detail=f"still there: {left}")
        if step.subject.type == "backup-set":
            do.act("record", lambda: self._tell(step, do), bool)
        said = f"{len(given.snapshots)} snapshots released; {step.why}"
        return Result(ending=Ending.DONE, detail=said, facts={"released": given.snapshots})

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: an image that is selected again begins with a full set."""
        del step, facts
        return None

    def _tell(self, step: Step, do: Doing) -> bool:
        try:
            found = self._vault().find(step.subject.id)
        except BadUsage:
            return False
        if found.ended_at is None:
            self._vault().record(
                Record(
                    set=found.manifest.id,
                    manifest_sha256=found.sha256,
                    told=Told.ENDED,
                    at=self._clock.now(),
                    by=do.by,
                    detail=step.why,
                )
            )
        return True
