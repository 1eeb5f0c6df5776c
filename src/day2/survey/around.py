# SPDX-License-Identifier: Apache-2.0
"""Read what stands around one subject: a few rows of many lists, each asked for by what it is.

What cannot be read is a gap, and is never taken for "not there".
"""

import threading
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec import structs

from day2.adapters.clock import Clock
from day2.adapters.openstack.listing import find_service
from day2.adapters.openstack.pages import Collection
from day2.adapters.openstack.session import Session
from day2.adapters.openstack.single import Single, part
from day2.errors import Day2Error, NotDeployed
from day2.model.survey import Gap
from day2.model.tables import compute, details, network, others, storage
from day2.survey.lanes import gap_of
from day2.survey.lists import COLLECTIONS

T = TypeVar("T")
BY_KIND = {collection.kind: collection for collection in reversed(COLLECTIONS)}
# What is on a page of its own: service, path, key of the answer, and the row.
PAGES: Mapping[str, tuple[str, str, str, Any]] = {
    "volumes": ("block-storage", "/volumes/{}", "volume", storage.Volume),
    "load_balancers": (
        "load-balancer",
        "/v2.0/lbaas/loadbalancers/{}",
        "loadbalancer",
        others.LoadBalancer,
    ),
}
DETAILS: Mapping[str, Collection] = {
    "agent_details": Collection(
        kind="agents",
        service="network",
        path="/v2.0/agents",
        key="agents",
        row=details.AgentDetail,
    ),
    "messages": Collection(
        kind="volume messages",
        service="block-storage",
        path="/messages",
        key="messages",
        row=details.VolumeMessage,
    ),
}


class Around:
    """One region's services, asked about one subject; safe to use from several threads."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._lock = threading.Lock()
        self._singles: dict[str, Single] = {}
        self.gaps: list[Gap] = []
        self.absent: set[str] = set()

    @property
    def unread(self) -> frozenset[str]:
        """The kinds that could not be read."""
        with self._lock:
            return frozenset(gap.kind for gap in self.gaps)

    def rows(self, kind: str, query: Mapping[str, str]) -> list[Any]:
        """List the rows of a kind that a query is about; none, and a gap, when it fails."""
        declared = DETAILS.get(kind) or BY_KIND[kind]
        collection = structs.replace(declared, query={**declared.query, **query})
        what = kind.replace("_", " ")
        found = self.tried(kind, what, declared.service, lambda single: single.list(collection))
        return found or []

    def own(self, kind: str, own: str) -> Any | None:  # noqa: ANN401 - a row of this kind
        """Read one thing by its id; None when it is not there, and when that is not known."""
        if kind == "images":
            # Glance's own page says 404 in HTML, as a proxy does: a list proves what is not there.
            hidden = {"id": own, "os_hidden": "true"}
            return next(iter([*self.rows(kind, {"id": own}), *self.rows(kind, hidden)]), None)
        if kind not in PAGES:
            return next(iter(self.rows(kind, {"id": own})), None)
        service, path, key, row = PAGES[kind]
        what = f"{kind.removesuffix('s').replace('_', ' ')} {own}"
        return self.tried(
            kind, what, service, lambda one: one.find(path.format(part(own)), what, row, key)
        )

    def server(self, own: str) -> tuple[compute.Server | None, bool]:
        """Read a server; the second tells whether it is proven not to exist.

        A page of its own tells the fault, which lists leave out for other cells.
        """
        what = f"server {own}"

        def ask(single: Single) -> tuple[compute.Server | None, bool]:
            row = single.find(f"/servers/{part(own)}", what, compute.Server, "server")
            return row, row is None

        return self.tried("servers", what, "compute", ask) or (None, False)

    def some_servers(self, query: Mapping[str, str], most: int) -> list[compute.Server]:
        """Read no more than one page of servers: of an image thousands may have been made.

        A page is cut by Nova; it leaves out servers of cells that are down.
        """
        asked = urllib.parse.urlencode({"all_tenants": "1", "limit": str(most), **query})
        path = f"/servers/detail?{asked}"
        return self.document("servers", "compute", path, "servers", list[compute.Server]) or []

    def document(self, kind: str, service: str, path: str, key: str, row: type[T]) -> T | None:
        """Read one document below a service; None, and a gap, when it cannot be read."""
        what = kind.replace("_", " ")
        return self.tried(kind, what, service, lambda one: one.read(path, what, row, key))

    def serving(self, thing: str, own: str) -> list[network.NetworkAgent] | None:
        """List the agents that serve a network (DHCP) or a router (L3); None: not known."""
        below = "dhcp-agents" if thing == "networks" else "l3-agents"
        path = f"/v2.0/{thing}/{part(own)}/{below}"
        try:
            return self._single("network").read(path, below, list[network.NetworkAgent], "agents")
        except NotDeployed:
            return None  # OVN and others schedule nothing: there is no such page
        except Day2Error as error:
            self.fail(below.replace("-", "_"), f"{below} of {own}", error)
            return None

    def served(self, agent: str, page: str, key: str) -> list[Any]:
        """List the routers or networks that an agent serves; none, and a gap, when it fails."""
        row = network.Router if key == "routers" else network.Network
        path = f"/v2.0/agents/{part(agent)}/{page}"
        found = self.tried(
            page.replace("-", "_"),
            f"{page} of agent {agent}",
            "network",
            lambda one: one.read(path, page, list[row], key),  # type: ignore[valid-type]
        )
        return found or []

    def bindings(self, port: str) -> list[details.PortBinding] | None:
        """List the bindings of a port; None: not known, or the cloud has no such page."""
        path = f"/v2.0/ports/{part(port)}/bindings"
        try:
            return self._single("network").read(
                path, "bindings", list[details.PortBinding], "bindings"
            )
        except NotDeployed:
            return None
        except Day2Error as error:
            self.fail("bindings", f"bindings of port {port}", error)
            return None

    def tried(self, kind: str, what: str, service: str, ask: Callable[[Single], T]) -> T | None:
        """Ask, and keep a failure as a gap; a service that the cloud does not have is none."""
        try:
            single = self._single(service)
        except NotDeployed:
            with self._lock:
                self.absent.add(service)
            return None
        except Day2Error as error:
            self.fail(kind, what, error)
            return None
        try:
            return ask(single)
        except Day2Error as error:
            self.fail(kind, what, error)
            return None

    def _single(self, service: str) -> Single:
        with self._lock:
            known = self._singles.get(service)
        if known is None:
            find_service(self._session, service)
            known = Single(self._session, service, clock=self._clock)
            with self._lock:
                known = self._singles.setdefault(service, known)
        return known

    def fail(self, kind: str, what: str, error: Day2Error) -> None:
        """Keep a failure as a gap."""
        gap = gap_of(kind, what, error)
        with self._lock:
            if gap not in self.gaps:
                self.gaps.append(gap)
