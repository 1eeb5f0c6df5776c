# SPDX-License-Identifier: Apache-2.0
"""Servers: lists, creation and deletion, with what goes with them."""

import re
from collections.abc import Callable
from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.paging import links, page
from day2.sandbox.services import placement
from day2.sandbox.services.compute import build, states, views
from day2.sandbox.services.compute.service import ROWS_MAX, denied, only, route
from day2.sandbox.services.network_ports import remove_port
from day2.sandbox.tables import Row
from day2.sandbox.timing import micro, span
from day2.sandbox.world import World

NAME_MAX = 255
QUERY = (
    *("access_ip_v4", "access_ip_v6", "all_tenants", "auto_disk_config", "availability_zone"),
    *("changes-before", "changes-since", "config_drive", "created_at", "deleted", "description"),
    *("display_description", "display_name", "flavor", "host", "hostname", "image", "image_ref"),
    *("ip", "ip6", "kernel_id", "key_name", "launch_index", "launched_at", "limit", "locked"),
    *("locked_by", "marker", "name", "node", "not-tags", "not-tags-any", "power_state"),
    *("progress", "project_id", "ramdisk_id", "reservation_id", "root_device_name", "sort_dir"),
    *("sort_key", "status", "tags", "tags-any", "task_state", "tenant_id", "terminated_at"),
    *("user_id", "uuid", "vm_state"),
)


def _seen(request: Request) -> Callable[[Row], bool]:
    """Tell whose servers are listed, and which.

    Raises:
        Refused: when who is no administrator asks for those of all projects.

    """
    only(request, *QUERY)
    who = request.who
    everything = request.flag("all_tenants")
    if everything and not who.admin:
        detail = "detail" if request.path.endswith("/detail") else "index"
        raise denied(f"os_compute_api:servers:{detail}:get_all_tenants")
    project = request.first("project_id") or request.first("tenant_id")
    status, host = request.first("status"), request.first("host")
    own, image = request.first("uuid"), request.first("image")
    name = _pattern(request.first("name"))

    def keep(row: Row) -> bool:
        if not everything and row["project_id"] != who.project_id:
            return False
        if everything and project and row["project_id"] != project:
            return False
        if (own and row["id"] != own) or (image and row["image_id"] != image):
            return False
        if status and states.status_of(row) != status.upper():
            return False
        return bool(name.search(row["name"])) and (not host or row["host"] == host)

    return keep


def _pattern(text: str) -> re.Pattern[str]:
    """Read the filter of names: Nova gives it to its database as a regular expression."""
    try:
        return re.compile(text[:NAME_MAX])
    except re.error:
        raise Refused(http.BAD_REQUEST, "Invalid input for query parameters name.") from None


def _unknown(marker: str) -> Refused:
    return Refused(http.BAD_REQUEST, f"marker [{marker}] not found")


@route("GET", "/v2.1/servers")
def servers(request: Request, world: World) -> Answer:
    """List servers by name only."""
    rows, full = page(world["servers"], request, _seen(request), most=ROWS_MAX, unknown=_unknown)
    body: dict[str, Any] = {"servers": [views.server_short(request, row) for row in rows]}
    following = links(request, request.path, rows, full=full)
    return Answer(body=body | ({"servers_links": following} if following else {}))


@route("GET", "/v2.1/servers/detail")
def servers_detail(request: Request, world: World) -> Answer:
    """List servers; at most a thousand, whatever was asked for."""
    rows, full = page(world["servers"], request, _seen(request), most=ROWS_MAX, unknown=_unknown)
    body: dict[str, Any] = {"servers": [views.server(request, world, row) for row in rows]}
    following = links(request, request.path, rows, full=full)
    return Answer(body=body | ({"servers_links": following} if following else {}))


def row_of(request: Request, world: World) -> Row:
    """Return the server of the path, if the caller may see it.

    Raises:
        Refused: 404 otherwise; who may not see it does not learn that it is there.

    """
    own = request.parts["id"]
    row = world["servers"].get(own)
    if row is None or not (request.who.admin or row["project_id"] == request.who.project_id):
        raise Refused(http.NOT_FOUND, f"Instance {own} could not be found.")
    return row


@route("GET", "/v2.1/servers/{id}")
def server(request: Request, world: World) -> Answer:
    """Show a server."""
    shown = views.server(request, world, row_of(request, world), alone=True)
    return Answer(body={"server": shown})


