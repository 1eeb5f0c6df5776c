# SPDX-License-Identifier: Apache-2.0
"""Services and agents: up, down, disabled on purpose, forced down, flapping, listed twice."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.survey import Tables
from day2.model.tables.compute import ComputeService
from day2.model.tables.network import NetworkAgent
from day2.operations.health.check import Check, Facts, ago, finding, setting, short_host

DISABLED, ENABLED, UNKNOWN = "disabled", "enabled", "UNKNOWN"


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """One service or agent of one host, in the words that compute, network and storage share."""

    plane: str
    binary: str
    host: str
    where: str
    up: bool
    enabled: bool
    reason: str
    seen_at: datetime | None


def heartbeats(tables: Tables) -> list[Heartbeat]:
    """Put the three services' own lists side by side; rows of cells that are down are left out."""
    found = [
        Heartbeat(
            plane="compute",
            binary=s.binary,
            host=short_host(s.host),
            where=s.host,
            up=s.state == "up",
            enabled=s.status != DISABLED,
            reason=s.disabled_reason or "",
            seen_at=s.updated_at,
        )
        for s in tables.compute_services
        if s.status != UNKNOWN
    ]
    found += [
        Heartbeat(
            plane="network",
            binary=a.binary,
            host=short_host(a.host),
            where=a.host,
            up=a.alive,
            enabled=a.admin_state_up,
            reason="",
            seen_at=a.heartbeat_timestamp,
        )
        for a in tables.agents
    ]
    found += [
        Heartbeat(
            plane="volume",
            binary=s.binary,
            host=short_host(s.host),
            where=s.host,
            up=s.state == "up",
            enabled=s.status != DISABLED,
            reason=s.disabled_reason or "",
            seen_at=s.updated_at,
        )
        for s in tables.volume_services
    ]
    return found


def heartbeats_lost(facts: Facts) -> Iterator[Finding]:
    """Everything stopped reporting at once: look at what carries the reports, not at the hosts."""
    beats = [beat for beat in heartbeats(facts.tables) if beat.enabled]
    down = [beat for beat in beats if not beat.up]
    hosts = {beat.host for beat in beats}
    silent_planes = {beat.plane for beat in down}
    ratio = facts.policy.heartbeats_lost_ratio
    if len(hosts) < 2 or len(silent_planes) < 2 or len(down) <= ratio * len(beats):  # noqa: PLR2004
        return
    yield finding(
        "cloud.heartbeats.lost",
        Severity.CRITICAL,
        Subject(type="cloud", id=facts.survey.cloud),
        f"{len(down)} of {len(beats)} services and agents stopped reporting, on {len(hosts)} hosts",
        why=f"{setting(facts.policy, 'heartbeats_lost_ratio')}, and more than one service type",
        evidence={"silent": len(down), "all": len(beats), "planes": sorted(silent_planes)},
        advice="The message bus or the database is the likely cause, not the hosts: "
        "docker exec rabbitmq rabbitmqctl cluster_status; then the state of MariaDB.",
    )


def hosts_down(facts: Facts) -> Iterator[Finding]:
    """Nothing on a host reports: one finding, whatever runs there."""
    by_host: dict[str, list[Heartbeat]] = defaultdict(list)
    for beat in heartbeats(facts.tables):
        by_host[beat.host].append(beat)
    guests = _guests(facts.tables)
    for host, beats in sorted(by_host.items()):
        if len(beats) < 2 or any(beat.up for beat in beats):  # noqa: PLR2004 - one alone is a service
            continue
        reason = next((b.reason for b in beats if not b.enabled and b.reason), "")
        servers = guests.get(host, 0)
        on_purpose = bool(reason) and not servers
        last = max((b.seen_at for b in beats if b.seen_at), default=None)
        yield finding(
            "host.down",
            Severity.INFO if on_purpose else Severity.CRITICAL,
            Subject(type="host", id=host, host=host),
            f"nothing on {host} reports ({len(beats)} services and agents), "
            f"silent for {ago(facts.age(last))}"
            + (f"; {servers} servers live there" if servers else "")
            + (f"; disabled: {reason}" if reason else ""),
            why="every service and agent of the host is down"
            + ("; it is disabled with a reason and empty" if on_purpose else ""),
            evidence={
                "services": sorted(f"{b.plane} {b.binary}" for b in beats),
                "servers": servers,
                "last_report": None if last is None else last.isoformat(),
            },
            advice=""
            if on_purpose
            else f"See whether {host} has power and network before anything is evacuated: "
            f"ping {host}; its BMC console.",
        )


def compute_services_down(facts: Facts) -> Iterator[Finding]:
    """A compute service that is enabled and does not report."""
    services = [s for s in facts.tables.compute_services if s.status != UNKNOWN]
    guests = _guests(facts.tables)
    for service in services:
        if service.state == "up" or service.status == DISABLED or service.forced_down:
            continue
        yield _compute_down(facts, service, services, guests.get(service.host, 0))


