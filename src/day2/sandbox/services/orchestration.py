# SPDX-License-Identifier: Apache-2.0
"""Orchestration, as Heat 2025.1 answers: the lists."""

from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.ids import hex_of
from day2.sandbox.paging import next_query, page
from day2.sandbox.routes import Listed, Service, keystone_401
from day2.sandbox.tables import Row
from day2.sandbox.timing import CINDER_DOWN_SECONDS, heartbeat, is_up, micro, zulu
from day2.sandbox.world import World

TITLES = {400: "Bad Request", 403: "Forbidden", 404: "Not Found"}
EXPLAINED = {
    400: "The server could not comply with the request since it is either malformed or otherwise "
    "incorrect.",
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
}


def _render(refused: Refused, request: Request) -> Answer:
    if refused.status == http.UNAUTHORIZED:
        return keystone_401(refused, request)
    body = {
        "code": refused.status,
        "title": TITLES.get(refused.status, "Error"),
        "explanation": EXPLAINED.get(refused.status, ""),
        "error": {"type": refused.kind, "traceback": None, "message": refused.message},
    }
    return Answer(status=refused.status, body=body)


def _denied(rule: str) -> Refused:
    return Refused(http.FORBIDDEN, f"You are not authorized to use {rule}.", kind="Forbidden")


SERVICE = Service(
    "orchestration",
    prefix="/orchestration",
    render=_render,
    denied=_denied,
    catalog=(Listed("orchestration", "heat", "/v1/%(tenant_id)s"),),
)
route = SERVICE.route


@route("GET", "", token=False)
@route("GET", "/", token=False)
def versions(request: Request, _world: World) -> Answer:
    """List the versions."""
    links = [{"rel": "self", "href": f"{request.base}/v1/"}]
    body = {"versions": [{"id": "v1.0", "status": "CURRENT", "links": links}]}
    return Answer(status=http.MULTIPLE_CHOICES, body=body)


@route("GET", "/v1/{project}/stacks")
def stacks(request: Request, world: World) -> Answer:
    """List the stacks of the caller's project, or of all."""
    everything = request.flag("global_tenant")
    if everything:
        SERVICE.require_admin(request, "stacks:global_index")
    own = request.who.project_id

    def keep(row: Row) -> bool:
        return everything or row["project"] == own

    if world["stacks"].get(request.first("marker")) is None:
        # A marker of nothing is read as none.
        request.query = [(key, value) for key, value in request.query if key != "marker"]
    rows, full = page(world["stacks"], request, keep, most=None, unknown=_unknown)
    body: dict[str, Any] = {"stacks": [_stack(request, world, row) for row in rows]}
    if full:
        href = request.url(request.path, next_query(request, rows[-1]))
        body["links"] = [{"rel": "next", "href": href}]
    return Answer(body=body)


@route("GET", "/v1/{project}/services")
def engines(request: Request, world: World) -> Answer:
    """List the engines: one per controller."""
    SERVICE.require_admin(request, "service:index")
    now = world.now()
    shown = []
    for host in world.scenario.hosts:
        if "control" not in host.roles:
            continue
        row = {"id": hex_of("engine", host.name), "dead_since": None}
        if host.dead:
            continue  # a dead engine's row is swept away by the others
        shown.append(
            {
                "id": row["id"],
                "binary": "heat-engine",
                "engine_id": row["id"],
                "host": host.name,
                "hostname": host.name,
                "topic": "engine",
                "report_interval": 60,
                "created_at": micro(world.started_at),
                "updated_at": micro(heartbeat(row, now)),
                "deleted_at": None,
                "status": "up" if is_up(row, now, CINDER_DOWN_SECONDS) else "down",
            }
        )
    return Answer(body={"services": shown})


@route("GET", "/v1/{project}/build_info")
def build_info(_request: Request, _world: World) -> Answer:
    """Say what was built: nobody knows."""
    return Answer(body={"api": {"revision": "unknown"}, "engine": {"revision": "unknown"}})


def _unknown(marker: str) -> Refused:
    said = f"The Stack ({marker}) could not be found."
    return Refused(http.NOT_FOUND, said, kind="EntityNotFound")


def _stack(request: Request, world: World, row: Row) -> dict[str, Any]:
    path = f"/v1/{row['project']}/stacks/{row['stack_name']}/{row['id']}"
    return {
        "id": row["id"],
        "links": [{"href": request.url(path), "rel": "self"}],
        "project": row["project"],
        "stack_name": row["stack_name"],
        "description": "",
        "stack_status": row["stack_status"],
        "stack_status_reason": row["stack_status_reason"],
        "creation_time": zulu(row["created_at"]),
        "updated_time": zulu(row["updated_at"]),
        "deletion_time": None,
        "stack_owner": "admin",
        "parent": None,
        "stack_user_project_id": hex_of("stack project", row["id"], world.scenario.seed),
        "tags": None,
    }
