# SPDX-License-Identifier: Apache-2.0
"""Hold a compute host for dead in Nova (`forced_down`), and let it live again."""

from collections.abc import Mapping
from typing import Any

import msgspec

from day2.engine.action import Doing, Result, Seen
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.hosts.actions.cloud import Cloud, arguments
from day2.operations.hosts.actions.facts import word
from day2.operations.hosts.actions.services import EVACUATED, NOT_THERE, Changed, of_service

UP_SECONDS = 180.0
COPIES = (
    "copies of evacuated servers are left on the host: start nova-compute there, it deletes them; "
    "then do this again"
)


class ForcingArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The service by its id; Nova's own name of the host is the step's subject."""

    service_id: str


class ForceDown:
    """Let Nova hold a proven dead host for dead: nothing is evacuated before, nor comes back."""

    name = "compute.force-down"

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self, step: Step) -> Seen:
        """Read the service."""
        return _look(self._cloud, step, wanted=True, already="is forced down already")

    def perform(self, step: Step, do: Doing) -> Result:
        """Force it down, unless it has come back."""
        given = arguments(step, ForcingArguments)
        done = do.act("force-down", lambda: self._force(given), Changed)
        return _result(self._cloud, given, done, do, wanted=True)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Let it up again, if it was forced down by this step."""
        if not facts.get("changed"):
            return None
        return msgspec.structs.replace(
            step,
            action=UnforceDown.name,
            why=f"takes back: {step.why}",
            fingerprint={"forced_down": True},
            undo="force it down again",
        )

    def _force(self, given: ForcingArguments) -> Changed:
        row = self._cloud.compute.service(given.service_id)
        if row is None:
            return Changed(ending=Ending.SKIPPED, detail=NOT_THERE)
        if row.forced_down:
            return Changed(ending=Ending.DONE)
        if row.state != "down":
            said = f"refused: its nova-compute is {word(row.state)} again"
            return Changed(ending=Ending.FAILED, detail=said, facts=of_service(row))
        answer = self._cloud.compute.update_service(given.service_id, forced_down=True)
        if answer.ok:
            return Changed(ending=Ending.DONE)
        return Changed(ending=Ending.FAILED, detail=f"Nova refuses it: {answer}")


class UnforceDown:
    """Let a host live again in Nova, once its nova-compute has deleted what was evacuated."""

    name = "compute.unforce-down"

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self, step: Step) -> Seen:
        """Read the service."""
        return _look(self._cloud, step, wanted=False, already="is not forced down")

    def perform(self, step: Step, do: Doing) -> Result:
        """Take the force away, and wait until Nova shows it up."""
        given = arguments(step, ForcingArguments)
        done = do.act("unforce-down", lambda: self._unforce(given), Changed)
        if done.ending is Ending.DONE:
            do.wait("up", lambda: self._is_up(given), bool, seconds_max=UP_SECONDS)
        return _result(self._cloud, given, done, do, wanted=False)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Force it down again, if it was let up by this step."""
        if not facts.get("changed"):
            return None
        return msgspec.structs.replace(
            step,
            action=ForceDown.name,
            why=f"takes back: {step.why}",
            fingerprint={"forced_down": False},
            undo="let it up again",
        )

    def _unforce(self, given: ForcingArguments) -> Changed:
        row = self._cloud.compute.service(given.service_id)
        if row is None:
            return Changed(ending=Ending.SKIPPED, detail=NOT_THERE)
        if not row.forced_down:
            return Changed(ending=Ending.DONE)
        answer = self._cloud.compute.update_service(given.service_id, forced_down=False)
        if answer.ok:
            return Changed(ending=Ending.DONE)
        why = COPIES if EVACUATED in answer.message.lower() else ""
        said = f"Nova refuses it ({answer.message or answer.status}){f': {why}' if why else ''}"
        return Changed(ending=Ending.FAILED, detail=said, facts=of_service(row))

    def _is_up(self, given: ForcingArguments) -> bool | None:
        row = self._cloud.compute.service(given.service_id)
        return True if row is not None and row.state == "up" else None


def _look(cloud: Cloud, step: Step, *, wanted: bool, already: str) -> Seen:
    row = cloud.compute.service(arguments(step, ForcingArguments).service_id)
    if row is None:
        return Seen(gone=NOT_THERE)
    done = row.forced_down is wanted
    return Seen(facts=of_service(row), already=already if done else "")


def _result(
    cloud: Cloud, given: ForcingArguments, done: Changed, do: Doing, *, wanted: bool
) -> Result:
    """Prove a change by reading it again; a host that was let up must be seen up."""
    if done.ending is not Ending.DONE:
        return Result(ending=done.ending, detail=done.detail, facts={"now": done.facts})

    def read() -> dict[str, Any]:
        row = cloud.compute.service(given.service_id)
        return dict(of_service(row)) if row else {}

    now = do.read("proof", read, dict[str, Any])
    facts = {"changed": True, "now": now}
    if now.get("forced_down") is not wanted:
        said = f"Nova accepted it, and shows forced_down {word(now.get('forced_down'))}"
        return Result(ending=Ending.FAILED, detail=said, facts=facts)
    if wanted:
        return Result(ending=Ending.DONE, detail="forced down", facts=facts)
    if now.get("state") != "up":
        said = (
            f"it is not forced down any more, but its nova-compute is {word(now.get('state'))} "
            f"after {UP_SECONDS:g} s: look at its log"
        )
        return Result(ending=Ending.FAILED, detail=said, facts=facts)
    return Result(ending=Ending.DONE, detail="up again", facts=facts)
