# SPDX-License-Identifier: Apache-2.0
"""Network: quotas, with their use counted."""

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services.network import SERVICE, route
from day2.sandbox.world import World

QUOTAS = {
    "network": 100,
    "subnet": 100,
    "subnetpool": -1,
    "port": 500,
    "router": 10,
    "floatingip": 50,
    "rbac_policy": 10,
    "security_group": 10,
    "security_group_rule": 100,
    "trunk": -1,
}
COUNTED = {
    "network": "networks",
    "subnet": "subnets",
    "port": "ports",
    "router": "routers",
    "floatingip": "floating_ips",
    "security_group": "security_groups",
    "security_group_rule": "security_group_rules",
}


@route("GET", "/v2.0/quotas")
def quotas(request: Request, world: World) -> Answer:
    """List the quotas that differ from the standard: administrators only."""
    SERVICE.require_admin(request, "get_quota")
    shown = [
        {**QUOTAS, **limits, "project_id": project, "tenant_id": project}
        for (service, project), limits in world.quotas.items()
        if service == "network"
    ]
    return Answer(body={"quotas": shown})


def _quota_scope(request: Request) -> str:
    project = request.parts["project"]
    if not request.who.admin and project != request.who.project_id:
        said = "User does not have admin privileges: Only admin is authorized to access quotas for "
        raise Refused(http.FORBIDDEN, f"{said}another project.", kind="AdminRequired")
    return project


@route("GET", "/v2.0/quotas/{project}")
def quota(request: Request, world: World) -> Answer:
    """Show the quotas of a project."""
    limits = world.quotas.get(("network", _quota_scope(request)), {})
    return Answer(body={"quota": {**QUOTAS, **limits}})


@route("GET", "/v2.0/quotas/{project}/details")
def quota_details(request: Request, world: World) -> Answer:
    """Show the quotas of a project with their use."""
    project = _quota_scope(request)
    limits = {**QUOTAS, **world.quotas.get(("network", project), {})}
    shown = {}
    for name, limit in limits.items():
        table = COUNTED.get(name)
        used = sum(1 for _row in world[table].find(project_id=project)) if table else 0
        shown[name] = {"limit": limit, "used": used, "reserved": 0}
    return Answer(body={"quota": shown})
