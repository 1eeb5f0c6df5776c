# SPDX-License-Identifier: Apache-2.0
"""Read one list of one service to its end: versions, pages, and rows that do not decode."""

import functools
import threading
import urllib.parse
from typing import Any, Generic, TypeVar

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.session import CatalogEntry, Session
from day2.errors import BadAnswer, Day2Error, Denied, NotDeployed, Unreachable

R = TypeVar("R", bound=msgspec.Struct)
Query = dict[str, str | tuple[str, ...]]
_PAGING = frozenset({"marker", "limit", "offset", "page", "page_reverse"})

# The highest microversion that our tables were written for: higher ones may drop fields.
KNOWN_MAX = {
    "compute": (2, 96),
    "placement": (1, 39),
    "block-storage": (3, 71),
    "baremetal": (1, 82),
    "shared-file-system": (2, 65),
}
_HEADERS = {
    "compute": "compute",
    "placement": "placement",
    "block-storage": "volume",
    "baremetal": "baremetal",
    "shared-file-system": "shared-file-system",
}
# Their collections name the version in the path; catalogues write their URL with or without it.
_VERSION_IN_PATH = frozenset({"network", "image", "load-balancer", "dns", "baremetal"})
TYPE_ALIASES = {
    "block-storage": ("block-storage", "volumev3", "volume"),
    "shared-file-system": ("shared-file-system", "sharev2", "share"),
    "container-infrastructure-management": (
        "container-infrastructure-management",
        "container-infra",
        "container-infrastructure",
    ),
}


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """How one table is listed.

    `path` may hold `{project_id}`; `paged` says that `limit` is asked for from the first request on
    (lists that would otherwise be unbounded); Nova's servers are not, because a paged list silently
    leaves out cells that are down. `microversion_max` lowers the version where a higher one costs
    something (hypervisors from 2.88 on: one RPC per host).
    """

    kind: str
    service: str
    path: str
    key: str
    row: type[msgspec.Struct]
    query: Query = {}
    paged: bool = False
    microversion_max: tuple[int, int] | None = None
    headers: dict[str, str] = {}
    denied_hint: str = ""


class Listing(msgspec.Struct, Generic[R], kw_only=True):
    """What came of one list: rows, how many requests, and what went wrong on the way."""

    rows: list[R] = []
    requests: int = 0
    unreadable: int = 0
    failure: Day2Error | None = None


