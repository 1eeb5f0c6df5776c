# SPDX-License-Identifier: Apache-2.0
"""Compute (Nova), as far as moving servers off a host needs it: one server, one service, one move.

Everything is written for microversion 2.95, which every release from 2023.1 on has: since then an
evacuated server arrives stopped, and no request can force a host upon the scheduler (2.68).
"""

from typing import Any

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.pages import Collection, Query
from day2.adapters.openstack.session import Session
from day2.adapters.openstack.single import Said, Single, part
from day2.errors import NotDeployed, Unreachable
from day2.model.tables.compute import ComputeService, Hypervisor, Migration, Server

VERSION = (2, 95)
WITH_SIZES = (2, 87)
UNKNOWN = "UNKNOWN"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a live migration under way is; None where the hypervisor has not said."""

    id: int
    status: str
    memory_total_bytes: int | None = None
    memory_remaining_bytes: int | None = None


class Compute:
    """One region's compute service."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._api = Single(session, "compute", clock=clock, version=VERSION)

    def server(self, server_id: str) -> Server | None:
        """Read one server; None when it is proven to be gone.

        Raises:
            Unreachable: also when its cell does not answer: nothing is known of it then.

        """
        what = f"server {server_id}"
        found = self._api.find(f"/servers/{part(server_id)}", what, Server, "server")
        if found is not None and (found.status == UNKNOWN or found.vm_state is None):
            raise Unreachable(f"{what}: its cell does not answer")
        return found

    def servers_on(self, host: str) -> list[Server]:
        """List the servers of a host, of all projects.

        Raises:
            Unreachable: also when the service of the host cannot be read: a cell that is down
                leaves its servers out of the list without a word.

        """
        services = self.services(host=host, binary="nova-compute")
        if not services or any(row.status == UNKNOWN for row in services):
            raise Unreachable(f"servers of {host}: the cell of its service does not answer")
        query: Query = {"all_tenants": "1", "host": host}
        return self._list(f"servers of {host}", "/servers/detail", "servers", Server, query)

    def moves(self, **query: str) -> list[Migration]:
        """List the moves that a query names (`instance_uuid`, `source_compute`, `status`, ...)."""
        return self._list("migrations", "/os-migrations", "migrations", Migration, dict(query))

    def moves_of(self, server_id: str) -> list[Migration]:
        """List every move of one server, of all kinds, ended ones too."""
        return self.moves(instance_uuid=server_id)

    def services(self, **query: str) -> list[ComputeService]:
        """List the services that a query names (`host`, `binary`); unpaged."""
        return self._list("compute services", "/os-services", "services", ComputeService, query)

    def service(self, service_id: str) -> ComputeService | None:
        """Read one service; None when the list has none of this id.

        Raises:
            Unreachable: also when a cell does not answer: its services are listed without ids.

        """
        rows = self.services(binary="nova-compute")
        found = next((row for row in rows if str(row.id) == service_id), None)
        silent = sorted(row.host for row in rows if row.status == UNKNOWN)
        if found is None and silent:
            said = f"service {service_id}: the cell of {silent[0]} does not answer"
            raise Unreachable(f"{said}, so whether it is there is not known")
        return found

    def node_of(self, host: str) -> str:
        """Return the hypervisor's name of a host, which is its provider's name in Placement.

        Empty when no hypervisor says that it is of this host.
        """
        query: Query = {"hypervisor_hostname_pattern": host}
        path = "/os-hypervisors/detail"
        for asked in (query, Query()):
            try:
                # From 2.88 on every row costs a question to its host.
                rows = self._list("hypervisors", path, "hypervisors", Hypervisor, asked, WITH_SIZES)
            except NotDeployed:
                # A pattern that fits none is answered with 404: a node may be called otherwise.
                if not asked:
                    raise
                continue
            for row in rows:
                if row.service.host == host:
                    return str(row.hypervisor_hostname)
        return ""

    def update_service(self, service_id: str, **fields: Any) -> Said:  # noqa: ANN401 - JSON
        """Enable or disable a service, or force it down or up, in one request."""
        what = f"compute service {service_id}"
        return self._api.change("PUT", f"/os-services/{part(service_id)}", what, fields)

    def act(self, server_id: str, action: str, given: Any = None) -> Said:  # noqa: ANN401 - JSON
        """Ask for one action on a server (`os-migrateLive`, `migrate`, `confirmResize`, ...)."""
        what = f"{action} of server {server_id}"
        return self._api.change("POST", f"/servers/{part(server_id)}/action", what, {action: given})

    def progress(self, server_id: str, migration: int) -> Progress | None:
        """Read how far a live migration is; None when it is not under way (any more)."""
        path = f"/servers/{part(server_id)}/migrations/{migration}"
        return self._api.find(path, f"migration {migration}", Progress, "migration")

    def force_complete(self, server_id: str, migration: int) -> Said:
        """Let a live migration end now: the guest is paused, or goes over in post-copy."""
        path = f"/servers/{part(server_id)}/migrations/{migration}/action"
        what = f"force-complete of migration {migration}"
        return self._api.change("POST", path, what, {"force_complete": None})

    def abort(self, server_id: str, migration: int) -> Said:
        """Break a live migration off; the server stays where it is."""
        path = f"/servers/{part(server_id)}/migrations/{migration}"
        return self._api.change("DELETE", path, f"abort of migration {migration}")

    def _list(
        self,
        what: str,
        path: str,
        key: str,
        row: type[msgspec.Struct],
        query: Query | dict[str, str],
        version: tuple[int, int] = VERSION,
    ) -> list[Any]:
        return self._api.list(
            Collection(
                kind=what,
                service="compute",
                path=path,
                key=key,
                row=row,
                query=dict(query),
                microversion_max=version,
            )
        )
