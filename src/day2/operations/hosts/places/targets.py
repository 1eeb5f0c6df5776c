# SPDX-License-Identifier: Apache-2.0
"""Which hosts could take a server, and what speaks against each of them, as the scheduler does."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from day2.model.tables.compute import Aggregate, ComputeService, Hypervisor
from day2.operations.hosts.picture import Guest, Picture, hosted, trees
from day2.operations.hosts.places.room import Room
from day2.operations.hosts.policy import DrainPolicy

DISABLED = "COMPUTE_STATUS_DISABLED"
_OF_AGGREGATE = "aggregate_instance_extra_specs:"
_TENANT = "filter_tenant_id"
_OPERATORS = ("=", "<", ">", "!=", "s==", "s!=", "s<", "s>")


class Target(msgspec.Struct, kw_only=True):
    """One other host. `mates` are the servers on it, those that were assigned to it included."""

    host: str
    service: ComputeService
    hypervisor: Hypervisor
    traits: frozenset[str]
    aggregates: list[Aggregate]
    room: Room
    mates: set[str]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What of the host that is left decides where its servers may go."""

    zone: str
    aggregates: list[Aggregate]
    version: int | None
    kind: str


def targets(picture: Picture) -> list[Target]:
    """List every other host with a hypervisor and a provider; closed ones included, to say why."""
    tables = picture.tables
    services = {s.host: s for s in tables.compute_services if s.binary == "nova-compute"}
    traits = {row.provider: row.traits for row in tables.traits}
    stock = {row.provider: row.inventories for row in tables.inventories}
    taken = {row.provider: row.usages for row in tables.allocations}
    members = _members(tables.aggregates)
    below = trees(tables)
    on: dict[str, set[str]] = defaultdict(set)
    for server in tables.servers:
        on[server.host or ""].add(server.id)
    found = []
    for hypervisor in tables.hypervisors:
        host = hosted(hypervisor)
        providers = below.get(hypervisor.hypervisor_hostname, [])
        if host == picture.host or host not in services or not providers:
            continue
        found.append(
            Target(
                host=host,
                service=services[host],
                hypervisor=hypervisor,
                traits=frozenset(t for name in providers for t in traits.get(name, ())),
                aggregates=members.get(host, []),
                room=Room({name: stock.get(name, {}) for name in providers}, taken),
                mates=on[host],
            )
        )
    return sorted(found, key=lambda target: target.host)


def source(picture: Picture) -> Source:
    """Describe the host that is left."""
    hypervisor = picture.hypervisor
    return Source(
        zone=picture.service.zone,
        aggregates=_members(picture.tables.aggregates).get(picture.host, []),
        version=hypervisor.hypervisor_version if hypervisor else None,
        kind=hypervisor.hypervisor_type if hypervisor else "",
    )


def closed(target: Target) -> str:
    """Say why a host takes no servers at all; empty when it does."""
    service = target.service
    if service.forced_down or service.state != "up":
        return "is down"
    if service.status != "enabled" or DISABLED in target.traits:
        return "is disabled"
    if target.hypervisor.state and target.hypervisor.state != "up":
        return "has its hypervisor down"
    return "serves bare metal" if target.hypervisor.hypervisor_type == "ironic" else ""


def objection(
    target: Target, guest: Guest, left: Source, policy: DrainPolicy, *, live: bool
) -> str:
    """Say what speaks against a target for one server, apart from its room; empty: nothing."""
    return lasting(target, guest, left, policy, live=live) or grouped(target, guest)


def likeness(guest: Guest, *, live: bool) -> tuple[str, str, bool, frozenset[tuple[str, str]]]:
    """Return what `lasting` depends on of a server: the same for many, so it is asked once."""
    server = guest.server
    specs = frozenset(server.flavor.extra_specs.items())
    return (server.project_id, server.pinned_availability_zone or "", live, specs)


