# SPDX-License-Identifier: Apache-2.0
"""Network, as Neutron 2025.1 with ML2/OVS answers: lists that are cut for who is no admin."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.paging import next_query, page
from day2.sandbox.routes import Listed, Service, keystone_401
from day2.sandbox.services import network_views as views
from day2.sandbox.services.network_finding import narrowed
from day2.sandbox.services.network_ports import remove_port
from day2.sandbox.tables import Row
from day2.sandbox.world import World

HIDDEN = (
    "binding:host_id",
    "binding:profile",
    "binding:vif",
    "provider:",
    "resource_req",
)
HIDDEN_OF_ROUTERS = frozenset({"distributed", "ha"})
# What may be filtered by that is no field, or not of this name.
ALSO_FILTERS = frozenset(
    {"changed_since", "fixed_ips", "ip_version", "not-tags", "not-tags-any", "tags", "tags-any"}
)
STEERING = frozenset(
    {"limit", "marker", "fields", "page_reverse", "sort_key", "sort_dir", "retry_on_request"}
)


def _render(refused: Refused, request: Request) -> Answer:
    if refused.status == http.UNAUTHORIZED:
        return keystone_401(refused, request)
    if request.path and not request.path.startswith("/v2.0"):
        body: dict[str, Any] = {"code": refused.status, "title": "Not Found", "description": None}
        return Answer(status=refused.status, body=body)
    kind = refused.kind or "BadRequest"
    error = {"type": kind, "message": refused.message, "detail": ""}
    return Answer(status=refused.status, body={"NeutronError": error})


def denied(rule: str) -> Refused:
    """Refuse a rule in Neutron's words."""
    said = f"rule:{rule} is disallowed by policy"
    return Refused(http.FORBIDDEN, said, kind="PolicyNotAuthorized")


