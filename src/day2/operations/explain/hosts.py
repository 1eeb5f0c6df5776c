# SPDX-License-Identifier: Apache-2.0
"""The compute hosts as the scheduler sees them: service, provider tree, aggregates, mates."""

from collections import defaultdict

import msgspec

from day2.model.survey import Tables
from day2.model.tables.compute import Aggregate, ComputeService, Hypervisor
from day2.model.tables.placement import Inventory

# Not the servers: of a large cloud they are the longest list, and only those of its groups count.
KINDS = (
    "tokens",
    "compute_services",
    "hypervisors",
    "aggregates",
    "server_groups",
    "agents",
    "providers",
    "inventories",
    "traits",
    "allocations",
)
SHARING = "MISC_SHARES_VIA_AGGREGATE"


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's inventory of one resource class, and what is taken of it."""

    inventory: Inventory
    used: int

    @property
    def free(self) -> float:
        """Return what is left, by Placement's arithmetic; negative when it was promised twice."""
        return self.inventory.capacity - self.used


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """One compute host. `stock` lists, by resource class, the providers of its tree that have it.

    Without `hypervisor` or `provider` Nova or Placement does not know it.
    """

    name: str
    service: ComputeService
    hypervisor: Hypervisor | None
    provider: str
    traits: frozenset[str]
    aggregates: list[Aggregate]
    stock: dict[str, list[Stock]]
    mates: frozenset[str]

    @property
    def zone(self) -> str:
        """Return its availability zone."""
        return self.service.zone

    def values(self, key: str) -> set[str]:
        """Return what its aggregates say under a key of their metadata."""
        return {
            part.strip()
            for aggregate in self.aggregates
            if key in aggregate.metadata
            for part in aggregate.metadata[key].split(",")
        }


def hosts(tables: Tables) -> list[Host]:
    """List every compute host that Nova has a service of, by name."""
    roots = {p.uuid: p.root_provider_uuid or p.uuid for p in tables.providers}
    names = {p.uuid: p.name for p in tables.providers}
    tree: dict[str, list[str]] = defaultdict(list)
    for own, root in roots.items():
        tree[names.get(root, "")].append(own)
    inventories = {row.provider: row.inventories for row in tables.inventories}
    used = {row.provider: row.usages for row in tables.allocations}
    traits = {row.provider: row.traits for row in tables.traits}
    on: dict[str, set[str]] = defaultdict(set)
    for server in tables.servers:
        on[server.host or ""].add(server.id)
    hypervisors = {h.service.host or h.hypervisor_hostname: h for h in tables.hypervisors}
    found = []
    for service in tables.compute_services:
        if service.binary != "nova-compute":
            continue
        hypervisor = hypervisors.get(service.host)
        called = hypervisor.hypervisor_hostname if hypervisor else service.host
        providers = tree.get(called, [])
        stock: dict[str, list[Stock]] = defaultdict(list)
        for own in providers:
            for resource, inventory in inventories.get(own, {}).items():
                taken = used.get(own, {}).get(resource, 0)
                stock[resource].append(Stock(inventory=inventory, used=taken))
        found.append(
            Host(
                name=service.host,
                service=service,
                hypervisor=hypervisor,
                provider=called if providers else "",
                traits=frozenset(t for own in providers for t in traits.get(own, ())),
                aggregates=[a for a in tables.aggregates if service.host in a.hosts],
                stock=dict(stock),
                mates=frozenset(on[service.host]),
            )
        )
    return sorted(found, key=lambda host: host.name)


def shares_disk(tables: Tables) -> bool:
    """Tell whether a provider of shared disk exists, so that hosts need none of their own."""
    return any(SHARING in row.traits for row in tables.traits)
