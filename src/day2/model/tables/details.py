# SPDX-License-Identifier: Apache-2.0
"""What is read of one subject only, when its story is told; no survey holds these."""

from datetime import datetime
from typing import Any

from msgspec import field

from day2.model.tables import Row
from day2.model.tables.network import NetworkAgent


class AgentDetail(NetworkAgent, frozen=True, kw_only=True):
    """An agent with what it says of its own configuration."""

    configurations: dict[str, Any] = {}

    @property
    def bridge_mappings(self) -> dict[str, str] | None:
        """Return the physical networks that it knows; None when it does not say."""
        found = self.configurations.get("bridge_mappings")
        return found if isinstance(found, dict) else None

    @property
    def tunnel_types(self) -> list[str] | None:
        """Return the kinds of tunnels that it builds; None when it does not say."""
        found = self.configurations.get("tunnel_types")
        return found if isinstance(found, list) else None


class PortBinding(Row, frozen=True, kw_only=True):
    """Where a port is bound, or was: a move that went wrong leaves an INACTIVE one behind."""

    host: str = ""
    status: str = ""
    vif_type: str = ""


class VolumeMessage(Row, frozen=True, kw_only=True):
    """What Cinder tells the user of an asynchronous failure (3.5)."""

    id: str
    event_id: str = ""
    user_message: str = ""
    message_level: str = ""
    resource_uuid: str = ""
    request_id: str = ""
    created_at: datetime | None = None


class Member(Row, frozen=True, kw_only=True):
    """One member of a pool of a load balancer."""

    id: str = ""
    name: str = ""
    address: str = ""
    protocol_port: int | None = None
    provisioning_status: str = ""
    operating_status: str = ""


class Pool(Row, frozen=True, kw_only=True):
    """One pool of a load balancer."""

    id: str = ""
    name: str = ""
    provisioning_status: str = ""
    operating_status: str = ""
    members: list[Member] = []


class Listener(Row, frozen=True, kw_only=True):
    """One listener of a load balancer."""

    id: str = ""
    name: str = ""
    provisioning_status: str = ""
    operating_status: str = ""
    pools: list[Pool] = []


class BalancerTree(Row, frozen=True, kw_only=True):
    """A load balancer with everything below it, as `loadbalancer status show` tells it."""

    id: str = ""
    provisioning_status: str = ""
    operating_status: str = ""
    listeners: list[Listener] = []


class BalancerTrees(Row, frozen=True, kw_only=True):
    """How Octavia wraps the tree."""

    loadbalancer: BalancerTree = BalancerTree()


class ImageDetail(Row, frozen=True, kw_only=True):
    """What an image says of imports beside what a survey reads."""

    id: str
    failed_import: str = field(default="", name="os_glance_failed_import")
    importing_to: str = field(default="", name="os_glance_importing_to_stores")
