# SPDX-License-Identifier: Apache-2.0
"""One subject of one service: read by its id, changed by one request."""

import functools
import urllib.parse
from typing import Any, TypeVar

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.listing import Service, find_service
from day2.adapters.openstack.pages import UNREADABLE, Collection, shape_of
from day2.adapters.openstack.session import (
    FORBIDDEN,
    NOT_FOUND,
    TOO_MANY,
    UNAUTHORIZED,
    Session,
)
from day2.errors import BadAnswer, Denied, NotDeployed, Unreachable

T = TypeVar("T")
OK, REDIRECT, SERVER_ERROR = 200, 300, 500
# How the services begin the body that says "this id is not there"; a missing page reads otherwise.
ABSENT = ("itemNotFound", "NeutronError", "faultstring", "errors", "faultcode")


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a service said to a change: a refusal is an answer, not a failure of ours."""

    status: int
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was accepted."""
        return OK <= self.status < REDIRECT

    def __str__(self) -> str:
        return f"HTTP {self.status}{f' ({self.message})' if self.message else ''}"


class Single:
    """One service, asked about one thing at a time; nothing is read before it is used.

    `version` is the microversion that every request is written for: an older service is refused,
    because the same request would mean something else there.
    """

    def __init__(
        self,
        session: Session,
        service_type: str,
        *,
        clock: Clock,
        version: tuple[int, int] | None = None,
    ) -> None:
        self._session = session
        self._type = service_type
        self._clock = clock
        self._version = version

    @functools.cached_property
    def service(self) -> Service:
        """The service of the catalogue.

        Raises:
            NotDeployed: when it is not there, or older than what is asked of it.

        """
        found = find_service(self._session, self._type)
        theirs = found.version
        if self._version and (theirs is None or theirs < self._version):
            wanted = ".".join(map(str, self._version))
            raise NotDeployed(
                f"{self._type} does not know microversion {wanted}",
                hint="day2 changes clouds from 2023.1 on",
            )
        return found

    def find(self, path: str, what: str, kind: type[T], key: str = "") -> T | None:
        """Read one thing, found under `key` of the answer; None when it is proven not to be there.

        Proven is a 404 in the service's own words to an account that may see everything.

        Raises:
            Denied: also on a 404 to an account without the role admin, which proves nothing.
            Unreachable, BadAnswer, NotDeployed: as ever.

        """
        answer = self.service.ask("GET", path, what=what, lower=self._version)
        if answer.status == NOT_FOUND and _says_absent(answer.body):
            who = self._session.authenticate()
            if "admin" not in who.roles:
                raise Denied(
                    f"{what}: HTTP 404 to {who.user}, who has not the role admin: "
                    "whether it is there is not known",
                    hint="give the account of clouds.NAME.writing the role admin",
                )
            return None
        return _decoded(answer.require_ok(what), what, kind, key)

    def read(self, path: str, what: str, kind: type[T], key: str = "") -> T:
        """Read what must be there.

        Raises:
            NotDeployed: on 404 and 406, and the others of `find`.

        """
        answer = self.service.ask("GET", path, what=what, lower=self._version)
        return _decoded(answer.require_ok(what), what, kind, key)

    def list(self, collection: Collection) -> list[Any]:
        """Read every page of a list.

        Raises:
            Day2Error: whatever ended it before its end; half a list is none.
            BadAnswer: also when a row could not be read.

        """
        found = self.service.list(collection, self._clock)
        if found.failure is not None:
            raise found.failure
        if found.unreadable:
            raise BadAnswer(f"{collection.kind}: {found.unreadable} rows could not be read")
        return found.rows

    def change(
        self,
        method: str,
        path: str,
        what: str,
        body: Any = None,  # noqa: ANN401 - what JSON holds
    ) -> Said:
        """Send one change, once; what the service refuses (400, 404, 409, ...) is returned.

        Raises:
            Unreachable: no answer, 429 or 5xx: it may have been carried out all the same.
            Denied: 401 and 403: it was not.

        """
        answer = self.service.ask(method, path, what=what, body=body, lower=self._version)
        status, said = answer.status, answer.said
        if status in {UNAUTHORIZED, FORBIDDEN}:
            raise Denied(
                f"{what}: {Said(status=status, message=said)}",
                hint="the account of clouds.NAME.writing lacks the right for this",
            )
        if status == TOO_MANY or status >= SERVER_ERROR:
            raise Unreachable(f"{what}: {Said(status=status, message=said)}")
        return Said(status=status, message=said)


def part(text: str) -> str:
    """Write an id as one segment of a path, whatever it holds."""
    return urllib.parse.quote(text, safe="")


def _says_absent(body: bytes) -> bool:
    try:
        found = msgspec.json.decode(body)
    except UNREADABLE:
        return False
    return isinstance(found, dict) and any(key in found for key in ABSENT)


def _decoded(body: bytes, what: str, kind: type[T], key: str) -> T:
    try:
        if not key:
            return msgspec.json.decode(body, type=kind)
        found = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        if key not in found:
            raise BadAnswer(f"{what}: the answer holds no {key!r}")
        return msgspec.json.decode(found[key], type=kind)
    except UNREADABLE as error:
        raise BadAnswer(f"{what}: {shape_of(body, error)}") from None
