# SPDX-License-Identifier: Apache-2.0
"""Ports and agents as the world keeps them: how one is made, and what goes with it."""

from datetime import datetime

import msgspec

from day2.sandbox import addresses, ids
from day2.sandbox.tables import Row
from day2.sandbox.world import World


class Kind(msgspec.Struct, frozen=True):
    """One kind of agent: the name Neutron gives it, its topic, and whether it has a zone."""

    type: str
    topic: str
    zone: str | None


AGENTS = {
    "neutron-openvswitch-agent": Kind("Open vSwitch agent", "N/A", None),
    "neutron-dhcp-agent": Kind("DHCP agent", "dhcp_agent", "nova"),
    "neutron-l3-agent": Kind("L3 agent", "l3_agent", "nova"),
    "neutron-metadata-agent": Kind("Metadata agent", "N/A", None),
}


def new_port(  # noqa: PLR0913 - what a port is
    world: World,
    own: str,
    *,
    network_id: str,
    project_id: str,
    created: datetime,
    name: str = "",
    device_id: str = "",
    device_owner: str = "",
    host: str = "",
    status: str = "",
    security_groups: list[str] | None = None,
    tags: list[str] | None = None,
    port_security_enabled: bool = True,
    fixed_ip: dict[str, str] | None = None,
    by_nova: bool = False,
) -> Row:
    """Make a port with the first free address; a port without a host is unbound and DOWN.

    Raises:
        Refused: when the network has no address left.

    """
    network = world.require("networks", network_id)
    fixed = [fixed_ip or addresses.free(world, subnet) for subnet in network["subnets"][:1]]
    unbound = "N/A" if device_owner == "network:floatingip" else "DOWN"
    row = {
        "id": own,
        "name": name,
        "network_id": network_id,
        "project_id": project_id,
        "mac_address": ids.mac_of(own),
        "status": status or ("ACTIVE" if host else unbound),
        "device_id": device_id,
        "device_owner": device_owner,
        "fixed_ips": fixed,
        "security_groups": security_groups or [],
        "host": host,
        "port_security_enabled": port_security_enabled,
        "tags": tags or [],
        "by_nova": by_nova,
        "created_at": created,
        "updated_at": created,
    }
    world["ports"].put(row)
    return row


def remove_port(world: World, port_id: str) -> None:
    """Take a port away; a floating IP that pointed there points nowhere from now on."""
    world["ports"].delete(port_id)
    for row in list(world["floating_ips"].find(port_id=port_id)):
        world["floating_ips"].change(
            row["id"],
            port_id=None,
            router_id=None,
            fixed_ip_address=None,
            status="DOWN",
            updated_at=world.now(),
        )
