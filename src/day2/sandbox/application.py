# SPDX-License-Identifier: Apache-2.0
"""The ASGI application: which service, which fault, and what goes over the wire."""

import asyncio
import re
import secrets
import socket
import struct
import urllib.parse
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from day2.sandbox import faults, http, revival
from day2.sandbox.faults import Faults, Rule
from day2.sandbox.http import Answer, Request
from day2.sandbox.routes import Service
from day2.sandbox.world import World

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
BODY_BYTES_MAX = 1 << 20
KEY_HEADER = "x-sandbox-key"
NO_PAGE = {"error": "no such page"}
NO_LINGER = struct.pack("ii", 1, 0)


class Application:
    """Answers for every service of one world; `key` guards the sandbox's own pages."""

    def __init__(self, world: World, services: Sequence[Service], *, key: str) -> None:
        self.world = world
        self.faults = Faults(list(world.scenario.faults))
        self._services = {service.prefix.strip("/"): service for service in services}
        self._key = key
        self._requests: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = await _body(receive)
        if body is None:
            await _send(send, Answer(status=http.TOO_LARGE), "")
            return
        first, _slash, rest = scope["path"].lstrip("/").partition("/")
        request = Request(
            method=scope["method"],
            path=f"/{rest}" if _slash else "",
            base=f"{self.world.root}/{first}",
            root=self.world.root,
            query=urllib.parse.parse_qsl(
                scope["query_string"].decode("latin-1"), keep_blank_values=True
            ),
            headers={k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]},
            body=body,
        )
        service = self._services.get(first)
        if service is None:
            await _send(send, self._own(first, request), "")
            return
        self._requests[service.name] += 1
        words = urllib.parse.urlencode(request.query)
        rule = self.faults.choose(service.name, request.method, f"{request.path}?{words}")
        if rule is None:
            await _send(send, self._answer(service, request), request.method)
            return
        await self._faulty(rule, service, request, scope, receive, send)

    def _answer(self, service: Service, request: Request) -> Answer:
        self.world.settle()
        answer = service.answer(request, self.world)
        # What a request brought about at once (timers of zero) is there before the next one.
        self.world.settle()
        return answer

    async def _faulty(
        self,
        rule: Rule,
        service: Service,
        request: Request,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        match rule.kind:
            case "hang":
                await _until_gone(receive)
                return
            case "reset" | "close":
                _cut(scope, hard=rule.kind == "reset")
                return
            case "delay":
                await asyncio.sleep(rule.seconds)
            case _:
                pass
        answer = self._answer(service, faults.before(rule, request))
        answer = faults.rewrite(rule, answer, request)
        if rule.kind == "truncate":
            head, raw = _encoded(answer)
            await send(head)
            await send({"type": "http.response.body", "body": raw[: len(raw) // 2], "more_body": 1})
            _cut(scope, hard=False)
            return
        if rule.kind == "drip":
            await _drip(send, answer, rule.seconds)
            return
        await _send(send, answer, request.method)

    def _own(self, first: str, request: Request) -> Answer:
        """Answer for the sandbox itself: what is here, its state, its faults, its clock."""
        if first == "" and not request.path:
            return Answer(body={"sandbox": "day2", "services": sorted(self._services)})
        if first != "sandbox":
            return Answer(status=http.NOT_FOUND, body={"error": "no such service"})
        if not secrets.compare_digest(request.headers.get(KEY_HEADER, ""), self._key):
            return Answer(status=http.FORBIDDEN, body={"error": f"needs the header {KEY_HEADER}"})
        pages: dict[tuple[str, str], Callable[[bytes], Answer]] = {
            ("GET", "/state"): lambda _body: Answer(body=self._state()),
            ("GET", "/faults"): lambda _body: Answer(body=self._faults()),
            ("PUT", "/faults"): self._set_faults,
            ("POST", "/clock"): self._set_clock,
            ("POST", "/revive"): self._revive,
        }
        page = pages.get((request.method, request.path))
        return page(request.body) if page else Answer(status=http.NOT_FOUND, body=NO_PAGE)

    def _faults(self) -> dict[str, Any]:
        return {"rules": self.faults.rules, "hits": self.faults.hits}

    def _state(self) -> dict[str, Any]:
        self.world.settle()
        return {
            "now": self.world.now(),
            "waiting": self.world.waiting,
            "tokens": len(self.world.tokens),
            "tables": {name: len(table) for name, table in self.world.tables.items()},
            "requests": dict(self._requests),
            "faults": self._faults(),
        }

    def _set_faults(self, body: bytes) -> Answer:
        try:
            rules = msgspec.json.decode(body, type=_Rules).rules
            self.faults.set(rules)
        except (msgspec.DecodeError, UnicodeDecodeError, re.error) as error:
            return Answer(status=http.BAD_REQUEST, body={"error": str(error)})
        return Answer(body=self._faults())

    def _set_clock(self, body: bytes) -> Answer:
        try:
            self.world.advance(msgspec.json.decode(body, type=_Clock).advance_seconds)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Answer(status=http.BAD_REQUEST, body={"error": str(error)})
        return Answer(body={"now": self.world.now()})

    def _revive(self, body: bytes) -> Answer:
        """Switch a dead host on again."""
        try:
            host = msgspec.json.decode(body, type=_Revived).host
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Answer(status=http.BAD_REQUEST, body={"error": str(error)})
        self.world.settle()
        if not revival.revive(self.world, host):
            return Answer(status=http.NOT_FOUND, body={"error": "no such host"})
        return Answer(body={"host": host})


class _Revived(msgspec.Struct, forbid_unknown_fields=True):
    host: str


class _Rules(msgspec.Struct, forbid_unknown_fields=True):
    rules: list[Rule]


class _Clock(msgspec.Struct, forbid_unknown_fields=True):
    advance_seconds: float


async def _body(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_BYTES_MAX:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _encoded(answer: Answer) -> tuple[dict[str, Any], bytes]:
    body = answer.body
    raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
    headers = {"Content-Type": "application/json", **answer.headers}
    if answer.status != http.NO_CONTENT:
        headers["Content-Length"] = str(len(raw))
    pairs = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
    return {"type": "http.response.start", "status": answer.status, "headers": pairs}, raw


async def _send(send: Send, answer: Answer, method: str) -> None:
    head, raw = _encoded(answer)
    await send(head)
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else raw})


async def _drip(send: Send, answer: Answer, seconds: float) -> None:
    """Send the answer byte by byte, each within any read time-out, until the client has enough."""
    head, raw = _encoded(answer)
    await send(head)
    for place in range(len(raw)):
        await send({"type": "http.response.body", "body": raw[place : place + 1], "more_body": 1})
        await asyncio.sleep(seconds)
    await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _cut(scope: Scope, *, hard: bool) -> None:
    """Drop the connection: with a reset, or as a server that died in between."""
    transport = scope.get("extensions", {}).get("day2.transport")
    if transport is None:
        return
    if hard:
        peer = transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        transport.abort()
    else:
        transport.close()
