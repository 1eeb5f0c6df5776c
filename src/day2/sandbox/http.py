# SPDX-License-Identifier: Apache-2.0
"""What a service gets and gives: one request, one answer, or a refusal."""

import urllib.parse
from collections.abc import Iterable
from typing import Any

import msgspec

from day2.sandbox.tokens import Token

Body = Any
"""What JSON holds; `bytes` are sent as they are, None is an empty body."""
OK, CREATED, ACCEPTED, NO_CONTENT = 200, 201, 202, 204
MULTIPLE_CHOICES = 300
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 400, 401, 403, 404
NOT_ALLOWED, NOT_ACCEPTABLE, CONFLICT, TOO_LARGE = 405, 406, 409, 413


class Refused(Exception):
    """A request that ends in an error; each service renders it in its own JSON form.

    `kind` is the name of the error where a service says one (`PortNotFound`).
    """

    def __init__(self, status: int, message: str, *, kind: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind


class Answer(msgspec.Struct):
    """One answer before it is encoded; header names as the service writes them."""

    body: Body = None
    status: int = OK
    headers: dict[str, str] = {}


class Request(msgspec.Struct, kw_only=True):
    """One request to one service.

    `path` is the part below the service's prefix, `base` the service's own URL without a slash at
    the end. `parts` holds what the route's pattern names; `version` the microversion asked for.
    """

    method: str
    path: str
    base: str
    root: str = ""
    query: list[tuple[str, str]] = []
    headers: dict[str, str] = {}
    body: bytes = b""
    parts: dict[str, str] = {}
    token: Token | None = None
    version: tuple[int, int] = (0, 0)

    @property
    def who(self) -> Token:
        """The token of a route that demands one.

        Raises:
            Refused: when there is none.

        """
        if self.token is None:
            raise Refused(UNAUTHORIZED, "The request you have made requires authentication.")
        return self.token

    def first(self, name: str, default: str = "") -> str:
        """Return the first value of a query parameter."""
        return next((value for key, value in self.query if key == name), default)

    def all(self, name: str) -> list[str]:
        """Return every value of a query parameter."""
        return [value for key, value in self.query if key == name]

    def flag(self, name: str) -> bool:
        """Tell whether a query parameter says yes."""
        return self.first(name).lower() in {"1", "true", "yes", "on", "t"}

    def document(self, key: str = "") -> dict[str, Any]:
        """Decode the body: an object, or the object under a key.

        Raises:
            Refused: when it is not.

        """
        try:
            found = msgspec.json.decode(self.body) if self.body else {}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Refused(BAD_REQUEST, "The server could not comply with the request.") from None
        inner = found.get(key) if key and isinstance(found, dict) else found
        if not isinstance(inner, dict):
            raise Refused(BAD_REQUEST, f"Invalid input: {key or 'the body'} is not an object.")
        return inner

    def url(self, path: str, query: Iterable[tuple[str, str]] = ()) -> str:
        """Return a URL of this service."""
        words = urllib.parse.urlencode(list(query))
        return f"{self.base}{path}{f'?{words}' if words else ''}"
