# SPDX-License-Identifier: Apache-2.0
"""Identity: who may do what, and where the services answer."""

from datetime import datetime

from day2.model.tables import Row


class CatalogService(Row, frozen=True, kw_only=True):
    """One service of the catalogue."""

    id: str
    type: str = ""
    name: str = ""
    enabled: bool = True


class Endpoint(Row, frozen=True, kw_only=True):
    """One URL of one service."""

    id: str
    service_id: str = ""
    interface: str = ""
    url: str = ""
    region_id: str | None = None
    enabled: bool = True


class Domain(Row, frozen=True, kw_only=True):
    """One domain."""

    id: str
    name: str = ""
    enabled: bool = True


class Project(Row, frozen=True, kw_only=True):
    """One project."""

    id: str
    name: str = ""
    domain_id: str | None = None
    parent_id: str | None = None
    enabled: bool = True
    tags: list[str] = []


class User(Row, frozen=True, kw_only=True):
    """One user; `password_expires_at` None means never."""

    id: str
    name: str = ""
    domain_id: str = ""
    enabled: bool = True
    default_project_id: str | None = None
    password_expires_at: datetime | None = None


class Role(Row, frozen=True, kw_only=True):
    """One role."""

    id: str
    name: str = ""
    domain_id: str | None = None


class Ref(Row, frozen=True, kw_only=True):
    """A reference by id."""

    id: str


class ScopeSystem(Row, frozen=True, kw_only=True):
    """The system scope."""

    all: bool = False


class AssignmentScope(Row, frozen=True, kw_only=True):
    """Where an assignment holds: one of the three is set."""

    project: Ref | None = None
    domain: Ref | None = None
    system: ScopeSystem | None = None


class RoleAssignment(Row, frozen=True, kw_only=True):
    """Who has which role where; exactly one of `user` and `group` is set."""

    role: Ref
    scope: AssignmentScope = AssignmentScope()
    user: Ref | None = None
    group: Ref | None = None


class ApplicationCredential(Row, frozen=True, kw_only=True):
    """One application credential; its secret is known to nobody but its owner."""

    id: str
    name: str = ""
    user_id: str = ""
    project_id: str | None = None
    expires_at: datetime | None = None
    unrestricted: bool | None = None
