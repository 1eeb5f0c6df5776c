# SPDX-License-Identifier: Apache-2.0
"""Network: the making and ending of networks, subnets and routers."""

import ipaddress
from typing import Any

from day2.sandbox import addresses, http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services import network_views as views
from day2.sandbox.services.network import denied, route
from day2.sandbox.services.network_creation import ROUTER
from day2.sandbox.services.network_ports import new_port
from day2.sandbox.tables import Row
from day2.sandbox.world import World

FIRST_SEGMENT = 1000
DHCP_AGENTS = 2


@route("POST", "/v2.0/networks")
def create_network(request: Request, world: World) -> Answer:
    """Make a network of one's own."""
    _refuse_readers(request, "create_network")
    wanted = request.document("network")
    now = world.now()
    row = {
        "id": world.new_id("network"),
        "name": str(wanted.get("name") or ""),
        "project_id": request.who.project_id,
        "shared": False,
        "external": False,
        "network_type": "vxlan",
        "physical_network": None,
        "segmentation_id": FIRST_SEGMENT + sum(1 for _row in world["networks"]),
        "mtu": 1450,
        "subnets": [],
        "created_at": now,
        "updated_at": now,
    }
    world["networks"].put(row)
    # Only the answer to the making says so of a network that is not external.
    shown = {**views.network(world, row), "is_default": False}
    return Answer(status=http.CREATED, body={"network": shown})


@route("POST", "/v2.0/subnets")
def create_subnet(request: Request, world: World) -> Answer:
    """Make a subnet of one's own network; two agents serve it from then on."""
    _refuse_readers(request, "create_subnet")
    wanted = request.document("subnet")
    network = _own(request, world, "networks", wanted.get("network_id"), "Network")
    try:
        span = ipaddress.ip_network(str(wanted.get("cidr")))
        gateway, first, last = (str(span[place]) for place in (1, 2, -2))
    except (ValueError, IndexError):
        said = f"Invalid input for cidr. Reason: '{wanted.get('cidr')}' is not a valid IP subnet."
        raise Refused(http.BAD_REQUEST, said, kind="HTTPBadRequest") from None
    row = {
        "id": world.new_id("subnet"),
        "network_id": network["id"],
        "name": str(wanted.get("name") or ""),
        "project_id": request.who.project_id,
        "cidr": str(span),
        "gateway_ip": gateway,
        "pools": [(first, last)],
        "enable_dhcp": bool(wanted.get("enable_dhcp", True)),
        "external": False,
        "created_at": world.now(),
    }
    world["subnets"].put(row)
    world["networks"].change(network["id"], subnets=[*network["subnets"], row["id"]])
    if row["enable_dhcp"]:
        world.later(1, lambda: _serve(world, network["id"]))
    return Answer(status=http.CREATED, body={"subnet": views.subnet(world, row)})


def _serve(world: World, network_id: str) -> None:
    """Give a network the ports of its DHCP agents, if it is still there and has none."""
    network = world["networks"].get(network_id)
    if network is None or not network["subnets"]:
        return
    agents = list(world["agents"].find(binary="neutron-dhcp-agent"))[:DHCP_AGENTS]
    for agent in agents:
        new_port(
            world,
            world.new_id("port"),
            network_id=network_id,
            project_id=network["project_id"],
            created=world.now(),
            device_id=f"dhcp{agent['id']}-{network_id}",
            device_owner="network:dhcp",
            host=agent["host"],
            port_security_enabled=False,
        )


@route("DELETE", "/v2.0/subnets/{id}")
def delete_subnet(request: Request, world: World) -> Answer:
    """Delete a subnet of which nobody but DHCP has an address."""
    row = _own(request, world, "subnets", request.parts["id"], "Subnet")
    own = row["id"]
    there = [
        port
        for port in world["ports"].find(network_id=row["network_id"])
        if any(fixed["subnet_id"] == own for fixed in port["fixed_ips"])
    ]
    if any(port["device_owner"] != "network:dhcp" for port in there):
        said = f"Unable to complete operation on subnet {own}: One or more ports have an IP "
        raise Refused(http.CONFLICT, f"{said}allocation from this subnet.", kind="SubnetInUse")
    for port in there:
        world["ports"].delete(port["id"])
    network = world.require("networks", row["network_id"])
    kept = [subnet for subnet in network["subnets"] if subnet != own]
    world["networks"].change(network["id"], subnets=kept)
    world["subnets"].delete(own)
    return Answer(status=http.NO_CONTENT)


@route("POST", "/v2.0/routers")
def create_router(request: Request, world: World) -> Answer:
    """Make a router, with its way out where one is asked for."""
    _refuse_readers(request, "create_router")
    wanted = request.document("router")
    own, now = world.new_id("router"), world.now()
    row: dict[str, Any] = {
        "id": own,
        "name": str(wanted.get("name") or ""),
        "project_id": request.who.project_id,
        "gateway": _gateway(world, own, wanted.get("external_gateway_info")),
        "created_at": now,
        "updated_at": now,
    }
    world["routers"].put(row)
    return Answer(status=http.CREATED, body={"router": views.router(world, row)})


