# SPDX-License-Identifier: Apache-2.0
"""Services and agents: up, down, disabled on purpose, forced down, flapping, listed twice."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from shlex import quote

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.compute import ComputeService
from day2.model.tables.network import NetworkAgent
from day2.operations.health.check import Check, Facts, ago, finding, setting, short_host
from day2.operations.health.rules.heartbeats import (
    DISABLED,
    UNKNOWN,
    guests_by_host,
    service_subject,
)
from day2.operations.health.rules.sight import command


def compute_services_down(facts: Facts) -> Iterator[Finding]:
    """A compute service that is enabled and does not report."""
    services = [s for s in facts.tables.compute_services if s.status != UNKNOWN]
    guests = guests_by_host(facts.tables)
    for service in services:
        if service.state == "up" or service.status == DISABLED or service.forced_down:
            continue
        yield _compute_down(facts, service, services, guests.get(service.host, 0))


def _compute_down(
    facts: Facts, service: ComputeService, services: list[ComputeService], servers: int
) -> Finding:
    twins = [s for s in services if s.binary == service.binary and s.state == "up"]
    if service.binary == "nova-compute":
        known = facts.survey.is_complete("servers")
        critical = servers > 0 or not known
        effect = "; no server lives there" if known else "; what lives there was not read"
        effect = f"; {servers} servers live there" if servers else effect
    else:
        critical = not twins
        effect = (
            f"; {len(twins)} others of its kind are up" if twins else "; it is the last of its kind"
        )
    return finding(
        "compute.service.down",
        Severity.CRITICAL if critical else Severity.WARNING,
        service_subject(service.binary, service.host),
        f"{service.binary} on {service.host} is down, "
        f"silent for {ago(facts.age(service.updated_at))}{effect}",
        why="Nova reports the enabled service as down"
        + ("" if critical else " (a warning: nothing depends on it alone)"),
        evidence={
            "updated_at": service.updated_at and service.updated_at.isoformat(),
            "zone": service.zone,
            "servers": servers or None,
        },
        advice=f"On {service.host}: docker logs --tail 100 {_container(service.binary)}; "
        f"docker start {_container(service.binary)}",
    )


def compute_services_disabled(facts: Facts) -> Iterator[Finding]:
    """A disabled service is a decision; without a reason nobody knows whose."""
    for service in facts.tables.compute_services:
        if service.status != DISABLED:
            continue
        yield _disabled(
            facts,
            "compute.service.disabled",
            service.binary,
            service.host,
            service.disabled_reason or "",
            service.updated_at if service.state != "up" else None,
            up=service.state == "up",
            enable=command("openstack compute service set --enable", service.host, service.binary),
        )


def volume_services_disabled(facts: Facts) -> Iterator[Finding]:
    """The same for block storage."""
    for service in facts.tables.volume_services:
        if service.status != DISABLED:
            continue
        yield _disabled(
            facts,
            "volume.service.disabled",
            service.binary,
            service.host,
            service.disabled_reason or "",
            None,
            up=service.state == "up",
            enable=command("openstack volume service set --enable", service.host, service.binary),
        )


def _disabled(
    facts: Facts,
    check: str,
    binary: str,
    host: str,
    reason: str,
    silent: datetime | None,
    *,
    up: bool,
    enable: str,
) -> Finding:
    by_nova = reason.startswith("AUTO:")
    unexplained = facts.policy.disabled_reason_required and not reason.strip()
    severity = Severity.WARNING if by_nova or unexplained else Severity.INFO
    since = _disabled_since(facts, binary, host)
    summary = f"{binary} on {host} is disabled ({reason or 'no reason given'})"
    summary += f", since {since:%Y-%m-%d %H:%M} or before" if since else ""
    summary += "" if up else f", and down{f' for {ago(facts.age(silent))}' if silent else ''}"
    why = setting(facts.policy, "disabled_reason_required")
    if by_nova:
        why = "nova-compute disabled itself after failed builds or a lost libvirt"
    return finding(
        check,
        severity,
        service_subject(binary, host),
        summary,
        why=why,
        evidence={"reason": reason, "up": up, "first_seen_disabled": since and since.isoformat()},
        advice=f"Find out who disabled it; when nobody needs it so: {enable}"
        if severity is Severity.WARNING
        else "",
    )


def _disabled_since(facts: Facts, binary: str, host: str) -> datetime | None:
    """Return the oldest of the unbroken run of kept surveys in which it was disabled."""
    since = None
    for survey in facts.history:
        rows = {(s.binary, s.host): s for s in survey.tables.compute_services}
        rows |= {(s.binary, s.host): s for s in survey.tables.volume_services}  # type: ignore[misc]
        row = rows.get((binary, host))
        if row is None or row.status != DISABLED:
            break
        since = survey.ended_at
    return since


def forced_down(facts: Facts) -> Iterator[Finding]:
    """Forced down means "fenced": it must not stay after the host is back."""
    for service in facts.tables.compute_services:
        if not service.forced_down:
            continue
        yield finding(
            "compute.service.forced_down",
            Severity.WARNING,
            service_subject(service.binary, service.host),
            f"{service.binary} on {service.host} is forced down: evacuation is allowed, "
            "scheduling is not",
            why="forced_down is set",
            evidence={"state": service.state, "status": service.status},
            advice="When the host is alive and was not evacuated: "
            + command("openstack compute service set --up", service.host, service.binary),
        )


def duplicates(facts: Facts) -> Iterator[Finding]:
    """One host under two names (short and full), or one name in two cells."""
    rows: dict[tuple[str, str], list[ComputeService]] = defaultdict(list)
    for service in facts.tables.compute_services:
        rows[service.binary, service.host.split(".")[0].lower()].append(service)
    for (binary, name), alike in sorted(rows.items()):
        twins = _of_one_name(alike)
        if not twins:
            continue
        hosts = sorted({twin.host for twin in twins})
        yield finding(
            "compute.service.duplicate",
            Severity.WARNING,
            Subject(type="service", id=f"{binary}@{name}", name=name, host=name),
            f"{binary} of {name} is registered {len(twins)} times: {', '.join(hosts)}",
            why="two registrations are of one host name, with and without its domain",
            evidence={"hosts": hosts, "states": [twin.state for twin in twins]},
            advice="When nothing is left on the stale one: openstack compute service delete ID",
        )


def _of_one_name(alike: list[ComputeService]) -> list[ComputeService]:
    """Return those whose name is there twice, or with a domain and without.

    Hosts of two domains may share their first label, and are two hosts.
    """
    counts = Counter(one.host.lower() for one in alike)
    longer = {host: [cut for cut in _cut(host) if cut in counts] for host in counts}
    shorter = {cut for cuts in longer.values() for cut in cuts}
    return [
        one
        for one in alike
        for host in (one.host.lower(),)
        if counts[host] > 1 or longer[host] or host in shorter
    ]


def _cut(host: str) -> Iterator[str]:
    """Yield a name without its last labels: `a.b.c` gives `a.b` and `a`."""
    while "." in host:
        host = host.rpartition(".")[0]
        yield host


def cells_down(facts: Facts) -> Iterator[Finding]:
    """Nova lists hosts of a cell that it cannot ask as UNKNOWN."""
    hosts = sorted({s.host for s in facts.tables.compute_services if s.status == UNKNOWN})
    if not hosts:
        return
    servers = [s for s in facts.tables.servers if s.status == UNKNOWN]
    yield finding(
        "compute.cell.down",
        Severity.CRITICAL,
        Subject(type="cell", id=",".join(hosts)),
        f"a Nova cell cannot be asked: {len(hosts)} hosts ({_few(hosts)}), "
        f"{len(servers)} servers unknown",
        why="Nova reports the services of the cell with status UNKNOWN",
        evidence={"hosts": hosts, "servers": len(servers)},
        advice="Look at the database of that cell first: nova-manage cell_v2 list_cells; "
        "then its RabbitMQ.",
    )


def agents_down(facts: Facts) -> Iterator[Finding]:
    """A network agent that is wanted and does not report; judged by its class."""
    agents = facts.tables.agents
    for agent in agents:
        if agent.alive or not agent.admin_state_up:
            continue
        yield _agent_down(facts, agent, agents)


def _agent_down(facts: Facts, agent: NetworkAgent, agents: Iterable[NetworkAgent]) -> Finding:
    twins = [a for a in agents if a.binary == agent.binary and a.alive and a.admin_state_up]
    local = agent.binary in PER_HOST_AGENTS
    critical = local or not twins
    if local:
        effect = "ports on this host can no longer be wired"
    elif twins:
        effect = f"{len(twins)} others of its kind are alive"
    else:
        effect = "it is the last of its kind"
    return finding(
        "network.agent.down",
        Severity.CRITICAL if critical else Severity.WARNING,
        service_subject(agent.binary, agent.host),
        f"{agent.agent_type or agent.binary} on {agent.host} is dead, silent for "
        f"{ago(facts.age(agent.heartbeat_timestamp))}; {effect}",
        why="Neutron reports the agent as not alive"
        + ("" if critical else " (a warning: others of its kind are alive)"),
        evidence={
            "agent": agent.id,
            "heartbeat": agent.heartbeat_timestamp and agent.heartbeat_timestamp.isoformat(),
        },
        advice=f"On {agent.host}: docker logs --tail 100 {_container(agent.binary)}; "
        f"docker start {_container(agent.binary)}",
    )


def agents_disabled(facts: Facts) -> Iterator[Finding]:
    """Neutron keeps no reason for a disabled agent, so it is always worth a word."""
    for agent in facts.tables.agents:
        if agent.admin_state_up:
            continue
        yield finding(
            "network.agent.disabled",
            Severity.INFO,
            service_subject(agent.binary, agent.host),
            f"{agent.agent_type or agent.binary} on {agent.host} is disabled (admin state down)",
            why="admin_state_up is false; Neutron keeps no reason",
            evidence={"agent": agent.id, "alive": agent.alive},
            advice=f"openstack network agent set --enable {agent.id}",
        )


def volume_services_down(facts: Facts) -> Iterator[Finding]:
    """A block storage service that is enabled and does not report."""
    services = facts.tables.volume_services
    for service in services:
        if service.state == "up" or service.status == DISABLED:
            continue
        twins = [s for s in services if s.binary == service.binary and s.state == "up"]
        volumes = sum(
            1 for v in facts.tables.volumes if (v.host or "").split("#")[0] == service.host
        )
        # What was not read may be there.
        known = facts.survey.is_complete("volumes") or service.binary != "cinder-volume"
        critical = not twins or volumes > 0 or not known
        yield finding(
            "volume.service.down",
            Severity.CRITICAL if critical else Severity.WARNING,
            service_subject(service.binary, service.host),
            f"{service.binary} on {service.host} is down, "
            f"silent for {ago(facts.age(service.updated_at))}"
            + (f"; {volumes} volumes are served by it" if volumes else "")
            + ("" if known else "; which volumes it serves was not read")
            + ("" if twins else "; it is the last of its kind"),
            why="Cinder reports the enabled service as down"
            + ("" if critical else " (a warning: others of its kind are up)"),
            evidence={
                "updated_at": service.updated_at and service.updated_at.isoformat(),
                "volumes": volumes or None,
            },
            advice=f"On {short_host(service.host)}: docker logs --tail 100 "
            f"{_container(service.binary)}; docker start {_container(service.binary)}",
        )


PER_HOST_AGENTS = frozenset(
    {
        "neutron-openvswitch-agent",
        "neutron-linuxbridge-agent",
        "ovn-controller",
        "neutron-sriov-nic-agent",
        "neutron-macvtap-agent",
    }
)


def _container(binary: str) -> str:
    return quote(binary.replace("-", "_"))


def _few(names: list[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


CHECKS = (
    Check(
        name="compute.cell.down",
        title="A Nova cell that cannot be asked",
        needs=("compute_services",),
        judge=cells_down,
    ),
    Check(
        name="compute.service.down",
        title="A compute service that is enabled and down",
        needs=("compute_services",),
        judge=compute_services_down,
    ),
    Check(
        name="compute.service.disabled",
        title="A compute service that is disabled",
        needs=("compute_services",),
        judge=compute_services_disabled,
        settings=("disabled_reason_required",),
    ),
    Check(
        name="compute.service.forced_down",
        title="A compute service that is forced down",
        needs=("compute_services",),
        judge=forced_down,
    ),
    Check(
        name="compute.service.duplicate",
        title="A compute host registered twice",
        needs=("compute_services",),
        judge=duplicates,
    ),
    Check(
        name="network.agent.down",
        title="A network agent that is wanted and dead",
        needs=("agents",),
        judge=agents_down,
    ),
    Check(
        name="network.agent.disabled",
        title="A network agent that is disabled",
        needs=("agents",),
        judge=agents_disabled,
    ),
    Check(
        name="volume.service.down",
        title="A block storage service that is enabled and down",
        needs=("volume_services",),
        judge=volume_services_down,
    ),
    Check(
        name="volume.service.disabled",
        title="A block storage service that is disabled",
        needs=("volume_services",),
        judge=volume_services_disabled,
        settings=("disabled_reason_required",),
    ),
)