class Service:
    """One service of one region, as the catalogue names it."""

    def __init__(self, session: Session, entry: CatalogEntry, service_type: str, url: str) -> None:
        self.type = service_type
        self.entry = entry
        self._session = session
        self._root = self._root_of(url.rstrip("/"))
        self.url = {"identity": f"{self._root}/v3"}.get(
            service_type, self._root if service_type in _VERSION_IN_PATH else url.rstrip("/")
        )
        self._lock = threading.Lock()
        self._version: tuple[int, int] | None = None
        self._negotiated = False

    @property
    def version(self) -> tuple[int, int] | None:
        """Negotiate the microversion: the lower of what the service and our tables know.

        One unauthenticated request, the first time. None where the service has no microversions.

        Raises:
            Unreachable, BadAnswer: when the version document cannot be had.

        """
        with self._lock:
            if not self._negotiated:
                self._version = self._negotiate()
                self._negotiated = True
            return self._version

    def _negotiate(self) -> tuple[int, int] | None:
        ours = KNOWN_MAX.get(self.type)
        if ours is None:
            return None
        what = f"{self.type} versions"
        root = self._session.get(f"{self._root}/", what=what, token=False).require_ok(what)
        theirs = _highest(root, what)
        return min(ours, theirs) if theirs else None

    def _root_of(self, url: str) -> str:
        """Return the URL without project id and version: where the version document lies."""
        project = self._session.authenticate().project_id
        if project:
            url = url.removesuffix(f"/{project}").removesuffix(f"/AUTH_{project}")
        head, _slash, last = url.rpartition("/")
        return head if last[:1] == "v" and last[1:2].isdigit() else url

    def headers(self, lower: tuple[int, int] | None = None) -> dict[str, str]:
        """Return the microversion header, not above `lower`."""
        version = self.version
        if version is None:
            return {}
        major, minor = min(version, lower) if lower else version
        value = f"{_HEADERS[self.type]} {major}.{minor}"
        headers = {"OpenStack-API-Version": value}
        if self.type == "baremetal":
            headers["X-OpenStack-Ironic-API-Version"] = f"{major}.{minor}"
        if self.type == "shared-file-system":
            headers["X-OpenStack-Manila-API-Version"] = f"{major}.{minor}"
        return headers

    def get(self, path: str, *, what: str) -> bytes:
        """Get one document; `path` may carry a query.

        Raises:
            Unreachable, BadAnswer, Denied, NotDeployed.

        """
        return self._get(path, {}, self.headers(), what)

    def _get(self, path: str, query: Query, headers: dict[str, str], what: str) -> bytes:
        url = f"{self.url}{path}"
        if query:
            url = f"{url}?{urllib.parse.urlencode(query, doseq=True)}"
        answer = self._session.get(
            url, what=what, headers={"Accept": "application/json", **headers}
        )
        return answer.require_ok(what)

    def list(self, collection: Collection, clock: Clock) -> Listing[Any]:
        """Read every page. Never raises: what was read before a failure is kept, beside it."""
        found: Listing[Any] = Listing()
        what = collection.kind.replace("_", " ")
        try:
            self._pages(collection, clock, found, what)
        except Denied as error:
            found.failure = Denied(str(error), hint=collection.denied_hint or error.hint)
        except Day2Error as error:
            found.failure = error
        return found

    def _pages(self, collection: Collection, clock: Clock, found: Listing[Any], what: str) -> None:
        limits = self._session.limits
        deadline = clock.monotonic() + limits.kind_seconds_max
        headers = {**self.headers(collection.microversion_max), **collection.headers}
        path = collection.path.format(project_id=self._session.authenticate().project_id)
        query: Query = dict(collection.query)
        if self.type == "network":
            # Only what our tables hold: a port alone is three times smaller so.
            query["fields"] = tuple(i.encode_name for i in msgspec.structs.fields(collection.row))
        if collection.paged:
            query["limit"] = str(limits.page_rows)
        page_type = _page_type(collection.row, collection.key)
        asked: set[str] = set()
        seen: set[Any] = set()
        identity = _identity_of(collection.row)
        while True:
            body = self._get(path, query, headers, what)
            found.requests += 1
            page = _decode(body, page_type, collection, what)
            fresh = [row for row in page.rows if identity(row) not in seen] if seen else page.rows
            found.unreadable += page.unreadable
            found.rows.extend(fresh)
            if page.truncated:
                raise BadAnswer(f"{what}: the service cut the list at its own limit")
            if not page.more:
                return
            if not fresh:
                raise BadAnswer(f"{what}: page {found.requests} repeats earlier rows without end")
            seen.update(identity(row) for row in fresh)
            if len(found.rows) > limits.rows_max:
                raise BadAnswer(
                    f"{what}: more than {limits.rows_max:,} rows", hint="setting load.rows_max"
                )
            if clock.monotonic() > deadline:
                raise Unreachable(
                    f"{what}: {len(found.rows):,} rows after {limits.kind_seconds_max:g} s, "
                    "and more to come",
                    hint="setting load.kind_seconds_max",
                )
            query = _next_query(page.more, query, what)
            mark = urllib.parse.urlencode(sorted(query.items()), doseq=True)
            if mark in asked:
                raise BadAnswer(f"{what}: the next page is one that was already read")
            asked.add(mark)


class _Page(msgspec.Struct, kw_only=True):
    rows: list[Any]
    more: str
    unreadable: int
    truncated: bool


class _Link(msgspec.Struct, frozen=True):
    rel: str = ""
    href: str = ""


@functools.cache
def _page_type(row: type[msgspec.Struct], key: str) -> type[msgspec.Struct]:
    """Make the type of one page: the rows under their key, and every way of saying "next"."""
    return msgspec.defstruct(
        "Page",
        [
            ("rows", list[row], msgspec.field(name=key)),  # type: ignore[valid-type]
            ("page_links", list[_Link] | None, msgspec.field(default=None, name=f"{key}_links")),
            ("next", str | None, None),
            ("links", Any, None),
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
            ("links", Any, None),
            ("truncated", bool, False),
        ],
        kw_only=True,
    )


