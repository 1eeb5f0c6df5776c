# SPDX-License-Identifier: Apache-2.0
"""Flavors, server groups and key pairs."""

from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.paging import page
from day2.sandbox.services.compute import views
from day2.sandbox.services.compute.service import ROWS_MAX, route
from day2.sandbox.tables import Row
from day2.sandbox.world import World

GROUP_POLICY, GROUP_OWNER = (2, 64), (2, 13)
FLAVOR_DESCRIPTION, FLAVOR_SPECS = (2, 55), (2, 61)


@route("GET", "/v2.1/os-server-groups")
def server_groups(request: Request, world: World) -> Answer:
    """List the server groups of the caller's project; of all for administrators who ask."""
    everything = request.who.admin and "all_projects" in dict(request.query)
    shown = [
        {
            "id": row["id"],
            "name": row["name"],
            **(
                {"policy": row["policy"], "rules": {}}
                if request.version >= GROUP_POLICY
                else {"policies": [row["policy"]], "metadata": {}}
            ),
            "members": row["members"],
            **(
                {"project_id": row["project_id"], "user_id": row["user_id"]}
                if request.version >= GROUP_OWNER
                else {}
            ),
        }
        for row in world["server_groups"]
        if everything or row["project_id"] == request.who.project_id
    ]
    return Answer(body={"server_groups": shown})


@route("GET", "/v2.1/flavors")
def flavors(request: Request, world: World) -> Answer:
    """List the flavors by name only."""
    rows = _flavors(request, world)
    return Answer(body={"flavors": [_flavor_short(request, row) for row in rows]})


@route("GET", "/v2.1/flavors/detail")
def flavors_detail(request: Request, world: World) -> Answer:
    """List the flavors."""
    rows = _flavors(request, world)
    return Answer(body={"flavors": [_flavor(request, row) for row in rows]})


def _flavors(request: Request, world: World) -> list[Row]:
    private = request.who.admin and request.first("is_public").lower() == "none"

    def unknown(marker: str) -> Refused:
        return Refused(http.BAD_REQUEST, f"marker [{marker}] not found")

    def keep(row: Row) -> bool:
        return bool(private or row["is_public"])

    return page(world["flavors"], request, keep, most=ROWS_MAX, unknown=unknown)[0]


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
