# SPDX-License-Identifier: Apache-2.0
"""Compute: what Nova says of its services, hosts, servers and moves."""

from datetime import datetime
from typing import Any

from msgspec import field

from day2.model.tables import Row

# A migration in one of these still moves, or waits for the next step of a service.
MIGRATION_UNFINISHED = frozenset(
    {
        "accepted",
        "queued",
        "preparing",
        "pre-migrating",
        "migrating",
        "running",
        "post-migrating",
        "confirming",
        "reverting",
    }
)


class ComputeService(Row, frozen=True, kw_only=True):
    """One row of `os-services`; `status` is `UNKNOWN` when its cell cannot be asked (2.69)."""

    id: str | int = ""
    binary: str
    host: str
    status: str = ""
    state: str = ""
    zone: str = ""
    disabled_reason: str | None = None
    forced_down: bool = False
    updated_at: datetime | None = None


class HypervisorService(Row, frozen=True, kw_only=True):
    """The service behind a hypervisor."""

    host: str = ""
    id: str | int = ""
    disabled_reason: str | None = None


class Hypervisor(Row, frozen=True, kw_only=True):
    """One hypervisor; its sizes come from Placement (the API dropped them in 2.88)."""

    id: str | int
    hypervisor_hostname: str
    state: str = ""
    status: str = ""
    hypervisor_type: str = ""
    hypervisor_version: int | None = None
    service: HypervisorService = HypervisorService()


class ServerFault(Row, frozen=True, kw_only=True):
    """Why a server went to ERROR; `details` (a traceback) is not read."""

    code: int = 0
    message: str = ""
    created: datetime | None = None


class ServerOwnFault(Row, frozen=True, kw_only=True):
    """What the own page of a server in ERROR says where the list told no fault; None: nothing."""

    server_id: str
    fault: ServerFault | None = None


class ServerFlavor(Row, frozen=True, kw_only=True):
    """The flavor as the server was built with (2.47)."""

    original_name: str = ""
    vcpus: int = 0
    ram: int = 0
    disk: int = 0
    ephemeral: int = 0
    swap: int = 0
    extra_specs: dict[str, str] = {}


class VolumeId(Row, frozen=True, kw_only=True):
    """A volume attached to a server."""

    id: str
    delete_on_termination: bool = False


class Server(Row, frozen=True, kw_only=True):
    """One server of any project; in a cell that is down only the first five are known."""

    id: str
    status: str
    project_id: str = field(default="", name="tenant_id")
    created: datetime | None = None
    updated: datetime | None = None
    name: str = ""
    user_id: str = ""
    host: str | None = field(default=None, name="OS-EXT-SRV-ATTR:host")
    hypervisor_hostname: str | None = field(
        default=None, name="OS-EXT-SRV-ATTR:hypervisor_hostname"
    )
    vm_state: str | None = field(default=None, name="OS-EXT-STS:vm_state")
    task_state: str | None = field(default=None, name="OS-EXT-STS:task_state")
    power_state: int | None = field(default=None, name="OS-EXT-STS:power_state")
    availability_zone: str | None = field(default=None, name="OS-EXT-AZ:availability_zone")
    launched_at: datetime | None = field(default=None, name="OS-SRV-USG:launched_at")
    host_status: str | None = None
    flavor: ServerFlavor = ServerFlavor()
    image: Any = None
    volumes: list[VolumeId] = field(default=[], name="os-extended-volumes:volumes_attached")
    fault: ServerFault | None = None
    tags: list[str] = []
    locked: bool = False
    locked_reason: str | None = None
    pinned_availability_zone: str | None = None

    @property
    def image_id(self) -> str | None:
        """Return the image it was built from; None when it boots from a volume."""
        image = self.image
        found = image.get("id") if isinstance(image, dict) else None
        return found if isinstance(found, str) else None


class Migration(Row, frozen=True, kw_only=True):
    """One move of a server: live, cold, resize or evacuation."""

    id: int
    uuid: str = ""
    instance_uuid: str = ""
    status: str = ""
    migration_type: str | None = None
    source_compute: str | None = None
    dest_compute: str | None = None
    source_node: str | None = None
    dest_node: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    project_id: str | None = None
    user_id: str | None = None


class ActionEvent(Row, frozen=True, kw_only=True):
    """One part of an action as a service carried it out; `result` is None while it goes on."""

    event: str = ""
    start_time: datetime | None = None
    finish_time: datetime | None = None
    result: str | None = None
    host: str | None = None


class ServerAction(Row, frozen=True, kw_only=True):
    """One thing that was asked of a server; kept by Nova also when the server is gone."""

    action: str = ""
    request_id: str = ""
    user_id: str | None = None
    start_time: datetime | None = None
    message: str | None = None
    events: list[ActionEvent] = []


class Aggregate(Row, frozen=True, kw_only=True):
    """A host aggregate; its availability zone, where it has one, is in `metadata` as well."""

    id: int
    uuid: str = ""
    name: str = ""
    availability_zone: str | None = None
    hosts: list[str] = []
    metadata: dict[str, str] = {}


class ServerGroup(Row, frozen=True, kw_only=True):
    """An affinity or anti-affinity group; `rules` may let several members share a host (2.64)."""

    id: str
    name: str = ""
    policy: str = ""
    members: list[str] = []
    project_id: str = ""
    rules: dict[str, Any] = {}

    @property
    def per_host_max(self) -> int:
        """Return how many members of an anti-affinity group may be on one host."""
        given = self.rules.get("max_server_per_host")
        return given if isinstance(given, int) and given > 0 else 1


class Flavor(Row, frozen=True, kw_only=True):
    """A flavor, public or not."""

    id: str
    name: str = ""
    vcpus: int = 0
    ram: int = 0
    disk: int = 0
    ephemeral: int = field(default=0, name="OS-FLV-EXT-DATA:ephemeral")
    is_public: bool = field(default=True, name="os-flavor-access:is_public")
    extra_specs: dict[str, str] = {}


class Cell(Row, frozen=True, kw_only=True):
    """A Nova cell as far as the API tells: derived from services whose cell cannot be asked."""

    name: str
    up: bool
    hosts: list[str] = []