def _decode(
    body: bytes, page_type: type[msgspec.Struct], collection: Collection, what: str
) -> _Page:
    """Decode one page; when a row is wrong, keep the others and count it."""
    unreadable = 0
    found: Any
    try:
        found = msgspec.json.decode(body, type=page_type)
        rows = found.rows
    except msgspec.ValidationError:
        try:
            found = msgspec.json.decode(body, type=_raw_page_type(collection.key))
        except msgspec.DecodeError as error:
            raise BadAnswer(f"{what}: {_shape(body, error)}") from None
        rows = []
        for raw in found.rows:
            try:
                rows.append(msgspec.json.decode(raw, type=collection.row))
            except msgspec.DecodeError:
                unreadable += 1
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(f"{what}: {_shape(body, error)}") from None
    return _Page(
        rows=rows, more=_more(found), unreadable=unreadable, truncated=bool(found.truncated)
    )


def _more(page: Any) -> str:  # noqa: ANN401 - a defstruct
    """Return the link to the next page, however this service says it; empty at the end."""
    for link in page.page_links or []:
        if link.rel == "next":
            return str(link.href)
    if page.next:
        return str(page.next)
    if isinstance(page.links, dict) and isinstance(page.links.get("next"), str):
        return str(page.links["next"])
    if isinstance(page.links, list):
        for link in page.links:
            if isinstance(link, dict) and link.get("rel") == "next":
                return str(link.get("href", ""))
    return ""


def _next_query(more: str, query: Query, what: str) -> Query:
    """Take only the query of the next link: its host may be an inner one, or a stranger's."""
    parts = urllib.parse.urlsplit(more)
    following = dict(urllib.parse.parse_qsl(parts.query))
    if not following:
        raise BadAnswer(f"{what}: the next page is named without a marker")
    steering = {k: v for k, v in following.items() if k not in query or k in _PAGING}
    return {**query, **steering}


def _identity_of(row: type[msgspec.Struct]) -> Any:  # noqa: ANN401 - a function of a row
    for name in ("id", "uuid"):
        if name in row.__struct_fields__:
            return lambda found: getattr(found, name)
    return msgspec.json.encode


def _highest(body: bytes, what: str) -> tuple[int, int] | None:
    """Find the highest microversion of a version document; None where there is none."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(f"{what}: {_shape(body, error)}") from None
    entries = found.get("versions") if isinstance(found, dict) else None
    if isinstance(found, dict) and isinstance(found.get("version"), dict):
        entries = [found["version"]]
    best: tuple[int, int] | None = None
    for entry in entries if isinstance(entries, list) else []:
        text = (entry.get("version") or entry.get("max_version")) if isinstance(entry, dict) else ""
        major, _dot, minor = str(text or "").partition(".")
        if major.isdigit() and minor.isdigit():
            pair = (int(major), int(minor))
            best = pair if best is None or pair > best else best
    return best


def _shape(body: bytes, error: Exception) -> str:
    """Say what an answer looks like that is not what was promised."""
    start = body[:256].lstrip().lower()
    if not body:
        return "the answer is empty"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<")):
        return "the answer is HTML or XML, not JSON (a proxy's error page?)"
    if isinstance(error, RecursionError):
        return "the answer is nested without end"
    return f"the answer is not what this API promises ({error})"


def find_service(session: Session, service_type: str) -> Service:
    """Find a service in the token's catalogue, under any of its official names.

    Raises:
        NotDeployed: when the catalogue of this region does not have it, or not on our interface.
        Unreachable, Denied: when no token can be had.

    """
    identity = session.authenticate()
    by_type = {entry.type: entry for entry in identity.catalog}
    for name in TYPE_ALIASES.get(service_type, (service_type,)):
        entry = by_type.get(name)
        if entry is None:
            continue
        url = entry.urls.get(session.credentials.interface)
        if url:
            return Service(session, entry, service_type, url)
        if entry.urls:
            raise NotDeployed(
                f"{service_type} has no {session.credentials.interface} endpoint "
                f"(only {', '.join(sorted(entry.urls))})",
                hint="setting clouds.NAME.openstack.interface",
            )
    raise NotDeployed(f"the catalogue has no {service_type} service")
