# SPDX-License-Identifier: Apache-2.0
"""A survey seen from one host: who is on it, and what hangs together with whom."""

import difflib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from day2.errors import BadUsage, Refused
from day2.model.survey import Survey, Tables
from day2.model.tables.compute import ComputeService, Hypervisor, Migration, Server, ServerGroup
from day2.model.tables.network import Port
from day2.model.tables.others import Amphora, LoadBalancer
from day2.operations.hosts.kinds import require_whole

T = TypeVar("T")
Need = dict[str, int]
OPEN_MIGRATIONS = frozenset(
    {
        "accepted",
        "queued",
        "preparing",
        "pre-migrating",
        "running",
        "running (post-copy)",
        "migrating",
        "post-migrating",
    }
)
"""Statuses of a migration on its way; `finished` is a resize that waits for its confirmation."""


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """One server on the host, with everything that decides how it leaves.

    `needs` is what it takes from Placement, one entry for each provider of the host's tree, so
    that what is together there must be together elsewhere.
    """

    server: Server
    ports: list[Port] = []
    groups: list[ServerGroup] = []
    amphora: Amphora | None = None
    needs: list[Need] = []

    @property
    def id(self) -> str:
        """Its id."""
        return self.server.id

    def needs_of(self, resource: str) -> int:
        """Sum what it takes of one resource class."""
        return sum(need.get(resource, 0) for need in self.needs)

    @property
    def local_disk_gib(self) -> int:
        """Tell how much of it is on the host's own disks, if those are local.

        0 also where a flavor without a disk makes the root disk as large as the image.
        """
        flavor = self.server.flavor
        return flavor.ephemeral + (flavor.disk if self.server.image_id else 0)

    @property
    def has_local_disk(self) -> bool:
        """Tell whether any of it is there, whatever its size."""
        return bool(self.server.image_id) or self.server.flavor.ephemeral > 0

    @property
    def local_disk(self) -> str:
        """Say how large its local disk is."""
        gib = self.local_disk_gib
        return f"{gib} GiB of local disk" if gib else "a local disk as large as its image"


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """One host of one survey."""

    survey: Survey
    host: str
    service: ComputeService
    hypervisor: Hypervisor | None
    guests: list[Guest]
    arriving: list[Migration]
    unconfirmed: list[Migration]
    balancers: Mapping[str, LoadBalancer]

    @property
    def tables(self) -> Tables:
        """The tables of the survey."""
        return self.survey.tables

    @property
    def names(self) -> frozenset[str]:
        """Every name of the host: Nova's service and its hypervisor may differ."""
        more = {self.hypervisor.hypervisor_hostname} if self.hypervisor else set()
        return frozenset({self.host} | more)


def look(survey: Survey, host: str) -> Picture:
    """Look at one host.

    Raises:
        BadUsage: when there is no such host, or a pattern is given in place of one.
        Refused: when the picture is incomplete, or the host is one of bare metal.

    """
    require_whole(survey)
    tables = survey.tables
    service = _service(tables, host)
    hypervisor = next((h for h in tables.hypervisors if hosted(h) == host), None)
    if hypervisor is not None and hypervisor.hypervisor_type == "ironic":
        raise Refused(
            f"{host} serves bare metal: its servers are nodes of Ironic and cannot be moved",
            hint="openstack baremetal node maintenance set NODE is the way there.",
        )
    return Picture(
        survey=survey,
        host=host,
        service=service,
        hypervisor=hypervisor,
        guests=_guests(tables, host, hypervisor),
        arriving=[
            m for m in tables.migrations if m.dest_compute == host and m.status in OPEN_MIGRATIONS
        ],
        unconfirmed=[
            m for m in tables.migrations if m.source_compute == host and m.status == "finished"
        ],
        balancers={balancer.id: balancer for balancer in tables.load_balancers},
    )


def hosted(hypervisor: Hypervisor) -> str:
    """Return the host of a hypervisor as Nova's service calls it."""
    return hypervisor.service.host or hypervisor.hypervisor_hostname


def trees(tables: Tables) -> dict[str, list[str]]:
    """List the providers of each hypervisor by its name: its own and those below it."""
    names = {p.uuid: p.name for p in tables.providers}
    found: dict[str, list[str]] = defaultdict(list)
    for provider in tables.providers:
        root = provider.root_provider_uuid or provider.uuid
        found[names.get(root, provider.name)].append(provider.uuid)
    return found


def _service(tables: Tables, host: str) -> ComputeService:
    services = {s.host: s for s in tables.compute_services if s.binary == "nova-compute"}
    if host in services:
        return services[host]
    if set(host) & set("*?[],") or host in {"", "all"}:
        raise BadUsage(
            f"{host!r} is a pattern: one host at a time, by its whole name",
            hint="openstack compute service list --service nova-compute lists them.",
        )
    called = next((hosted(h) for h in tables.hypervisors if h.hypervisor_hostname == host), "")
    near = [called] if called in services else difflib.get_close_matches(host, services, n=3)
    hint = f"Did you mean {', '.join(near)}?" if near else ""
    raise BadUsage(
        f"no compute host is called {host}",
        hint=hint or "openstack compute service list --service nova-compute lists them.",
    )


def _guests(tables: Tables, host: str, hypervisor: Hypervisor | None) -> list[Guest]:
    ports = _by(tables.ports, lambda port: port.device_id)
    groups: dict[str, list[ServerGroup]] = defaultdict(list)
    for group in tables.server_groups:
        for member in group.members:
            groups[member].append(group)
    amphorae = {a.compute_id: a for a in tables.amphorae if a.compute_id and a.loadbalancer_id}
    name = hypervisor.hypervisor_hostname if hypervisor else host
    takes = _takes(tables, trees(tables).get(name, []))
    here = [server for server in tables.servers if server.host == host]
    return [
        Guest(
            server=server,
            ports=ports.get(server.id, []),
            groups=groups.get(server.id, []),
            amphora=amphorae.get(server.id),
            needs=takes.get(server.id) or _by_flavor(server),
        )
        for server in sorted(here, key=lambda s: (s.name, s.id))
    ]


def _takes(tables: Tables, providers: Iterable[str]) -> dict[str, list[Need]]:
    mine = set(providers)
    found: dict[str, list[Need]] = defaultdict(list)
    for row in tables.allocations:
        if row.provider in mine:
            for consumer, resources in row.allocations.items():
                found[consumer].append(dict(resources))
    return found


def _by_flavor(server: Server) -> list[Need]:
    """Take the flavor's word where Placement has nothing on a server."""
    flavor = server.flavor
    processors = "PCPU" if flavor.extra_specs.get("hw:cpu_policy") == "dedicated" else "VCPU"
    disk = flavor.ephemeral + (flavor.disk if server.image_id else 0)
    need = {processors: flavor.vcpus, "MEMORY_MB": flavor.ram, "DISK_GB": disk}
    return [{name: amount for name, amount in need.items() if amount}]


def _by(rows: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found
