# SPDX-License-Identifier: Apache-2.0
"""Lay out a large cloud: its networks are kept, everything of which there is much is made."""

import ipaddress

from day2.sandbox.build.network import DHCP_AGENTS, ROUTER
from day2.sandbox.build.plot import Plot
from day2.sandbox.bulk import planes
from day2.sandbox.bulk.kept import Kept
from day2.sandbox.bulk.layout import (
    NICS,
    OUTSIDE,
    OUTSIDE_CIDR,
    Layout,
    address_in,
    cidr_of,
)
from day2.sandbox.bulk.sizes import Bulk
from day2.sandbox.bulk.table import BulkRows, Plane
from day2.sandbox.services.network_ports import new_port
from day2.sandbox.tables import Rows
from day2.sandbox.world import World

AGE = "300d"
FIRST_SEGMENT = 5000
FIRST_GATEWAY = int(ipaddress.ip_address("198.19.128.0"))


def build(plot: Plot, bulk: Bulk) -> None:
    """Put the made rows behind those that the scenario's entries brought; comes last."""
    world = plot.world
    layout = Layout(plot, bulk)
    _outside(plot, layout)
    hosts = [host.name for host in world.scenario.hosts if "network" in host.roles]
    for project, name in enumerate(layout.project_names):
        _router(plot, layout, project, hosts[project % len(hosts)])
        for nic, word in enumerate(NICS):
            _network(plot, layout, project, nic, f"{name}-{word}", hosts)
    made: dict[str, Plane] = {
        "servers": planes.Servers(layout),
        "ports": planes.Ports(layout),
        "floating_ips": planes.FloatingIps(layout),
        "volumes": planes.Volumes(layout),
        "volume_attachments": planes.Attachments(layout),
        "allocations": planes.Allocations(layout),
    }
    for table, plane in made.items():
        _behind(world, table, plane)
    if bulk.keep_mib:
        world.kept = Kept(world.tables, mib_max=bulk.keep_mib)


def _behind(world: World, table: str, plane: Plane) -> None:
    own = world.tables[table]
    if not isinstance(own, Rows):
        raise TypeError(f"{table} is made already")
    if table == "servers":
        # The names of instances count on behind the made ones.
        for row in list(own):
            own.change(row["id"], number=plane.count + row["number"])
        world.numbered[table] = plane.count + len(own)
    world.tables[table] = BulkRows(own, plane)


def _outside(plot: Plot, layout: Layout) -> None:
    _put_network(
        plot,
        layout.outside,
        layout.outside_subnet,
        name=OUTSIDE,
        cidr=OUTSIDE_CIDR,
        project="admin",
        segment=None,
    )


def _network(
    plot: Plot, layout: Layout, project: int, nic: int, name: str, hosts: list[str]
) -> None:
    own, subnet = layout.networks[project][nic], layout.subnets[project][nic]
    owner = layout.project_names[project]
    segment = FIRST_SEGMENT + project * len(NICS) + nic
    cidr = cidr_of(project, nic)
    _put_network(plot, own, subnet, name=name, cidr=cidr, project=owner, segment=segment)
    project_id, created = layout.projects[project], plot.ago(AGE)
    for place, host in enumerate(hosts[:DHCP_AGENTS]):
        new_port(
            plot.world,
            plot.id("port", f"dhcp/{name}/{place}"),
            network_id=own,
            project_id=project_id,
            created=created,
            device_id=f"dhcp{plot.id('agent', host)}-{own}",
            device_owner="network:dhcp",
            host=host,
            port_security_enabled=False,
            fixed_ip={"subnet_id": subnet, "ip_address": address_in(project, nic, 2 + place)},
        )
    new_port(
        plot.world,
        plot.id("port", f"router/{name}"),
        network_id=own,
        project_id=project_id,
        created=created,
        device_id=layout.routers[project],
        device_owner=ROUTER,
        host=hosts[project % len(hosts)],
        port_security_enabled=False,
        fixed_ip={"subnet_id": subnet, "ip_address": address_in(project, nic, 1)},
    )


def _router(plot: Plot, layout: Layout, project: int, host: str) -> None:
    own = layout.routers[project]
    created = plot.ago(AGE)
    gateway = new_port(
        plot.world,
        plot.id("port", f"gateway/{own}"),
        network_id=layout.outside,
        project_id="",
        created=created,
        device_id=own,
        device_owner="network:router_gateway",
        host=host,
        port_security_enabled=False,
        fixed_ip={
            "subnet_id": layout.outside_subnet,
            "ip_address": str(ipaddress.IPv4Address(FIRST_GATEWAY + project)),
        },
    )
    plot.world["routers"].put(
        {
            "id": own,
            "name": f"{layout.project_names[project]}-router",
            "project_id": layout.projects[project],
            "gateway": {
                "network_id": layout.outside,
                "external_fixed_ips": gateway["fixed_ips"],
                "enable_snat": True,
            },
            "created_at": created,
            "updated_at": created,
        }
    )


def _put_network(
    plot: Plot,
    own: str,
    subnet: str,
    *,
    name: str,
    cidr: str,
    project: str,
    segment: int | None,
) -> None:
    span = ipaddress.ip_network(cidr)
    project_id, created = plot.project(project), plot.ago(AGE)
    external = segment is None
    plot.world["subnets"].put(
        {
            "id": subnet,
            "network_id": own,
            "name": f"{name}-v4",
            "project_id": project_id,
            "cidr": cidr,
            "gateway_ip": str(span[1]),
            "pools": [(str(span[2]), str(span[-2]))],
            "enable_dhcp": not external,
            "external": external,
            "created_at": created,
        }
    )
    plot.world["networks"].put(
        {
            "id": own,
            "name": name,
            "project_id": project_id,
            "shared": False,
            "external": external,
            "network_type": "flat" if external else "vxlan",
            "physical_network": "physnet2" if external else None,
            "segmentation_id": segment,
            "mtu": 1500 if external else 1450,
            "subnets": [subnet],
            "created_at": created,
            "updated_at": created,
        }
    )
