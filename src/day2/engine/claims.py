# SPDX-License-Identifier: Apache-2.0
"""Places in scopes (`source:compute01`, `cloud`): how many steps may be at one thing at a time.

They hold over all runs at one cloud, and are kept in the memory: a step that was under
way when its engine ended has its places before any other step gets one, whoever carries it on.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from day2.memory import runs
from day2.memory.store import Memory

Owner = tuple[str, int]
CHECK_SECONDS = 0.5


class Claims:
    """Who holds what; those who wait are served in the order of their run and step."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._changed = threading.Condition()
        self._held: dict[Owner, set[str]] = {}
        self._waiting: dict[Owner, Mapping[str, int]] = {}
        self._order: dict[str, int] = {}
        self._clouds: dict[str, tuple[str, str]] = {}

    def load(self) -> None:
        """Take over what every run held when its engine ended: half-done work goes on meanwhile."""
        with self._changed:
            self._held = runs.held(self._memory)
            self._clouds |= runs.clouds(self._memory, {run for run, _n in self._held})

    def line_up(self, run: str) -> None:
        """Give a run its turn: after those that were taken before it."""
        with self._changed:
            self._order.setdefault(run, len(self._order))
            self._clouds |= runs.clouds(self._memory, [run])

    def in_the_way(self, run: str) -> set[str]:
        """Name the runs that hold what steps of this one wait for."""
        with self._changed:
            wanted: set[str] = set()
            for (own, _n), scopes in self._waiting.items():
                wanted |= scopes.keys() if own == run else set()
            found = {own for (own, _n), scopes in self._held.items() if scopes & wanted}
            return {own for own in found - {run} if self._meet(own, run)}

    def forget(self, run: str) -> None:
        """Give back what an ended run may still hold."""
        with self._changed:
            own = [owner for owner in self._held if owner[0] == run]
        for owner in own:
            self.give_back(*owner, self._held.get(owner, ()))

    @contextmanager
    def holding(
        self, run: str, n: int, limits: Mapping[str, int], *, idle: Callable[[], None]
    ) -> Iterator[None]:
        """Hold one place in each scope; `idle` is called while it waits, and may raise."""
        if not limits:
            yield
            return
        owner = (run, n)
        with self._changed:
            new = {scope for scope in limits if scope not in self._held.get(owner, ())}
        if new:
            self._acquire(owner, {scope: limits[scope] for scope in new}, idle)
        try:
            yield
        finally:
            self.give_back(run, n, limits)

    def _acquire(self, owner: Owner, wanted: Mapping[str, int], idle: Callable[[], None]) -> None:
        with self._changed:
            self._waiting[owner] = wanted
            try:
                while not self._may(owner):
                    self._changed.wait(CHECK_SECONDS)
                    idle()
                self._held.setdefault(owner, set()).update(wanted)
            finally:
                del self._waiting[owner]
                self._changed.notify_all()
        with self._memory.writing() as connection:
            runs.claim(connection, *owner, wanted)

    def _may(self, owner: Owner) -> bool:
        """Tell whether there is room, and nobody before this one waits for the same."""
        used = Counter(
            scope
            for (run, _n), scopes in self._held.items()
            if self._meet(run, owner[0])
            for scope in scopes
        )
        wanted = self._waiting[owner]
        if any(used[scope] >= room for scope, room in wanted.items()):
            return False
        mine = self._rank(owner)
        for other, scopes in self._waiting.items():
            before = self._meet(other[0], owner[0]) and self._rank(other) < mine
            if before and scopes.keys() & wanted.keys() and self._fits(scopes, used):
                return False
        return True

    def _meet(self, one: str, other: str) -> bool:
        """Tell whether two runs are at one cloud: hosts of two may have the same names."""
        return self._clouds.get(one) == self._clouds.get(other)

    @staticmethod
    def _fits(scopes: Mapping[str, int], used: Counter[str]) -> bool:
        return all(used[scope] < room for scope, room in scopes.items())

    def _rank(self, owner: Owner) -> tuple[int, int]:
        return self._order.get(owner[0], 0), owner[1]

    def give_back(self, run: str, n: int, scopes: Iterable[str]) -> None:
        """Give these places back; those that are not held are none."""
        owner, wanted = (run, n), set(scopes)
        with self._changed:
            if not wanted & self._held.get(owner, set()):
                return
        with self._memory.writing() as connection:
            runs.unclaim(connection, *owner, wanted)
        with self._changed:
            left = self._held.get(owner, set()) - wanted
            if left:
                self._held[owner] = left
            else:
                self._held.pop(owner, None)
            self._changed.notify_all()
