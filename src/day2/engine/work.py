# SPDX-License-Identifier: Apache-2.0
"""The two workflows: a run goes through the stages of its plan, a chain through its steps.

What is decided here depends on recorded results alone, so that a replay takes the same branches.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import structs

from day2.engine.action import Action, Result, Seen
from day2.engine.book import ACTED, CHANGED, GONE, Book, too_many_changed
from day2.engine.differing import differences
from day2.engine.doing import Bug, Cancelled, Durably, Tools
from day2.engine.windows import Closed
from day2.errors import Day2Error, NotDeployed
from day2.memory import runs
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.plan import Step, changed
from day2.model.run import State, Wanted

PREFLIGHT = Step(action="preflight", subject=Subject(type="run", id=""), why="", readonly=True)
CHANGES = structs.replace(PREFLIGHT, readonly=False)


class NotNow(msgspec.Struct, frozen=True, kw_only=True):
    """Why a step does not begin: not yet, or (`final`) not at all."""

    why: str
    final: bool = False


class Work:
    """Does runs; `books` gives the book of a run that this engine holds."""

    def __init__(
        self,
        tools: Callable[[], Tools],
        *,
        book: Callable[[str], Book],
        actions: Callable[[Book], Mapping[str, Action]],
        closed: Callable[[Book], Closed | None],
        ended: Callable[[Book], None],
    ) -> None:
        self._tools = tools
        self._book = book
        self._actions = actions
        self._closed = closed
        self._ended = ended

    def whole(self, run: str) -> dict[str, Any]:
        """Do a whole run."""
        tools = self._tools()
        with tools.activity.working():
            book = self._held(run)
            do = Durably(tools, book, PREFLIGHT)
            stale = do.call("preflight", lambda: self._preflight(book, do))["ok"]
            if not stale:
                for stage, chains in enumerate(book.stages()):
                    self._stage(book, stage, [name for name, _steps in chains])
            return do.call("end", lambda: self._finish(book, stale))

    def part(self, run: str, stage: int, chain: str) -> list[dict[str, Any]]:
        """Do one chain: its steps in order; one that is not done ends those of its subject."""
        tools = self._tools()
        with tools.activity.working():
            book = self._held(run)
            ended: list[dict[str, Any]] = []
            broken: dict[str, str] = {}
            for step in book.chain(stage, chain):
                ending = self._step(book, step, broken.get(step.subject.id, ""))
                ended.append({"n": step.n, "ending": ending.value})
                if ending in {Ending.FAILED, Ending.SKIPPED}:
                    said = f"step {step.n} before it was not done"
                    broken.setdefault(step.subject.id, said)
            return ended

    def _held(self, run: str) -> Book:
        """Return the book of a run, once this engine was told to take it.

        What an engine that was killed had put on the library's queue is begun by whichever comes
        next: it waits here, and touches nothing, until somebody chooses this run.
        """
        tools = self._tools()
        with tools.activity.waiting():
            while True:
                try:
                    return self._book(run)
                except KeyError:
                    tools.activity.look_again()

    def _stage(self, book: Book, stage: int, chains: list[str]) -> None:
        tools = self._tools()
        parts = [tools.durable.begin_part(book.run.id, stage, chain) for chain in chains]
        for part in parts:
            with tools.activity.waiting():
                tools.durable.result(part)

    def _step(self, book: Book, step: Step, broken: str) -> Ending:
        do = Durably(self._tools(), book, step)
        # The places come first: a run that is paused keeps others from what it is about to touch.
        with do.holding(step.limits):
            begun = do.call("begin", lambda: self._begin(book, step, do, broken))["ok"]
            skipped = Result(ending=Ending.SKIPPED, detail=begun)
            result = skipped if begun else self._worked(book, step, do)
        recorded = do.call("end", lambda: self._end(book, step, result))
        return Ending(recorded["ok"])

    def _worked(self, book: Book, step: Step, do: Durably) -> Result:
        try:
            action = self._action(book, step)
            seen = do.read("look", lambda: action.look(step), Seen)
            if seen.gone:
                return Result(ending=Ending.SKIPPED, detail=seen.gone, facts={GONE: True})
            if seen.already:
                return Result(ending=Ending.ALREADY, detail=seen.already, facts=dict(seen.facts))
            differs = changed(step.fingerprint, seen.facts)
            if differs:
                said = "; ".join(f"{k}: {_shown(a)} → {_shown(b)}" for k, (a, b) in differs.items())
                return Result(
                    ending=Ending.SKIPPED,
                    detail=f"changed since the plan was made: {said}",
                    facts={CHANGED: True},
                )
            return action.perform(step, do)
        except Day2Error as error:
            said = f"{error}. {error.hint}" if error.hint else str(error)
            facts: dict[str, Any] = {"error": error.kind}
        except Cancelled:
            said, facts = "cancelled while it waited for an answer", {}
        except Bug as bug:
            said, facts = f"a bug in day2: {bug}", {}
        if do.acted:
            facts[ACTED] = True
        return Result(ending=Ending.FAILED, detail=said, facts=facts)

    def _action(self, book: Book, step: Step) -> Action:
        found = self._actions(book).get(step.action)
        if found is None:
            raise NotDeployed(
                f"this day2 has no action {step.action!r}", hint="the plan is of another release"
            )
        return found

    def _begin(self, book: Book, step: Step, do: Durably, broken: str) -> dict[str, Any]:
        """Wait until the step may begin, and write down that it does; else say why it does not."""
        tools = self._tools()
        why = broken or self._hold(book, step, do)
        with tools.memory.writing() as connection:
            book.begin(connection, step)
            book.journalist.append(
                connection,
                at=tools.clock.now(),
                run=book.run.id,
                step=str(step.n),
                kind="intent",
                by=book.run.by,
                body={
                    "action": step.action,
                    "subject": f"{step.subject.type} {step.subject.id}",
                    "why": step.why,
                },
            )
        return {"ok": why}

    def _hold(self, book: Book, step: Step, do: Durably) -> str:
        """Wait while the run is paused, or changes are not allowed; say why it must not begin."""
        activity = self._tools().activity
        if (now := self._not_now(book, step)) is None:
            return ""
        # Waiting as one stretch, not turn by turn: an engine leaves once nothing works for a while.
        with activity.waiting():
            while now is not None and not now.final:
                do.say(now.why)
                activity.look_again()
                now = self._not_now(book, step)
        return "" if now is None else now.why

    def _not_now(self, book: Book, step: Step) -> "NotNow | None":
        """Say why a step must not begin now, or not at all; None when it may."""
        activity = self._tools().activity
        wanted = activity.wanted(book.run.id)
        if wanted is Wanted.CANCEL:
            return NotNow(why="the run was cancelled", final=True)
        stop = book.must_stop()
        if stop and not step.readonly:
            return NotNow(why=f"the run was stopped: {stop}", final=True)
        if wanted is not Wanted.RUN:
            return NotNow(why="paused")
        if activity.halted:
            return NotNow(why="everything is stopped (day2 run stop-all --clear)")
        closed = None if step.readonly else self._closed(book)
        return None if closed is None else NotNow(why=closed.why)

    def _end(self, book: Book, step: Step, result: Result) -> dict[str, Any]:
        tools = self._tools()
        now = tools.clock.now()
        with tools.memory.writing() as connection:
            entry = book.journalist.append(
                connection,
                at=now,
                run=book.run.id,
                step=str(step.n),
                kind="outcome",
                by=book.run.by,
                body={
                    "ending": result.ending.value,
                    "detail": result.detail,
                    "facts": result.facts,
                },
            )
            told = Result(
                ending=Ending(entry.body["ending"]),
                detail=entry.body["detail"],
                facts=entry.body["facts"],
            )
            book.end(connection, step, told, entry.at)
        return {"ok": told.ending.value}

    def _preflight(self, book: Book, do: Durably) -> dict[str, Any]:
        """Look at every subject before anything is changed: is the plan still about this cloud?

        A run that was filed to begin later, or was paused at once, waits here: what was true when
        it was filed may be days old when it begins, and so may the plan.
        What cannot be read now is looked at again when its turn comes; what is a bug is told then.
        """
        if self._hold(book, CHANGES if book.plan.changes else PREFLIGHT, do):
            return {"ok": ""}
        if self._tools().clock.now() >= (until := book.plan.expires_at):
            return {"ok": f"the plan expired {until:%Y-%m-%d %H:%M} UTC; make a new one"}
        try:
            found = differences(book.plan, self._actions(book))
        except Exception:  # noqa: BLE001 - else a bug of one action ends the engine with all its runs
            return {"ok": ""}
        of = sum(bool(step.fingerprint) and not step.readonly for step in book.plan.steps)
        ratio_max = book.plan.bounds.changed_ratio_max
        return {"ok": too_many_changed(len({d.n for d in found}), of, ratio_max)}

    def _finish(self, book: Book, stale: str) -> dict[str, Any]:
        tools = self._tools()
        cancelled = tools.activity.wanted(book.run.id) is Wanted.CANCEL
        state, detail = book.verdict(cancelled=cancelled)
        if stale:
            state, detail = State.FAILED, f"refused before anything was changed: {stale}"
        elif state is State.DONE and book.run.undoes:
            detail = f"undid {book.run.undoes}; {detail}"
        now = tools.clock.now()
        with tools.memory.writing() as connection:
            entry = book.journalist.append(
                connection,
                at=now,
                run=book.run.id,
                kind="ended",
                by=book.run.by,
                body={"state": state.value, "detail": detail},
            )
            runs.set_state(
                connection,
                book.run.id,
                State(entry.body["state"]),
                detail=entry.body["detail"],
                ended_at=entry.at,
                engine="",
                chosen=0,
            )
            if book.run.undoes and state is State.DONE:
                runs.set_state(connection, book.run.undoes, State.UNDONE)
        self._ended(book)
        return {"ok": state.value}


def _shown(value: Any) -> str:  # noqa: ANN401 - a fact
    return "nothing" if value in {None, ""} else str(value)
