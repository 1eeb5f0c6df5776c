# SPDX-License-Identifier: Apache-2.0
"""One page of one list: how it is asked for, decoded row by row if need be, and what comes next."""

import functools
import urllib.parse
from typing import Any

import msgspec

from day2.errors import BadAnswer

Query = dict[str, str | tuple[str, ...]]
LINKS_BYTES_MAX = 1 << 16
DIGITS_MAX = 6
# Whatever decoding may raise over bytes that somebody else made.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_PAGING = frozenset({"marker", "limit", "offset", "page", "page_reverse"})


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """How one table is listed.

    `path` may hold `{project_id}`; `paged` says that `limit` is asked for from the first request on
    (lists that would otherwise be unbounded); Nova's servers are not, because a paged list silently
    leaves out cells that are down. `microversion_max` lowers the version where a higher one costs
    something (hypervisors from 2.88 on: one RPC per host). `row` is the struct of one
    row, or `dict` where everything that the service says is wanted, whatever it is called.
    """

    kind: str
    service: str
    path: str
    key: str
    row: Any
    query: Query = {}
    paged: bool = False
    microversion_max: tuple[int, int] | None = None
    headers: dict[str, str] = {}
    denied_hint: str = ""


class Page(msgspec.Struct, kw_only=True):
    """One decoded page; `more` is the link to the next one, empty at the end."""

    rows: list[Any]
    more: str
    unreadable: int
    truncated: bool


class _Link(msgspec.Struct, frozen=True):
    rel: str = ""
    href: str = ""


@functools.cache
def page_type_of(row: Any, key: str) -> type[msgspec.Struct]:  # noqa: ANN401 - a type
    """Make the type of one page: the rows under their key, and every way of saying "next"."""
    return msgspec.defstruct(
        "Page",
        [
            ("rows", list[row], msgspec.field(name=key)),
            ("page_links", list[_Link] | None, msgspec.field(default=None, name=f"{key}_links")),
            ("next", str | None, None),
            ("links", msgspec.Raw, msgspec.Raw(b"null")),
            ("truncated", bool, False),
        ],
        kw_only=True,
    )


@functools.cache
def _raw_page_type(key: str) -> type[msgspec.Struct]:
    return msgspec.defstruct(
        "RawPage",
        [
            ("rows", list[msgspec.Raw], msgspec.field(name=key)),
            ("page_links", list[_Link] | None, msgspec.field(default=None, name=f"{key}_links")),
            ("next", str | None, None),
            ("links", msgspec.Raw, msgspec.Raw(b"null")),
            ("truncated", bool, False),
        ],
        kw_only=True,
    )


def decode(body: bytes, page_type: type[msgspec.Struct], collection: Collection, what: str) -> Page:
    """Decode one page; when a row is wrong, keep the others and count it."""
    unreadable = 0
    found: Any
    try:
        found = msgspec.json.decode(body, type=page_type)
        rows = found.rows
    except msgspec.ValidationError:
        try:
            found = msgspec.json.decode(body, type=_raw_page_type(collection.key))
        except UNREADABLE as error:
            raise BadAnswer(f"{what}: {shape_of(body, error)}") from None
        rows = []
        for raw in found.rows:
            try:
                rows.append(msgspec.json.decode(raw, type=collection.row))
            except UNREADABLE:
                unreadable += 1
    except UNREADABLE as error:
        raise BadAnswer(f"{what}: {shape_of(body, error)}") from None
    return Page(
        rows=rows, more=_more(found), unreadable=unreadable, truncated=bool(found.truncated)
    )


def _more(page: Any) -> str:  # noqa: ANN401 - a defstruct
    """Return the link to the next page, however this service says it; empty at the end."""
    for link in page.page_links or []:
        if link.rel == "next":
            return str(link.href)
    if page.next:
        return str(page.next)
    try:
        links = msgspec.json.decode(page.links) if len(page.links) <= LINKS_BYTES_MAX else None
    except UNREADABLE:
        links = None
    if isinstance(links, dict) and isinstance(links.get("next"), str):
        return str(links["next"])
    if isinstance(links, list):
        for link in links:
            if isinstance(link, dict) and link.get("rel") == "next":
                return str(link.get("href", ""))
    return ""


def next_query(more: str, query: Query, what: str) -> Query:
    """Take only the query of the next link: its host may be an inner one, or a stranger's."""
    try:
        following = dict(
            urllib.parse.parse_qsl(urllib.parse.urlsplit(more[:LINKS_BYTES_MAX]).query)
        )
    except ValueError:
        following = {}
    if not following:
        raise BadAnswer(f"{what}: the next page is named without a marker")
    steering = {k: v for k, v in following.items() if k not in query or k in _PAGING}
    return {**query, **steering}


def identity_of(row: Any) -> Any:  # noqa: ANN401 - a type, and a function of a row
    """Return what tells two rows of this type apart: id or uuid, else the whole row."""
    if row is dict:
        return lambda found: found.get("id") or msgspec.json.encode(found)
    for name in ("id", "uuid"):
        if name in row.__struct_fields__:
            return lambda found: getattr(found, name)
    return msgspec.json.encode


def highest_microversion(body: bytes, what: str) -> tuple[int, int] | None:
    """Find the highest microversion of a version document; None where there is none.

    Raises:
        BadAnswer: when it is no version document.

    """
    try:
        found = msgspec.json.decode(body)
    except UNREADABLE as error:
        raise BadAnswer(f"{what}: {shape_of(body, error)}") from None
    entries = found.get("versions") if isinstance(found, dict) else None
    if isinstance(found, dict) and isinstance(found.get("version"), dict):
        entries = [found["version"]]
    if not isinstance(entries, list) or not entries:
        raise BadAnswer(f"{what}: the answer names no version")
    found_all = [_microversion(entry, what) for entry in entries]
    return max((pair for pair in found_all if pair is not None), default=None)


def _microversion(entry: Any, what: str) -> tuple[int, int] | None:  # noqa: ANN401 - JSON
    """Read one entry; None when it says that it has none.

    An entry that says something else must not pass for that: the service would then be read in its
    oldest form, which lacks half of what is asked for, without a word.
    """
    text = None
    if isinstance(entry, dict):
        text = entry.get("version") or entry.get("max_version") or ""
    if text == "":
        return None
    major, _dot, minor = text.partition(".") if isinstance(text, str) else ("", "", "")
    if not (_is_number(major) and _is_number(minor)):
        raise BadAnswer(f"{what}: the answer names no version that can be read")
    return int(major), int(minor)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX


def shape_of(body: bytes, error: Exception) -> str:
    """Say what an answer looks like that is not what was promised."""
    start = body[:256].lstrip().lower()
    if not body:
        return "the answer is empty"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<")):
        return "the answer is HTML or XML, not JSON (a proxy's error page?)"
    if isinstance(error, RecursionError):
        return "the answer is nested without end"
    return f"the answer is not what this API promises ({error})"
