# SPDX-License-Identifier: Apache-2.0
"""Neutron's content: agents by role, networks with their own ports, and what lies about."""

import ipaddress
from datetime import datetime
from typing import Any

from day2.sandbox import addresses
from day2.sandbox.build.plot import Plot
from day2.sandbox.scenario import Host, Network
from day2.sandbox.services.network_ports import AGENTS, new_port

DHCP_AGENTS = 2


def build(plot: Plot) -> None:
    """Fill the tables of network, all but the ports of servers."""
    _agents(plot)
    for name in ("admin", *(p.name for p in plot.world.scenario.projects)):
        _group(plot, "default", name, "Default security group")
    for group in plot.world.scenario.security_groups:
        _group(plot, group.name, group.project, "")
        for number, rule in enumerate(group.rules):
            row = _rule(plot, f"{group.project}/{group.name}/{number}", group.project, group.name)
            row |= {
                "direction": "ingress",
                "protocol": rule.protocol,
                "port_range_min": rule.port_min,
                "port_range_max": rule.port_max,
                "remote_ip_prefix": rule.remote,
            }
            plot.world["security_group_rules"].put(row)
    networks = plot.world.scenario.networks
    # The external ones first: routers take an address of them.
    for number, network in enumerate(sorted(networks, key=lambda n: not n.external)):
        _network(plot, network, number)
    for port in plot.world.scenario.ports:
        created = plot.ago(port.age)
        place = plot.id("network", port.network)
        new_port(
            plot.world,
            plot.id("port", f"loose/{port.name}/{port.project}/{port.age}"),
            network_id=place,
            project_id=plot.project(port.project),
            created=created,
            name=port.name,
            tags=list(port.tags),
            security_groups=[plot.id("security_group", f"{port.project}/default")],
        )


def floating_ips(plot: Plot) -> None:
    """Add the floating IPs that point nowhere; comes after those of servers."""
    for number, entry in enumerate(plot.world.scenario.floating_ips):
        floating_ip(
            plot,
            f"loose/{number}",
            plot.project(entry.project),
            plot.ago(entry.age),
            description=entry.description,
            tags=list(entry.tags),
        )


def floating_ip(
    plot: Plot,
    name: str,
    project_id: str,
    created: datetime,
    *,
    port: dict[str, Any] | None = None,
    description: str = "",
    tags: list[str] | None = None,
) -> None:
    """Make a floating IP on the first external network, for a port or for nothing."""
    world = plot.world
    external = next(n.name for n in world.scenario.networks if n.external)
    network_id = plot.id("network", external)
    own = plot.id("floating_ip", name)
    outer = new_port(
        world,
        plot.id("port", f"floating/{name}"),
        network_id=network_id,
        project_id="",
        created=created,
        device_id=own,
        device_owner="network:floatingip",
        port_security_enabled=False,
    )
    router_id = None
    if port is not None:
        router = next(world["ports"].find(network_id=port["network_id"], device_owner=ROUTER), None)
        router_id = router["device_id"] if router else None
    world["floating_ips"].put(
        {
            "id": own,
            "project_id": project_id,
            "floating_ip_address": outer["fixed_ips"][0]["ip_address"],
            "floating_network_id": network_id,
            "router_id": router_id,
            "port_id": port["id"] if port else None,
            "fixed_ip_address": port["fixed_ips"][0]["ip_address"] if port else None,
            "status": "ACTIVE" if port else "DOWN",
            "description": description,
            "tags": tags or [],
            "created_at": created,
            "updated_at": created,
        }
    )


ROUTER = "network:router_interface"


def _network_hosts(plot: Plot) -> list[Host]:
    return [host for host in plot.world.scenario.hosts if "network" in host.roles]


def _agents(plot: Plot) -> None:
    scenario = plot.world.scenario
    dead = {(d.host, d.binary): d.since for d in scenario.dead}
    for host in scenario.hosts:
        kinds = ["neutron-openvswitch-agent"] if {"network", "compute"} & set(host.roles) else []
        if "network" in host.roles:
            kinds += ["neutron-dhcp-agent", "neutron-l3-agent", "neutron-metadata-agent"]
        for binary in kinds:
            plot.world["agents"].put(
                {
                    "id": plot.id("agent", f"{host.name}/{binary}"),
                    "binary": binary,
                    "host": host.name,
                    "agent_type": AGENTS[binary].type,
                    "admin_state_up": True,
                    "created_at": plot.ago("300d"),
                    "started_at": plot.ago("30d"),
                    "dead_since": plot.past(dead.get((host.name, binary)) or host.dead),
                }
            )


