# SPDX-License-Identifier: Apache-2.0
"""memcached: servers that are not one; the real one is looked at in the lab."""

import contextlib
import socket
import threading

import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.memcached import endpoint, look
from day2.errors import BadSettings

CLOCK = SystemClock()


def scripted(answer: bytes, *, hold: bool = False) -> str:
    """Listen once and say this, whatever is asked; `hold` keeps the line open."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        link, _peer = listener.accept()
        with contextlib.suppress(ConnectionError), listener, link:
            link.recv(100)
            link.sendall(answer)
            while hold and link.recv(100):
                pass

    threading.Thread(target=serve, daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


def test_nobody_there_is_a_row() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        node = look(f"127.0.0.1:{free.getsockname()[1]}", seconds=1, clock=CLOCK)
    assert (node.reachable, node.error) == (False, "connection refused")


@pytest.mark.parametrize(
    ("answer", "hold"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", True),
        (b"STAT pid 1\r\n", False),
        (b"STAT x " + b"y" * 200_000, True),
        (b"", True),
    ],
)
def test_what_is_not_memcached_is_not_reachable(answer: bytes, *, hold: bool) -> None:
    node = look(scripted(answer, hold=hold), seconds=0.3, clock=CLOCK)
    assert not node.reachable
    assert node.error


def test_hostile_numbers_are_left_out() -> None:
    digits = b"9" * 5000
    answer = (
        b"STAT evictions many\r\nSTAT uptime " + digits + b"\r\nSTAT version 1.\x1b[31m6\r\nEND\r\n"
    )
    node = look(scripted(answer), seconds=1, clock=CLOCK)
    assert (node.reachable, node.evictions, node.uptime_seconds) == (True, None, None)
    assert node.version.isprintable()


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("cache1", ("cache1", 11211)),
        ("cache1:11311", ("cache1", 11311)),
        ("[2001:db8::1]:11211", ("2001:db8::1", 11211)),
        ("2001:db8::1", ("2001:db8::1", 11211)),
    ],
)
def test_an_address_is_host_and_port(address: str, where: tuple[str, int]) -> None:
    assert endpoint(address) == where


@pytest.mark.parametrize("address", ["", "cache1:http", ":11211"])
def test_what_is_no_address_is_a_wrong_setting(address: str) -> None:
    with pytest.raises(BadSettings):
        endpoint(address)
