# SPDX-License-Identifier: Apache-2.0
"""Ports, floating IPs and DHCP: whether the traffic of servers has a way."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.network import FloatingIp, Port
from day2.operations.health.check import Check, Facts, ago, finding, setting, short_host
from day2.operations.health.rules import crowd, sight

BINDING_FAILED = "binding_failed"
NOT_BOUND = frozenset({"", "unbound", BINDING_FAILED})
# Nobody tells Neutron that these are wired.
NOT_WATCHED = frozenset({"baremetal", "direct-physical"})
SERVERS = "compute:"
DHCP_OWNERS = ("network:dhcp", "network:distributed")
DHCP_AGENT = "neutron-dhcp-agent"
IPV4 = 4


@crowd.bounded("ports could not be bound", by=crowd.HOST, tell="device_owner")
def binding_failed(facts: Facts) -> Iterator[Finding]:
    """Find ports that no mechanism driver could bind on their host."""
    names = sight.project_names(facts.tables)
    for port in facts.tables.ports:
        if port.vif_type != BINDING_FAILED:
            continue
        yield finding(
            "network.port.binding_failed",
            Severity.WARNING,
            port_subject(port),
            f"{_said(port)} ({sight.owner(names, port.project_id)}) could not be bound on "
            f"{port.host or 'its host'}, {ago(facts.age(port.updated_at))} ago",
            why="Neutron reports vif_type binding_failed",
            evidence=_evidence(port),
            advice=f"{sight.command('openstack network agent list --host', port.host or '')}; then "
            "'Failed to bind port' in the log of neutron-server, and the bridge mappings of "
            "that host",
        )


@crowd.bounded("ports of running servers are DOWN", by=crowd.HOST)
def down(facts: Facts) -> Iterator[Finding]:
    """Find bound ports of ACTIVE servers that nobody wired."""
    bound = timedelta(minutes=facts.policy.port_grace_minutes)
    candidates = [
        port
        for port in facts.tables.ports
        if port.status == "DOWN"
        and port.admin_state_up
        and port.device_owner.startswith(SERVERS)
        and (port.vif_type or "") not in NOT_BOUND
        and port.vnic_type not in NOT_WATCHED
        and facts.older(port.updated_at, bound)
    ]
    if not candidates:
        return
    running = {s.id: s for s in facts.tables.servers if s.status == "ACTIVE" and not s.task_state}
    names = sight.project_names(facts.tables)
    for port in candidates:
        server = running.get(port.device_id)
        if server is None or not facts.older(server.updated, bound):
            continue
        yield finding(
            "network.port.down",
            Severity.WARNING,
            port_subject(port),
            f"{_said(port)} of server {server.name or server.id} "
            f"({sight.owner(names, port.project_id)}, on {port.host}) is DOWN "
            f"for {ago(facts.age(port.updated_at))}",
            why=f"{setting(facts.policy, 'port_grace_minutes')}, and the server is ACTIVE",
            evidence=_evidence(port),
            advice=f"{sight.command('openstack port show', port.id)}; on {port.host}: docker logs "
            "--tail 100 neutron_openvswitch_agent (with OVN: ovn_controller)",
        )


@crowd.bounded("floating IPs are attached and not ACTIVE", by=crowd.PROJECT, tell="status")
def floating_ips_not_active(facts: Facts) -> Iterator[Finding]:
    """Find attached floating IPs that lead nowhere; that of a stopped server need not lead."""
    bound = timedelta(minutes=facts.policy.port_grace_minutes)
    candidates = [
        address
        for address in facts.tables.floating_ips
        if address.port_id
        and address.status != "ACTIVE"
        and facts.older(address.updated_at or address.created_at, bound)
    ]
    if not candidates:
        return
    wanted = {address.port_id for address in candidates}
    ports = {port.id: port for port in facts.tables.ports if port.id in wanted}
    devices = {port.device_id for port in ports.values()}
    running = {s.id for s in facts.tables.servers if s.id in devices and s.status == "ACTIVE"}
    names = sight.project_names(facts.tables)
    for address in candidates:
        port = ports.get(address.port_id or "")
        leads = port is not None and (
            not port.device_owner.startswith(SERVERS) or port.device_id in running
        )
        if leads or address.status == "ERROR":
            yield _floating_ip(facts, address, port, names)


def _floating_ip(
    facts: Facts, address: FloatingIp, port: Port | None, names: dict[str, str]
) -> Finding:
    return finding(
        "network.floating_ip.not_active",
        Severity.WARNING,
        Subject(
            type="floating_ip",
            id=address.id,
            name=address.floating_ip_address,
            project=address.project_id,
            host=short_host(port.host) if port else "",
        ),
        f"floating IP {address.floating_ip_address or address.id} "
        f"({sight.owner(names, address.project_id)}) is attached, but "
        f"{address.status or 'of unknown status'}, "
        f"last changed {ago(facts.age(address.updated_at or address.created_at))} ago",
        why=setting(facts.policy, "port_grace_minutes"),
        evidence={
            "status": address.status,
            "port": address.port_id,
            "router": address.router_id,
            "fixed_ip": address.fixed_ip_address,
        },
        advice=(
            sight.command("openstack network agent list --router", address.router_id)
            if address.router_id
            else sight.command("openstack floating ip show", address.id)
        ),
    )


@crowd.bounded("networks have servers and nobody who answers DHCP", by=crowd.PROJECT)
def networks_without_dhcp(facts: Facts) -> Iterator[Finding]:
    """Find networks whose servers get no address: no agent has a port there.

    Only where DHCP agents exist: OVN and other drivers answer DHCP without any port.
    """
    if not sight.complete(facts, "ports", "subnets", "networks", "agents"):
        return
    if not any(agent.binary == DHCP_AGENT for agent in facts.tables.agents):
        return
    tables = facts.tables
    served = {p.network_id for p in tables.ports if p.device_owner.startswith(DHCP_OWNERS)}
    promised = {s.network_id for s in tables.subnets if s.enable_dhcp and s.ip_version == IPV4}
    promised -= served
    suspects = {n.id: n for n in tables.networks if n.id in promised and n.admin_state_up}
    waiting: Counter[str] = Counter(
        port.network_id
        for port in tables.ports
        if port.network_id in suspects
        and port.device_owner.startswith(SERVERS)
        and port.host
        and sight.settled(facts, port.created_at)
    )
    names = sight.project_names(tables)
    for network in (suspects[identifier] for identifier in waiting):
        yield finding(
            "network.network.no_dhcp_port",
            Severity.WARNING,
            Subject(type="network", id=network.id, name=network.name, project=network.project_id),
            f"nobody answers DHCP on network {network.name or network.id} "
            f"({sight.owner(names, network.project_id)}); {waiting[network.id]} ports of servers "
            "are there",
            why="a subnet has DHCP enabled, and Neutron's complete list of ports has none of a "
            f"DHCP agent there; {setting(facts.policy, 'settle_minutes')}",
            evidence={"ports": waiting[network.id]},
            advice=f"{sight.command('openstack network agent list --network', network.id)}; "
            "openstack network agent list --agent-type dhcp",
        )


def port_subject(port: Port) -> Subject:
    """Make the subject of a port; its host is the one it is bound to."""
    return Subject(
        type="port",
        id=port.id,
        name=port.name,
        project=port.project_id,
        host=short_host(port.host),
    )


def _said(port: Port) -> str:
    addresses = sight.few((ip.ip_address for ip in port.fixed_ips), 2)
    return f"port {port.name or port.id}" + (f" ({addresses})" if addresses else "")


def _evidence(port: Port) -> dict[str, str | None]:
    return {
        "device": port.device_id or None,
        "device_owner": port.device_owner or None,
        "vnic_type": port.vnic_type,
        "network": port.network_id or None,
        "updated_at": sight.iso(port.updated_at),
    }


CHECKS = (
    Check(
        name="network.port.binding_failed",
        title="A port that could not be bound",
        needs=("ports",),
        judge=binding_failed,
    ),
    Check(
        name="network.port.down",
        title="A port of a running server that is DOWN",
        needs=("ports", "servers"),
        judge=down,
        settings=("port_grace_minutes",),
    ),
    Check(
        name="network.floating_ip.not_active",
        title="A floating IP that is attached and not ACTIVE",
        needs=("floating_ips", "ports", "servers"),
        judge=floating_ips_not_active,
        settings=("port_grace_minutes",),
    ),
    Check(
        name="network.network.no_dhcp_port",
        title="A network with servers where nobody answers DHCP",
        needs=("networks", "subnets", "ports", "agents"),
        judge=networks_without_dhcp,
        settings=("settle_minutes",),
    ),
)