def _network(plot: Plot, network: Network, number: int) -> None:
    world = plot.world
    created = plot.ago(network.age)
    own, subnet_id = plot.id("network", network.name), plot.id("subnet", network.name)
    span = ipaddress.ip_network(network.cidr)
    project_id = plot.project(network.project)
    world["subnets"].put(
        {
            "id": subnet_id,
            "network_id": own,
            "name": f"{network.name}-v4",
            "project_id": project_id,
            "cidr": network.cidr,
            "gateway_ip": str(span[1]),
            "pools": [(str(span[2]), str(span[-2]))],
            "enable_dhcp": not network.external,
            "external": network.external,
            "created_at": created,
        }
    )
    world["networks"].put(
        {
            "id": own,
            "name": network.name,
            "project_id": project_id,
            "shared": network.shared,
            "external": network.external,
            "network_type": "flat" if network.external else "vxlan",
            "physical_network": "physnet1" if network.external else None,
            "segmentation_id": None if network.external else 100 + number,
            "mtu": 1500 if network.external else 1450,
            "subnets": [subnet_id],
            "created_at": created,
            "updated_at": created,
        }
    )
    if network.external:
        return
    hosts = _network_hosts(plot)
    for place in range(min(DHCP_AGENTS, len(hosts))):
        new_port(
            world,
            plot.id("port", f"dhcp/{network.name}/{place}"),
            network_id=own,
            project_id=project_id,
            created=created,
            device_id=f"dhcp{plot.id('agent', hosts[place].name)}-{own}",
            device_owner="network:dhcp",
            host=hosts[place].name,
            port_security_enabled=False,
        )
    if network.router:
        _router(plot, network, hosts[number % len(hosts)].name if hosts else "")


def _router(plot: Plot, network: Network, host: str) -> None:
    world = plot.world
    own = plot.id("router", f"{network.project}/{network.router}")
    created = plot.ago(network.age)
    if world["routers"].get(own) is None:
        external = next((n.name for n in world.scenario.networks if n.external), None)
        gateway = None
        if external:
            gateway = new_port(
                world,
                plot.id("port", f"gateway/{own}"),
                network_id=plot.id("network", external),
                project_id="",
                created=created,
                device_id=own,
                device_owner="network:router_gateway",
                host=host,
                port_security_enabled=False,
            )
        world["routers"].put(
            {
                "id": own,
                "name": network.router,
                "project_id": plot.project(network.project),
                "gateway": gateway
                and {
                    "network_id": gateway["network_id"],
                    "external_fixed_ips": gateway["fixed_ips"],
                    "enable_snat": True,
                },
                "created_at": created,
                "updated_at": created,
            }
        )
    new_port(
        world,
        plot.id("port", f"router/{network.name}"),
        network_id=plot.id("network", network.name),
        project_id=plot.project(network.project),
        created=created,
        device_id=own,
        device_owner=ROUTER,
        host=host,
        port_security_enabled=False,
        fixed_ip=addresses.gateway(world, plot.id("subnet", network.name)),
    )


def _group(plot: Plot, name: str, project: str, description: str) -> None:
    created = plot.ago("300d")
    plot.world["security_groups"].put(
        {
            "id": plot.id("security_group", f"{project}/{name}"),
            "name": name,
            "project_id": plot.project(project),
            "description": description,
            "created_at": created,
        }
    )
    for ethertype in ("IPv4", "IPv6"):
        row = _rule(plot, f"{project}/{name}/egress/{ethertype}", project, name)
        plot.world["security_group_rules"].put(row | {"ethertype": ethertype})
        if name == "default":
            row = _rule(plot, f"{project}/{name}/ingress/{ethertype}", project, name)
            row |= {"direction": "ingress", "remote_group_id": row["security_group_id"]}
            plot.world["security_group_rules"].put(row | {"ethertype": ethertype})


def _rule(plot: Plot, name: str, project: str, group: str) -> dict[str, Any]:
    return {
        "id": plot.id("security_group_rule", name),
        "security_group_id": plot.id("security_group", f"{project}/{group}"),
        "project_id": plot.project(project),
        "direction": "egress",
        "ethertype": "IPv4",
        "protocol": None,
        "port_range_min": None,
        "port_range_max": None,
        "remote_ip_prefix": None,
        "remote_group_id": None,
        "created_at": plot.ago("300d"),
    }
