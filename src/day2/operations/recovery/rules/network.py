# SPDX-License-Identifier: Apache-2.0
"""Ports and floating IPs of Neutron against what they say they belong to."""

from collections.abc import Iterator

from day2.model.finding import Subject
from day2.model.severity import Severity
from day2.model.tables.network import Port
from day2.operations.recovery.rules.seen import Picture, Suspect, command, short, suspect

SERVERS = "compute:"
# Zun's containers own ports of this kind, and are no servers.
CONTAINERS = "compute:kuryr"
ROUTERS = ("network:router", "network:ha_router")


def ports(picture: Picture) -> Iterator[Suspect]:
    """Find ports whose server or router is gone: their addresses are taken for nobody."""
    if not picture.whole("ports"):
        return
    servers = picture.servers
    routers = {r.id for r in picture.tables.routers} if picture.whole("routers") else None
    for port in picture.tables.ports:
        owner, device = port.device_owner, port.device_id
        if not device or owner == CONTAINERS:
            continue
        if owner.startswith(SERVERS) and servers is not None and device not in servers:
            yield _lost(port, "server")
        elif owner.startswith(ROUTERS) and routers is not None and device not in routers:
            yield _lost(port, "router")


def _lost(port: Port, kind: str) -> Suspect:
    addresses = ", ".join(ip.ip_address for ip in port.fixed_ips)
    return suspect(
        f"recovery.port.no_{kind}",
        Severity.WARNING,
        Subject(
            type="port",
            id=port.id,
            name=port.name,
            project=port.project_id,
            host=short(port.host),
        ),
        f"port {port.name or port.id}{f' ({addresses})' if addresses else ''} belongs to {kind} "
        f"{port.device_id}, which does not exist",
        why=f"the complete list of {kind}s does not have it, nor is it there by its id",
        absent=[(kind, port.device_id)],
        evidence={
            "device": port.device_id,
            "device_owner": port.device_owner,
            "network": port.network_id,
            "addresses": addresses or None,
        },
        advice=f"{command('openstack port show', port.id)}. A guest that still runs may use it "
        "(recovery.guest.unknown): then it is what brings that server back. Else, with its "
        f"owner's word: {command('openstack port delete', port.id)}",
    )


def floating_ips(picture: Picture) -> Iterator[Suspect]:
    """Find floating IPs that lead to a port which is gone."""
    if not picture.whole("ports", "floating_ips"):
        return
    known = {port.id for port in picture.tables.ports}
    for address in picture.tables.floating_ips:
        if not address.port_id or address.port_id in known:
            continue
        yield suspect(
            "recovery.floating_ip.no_port",
            Severity.WARNING,
            Subject(
                type="floating_ip",
                id=address.id,
                name=address.floating_ip_address,
                project=address.project_id,
            ),
            f"floating IP {address.floating_ip_address or address.id} leads to port "
            f"{address.port_id}, which does not exist",
            why="the complete list of ports does not have it, nor is it there by its id",
            absent=[("port", address.port_id)],
            evidence={"port": address.port_id, "fixed_ip": address.fixed_ip_address},
            advice=command("openstack floating ip unset --port", address.id),
        )
