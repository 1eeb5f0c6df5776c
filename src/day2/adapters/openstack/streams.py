# SPDX-License-Identifier: Apache-2.0
"""Answers and questions that fit into no memory: the data of an image, part by part, to their end.

An ordinary request has one deadline and one size limit. Here the end is far away: what is bounded
is each wait for the next part, and the size is what the service said before.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

import requests
from keystoneauth1.session import TCPKeepAliveAdapter

from day2.adapters.openstack.failures import named
from day2.adapters.openstack.session import NOT_FOUND, OK, SAID_BYTES, UNAUTHORIZED, Answer, Session
from day2.adapters.openstack.transport import Requests
from day2.errors import BadAnswer, Denied, NotDeployed

PART_BYTES = 1 << 20
STORED_SECONDS = 600.0


class Streams:
    """Large answers of one cloud; the session gives the token and its limits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def read(self, url: str, *, what: str, size: int | None) -> Iterator[bytes]:
        """Yield the parts of one answer; None: its size is not known before.

        Raises:
            NotDeployed: on 404: it is not there (any more).
            Denied: when this account may not have it.
            BadAnswer: when it is shorter or longer than was said.
            Unreachable: when nothing answers, or the next part is not there in time.

        """
        got = 0
        with self._carrier() as carrier, self._ask(carrier, url, what) as answer:
            self._require_ok(answer, what)
            for part in self._parts(answer, what):
                got += len(part)
                if size is not None and got > size:
                    raise BadAnswer(f"{what}: more than the {size:,} bytes that were promised")
                yield part
        if size is not None and got != size:
            raise BadAnswer(f"{what}: {got:,} bytes instead of {size:,}")

    def write(self, url: str, source: BinaryIO, *, what: str) -> tuple[int, str]:
        """Send an open file from its beginning, as the body of one PUT; return what was answered.

        A token that was refused is renewed once, before the service has seen anything.

        Raises:
            Unreachable: when nothing answers, or no part is taken in time.

        """
        status, said, refused = UNAUTHORIZED, "", ""
        for _attempt in range(2):
            token = self._session.token(instead_of=refused)
            source.seek(0)
            with self._carrier() as carrier:
                answer = self._put(carrier, url, source, token, what)
                status, body = answer.status_code, answer.content[:SAID_BYTES]
            said = Answer(status=status, headers={}, body=body, seconds=0).said
            if status != UNAUTHORIZED:
                break
            refused = token
        return status, said

    def _put(
        self, carrier: Requests, url: str, source: BinaryIO, token: str, what: str
    ) -> requests.Response:
        seconds = self._session.limits.request_seconds_max
        try:
            return carrier.put(
                url,
                data=source,
                headers={
                    "X-Auth-Token": token,
                    "Content-Type": "application/octet-stream",
                    "User-Agent": "day2",
                    "Connection": "close",
                },
                # A store may hash for a while when it has everything.
                timeout=(seconds, max(seconds, STORED_SECONDS)),
                verify=self._session.credentials.verify,
                allow_redirects=False,
            )
        except Exception as error:
            raise named(error, what) from error

    def _parts(self, answer: requests.Response, what: str) -> Iterator[bytes]:
        # Nothing is unpacked: what is stored is what is hashed.
        stream = answer.raw.stream(PART_BYTES, decode_content=False)
        while True:
            try:
                part = next(stream, b"")
            except Exception as error:
                raise named(error, what) from error
            if not part:
                return
            yield part

    def _carrier(self) -> Requests:
        """Make connections for one answer only.

        Hours lie between two large ones: a connection that was kept would be dead by then.
        """
        carrier = Requests()
        carrier.cert = self._session.credentials.client_certificate
        carrier.mount("http://", TCPKeepAliveAdapter())
        carrier.mount("https://", TCPKeepAliveAdapter())
        return carrier

    def _ask(self, carrier: Requests, url: str, what: str) -> requests.Response:
        answer = self._send(carrier, url, what, self._session.token())
        if answer.status_code == UNAUTHORIZED:
            refused = str(answer.request.headers.get("X-Auth-Token", ""))
            answer.close()
            # A connection that is just being closed is not asked again.
            carrier.close()
            answer = self._send(carrier, url, what, self._session.token(instead_of=refused))
        return answer

    def _send(self, carrier: Requests, url: str, what: str, token: str) -> requests.Response:
        seconds = self._session.limits.request_seconds_max
        # A redirect would carry the token to a place that the catalogue did not name.
        options: dict[str, Any] = {"allow_redirects": False, "stream": True}
        headers = {"X-Auth-Token": token, "Accept-Encoding": "identity", "User-Agent": "day2"}
        headers["Connection"] = "close"
        try:
            return carrier.get(
                url,
                headers=headers,
                timeout=(seconds, seconds),
                verify=self._session.credentials.verify,
                **options,
            )
        except Exception as error:
            raise named(error, what) from error

    def _require_ok(self, answer: requests.Response, what: str) -> None:
        status = answer.status_code
        if status == OK:
            return
        body = answer.raw.read(SAID_BYTES)
        said = Answer(status=status, headers={}, body=body, seconds=0)
        if status == NOT_FOUND:
            raise NotDeployed(f"{what}: HTTP 404{f' ({said.said})' if said.said else ''}")
        if OK < status < OK + 100:
            raise BadAnswer(f"{what}: HTTP {status}, without any data")
        try:
            said.require_ok(what)
        except Denied as error:
            raise Denied(
                str(error), hint="the account of clouds.NAME.writing needs the role admin for this"
            ) from None
        raise BadAnswer(f"{what}: HTTP {status}")
