# SPDX-License-Identifier: Apache-2.0
"""What Placement has given away against the servers that Nova has."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.survey import Tables
from day2.model.tables.compute import MIGRATION_UNFINISHED, Server
from day2.operations.health.check import Check, Facts, finding, setting, short_host
from day2.operations.health.rules import crowd, sight
from day2.operations.health.rules.hypervisors import COMPUTE_CLASSES, hosts_of

Held = dict[str, list[tuple[str, Mapping[str, int]]]]
# These hold nothing, or Nova has not decided yet what they hold.
HOLDS_NOTHING = frozenset({"DELETED", "SHELVED_OFFLOADED", "BUILD", sight.UNKNOWN})
# Between two hosts or two flavors both may hold something.
ON_THE_WAY = frozenset({"RESIZE", "VERIFY_RESIZE", "REVERT_RESIZE", "MIGRATING"})
BETWEEN = ON_THE_WAY | {"REBUILD", "ERROR"}
NEEDS = ("servers", "providers", "allocations", "migrations", "compute_services")
# Zun's containers are consumers of Placement like servers.
OTHER_CONSUMERS = frozenset({"container", "application-container"})


def root_names(tables: Tables) -> dict[str, str]:
    """Map each provider to the name of its root, which is that of the hypervisor."""
    names = {provider.uuid: provider.name for provider in tables.providers}
    return {
        provider.uuid: names.get(provider.root_provider_uuid or provider.uuid, provider.name)
        for provider in tables.providers
    }


def held(tables: Tables, wanted: set[str]) -> Held:
    """Collect what these consumers hold; most of them hold what they should, and are not asked."""
    found: Held = defaultdict(list)
    for row in tables.allocations:
        for consumer in row.allocations.keys() & wanted:
            found[consumer].append((row.provider, row.allocations[consumer]))
    return found


def whole(facts: Facts) -> bool:
    """Tell whether servers and allocations may be held against each other at all."""
    return sight.complete(facts, *NEEDS) and sight.cells_answer(facts)


@crowd.bounded("servers have no allocation in Placement", by=crowd.HOST)
def missing(facts: Facts) -> Iterator[Finding]:
    """Find servers whose host does not know in Placement that they are there: it will overfill."""
    if not whole(facts):
        return
    consumers = {consumer for row in facts.tables.allocations for consumer in row.allocations}
    moving = sight.moving(facts.tables)
    names = sight.project_names(facts.tables)
    for server in facts.tables.servers:
        if server.id in consumers or not server.host or server.status in HOLDS_NOTHING:
            continue
        if server.task_state or server.id in moving or not sight.settled(facts, server.updated):
            continue
        yield finding(
            "placement.allocation.missing",
            Severity.WARNING,
            sight.server_subject(server),
            f"{sight.server_said(server, names)} holds nothing in Placement: "
            "its place may be given away a second time",
            why="no provider has an allocation of this server, and no move explains it; "
            + setting(facts.policy, "settle_minutes"),
            evidence={"status": server.status, "updated": sight.iso(server.updated)},
            advice="On a controller: docker exec nova_api nova-manage placement heal_allocations "
            f"--dry-run --verbose {sight.command('--instance', server.id)}",
        )


@crowd.bounded("allocations in Placement belong to no server", by=crowd.HOST)
def orphans(facts: Facts) -> Iterator[Finding]:
    """Find allocations that no server and no migration explains: capacity that nobody uses.

    A resize that waits for its confirmation may be older than the migrations that were listed; then
    the consumer may be its migration, and the finding is only a word.
    """
    if not whole(facts) or _others_consume(facts.tables):
        return
    known = {server.id for server in facts.tables.servers}
    known |= {move.uuid for move in facts.tables.migrations}
    listed = {move.instance_uuid for move in facts.tables.migrations}
    waiting = sum(s.status in ON_THE_WAY and s.id not in listed for s in facts.tables.servers)
    consumers = {consumer for row in facts.tables.allocations for consumer in row.allocations}
    lost = held(facts.tables, consumers - known)
    if not lost:
        return
    # A server made while the tables were read may be missing from the list, but not its new port.
    young = {
        port.device_id
        for port in facts.tables.ports
        if port.device_id in lost and not sight.settled(facts, port.created_at)
    }
    roots = root_names(facts.tables)
    hosts = hosts_of(facts)
    for consumer, rows in lost.items():
        if consumer in young:
            continue
        places = sorted({roots.get(provider, provider) for provider, _ in rows})
        taken = {provider: dict(resources) for provider, resources in rows}
        yield finding(
            "placement.allocation.orphan",
            Severity.INFO if waiting else Severity.WARNING,
            Subject(type="consumer", id=consumer, host=hosts.get(places[0], short_host(places[0]))),
            f"consumer {consumer} holds {_said(rows)} on {', '.join(places)}, but no server or "
            "migration has that id",
            why="every cell answered, and neither the complete list of servers nor that of "
            "migrations has it"
            + (f" ({waiting} servers wait for a move that is no longer listed)" if waiting else ""),
            evidence={"allocations": taken, "providers": places},
            advice=f"{sight.command('openstack server show', consumer)} must find nothing "
            f"({sight.RESTORABLE}); "
            f"{sight.command('openstack resource provider allocation show', consumer)}; "
            "on a controller: docker exec nova_api nova-manage placement audit --verbose",
        )


@crowd.bounded("servers hold a place on another host", by=crowd.HOST)
def wrong_host(facts: Facts) -> Iterator[Finding]:
    """Find servers that hold a place where they are not, which no move explains."""
    if not whole(facts) or not sight.complete(facts, "hypervisors"):
        return
    elsewhere = _elsewhere(facts.tables)
    if not elsewhere:
        return
    moving = sight.moving(facts.tables)
    names = sight.project_names(facts.tables)
    evacuated = _evacuated(facts.tables)
    off = {h.hypervisor_hostname for h in facts.tables.hypervisors if h.state != "up"}
    for server in facts.tables.servers:
        if server.id not in elsewhere:
            continue
        # What an evacuated server held on its old host is given back only when that one returns.
        places = sorted(elsewhere[server.id] - off - evacuated.get(server.id, set()))
        if not places or not _quiet(facts, server, moving):
            continue
        yield finding(
            "placement.allocation.wrong_host",
            Severity.WARNING,
            sight.server_subject(server),
            f"{sight.server_said(server, names)} holds a place on {', '.join(places)} in "
            "Placement, where it is not",
            why="the server's hypervisor is another one, and no migration in progress explains it; "
            + setting(facts.policy, "settle_minutes"),
            evidence={"hypervisor": server.hypervisor_hostname, "providers": places},
            advice=f"{sight.command('openstack resource provider allocation show', server.id)}; "
            f"{sight.command('openstack server migration list --server', server.id)}",
        )


@crowd.bounded("servers hold another amount than their flavor says", by=crowd.HOST)
def differs(facts: Facts) -> Iterator[Finding]:
    """Find servers for which Placement counts other processors or memory than their flavor has."""
    if not whole(facts):
        return
    index = held(facts.tables, _doubtful(facts.tables))
    if not index:
        return
    elsewhere = _elsewhere(facts.tables)
    moving = sight.moving(facts.tables)
    names = sight.project_names(facts.tables)
    for server in facts.tables.servers:
        rows = index.get(server.id)
        if not rows or not server.hypervisor_hostname or server.id in elsewhere:
            continue
        wrong = _difference(server, rows)
        if not wrong or not _quiet(facts, server, moving):
            continue
        said = ", ".join(f"{has:,} {name} for {wants:,}" for name, (has, wants) in wrong.items())
        yield finding(
            "placement.allocation.differs",
            Severity.WARNING,
            sight.server_subject(server),
            f"{sight.server_said(server, names)} holds {said} of its flavor "
            f"{server.flavor.original_name}",
            why="the allocation differs from the flavor that the server was built with; "
            + setting(facts.policy, "settle_minutes"),
            evidence={name: {"held": has, "flavor": wants} for name, (has, wants) in wrong.items()},
            advice=f"{sight.command('openstack resource provider allocation show', server.id)}; "
            "on a controller: docker exec nova_api nova-manage placement heal_allocations "
            f"--dry-run --verbose --force {sight.command('--instance', server.id)}",
        )


def _elsewhere(tables: Tables) -> dict[str, set[str]]:
    """Return the other hosts on which servers hold processors or memory; shared disk has no host.

    Only servers that hold something elsewhere are in it.
    """
    here = {server.id: server.hypervisor_hostname for server in tables.servers}
    roots = root_names(tables)
    found: dict[str, set[str]] = defaultdict(set)
    for row in tables.allocations:
        place = roots.get(row.provider, row.provider)
        for consumer, taken in row.allocations.items():
            where = here.get(consumer)
            if where and where != place and not COMPUTE_CLASSES.isdisjoint(taken):
                found[consumer].add(place)
    return found


def _doubtful(tables: Tables) -> set[str]:
    """Return the servers that do not hold all that their flavor says in one piece."""
    flavors = {server.id: server.flavor for server in tables.servers}
    found: set[str] = set()
    for row in tables.allocations:
        for consumer, taken in row.allocations.items():
            flavor = flavors.get(consumer)
            if flavor is None or COMPUTE_CLASSES.isdisjoint(taken):
                continue
            processors = taken.get("VCPU", 0) + taken.get("PCPU", 0)
            if processors != flavor.vcpus or taken.get("MEMORY_MB", 0) != flavor.ram:
                found.add(consumer)
    return found


def _quiet(facts: Facts, server: Server, moving: set[str]) -> bool:
    return (
        not server.task_state
        and server.status not in BETWEEN
        and server.status not in HOLDS_NOTHING
        and server.id not in moving
        and sight.settled(facts, server.updated)
    )


def _evacuated(tables: Tables) -> dict[str, set[str]]:
    """Return the hosts that each server was evacuated from and that have not cleaned up yet."""
    left: dict[str, set[str]] = defaultdict(set)
    for move in tables.migrations:
        if move.migration_type == "evacuation" and move.status in {"done", *MIGRATION_UNFINISHED}:
            left[move.instance_uuid] |= {move.source_node or "", move.source_compute or ""}
    return left


def _difference(
    server: Server, rows: list[tuple[str, Mapping[str, int]]]
) -> dict[str, tuple[int, int]]:
    flavor = server.flavor
    ruled = {key.partition(":")[2] for key in flavor.extra_specs if key.startswith("resources")}
    processors = sum(taken.get("VCPU", 0) + taken.get("PCPU", 0) for _, taken in rows)
    memory = sum(taken.get("MEMORY_MB", 0) for _, taken in rows)
    wrong = {}
    # Isolated emulator threads take one processor more than the flavor says.
    isolated = flavor.extra_specs.get("hw:emulator_threads_policy") == "isolate"
    if flavor.vcpus and not isolated and not ruled & {"VCPU", "PCPU"}:
        wrong["processors"] = (processors, flavor.vcpus)
    if flavor.ram and "MEMORY_MB" not in ruled:
        wrong["MEMORY_MB"] = (memory, flavor.ram)
    return {name: (has, wants) for name, (has, wants) in wrong.items() if has != wants}


def _others_consume(tables: Tables) -> bool:
    return any(service.type in OTHER_CONSUMERS for service in tables.catalog_services)


def _said(rows: list[tuple[str, Mapping[str, int]]]) -> str:
    sums: dict[str, int] = defaultdict(int)
    for _, resources in rows:
        for name, amount in resources.items():
            sums[name] += amount
    return ", ".join(f"{amount:,} {name}" for name, amount in sorted(sums.items())) or "nothing"


CHECKS = (
    Check(
        name="placement.allocation.missing",
        title="A server that holds nothing in Placement",
        needs=NEEDS,
        judge=missing,
        settings=("settle_minutes",),
    ),
    Check(
        name="placement.allocation.orphan",
        title="An allocation in Placement without a server",
        needs=NEEDS,
        judge=orphans,
    ),
    Check(
        name="placement.allocation.wrong_host",
        title="A server that holds a place on another host",
        needs=(*NEEDS, "hypervisors"),
        judge=wrong_host,
        settings=("settle_minutes",),
    ),
    Check(
        name="placement.allocation.differs",
        title="A server that holds another amount than its flavor says",
        needs=NEEDS,
        judge=differs,
        settings=("settle_minutes",),
    ),
)
