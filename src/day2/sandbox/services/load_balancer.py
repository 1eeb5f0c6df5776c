# SPDX-License-Identifier: Apache-2.0
"""Octavia 2025.1: load balancers and their amphorae; recorded shapes, the lab has none."""

from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.paging import next_query, page
from day2.sandbox.routes import Listed, Service, keystone_401
from day2.sandbox.services import amphorae
from day2.sandbox.tables import Row
from day2.sandbox.world import World

ADMIN_RULE = "os_load-balancer_api:amphora:get_all"
NEWEST = 27


def _render(refused: Refused, request: Request) -> Answer:
    if refused.status == http.UNAUTHORIZED:
        return keystone_401(refused, request)
    body = {"faultcode": "Client", "faultstring": refused.message, "debuginfo": None}
    return Answer(status=refused.status, body=body)


def _denied(rule: str) -> Refused:
    return Refused(http.FORBIDDEN, f"Policy does not allow this request to be performed: {rule}")


SERVICE = Service(
    "load-balancer",
    prefix="/load-balancer",
    render=_render,
    denied=_denied,
    catalog=(Listed("load-balancer", "octavia"),),
)
route = SERVICE.route


@route("GET", "", token=False)
@route("GET", "/", token=False)
def versions(request: Request, _world: World) -> Answer:
    """List the versions: Octavia lists each minor one."""
    links = [{"href": f"{request.base}/v2", "rel": "self"}]
    rows = [
        {
            "id": f"v2.{minor}",
            "status": "CURRENT" if minor == NEWEST else "SUPPORTED",
            "updated": "2023-11-10T00:00:00Z",
            "links": links,
        }
        for minor in range(NEWEST + 1)
    ]
    return Answer(body={"versions": rows})


@route("GET", "/v2.0/lbaas/loadbalancers")
@route("GET", "/v2/lbaas/loadbalancers")
def load_balancers(request: Request, world: World) -> Answer:
    """List those of the caller's project; an administrator sees all."""
    who = request.who
    names = ("project_id", "name", "vip_address", "id")
    wanted = {name: request.first(name) for name in names if request.first(name)}

    def keep(row: Row) -> bool:
        seen = who.admin or row["project_id"] == who.project_id
        return seen and all(row[name] == value for name, value in wanted.items())

    rows, full = page(world["load_balancers"], request, keep, most=None, unknown=_unknown)
    return _listed(request, "loadbalancers", [_balancer(row) for row in rows], full=full)


@route("GET", "/v2.0/octavia/amphorae")
@route("GET", "/v2/octavia/amphorae")
def listed_amphorae(request: Request, world: World) -> Answer:
    """List the amphorae: for administrators."""
    SERVICE.require_admin(request, ADMIN_RULE)
    wanted = request.first("loadbalancer_id")

    def keep(row: Row) -> bool:
        return wanted in {"", row["loadbalancer_id"]}

    rows, full = page(world["amphorae"], request, keep, most=None, unknown=_unknown)
    return _listed(request, "amphorae", [_amphora(row) for row in rows], full=full)


@route("GET", "/v2.0/lbaas/loadbalancers/{id}")
@route("GET", "/v2/lbaas/loadbalancers/{id}")
def load_balancer(request: Request, world: World) -> Answer:
    """Show one."""
    own, who = request.parts["id"], request.who
    row = world["load_balancers"].get(own)
    if row is None or not (who.admin or row["project_id"] == who.project_id):
        raise Refused(http.NOT_FOUND, f"Load Balancer {own} not found.")
    return Answer(body={"loadbalancer": _balancer(row)})


@route("GET", "/v2.0/lbaas/loadbalancers/{id}/status")
@route("GET", "/v2/lbaas/loadbalancers/{id}/status")
def status_tree(request: Request, world: World) -> Answer:
    """Show it with all below it: the scenario gives it no listeners."""
    shown = load_balancer(request, world).body["loadbalancer"]
    names = ("id", "name", "operating_status", "provisioning_status")
    tree = {**{name: shown[name] for name in names}, "listeners": []}
    return Answer(body={"statuses": {"loadbalancer": tree}})


