# SPDX-License-Identifier: Apache-2.0
"""Hypervisors and their Placement providers: each must have the other, and not be overfull."""

from collections.abc import Iterator

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.compute import Hypervisor
from day2.model.tables.placement import Inventory
from day2.operations.health.check import Check, Facts, finding, short_host
from day2.operations.health.rules import crowd, sight

COMPUTE_CLASSES = frozenset({"VCPU", "PCPU", "MEMORY_MB"})
SHARING = "MISC_SHARES_VIA_AGGREGATE"


@crowd.bounded("hypervisors are down", by=crowd.HOST)
def down(facts: Facts) -> Iterator[Finding]:
    """Find hypervisors that are down; a disabled one is a decision that its service tells of."""
    for hypervisor in facts.tables.hypervisors:
        if hypervisor.state != "down" or hypervisor.status == "disabled":
            continue
        yield finding(
            "compute.hypervisor.down",
            Severity.WARNING,
            hypervisor_subject(hypervisor),
            f"hypervisor {hypervisor.hypervisor_hostname} is down",
            why="Nova reports the hypervisor of an enabled compute service as down",
            evidence={"id": str(hypervisor.id), "type": hypervisor.hypervisor_type},
            advice=sight.command(
                "openstack compute service list --service nova-compute --host",
                hypervisor.service.host or hypervisor.hypervisor_hostname,
            ),
        )


@crowd.bounded("hypervisors have no Placement provider", by=crowd.HOST)
def without_provider(facts: Facts) -> Iterator[Finding]:
    """Find hypervisors that the scheduler cannot see."""
    if not sight.complete(facts, "providers"):
        return
    known = {provider.name for provider in facts.tables.providers}
    for hypervisor in facts.tables.hypervisors:
        if hypervisor.hypervisor_hostname in known:
            continue
        yield finding(
            "compute.hypervisor.no_provider",
            Severity.WARNING,
            hypervisor_subject(hypervisor),
            f"hypervisor {hypervisor.hypervisor_hostname} has no resource provider in Placement: "
            "nothing is scheduled there",
            why="no provider in Placement's complete list has the hypervisor's name",
            evidence={"id": str(hypervisor.id)},
            advice=f"{sight.command('openstack resource provider show', str(hypervisor.id))} "
            "(one of that id under another name means that the host was renamed); "
            f"on {hypervisor.service.host or hypervisor.hypervisor_hostname}: "
            "docker logs --tail 100 nova_compute",
        )


@crowd.bounded("Placement providers have no hypervisor", by=crowd.HOST)
def without_hypervisor(facts: Facts) -> Iterator[Finding]:
    """Find compute providers left behind: the scheduler picks them and fails.

    Nested providers, and those that only share disk, never have a hypervisor. A cell that cannot be
    asked hides its hypervisors, so nothing is concluded then.
    """
    needed = ("providers", "inventories", "hypervisors")
    if not sight.complete(facts, *needed) or not sight.cells_answer(facts):
        return
    known = {hypervisor.hypervisor_hostname for hypervisor in facts.tables.hypervisors}
    stock = {row.provider: row.inventories for row in facts.tables.inventories}
    sharing = {row.provider for row in facts.tables.traits if SHARING in row.traits}
    taken = {row.provider: len(row.allocations) for row in facts.tables.allocations}
    for provider in facts.tables.providers:
        if provider.parent_provider_uuid or provider.name in known or provider.uuid in sharing:
            continue
        if COMPUTE_CLASSES.isdisjoint(stock.get(provider.uuid, {})):
            continue
        consumers = taken.get(provider.uuid, 0)
        yield finding(
            "placement.provider.no_hypervisor",
            Severity.WARNING,
            Subject(
                type="provider",
                id=provider.uuid,
                name=provider.name,
                host=short_host(provider.name),
            ),
            f"Placement offers {provider.name or provider.uuid} as a compute host, but no "
            f"hypervisor has that name; {consumers} consumers hold allocations there",
            why="every cell answered, and Nova's complete list of hypervisors does not have it",
            evidence={"consumers": consumers, "classes": sorted(stock.get(provider.uuid, {}))},
            advice="openstack hypervisor list; "
            + sight.command("openstack resource provider show --allocations", provider.uuid),
        )


@crowd.bounded("resource classes are overcommitted", by=crowd.HOST, tell="class")
def overcommitted(facts: Facts) -> Iterator[Finding]:
    """Find providers of which more is taken than Placement would give today.

    It is not over its ratio by accident: the ratio, the reserve or the host itself was changed.
    """
    names = {provider.uuid: provider.name for provider in facts.tables.providers}
    stock = {row.provider: row.inventories for row in facts.tables.inventories}
    hosts = hosts_of(facts)
    for row in facts.tables.allocations:
        has = stock.get(row.provider)
        if not has or not row.allocations:
            continue
        name = names.get(row.provider) or row.provider
        for resource_class, used in row.usages.items():
            inventory = has.get(resource_class)
            if inventory is None or not _over(inventory, resource_class, used):
                continue
            yield finding(
                "placement.overcommitted",
                Severity.WARNING,
                Subject(
                    type="provider",
                    id=row.provider,
                    name=name,
                    host=hosts.get(name, short_host(name)),
                ),
                f"{used:,} {resource_class} are taken from {name}, which has "
                f"{inventory.capacity:,.0f} to give: nothing more fits there, "
                "and moves to it are refused",
                why=f"used > (total - reserved) x allocation_ratio = ({inventory.total:,} - "
                f"{inventory.reserved:,}) x {inventory.allocation_ratio:g}",
                evidence={
                    "class": resource_class,
                    "used": used,
                    "total": inventory.total,
                    "reserved": inventory.reserved,
                    "allocation_ratio": inventory.allocation_ratio,
                },
                advice=sight.command("openstack resource provider inventory list", row.provider)
                + "; compare the allocation ratios and reserves of that host's nova.conf and of "
                "its aggregates",
                aspect=resource_class,
            )


def _over(inventory: Inventory, resource_class: str, used: int) -> bool:
    try:
        capacity = inventory.capacity
    except OverflowError:
        return False
    # Bare-metal nodes are taken out of scheduling by reserving all of their one custom unit.
    return used > capacity and not (capacity <= 0 and resource_class.startswith("CUSTOM_"))


def hosts_of(facts: Facts) -> dict[str, str]:
    """Map the names of hypervisors, which are those of providers, to their compute hosts."""
    return {
        h.hypervisor_hostname: short_host(h.service.host)
        for h in facts.tables.hypervisors
        if h.service.host
    }


def hypervisor_subject(hypervisor: Hypervisor) -> Subject:
    """Make the subject of a hypervisor; bare-metal ones live on their service's host."""
    name = hypervisor.hypervisor_hostname
    return Subject(
        type="hypervisor", id=name, name=name, host=short_host(hypervisor.service.host or name)
    )


CHECKS = (
    Check(
        name="compute.hypervisor.down",
        title="A hypervisor that is down",
        needs=("hypervisors",),
        judge=down,
    ),
    Check(
        name="compute.hypervisor.no_provider",
        title="A hypervisor without a Placement provider",
        needs=("hypervisors", "providers"),
        judge=without_provider,
    ),
    Check(
        name="placement.provider.no_hypervisor",
        title="A compute provider in Placement without a hypervisor",
        needs=("providers", "inventories", "hypervisors", "compute_services"),
        judge=without_hypervisor,
    ),
    Check(
        name="placement.overcommitted",
        title="A provider of which more is taken than it has to give",
        needs=("inventories", "allocations"),
        judge=overcommitted,
    ),
)
