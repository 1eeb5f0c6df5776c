# SPDX-License-Identifier: Apache-2.0
"""A server that stays by decision: proven to be there, and as it was."""

from collections.abc import Mapping
from typing import Any

import msgspec

from day2.engine.action import Doing, Result, Seen
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.hosts.actions import facts as facts_of
from day2.operations.hosts.actions.cloud import Cloud, arguments
from day2.operations.hosts.actions.facts import DELETED, Situation, differences


class LeaveArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`why` it stays."""

    why: str = ""


class Leave:
    """Change nothing: see that a server is still where it was, and as it was."""

    name = "server.leave"

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self, step: Step) -> Seen:
        """Read the server."""
        now = facts_of.situation(self._cloud, step.subject.id)
        return Seen(gone=DELETED) if now.gone else Seen(facts=now.facts)

    def perform(self, step: Step, do: Doing) -> Result:
        """Read it and compare."""
        why = arguments(step, LeaveArguments).why
        now = do.read("proof", lambda: facts_of.situation(self._cloud, step.subject.id), Situation)
        if now.gone:
            return Result(ending=Ending.SKIPPED, detail=DELETED)
        facts: dict[str, Any] = {"now": now.facts}
        changed = differences(step, now.facts)
        if changed:
            return Result(ending=Ending.SKIPPED, detail=changed, facts=facts)
        said = f"stays on {now.facts['host']}, unchanged{f': {why}' if why else ''}"
        return Result(ending=Ending.DONE, detail=said, facts=facts)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: nothing was done."""
        del step, facts
        return None
