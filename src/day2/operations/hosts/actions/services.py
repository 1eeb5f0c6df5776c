# SPDX-License-Identifier: Apache-2.0
"""Take a compute host out of scheduling, and let it back in: only by the reason that is ours."""

from collections.abc import Mapping
from typing import Any

import msgspec

from day2.engine.action import Doing, Result, Seen
from day2.model.outcome import Ending
from day2.model.plan import Facts, Step
from day2.model.tables.compute import ComputeService
from day2.operations.hosts.actions.cloud import Cloud, arguments
from day2.operations.hosts.actions.facts import word
from day2.operations.hosts.together import Together

ENABLED, DISABLED = "enabled", "disabled"
NOT_THERE = "the compute service is not there any more"
# What Nova begins its refusal with while evacuated servers' old copies wait on the host.
EVACUATED = "evacuat"


class ServiceArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`reason` is what is written beside a disabled service, and what lifting it is known by.

    `neighbours` are the hosts that must not be away together with this one.
    """

    service_id: str
    reason: str
    neighbours: list[Together] = []


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a change of a service: done, already so, skipped or failed, and why."""

    ending: Ending
    detail: str = ""
    facts: Facts = {}


def of_service(row: ComputeService) -> Facts:
    """Return what fingerprints say of a compute service."""
    return {
        "status": row.status,
        "state": row.state,
        "disabled_reason": row.disabled_reason,
        "forced_down": row.forced_down,
    }


class Disable:
    """Give a compute host no new servers."""

    name = "compute.disable"
    undone_first = True
    """Nova sends no server to a host that is disabled."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self, step: Step) -> Seen:
        """Read the service."""
        given = arguments(step, ServiceArguments)
        row = self._cloud.compute.service(given.service_id)
        if row is None:
            return Seen(gone=NOT_THERE)
        ours = row.status == DISABLED and row.disabled_reason == given.reason
        already = f"is disabled already: {given.reason}" if ours else ""
        return Seen(facts=of_service(row), already=already)

    def perform(self, step: Step, do: Doing) -> Result:
        """Disable it with our reason; one that somebody else disabled stays theirs."""
        given = arguments(step, ServiceArguments)
        done = do.act("disable", lambda: self._disable(given), Changed)
        return _result(self._cloud, given, done, do, changed=DISABLED)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Enable it again, if it was disabled by this step."""
        return _reverse(step, facts, Enable.name)

    def _disable(self, given: ServiceArguments) -> Changed:
        row = self._cloud.compute.service(given.service_id)
        if row is None:
            return Changed(ending=Ending.SKIPPED, detail=NOT_THERE)
        if row.status == DISABLED:
            if row.disabled_reason == given.reason:
                return Changed(ending=Ending.DONE, detail="disabled")
            theirs = word(row.disabled_reason)
            said = f"somebody else has disabled it meanwhile (reason: {theirs}); theirs is kept"
            return Changed(ending=Ending.SKIPPED, detail=said, facts=of_service(row))
        why = self._too_many(given, row)
        if why:
            return Changed(ending=Ending.FAILED, detail=f"refused: {why}", facts=of_service(row))
        answer = self._cloud.compute.update_service(
            given.service_id, status=DISABLED, disabled_reason=given.reason
        )
        if answer.ok:
            return Changed(ending=Ending.DONE, detail="disabled")
        return Changed(ending=Ending.FAILED, detail=f"Nova refuses it: {answer}")

    def _too_many(self, given: ServiceArguments, row: ComputeService) -> str:
        """Say who has gone away since this was planned; the step holds them all meanwhile."""
        if not given.neighbours:
            return ""
        services = self._cloud.compute.services(binary="nova-compute")
        found = (one.too_many(row.host, services) for one in given.neighbours)
        return "; ".join(why for why in found if why)


class Enable:
    """Let a compute host be given servers again, if it is we who disabled it."""

    name = "compute.enable"

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self, step: Step) -> Seen:
        """Read the service."""
        row = self._cloud.compute.service(arguments(step, ServiceArguments).service_id)
        if row is None:
            return Seen(gone=NOT_THERE)
        enabled = row.status == ENABLED and not row.forced_down
        return Seen(facts=of_service(row), already="is enabled already" if enabled else "")

    def perform(self, step: Step, do: Doing) -> Result:
        """Lift our own disable; a host that is forced down comes up with it, or nothing changes."""
        given = arguments(step, ServiceArguments)
        done = do.act("enable", lambda: self._enable(given, step), Changed)
        return _result(self._cloud, given, done, do, changed=ENABLED)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Disable it again with the same reason, if it was enabled by this step."""
        return _reverse(step, facts, Disable.name)

    def _enable(self, given: ServiceArguments, step: Step) -> Changed:
        row = self._cloud.compute.service(given.service_id)
        if row is None:
            return Changed(ending=Ending.SKIPPED, detail=NOT_THERE)
        if row.status == ENABLED and not row.forced_down:
            return Changed(ending=Ending.DONE, detail="enabled")
        if row.disabled_reason != given.reason:
            theirs = word(row.disabled_reason)
            said = f"it is disabled for another reason than ours ({theirs}); that is kept"
            return Changed(ending=Ending.SKIPPED, detail=said, facts=of_service(row))
        if row.forced_down and not step.fingerprint.get("forced_down"):
            said = "it was forced down meanwhile: somebody holds it for dead"
            return Changed(ending=Ending.SKIPPED, detail=said, facts=of_service(row))
        down = {"forced_down": False} if row.forced_down else {}
        answer = self._cloud.compute.update_service(given.service_id, status=ENABLED, **down)
        if answer.ok:
            return Changed(ending=Ending.DONE, detail="enabled")
        if EVACUATED in answer.message.lower():
            why = (
                f"Nova refuses it ({answer.message}): copies of evacuated servers are left on the "
                "host; start nova-compute there, it deletes them, and then enable again"
            )
            return Changed(ending=Ending.FAILED, detail=why, facts=of_service(row))
        return Changed(ending=Ending.FAILED, detail=f"Nova refuses it: {answer}")


def _result(
    cloud: Cloud, given: ServiceArguments, done: Changed, do: Doing, *, changed: str
) -> Result:
    """Prove a change by reading it again."""
    if done.ending is not Ending.DONE:
        return Result(ending=done.ending, detail=done.detail, facts={"now": done.facts})
    now = do.read("proof", lambda: _facts(cloud, given.service_id), dict[str, Any])
    ours = changed == ENABLED or now.get("disabled_reason") == given.reason
    if now.get("status") == changed and ours and not (changed == ENABLED and now["forced_down"]):
        facts = {"changed": True, "now": now}
        return Result(ending=Ending.DONE, detail=f"{changed} ({given.reason})", facts=facts)
    said = f"Nova accepted it, and shows {word(now.get('status'))} ({now.get('disabled_reason')})"
    return Result(ending=Ending.FAILED, detail=said, facts={"changed": True, "now": now})


def _facts(cloud: Cloud, service_id: str) -> Facts:
    row = cloud.compute.service(service_id)
    return of_service(row) if row else {}


def _reverse(step: Step, facts: Mapping[str, Any], action: str) -> Step | None:
    # One that broke off before it was proven is taken back as well: its reason says whose it is.
    if not facts.get("changed") and not facts.get("acted"):
        return None
    now = facts.get("now") or {}
    return msgspec.structs.replace(
        step,
        action=action,
        why=f"takes back: {step.why}",
        fingerprint={k: v for k, v in now.items() if k != "state"},
        undo=f"takes back what {action} did",
    )
