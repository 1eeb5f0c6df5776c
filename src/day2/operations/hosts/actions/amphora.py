# SPDX-License-Identifier: Apache-2.0
"""Amphorae: never migrated, but replaced by Octavia, which keeps the balancer's own order."""

from collections.abc import Mapping
from typing import Any

import msgspec

from day2.engine.action import Doing, Result, Seen
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.hosts.actions.cloud import Cloud, arguments
from day2.operations.hosts.actions.facts import DELETED

ACTIVE, DELETED_STATUS = "ACTIVE", "DELETED"
PENDING = "PENDING"


class FailoverArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The amphora, and how long its replacement may take."""

    amphora_id: str
    seconds_max: float


class Balancer(msgspec.Struct, frozen=True, kw_only=True):
    """An amphora with its balancer; `id` is empty when the amphora is gone or spare."""

    there: bool
    id: str = ""
    status: str = ""
    compute_id: str = ""


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """What came of ordering a failover."""

    ok: bool
    detail: str = ""


class Failover:
    """Let Octavia replace one amphora by a new one on another host."""

    name = "amphora.failover"

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self, step: Step) -> Seen:
        """Read the amphora and its balancer."""
        now = self._balancer(arguments(step, FailoverArguments).amphora_id)
        if not now.there:
            return Seen(already="is replaced already: the amphora is gone")
        return Seen(facts={"balancer": now.id, "provisioning_status": now.status})

    def perform(self, step: Step, do: Doing) -> Result:
        """Order the failover and wait until the balancer is whole without this amphora."""
        given = arguments(step, FailoverArguments)
        before = do.read("before", lambda: self._balancer(given.amphora_id), Balancer)
        if not before.there:
            return Result(ending=Ending.ALREADY, detail="the amphora is gone already")
        ordered = do.act("failover", lambda: self._order(given.amphora_id, before.id), Ordered)
        if not ordered.ok:
            ending = Ending.SKIPPED if ordered.detail == DELETED else Ending.FAILED
            return Result(ending=ending, detail=ordered.detail)
        do.wait(
            "replaced",
            lambda: self._replaced(given.amphora_id, before.id),
            bool,
            seconds_max=given.seconds_max,
        )
        status = do.read("proof", lambda: self._proof(given.amphora_id, before.id), str)
        facts = {"balancer": before.id, "provisioning_status": status}
        if status == ACTIVE:
            said = "replaced, and its load balancer is ACTIVE"
            return Result(ending=Ending.DONE, detail=said, facts=facts)
        if status == DELETED:
            return Result(ending=Ending.SKIPPED, detail=DELETED)
        said = f"its load balancer is {status} after {given.seconds_max:g} s"
        return Result(ending=Ending.FAILED, detail=said, facts=facts)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: the new amphora is as good as the old one."""
        del step, facts
        return None

    def _balancer(self, amphora: str) -> Balancer:
        found = self._cloud.balancing.amphora(amphora)
        if found is None or found.status == DELETED_STATUS:
            return Balancer(there=False)
        own = found.loadbalancer_id or ""
        balancer = self._cloud.balancing.balancer(own) if own else None
        return Balancer(
            there=True,
            id=own,
            status=balancer.provisioning_status if balancer else "",
            compute_id=found.compute_id or "",
        )

    def _order(self, amphora: str, balancer: str) -> Ordered:
        now = self._balancer(amphora)
        if not now.there or now.status.startswith(PENDING):
            # Ours from before a kill, or Octavia's own health manager: either way it is under way.
            return Ordered(ok=True, detail="under way already")
        if balancer and not now.status:
            return Ordered(ok=False, detail=DELETED)
        said = self._cloud.balancing.fail_over(amphora)
        return Ordered(ok=said.ok, detail="" if said.ok else f"Octavia refuses it: {said}")

    def _replaced(self, amphora: str, balancer: str) -> bool | None:
        return None if self._proof(amphora, balancer).startswith(PENDING) else True

    def _proof(self, amphora: str, balancer: str) -> str:
        """Return the balancer's status; one that still has the amphora is pending."""
        found = self._cloud.balancing.balancer(balancer)
        if found is None or found.provisioning_status == DELETED_STATUS:
            return DELETED
        status = found.provisioning_status
        if status == ACTIVE and self._balancer(amphora).there:
            return f"{PENDING} (the amphora is still there)"
        return status
