# SPDX-License-Identifier: Apache-2.0
"""Cold migration: the guest is off on the way; the move is ours to confirm."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from day2.engine.action import Doing, Result, Seen
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.hosts.actions import facts as facts_of
from day2.operations.hosts.actions.arrivals import Arrival, moved_facts, proven, way_back
from day2.operations.hosts.actions.attempts import Mover, Order, Way
from day2.operations.hosts.actions.cloud import Cloud, arguments
from day2.operations.hosts.actions.facts import DELETED, FINISHED, VERIFY_RESIZE, Situation
from day2.operations.hosts.actions.moving import Ladder, Road

CONFIRM_SECONDS = 300
ACTIVE, SHUTOFF = "ACTIVE", "SHUTOFF"
CONFIRMED = frozenset({"confirming", "confirmed"})
COLD = Way(
    kind="migration",
    said="cold migration",
    statuses=frozenset({ACTIVE, SHUTOFF}),
    arrived=frozenset({FINISHED, *CONFIRMED}),
    begins="resize_prep",
)


class ColdArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is what it is again afterwards; an ACTIVE one is restarted by the move."""

    source: str
    targets: list[str] = []
    confirm: bool = True
    status: Literal["ACTIVE", "SHUTOFF"]
    seconds_max: float
    tries: int = 2


class ColdMigrate:
    """Move a server that may be off for it, and confirm the move."""

    name = "server.cold-migrate"

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self, step: Step) -> Seen:
        """Read the server."""
        return facts_of.look(self._cloud, step, arguments(step, ColdArguments).source)

    def perform(self, step: Step, do: Doing) -> Result:
        """Migrate it, confirm, wait until it is as it was, and prove where it is."""
        given = arguments(step, ColdArguments)
        cloud, own = self._cloud, step.subject.id
        mover = Mover(
            cloud,
            step,
            COLD,
            source=given.source,
            ask=lambda target: cloud.compute.act(own, "migrate", {"host": target}),
        )
        ladder = Ladder(seconds_max=given.seconds_max, targets=given.targets, tries=given.tries)

        def finish(arrival: Arrival) -> Result:
            if given.confirm:
                return _confirmed(do, mover, arrival, given)
            said = f"{given.source} → {arrival.move.target}, and waits for confirm or revert"
            facts = {"migration": arrival.move.number}
            return Result(ending=Ending.DONE, detail=said, facts=facts)

        rests_as = {VERIFY_RESIZE, given.status}
        return Road(do, mover, ladder, rests_as=rests_as, finish=finish).go()

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Migrate it back the same way."""
        return way_back(step, dict(facts))


def _confirmed(do: Doing, mover: Mover, arrival: Arrival, given: ColdArguments) -> Result:
    cloud, move = mover.cloud, arrival.move
    order = do.act("confirm", lambda: confirm(cloud, mover.own, move.uuid), Order)
    if not order.given:
        return _unconfirmed(mover, arrival, order.detail)
    do.wait(
        "confirmed",
        lambda: _is_confirmed(cloud, mover.own, move.uuid, given.status),
        bool,
        seconds_max=CONFIRM_SECONDS,
    )
    result = proven(do, mover, arrival, status=given.status, ended={"confirmed"})
    if result.ending is Ending.DONE and given.status == ACTIVE:
        restarted = f"{result.detail}; the guest was restarted"
        return msgspec.structs.replace(result, detail=restarted)
    return result


def _unconfirmed(mover: Mover, arrival: Arrival, detail: str) -> Result:
    target = arrival.move.target
    if detail in {DELETED, REVERTED}:
        return Result(ending=Ending.SKIPPED, detail=f"{detail}, after it had moved")
    said = f"{mover.source} → {target}, but its confirmation failed: {detail}"
    facts = moved_facts(arrival, target, mover.source)
    return Result(ending=Ending.FAILED, detail=said, facts=facts)


REVERTED = "reverted by its owner"


def confirm(cloud: Cloud, server_id: str, move: str) -> Order:
    """Confirm the move with this uuid, if that has not happened: the old host's copy goes."""
    server = cloud.compute.server(server_id)
    if server is None:
        return Order(at=cloud.at(), given=False, detail=DELETED)
    rows = cloud.compute.moves_of(server_id)
    row = next((row for row in rows if row.uuid == move), None)
    status = row.status if row else "missing"
    if status in CONFIRMED:
        return Order(at=cloud.at(), given=True, detail="confirmed already")
    if status in {"reverting", "reverted"}:
        return Order(at=cloud.at(), given=False, detail=REVERTED)
    if status != FINISHED or server.status != VERIFY_RESIZE:
        said = f"its status is {server.status}, its migration says {status}"
        return Order(at=cloud.at(), given=False, detail=said)
    answer = cloud.compute.act(server_id, "confirmResize")
    detail = "" if answer.ok else f"Nova refuses it: {answer}"
    return Order(at=cloud.at(), given=answer.ok, detail=detail)


