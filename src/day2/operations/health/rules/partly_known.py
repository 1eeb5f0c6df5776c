# SPDX-License-Identifier: Apache-2.0
"""Hosts known to one service and not to another: half added, or half removed.

Judged only on tables that were read whole, and only where names can be told apart for certain.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.compute import ComputeService
from day2.operations.health.check import Check, Facts, finding, short_host
from day2.operations.health.rules.places import Names, Places

COMPUTE_GROUP = "compute"
BAREMETAL = "ironic"
# One of these wires the ports of a compute host.
WIRING_AGENTS = frozenset(
    {"neutron-openvswitch-agent", "neutron-linuxbridge-agent", "ovn-controller"}
)


def partly_known(facts: Facts) -> Iterator[Finding]:
    """Hold Nova's compute hosts against its hypervisors and Neutron's agents."""
    if not facts.survey.is_complete("compute_services"):
        return
    computes = _computes(facts)
    missing: dict[str, list[str]] = defaultdict(list)
    for host in _without_agent(facts, computes):
        missing[host].append("no Neutron agent")
    for host in _without_hypervisor(facts, computes):
        missing[host].append("no hypervisor")
    for host, absences in sorted(missing.items()):
        yield finding(
            "host.partly_known",
            Severity.WARNING,
            Subject(type="host", id=host, host=host),
            f"Nova has a nova-compute on {host}, but there is {' and '.join(absences)}",
            why="a compute host belongs into Nova and Neutron alike",
            evidence={"missing": absences},
            advice="A host that was added or removed half way: compare openstack compute service "
            "list, openstack hypervisor list and openstack network agent list.",
        )


def inventory_differs(facts: Facts) -> Iterator[Finding]:
    """Hold Nova's compute hosts against the inventory."""
    survey = facts.survey
    if not (survey.is_complete("compute_services") and survey.is_complete("hosts")):
        return
    outside, unknown = _against_inventory(facts, _computes(facts))
    for host in outside:
        yield finding(
            "host.inventory.differs",
            Severity.WARNING,
            Subject(type="host", id=host, host=host),
            f"Nova has a nova-compute on {host}, which is not in the inventory",
            why="Kolla-Ansible and day2 reach only hosts of the inventory",
            advice=f"Add {host} to the inventory; or, when it is gone for good, delete its "
            "compute service and network agents.",
        )
    for host in unknown:
        yield finding(
            "host.inventory.differs",
            Severity.WARNING,
            Subject(type="host", id=host, host=host),
            f"{host} is in the inventory's group {COMPUTE_GROUP}, and Nova does not know it",
            why="a host of that group runs nova-compute",
            advice=f"Deploy it: kolla-ansible deploy --limit {host}; or take it out of the group.",
        )


def _computes(facts: Facts) -> list[ComputeService]:
    baremetal = {h.service.host for h in facts.tables.hypervisors if h.hypervisor_type == BAREMETAL}
    return [
        s
        for s in facts.tables.compute_services
        if s.binary == "nova-compute" and s.status != "UNKNOWN" and s.host not in baremetal
    ]


def _without_agent(facts: Facts, computes: Iterable[ComputeService]) -> list[str]:
    """List hosts without a wiring agent, where most hosts have one."""
    if not facts.survey.is_complete("agents"):
        return []
    wired = Names(short_host(a.host) for a in facts.tables.agents if a.binary in WIRING_AGENTS)
    hosts = {s.host for s in computes}
    without = {host for host in hosts if host not in wired}
    return sorted(without) if 2 * len(without) < len(hosts) else []


def _without_hypervisor(facts: Facts, computes: Iterable[ComputeService]) -> list[str]:
    if not facts.survey.is_complete("hypervisors"):
        return []
    known = {h.service.host for h in facts.tables.hypervisors}
    known |= {h.hypervisor_hostname for h in facts.tables.hypervisors}
    names = Names(known)
    return sorted(s.host for s in computes if s.state == "up" and s.host not in names)


def _against_inventory(
    facts: Facts, computes: Iterable[ComputeService]
) -> tuple[list[str], list[str]]:
    """List compute hosts outside of the inventory, and the inventory's that Nova does not know."""
    hosts = facts.tables.hosts
    places = Places(facts)
    known = places.known_as(hosts)
    names = Names(known)
    matched = {s.host: names.same(s.host) for s in computes}
    if not any(matched.values()):
        return [], []  # the names have nothing in common, or the inventory is of another cloud
    outside = sorted(name for name, same in matched.items() if not same)
    found = {known[name] for same in matched.values() for name in same}
    left = [h for h in hosts if COMPUTE_GROUP in h.groups and h.name not in found]
    # A host that never told its own name may be any of those that were not found.
    if any(len(places.names(h.name)) == 1 and not h.reachable for h in left):
        return [], []
    services = facts.tables.compute_services
    silent = Names(short_host(s.host) for s in services if s.status == "UNKNOWN")
    unknown = [h.name for h in left if not any(name in silent for name in places.names(h.name))]
    return outside, sorted(unknown)


CHECKS = (
    Check(
        name="host.partly_known",
        title="A host known to one service and not to another",
        needs=("compute_services", "agents", "hypervisors"),
        judge=partly_known,
    ),
    Check(
        name="host.inventory.differs",
        title="A compute host that only Nova, or only the inventory, knows",
        needs=("compute_services", "hosts"),
        judge=inventory_differs,
    ),
)
