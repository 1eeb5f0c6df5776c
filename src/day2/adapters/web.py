# SPDX-License-Identifier: Apache-2.0
"""One request at a time, bounded in time and size, with an account; every failure has our name.

For what is not OpenStack. A server that sends one byte every few seconds never meets a time limit
that counts silences, so a timer cuts the connection itself.
"""

import socket
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from day2.adapters.addresses import ANSWER_SECONDS, CONNECT_SECONDS, address_of
from day2.adapters.cutoff import Cutoff
from day2.adapters.reasons import one_line, plain_reason
from day2.errors import BadAnswer, BadSettings, Day2Error, Denied, NotDeployed, Unreachable

OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, SERVER_ERROR = 200, 401, 403, 404, 500
ANSWER_BYTES_MAX = 64 << 20
"""A page of 500 queues is about 0.2 MiB; the limit is against floods only."""


class Web:
    """One server behind one URL, asked with one account; not to be shared between threads.

    Without a user the requests carry no account.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str,
        password: str,
        ca_file: str = "",
        connect_seconds: float = CONNECT_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        parts = urlsplit(url)
        self.address = address_of(url)
        self._url = url
        self._user = user
        self._answer_seconds = answer_seconds
        self._cutoff = Cutoff()
        self._client = httpx.Client(
            auth=(user, password) if user else None,
            verify=_context(ca_file) if parts.scheme == "https" else False,
            timeout=httpx.Timeout(answer_seconds, connect=connect_seconds),
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "day2"},
        )

    def __repr__(self) -> str:
        return f"Web({self._url}, user={self._user}, password=***)"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()
        self._cutoff.release()

    def get(self, path: str, *, what: str, query: Mapping[str, str] | None = None) -> bytes:
        """Return the body of a 200.

        Raises:
            Unreachable: nothing answers, not in time, or with an HTTP 5xx.
            BadAnswer: too large, broken off, not HTTP, or a status that means nothing here.
            Denied: the account was refused.
            NotDeployed: there is no such page.

        """
        status, body = self._ask("GET", path, what=what, query=query)
        require_ok(status, f"{what} at {self.address}")
        return body

    def post(
        self, path: str, content: bytes, *, what: str, query: Mapping[str, str] | None = None
    ) -> bytes:
        """Send a question as JSON, for servers that read it from a body; return the body of a 200.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed: as `get`.

        """
        status, body = self._ask("POST", path, what=what, query=query, content=content)
        require_ok(status, f"{what} at {self.address}")
        return body

    def ask(
        self, path: str, *, what: str, query: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Return status and body, whatever they are: some servers explain their refusals.

        Raises:
            Unreachable: nothing answers, or not in time.
            BadAnswer: too large, broken off, or not HTTP.

        """
        return self._ask("GET", path, what=what, query=query)

    def send(
        self, method: str, path: str, *, what: str, content: bytes | None = None
    ) -> tuple[int, bytes]:
        """Send one change, once, as JSON; return status and body, whatever they are.

        Raises:
            Unreachable, BadAnswer: as `ask`; it may have been carried out all the same.

        """
        return self._ask(method, path, what=what, query=None, content=content)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        what: str,
        query: Mapping[str, str] | None,
        content: bytes | None = None,
    ) -> tuple[int, bytes]:
        what = f"{what} at {self.address}"
        url = self._url + path
        headers = {"Content-Type": "application/json"} if content is not None else None
        try:
            with (
                self._cutoff.within(self._answer_seconds),
                self._client.stream(
                    method,
                    url,
                    params=query,
                    content=content,
                    headers=headers,
                    extensions={"trace": self._watch},
                ) as response,
            ):
                body = _read(response, what)
        except Day2Error:
            raise
        except Exception as error:
            raise self._named(error, what) from error
        return response.status_code, body

    def _watch(self, event: str, info: dict[str, Any]) -> None:
        """Learn of each new connection, below TLS, from httpcore's own trace."""
        if event == "connection.connect_tcp.complete":
            link = info["return_value"].get_extra_info("socket")
            if isinstance(link, socket.socket):
                self._cutoff.watch(link)

    def _named(self, error: Exception, what: str) -> Day2Error:
        text = one_line(str(error))
        if self._cutoff.happened or isinstance(error, httpx.ReadTimeout):
            return Unreachable(
                f"{what}: accepts the connection, but did not answer within "
                f"{self._answer_seconds:g} s"
            )
        match error:
            case httpx.ConnectTimeout():
                return Unreachable(f"{what}: nobody answers the connection")
            case httpx.ConnectError() if "CERTIFICATE" in text or "SSL" in text:
                return BadAnswer(f"{what}: TLS failed ({text})", hint="setting ca_file")
            case httpx.ConnectError() | httpx.TimeoutException():
                return Unreachable(f"{what}: {plain_reason(text)}")
            case httpx.ReadError() | httpx.WriteError():
                return Unreachable(f"{what}: the connection was cut ({plain_reason(text)})")
            case httpx.RemoteProtocolError() if "without sending a response" in text:
                return Unreachable(f"{what}: the connection was closed without an answer")
            case _:
                return BadAnswer(f"{what}: the answer broke off or is not HTTP ({text})")


def _read(response: httpx.Response, what: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            raise BadAnswer(f"{what}: the answer is larger than {ANSWER_BYTES_MAX >> 20} MiB")
    return b"".join(parts)


def require_ok(status: int, what: str) -> None:
    """Return for a 200; name any other status.

    Raises:
        Unreachable, Denied, NotDeployed, BadAnswer: as the status says.

    """
    if status == OK:
        return
    text = f"{what}: HTTP {status}"
    if status in {UNAUTHORIZED, FORBIDDEN}:
        raise Denied(f"{text}: the account was refused or lacks the right")
    if status == NOT_FOUND:
        raise NotDeployed(f"{text}: there is no such page")
    if status >= SERVER_ERROR:
        raise Unreachable(text)
    raise BadAnswer(text)


def _context(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise BadSettings(f"cannot read the CA file {ca_file}: {error}") from None
