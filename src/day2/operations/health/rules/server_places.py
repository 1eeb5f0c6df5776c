# SPDX-License-Identifier: Apache-2.0
"""Servers against what should carry them: their host, its compute service, their ports."""

from collections import defaultdict
from collections.abc import Iterator

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.compute import Server
from day2.operations.health.check import Check, Facts, ago, finding, setting, short_host
from day2.operations.health.rules import crowd, sight

ACTIVE = "ACTIVE"
ON_NO_HOST = frozenset({"DELETED", "SOFT_DELETED", "SHELVED_OFFLOADED", sight.UNKNOWN})


@crowd.bounded("ACTIVE servers are on a host that does not report", by=crowd.HOST, merged=False)
def hosts_down(facts: Facts) -> Iterator[Finding]:
    """Find servers that Nova calls ACTIVE only because their host no longer says otherwise."""
    down = {
        host: service
        for host, service in sight.down_computes(facts.tables).items()
        if not sight.on_purpose(service)
    }
    if not down:
        return
    names = sight.project_names(facts.tables)
    for server in facts.tables.servers:
        if server.status != ACTIVE or server.host not in down:
            continue
        service = down[server.host or ""]
        yield finding(
            "server.host.down",
            Severity.WARNING,
            sight.server_subject(server),
            f"{sight.server_said(server, names)} is called ACTIVE, but nova-compute there is "
            f"silent for {ago(facts.age(service.updated_at))}",
            why="the server is ACTIVE and nova-compute of its host is down",
            evidence={
                "service_updated_at": sight.iso(service.updated_at),
                "forced_down": service.forced_down,
            },
            advice=sight.command("openstack compute service list --host", server.host or ""),
        )


@crowd.bounded("hosts carry servers and have no compute service", by=crowd.HOST)
def hosts_unknown(facts: Facts) -> Iterator[Finding]:
    """Find hosts that carry servers but are no compute host: nobody can manage those servers."""
    if not facts.tables.compute_services or not sight.cells_answer(facts):
        return
    known = {s.host for s in facts.tables.compute_services if s.binary == "nova-compute"}
    lost: dict[str, list[Server]] = defaultdict(list)
    for server in facts.tables.servers:
        if not server.host or server.host in known or server.status in ON_NO_HOST:
            continue
        if sight.settled(facts, server.updated):
            lost[server.host].append(server)
    for host, servers in lost.items():
        yield finding(
            "server.host.unknown",
            Severity.WARNING,
            Subject(type="host", id=host, host=short_host(host)),
            f"{len(servers)} servers are on {host}, which has no compute service: "
            f"{sight.few(s.name or s.id for s in servers)}",
            why="no nova-compute of that name is registered, and every cell answered; "
            + setting(facts.policy, "settle_minutes"),
            evidence={
                "servers": [s.id for s in servers[: crowd.IDS_MAX]],
                "count": len(servers),
            },
            advice=f"Was the host renamed, or its service deleted too early? "
            f"openstack compute service list; "
            f"{sight.command('openstack server list --all-projects --host', host)}",
        )


@crowd.bounded("ACTIVE servers have no port", by=crowd.PROJECT)
def ports_missing(facts: Facts) -> Iterator[Finding]:
    """Find running servers that no network reaches."""
    if not sight.complete(facts, "ports", "servers"):
        return
    with_port = {port.device_id for port in facts.tables.ports}
    names = sight.project_names(facts.tables)
    for server in facts.tables.servers:
        if server.status != ACTIVE or server.task_state or server.id in with_port:
            continue
        if not sight.settled(facts, server.updated):
            continue
        yield finding(
            "server.port.missing",
            Severity.WARNING,
            sight.server_subject(server),
            f"{sight.server_said(server, names)} is ACTIVE and has no port: no network reaches it",
            why="Neutron's complete list of ports has none of this server; "
            + setting(facts.policy, "settle_minutes"),
            evidence={"updated": sight.iso(server.updated)},
            advice=f"{sight.command('openstack port list --server', server.id)}; "
            f"{sight.command('openstack server event list', server.id)} "
            "(a server may have been made with --nic none: acknowledge it then)",
        )


CHECKS = (
    Check(
        name="server.host.down",
        title="A server that is ACTIVE on a host whose nova-compute is down",
        needs=("servers", "compute_services"),
        judge=hosts_down,
    ),
    Check(
        name="server.host.unknown",
        title="Servers on a host without a compute service",
        needs=("servers", "compute_services"),
        judge=hosts_unknown,
        settings=("settle_minutes",),
    ),
    Check(
        name="server.port.missing",
        title="A running server without any port",
        needs=("servers", "ports"),
        judge=ports_missing,
        settings=("settle_minutes",),
    ),
)
