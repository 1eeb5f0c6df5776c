# SPDX-License-Identifier: Apache-2.0
"""Services that not every cloud has: at least state and owner of what they keep."""

from datetime import datetime

from day2.model.tables import Row


class Stack(Row, frozen=True, kw_only=True):
    """One Heat stack of any project (nested ones are not listed)."""

    id: str
    stack_name: str = ""
    stack_status: str = ""
    stack_status_reason: str = ""
    project: str | None = None
    creation_time: datetime | None = None
    updated_time: datetime | None = None


class LoadBalancer(Row, frozen=True, kw_only=True):
    """One Octavia load balancer."""

    id: str
    name: str = ""
    project_id: str = ""
    provisioning_status: str = ""
    operating_status: str = ""
    provider: str | None = None
    vip_address: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Amphora(Row, frozen=True, kw_only=True):
    """One amphora: a server that carries a load balancer."""

    id: str
    loadbalancer_id: str | None = None
    compute_id: str | None = None
    status: str = ""
    role: str | None = None
    cert_expiration: datetime | None = None
    image_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Zone(Row, frozen=True, kw_only=True):
    """One Designate zone."""

    id: str
    name: str = ""
    project_id: str = ""
    status: str = ""
    action: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Share(Row, frozen=True, kw_only=True):
    """One Manila share."""

    id: str
    name: str | None = None
    project_id: str = ""
    status: str = ""
    size: int = 0
    host: str | None = None
    created_at: datetime | None = None


class Cluster(Row, frozen=True, kw_only=True):
    """One Magnum cluster."""

    uuid: str
    name: str = ""
    project_id: str | None = None
    status: str | None = None
    health_status: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class BaremetalNode(Row, frozen=True, kw_only=True):
    """One Ironic node."""

    uuid: str
    name: str | None = None
    provision_state: str | None = None
    power_state: str | None = None
    maintenance: bool = False
    maintenance_reason: str | None = None
    owner: str | None = None
    instance_uuid: str | None = None
    last_error: str | None = None


class QuotaUse(Row, frozen=True, kw_only=True):
    """One quota of one project: `limit` None means without limit."""

    service: str
    project_id: str
    resource: str
    limit: int | None
    in_use: int
    reserved: int = 0
