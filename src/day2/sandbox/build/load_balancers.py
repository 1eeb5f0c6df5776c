# SPDX-License-Identifier: Apache-2.0
"""Octavia's content: load balancers with the port of their address, and their amphorae."""

from datetime import timedelta
from typing import Any

from day2.sandbox.build.plot import Plot
from day2.sandbox.scenario_planes import LoadBalancer
from day2.sandbox.services.network_ports import new_port
from day2.sandbox.tables import Row

CERTIFICATE_DAYS = 30
ROLES = ("MASTER", "BACKUP")


def build(plot: Plot) -> None:
    """Fill the tables of load balancing; servers and their ports are there."""
    for entry in plot.world.scenario.load_balancers:
        _balancer(plot, entry)


def _balancer(plot: Plot, entry: LoadBalancer) -> None:
    world, own = plot.world, plot.id("load_balancer", entry.name)
    created = plot.ago(entry.age)
    updated = plot.past(entry.updated) or created
    vip = new_port(
        world,
        plot.id("port", f"load_balancer/{entry.name}"),
        network_id=plot.id("network", entry.network),
        project_id=plot.project(entry.project),
        created=created,
        name=f"octavia-lb-{own}",
        device_id=f"lb-{own}",
        device_owner="Octavia",
    )
    fixed = vip["fixed_ips"][0]
    world["load_balancers"].put(
        {
            "id": own,
            "name": entry.name,
            "project_id": plot.project(entry.project),
            "provisioning_status": entry.provisioning_status,
            "operating_status": entry.operating_status,
            "provider": "amphora" if entry.amphorae else "ovn",
            "vip_address": fixed["ip_address"],
            "vip_port_id": vip["id"],
            "vip_subnet_id": fixed["subnet_id"],
            "vip_network_id": vip["network_id"],
            "created_at": created,
            "updated_at": updated,
        }
    )
    for number, name in enumerate(entry.amphorae):
        server = world.require("servers", plot.id("server", name))
        world["amphorae"].put(_amphora(plot, own, vip, server, number))


def _amphora(plot: Plot, balancer: str, vip: Row, server: Row, number: int) -> dict[str, Any]:
    port = next(plot.world["ports"].find(device_id=server["id"]))
    address = port["fixed_ips"][0]["ip_address"]
    host = next((h for h in plot.world.scenario.hosts if h.name == server["host"]), None)
    dead = plot.past(host.dead) if host else None
    return {
        "id": plot.id("amphora", f"{balancer}/{number}"),
        "loadbalancer_id": balancer,
        "compute_id": server["id"],
        "lb_network_ip": address,
        "vrrp_ip": address,
        "ha_ip": vip["fixed_ips"][0]["ip_address"],
        "vrrp_port_id": port["id"],
        "ha_port_id": vip["id"],
        "cert_expiration": plot.world.started_at + timedelta(days=CERTIFICATE_DAYS),
        "role": ROLES[number % len(ROLES)],
        "status": "ERROR" if dead else "ALLOCATED",
        "image_id": server["image_id"],
        "compute_flavor": server["flavor"]["id"],
        "created_at": server["created_at"],
        "updated_at": dead or server["updated_at"],
    }
