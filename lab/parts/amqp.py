# SPDX-License-Identifier: Apache-2.0
"""A small AMQP 0-9-1 client on a plain socket: publish, hold consumers, leave messages unacked.

Run as a program it holds consumers until it is ended: `amqp.py FILE`, where FILE is JSON with
ports, user, password, queues, name and `acknowledge`.
"""

import itertools
import json
import socket
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path

METHOD, HEADER, BODY, END = 1, 2, 3, b"\xce"
START, START_OK, TUNE, TUNE_OK, OPEN, OPEN_OK = (
    (10, 10), (10, 11), (10, 30), (10, 31), (10, 40), (10, 41),
)  # fmt: skip
CHANNEL_OPEN, CHANNEL_OPEN_OK = (20, 10), (20, 11)
QOS, QOS_OK, CONSUME, CONSUME_OK, PUBLISH, DELIVER, ACK = (
    (60, 10), (60, 11), (60, 20), (60, 21), (60, 40), (60, 60), (60, 80),
)  # fmt: skip
CONFIRM, CONFIRM_OK = (85, 10), (85, 11)
Method = tuple[int, int]


def short(text: str) -> bytes:
    """Encode a short string."""
    data = text.encode()
    return struct.pack("!B", len(data)) + data


def long(data: bytes) -> bytes:
    """Encode a long string or a table."""
    return struct.pack("!I", len(data)) + data


class Amqp:
    """One connection with one channel."""

    def __init__(
        self, host: str, port: int, user: str, password: str, *, name: str = "lab"
    ) -> None:
        """Connect, log in, open the channel."""
        self._socket = socket.create_connection((host, port), timeout=20)
        self._stream = self._socket.makefile("rb")
        self._early: list[bytes] = []
        self._socket.sendall(b"AMQP\x00\x00\x09\x01")
        self._wait(START)
        properties = short("connection_name") + b"S" + long(name.encode())
        login = long(f"\0{user}\0{password}".encode())
        self._send(0, START_OK, long(properties) + short("PLAIN") + login + short("en_US"))
        self._wait(TUNE)
        self._send(0, TUNE_OK, struct.pack("!HIH", 64, 131072, 0))  # no heartbeats
        self._send(0, OPEN, short("/") + b"\0\0")
        self._wait(OPEN_OK)
        self._send(1, CHANNEL_OPEN, b"\0")
        self._wait(CHANNEL_OPEN_OK)

    def close(self) -> None:
        """Cut the connection; the server puts back what was not acknowledged."""
        self._socket.close()

    def publish(self, queue: str, count: int, size: int = 200) -> None:
        """Send messages to a queue and wait until the server has them safe."""
        self._send(1, CONFIRM, b"\0")
        self._wait(CONFIRM_OK)
        body = b"x" * size
        for _ in range(count):
            self._send(1, PUBLISH, struct.pack("!H", 0) + short("") + short(queue) + b"\0")
            # Class, weight, size, flags (delivery mode only), mode 2: survives a restart.
            self._frame(HEADER, 1, struct.pack("!HHQHB", 60, 0, size, 0x1000, 2))
            self._frame(BODY, 1, body)
        sure = 0
        while sure < count:
            sure = max(sure, struct.unpack("!Q", self._wait(ACK)[:8])[0])

    def consume(self, queues: Sequence[str], prefetch: int = 100) -> None:
        """Put one consumer on each queue."""
        self._send(1, QOS, struct.pack("!IHB", 0, prefetch, 0))
        self._wait(QOS_OK)
        for queue in queues:
            arguments = b"\0\0" + short(queue) + short("") + b"\0" + long(b"")
            self._send(1, CONSUME, arguments)
            self._wait(CONSUME_OK)

    def hold(self, *, acknowledge: bool) -> None:
        """Take what comes until the connection ends."""
        while True:
            arguments = self._early.pop(0) if self._early else self._wait(DELIVER)
            tag = arguments[1 + arguments[0] :][:8]
            if acknowledge:
                self._send(1, ACK, tag + b"\0")

    def _send(self, channel: int, method: Method, arguments: bytes) -> None:
        self._frame(METHOD, channel, struct.pack("!HH", *method) + arguments)

    def _frame(self, kind: int, channel: int, payload: bytes) -> None:
        self._socket.sendall(struct.pack("!BHI", kind, channel, len(payload)) + payload + END)

    def _wait(self, wanted: Method) -> bytes:
        """Read on to this method; a refusal of the server is an error.

        Raises:
            RuntimeError: when the server closes the channel or the connection.

        """
        while True:
            head = self._stream.read(7)
            if len(head) < 7:  # noqa: PLR2004 - a frame's head
                message = "the server closed the connection"
                raise RuntimeError(message)
            kind, _, size = struct.unpack("!BHI", head)
            payload = self._stream.read(size + 1)[:-1]
            if kind != METHOD:
                continue
            method = struct.unpack("!HH", payload[:4])
            if method == wanted:
                return payload[4:]
            if method in {(10, 50), (20, 40)}:
                message = f"the server refuses: {payload[6:].decode(errors='replace')}"
                raise RuntimeError(message)
            if method == DELIVER:
                self._early.append(payload[4:])  # it overtook the answer to a later request

    def patient(self) -> None:
        """Wait without an end from now on."""
        self._socket.settimeout(None)


def main() -> None:
    """Hold the consumers that the file names; go to the next server when one is lost."""
    task = json.loads(Path(sys.argv[1]).read_text())
    for port in itertools.cycle(task["ports"]):
        try:
            link = Amqp("127.0.0.1", port, task["user"], task["password"], name=task["name"])
            link.patient()
            link.consume(task["queues"], prefetch=100 if task["acknowledge"] else 0)
            link.hold(acknowledge=task["acknowledge"])
        except (OSError, RuntimeError, struct.error) as error:
            print(f"port {port}: {error}", flush=True)
        time.sleep(0.5)


if __name__ == "__main__":
    main()
