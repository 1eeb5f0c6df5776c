# SPDX-License-Identifier: Apache-2.0
"""`Doing` without an engine: not durable, but everything is recorded and can be replayed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import msgspec

from day2 import errors
from day2.adapters.clock import Clock
from day2.engine.action import Ran
from day2.errors import Day2Error, Unreachable

T = TypeVar("T")
OUTAGE_SECONDS = 120.0
Hooks = Mapping[str, Callable[[], None]]


class Killed(BaseException):
    """The process is gone: no action may catch this."""


class Direct:
    """One step, once. `given` are the records of calls that ended in an earlier life.

    Killed before the call number `kill_before` begins, or after its effect and before its record
    (`kill_after`). `meanwhile` says what happens just before a call by name; `answers` are those of
    people at gates, in order.
    """

    run, by, ticket = "run-of-a-test", "tester", "T-1"

    def __init__(
        self,
        clock: Clock,
        *,
        given: Sequence[tuple[str, bytes]] = (),
        kill_before: int | None = None,
        kill_after: int | None = None,
        meanwhile: Hooks | None = None,
        answers: Sequence[str] = (),
    ) -> None:
        self.clock = clock
        self.records: list[tuple[str, bytes]] = []
        self.said: list[str] = []
        self.held: list[dict[str, int]] = []
        self.questions: list[str] = []
        self._given = list(given)
        self._kill_before = kill_before
        self._kill_after = kill_after
        self._meanwhile = dict(meanwhile or {})
        self._answers = list(answers)
        self._holding = 0

    @property
    def names(self) -> list[str]:
        return [name for name, _record in self.records]

    def read(self, name: str, function: Callable[[], T], kind: type[T]) -> T:
        return cast("T", self._call(name, lambda: self._patient(function), kind))

    def act(self, name: str, function: Callable[[], T], kind: type[T]) -> T:
        return cast("T", self._call(name, lambda: self._patient(function), kind))

    def wait(
        self,
        name: str,
        poll: Callable[[], T | None],
        kind: type[T],
        *,
        seconds_max: float,
        every: float = 1.0,
    ) -> T | None:
        def waiting() -> list[T]:
            until = self.clock.monotonic() + seconds_max
            while True:
                try:
                    found = poll()
                except Unreachable:
                    found = None
                if found is not None:
                    return [found]
                if self.clock.monotonic() >= until:
                    return []
                self.clock.sleep(every)

        found: list[T] = self._call(name, waiting, list[kind])  # type: ignore[valid-type]
        return found[0] if found else None

    def gate(self, name: str, question: str, choices: Sequence[str]) -> str:
        assert not self._holding, "nothing is held while people are waited for"
        self.questions.append(question)

        def answered() -> str:
            answer = self._answers.pop(0)
            assert answer in choices
            return answer

        return cast("str", self._call(name, answered, str))

    def say(self, text: str) -> None:
        self.said.append(text)

    @contextmanager
    def holding(self, limits: Mapping[str, int]) -> Iterator[None]:
        self.held.append(dict(limits))
        self._holding += 1
        try:
            yield
        finally:
            self._holding -= 1

    def release(self) -> None:
        """There is nobody to give places to."""

    def child(self, name: str, argv: Sequence[str], **_given: Any) -> Ran:
        raise AssertionError(f"no action of a host runs a program: {name}, {argv}")

    def _patient(self, function: Callable[[], Any]) -> Any:
        until = self.clock.monotonic() + OUTAGE_SECONDS
        while True:
            try:
                return function()
            except Unreachable:
                if self.clock.monotonic() > until:
                    raise
                self.clock.sleep(1)

    def _call(self, name: str, function: Callable[[], Any], kind: Any) -> Any:
        number = len(self.records)
        assert name not in self.names, f"the name {name!r} is used twice"
        if number < len(self._given):
            known, record = self._given[number]
            assert known == name, f"another road on replay: {name!r}, not {known!r}"
        else:
            if number == self._kill_before:
                raise Killed
            hook = self._meanwhile.get(name)
            if hook is not None:
                hook()
            record = _recorded(function)
            if number == self._kill_after:
                raise Killed
        self.records.append((name, record))
        return _replayed(record, kind)


def _recorded(function: Callable[[], Any]) -> bytes:
    try:
        return msgspec.json.encode({"ok": function()})
    except Day2Error as error:
        return msgspec.json.encode({"error": error.kind, "said": str(error), "hint": error.hint})


def _replayed(record: bytes, kind: Any) -> Any:
    found = msgspec.json.decode(record)
    if "ok" in found:
        return msgspec.convert(found["ok"], kind)
    error: type[Day2Error] = getattr(errors, found["error"])
    raise error(found["said"], hint=found["hint"])
