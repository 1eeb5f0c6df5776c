# SPDX-License-Identifier: Apache-2.0
"""The durable calls of one step: each runs at least once, is recorded once, and never raises.

What a function returned, or the named failure it raised, is encoded by one wrapper on the first run
and on every replay alike. A call that changes something has its intent in the journal before, and
its outcome after; killed between its outcome and the record of the library, it is not run again:
the journal's row is returned.
"""

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar, cast

import msgspec

from day2 import errors
from day2.adapters.clock import Clock
from day2.engine import children
from day2.engine.action import Ran
from day2.engine.activity import Activity
from day2.engine.book import Book
from day2.engine.children import Begun
from day2.engine.claims import Claims
from day2.engine.durable import Durable
from day2.errors import BadAnswer, Day2Error, Locked, Unreachable
from day2.memory import journal, plans, runs
from day2.memory.store import Connection, Memory
from day2.model.plan import Step
from day2.model.run import Gate, Wanted

T = TypeVar("T")
RETRY_SECONDS_MAX = 15.0
_LOST = frozenset({Unreachable.__name__, BadAnswer.__name__})
"""After these a change may have been carried out all the same."""


class Bug(Exception):
    """An action broke: not a failure of the outside but of day2's own code."""


class Cancelled(Exception):
    """People want the run to end; what it is at is left as it is."""


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What every durable call needs."""

    memory: Memory
    clock: Clock
    durable: Durable
    claims: Claims
    activity: Activity
    point: Callable[[str], None]


class Durably:
    """Implements `Doing` for one step of one run."""

    def __init__(self, tools: Tools, book: Book, step: Step) -> None:
        self.run = book.run.id
        self.by = book.run.by
        self.ticket = book.run.ticket
        self._tools = tools
        self._book = book
        self._step = step
        self._names: set[str] = set()
        self.acted = False
        """An act of this step was carried out, or may have been: its answer was lost."""

    def read(self, name: str, function: Callable[[], T], kind: type[T]) -> T:
        """Look at something."""
        return cast("T", self._decoded(self.call(name, lambda: self._patient(function)), kind))

    def act(self, name: str, function: Callable[[], T], kind: type[T]) -> T:
        """Change something: intent, function, outcome."""
        recorded = self.call(name, lambda: self._acted(name, function))
        self.acted = self.acted or "ok" in recorded or recorded.get("error") in _LOST
        return cast("T", self._decoded(recorded, kind))

    def wait(
        self,
        name: str,
        poll: Callable[[], T | None],
        kind: type[T],
        *,
        seconds_max: float,
        every: float = 1.0,
    ) -> T | None:
        """Poll until it returns something or the time is up."""

        def waiting() -> dict[str, Any]:
            until = self._tools.clock.monotonic() + seconds_max
            while True:
                try:
                    found = poll()
                except Unreachable as error:
                    found = None
                    self.say(str(error))
                if found is not None:
                    return {"ok": [msgspec.to_builtins(found)]}
                if self._tools.clock.monotonic() >= until:
                    return {"ok": []}
                self._tools.clock.sleep(every)

        found: list[T] = self._decoded(self.call(name, lambda: _safely(waiting)), list[kind])  # type: ignore[valid-type]
        return found[0] if found else None

    def gate(self, name: str, question: str, choices: Sequence[str]) -> str:
        """Ask, wait for an answer, and record it."""
        full = f"{self._step.n}:{name}"
        gate = Gate(
            name=full,
            question=question,
            choices=list(choices),
            since=self._tools.clock.now(),
            step=self._step.n,
        )
        recorded = self.call(name, lambda: self._answered(gate))
        if "cancelled" in recorded:
            raise Cancelled
        return str(recorded["ok"])

    def child(
        self,
        name: str,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        seconds_max: float,
        alone_on: str = "",
        heard: bool = False,
    ) -> Ran:
        """Run a program that outlives this engine: begun in one call, awaited in another."""
        memory, full = self._tools.memory, f"{self._step.n}/{name}"

        def begin() -> Begun:
            return children.begin(
                memory, self.run, full, argv, environment=environment, alone_on=alone_on
            )

        acted = self.acted
        try:
            begun = self.act(name, begin, Begun)
        except Unreachable as error:
            self.acted = acted  # it was never begun
            raise Locked(str(error), hint="wait until it has ended, then plan again") from None

        def ended() -> Ran | None:
            ran = children.poll(memory, self.run, full, begun)
            if ran is None and heard:
                self.say(children.last_line(memory, self.run, full))
            return ran

        ran = self.wait(f"{name}-ended", ended, Ran, seconds_max=seconds_max)
        log = str(children.folder_of(memory, self.run, full) / "log")
        return ran or Ran(code=None, log=log, adopted=begun.adopted)

    def say(self, text: str) -> None:
        """Say what is under way."""
        self._book.say(self._step.n, text)

    @contextmanager
    def holding(self, limits: Mapping[str, int]) -> Iterator[None]:
        """Hold a place in each scope; a step that has ended, and is only replayed, wants none.

        It would wait for ever where the step after it in its chain has that place.
        """
        known = self._book.step(self._step.n)
        if known is not None and known.outcome is not None:
            yield
            return
        claims, activity = self._tools.claims, self._tools.activity

        def look() -> None:
            if known is None and activity.wanted(self.run) is Wanted.CANCEL:
                raise Cancelled

        with activity.waiting():
            context: AbstractContextManager[None] = claims.holding(
                self.run, self._step.n, limits, idle=look
            )
            try:
                context.__enter__()
            except Cancelled:
                # It has not begun, and will not: whoever has the place may keep it for days.
                context = nullcontext()
        try:
            yield
        finally:
            context.__exit__(None, None, None)

    def release(self) -> None:
        """Give back the step's own places before it ends."""
        self._tools.claims.give_back(self.run, self._step.n, self._step.limits)

    def call(self, name: str, function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Run a function once and record it, or return what was recorded."""
        if name in self._names:
            raise Bug(f"{self._step.action} uses the name {name!r} twice in a step")
        self._names.add(name)
        full = f"{self._step.n}/{name}"
        self._tools.point(f"before {full}")
        recorded: dict[str, Any] = self._tools.durable.step(full, function)
        self._tools.point(f"after {full}")
        return recorded

    def _patient(self, function: Callable[[], Any]) -> dict[str, Any]:
        """Ask again while a service does not answer, for as long as an outage may last."""
        return _safely(lambda: {"ok": msgspec.to_builtins(self._asked(function, lambda: None))})

    def _asked(self, function: Callable[[], Any], before: Callable[[], None]) -> Any:  # noqa: ANN401
        clock = self._tools.clock
        until = clock.monotonic() + self._book.outage_seconds
        pause = 1.0
        while True:
            before()
            try:
                return function()
            except Unreachable as error:
                if clock.monotonic() + pause > until:
                    raise
                self.say(f"{error}; asking again")
                clock.sleep(pause)
                pause = min(2 * pause, RETRY_SECONDS_MAX)

    def _acted(self, name: str, function: Callable[[], Any]) -> dict[str, Any]:
        full = f"{self._step.n}/{name}"
        self._while_halted()
        with self._tools.memory.writing() as connection:
            done = journal.find(connection, self.run, full, "outcome")
            if done is None:
                self._append(connection, full, "intent", {"action": self._step.action})
        if done is not None:
            recorded: dict[str, Any] = done.body["recorded"]
            return recorded
        self._tools.point(f"intent {full}")
        outcome = _safely(
            lambda: {"ok": msgspec.to_builtins(self._asked(function, self._while_halted))}
        )
        self._tools.point(f"acted {full}")
        with self._tools.memory.writing() as connection:
            self._append(connection, full, "outcome", {"recorded": outcome})
        return outcome

    def _append(self, connection: Connection, step: str, kind: str, body: dict[str, Any]) -> None:
        self._book.journalist.append(
            connection,
            at=self._tools.clock.now(),
            run=self.run,
            step=step,
            kind=kind,
            by=self.by,
            body=body,
        )

    def _while_halted(self) -> None:
        """Begin no act while everything is stopped."""
        activity = self._tools.activity
        if activity.halted:
            with activity.waiting():
                while activity.halted:
                    activity.look_again()

    def _answered(self, gate: Gate) -> dict[str, Any]:
        """Wait for people; everything is on disk, so that the engine may leave meanwhile."""
        tools = self._tools
        with tools.memory.writing() as connection:
            runs.put_gate(connection, self.run, gate)
            self._book.journalist.append(
                connection,
                at=tools.clock.now(),
                run=self.run,
                step=gate.name,
                kind="asked",
                by=self.by,
                body={"question": gate.question, "choices": gate.choices},
            )
        self.say(f"waits for an answer: {gate.question}")
        with tools.activity.waiting():
            while True:
                with tools.memory.reading() as connection:
                    said = plans.find_words(
                        connection, self._book.sha256, run=self.run, gate=gate.name
                    )
                if said or tools.activity.wanted(self.run) is Wanted.CANCEL:
                    break
                tools.activity.look_again()
        with tools.memory.writing() as connection:
            runs.close_gate(connection, self.run, gate.name)
        return {"ok": said[0].answer} if said else {"cancelled": True}

    @staticmethod
    def _decoded(recorded: Mapping[str, Any], kind: Any) -> Any:  # noqa: ANN401 - a type
        if "ok" in recorded:
            return msgspec.convert(recorded["ok"], kind)
        if "bug" in recorded:
            raise Bug(recorded["bug"])
        error: type[Day2Error] = getattr(errors, recorded["error"], Day2Error)
        raise error(recorded["message"], hint=recorded["hint"])


def _safely(function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what a function returns, or its failure as data."""
    try:
        return function()
    except Day2Error as error:
        return {"error": error.kind, "message": str(error), "hint": error.hint}
    except Exception as error:  # noqa: BLE001 - recorded, and told as the bug that it is
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        return {"bug": said}