SERVICE = Service(
    "network",
    prefix="/networking",
    render=_render,
    denied=denied,
    catalog=(Listed("network", "neutron"),),
)
route = SERVICE.route
View = Callable[[World, Row], dict[str, Any]]


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One collection: its key, table and view, and what a caller without admin sees of it.

    `admin` lists are empty for the others; otherwise they see their own and what `open` lets.
    `marker` is what becomes of one that names nothing; some lists are never paged.
    """

    key: str
    one: str
    table: str
    view: View
    error: str
    admin: bool = False
    marker: Literal["refused", "as none", "nothing"] = "as none"
    paged: bool = True
    open: Callable[[World, Row, str], bool] | None = None


def _open_network(_world: World, row: Row, _project: str) -> bool:
    return bool(row["shared"] or row["external"])


def _of_open_network(world: World, row: Row, _project: str) -> bool:
    return _open_network(world, world.require("networks", row["network_id"]), _project)


def _on_own_network(world: World, row: Row, project: str) -> bool:
    """Who owns a network sees every port on it."""
    return bool(world.require("networks", row["network_id"])["project_id"] == project)


RESOURCES = (
    Resource(
        key="networks",
        one="network",
        table="networks",
        view=views.network,
        error="NetworkNotFound",
        marker="refused",
        open=_open_network,
    ),
    Resource(
        key="subnets",
        one="subnet",
        table="subnets",
        view=views.subnet,
        error="SubnetNotFound",
        open=_of_open_network,
    ),
    Resource(
        key="ports",
        one="port",
        table="ports",
        view=views.port,
        error="PortNotFound",
        marker="refused",
        open=_on_own_network,
    ),
    Resource(
        key="agents",
        one="agent",
        table="agents",
        view=views.agent,
        error="AgentNotFound",
        admin=True,
        paged=False,
    ),
    Resource(
        key="routers",
        one="router",
        table="routers",
        view=views.router,
        error="RouterNotFound",
        marker="refused",
    ),
    Resource(
        key="floatingips",
        one="floatingip",
        table="floating_ips",
        view=views.floating_ip,
        error="FloatingIPNotFound",
    ),
    Resource(
        key="security_groups",
        one="security_group",
        table="security_groups",
        view=views.security_group,
        error="SecurityGroupNotFound",
    ),
    Resource(
        key="security_group_rules",
        one="security_group_rule",
        table="security_group_rules",
        view=views.security_group_rule,
        error="SecurityGroupRuleNotFound",
    ),
    Resource(
        key="network_ip_availabilities",
        one="network_ip_availability",
        table="networks",
        view=views.availability,
        error="NetworkNotFound",
        admin=True,
        marker="nothing",
    ),
)
BY_KEY = {resource.key: resource for resource in RESOURCES}


@route("GET", "", token=False)
@route("GET", "/", token=False)
def versions(request: Request, _world: World) -> Answer:
    """List the versions."""
    links = [{"rel": "self", "href": f"{request.base}/v2.0/"}]
    return Answer(body={"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]})


@route("GET", "/v2.0/")
def index(request: Request, _world: World) -> Answer:
    """List the collections."""
    names = {"network": "networks", "subnet": "subnets", "port": "ports"}
    shown = [
        {
            "name": name,
            "collection": key,
            "links": [{"rel": "self", "href": request.url(f"/v2.0/{key}")}],
        }
        for name, key in names.items()
    ]
    return Answer(body={"resources": shown})


def _seen(request: Request, world: World, resource: Resource, row: Row) -> bool:
    who = request.who
    if who.admin:
        return True
    if resource.admin:
        return False
    own: bool = row["project_id"] == who.project_id
    return own or (resource.open is not None and resource.open(world, row, who.project_id))


def _narrow(request: Request, shown: dict[str, Any]) -> dict[str, Any]:
    """Leave out what only administrators see, and what was not asked for."""
    if not request.who.admin:
        shown = {key: value for key, value in shown.items() if not _is_hidden(key)}
    fields = set(request.all("fields"))
    return {k: v for k, v in shown.items() if k in fields} if fields else shown


def _is_hidden(key: str) -> bool:
    return key.startswith(HIDDEN) or key in HIDDEN_OF_ROUTERS


def _listed(request: Request, world: World, resource: Resource) -> Answer:
    filters: dict[str, set[str]] = {}
    for key, value in request.query:
        if key not in STEERING:
            filters.setdefault(key, set()).add(value)
    _refuse_unknown(world, resource, filters.keys())
    if not request.first("limit") or not resource.paged:
        request.query = [(k, v) for k, v in request.query if k not in {"limit", "marker"}]
    marker = request.first("marker")
    if marker and world[resource.table].get(marker) is None:
        if resource.marker == "nothing":
            return Answer(body={resource.key: [], f"{resource.key}_links": []})
        if resource.marker == "as none":
            request.query = [(k, v) for k, v in request.query if k != "marker"]

    def keep(row: Row) -> bool:
        if not _seen(request, world, resource, row):
            return False
        return not filters or _passes(resource.view(world, row), filters)

    def unknown(marker: str) -> Refused:
        return _missing(resource, marker)

    table = narrowed(world[resource.table], filters)
    rows, full = page(table, request, keep, most=None, unknown=unknown, zero_is_all=True)
    shown = [_narrow(request, resource.view(world, row)) for row in rows]
    body: dict[str, Any] = {resource.key: shown}
    if request.first("limit") and rows:
        path = request.path
        back = [(k, v) for k, v in request.query if k not in {"marker", "page_reverse"}]
        before = [*back, ("marker", rows[0]["id"]), ("page_reverse", "True")]
        links = [{"rel": "previous", "href": request.url(path, before)}]
        if full:
            following = request.url(path, next_query(request, rows[-1]))
            links.insert(0, {"rel": "next", "href": following})
        body[f"{resource.key}_links"] = links
    return Answer(body=body)


def _refuse_unknown(world: World, resource: Resource, names: Iterable[str]) -> None:
    """Refuse a filter by what the resource does not have; an empty table cannot tell."""
    first = next(iter(world[resource.table]), None)
    known = ALSO_FILTERS | (resource.view(world, first).keys() if first else set(names))
    others = sorted(set(names) - known)
    if others:
        said = f"{others} is invalid attribute for filtering"
        raise Refused(http.BAD_REQUEST, said, kind="HTTPBadRequest")


def _passes(shown: dict[str, Any], filters: dict[str, set[str]]) -> bool:
    for key, wanted in filters.items():
        if key == "fixed_ips" or key not in shown:
            continue
        found = shown[key]
        said = {"True": True, "true": True, "False": False, "false": False}
        if isinstance(found, bool):
            if not any(said.get(value) is found for value in wanted):
                return False
        elif str(found if found is not None else "") not in wanted:
            return False
    return True


def _missing(resource: Resource, own: str) -> Refused:
    names = {"floatingip": "Floating IP", "security_group": "Security group"}
    name = names.get(resource.one, resource.one.replace("_", " ").capitalize())
    verb = "does not exist" if resource.one == "security_group" else "could not be found"
    return Refused(http.NOT_FOUND, f"{name} {own} {verb}.", kind=resource.error)


def _row(request: Request, world: World, resource: Resource) -> Row:
    own = request.parts["id"]
    row = world[resource.table].get(own)
    if row is None or not _seen(request, world, resource, row):
        raise _missing(resource, own)
    return row


def _declare(resource: Resource) -> None:
    path = f"/v2.0/{resource.key.replace('_', '-')}"

    @route("GET", path)
    def listed(request: Request, world: World) -> Answer:
        return _listed(request, world, resource)

    @route("GET", f"{path}/{{id}}")
    def shown(request: Request, world: World) -> Answer:
        view = resource.view(world, _row(request, world, resource))
        return Answer(body={resource.one: _narrow(request, view)})


for _resource in RESOURCES:
    _declare(_resource)


@route("DELETE", "/v2.0/ports/{id}")
def delete_port(request: Request, world: World) -> Answer:
    """Delete a port; those that routers hold are theirs to give up."""
    row = _row(request, world, BY_KEY["ports"])
    owner = row["device_owner"]
    if owner.startswith("network:router") or owner == "network:floatingip":
        said = f"Port {row['id']} cannot be deleted directly via the port API: has device owner "
        raise Refused(http.CONFLICT, f"{said}{owner}.", kind="ServicePortInUse")
    remove_port(world, row["id"])
    return Answer(status=http.NO_CONTENT)


@route("DELETE", "/v2.0/floatingips/{id}")
def delete_floating_ip(request: Request, world: World) -> Answer:
    """Delete a floating IP, and the port that holds its address."""
    row = _row(request, world, BY_KEY["floatingips"])
    world["floating_ips"].delete(row["id"])
    for outer in list(world["ports"].find(device_id=row["id"])):
        world["ports"].delete(outer["id"])
    return Answer(status=http.NO_CONTENT)


@route("DELETE", "/v2.0/networks/{id}")
def delete_network(request: Request, world: World) -> Answer:
    """Delete a network with nothing on it but Neutron's own DHCP ports."""
    row = _row(request, world, BY_KEY["networks"])
    own = row["id"]
    if not request.who.admin and row["project_id"] != request.who.project_id:
        raise denied("delete_network")
    ports = list(world["ports"].find(network_id=own))
    if any(port["device_owner"] != "network:dhcp" for port in ports):
        said = f"Unable to complete operation on network {own}. There are one or more ports still "
        raise Refused(http.CONFLICT, f"{said}in use on the network.", kind="NetworkInUse")
    for port in ports:
        world["ports"].delete(port["id"])
    for subnet in list(world["subnets"].find(network_id=own)):
        world["subnets"].delete(subnet["id"])
    world["networks"].delete(own)
    return Answer(status=http.NO_CONTENT)


@route("GET", "/v2.0/availability_zones")
def zones(_request: Request, _world: World) -> Answer:
    """List the zones of agents."""
    rows = [{"state": "available", "name": "nova", "resource": r} for r in ("network", "router")]
    return Answer(body={"availability_zones": rows})


@route("GET", "/v2.0/extensions")
def extensions(_request: Request, _world: World) -> Answer:
    """List the extensions that the sandbox has something of."""
    return Answer(body={"extensions": [views.extension(alias) for alias in views.EXTENSIONS]})


@route("GET", "/v2.0/extensions/{alias}")
def extension(request: Request, _world: World) -> Answer:
    """Show one extension."""
    alias = request.parts["alias"]
    if alias not in views.EXTENSIONS:
        said = f"Extension with alias {alias} does not exist"
        raise Refused(http.NOT_FOUND, said, kind="HTTPNotFound")
    return Answer(body={"extension": views.extension(alias)})
