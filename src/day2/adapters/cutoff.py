# SPDX-License-Identifier: Apache-2.0
"""A hard end to what a library does with a socket: at the limit the connection itself is cut."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Cutoff:
    """Watches the sockets of one connection pool; `happened` once a limit was met."""

    def __init__(self) -> None:
        self.happened = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    def watch(self, link: socket.socket) -> None:
        """Keep a second handle on a connection: it stays valid whatever the library does."""
        with self._lock:
            handle = link.dup()
            self._sockets.append(handle)
            if self.happened:
                _cut(handle)

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Cut every watched connection when the block lasts longer than this."""
        timer = threading.Timer(seconds, self._cut_all)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def release(self) -> None:
        """Close the second handles."""
        with self._lock:
            for handle in self._sockets:
                handle.close()
            self._sockets.clear()

    def _cut_all(self) -> None:
        with self._lock:
            self.happened = True
            for handle in self._sockets:
                _cut(handle)


def _cut(handle: socket.socket) -> None:
    # Shut down, not only closed: a thread that waits in recv wakes up.
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
