# SPDX-License-Identifier: Apache-2.0
"""Put the configuration back where it was, and take that back."""

from collections.abc import Mapping
from typing import Any

import msgspec

from day2.engine.action import Doing, Result, Seen
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.backup.actions.worker import OfSet, Worker, work

PUT, TAKE_AWAY = "backup.put-config", "backup.take-config-away"


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """`folder` is this restore's alone, `mark` is in the names of what it keeps."""

    folder: str
    mark: str


def step(name: str, sha256: str, *, folder: str, mark: str) -> Step:
    """Make the step for a set; who puts it into a plan numbers it."""
    return Step(
        action=PUT,
        subject=Subject(type="backup-set", id=name, name=name),
        why="the configuration, its keys and certificates are where they were",
        chain="config",
        arguments={"folder": folder, "mark": mark},
        fingerprint={"sha256": sha256},
        undo="what was there is kept beside it, and gets its name back",
        required=True,
    )


class PutConfig(OfSet):
    """Put the files of a set in place; what is there is renamed."""

    name = PUT

    def perform(self, step: Step, do: Doing) -> Result:
        """Let a worker do it."""
        given = msgspec.convert(step.arguments, Given)
        words = ["put-config", step.subject.id, "--folder", given.folder, "--mark", given.mark]
        told = work(do, self._worker, words).get("put", {})
        elsewhere = int(told.get("elsewhere", 0))
        return Result(
            ending=Ending.DONE,
            detail=f"{told.get('files')} files in {', '.join(told.get('roots', []))}, each compared"
            + (f"; {elsewhere} of hosts are in the set and were left there" if elsewhere else ""),
            facts=dict(told),
        )

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Take it away again."""
        del facts
        return step.way_back(
            TAKE_AWAY,
            "put back what was there before",
            irreversible="what was put there stays beside it, under a name of its own",
        )


class TakeConfigAway:
    """Give what was kept its names back."""

    name = TAKE_AWAY

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def look(self, step: Step) -> Seen:
        """See nothing: what is kept is looked at when it is done."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Let a worker do it."""
        given = msgspec.convert(step.arguments, Given)
        words = ["take-config-away", "--folder", given.folder, "--mark", given.mark]
        told = work(do, self._worker, words).get("taken", {})
        said = f"{', '.join(told.get('roots', []))} as before"
        return Result(ending=Ending.DONE, detail=said)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: put it back from the set."""
        del step, facts
        return None
