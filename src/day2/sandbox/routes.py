# SPDX-License-Identifier: Apache-2.0
"""A service: a prefix, a table of routes, and its own way of saying no."""

import re
from collections.abc import Callable

import msgspec

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.world import World

Handler = Callable[[Request, World], Answer]
_NAME = re.compile(r"\{(\w+)\}")
_VERSION = re.compile(r"^\d+\.\d+$")


class Microversions(msgspec.Struct, frozen=True, kw_only=True):
    """How a service negotiates: its word in `OpenStack-API-Version`, and its bounds.

    `legacy` is an older header that says the version alone. `malformed` and `outside` are the
    sentences of the refusals; the first gets the text, the second text, lowest and highest.
    """

    word: str
    lowest: tuple[int, int]
    highest: tuple[int, int]
    malformed: str
    outside: str
    legacy: str = ""
    vary: str = "OpenStack-API-Version"


class Listed(msgspec.Struct, frozen=True):
    """An entry of the catalogue: type, the project's name, and the path below the prefix."""

    type: str
    name: str
    path: str = ""


class _Route(msgspec.Struct, frozen=True):
    method: str
    pattern: re.Pattern[str]
    handler: Handler
    open: bool


class Service:
    """One service. Modules in `services/` make one each and hang their functions on it.

    `denied` is the sentence for a rule that the caller's roles do not meet.
    """

    def __init__(
        self,
        name: str,
        *,
        prefix: str,
        render: Callable[[Refused, Request], Answer],
        denied: Callable[[str], Refused],
        catalog: tuple[Listed, ...],
        microversions: Microversions | None = None,
    ) -> None:
        self.name = name
        self.prefix = prefix
        self.catalog = catalog
        self.microversions = microversions
        self._render = render
        self._denied = denied
        self._routes: dict[int, list[_Route]] = {}

    def route(self, method: str, path: str, *, token: bool = True) -> Callable[[Handler], Handler]:
        """Declare the function that answers a method on a path; `{name}` takes one segment."""
        segments = _NAME.sub(r"(?P<\1>[^/]+)", path)
        pattern = re.compile(f"^{segments}$")

        def declare(handler: Handler) -> Handler:
            found = self._routes.setdefault(path.count("/"), [])
            found.append(_Route(method, pattern, handler, not token))
            return handler

        return declare

    def answer(self, request: Request, world: World) -> Answer:
        """Answer a request: find its route, its caller and its version, or refuse."""
        try:
            answer = self._answer(request, world)
        except Refused as refused:
            answer = self._render(refused, request)
        if self.microversions is not None and request.version != (0, 0):
            answer.headers.update(self._version_headers(request.version))
        return answer

    def find(self, request: Request) -> tuple[Handler | None, dict[str, str], bool]:
        """Return a request's function, what its pattern names, and whether the path is known."""
        routes = self._routes.get(request.path.count("/"), [])
        matches = [(r, m) for r in routes if (m := r.pattern.match(request.path))]
        for route, match in matches:
            if route.method == request.method:
                return route.handler, match.groupdict(), True
        return None, {}, bool(matches)

    @staticmethod
    def refuse(rule: str) -> Refused:
        """Refuse in plain words, for services that have no rules of their own."""
        return Refused(http.FORBIDDEN, rule)

    def require_admin(self, request: Request, rule: str) -> None:
        """Refuse whoever has not the role admin.

        Raises:
            Refused: in this service's words, with the name of the rule.

        """
        if not request.who.admin:
            raise self._denied(rule)

    def _answer(self, request: Request, world: World) -> Answer:
        routes = self._routes.get(request.path.count("/"), [])
        matches = [(r, m) for r in routes if (m := r.pattern.match(request.path))]
        route, match = next(
            ((r, m) for r, m in matches if r.method == request.method), (None, None)
        )
        if route is None or not route.open:
            request.token = world.tokens.find(request.headers.get("x-auth-token", ""), world.now())
            _who = request.who
        if self.microversions is not None and (route is None or not route.open):
            request.version = self._negotiate(request, self.microversions)
        if route is None or match is None:
            status = http.NOT_ALLOWED if matches else http.NOT_FOUND
            said = "Method Not Allowed" if matches else "The resource could not be found."
            raise Refused(status, said, kind="HTTPNotFound")
        request.parts = match.groupdict()
        if world.kept is not None and not route.open:
            handler = route.handler
            return world.kept.answer(self.name, request, lambda: handler(request, world))
        return route.handler(request, world)

    def _negotiate(self, request: Request, ours: Microversions) -> tuple[int, int]:
        asked = ""
        for entry in request.headers.get("openstack-api-version", "").split(","):
            word, _space, value = entry.strip().partition(" ")
            if word == ours.word:
                asked = value.strip()
        if not asked and ours.legacy:
            asked = request.headers.get(ours.legacy, "")
        if not asked:
            return ours.lowest
        if asked == "latest":
            return ours.highest
        if not _VERSION.match(asked):
            raise Refused(http.BAD_REQUEST, ours.malformed.format(asked))
        major, minor = asked.split(".")
        version = (int(major), int(minor))
        if not ours.lowest <= version <= ours.highest:
            bounds = (f"{one}.{two}" for one, two in (ours.lowest, ours.highest))
            raise Refused(http.NOT_ACCEPTABLE, ours.outside.format(asked, *bounds))
        return version

    def _version_headers(self, version: tuple[int, int]) -> dict[str, str]:
        ours = self.microversions
        if ours is None:
            return {}
        said = f"{version[0]}.{version[1]}"
        headers = {"OpenStack-API-Version": f"{ours.word} {said}", "Vary": ours.vary}
        if ours.legacy:
            headers["X-OpenStack-Nova-API-Version"] = said
        return headers


def keystone_401(refused: Refused, request: Request) -> Answer:
    """Make the answer of the middleware that every service puts before itself."""
    return Answer(
        status=http.UNAUTHORIZED,
        body={"error": {"code": 401, "title": "Unauthorized", "message": refused.message}},
        headers={"WWW-Authenticate": f'Keystone uri="{request.root}/identity"'},
    )
