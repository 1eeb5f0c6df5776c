# SPDX-License-Identifier: Apache-2.0
"""Evacuation: a server of a dead host is built anew elsewhere, from its volumes or its image."""

from collections.abc import Mapping
from typing import Any

import msgspec

from day2.adapters.openstack.single import Said
from day2.engine.action import Doing, Result, Seen
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.model.tables import utc
from day2.operations.hosts.actions import facts as facts_of
from day2.operations.hosts.actions.arrivals import Arrival, moved_facts, proven
from day2.operations.hosts.actions.attempts import Mover, Order, Way
from day2.operations.hosts.actions.cloud import OUTAGE_SECONDS, Cloud, arguments
from day2.operations.hosts.actions.facts import DELETED
from day2.operations.hosts.actions.moving import Ladder, Road

START_SECONDS = 120
ACTIVE, SHUTOFF = "ACTIVE", "SHUTOFF"
EVACUATION = Way(
    kind="evacuation",
    said="evacuation",
    statuses=frozenset({ACTIVE, SHUTOFF, "ERROR"}),
    arrived=frozenset({"done", "completed"}),
    begins="rebuilding",
)


class EvacuateArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`was` is the status that it had before its host died: one that ran is started again."""

    source: str
    targets: list[str] = []
    was: str
    seconds_max: float
    tries: int = 1


class Signs(msgspec.Struct, frozen=True, kw_only=True):
    """What Nova says of the source: why it is not dead, and when it was heard of last.

    `recent` when that is so short ago that it may have been the host itself.
    """

    alive: str = ""
    heard: str = ""
    recent: bool = False


class Evacuate:
    """Build a server of a dead host anew on another; never of a host that may be alive.

    Its death was proven once, by a step before, and hours may lie between the two: Nova shows a
    host that is forced down as down whether it runs or not, so that its reports are looked for.
    """

    name = "server.evacuate"

    def __init__(self, cloud: Cloud, *, down_seconds: float = 60.0) -> None:
        self._cloud = cloud
        self._down_seconds = down_seconds

    def look(self, step: Step) -> Seen:
        """Read the server."""
        return facts_of.look(self._cloud, step, arguments(step, EvacuateArguments).source)

    def perform(self, step: Step, do: Doing) -> Result:
        """Evacuate it, start it where it ran before, and prove where it is."""
        given = arguments(step, EvacuateArguments)
        signs = do.read("dead", lambda: self._signs(given.source), Signs)
        alive = signs.alive or self._watched(given.source, signs, do)
        if alive:
            return Result(ending=Ending.FAILED, detail=f"refused: {alive}")
        mover = Mover(
            self._cloud,
            step,
            EVACUATION,
            source=given.source,
            ask=lambda target: self._ask(step.subject.id, target),
            before=lambda: self._alive(given.source),
        )
        ladder = Ladder(seconds_max=given.seconds_max, targets=given.targets, tries=given.tries)

        def finish(arrival: Arrival) -> Result:
            if given.was == ACTIVE:
                failed = self._start(do, mover, arrival)
                if failed is not None:
                    return failed
            status = ACTIVE if given.was == ACTIVE else SHUTOFF
            return proven(
                do, mover, arrival, status=status, ended=EVACUATION.arrived, source_keeps=True
            )

        return Road(do, mover, ladder, rests_as={SHUTOFF, ACTIVE}, finish=finish).go()

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: what was on the dead host is deleted when it comes back."""
        del step, facts
        return None

    def _ask(self, own: str, target: str | None) -> Said:
        return self._cloud.compute.act(own, "evacuate", {"host": target} if target else {})

    def _signs(self, source: str) -> Signs:
        rows = self._cloud.compute.services(host=source, binary="nova-compute")
        at = utc(rows[0].updated_at) if rows else None
        recent = at is not None and self._cloud.at() - at.timestamp() < self._down_seconds
        return Signs(alive=self._alive(source), heard=str(at or ""), recent=recent)

    def _watched(self, source: str, signs: Signs, do: Doing) -> str:
        """Watch a host that was heard of just now: it may have been people's word, or its own."""
        if not signs.recent:
            return ""

        def told() -> bool | None:
            """Tell whether it reports; None while that cannot be told yet."""
            now = self._signs(source)
            if now.heard != signs.heard:
                return True
            return None if now.recent else False

        do.say(f"{source} was heard of just now: watches whether it reports")
        seconds = self._down_seconds + OUTAGE_SECONDS
        reports = do.wait("heartbeat", told, bool, seconds_max=seconds, every=2.0)
        if reports is None:
            return f"{source} is forced down, and Nova did not tell whether it reports"
        if reports:
            return f"{source} is forced down, and its nova-compute reports all the time: it lives"
        return ""

    def _alive(self, source: str) -> str:
        """Say why the source does not count as dead; empty when it does."""
        rows = self._cloud.compute.services(host=source, binary="nova-compute")
        if not rows:
            return f"{source} has no nova-compute service"
        row = rows[0]
        if row.state != "down":
            return f"the compute service of {source} is {row.state or 'not known'}: drain it"
        if not row.forced_down:
            return (
                f"the compute service of {source} is down, and not forced down: fence the host "
                "first, then openstack compute service set --down"
            )
        return ""

    def _start(self, do: Doing, mover: Mover, arrival: Arrival) -> Result | None:
        """Start what ran before: since 2.95 it arrives stopped."""
        order = do.act("start-guest", lambda: self._started(mover.own), Order)
        if order.detail == DELETED:
            return Result(ending=Ending.SKIPPED, detail=f"{DELETED}, after it had moved")
        runs = None
        if order.given:
            runs = do.wait("runs", lambda: mover.rests({ACTIVE}), bool, seconds_max=START_SECONDS)
        if runs:
            return None
        why = order.detail or f"not ACTIVE after {START_SECONDS} s"
        target = arrival.move.target
        said = f"{mover.source} → {target}, but it does not start again: {why}"
        facts = moved_facts(arrival, target, mover.source)
        return Result(ending=Ending.FAILED, detail=said, facts=facts)

    def _started(self, own: str) -> Order:
        cloud = self._cloud
        server = cloud.compute.server(own)
        if server is None:
            return Order(at=cloud.at(), given=False, detail=DELETED)
        if server.status == ACTIVE or server.task_state == "powering-on":
            return Order(at=cloud.at(), given=True, detail="runs already")
        said = cloud.compute.act(own, "os-start")
        detail = "" if said.ok else f"Nova refuses it: {said}"
        return Order(at=cloud.at(), given=said.ok, detail=detail)
