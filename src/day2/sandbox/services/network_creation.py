# SPDX-License-Identifier: Apache-2.0
"""Network: the making of ports and floating IPs."""

from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services import network_views as views
from day2.sandbox.services.network import denied, route
from day2.sandbox.services.network_ports import new_port
from day2.sandbox.services.network_quotas import COUNTED, QUOTAS
from day2.sandbox.tables import Row
from day2.sandbox.timing import NEUTRON_DOWN_SECONDS, is_up
from day2.sandbox.world import World

ROUTER = "network:router_interface"
SET_UP_SECONDS = 1


def _set_up(world: World, own: str) -> None:
    """Let the L3 agent set a floating IP up that still points somewhere, if an agent reports."""
    row = world["floating_ips"].get(own)
    now = world.now()
    agents = world["agents"].find(binary="neutron-l3-agent")
    if row and row["port_id"] and any(is_up(a, now, NEUTRON_DOWN_SECONDS) for a in agents):
        world["floating_ips"].change(own, status="ACTIVE", updated_at=now)


@route("POST", "/v2.0/ports")
def create_port(request: Request, world: World) -> Answer:
    """Make a port that belongs to nothing yet."""
    _refuse_readers(request, "create_port")
    wanted = request.document("port")
    network = _network(world, wanted.get("network_id"))
    project = _project(request, wanted, "port")
    own = network["project_id"] == project or network["shared"]
    if not request.who.admin and not own:
        raise Refused(
            http.NOT_FOUND, f"Network {network['id']} could not be found.", kind="NetworkNotFound"
        )
    _within_quota(world, project, "port")
    standard = world["security_groups"].find(project_id=project, name="default")
    row = new_port(
        world,
        world.new_id("port"),
        network_id=network["id"],
        project_id=project,
        created=world.now(),
        name=str(wanted.get("name") or ""),
        device_id=str(wanted.get("device_id") or ""),
        device_owner=str(wanted.get("device_owner") or ""),
        security_groups=wanted.get("security_groups") or [group["id"] for group in standard],
    )
    return Answer(status=http.CREATED, body={"port": views.port(world, row)})


@route("POST", "/v2.0/floatingips")
def create_floating_ip(request: Request, world: World) -> Answer:
    """Take an address of an external network, for a port or for later."""
    _refuse_readers(request, "create_floatingip")
    wanted = request.document("floatingip")
    network = _network(world, wanted.get("floating_network_id"))
    if not network["external"]:
        said = f"Bad floatingip request: Network {network['id']} is not a valid external network."
        raise Refused(http.BAD_REQUEST, said, kind="BadRequest")
    project = _project(request, wanted, "floatingip")
    _within_quota(world, project, "floatingip")
    own, now = world.new_id("floating_ip"), world.now()
    pointing = _pointing(world, network, wanted.get("port_id"))
    outer = new_port(
        world,
        world.new_id("port"),
        network_id=network["id"],
        project_id="",
        created=now,
        device_id=own,
        device_owner="network:floatingip",
        port_security_enabled=False,
    )
    row: dict[str, Any] = {
        "id": own,
        "project_id": project,
        "floating_ip_address": outer["fixed_ips"][0]["ip_address"],
        "floating_network_id": network["id"],
        "description": str(wanted.get("description") or ""),
        "tags": [],
        "created_at": now,
        "updated_at": now,
        **pointing,
    }
    world["floating_ips"].put(row)
    if row["router_id"]:
        world.later(SET_UP_SECONDS, lambda: _set_up(world, own))
    return Answer(status=http.CREATED, body={"floatingip": views.floating_ip(world, row)})


def _refuse_readers(request: Request, rule: str) -> None:
    if not {"admin", "member"} & set(request.who.roles):
        raise denied(rule)


def _network(world: World, own: Any) -> Row:  # noqa: ANN401 - JSON
    row = world["networks"].get(str(own))
    if row is None:
        raise Refused(http.NOT_FOUND, f"Network {own} could not be found.", kind="NetworkNotFound")
    return row


def _project(request: Request, wanted: dict[str, Any], one: str) -> str:
    """Return whose it will be: another project's only for administrators."""
    own = request.who.project_id
    given = str(wanted.get("project_id") or wanted.get("tenant_id") or own)
    if given != own and not request.who.admin:
        raise denied(f"create_{one}")
    return given


def _within_quota(world: World, project: str, one: str) -> None:
    limit = {**QUOTAS, **world.quotas.get(("network", project), {})}[one]
    used = sum(1 for _row in world[COUNTED[one]].find(project_id=project))
    if 0 <= limit <= used:
        said = f"Quota exceeded for resources: ['{one}']."
        raise Refused(http.CONFLICT, said, kind="OverQuota")


def _pointing(world: World, network: Row, port_id: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    if not port_id:
        return {"port_id": None, "router_id": None, "fixed_ip_address": None, "status": "DOWN"}
    port = world["ports"].get(str(port_id))
    if port is None:
        raise Refused(http.NOT_FOUND, f"Port {port_id} could not be found.", kind="PortNotFound")
    router = next(world["ports"].find(network_id=port["network_id"], device_owner=ROUTER), None)
    if router is None:
        inner = port["fixed_ips"][0]["subnet_id"] if port["fixed_ips"] else "None"
        said = f"External network {network['id']} is not reachable from subnet {inner}.  Therefore,"
        more = f" cannot associate Port {port['id']} with a Floating IP."
        kind = "ExternalGatewayForFloatingIPNotFound"
        raise Refused(http.NOT_FOUND, f"{said}{more}", kind=kind)
    return {
        "port_id": port["id"],
        "router_id": router["device_id"],
        "fixed_ip_address": port["fixed_ips"][0]["ip_address"],
        "status": "DOWN",
    }
