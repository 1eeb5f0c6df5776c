# SPDX-License-Identifier: Apache-2.0
"""Keystone's content: service users, the catalogue, heat's domain, the user that only reads."""

from typing import Any

from openstack.connection import Connection

from lab.facts import REGION, Facts

SERVICES = {
    "placement": ("placement", "placement", ""),
    "image": ("glance", "glance-api", ""),
    "compute": ("nova", "nova-api", "/v2.1"),
    "network": ("neutron", "neutron-server", ""),
    "volumev3": ("cinderv3", "cinder-api", "/v3/%(project_id)s"),
    "block-storage": ("cinder", "cinder-api", "/v3/%(project_id)s"),
    "orchestration": ("heat", "heat-api", "/v1/%(tenant_id)s"),
}
"""Service type: service name, process that answers, path."""

SERVICE_USERS = ("cinder", "glance", "heat", "neutron", "nova", "placement")
INTERFACES = ("public", "internal", "admin")


Cloud = Any
"""A connection of the SDK; its own types are unions over API versions that no lab has."""


def connect(facts: Facts, **auth: str) -> Cloud:
    """Log in as the administrator in project `admin`; `auth` overrides the user or the scope."""
    scope = {"project_name": "admin", "project_domain_name": "Default"}
    narrowed = "project_name" in auth or "system_scope" in auth
    return Connection(
        region_name=REGION,
        identity_api_version="3",
        auth={
            "auth_url": facts.url("keystone", "/v3"),
            "username": "admin",
            "password": facts.passwords["keystone_admin_password"],
            "user_domain_name": "Default",
            **({} if narrowed else scope),
            **auth,
        },
    )


def create_catalog(facts: Facts) -> None:
    """Create everything once, right after keystone's bootstrap."""
    identity = connect(facts).identity
    service = identity.find_role("service")
    admin = identity.find_role("admin")
    project = identity.create_project(name="service", domain_id="default")
    for name in SERVICE_USERS:
        password = facts.passwords[f"{name}_keystone_password"]
        user = identity.create_user(name=name, password=password, domain_id="default")
        for role in (admin, service):
            identity.assign_project_role_to_user(project, user, role)
    for kind, (name, process, path) in SERVICES.items():
        created = identity.create_service(type=kind, name=name)
        for interface in INTERFACES:
            identity.create_endpoint(
                service_id=created.id,
                interface=interface,
                url=facts.url(process, path),
                region_id=REGION,
            )
    domain = identity.create_domain(name="heat")
    password = facts.passwords["heat_domain_admin_password"]
    user = identity.create_user(name="heat_domain_admin", password=password, domain_id=domain.id)
    identity.assign_domain_role_to_user(domain, user, admin)
    for name in ("heat_stack_owner", "heat_stack_user"):
        identity.create_role(name=name)
    _create_reader(facts, connect(facts))


def _create_reader(facts: Facts, cloud: Cloud) -> None:
    """Create `day2-reader`, who may look at everything and change nothing."""
    identity = cloud.identity
    password = facts.passwords["day2_reader_password"]
    user = identity.create_user(name="day2-reader", password=password, domain_id="default")
    reader = identity.find_role("reader")
    project = identity.find_project("admin")
    identity.assign_project_role_to_user(project, user, reader)
    identity.assign_system_role_to_user(user, reader, "all")
