# SPDX-License-Identifier: Apache-2.0
"""What a step made and what ends by itself, a silence, is renewed while its run goes on."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from day2.adapters.clock import Clock
from day2.engine.action import Action
from day2.engine.book import Book
from day2.errors import Day2Error
from day2.memory.store import Memory
from day2.model.outcome import Ending
from day2.model.plan import Step

LOOK_SECONDS = 30.0


@runtime_checkable
class Kept(Protocol):
    """An action whose effect ends by itself."""

    def ends_soon(self, step: Step, facts: Mapping[str, Any], run: str) -> bool:
        """Look whether what this step made ends soon; what is not there any more does not."""

    def renew(self, step: Step, facts: Mapping[str, Any], run: str) -> str:
        """Let it last longer; say so in one sentence, empty when there was nothing to do."""


class Upkeep:
    """Looks after the runs of one engine, in a thread of its own: a dead service delays nothing."""

    def __init__(
        self,
        memory: Memory,
        clock: Clock,
        *,
        books: Callable[[], Iterable[Book]],
        actions: Callable[[Book], Mapping[str, Action]],
        halted: Callable[[], bool],
        every: float = LOOK_SECONDS,
    ) -> None:
        self._memory = memory
        self._clock = clock
        self._books = books
        self._actions = actions
        self._halted = halted
        self._every = every
        self._due = clock.monotonic()
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Begin a round when it is time, and none is under way; returns at once."""
        if self._clock.monotonic() < self._due or (self._thread and self._thread.is_alive()):
            return
        self._due = self._clock.monotonic() + self._every
        self._thread = threading.Thread(target=self.round, name="upkeep", daemon=True)
        self._thread.start()

    @property
    def needed(self) -> bool:
        """Tell whether a run has made what ends by itself: also while it waits for people."""
        return any(True for _kept in self._kept())

    def round(self) -> None:
        """Look at every run once; what cannot be looked at now is looked at the next time."""
        for book, step, action, facts in self._kept():
            self._keep(book, step, action, facts)

    def _kept(self) -> Iterator[tuple[Book, Step, Kept, Mapping[str, Any]]]:
        for book in self._books():
            actions = self._actions(book)
            for step in book.plan.steps:
                ran, action = book.step(step.n), actions.get(step.action)
                done = ran is not None and ran.outcome is Ending.DONE
                if ran is not None and done and isinstance(action, Kept):
                    yield book, step, action, ran.facts

    def _keep(self, book: Book, step: Step, action: Kept, facts: Mapping[str, Any]) -> None:
        try:
            if self._halted() or not action.ends_soon(step, facts, book.run.id):
                return
        except Day2Error:
            return
        # Each renewal is an act of its own: one intent, one outcome.
        own = f"{step.n}/renew {self._clock.now().isoformat(timespec='seconds')}"
        self._write(book, own, "intent", {"action": step.action})
        try:
            said: dict[str, Any] = {"ok": action.renew(step, facts, book.run.id)}
        except Day2Error as error:
            said = {"error": error.kind, "message": str(error), "hint": error.hint}
        self._write(book, own, "outcome", {"recorded": said})

    def _write(self, book: Book, own: str, kind: str, body: Mapping[str, Any]) -> None:
        with self._memory.writing() as connection:
            book.journalist.append(
                connection,
                at=self._clock.now(),
                run=book.run.id,
                step=own,
                kind=kind,
                by=book.run.by,
                body=body,
            )