def _is_confirmed(cloud: Cloud, server_id: str, move: str, status: str) -> bool | None:
    server = cloud.compute.server(server_id)
    if server is None:
        return True
    rows = cloud.compute.moves_of(server_id)
    ended = any(row.uuid == move and row.status == "confirmed" for row in rows)
    rests = server.task_state is None and server.status in {status, "ERROR"}
    return True if ended and rests else None


class ConfirmArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`migration` is the number or the uuid of the move that waits."""

    migration: str | int


class ConfirmResize:
    """Confirm a resize or a cold migration that waits: its way back is given up."""

    name = "server.confirm-resize"

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self, step: Step) -> Seen:
        """Read the server, and whether the move still waits."""
        now = facts_of.situation(self._cloud, step.subject.id)
        if now.gone:
            return Seen(gone=DELETED)
        move = self._move(step)
        already = "is confirmed already" if move and move.status == "confirmed" else ""
        return Seen(facts=now.facts, already=already)

    def perform(self, step: Step, do: Doing) -> Result:
        """Confirm, and wait until it is done."""
        cloud, own = self._cloud, step.subject.id
        found = do.read("move", lambda: [m] if (m := self._move(step)) else [], list[facts_of.Move])
        if not found:
            return Result(ending=Ending.SKIPPED, detail="its migration is gone")
        move = found[0]
        order = do.act("confirm", lambda: confirm(cloud, own, move.uuid), Order)
        if not order.given:
            skipped = order.detail in {DELETED, REVERTED}
            ending = Ending.SKIPPED if skipped else Ending.FAILED
            return Result(ending=ending, detail=order.detail)
        done = do.wait(
            "confirmed", lambda: self._over(own, move.uuid), bool, seconds_max=CONFIRM_SECONDS
        )
        now = do.read("after", lambda: facts_of.situation(cloud, own), Situation)
        facts = {"migration": move.number, "now": now.facts}
        if done and not now.gone:
            said = f"migration {move.number} confirmed, it is {now.facts['status']}"
            return Result(ending=Ending.DONE, detail=said, facts=facts)
        if now.gone:
            return Result(ending=Ending.SKIPPED, detail=DELETED)
        said = f"migration {move.number} is not confirmed after {CONFIRM_SECONDS} s"
        return Result(ending=Ending.FAILED, detail=said, facts=facts)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: the old copy is gone."""
        del step, facts
        return None

    def _move(self, step: Step) -> facts_of.Move | None:
        wanted = str(arguments(step, ConfirmArguments).migration)
        rows = self._cloud.compute.moves_of(step.subject.id)
        found = (row for row in rows if wanted in {str(row.id), row.uuid})
        row = next(found, None)
        return facts_of.of_move(row) if row else None

    def _over(self, own: str, move: str) -> bool | None:
        server = self._cloud.compute.server(own)
        if server is None:
            return True
        rows = self._cloud.compute.moves_of(own)
        ended = any(row.uuid == move and row.status == "confirmed" for row in rows)
        return True if ended and server.task_state is None else None