def lasting(target: Target, guest: Guest, left: Source, policy: DrainPolicy, *, live: bool) -> str:
    """Say what speaks against a target that no assignment changes."""
    return (
        closed(target)
        or _zone(target, guest, left, policy)
        or _hypervisor(target, left, live=live)
        or _traits(target, guest)
        or _isolation(target, guest, left)
    )


def friends(target: Target, guest: Guest) -> int:
    """Rank a target by soft groups: 0 as the group wishes, 1 against it."""
    for group in guest.groups:
        mates = bool(target.mates & (set(group.members) - {guest.id}))
        if (group.policy == "soft-anti-affinity" and mates) or (
            group.policy == "soft-affinity" and not mates
        ):
            return 1
    return 0


def _zone(target: Target, guest: Guest, left: Source, policy: DrainPolicy) -> str:
    pinned = guest.server.pinned_availability_zone
    wanted = pinned or ("" if policy.cross_zones else left.zone)
    if wanted and target.service.zone != wanted:
        how = "it is pinned to" if pinned else "it stays in"
        return f"is in zone {target.service.zone}, {how} {wanted}"
    return ""


def _hypervisor(target: Target, left: Source, *, live: bool) -> str:
    kind, version = target.hypervisor.hypervisor_type, target.hypervisor.hypervisor_version
    if left.kind and kind and kind != left.kind:
        return f"runs {kind}"
    # Nova's live migration task: DestinationHypervisorTooOld.
    if live and left.version and version and version < left.version:
        return "has an older hypervisor"
    return ""


def _traits(target: Target, guest: Guest) -> str:
    for name, value in guest.server.flavor.extra_specs.items():
        scope, _, trait = name.partition(":")
        if not trait or not scope.startswith("trait"):
            continue
        if value == "required" and trait not in target.traits:
            return f"lacks the trait {trait}"
        if value == "forbidden" and trait in target.traits:
            return f"has the forbidden trait {trait}"
    return ""


def _isolation(target: Target, guest: Guest, left: Source) -> str:
    specs = guest.server.flavor.extra_specs
    for name, value in specs.items():
        key = name.removeprefix(_OF_AGGREGATE)
        if key != name and not any(_meets(a.metadata.get(key), value) for a in target.aggregates):
            return f"is in no aggregate with {key}={value}"
    project = guest.server.project_id
    tenants = _tenants(target.aggregates)
    if tenants and project not in tenants:
        return "is kept for other projects"
    if project in _tenants(left.aggregates) and project not in tenants:
        return "is not kept for its project, as this host is"
    return ""


def _meets(has: str | None, wanted: str) -> bool:
    """Compare as Nova's filter does: one of several values; what has an operator Nova decides."""
    if has is None:
        return False
    return wanted.startswith(_OPERATORS) or wanted in {part.strip() for part in has.split(",")}


def _tenants(aggregates: Iterable[Aggregate]) -> set[str]:
    found: set[str] = set()
    for aggregate in aggregates:
        found |= _values(aggregate.metadata)
    return found


def _values(metadata: Mapping[str, str]) -> set[str]:
    return {
        part.strip()
        for name, value in metadata.items()
        if name.startswith(_TENANT)
        for part in value.split(",")
    }


def grouped(target: Target, guest: Guest) -> str:
    """Say what its groups have against a target, as it is assigned so far."""
    for group in guest.groups:
        mates = set(group.members) - {guest.id}
        if group.policy == "anti-affinity" and len(target.mates & mates) >= group.per_host_max:
            return f"has another of its anti-affinity group {group.name or group.id}"
        if group.policy == "affinity" and mates and not target.mates & mates:
            return f"has none of its affinity group {group.name or group.id}"
    return ""


def _members(aggregates: Iterable[Aggregate]) -> dict[str, list[Aggregate]]:
    found: dict[str, list[Aggregate]] = defaultdict(list)
    for aggregate in aggregates:
        for host in aggregate.hosts:
            found[host].append(aggregate)
    return found
