# SPDX-License-Identifier: Apache-2.0
"""Quotas and limits, with their use counted."""

from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services.compute import build
from day2.sandbox.services.compute.service import SERVICE, route
from day2.sandbox.world import World


def _quota_scope(request: Request, world: World, rule: str) -> str:
    project = request.parts["id"]
    if project != request.who.project_id:
        SERVICE.require_admin(request, f"os_compute_api:os-quota-sets:{rule}")
    if world["projects"].get(project) is None:
        raise Refused(http.BAD_REQUEST, f"Project ID {project} is not a valid project.")
    return project


@route("GET", "/v2.1/os-quota-sets/{id}")
def quotas(request: Request, world: World) -> Answer:
    """Show the quotas of a project."""
    project = _quota_scope(request, world, "show")
    return Answer(body={"quota_set": {"id": project, **build.quota_of(world, project)}})


@route("GET", "/v2.1/os-quota-sets/{id}/detail")
def quotas_detail(request: Request, world: World) -> Answer:
    """Show the quotas of a project with their use."""
    project = _quota_scope(request, world, "detail")
    used = build.usage(world, project)
    shown: dict[str, Any] = {
        name: {"limit": limit, "in_use": used.get(name, 0), "reserved": 0}
        for name, limit in build.quota_of(world, project).items()
    }
    return Answer(body={"quota_set": {"id": project, **shown}})


@route("GET", "/v2.1/limits")
def limits(request: Request, world: World) -> Answer:
    """Show the limits of the caller's project."""
    limits = build.quota_of(world, request.who.project_id)
    used = build.usage(world, request.who.project_id)
    absolute = {
        "maxTotalInstances": limits["instances"],
        "maxTotalCores": limits["cores"],
        "maxTotalRAMSize": limits["ram"],
        "maxServerMeta": limits["metadata_items"],
        "maxTotalKeypairs": limits["key_pairs"],
        "maxServerGroups": limits["server_groups"],
        "maxServerGroupMembers": limits["server_group_members"],
        "totalRAMUsed": used["ram"],
        "totalCoresUsed": used["cores"],
        "totalInstancesUsed": used["instances"],
        "totalServerGroupsUsed": used["server_groups"],
    }
    return Answer(body={"limits": {"rate": [], "absolute": absolute}})
