# SPDX-License-Identifier: Apache-2.0
"""What moving a server is made of, whichever way it goes: begin, follow, and what may come between.

Everything here is called inside of durable calls; what it returns is recorded.
"""

from collections.abc import Callable, Collection
from typing import Any, Literal

import msgspec

from day2.adapters.openstack.single import Said
from day2.errors import Unreachable
from day2.model.plan import Facts, Step
from day2.model.tables.compute import Migration, Server
from day2.operations.hosts.actions.cloud import Cloud
from day2.operations.hosts.actions.facts import (
    DELETED,
    ENDED,
    Move,
    differences,
    of_move,
    of_server,
)

ERROR = "ERROR"
RUNNING = "running"
MIGRATING = "MIGRATING"


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way of moving: what Nova calls it, from where it begins, and when it has arrived.

    `kind` is the type of its migration records, `statuses` are those of the server that it takes,
    `arrived` those of the record once the server is elsewhere. `begins` is the task of a server
    that was asked to go this way before there is a record of it.
    """

    kind: str
    said: str
    statuses: Collection[str]
    arrived: Collection[str]
    begins: str


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking for a move: the handle, or why there is none."""

    at: float
    outcome: Literal["started", "adopted", "elsewhere", "gone", "changed", "refused"]
    detail: str = ""
    move: Move | None = None
    facts: Facts = {}


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a move ended; `fault` is what Nova says of a server in ERROR."""

    at: float
    outcome: Literal["arrived", "failed", "gone"]
    move: Move
    status: str = ""
    host: str = ""
    fault: str = ""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What came of ordering something of a move under way."""

    at: float
    given: bool
    detail: str = ""


