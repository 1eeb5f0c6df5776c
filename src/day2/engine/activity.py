# SPDX-License-Identifier: Apache-2.0
"""Whether an engine has anything to do, and what people want of its runs."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from day2.adapters.clock import Clock
from day2.model.run import Wanted

LOOK_SECONDS = 0.1


class Activity:
    """The threads that work, as against those that wait for people, places, or each other."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._busy = 0
        self._last = clock.monotonic()
        self._wanted: dict[str, Wanted] = {}
        self.halted = False

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count this thread as one that works."""
        self._add(1)
        try:
            yield
        finally:
            self._add(-1)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Do not count this thread while it waits for something outside of it."""
        self._add(-1)
        try:
            yield
        finally:
            self._add(1)

    def idle_seconds(self) -> float:
        """Return for how long no thread has worked; 0 while one does."""
        with self._lock:
            return 0.0 if self._busy else self._clock.monotonic() - self._last

    def tell(self, wanted: Mapping[str, Wanted]) -> None:
        """Take in what people want, as it was just read."""
        self._wanted = dict(wanted)

    def wanted(self, run: str) -> Wanted:
        """Return what people want of a run; a run that this engine does not hold only waits."""
        return self._wanted.get(run, Wanted.PAUSE)

    def look_again(self) -> None:
        """Sleep until it is worth looking again."""
        self._clock.sleep(LOOK_SECONDS)

    def _add(self, count: int) -> None:
        with self._lock:
            self._busy += count
            self._last = self._clock.monotonic()
