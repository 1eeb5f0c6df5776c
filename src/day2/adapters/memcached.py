# SPDX-License-Identifier: Apache-2.0
"""memcached's own statistics over its text protocol: no key or value is ever asked for."""

import socket
from typing import Annotated

import msgspec
from msgspec import Meta

from day2.adapters.clock import Clock
from day2.adapters.reasons import one_line, plain_reason
from day2.errors import BadAnswer, BadSettings, Unreachable
from day2.model.tables.infrastructure import CacheNode

PORT = 11211
ANSWER_BYTES_MAX = 1 << 16
END = b"END\r\n"
# Of a number of 64 bits.
DIGITS_MAX = 20


class CacheSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.cache`."""

    servers: Annotated[
        list[str],
        Meta(description="memcached servers as host:port; empty: they are not looked at."),
    ] = []
    timeout_seconds: Annotated[float, Meta(gt=0, description="Seconds for one server.")] = 3.0


def look(address: str, *, seconds: float, clock: Clock) -> CacheNode:
    """Ask one server; what is wrong with it is in the row.

    Raises:
        BadSettings: when the address is not host:port.

    """
    where = endpoint(address)
    try:
        answers = _ask(where, deadline=clock.monotonic() + seconds, clock=clock)
    except Unreachable as error:
        return CacheNode(address=address, reachable=False, error=str(error))
    return CacheNode(
        address=address,
        reachable=True,
        version=one_line(answers.get("version", "")),
        uptime_seconds=_number(answers, "uptime"),
        evictions=_number(answers, "evictions"),
        connections=_number(answers, "curr_connections"),
        connections_max=_number(answers, "max_connections"),
        get_hits=_number(answers, "get_hits"),
        get_misses=_number(answers, "get_misses"),
    )


def endpoint(address: str) -> tuple[str, int]:
    """Read `host`, `host:port` or `[v6]:port`."""
    host, colon, port = address.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        host, port = address, str(PORT)
    if not host or not port.isdecimal():
        raise BadSettings(
            f"cache server {address!r} is not host:port", hint="setting clouds.NAME.cache.servers"
        )
    return host.strip("[]"), int(port)


def _ask(where: tuple[str, int], *, deadline: float, clock: Clock) -> dict[str, str]:
    """Send `stats` and read to its end; the deadline holds for all of it together."""
    try:
        with socket.create_connection(where, timeout=deadline - clock.monotonic()) as link:
            link.sendall(b"stats\r\n")
            data = b""
            while not data.endswith(END):
                link.settimeout(max(deadline - clock.monotonic(), 0.001))
                piece = link.recv(1 << 14)
                data += piece
                if not piece or len(data) > ANSWER_BYTES_MAX or _foreign(data):
                    raise BadAnswer("something answers, but not as memcached does")
    except OSError as error:
        # A slow server and one that nobody hears look alike to the socket.
        raise Unreachable(plain_reason(str(error))) from None
    words = [line.split(" ", 2) for line in data.decode(errors="replace").splitlines()]
    return {word[1]: word[2] for word in words if len(word) == 3 and word[0] == "STAT"}  # noqa: PLR2004


def _foreign(data: bytes) -> bool:
    """Tell whether this cannot become memcached's answer any more."""
    return len(data) >= len(END) and not data.startswith((b"STAT ", END))


def _number(answers: dict[str, str], name: str) -> int | None:
    text = answers.get(name, "")
    return int(text) if text.isdecimal() and len(text) <= DIGITS_MAX else None
