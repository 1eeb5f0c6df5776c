# SPDX-License-Identifier: Apache-2.0
"""Read one list of one service to its end: versions, pages, and rows that do not decode."""

import threading
import urllib.parse
from typing import Any, Generic, TypeVar

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.pages import (
    Collection,
    Query,
    decode,
    highest_microversion,
    identity_of,
    next_query,
    page_type_of,
)
from day2.adapters.openstack.session import Answer, CatalogEntry, Session
from day2.errors import BadAnswer, BadSettings, Day2Error, Denied, NotDeployed, Unreachable

R = TypeVar("R", bound=msgspec.Struct)

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
        self._failure: Day2Error | None = None

    @property
    def version(self) -> tuple[int, int] | None:
        """Negotiate the microversion: the lower of what the service and our tables know.

        One unauthenticated request, the first time. None where the service has no microversions.

        Raises:
            Unreachable, BadAnswer: when the version document cannot be had.

        """
        with self._lock:
            if self._failure is not None:
                # Asked once, told to all: who waited for the lock must not wait for silence again.
                raise self._failure.bare()
            if not self._negotiated:
                try:
                    self._version = self._negotiate()
                except Day2Error as error:
                    self._failure = error.bare()
                    raise
                self._negotiated = True
            return self._version

    def _negotiate(self) -> tuple[int, int] | None:
        ours = KNOWN_MAX.get(self.type)
        if ours is None:
            return None
        what = f"{self.type} versions"
        root = self._session.get(f"{self._root}/", what=what, token=False).require_ok(what)
        theirs = highest_microversion(root, what)
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

    def ask(
        self,
        method: str,
        path: str,
        *,
        what: str,
        body: Any = None,  # noqa: ANN401 - what JSON holds
        lower: tuple[int, int] | None = None,
    ) -> Answer:
        """Send one request below the service's URL; a GET may be repeated, nothing else is.

        Raises:
            Unreachable, BadAnswer, Denied: as the session's `get` and `send`; never for a status.

        """
        headers = {"Accept": "application/json", **self.headers(lower)}
        url = f"{self.url}{path}"
        if method == "GET":
            return self._session.get(url, what=what, headers=headers)
        return self._session.send(method, url, what=what, body=body, headers=headers)

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
            found.failure = error.bare()
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
        page_type = page_type_of(collection.row, collection.key)
        asked: set[str] = set()
        seen: set[Any] = set()
        identity = identity_of(collection.row)
        while True:
            body = self._get(path, query, headers, what)
            found.requests += 1
            if body.count(b"{") > limits.rows_max:
                # Decoded, a flood of empty rows takes twenty times the memory of its bytes.
                raise BadAnswer(
                    f"{what}: one answer holds more than {limits.rows_max:,} objects",
                    hint="setting load.rows_max",
                )
            page = decode(body, page_type, collection, what)
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
            query = next_query(page.more, query, what)
            mark = urllib.parse.urlencode(sorted(query.items()), doseq=True)
            if mark in asked:
                raise BadAnswer(f"{what}: the next page is one that was already read")
            asked.add(mark)


def find_service(session: Session, service_type: str) -> Service:
    """Find a service in the token's catalogue, under any of its official names.

    Raises:
        NotDeployed: when the catalogue of this region does not have it, or not on our interface.
        BadSettings: when it is in several regions, and the settings name none.
        Unreachable, Denied: when no token can be had.

    """
    identity = session.authenticate()
    by_type = {entry.type: entry for entry in identity.catalog}
    for name in TYPE_ALIASES.get(service_type, (service_type,)):
        entry = by_type.get(name)
        if entry is None:
            continue
        if entry.torn:
            # One service of one region and another of the next would be held against each other.
            raise BadSettings(
                f"{service_type} is in several regions, and none is named: {', '.join(entry.torn)}",
                hint="setting clouds.NAME.openstack.region",
            )
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
