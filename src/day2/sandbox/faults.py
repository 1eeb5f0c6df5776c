# SPDX-License-Identifier: Apache-2.0
"""Faults by rule: which requests are hit, and what becomes of their answers.

This module decides and rewrites; `application` sends what comes of it.
"""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from day2.sandbox.http import Answer, Request

Kind = Literal[
    "delay", "status", "html", "truncate", "reset", "close", "drip", "loop", "types", "null",
    "header", "hang",
]  # fmt: skip
ON_THE_WIRE = frozenset({"truncate", "reset", "close", "drip", "hang", "delay"})
HEADER_BYTES = 200_000
HTML = b"<html><head><title>502 Bad Gateway</title></head><body>haproxy</body></html>\n"


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule. The first that matches and is not used up decides.

    It leaves the first `nth - 1` requests that it matches alone, and hits `times` of the following
    (None: all). `path` is a regular expression that is searched for in the path below the
    service's prefix, with its query.
    """

    kind: Kind
    service: str = "*"
    method: str = "*"
    path: Annotated[str, Meta(max_length=500)] = ""
    nth: Annotated[int, Meta(ge=1)] = 1
    times: Annotated[int, Meta(ge=1)] | None = None
    status: Annotated[int, Meta(ge=200, le=599)] = 503
    seconds: Annotated[float, Meta(ge=0)] = 1.0


class Faults:
    """The rules that hold, with how often each was met."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules: list[Rule] = []
        self.hits: list[int] = []
        self._met: list[int] = []
        self.set(rules)

    def set(self, rules: list[Rule]) -> None:
        """Replace the rules; every count begins anew.

        Raises:
            re.error: when a path is not a regular expression; the old rules stay.

        """
        patterns = [re.compile(rule.path) for rule in rules]
        self.rules, self._patterns = list(rules), patterns
        self._met, self.hits = [0] * len(rules), [0] * len(rules)

    def choose(self, service: str, method: str, target: str) -> Rule | None:
        """Return the rule that hits this request, and count it."""
        for place, rule in enumerate(self.rules):
            if rule.service not in {"*", service} or rule.method not in {"*", method}:
                continue
            if not self._patterns[place].search(target):
                continue
            self._met[place] += 1
            if self._met[place] < rule.nth:
                continue
            if rule.times is not None and self.hits[place] >= rule.times:
                continue
            self.hits[place] += 1
            return rule
        return None


def before(rule: Rule, request: Request) -> Request:
    """Change the request where the fault needs it: a loop never moves on."""
    if rule.kind == "loop":
        query = [(key, value) for key, value in request.query if key not in {"marker", "limit"}]
        return msgspec.structs.replace(request, query=[*query, ("limit", "2")])
    return request


def rewrite(rule: Rule, answer: Answer, request: Request) -> Answer:
    """Change the answer where the fault is in what it says."""
    match rule.kind:
        case "status":
            said = f"scripted {rule.status}"
            body = {"error": {"code": rule.status, "title": "Fault", "message": said}}
            return Answer(status=rule.status, body=body)
        case "html":
            return Answer(status=502, body=HTML, headers={"Content-Type": "text/html"})
        case "null":
            return msgspec.structs.replace(answer, body=b"null")
        case "types":
            return msgspec.structs.replace(answer, body=_wrong(_document(answer.body)))
        case "header":
            headers = {**answer.headers, "X-Long": "x" * HEADER_BYTES}
            return msgspec.structs.replace(answer, headers=headers)
        case "loop":
            return msgspec.structs.replace(answer, body=_endless(_document(answer.body), request))
        case _:
            return answer


def _document(body: Any) -> Any:  # noqa: ANN401 - JSON
    """Return what an answer says: large clouds keep theirs as bytes."""
    if not isinstance(body, bytes):
        return body
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body  # no JSON: there is nothing in it that could be put otherwise


def _wrong(body: Any) -> Any:  # noqa: ANN401 - JSON
    """Give every value another type than it has."""
    match body:
        case dict():
            return {key: _wrong(value) for key, value in body.items()}
        case list():
            return [_wrong(value) for value in body]
        case bool() | None:
            return [body]
        case int() | float():
            return {"number": body}
        case _:
            return [1, {}]


def _endless(body: Any, request: Request) -> Any:  # noqa: ANN401 - JSON
    """Say that there is a next page, which is this one again."""
    if not isinstance(body, dict):
        return body
    key = next((k for k, v in body.items() if isinstance(v, list) and k != "links"), "")
    rows = body.get(key) or [{"id": "again"}]
    last = rows[-1].get("id", "again") if isinstance(rows[-1], dict) else "again"
    query = [("limit", "2"), ("marker", str(last))]
    if "schema" in body:
        return {**body, "next": f"{request.path}?limit=2&marker={last}"}
    return {**body, f"{key}_links": [{"rel": "next", "href": request.url(request.path, query)}]}