class Mover:
    """One server and one way to move it; `ask` sends the request for a target (None: any)."""

    def __init__(
        self,
        cloud: Cloud,
        step: Step,
        way: Way,
        *,
        source: str,
        ask: Callable[[str | None], Said],
        before: Callable[[], str] = str,
    ) -> None:
        self.cloud = cloud
        self.step = step
        self.way = way
        self.source = source
        self.own = step.subject.id
        self._ask = ask
        self._before = before

    def begin(self, target: str | None, known: Collection[str]) -> Started:
        """Look whether it is under way, elsewhere or changed; if it is not, ask for it.

        A move that is not among `known` began since we looked: it is ours from before a kill.

        Raises:
            Unreachable: while it begins and Nova has not written it down: asked again, it is found.

        """
        server = self.cloud.compute.server(self.own)
        if server is None:
            return self._started("gone", DELETED)
        facts = of_server(server)
        fresh = self.newest(known)
        if fresh is not None:
            if fresh.kind == self.way.kind:
                return self._started("adopted", move=fresh, facts=facts)
            return self._started("changed", f"a {fresh.kind} of it began meanwhile", facts=facts)
        if server.host != self.source:
            return self._started("elsewhere", facts=facts)
        if server.task_state == self.way.begins:
            # The API makes it busy and answers; the conductor writes the record, a moment later.
            raise Unreachable(
                f"server {self.own} is {server.task_state}, and Nova has no record of its move yet"
            )
        reason = self.refusal(server) or self._before()
        if reason:
            return self._started("changed", reason, facts=facts)
        said = self._ask(target)
        if said.ok:
            return self._started("started", move=self.newest(known), facts=facts)
        return self._refused(said, facts)

    def _refused(self, said: Said, facts: Facts) -> Started:
        """Tell a refusal from a server that went or changed while we asked."""
        server = self.cloud.compute.server(self.own)
        if server is None:
            return self._started("gone", DELETED)
        reason = self.refusal(server)
        if reason:
            return self._started("changed", reason, facts=of_server(server))
        return self._started("refused", f"Nova refuses it: {said}", facts=facts)

    def _started(
        self,
        outcome: Literal["started", "adopted", "elsewhere", "gone", "changed", "refused"],
        detail: str = "",
        *,
        move: Move | None = None,
        facts: Facts | None = None,
    ) -> Started:
        return Started(
            at=self.cloud.at(), outcome=outcome, detail=detail, move=move, facts=facts or {}
        )

    def refusal(self, server: Server) -> str:
        """Say why this server may not be moved as planned; empty when it may."""
        facts = of_server(server)
        changed = differences(self.step, facts)
        if changed:
            return changed
        if server.task_state is not None:
            return f"it is busy ({server.task_state})"
        if server.status not in self.way.statuses:
            return f"its status is {server.status}: {self.way.said} does not take that"
        return ""

    def newest(self, known: Collection[str]) -> Move | None:
        """Return the newest move of it that is not among those known."""
        rows = [row for row in self.cloud.compute.moves_of(self.own) if row.uuid not in known]
        return of_move(max(rows, key=_number)) if rows else None

    def ended(self, move: Move) -> Ended | None:
        """Look whether a move is over: the server rests then, here or there."""
        server = self.cloud.compute.server(self.own)
        if server is None:
            return Ended(at=self.cloud.at(), outcome="gone", move=move)
        rows = self.cloud.compute.moves_of(self.own)
        row = next((row for row in rows if row.uuid == move.uuid), None)
        if row is None:
            return None
        now = of_move(row)
        if now.status in self.way.arrived:
            return self._ended("arrived", now, server)
        if (now.status in ENDED or server.status == ERROR) and server.task_state is None:
            return self._ended("failed", now, server)
        return None

    def _ended(self, outcome: Literal["arrived", "failed"], move: Move, server: Server) -> Ended:
        return Ended(
            at=self.cloud.at(),
            outcome=outcome,
            move=move,
            status=server.status,
            host=server.host or "",
            fault=server.fault.message if server.fault else "",
        )

    def rests(self, statuses: Collection[str]) -> bool | None:
        """Look whether it rests elsewhere with one of these statuses, or is gone, or in ERROR."""
        server = self.cloud.compute.server(self.own)
        if server is None or server.status == ERROR:
            return True
        there = server.host not in {None, self.source} and server.task_state is None
        return True if there and server.status in statuses else None

    def force(self, move: Move) -> Order:
        """Let a live migration end now, if it runs: only of a guest that is running itself."""
        reason = self._not_under_way(move)
        server = None if reason else self.cloud.compute.server(self.own)
        if server is not None and server.status != MIGRATING:
            reason = f"its status is {server.status}"
        return self._order(reason, lambda: self.cloud.compute.force_complete(self.own, move.number))

    def abort(self, move: Move) -> Order:
        """Break a live migration off."""
        reason = self._not_under_way(move)
        return self._order(reason, lambda: self.cloud.compute.abort(self.own, move.number))

    def _not_under_way(self, move: Move) -> str:
        if self.cloud.compute.progress(self.own, move.number):
            return ""
        rows = self.cloud.compute.moves_of(self.own)
        status = next((row.status for row in rows if row.uuid == move.uuid), "gone")
        return f"migration {move.number} is {status}, which takes no orders"

    def _order(self, reason: str, send: Callable[[], Said]) -> Order:
        if reason:
            return Order(at=self.cloud.at(), given=False, detail=reason)
        said = send()
        detail = "" if said.ok else f"Nova refuses it: {said}"
        return Order(at=self.cloud.at(), given=said.ok, detail=detail)

    def tell(self, move: Move) -> str:
        """Say how far a live migration is, for those who watch."""
        to = f" to {move.target}" if move.target else ""
        found = self.cloud.compute.progress(self.own, move.number)
        if found is None or not found.memory_total_bytes:
            return f"{self.way.said}{to}"
        left = (found.memory_remaining_bytes or 0) / 2**20
        return f"{self.way.said}{to}: {left:,.0f} MiB of memory to go"


def _number(row: Migration) -> Any:  # noqa: ANN401 - what sorts
    return row.created_at.timestamp() if row.created_at else 0.0, row.id