def _gateway(world: World, router: str, wanted: Any) -> dict[str, Any] | None:  # noqa: ANN401 - JSON
    if not isinstance(wanted, dict) or not wanted.get("network_id"):
        return None
    network = world["networks"].get(str(wanted["network_id"]))
    if network is None:
        said = f"Network {wanted['network_id']} could not be found."
        raise Refused(http.NOT_FOUND, said, kind="NetworkNotFound")
    if not network["external"]:
        said = f"Bad router request: Network {network['id']} is not an external network."
        raise Refused(http.BAD_REQUEST, said, kind="BadRequest")
    port = new_port(
        world,
        world.new_id("port"),
        network_id=network["id"],
        project_id="",
        created=world.now(),
        device_id=router,
        device_owner="network:router_gateway",
        port_security_enabled=False,
    )
    return {
        "network_id": network["id"],
        "external_fixed_ips": port["fixed_ips"],
        "enable_snat": True,
    }


@route("PUT", "/v2.0/routers/{id}/add_router_interface")
def add_interface(request: Request, world: World) -> Answer:
    """Hang a subnet on a router."""
    router = _own(request, world, "routers", request.parts["id"], "Router")
    wanted = request.document()
    subnet = _own(request, world, "subnets", wanted.get("subnet_id"), "Subnet")
    held = world["ports"].find(device_id=router["id"], device_owner=ROUTER)
    if any(fixed["subnet_id"] == subnet["id"] for port in held for fixed in port["fixed_ips"]):
        said = f"Bad router request: Router already has a port on subnet {subnet['id']}."
        raise Refused(http.BAD_REQUEST, said, kind="BadRequest")
    agent = next(world["agents"].find(binary="neutron-l3-agent"), None)
    port = new_port(
        world,
        world.new_id("port"),
        network_id=subnet["network_id"],
        project_id=router["project_id"],
        created=world.now(),
        device_id=router["id"],
        device_owner=ROUTER,
        host=agent["host"] if agent else "",
        port_security_enabled=False,
        fixed_ip=addresses.gateway(world, subnet["id"]),
    )
    return Answer(body=_interface(router, port))


def _interface(router: Row, port: Row) -> dict[str, Any]:
    subnet = port["fixed_ips"][0]["subnet_id"]
    return {
        "id": router["id"],
        "tenant_id": router["project_id"],
        "port_id": port["id"],
        "network_id": port["network_id"],
        "subnet_id": subnet,
        "subnet_ids": [subnet],
    }


@route("PUT", "/v2.0/routers/{id}/remove_router_interface")
def remove_interface(request: Request, world: World) -> Answer:
    """Take a subnet from a router, unless a floating IP needs it."""
    router = _own(request, world, "routers", request.parts["id"], "Router")
    wanted = request.document()
    held = list(world["ports"].find(device_id=router["id"], device_owner=ROUTER))
    port = next((p for p in held if _is_meant(p, wanted)), None)
    if port is None:
        said = f"Router {router['id']} doesn't have port with id {wanted.get('port_id')}."
        raise Refused(http.NOT_FOUND, said, kind="RouterInterfaceNotFound")
    inner = {p["id"] for p in world["ports"].find(network_id=port["network_id"])}
    if any(ip["port_id"] in inner for ip in world["floating_ips"]):
        subnet = port["fixed_ips"][0]["subnet_id"]
        said = f"Router interface for subnet {subnet} on router {router['id']} cannot be deleted, "
        more = "as it is required by one or more floating IPs."
        raise Refused(http.CONFLICT, f"{said}{more}", kind="RouterInterfaceInUseByFloatingIP")
    world["ports"].delete(port["id"])
    return Answer(body=_interface(router, port))


def _is_meant(port: Row, wanted: dict[str, Any]) -> bool:
    if wanted.get("port_id"):
        return bool(port["id"] == wanted["port_id"])
    return any(fixed["subnet_id"] == wanted.get("subnet_id") for fixed in port["fixed_ips"])


@route("DELETE", "/v2.0/routers/{id}")
def delete_router(request: Request, world: World) -> Answer:
    """Delete a router on which nothing hangs any more."""
    row = _own(request, world, "routers", request.parts["id"], "Router")
    own = row["id"]
    held = [port["id"] for port in world["ports"].find(device_id=own, device_owner=ROUTER)]
    if held:
        said = f"Router {own} has ports still attached: {', '.join(held)}"
        raise Refused(http.CONFLICT, said, kind="RouterInUse")
    for port in list(world["ports"].find(device_id=own)):
        world["ports"].delete(port["id"])
    world["routers"].delete(own)
    return Answer(status=http.NO_CONTENT)


def _own(request: Request, world: World, table: str, own: Any, name: str) -> Row:  # noqa: ANN401
    """Return what is there and one's own, or anybody's for administrators.

    Raises:
        Refused: 404, in Neutron's words; routers end theirs without a full stop.

    """
    _refuse_readers(request, f"update_{name.lower()}")
    row = world[table].get(str(own))
    who = request.who
    if row is None or not (who.admin or row["project_id"] == who.project_id):
        stop = "" if name == "Router" else "."
        said = f"{name} {own} could not be found{stop}"
        raise Refused(http.NOT_FOUND, said, kind=f"{name}NotFound")
    return row


def _refuse_readers(request: Request, rule: str) -> None:
    if not {"admin", "member"} & set(request.who.roles):
        raise denied(rule)
