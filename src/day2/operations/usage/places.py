# SPDX-License-Identifier: Apache-2.0
"""Which host a provider of Placement belongs to, and where that host stands in the cloud."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

import msgspec

from day2.model.survey import Tables
from day2.model.tables.placement import Inventory
from day2.operations.usage.consumers import Consumers, Held
from day2.operations.usage.policy import UsagePolicy

COMPUTE_CLASSES = frozenset({"VCPU", "PCPU", "MEMORY_MB"})
FIRST = ("VCPU", "PCPU", "VCPU+PCPU", "MEMORY_MB", "DISK_GB")
NEEDED = ("providers", "inventories", "allocations", "hypervisors", "compute_services")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One provider: its host (empty when it has none), and whether it takes new servers.

    `moving` and `unowned` are parts of `taken`: what migrations hold, and what consumers hold that
    are neither server nor migration.
    """

    host: str
    closed: bool
    inventories: dict[str, Inventory]
    taken: dict[str, int]
    moving: dict[str, int]
    unowned: dict[str, int]


def places(tables: Tables, policy: UsagePolicy, who: Consumers) -> dict[str, Place]:
    """Place every provider.

    A provider carries the name of its hypervisor, and a nested one (a graphics card, a NUMA node)
    that of its root. A provider of processors or memory without a hypervisor takes no servers; one
    that only shares disk has no host and counts for the cloud as a whole.
    """
    hosts = {
        h.hypervisor_hostname: h.service.host or h.hypervisor_hostname for h in tables.hypervisors
    }
    stock = {row.provider: row.inventories for row in tables.inventories}
    taken = {row.provider: row.allocations for row in tables.allocations}
    names = {provider.uuid: provider.name for provider in tables.providers}
    off = _disabled(tables) if policy.disabled_hosts == "apart" else frozenset()
    found: dict[str, Place] = {}
    for provider in tables.providers:
        root = provider.root_provider_uuid or provider.uuid
        host = hosts.get(names.get(root, provider.name), "")
        computes = not COMPUTE_CLASSES.isdisjoint(stock.get(root, {}))
        found[provider.uuid] = Place(
            host=host,
            closed=host in off or (not host and computes),
            inventories=stock.get(provider.uuid, {}),
            **_sums(taken.get(provider.uuid, {}), who),
        )
    return found


def _sums(consumers: Mapping[str, Mapping[str, int]], who: Consumers) -> dict[str, dict[str, int]]:
    taken: dict[str, int] = {}
    moving: dict[str, int] = {}
    unowned: dict[str, int] = {}
    for consumer, resources in consumers.items():
        held = who.held_by(consumer)
        for resource, amount in resources.items():
            taken[resource] = taken.get(resource, 0) + amount
            if held is not Held.SERVER:
                part = moving if held is Held.MOVE else unowned
                part[resource] = part.get(resource, 0) + amount
    return {"taken": taken, "moving": moving, "unowned": unowned}


def aggregates(tables: Tables) -> dict[str, set[str]]:
    """Return the hosts of each aggregate; one host may be in several."""
    found: dict[str, set[str]] = defaultdict(set)
    for aggregate in tables.aggregates:
        found[aggregate.name or str(aggregate.id)] |= set(aggregate.hosts)
    return found


def zones(tables: Tables) -> dict[str, set[str]]:
    """Return the compute hosts of each availability zone, as Nova itself reports it."""
    found: dict[str, set[str]] = defaultdict(set)
    for service in tables.compute_services:
        if service.binary == "nova-compute" and service.zone:
            found[service.zone].add(service.host)
    return found


def notes(tables: Tables, found: Mapping[str, Place], policy: UsagePolicy) -> list[str]:
    """Say which hosts are counted apart, and which count although nothing can start there now."""
    said = []
    off, named = _disabled(tables), {place.host for place in found.values()}
    if off & named:
        how = "counted apart" if policy.disabled_hosts == "apart" else "counted like any other"
        said.append(
            f"disabled, so no new servers go there: {_few(off & named)}; {how} "
            f"(usage.disabled_hosts = {policy.disabled_hosts})"
        )
    down = {
        service.host
        for service in tables.compute_services
        if service.binary == "nova-compute" and service.state != "up"
    }
    if (down - off) & named:
        said.append(f"down, and counted all the same: {_few((down - off) & named)}")
    lost = [uuid for uuid, place in found.items() if not place.host]
    stale = {p.name or p.uuid for p in tables.providers if p.uuid in lost and found[p.uuid].closed}
    if stale:
        said.append(f"providers in Placement without a hypervisor, counted apart: {_few(stale)}")
    shared = {p.name or p.uuid for p in tables.providers if p.uuid in lost} - stale
    if shared:
        said.append(f"providers of no host, counted for the cloud only: {_few(shared)}")
    return said


def in_order(resources: Iterable[str]) -> list[str]:
    """Put the resource classes that every cloud has first."""
    return sorted(
        resources, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name)
    )


def _disabled(tables: Tables) -> frozenset[str]:
    return frozenset(
        service.host
        for service in tables.compute_services
        if service.binary == "nova-compute"
        and (service.status == "disabled" or service.forced_down)
    )


def _few(names: AbstractSet[str], most: int = 5) -> str:
    known = sorted(names)
    shown = ", ".join(known[:most])
    return shown if len(known) <= most else f"{shown} and {len(known) - most} more"
