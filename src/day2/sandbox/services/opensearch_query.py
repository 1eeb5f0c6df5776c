# SPDX-License-Identifier: Apache-2.0
"""The part of OpenSearch's query language that is understood; every other word is refused."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from day2.sandbox.http import BAD_REQUEST, Refused

Document = dict[str, Any]
Predicate = Callable[[Document], bool]
WORD = re.compile(r"\w+")
BOUNDS: dict[str, Callable[[datetime, datetime], bool]] = {
    "gte": lambda at, bound: at >= bound,
    "gt": lambda at, bound: at > bound,
    "lte": lambda at, bound: at <= bound,
    "lt": lambda at, bound: at < bound,
}


def predicate(query: object) -> Predicate:
    """Return a function that tells whether a document is found.

    Raises:
        Refused: when a clause is not one that is understood here.

    """
    if not isinstance(query, dict) or len(query) != 1:
        raise _refused("[query] malformed, expected one clause")
    ((kind, body),) = query.items()
    match kind:
        case "match_all":
            return lambda _document: True
        case "bool":
            return _bool(body)
        case "exists":
            field = body["field"] if isinstance(body, dict) and "field" in body else ""
            return lambda document: field in document
        case "match" | "match_phrase" | "range" | "term" | "terms":
            return _of_field(kind, body)
        case _:
            raise _refused(f"unknown query [{kind}]")


def newest_first(sort: object) -> bool:
    """Tell which way is sorted; by time is the only way.

    Raises:
        Refused: when it is by something else.

    """
    entries = sort if isinstance(sort, list) else [sort]
    if len(entries) == 1 and isinstance(entries[0], dict) and set(entries[0]) == {"@timestamp"}:
        order = entries[0]["@timestamp"]
        order = order.get("order") if isinstance(order, dict) else order
        if order in {"asc", "desc"}:
            return bool(order == "desc")
    raise _refused("No mapping found for the sort that was asked for")


def _bool(body: object) -> Predicate:
    known = {"filter", "must", "should", "must_not", "minimum_should_match"}
    if not isinstance(body, dict) or not set(body) <= known:
        raise _refused("[bool] query does not support what was asked for")
    parts = {
        name: [predicate(clause) for clause in _listed(body.get(name, []))]
        for name in ("filter", "must", "should", "must_not")
    }
    least = body.get("minimum_should_match", 0 if parts["filter"] or parts["must"] else 1)
    if not isinstance(least, int):
        raise _refused("[minimum_should_match] must be a number here")
    needed = min(least, len(parts["should"])) if parts["should"] else 0

    def keep(document: Document) -> bool:
        return (
            all(test(document) for test in (*parts["filter"], *parts["must"]))
            and not any(test(document) for test in parts["must_not"])
            and sum(test(document) for test in parts["should"]) >= needed
        )

    return keep


def _of_field(kind: str, body: object) -> Predicate:
    if not isinstance(body, dict) or len(body) != 1:
        raise _refused(f"[{kind}] query malformed, no field or several")
    ((field, given),) = body.items()
    exact = field.endswith(".keyword")
    name = field.removesuffix(".keyword")
    match kind:
        case "range":
            return _range(name, given)
        case "match":
            text = given.get("query", "") if isinstance(given, dict) else given
            every = isinstance(given, dict) and given.get("operator", "or") == "and"
            words = set(_words(text))

            def keep(document: Document) -> bool:
                there = words & set(_words(document.get(name, "")))
                return there == words if every else bool(there)

            return keep
        case "match_phrase":
            phrase = " ".join(_words(given))
            return lambda document: f" {phrase} " in f" {' '.join(_words(document.get(name, '')))} "
        case _:
            values = _listed(given)
            # An analysed field holds small letters; a keyword what was written.
            if exact:
                return lambda document: document.get(name) in values
            return lambda document: any(word in values for word in _words(document.get(name, "")))


def _range(field: str, given: object) -> Predicate:
    if field != "@timestamp" or not isinstance(given, dict) or not set(given) <= set(BOUNDS):
        raise _refused("[range] query is understood for @timestamp, with gte, gt, lte and lt")
    try:
        bounds = [(BOUNDS[word], datetime.fromisoformat(str(at))) for word, at in given.items()]
    except ValueError:
        raise _refused(f"failed to parse date field {given}", "parse_exception") from None
    if any(bound.tzinfo is None for _test, bound in bounds):
        raise _refused("[range] query needs moments with a zone here")

    def keep(document: Document) -> bool:
        at = datetime.fromisoformat(document[field])
        return all(test(at, bound) for test, bound in bounds)

    return keep


def _words(text: object) -> list[str]:
    return WORD.findall(str(text).lower())


def _listed(given: object) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _refused(said: str, kind: str = "parsing_exception") -> Refused:
    return Refused(BAD_REQUEST, said, kind=kind)