@route("GET", "/v2.0/octavia/amphorae/{id}")
@route("GET", "/v2/octavia/amphorae/{id}")
def amphora(request: Request, world: World) -> Answer:
    """Show one: for administrators."""
    SERVICE.require_admin(request, "os_load-balancer_api:amphora:get_one")
    return Answer(body={"amphora": _amphora(_amphora_of(request, world))})


@route("PUT", "/v2.0/octavia/amphorae/{id}/failover")
@route("PUT", "/v2/octavia/amphorae/{id}/failover")
def fail_over(request: Request, world: World) -> Answer:
    """Replace one by another, on another host; its balancer is immutable for as long."""
    SERVICE.require_admin(request, "os_load-balancer_api:amphora:put_failover")
    row = _amphora_of(request, world)
    balancer = world["load_balancers"].get(row["loadbalancer_id"])
    if balancer is None:
        raise Refused(http.NOT_FOUND, f"Load Balancer {row['loadbalancer_id']} not found.")
    if balancer["provisioning_status"] not in {"ACTIVE", "ERROR"}:
        own = balancer["id"]
        raise Refused(http.CONFLICT, f"Load Balancer {own} is immutable and cannot be updated.")
    amphorae.replace(world, row, balancer)
    return Answer(status=http.ACCEPTED)


def _amphora_of(request: Request, world: World) -> Row:
    own = request.parts["id"]
    row = world["amphorae"].get(own)
    if row is None:
        raise Refused(http.NOT_FOUND, f"Amphora {own} not found.")
    return row


@route("GET", "/v2.0/lbaas/quotas")
@route("GET", "/v2/lbaas/quotas")
def quotas(request: Request, _world: World) -> Answer:
    """List the quotas that differ from the standard: none does."""
    SERVICE.require_admin(request, "os_load-balancer_api:quota:get_all-global")
    return Answer(body={"quotas": [], "quotas_links": []})


def _listed(request: Request, key: str, rows: list[dict[str, Any]], *, full: bool) -> Answer:
    links = []
    if full and rows:
        href = request.url(request.path, next_query(request, rows[-1]))
        links = [{"rel": "next", "href": href}]
    return Answer(body={key: rows, f"{key}_links": links})


def _unknown(marker: str) -> Refused:
    return Refused(http.BAD_REQUEST, f"Validation failure: marker {marker} could not be found.")


def _balancer(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "description": "",
        "provisioning_status": row["provisioning_status"],
        "operating_status": row["operating_status"],
        "admin_state_up": True,
        "project_id": row["project_id"],
        "tenant_id": row["project_id"],
        "created_at": _moment(row["created_at"]),
        "updated_at": _moment(row["updated_at"]),
        "vip_address": row["vip_address"],
        "vip_port_id": row["vip_port_id"],
        "vip_subnet_id": row["vip_subnet_id"],
        "vip_network_id": row["vip_network_id"],
        "vip_qos_policy_id": None,
        "vip_vnic_type": "normal",
        "additional_vips": [],
        "provider": row["provider"],
        "flavor_id": None,
        "availability_zone": None,
        "listeners": [],
        "pools": [],
        "tags": [],
    }


def _amphora(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "loadbalancer_id": row["loadbalancer_id"],
        "compute_id": row["compute_id"],
        "lb_network_ip": row["lb_network_ip"],
        "vrrp_ip": row["vrrp_ip"],
        "ha_ip": row["ha_ip"],
        "vrrp_port_id": row["vrrp_port_id"],
        "ha_port_id": row["ha_port_id"],
        "cert_expiration": _moment(row["cert_expiration"]),
        "cert_busy": False,
        "role": row["role"],
        "status": row["status"],
        "vrrp_interface": "eth1",
        "vrrp_id": 1,
        "vrrp_priority": 100 if row["role"] == "MASTER" else 90,
        "cached_zone": "nova",
        "created_at": _moment(row["created_at"]),
        "updated_at": _moment(row["updated_at"]),
        "image_id": row["image_id"],
        "compute_flavor": row["compute_flavor"],
    }


def _moment(moment: Any) -> str | None:  # noqa: ANN401 - a moment or none
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%S}"
