# SPDX-License-Identifier: Apache-2.0
"""Projects, users, application credentials."""

from lab.build.session import Session
from lab.world import Row


def project(session: Session, row: Row) -> None:
    """Create a project in which the lab's administrator may build."""
    identity = session.cloud().identity
    made = identity.create_project(
        name=row.name, domain_id="default", description=row.spec["description"]
    )
    admin = identity.find_user("admin")
    for role in ("admin", "member"):
        identity.assign_project_role_to_user(made, admin, identity.find_role(role))
    identity.assign_project_role_to_user(
        made, identity.find_user("day2-reader"), identity.find_role("reader")
    )


def user(session: Session, row: Row) -> None:
    """Create a person of a project."""
    identity = session.cloud().identity
    home = identity.find_project(row.project)
    made = identity.create_user(
        name=row.name,
        domain_id="default",
        default_project_id=home.id,
        password=session.facts.passwords["world_users_password"],
    )
    for role in row.spec["roles"]:
        identity.assign_project_role_to_user(home, made, identity.find_role(role))


def application_credential(session: Session, row: Row) -> None:
    """Create a credential as its user, for nobody else may."""
    cloud = session.cloud_of(row.spec["user"], row.project)
    cloud.identity.create_application_credential(
        user=cloud.current_user_id, name=row.name, roles=[{"name": "member"}]
    )


BUILDERS = {
    "project": project,
    "user": user,
    "application_credential": application_credential,
}
