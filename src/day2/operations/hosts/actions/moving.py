# SPDX-License-Identifier: Apache-2.0
"""The road of one server that moves: attempts on one target after another, bounded, and the proof.

The ladder of an attempt that takes too long: wait, force it to complete, abort it, try the next
target, ask people. Every rung only where the plan allows it.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext

import msgspec

from day2.engine.action import Doing, Result
from day2.model.outcome import Ending
from day2.operations.hosts.actions import facts as facts_of
from day2.operations.hosts.actions.arrivals import Arrival, in_error, moved_facts
from day2.operations.hosts.actions.attempts import ERROR, Ended, Mover, Order, Started
from day2.operations.hosts.actions.cloud import named
from day2.operations.hosts.actions.facts import DELETED, Move, Situation

ACCEPTED_SECONDS = 120
SETTLED_SECONDS = 120
ABORTED_SECONDS = 180
FORCED_SECONDS = 120
# A guest that is paused, or pulls its memory in post-copy, has the link for itself.
FORCED_MIB_PER_SECOND = 50
ROUNDS_MAX = 10
LEAVE, RETRY = "leave", "retry"


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """How long an attempt may take, how many there are, and what may be done to a slow one."""

    seconds_max: float
    targets: Sequence[str] = ()
    tries: int = 1
    force_complete: bool = False
    abort: bool = False
    memory_mib: int = 0


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """A move of ours that took longer than it was waited for; None: it has not appeared yet."""

    before: Situation
    attempt: int
    move: Move | None
    started_at: float


class Attempt(msgspec.Struct, kw_only=True):
    """What came of one attempt: a result, an arrival, or the reason for another one.

    `stuck` says that a move is still under way, so that no other may begin; `late` is that move
    when it is ours.
    """

    result: Result | None = None
    arrival: Arrival | None = None
    detail: str = ""
    stuck: bool = False
    late: "Late | None" = None


Finish = Callable[[Arrival], Result]


class Road:
    """Moves one server; `finish` does what remains once it is elsewhere, and proves it."""

    def __init__(
        self, do: Doing, mover: Mover, ladder: Ladder, *, rests_as: Collection[str], finish: Finish
    ) -> None:
        self._do = do
        self._mover = mover
        self._ladder = ladder
        self._rests_as = rests_as
        self._finish = finish
        self._late: Late | None = None

    def go(self) -> Result:
        """Try, in rounds of `tries` attempts; after each round people decide."""
        number = 0
        for turn in range(1, ROUNDS_MAX + 1):
            attempt = Attempt()
            for _try in range(self._ladder.tries):
                number += 1
                attempt = self._attempt(number)
                if attempt.result is not None:
                    return attempt.result
                if attempt.stuck:
                    break
            question = f"{self._label} is still on {self._mover.source}: {attempt.detail}"
            answer = self._do.gate(named("stuck", turn), question, [LEAVE, RETRY])
            self._late = attempt.late
            if self._late is not None:
                ended = self._over_by_now(self._late, turn)
                if ended is not None and ended.result is not None:
                    return ended.result
            if answer != RETRY:
                said = f"left on {self._mover.source}, as answered at the gate: {attempt.detail}"
                return Result(ending=Ending.SKIPPED, detail=said)
        said = f"given up after {number} attempts on as many as {len(self._ladder.targets)} targets"
        return Result(ending=Ending.FAILED, detail=said)

    def _over_by_now(self, late: Late, turn: int) -> Attempt | None:
        """See what became of a move while people were asked, for hours perhaps; None: it goes on.

        One that has arrived is ours, and proven like any other.
        """

        def over() -> list[Ended]:
            move = late.move or self._mover.newest(late.before.known)
            ended = self._mover.ended(move) if move is not None else None
            return [] if ended is None else [ended]

        found = self._do.read(named("late", turn), over, list[Ended])
        if not found:
            return None
        ended = found[0]
        if ended.outcome == "gone":
            return _skipped(DELETED)
        if ended.outcome == "failed":
            return self._failed(ended, [])
        return self._arrived(
            Arrival(
                before=late.before,
                attempt=late.attempt,
                move=ended.move,
                started_at=late.started_at,
                ended_at=ended.at,
            )
        )

    def _is_ours(self, move: Move) -> bool:
        """Tell whether a move is the one that we began, and not somebody else's."""
        late = self._late
        if late is None:
            return False
        return move.uuid == late.move.uuid if late.move else move.uuid not in late.before.known

    @property
    def _label(self) -> str:
        return self._mover.step.subject.label

    def _attempt(self, number: int) -> Attempt:
        mover = self._mover
        before = self._do.read(
            named("before", number),
            lambda: facts_of.situation(mover.cloud, mover.own),
            Situation,
        )
        found = self._already(before, number)
        if found is not None:
            return found
        targets = self._ladder.targets
        chosen = targets[(number - 1) % len(targets)] if targets else None
        target = before.open.target or None if before.open else chosen
        with self._holding(target):
            if before.open is not None:
                ours = self._is_ours(before.open)
                attempt = self._follow(before, before.open, number, ours=ours)
            else:
                attempt = self._fresh(before, target, number)
        if attempt.arrival is None:
            return attempt
        # It is over for the hosts: the next one may move while this one is looked at.
        self._do.release()
        return self._arrived(attempt.arrival)

    def _holding(self, target: str | None) -> AbstractContextManager[None]:
        if target is None:
            return nullcontext()
        return self._do.holding({f"target:{target}": self._mover.cloud.per_target_max})

    def _already(self, before: Situation, number: int) -> Attempt | None:
        """See what there is to do at all."""
        if before.gone:
            return _skipped(DELETED)
        host = str(before.facts.get("host") or "")
        if before.open is not None:
            if before.open.kind != self._mover.way.kind:
                return _skipped(f"a {before.open.kind} of it is under way")
            if before.open.source != self._mover.source:
                road = f"{before.open.source} to {before.open.target or '?'}"
                return _skipped(f"it is on its way from {road}")
            return None
        if host == self._mover.source:
            return None
        if number == 1:
            said = f"is on {host} already, not on {self._mover.source}"
            return Attempt(result=Result(ending=Ending.ALREADY, detail=said))
        return _skipped(f"it went to {host} meanwhile, not by us")

    def _fresh(self, before: Situation, target: str | None, number: int) -> Attempt:
        mover, do = self._mover, self._do
        do.say(f"{mover.way.said} to {target or 'a host of the scheduler'}")
        started = do.act(named("start", number), lambda: mover.begin(target, before.known), Started)
        if started.outcome in {"gone", "changed"}:
            return _skipped(started.detail)
        if started.outcome == "refused":
            return Attempt(detail=f"{target or 'the scheduler'}: {started.detail}")
        if started.outcome == "elsewhere":
            return _skipped(f"it went to {started.facts.get('host')} meanwhile, not by us")
        move = started.move or do.wait(
            named("accepted", number),
            lambda: mover.newest(before.known),
            Move,
            seconds_max=ACCEPTED_SECONDS,
        )
        if move is None:
            said = f"Nova accepted it, and no migration appeared within {ACCEPTED_SECONDS} s"
            late = Late(before=before, attempt=number, move=None, started_at=started.at)
            return Attempt(detail=said, stuck=True, late=late)
        return self._follow(before, move, number, ours=True, started_at=started.at)

    def _follow(
        self,
        before: Situation,
        move: Move,
        number: int,
        *,
        ours: bool,
        started_at: float | None = None,
    ) -> Attempt:
        ended = self._wait(named("moved", number), move, self._ladder.seconds_max)
        rungs = [f"not over after {self._ladder.seconds_max:g} s"]
        if ended is None and ours:
            ended = self._hasten(move, number, rungs)
        if ended is None:
            told = "" if ours else ", which somebody else began"
            said = f"migration {move.number} to {move.target or '?'}{told}: {'; '.join(rungs)}"
            since = before.at if started_at is None else started_at
            late = Late(before=before, attempt=number, move=move, started_at=since)
            return Attempt(detail=said, stuck=True, late=late if ours else None)
        if ended.outcome == "gone":
            return _skipped(DELETED)
        if ended.outcome == "failed":
            return self._failed(ended, rungs if len(rungs) > 1 else [])
        arrival = Arrival(
            before=before,
            attempt=number,
            move=ended.move,
            started_at=before.at if started_at is None else started_at,
            ended_at=ended.at,
        )
        return Attempt(arrival=arrival)

    def _wait(self, name: str, move: Move, seconds: float) -> Ended | None:
        def over() -> Ended | None:
            found = self._mover.ended(move)
            if found is None and self._ladder.memory_mib:
                self._do.say(self._mover.tell(move))
            return found

        return self._do.wait(name, over, Ended, seconds_max=seconds)

    def _hasten(self, move: Move, number: int, rungs: list[str]) -> Ended | None:
        """Climb the ladder: force it, then abort it; what was done is added to `rungs`."""
        ladder, ended = self._ladder, None
        if ladder.force_complete:
            order = self._order("force-complete", number, self._mover.force, move, rungs)
            seconds = FORCED_SECONDS + ladder.memory_mib / FORCED_MIB_PER_SECOND
            if order.given:
                rungs[-1] += f", not over {seconds:g} s later"
            ended = self._wait(named("forced", number), move, seconds if order.given else 1)
        if ended is None and ladder.abort:
            order = self._order("abort", number, self._mover.abort, move, rungs)
            seconds = ABORTED_SECONDS if order.given else 1
            ended = self._wait(named("aborted", number), move, seconds)
        return ended

    def _order(
        self,
        verb: str,
        number: int,
        send: Callable[[Move], Order],
        move: Move,
        rungs: list[str],
    ) -> Order:
        self._do.say(f"{verb} of migration {move.number}: {rungs[0]}")
        order = self._do.act(named(verb, number), lambda: send(move), Order)
        rungs.append(f"{verb} ordered" if order.given else f"{verb} not possible: {order.detail}")
        return order

    def _failed(self, ended: Ended, rungs: list[str]) -> Attempt:
        move = ended.move
        if move.status == "reverted":
            return _skipped("reverted by its owner")
        said = f"migration {move.number} to {move.target or '?'} ended as {move.status}"
        said += f" ({'; '.join(rungs)})" if rungs else ""
        if ended.status != ERROR:
            return Attempt(detail=said)
        facts = {"migration": move.number, "source": move.source, "target": move.target}
        facts |= {"host": ended.host, "status": ended.status, "fault": ended.fault}
        return Attempt(result=Result(ending=Ending.FAILED, detail=in_error(said), facts=facts))

    def _arrived(self, arrival: Arrival) -> Attempt:
        """See that the server knows it: a completed move whose server stays is no move."""
        number, mover = arrival.attempt, self._mover
        self._do.wait(
            named("settled", number),
            lambda: mover.rests(self._rests_as),
            bool,
            seconds_max=SETTLED_SECONDS,
        )
        now = self._do.read(
            named("after", number),
            lambda: facts_of.situation(mover.cloud, mover.own),
            Situation,
        )
        if now.gone:
            return _skipped(f"{DELETED}, after it had moved")
        if now.facts.get("host") == mover.source:
            facts = {"migration": arrival.move.number, "now": now.facts}
            said = (
                f"migration {arrival.move.number} to {arrival.move.target} says "
                f"{arrival.move.status}, and Nova still names {mover.source} as its host: look on "
                "both hosts where the guest runs (virsh list), and do not reset or stop it before"
            )
            return Attempt(result=Result(ending=Ending.FAILED, detail=said, facts=facts))
        if now.facts.get("status") == ERROR:
            said = in_error(f"after migration {arrival.move.number} to {arrival.move.target}")
            facts = moved_facts(arrival, str(now.facts.get("host") or ""), mover.source)
            return Attempt(result=Result(ending=Ending.FAILED, detail=said, facts=facts))
        return Attempt(result=self._finish(arrival))


def _skipped(detail: str) -> Attempt:
    # What its owner deleted leaves nothing undone.
    facts = {"gone": True} if detail.startswith(DELETED) else {}
    return Attempt(result=Result(ending=Ending.SKIPPED, detail=detail, facts=facts))
