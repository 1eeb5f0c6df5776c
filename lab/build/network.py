# SPDX-License-Identifier: Apache-2.0
"""Networks with their subnets and routers, security groups, floating IPs."""

from lab.build.session import Session, reach
from lab.world import Row

EXTERNAL = "public"
UNBOUND = ("", "network:floatingip")
"""Owners of ports that are on no host and rightly DOWN."""


def external_network(session: Session, row: Row) -> None:
    """Create the provider network that routers and floating IPs use."""
    network = session.cloud().network
    made = network.create_network(
        name=row.name,
        is_router_external=True,
        is_shared=False,
        provider_network_type="flat",
        provider_physical_network=row.spec["physical"],
    )
    network.create_subnet(
        name=f"{row.name}-v4",
        network_id=made.id,
        ip_version=4,
        cidr=row.spec["cidr"],
        is_dhcp_enabled=False,
    )


def network(session: Session, row: Row) -> None:
    """Create a project's network, its subnet, and the router that leads outside."""
    neutron = session.cloud(row.project).network
    made = neutron.create_network(name=row.name)
    subnet = neutron.create_subnet(
        name=f"{row.name}-v4", network_id=made.id, ip_version=4, cidr=row.spec["cidr"]
    )
    outside = neutron.find_network(EXTERNAL, ignore_missing=False)
    router = neutron.create_router(
        name=row.spec["router"], external_gateway_info={"network_id": outside.id}
    )
    neutron.add_interface_to_router(router, subnet_id=subnet.id)


def security_group(session: Session, row: Row) -> None:
    """Create a security group with one rule for each TCP port."""
    neutron = session.cloud(row.project).network
    made = neutron.create_security_group(name=row.name)
    for port, source in row.spec["tcp"].items():
        neutron.create_security_group_rule(
            security_group_id=made.id,
            direction="ingress",
            ether_type="IPv4",
            protocol="tcp",
            port_range_min=port,
            port_range_max=port,
            remote_ip_prefix=source,
        )


def floating_ip(session: Session, row: Row) -> None:
    """Reserve an address that belongs to nothing yet."""
    neutron = session.cloud(row.project).network
    outside = neutron.find_network(EXTERNAL, ignore_missing=False)
    neutron.create_ip(floating_network_id=outside.id, description=row.name)


def give_floating_ip(session: Session, project: str, server_id: str) -> None:
    """Give a server an address of its own and wait until the router serves it."""
    neutron = session.cloud(project).network
    outside = neutron.find_network(EXTERNAL, ignore_missing=False)
    port = next(iter(neutron.ports(device_id=server_id)))
    address = neutron.create_ip(floating_network_id=outside.id, port_id=port.id)
    reach(
        f"floating IP {address.id}",
        lambda: neutron.get_ip(address.id),
        lambda found: bool(found.status == "ACTIVE"),
    )


def wait_for_ports(session: Session) -> None:
    """Wait until every port on a host is ACTIVE: what a control round looks for."""
    neutron = session.cloud().network
    reach(
        "ports to become ACTIVE",
        lambda: [
            port
            for port in neutron.ports()
            if port.binding_host_id and port.device_owner not in UNBOUND and port.status != "ACTIVE"
        ],
        lambda down: not down,
    )


BUILDERS = {
    "external_network": external_network,
    "network": network,
    "security_group": security_group,
    "floating_ip": floating_ip,
}
