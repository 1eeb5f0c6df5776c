# SPDX-License-Identifier: Apache-2.0
"""What keeps traffic from servers because somebody configured it so: told, never judged as broken.

All of it may be meant; who looks for why a server is not reached wants to read it.
"""

from collections import defaultdict
from collections.abc import Iterator

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.compute import Server
from day2.model.tables.network import Port
from day2.operations.health.check import Check, Facts, finding
from day2.operations.health.rules import crowd, sight
from day2.operations.health.rules.ports import SERVERS, port_subject

IPV4 = 4
DIRECTIONS = ("ingress", "egress")
INTERFACES = "network:router_interface"


def _of_servers(facts: Facts) -> list[tuple[Port, Server]]:
    running = {server.id: server for server in facts.tables.servers if server.status == "ACTIVE"}
    return [
        (port, running[port.device_id])
        for port in facts.tables.ports
        if port.device_owner.startswith(SERVERS) and port.device_id in running
    ]


@crowd.bounded("subnets with servers have DHCP switched off", by=crowd.PROJECT)
def dhcp_off(facts: Facts) -> Iterator[Finding]:
    """Find IPv4 subnets without DHCP that running servers have addresses of."""
    if not sight.complete(facts, "subnets", "ports", "servers"):
        return
    used = {fixed.subnet_id for port, _server in _of_servers(facts) for fixed in port.fixed_ips}
    names = sight.project_names(facts.tables)
    for subnet in facts.tables.subnets:
        if subnet.enable_dhcp or subnet.ip_version != IPV4 or subnet.id not in used:
            continue
        yield finding(
            "network.subnet.dhcp_off",
            Severity.INFO,
            Subject(type="subnet", id=subnet.id, name=subnet.name, project=subnet.project_id or ""),
            f"subnet {subnet.name or subnet.id} ({subnet.cidr}, "
            f"{sight.owner(names, subnet.project_id)}) has running servers and no DHCP",
            why="enable_dhcp is off: meant where guests get their address from a config drive",
            evidence={"network": subnet.network_id, "cidr": subnet.cidr},
            advice=sight.command("openstack subnet show", subnet.id),
        )


@crowd.bounded("ports of running servers are switched off", by=crowd.PROJECT)
def disabled(facts: Facts) -> Iterator[Finding]:
    """Find ports of running servers, and networks of them, that somebody switched off."""
    off = {n.id for n in facts.tables.networks if not n.admin_state_up}
    for port, server in _of_servers(facts):
        if port.admin_state_up and port.network_id not in off:
            continue
        which = "its network is" if port.admin_state_up else "it is"
        yield _port(
            "network.port.disabled",
            port,
            server,
            f"has no traffic: {which} switched off",
            why="admin_state_up is false",
        )


@crowd.bounded("ports of running servers are closed by their groups", by=crowd.PROJECT)
def closed(facts: Facts) -> Iterator[Finding]:
    """Find ports of running servers whose security groups have no rule at all in one direction."""
    if not sight.complete(facts, "security_groups", "security_group_rules"):
        return
    groups = {group.id for group in facts.tables.security_groups}
    rules: dict[str, set[str]] = defaultdict(set)
    for rule in facts.tables.security_group_rules:
        rules[rule.security_group_id].add(rule.direction)
    for port, server in _of_servers(facts):
        # A group that was made while the others were read is not known: nothing is said of it.
        if not port.port_security_enabled or not groups.issuperset(port.security_groups):
            continue
        open_ones = {direction for own in port.security_groups for direction in rules[own]}
        shut = [direction for direction in DIRECTIONS if direction not in open_ones]
        if shut:
            yield _port(
                "network.port.closed",
                port,
                server,
                f"lets no {' and no '.join(shut)} traffic through",
                why="none of its security groups has a rule of that direction",
                closed=shut,
                groups=port.security_groups,
            )


def _port(
    check: str, port: Port, server: Server, said: str, *, why: str, **evidence: object
) -> Finding:
    return finding(
        check,
        Severity.INFO,
        port_subject(port),
        f"port {port.name or port.id} of server {server.name or server.id} {said}",
        why=why,
        evidence={"server": port.device_id, "network": port.network_id, **evidence},
        advice=sight.command("openstack port show", port.id),
    )


@crowd.bounded("routers with subnets have no external gateway", by=crowd.PROJECT)
def without_gateway(facts: Facts) -> Iterator[Finding]:
    """Find routers that join subnets and do not leave the cloud."""
    joined = {p.device_id for p in facts.tables.ports if p.device_owner.startswith(INTERFACES)}
    names = sight.project_names(facts.tables)
    for router in facts.tables.routers:
        if router.external_gateway_info is not None or router.id not in joined:
            continue
        yield finding(
            "network.router.no_gateway",
            Severity.INFO,
            Subject(type="router", id=router.id, name=router.name, project=router.project_id),
            f"router {router.name or router.id} ({sight.owner(names, router.project_id)}) joins "
            "subnets and has no external gateway",
            why="no floating IP and no way out: meant between a project's own networks",
            advice=sight.command("openstack router show", router.id),
        )


CHECKS = (
    Check(
        name="network.subnet.dhcp_off",
        title="A subnet with servers and without DHCP",
        needs=("subnets", "ports", "servers"),
        judge=dhcp_off,
    ),
    Check(
        name="network.port.disabled",
        title="A port of a running server that is switched off",
        needs=("ports", "networks", "servers"),
        judge=disabled,
    ),
    Check(
        name="network.port.closed",
        title="A port of a running server that no rule opens",
        needs=("ports", "servers", "security_groups", "security_group_rules"),
        judge=closed,
    ),
    Check(
        name="network.router.no_gateway",
        title="A router that joins subnets and does not leave the cloud",
        needs=("routers", "ports"),
        judge=without_gateway,
    ),
)
