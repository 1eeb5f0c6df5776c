# SPDX-License-Identifier: Apache-2.0
"""Flavors, server groups and key pairs."""

from collections.abc import Callable
from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.paging import limit_of, links, page
from day2.sandbox.services.compute import views
from day2.sandbox.services.compute.service import ROWS_MAX, only, route
from day2.sandbox.tables import Row
from day2.sandbox.world import World

GROUP_POLICY, GROUP_OWNER = (2, 64), (2, 13)
FLAVOR_DESCRIPTION, FLAVOR_SPECS = (2, 55), (2, 61)
FLAVOR_QUERY = ("is_public", "limit", "marker", "minDisk", "minRam", "sort_dir", "sort_key")
View = Callable[[Request, Row], dict[str, Any]]


@route("GET", "/v2.1/os-server-groups")
def server_groups(request: Request, world: World) -> Answer:
    """List the server groups of the caller's project; of all for administrators who ask."""
    only(request, "all_projects", "limit", "offset")
    limit = limit_of(request, ROWS_MAX)
    everything = request.who.admin and "all_projects" in dict(request.query)
    rows = [
        row
        for row in world["server_groups"]
        if everything or row["project_id"] == request.who.project_id
    ]
    return Answer(body={"server_groups": [_server_group(request, row) for row in rows[:limit]]})


@route("GET", "/v2.1/os-server-groups/{id}")
def server_group(request: Request, world: World) -> Answer:
    """Show a server group."""
    own = request.parts["id"]
    row = world["server_groups"].get(own)
    if row is None or not (request.who.admin or row["project_id"] == request.who.project_id):
        raise Refused(http.NOT_FOUND, f"Instance group {own} could not be found.")
    return Answer(body={"server_group": _server_group(request, row)})


def _server_group(request: Request, row: Row) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": row["id"], "name": row["name"], "members": row["members"]}
    if request.version >= GROUP_POLICY:
        shown |= {"policy": row["policy"], "rules": {}}
    else:
        shown |= {"policies": [row["policy"]], "metadata": {}}
    if request.version >= GROUP_OWNER:
        shown |= {"project_id": row["project_id"], "user_id": row["user_id"]}
    return shown


@route("GET", "/v2.1/flavors")
def flavors(request: Request, world: World) -> Answer:
    """List the flavors by name only."""
    return _flavors(request, world, _flavor_short)


@route("GET", "/v2.1/flavors/detail")
def flavors_detail(request: Request, world: World) -> Answer:
    """List the flavors."""
    return _flavors(request, world, _flavor)


def _flavors(request: Request, world: World, view: View) -> Answer:
    only(request, *FLAVOR_QUERY)
    private = request.who.admin and request.first("is_public").lower() == "none"

    def unknown(marker: str) -> Refused:
        return Refused(http.BAD_REQUEST, f"marker [{marker}] not found")

    def keep(row: Row) -> bool:
        return bool(private or row["is_public"])

    rows, full = page(world["flavors"], request, keep, most=ROWS_MAX, unknown=unknown)
    body: dict[str, Any] = {"flavors": [view(request, row) for row in rows]}
    following = links(request, request.path, rows, full=full)
    return Answer(body=body | ({"flavors_links": following} if following else {}))


@route("GET", "/v2.1/flavors/{id}")
def flavor(request: Request, world: World) -> Answer:
    """Show a flavor."""
    return Answer(body={"flavor": _flavor(request, _flavor_row(request, world))})


@route("GET", "/v2.1/flavors/{id}/os-extra_specs")
def flavor_specs(request: Request, world: World) -> Answer:
    """Show the specs of a flavor."""
    return Answer(body={"extra_specs": _flavor_row(request, world)["extra_specs"]})


def _flavor_row(request: Request, world: World) -> Row:
    row = world["flavors"].get(request.parts["id"])
    if row is None:
        raise Refused(http.NOT_FOUND, f"Flavor {request.parts['id']} could not be found.")
    return row


def _flavor_short(request: Request, row: Row) -> dict[str, Any]:
    own = row["id"]
    description = {"description": None} if request.version >= FLAVOR_DESCRIPTION else {}
    return {
        "id": own, "name": row["name"], "links": views.links(request, "flavors", own), **description
    }  # fmt: skip


def _flavor(request: Request, row: Row) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": row["id"],
        "name": row["name"],
        "ram": row["ram"],
        "disk": row["disk"],
        "swap": 0 if request.version >= (2, 75) else "",
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "OS-FLV-DISABLED:disabled": False,
        "vcpus": row["vcpus"],
        "os-flavor-access:is_public": row["is_public"],
        "rxtx_factor": 1.0,
        "links": views.links(request, "flavors", row["id"]),
    }
    if request.version >= FLAVOR_DESCRIPTION:
        shown["description"] = None
    if request.version >= FLAVOR_SPECS:
        shown["extra_specs"] = row["extra_specs"]
    return shown


@route("GET", "/v2.1/os-keypairs")
def keypairs(_request: Request, _world: World) -> Answer:
    """List key pairs: there are none."""
    return Answer(body={"keypairs": []})
