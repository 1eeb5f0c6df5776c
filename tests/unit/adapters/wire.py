# SPDX-License-Identifier: Apache-2.0
"""A scripted server on loopback: whatever is done with each connection is the test's own words."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Script = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(script: Script) -> Iterator[int]:
    """Run the script on every connection, each in a thread; yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    links: list[socket.socket] = []

    def talk(link: socket.socket) -> None:
        # The client may leave in the middle of anything.
        with contextlib.suppress(OSError), link:
            script(link)

    def accept() -> None:
        while True:
            try:
                link, _peer = listener.accept()
            except OSError:
                return
            links.append(link)
            threading.Thread(target=talk, args=(link,), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        # Only this ends an accept that waits in another thread. The number of the socket is free
        # for the next server after that: an accept on its way would take a connection from it.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        listener.close()
        for link in links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()


def silent(link: socket.socket) -> None:
    """Accept, and never say a word."""
    while link.recv(65536):
        pass


def dripping(link: socket.socket) -> None:
    """Send one harmless byte after the other, for ever."""
    waiting = threading.Event()
    while not waiting.wait(0.02):
        link.sendall(b"a")


def request_line(link: socket.socket) -> str:
    """Read one HTTP request and return its first line; empty when the client left."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = link.recv(65536)
        if not part:
            return ""
        data += part
    return data.split(b"\r\n", 1)[0].decode()


def http(
    answer: Callable[[str], bytes], *, status: str = "200 OK", length: int | None = None
) -> Script:
    """Answer every request with what `answer(request line)` returns."""

    def script(link: socket.socket) -> None:
        while line := request_line(link):
            body = answer(line)
            size = len(body) if length is None else length
            head = f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n\r\n"
            link.sendall(head.encode() + body)
            if length is not None:
                return

    return script
