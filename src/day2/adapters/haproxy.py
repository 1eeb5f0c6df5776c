# SPDX-License-Identifier: Apache-2.0
"""Ask one HAProxy, by the CSV of its statistics page, what it thinks of its servers."""

import csv
import io

import msgspec

from day2.adapters.addresses import ANSWER_SECONDS, CONNECT_SECONDS, page
from day2.adapters.reasons import one_line
from day2.adapters.web import Web
from day2.errors import BadAnswer, Unreachable
from day2.model.tables.infrastructure import ProxyEndpoint, ProxyServer

NEEDED = ("pxname", "svname", "status", "act", "bck", "lastchg", "type", "check_status")
BACKEND, SERVER = "1", "2"
LINES_MAX = 100_000
DIGITS_MAX = 20


class ProxyStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """One HAProxy's answer; no servers when it is not reachable."""

    endpoint: ProxyEndpoint
    servers: list[ProxyServer] = []


class LoadBalancer:
    """One HAProxy."""

    def __init__(
        self,
        statistics: str,
        *,
        user: str,
        password: str,
        ca_file: str = "",
        connect_seconds: float = CONNECT_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._web = Web(
            page(statistics),
            user=user,
            password=password,
            ca_file=ca_file,
            connect_seconds=connect_seconds,
            answer_seconds=answer_seconds,
        )
        self.address = self._web.address

    def __repr__(self) -> str:
        return f"LoadBalancer({self._web!r})"

    def read(self) -> ProxyStatistics:
        """Return its view; an HAProxy that does not answer is an endpoint that says so.

        Raises:
            Denied: the account was refused.
            BadAnswer, NotDeployed: what answers there is no statistics page.

        """
        try:
            with self._web as web:
                body = web.get("/;csv", what="HAProxy statistics")
        except Unreachable as error:
            if isinstance(error, BadAnswer):
                raise
            text = str(error).partition(f"{self.address}: ")[2] or str(error)
            return ProxyStatistics(
                endpoint=ProxyEndpoint(address=self.address, reachable=False, error=text)
            )
        return ProxyStatistics(
            endpoint=ProxyEndpoint(address=self.address, reachable=True),
            servers=_servers(self.address, body),
        )


def _servers(address: str, body: bytes) -> list[ProxyServer]:
    text = body.decode("utf-8", errors="replace")
    lines = csv.DictReader(io.StringIO(text.removeprefix("# ")), strict=True)
    try:
        missing = set(NEEDED) - set(lines.fieldnames or ())
        if not text.startswith("# ") or missing:
            raise BadAnswer(
                f"HAProxy statistics at {address}: the answer is not the CSV of a statistics page",
                hint="name the URL of `stats uri`, without ;csv",
            )
        rows = [row for row, _number in zip(lines, range(LINES_MAX), strict=False)]
    except csv.Error as error:
        raise BadAnswer(f"HAProxy statistics at {address}: broken CSV ({error})") from None
    if any(row[name] is None for row in rows for name in NEEDED):
        raise BadAnswer(f"HAProxy statistics at {address}: the answer breaks off in a line")
    return [_server(address, row) for row in rows if row["type"] in {BACKEND, SERVER}]


def _server(address: str, row: dict[str, str]) -> ProxyServer:
    backend = row["type"] == BACKEND
    return ProxyServer(
        proxy=address,
        backend=one_line(row["pxname"]),
        server="BACKEND" if backend else one_line(row["svname"]),
        status=one_line(row["status"]),
        backup=not backend and row["bck"] == "1",
        active=row["act"] not in {"", "0"},
        check_status=one_line(row["check_status"]),
        last_change_seconds=_number(row["lastchg"]),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= DIGITS_MAX else None
