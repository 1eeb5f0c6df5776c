# SPDX-License-Identifier: Apache-2.0
"""Put the whole database back: a new data folder made, the old one kept, the new one in place."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from day2.adapters.database.node import NodeFiles
from day2.engine.action import Doing, Result, Seen
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.backup.actions.worker import OfSet, Worker, work

MAKE, PROVE = "backup.make-data", "backup.prove-data"
KEEP, PUT_BACK = "backup.keep-data", "backup.put-data-back"
PLACE, TAKE_AWAY = "backup.place-data", "backup.take-data-away"

Files = Callable[[str, str], NodeFiles]
"""The data folder of a node, by the node's name and the mark of the restore."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """`mark` is in the names of all folders of this restore; `folder` is where data are made."""

    mark: str = ""
    set: str = ""
    folder: str = ""
    need_bytes: int = 0


class MakeData(OfSet):
    """Make a data folder of a set, on this machine; nothing of the cloud is touched."""

    name = MAKE

    def perform(self, step: Step, do: Doing) -> Result:
        """Let a worker do it."""
        given = msgspec.convert(step.arguments, Given)
        words = ["make-data", step.subject.id, "--folder", given.folder]
        made = work(do, self._worker, words).get("made", {})
        return Result(
            ending=Ending.DONE,
            detail=f"a data folder of {int(made.get('bytes', 0)) >> 20} MiB is ready",
            facts={name: made.get(name) for name in ("bytes", "position", "facts")},
        )

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: it changed nothing."""
        del step, facts
        return None


class KeepData:
    """Rename a node's data folder, so that what is there now is kept whole."""

    name = KEEP

    def __init__(self, files: Files) -> None:
        self._files = files

    def look(self, step: Step) -> Seen:
        """See what the folder holds."""
        given = msgspec.convert(step.arguments, Given)
        return Seen(facts={"holds": self._files(step.subject.id, given.mark).look().holds})

    def perform(self, step: Step, do: Doing) -> Result:
        """Rename it."""
        given = msgspec.convert(step.arguments, Given)
        files = self._files(step.subject.id, given.mark)

        def keep() -> bool:
            files.require_fit(need_bytes=given.need_bytes)
            return files.keep_aside()

        kept = do.act("keep", keep, bool)
        said = f"kept as {files.aside}" if kept else "there was nothing to keep"
        return Result(ending=Ending.DONE, detail=said, facts={"kept": files.aside if kept else ""})

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Put it back."""
        if facts.get("kept") == "":
            return None
        return step.way_back(
            PUT_BACK,
            "put back what was there before",
            undo="what was restored is kept beside it, under a name of its own",
            required=True,
        )


class PutDataBack:
    """Give the kept data folder its old name; what is in its place is kept beside it."""

    name = PUT_BACK

    def __init__(self, files: Files) -> None:
        self._files = files

    def look(self, step: Step) -> Seen:
        """See nothing: what is kept and what is not is looked at when it is done."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Rename both."""
        given = msgspec.convert(step.arguments, Given)
        files = self._files(step.subject.id, given.mark)
        back = do.act("back", files.put_back, bool)
        said = "is as it was before" if back else "kept nothing, so nothing was put back"
        return Result(ending=Ending.DONE, detail=f"{step.subject.id} {said}")

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: the restore is planned anew."""
        del step, facts
        return None


class PlaceData:
    """Put the new data folder in place of the one that was kept aside."""

    name = PLACE

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def look(self, step: Step) -> Seen:
        """See nothing: the worker refuses while a server works there."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Let a worker do it: on another file system it is a copy of everything."""
        given = msgspec.convert(step.arguments, Given)
        words = ["place-data", given.set, "--folder", given.folder]
        words += ["--node", step.subject.id, "--mark", given.mark]
        work(do, self._worker, words)
        return Result(ending=Ending.DONE, detail=f"{step.subject.id} has the data of {given.set}")

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Take it away; what was there before is put back by the step that kept it."""
        del facts
        return step.way_back(
            TAKE_AWAY,
            "take the restored data away, and keep them",
            undo="rename the folder by hand",
            required=True,
        )


class TakeDataAway:
    """Rename what was placed; an empty folder stays."""

    name = TAKE_AWAY

    def __init__(self, files: Files) -> None:
        self._files = files

    def look(self, step: Step) -> Seen:
        """See nothing: it is looked at when it is done."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Rename it."""
        given = msgspec.convert(step.arguments, Given)
        files = self._files(step.subject.id, given.mark)

        def away() -> bool:
            files.take_away()
            return True

        do.act("away", away, bool)
        return Result(ending=Ending.DONE, detail=f"kept as {files.restored}")

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: the restore is planned anew."""
        del step, facts
        return None


class ProveData:
    """Hold the server that was started against the set."""

    name = PROVE

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def look(self, step: Step) -> Seen:
        """See nothing: the worker asks the server."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Let a worker do it; what does not hold is its failure."""
        given = msgspec.convert(step.arguments, Given)
        told = work(do, self._worker, ["prove-data", given.set, "--folder", given.folder]).get(
            "proven", {}
        )
        schemas = len(told.get("schemas", {}))
        return Result(
            ending=Ending.DONE,
            detail=f"{schemas} schemas, {told.get('tables')} tables are those of the set; "
            f"compared: {told.get('compared')}",
            facts={name: told.get(name) for name in ("tables", "compared")},
        )

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: it only reads."""
        del step, facts
        return None