@route("POST", "/v2.1/servers")
def create(request: Request, world: World) -> Answer:
    """Create servers: they boot after a while."""
    rows = build.create(request, world)
    first = rows[0]["id"]
    shown = {
        "id": first,
        "links": views.links(request, "servers", first),
        "OS-DCF:diskConfig": "MANUAL",
        "security_groups": [{"name": name} for name in rows[0]["security_groups"]],
        "adminPass": rows[0]["id"][:12],
    }
    return Answer(status=http.ACCEPTED, body={"server": shown})


def refuse_locked(request: Request, row: Row) -> None:
    """Refuse to touch a locked server: to everybody but administrators.

    Raises:
        Refused: when it is locked.

    """
    if row["locked_by"] is not None and not request.who.admin:
        raise Refused(http.CONFLICT, f"Instance {row['id']} is locked")


@route("DELETE", "/v2.1/servers/{id}")
def delete(request: Request, world: World) -> Answer:
    """Delete a server, with its own ports, its attachments and its allocations."""
    row = row_of(request, world)
    _refuse_readers(request)
    refuse_locked(request, row)
    states.change(world, row["id"], task_state="deleting")
    states.record(world, row, "delete", world.now(), None)
    seconds = span(world.scenario.timers.delete).total_seconds()
    world.later(seconds, lambda: remove(world, row["id"]))
    return Answer(status=http.NO_CONTENT)


def _refuse_readers(request: Request) -> None:
    if not {"admin", "member"} & set(request.who.roles):
        raise denied("os_compute_api:servers:delete")


def remove(world: World, own: str) -> None:
    """Take a server away with everything that is only there for it."""
    if world["servers"].get(own) is None:
        return
    for port in list(world["ports"].find(device_id=own)):
        if port["by_nova"]:
            remove_port(world, port["id"])
        else:
            world["ports"].change(port["id"], device_id="", device_owner="", host="", status="DOWN")
    for attachment in list(world["volume_attachments"].find(server_id=own)):
        states.detach(world, attachment)
    placement.release(world, own)
    for migration in list(world["migrations"].find(server_id=own)):
        placement.release(world, migration["uuid"])
    for group in list(world["server_groups"]):
        if own in group["members"]:
            kept = [member for member in group["members"] if member != own]
            world["server_groups"].change(group["id"], members=kept)
    world["servers"].delete(own)


@route("GET", "/v2.1/servers/{id}/os-instance-actions")
def actions(request: Request, world: World) -> Answer:
    """Show the history of a server; it outlives the server."""
    own = request.parts["id"]
    rows = [row for row in world["server_actions"] if row["server_id"] == own]
    if not rows:
        row_of(request, world)
    return Answer(body={"instanceActions": [_action(row) for row in rows]})


@route("GET", "/v2.1/servers/{id}/os-instance-actions/{request}")
def action(request: Request, world: World) -> Answer:
    """Show one moment of a server's history; the sandbox keeps no events below it."""
    own, wanted = request.parts["id"], request.parts["request"]
    row = world["server_actions"].get(wanted)
    if row is None or row["server_id"] != own:
        row_of(request, world)
        raise Refused(http.NOT_FOUND, f"Action for request_id {wanted} on instance {own} not found")
    return Answer(body={"instanceAction": {**_action(row), "events": []}})


def _action(row: Row) -> dict[str, Any]:
    return {
        "action": row["action"],
        "instance_uuid": row["server_id"],
        "request_id": row["id"],
        "user_id": row["user_id"],
        "project_id": row["project_id"],
        "start_time": micro(row["start_time"]),
        "message": row["message"],
        "updated_at": micro(row["updated_at"]),
    }


@route("GET", "/v2.1/servers/{id}/os-interface")
def interfaces(request: Request, world: World) -> Answer:
    """List the ports of a server."""
    row = row_of(request, world)
    shown = [
        {
            "net_id": port["network_id"],
            "port_id": port["id"],
            "mac_addr": port["mac_address"],
            "port_state": port["status"],
            "fixed_ips": port["fixed_ips"],
            "tag": None,
        }
        for port in world["ports"].find(device_id=row["id"])
    ]
    return Answer(body={"interfaceAttachments": shown})
