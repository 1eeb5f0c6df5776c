# SPDX-License-Identifier: Apache-2.0
"""Identity: the lists of who and what is known; most are for administrators."""

from collections.abc import Callable, Iterable
from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services.identity import SERVICE, domain_ref, give, route
from day2.sandbox.tables import Row
from day2.sandbox.world import World

View = Callable[[World, Request, Row], dict[str, Any]]


def collection(request: Request, world: World, key: str, rows: Iterable[Row], view: View) -> Answer:
    """Answer a list; Keystone's filters are equality on what it shows."""
    filters = {k: v for k, v in request.query if k in {"name", "type", "domain_id", "interface"}}
    if request.first("enabled"):
        filters["enabled"] = str(request.flag("enabled"))
    shown = [view(world, request, row) for row in rows]
    kept = [s for s in shown if all(str(s.get(k)) == v for k, v in filters.items() if k in s)]
    links = {"next": None, "self": request.url(request.path, request.query), "previous": None}
    return give({key: kept, "links": links})


def links_of(request: Request, collection: str, row: Row) -> dict[str, str]:
    """Link to one thing of a collection."""
    return {"self": f"{request.base}/v3/{collection}/{row['id']}"}


def _service_view(_world: World, request: Request, row: Row) -> dict[str, Any]:
    links = links_of(request, "services", row)
    return {
        "name": row["name"], "id": row["id"], "type": row["type"], "enabled": True, "links": links
    }  # fmt: skip


def _endpoint_view(world: World, request: Request, row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "interface": row["interface"],
        "region_id": world.scenario.region,
        "service_id": row["service_id"],
        "url": row["url"],
        "enabled": True,
        "region": world.scenario.region,
        "links": links_of(request, "endpoints", row),
    }


def _region_view(_world: World, request: Request, row: Row) -> dict[str, Any]:
    links = links_of(request, "regions", row)
    return {"id": row["id"], "description": "", "parent_region_id": None, "links": links}


def _domain_view(_world: World, request: Request, row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "enabled": True,
        "tags": [],
        "options": {},
        "links": links_of(request, "domains", row),
    }


def _project_view(_world: World, request: Request, row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "domain_id": "default",
        "description": row["description"],
        "enabled": True,
        "parent_id": "default",
        "is_domain": False,
        "tags": [],
        "options": {},
        "links": links_of(request, "projects", row),
    }


def _user_view(_world: World, request: Request, row: Row) -> dict[str, Any]:
    default = row.get("default_project_id")
    return {
        "id": row["id"],
        "name": row["name"],
        "domain_id": row["domain_id"],
        "enabled": row["enabled"],
        **({"default_project_id": default} if default else {}),
        "password_expires_at": None,
        "options": {},
        "links": links_of(request, "users", row),
    }


def _role_view(_world: World, request: Request, row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "domain_id": None,
        "description": None,
        "options": {},
        "links": links_of(request, "roles", row),
    }


def _assignment_view(world: World, request: Request, row: Row) -> dict[str, Any]:
    project = row["project_id"]
    where = f"projects/{project}" if project else "system"
    path = f"{where}/users/{row['user_id']}/roles/{row['role_id']}"
    scope: dict[str, Any] = {"project": {"id": project}} if project else {"system": {"all": True}}
    view = {
        "links": {"assignment": f"{request.base}/v3/{path}"},
        "scope": scope,
        "user": {"id": row["user_id"]},
        "role": {"id": row["role_id"]},
    }
    if request.flag("include_names"):
        default = domain_ref(world, "default")
        view["user"] |= {"name": world.require("users", row["user_id"])["name"], "domain": default}
        view["role"] |= {"name": world.require("roles", row["role_id"])["name"]}
        if project:
            named = {"name": world.require("projects", project)["name"], "domain": default}
            scope["project"] |= named
    return view


LISTS: tuple[tuple[str, str, str, str, View], ...] = (
    ("services", "catalog_services", "identity:list_services", "service", _service_view),
    ("endpoints", "endpoints", "identity:list_endpoints", "endpoint", _endpoint_view),
    ("domains", "domains", "identity:list_domains", "domain", _domain_view),
    ("projects", "projects", "identity:list_projects", "project", _project_view),
    ("users", "users", "identity:list_users", "user", _user_view),
    ("roles", "roles", "identity:list_roles", "role", _role_view),
)


def _own(request: Request, one: str) -> str:
    """Return the id that everybody may look at: oneself, and the project one is in."""
    return {"user": request.who.user_id, "project": request.who.project_id}.get(one, "")


def _declare(path: str, table: str, rule: str, one: str, view: View) -> None:
    @route("GET", f"/v3/{path}")
    def listed(request: Request, world: World) -> Answer:
        SERVICE.require_admin(request, rule)
        return collection(request, world, path, world[table], view)

    @route("GET", f"/v3/{path}/{{id}}")
    def shown(request: Request, world: World) -> Answer:
        if request.parts["id"] != _own(request, one):
            SERVICE.require_admin(request, f"identity:get_{one}")
        row = world[table].get(request.parts["id"])
        if row is None:
            raise Refused(http.NOT_FOUND, f"Could not find {one}: {request.parts['id']}.")
        return give({one: view(world, request, row)})


for _entry in LISTS:
    _declare(*_entry)


@route("GET", "/v3/regions")
def regions(request: Request, world: World) -> Answer:
    """List the regions: everybody may."""
    return collection(request, world, "regions", world["regions"], _region_view)


@route("GET", "/v3/groups")
def groups(request: Request, world: World) -> Answer:
    """List the groups: there are none."""
    SERVICE.require_admin(request, "identity:list_groups")
    return collection(request, world, "groups", (), _role_view)


@route("GET", "/v3/role_assignments")
def role_assignments(request: Request, world: World) -> Answer:
    """List who has which role where."""
    SERVICE.require_admin(request, "identity:list_role_assignments")
    wanted = {
        key: request.first(name)
        for key, name in {
            "user_id": "user.id", "role_id": "role.id", "project_id": "scope.project.id"
        }.items()
        if request.first(name)
    }  # fmt: skip
    rows = world["role_assignments"].find(**wanted)
    return collection(request, world, "role_assignments", rows, _assignment_view)


@route("GET", "/v3/auth/projects")
def own_projects(request: Request, world: World) -> Answer:
    """List the projects in which the caller has a role."""
    own = world["role_assignments"].find(user_id=request.who.user_id)
    ids = dict.fromkeys(row["project_id"] for row in own if row["project_id"])
    rows = [world.require("projects", key) for key in ids]
    return collection(request, world, "projects", rows, _project_view)
