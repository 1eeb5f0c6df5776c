# SPDX-License-Identifier: Apache-2.0
"""Keystone's content: what a deployment by Kolla-Ansible has, and what the scenario adds."""

from collections.abc import Iterable

from day2.sandbox.build.plot import Plot
from day2.sandbox.routes import Service

ROLES = ("admin", "manager", "member", "reader", "service", "heat_stack_owner", "heat_stack_user")
IMPLIED = {"admin": ("manager", "member", "reader"), "manager": ("member", "reader")} | {
    "member": ("reader",)
}
SERVICE_USERS = ("cinder", "glance", "heat", "neutron", "nova", "placement")
INTERFACES = ("public", "internal", "admin")
ACCOUNTS = ("admin", "reader", "member")
"""The users with a password: what clouds.yaml of the sandbox has entries for."""


def build(plot: Plot, services: Iterable[Service]) -> None:
    """Fill the tables of identity."""
    world = plot.world
    world["regions"].put({"id": world.scenario.region})
    world["domains"].put({"id": "default", "name": "Default", "description": "The default domain"})
    heat = plot.hex("domain", "heat")
    world["domains"].put({"id": heat, "name": "heat", "description": ""})
    for role in ROLES:
        world["roles"].put({"id": plot.hex("role", role), "name": role})
    _projects(plot)
    _users(plot)
    _catalog(plot, services)


def _projects(plot: Plot) -> None:
    bootstrap = "Bootstrap project for initializing the cloud."
    named = [("admin", bootstrap), ("service", "")]
    named += [(p.name, p.description) for p in plot.world.scenario.projects]
    for name, description in named:
        plot.world["projects"].put(
            {"id": plot.project(name), "name": name, "description": description}
        )


def _users(plot: Plot) -> None:
    scenario = plot.world.scenario
    first = scenario.projects[0].name if scenario.projects else "admin"
    _user(plot, "admin")
    _assign(plot, "admin", "admin", project="admin")
    _assign(plot, "admin", "admin", project="")
    _user(plot, "reader")
    _assign(plot, "reader", "reader", project="admin")
    _assign(plot, "reader", "reader", project="")
    _user(plot, "member", default_project=first)
    _assign(plot, "member", "member", project=first)
    _assign(plot, "member", "heat_stack_owner", project=first)
    for name in SERVICE_USERS:
        _user(plot, name)
        _assign(plot, name, "admin", project="service")
        _assign(plot, name, "service", project="service")
    domain = plot.hex("domain", "heat")
    _user(plot, "heat_domain_admin", domain=domain)
    for user in scenario.users:
        _user(plot, user.name, enabled=user.enabled, default_project=user.project)
        for role in user.roles:
            _assign(plot, user.name, role, project=user.project)
        for role in user.system_roles:
            _assign(plot, user.name, role, project="")


def _user(
    plot: Plot,
    name: str,
    *,
    domain: str = "default",
    enabled: bool = True,
    default_project: str | None = None,
) -> None:
    row = {"id": plot.user(name), "name": name, "domain_id": domain, "enabled": enabled}
    if default_project:
        row["default_project_id"] = plot.project(default_project)
    plot.world["users"].put(row)


def _assign(plot: Plot, user: str, role: str, *, project: str) -> None:
    """Give a role in a project, or in the system without one."""
    plot.world["role_assignments"].put(
        {
            "id": plot.hex("assignment", f"{user}/{role}/{project}"),
            "user_id": plot.user(user),
            "role_id": plot.hex("role", role),
            "project_id": plot.project(project) if project else None,
        }
    )


def _catalog(plot: Plot, services: Iterable[Service]) -> None:
    world = plot.world
    for service in services:
        for listed in service.catalog:
            service_id = plot.hex("service", listed.name)
            world["catalog_services"].put(
                {"id": service_id, "type": listed.type, "name": listed.name}
            )
            for interface in INTERFACES:
                world["endpoints"].put(
                    {
                        "id": plot.hex("endpoint", f"{listed.name}/{interface}"),
                        "service_id": service_id,
                        "interface": interface,
                        "url": f"{world.root}{service.prefix}{listed.path}",
                    }
                )
