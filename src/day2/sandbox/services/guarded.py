# SPDX-License-Identifier: Apache-2.0
"""A service that is not OpenStack: no tokens, an account with a password, or nobody asks."""

import base64
import binascii
import secrets
from collections.abc import Callable

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.routes import Handler, Service
from day2.sandbox.world import World

NO_ACCOUNT, WRONG_ACCOUNT = "no account", "wrong account"


class Guarded(Service):
    """One that asks for HTTP's basic authentication.

    `key` names its password among the sandbox's secrets; empty: everybody is answered.
    """

    def __init__(
        self,
        name: str,
        *,
        render: Callable[[Refused, Request], Answer],
        user: str = "",
        key: str = "",
    ) -> None:
        super().__init__(name, prefix=f"/{name}", render=render, denied=Service.refuse, catalog=())
        self._account = (user, key)
        self._show = render

    def answer(self, request: Request, world: World) -> Answer:
        """Answer whoever has the account; there are no tokens here."""
        try:
            self._admit(request, world)
            return self._handler(request)(request, world)
        except Refused as refused:
            return self._show(refused, request)

    def _handler(self, request: Request) -> Handler:
        handler, parts, known = self.find(request)
        if handler is None:
            status = http.NOT_ALLOWED if known else http.NOT_FOUND
            raise Refused(status, "there is no such page", kind="not_found")
        request.parts = parts
        return handler

    def _admit(self, request: Request, world: World) -> None:
        user, key = self._account
        if not key:
            return
        kind, _space, coded = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            raise Refused(http.UNAUTHORIZED, NO_ACCOUNT)
        try:
            given = base64.b64decode(coded, validate=True)
        except (binascii.Error, ValueError):
            raise Refused(http.UNAUTHORIZED, WRONG_ACCOUNT) from None
        wanted = f"{user}:{world.secrets.get(key, '')}".encode()
        if not secrets.compare_digest(given, wanted) or not world.secrets.get(key):
            raise Refused(http.UNAUTHORIZED, WRONG_ACCOUNT)