def _compute_down(
    facts: Facts, service: ComputeService, services: list[ComputeService], servers: int
) -> Finding:
    twins = [s for s in services if s.binary == service.binary and s.state == "up"]
    if service.binary == "nova-compute":
        critical = servers > 0
        effect = f"; {servers} servers live there" if servers else "; no server lives there"
    else:
        critical = not twins
        effect = (
            f"; {len(twins)} others of its kind are up" if twins else "; it is the last of its kind"
        )
    return finding(
        "compute.service.down",
        Severity.CRITICAL if critical else Severity.WARNING,
        _service_subject(service.binary, service.host),
        f"{service.binary} on {service.host} is down, "
        f"silent for {ago(facts.age(service.updated_at))}{effect}",
        why="Nova reports the enabled service as down"
        + ("" if critical else " (a warning: nothing depends on it alone)"),
        evidence={
            "updated_at": service.updated_at and service.updated_at.isoformat(),
            "zone": service.zone,
            "servers": servers or None,
        },
        advice=f"On {service.host}: docker logs --tail 100 {service.binary.replace('-', '_')}; "
        f"docker start {service.binary.replace('-', '_')}",
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
            enable=f"openstack compute service set --enable {service.host} {service.binary}",
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
            enable=f"openstack volume service set --enable {service.host} {service.binary}",
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
        _service_subject(binary, host),
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
            _service_subject(service.binary, service.host),
            f"{service.binary} on {service.host} is forced down: evacuation is allowed, "
            "scheduling is not",
            why="forced_down is set",
            evidence={"state": service.state, "status": service.status},
            advice="When the host is alive and was not evacuated: "
            f"openstack compute service set --up {service.host} {service.binary}",
        )


def duplicates(facts: Facts) -> Iterator[Finding]:
    """One host under two names (short and full), or one name in two cells."""
    rows: dict[tuple[str, str], list[ComputeService]] = defaultdict(list)
    for service in facts.tables.compute_services:
        rows[service.binary, service.host.split(".")[0].lower()].append(service)
    for (binary, name), twins in sorted(rows.items()):
        if len(twins) < 2:  # noqa: PLR2004
            continue
        hosts = sorted({twin.host for twin in twins})
        yield finding(
            "compute.service.duplicate",
            Severity.WARNING,
            Subject(type="service", id=f"{binary}@{name}", name=name, host=name),
            f"{binary} of {name} is registered {len(twins)} times: {', '.join(hosts)}",
            why="two registrations share the host name up to the first dot",
            evidence={"hosts": hosts, "states": [twin.state for twin in twins]},
            advice="When nothing is left on the stale one: openstack compute service delete ID",
        )


def flapping(facts: Facts) -> Iterator[Finding]:
    """Up, down, up: each survey alone looks well."""
    surveys = [facts.survey, *facts.history][: facts.policy.flapping_surveys]
    if len(surveys) <= facts.policy.flapping_changes:
        return
    states: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for survey in reversed(surveys):
        for beat in heartbeats(survey.tables):
            states[beat.plane, beat.binary, beat.where].append(beat.up)
    for (plane, binary, where), seen in sorted(states.items()):
        changes = sum(a != b for a, b in itertools.pairwise(seen))
        if changes < facts.policy.flapping_changes:
            continue
        yield finding(
            "service.flapping",
            Severity.WARNING,
            _service_subject(binary, where),
            f"{binary} on {where} went up or down {changes} times in {len(seen)} surveys",
            why=f"{setting(facts.policy, 'flapping_changes')}, "
            f"{setting(facts.policy, 'flapping_surveys')}",
            evidence={"plane": plane, "up": seen},
            advice="Look for clock jumps, RabbitMQ reconnects and load on that host.",
        )


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
        _service_subject(agent.binary, agent.host),
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
            _service_subject(agent.binary, agent.host),
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
        critical = not twins or volumes > 0
        yield finding(
            "volume.service.down",
            Severity.CRITICAL if critical else Severity.WARNING,
            _service_subject(service.binary, service.host),
            f"{service.binary} on {service.host} is down, "
            f"silent for {ago(facts.age(service.updated_at))}"
            + (f"; {volumes} volumes are served by it" if volumes else "")
            + ("" if twins else "; it is the last of its kind"),
            why="Cinder reports the enabled service as down"
            + ("" if critical else " (a warning: others of its kind are up)"),
            evidence={
                "updated_at": service.updated_at and service.updated_at.isoformat(),
                "volumes": volumes or None,
            },
            advice=f"On {short_host(service.host)}: docker logs --tail 100 "
            f"{service.binary.replace('-', '_')}; docker start {service.binary.replace('-', '_')}",
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


def _guests(tables: Tables) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for server in tables.servers:
        if server.host and server.status not in {"SHELVED_OFFLOADED", "DELETED"}:
            counts[server.host] += 1
    return counts


def _service_subject(binary: str, host: str) -> Subject:
    return Subject(
        type="service", id=f"{binary}@{host}", name=f"{binary} on {host}", host=short_host(host)
    )


def _container(binary: str) -> str:
    return binary.replace("-", "_")


def _few(names: list[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


SERVICES = ("compute_services", "agents", "volume_services")

CHECKS = (
    Check(
        name="cloud.heartbeats.lost",
        title="Services stopped reporting all at once",
        needs=SERVICES,
        judge=heartbeats_lost,
        settings=("heartbeats_lost_ratio",),
    ),
    Check(
        name="host.down", title="A host on which nothing reports", needs=SERVICES, judge=hosts_down
    ),
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
        name="service.flapping",
        title="A service that goes up and down between surveys",
        needs=SERVICES,
        judge=flapping,
        settings=("flapping_changes", "flapping_surveys"),
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
