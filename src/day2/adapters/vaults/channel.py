# SPDX-License-Identifier: Apache-2.0
"""Bytes on their way from one thread to another, never more than a few of them at a time."""

import threading
from collections import deque


class Abandoned(Exception):
    """The other side has left; what was on the way is not wanted any more."""


class Channel:
    """One thread puts, one takes; the one that is too fast waits for the other.

    A failure on either side is raised on both, the bytes that wait are let go.
    """

    def __init__(self, bytes_max: int) -> None:
        self._parts: deque[bytes] = deque()
        self._held = 0
        self._most = bytes_max
        self._ended = False
        self._failure: BaseException | None = None
        self._turn = threading.Condition()
        self._part = memoryview(b"")

    def put(self, part: bytes) -> None:
        """Hand over bytes; wait while there is no room.

        Raises:
            BaseException: what the other side failed with.

        """
        if not part:
            return
        with self._turn:
            while self._held >= self._most and self._failure is None:
                self._turn.wait()
            if self._failure is not None:
                raise self._failure
            self._parts.append(part)
            self._held += len(part)
            self._turn.notify()

    def end(self) -> None:
        """Say that no more will come."""
        with self._turn:
            self._ended = True
            self._turn.notify()

    def fail(self, failure: BaseException) -> None:
        """Wake the other side with a failure; the first one stays."""
        with self._turn:
            self._failure = self._failure or failure
            self._parts.clear()
            self._turn.notify_all()

    def take(self) -> bytes:
        """Return the next part as it was put; empty at the end.

        Raises:
            BaseException: what the other side failed with.

        """
        with self._turn:
            while not self._parts and not self._ended and self._failure is None:
                self._turn.wait()
            if self._failure is not None:
                raise self._failure
            if not self._parts:
                return b""
            part = self._parts.popleft()
            self._held -= len(part)
            self._turn.notify()
            return part

    def read(self, size: int = -1) -> bytes:
        """Read as from a file: `size` bytes at most, less is not the end, none is."""
        if not self._part:
            self._part = memoryview(self.take())
        cut = len(self._part) if size < 0 else size
        read, self._part = bytes(self._part[:cut]), self._part[cut:]
        return read
