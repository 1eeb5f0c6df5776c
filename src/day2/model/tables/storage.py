# SPDX-License-Identifier: Apache-2.0
"""Block storage and images."""

from datetime import datetime
from typing import Any

from msgspec import field

from day2.model.tables import Row


class VolumeService(Row, frozen=True, kw_only=True):
    """One row of Cinder's `os-services`; `host` is `host@backend` for cinder-volume."""

    binary: str
    host: str
    status: str = ""
    state: str = ""
    zone: str = ""
    disabled_reason: str | None = None
    updated_at: datetime | None = None
    frozen: bool | None = None
    replication_status: str | None = None


class VolumeAttachmentRef(Row, frozen=True, kw_only=True):
    """Where a volume says that it is attached."""

    attachment_id: str = ""
    server_id: str = ""
    host_name: str | None = None
    device: str | None = None
    attached_at: datetime | None = None


class Volume(Row, frozen=True, kw_only=True):
    """One volume of any project."""

    id: str
    name: str | None = None
    status: str = ""
    size: int = 0
    project_id: str = field(default="", name="os-vol-tenant-attr:tenant_id")
    user_id: str | None = None
    host: str | None = field(default=None, name="os-vol-host-attr:host")
    volume_type: str | None = None
    bootable: str = "false"
    snapshot_id: str | None = None
    source_volid: str | None = None
    migration_status: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    attachments: list[VolumeAttachmentRef] = []
    metadata: dict[str, str] = {}


class VolumeSnapshot(Row, frozen=True, kw_only=True):
    """One snapshot of a volume."""

    id: str
    name: str | None = None
    status: str = ""
    size: int = 0
    volume_id: str = ""
    project_id: str = field(default="", name="os-extended-snapshot-attributes:project_id")
    created_at: datetime | None = None
    updated_at: datetime | None = None


class VolumeBackup(Row, frozen=True, kw_only=True):
    """One Cinder backup."""

    id: str
    name: str | None = None
    status: str = ""
    size: int = 0
    volume_id: str | None = None
    project_id: str = field(default="", name="os-backup-project-attr:project_id")
    is_incremental: bool = False
    has_dependent_backups: bool = False
    fail_reason: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class PoolCapabilities(Row, frozen=True, kw_only=True):
    """What a pool says of itself; capacities are GiB, or a word (`infinite`, `unknown`)."""

    volume_backend_name: str | None = None
    total_capacity_gb: float | str | None = None
    free_capacity_gb: float | str | None = None
    allocated_capacity_gb: float | None = None
    provisioned_capacity_gb: float | None = None
    max_over_subscription_ratio: float | str | None = None
    reserved_percentage: float | None = None
    thin_provisioning_support: bool | None = None
    backend_state: str | None = None


class VolumePool(Row, frozen=True, kw_only=True):
    """One pool as the scheduler sees it: `host@backend#pool`."""

    name: str
    capabilities: PoolCapabilities = PoolCapabilities()


class CephPool(Row, frozen=True, kw_only=True):
    """One pool of Ceph, or (`raw`) its devices; Ceph itself says what may still be stored.

    For a pool both are bytes as clients see them, before replication; `free_bytes` is shared by all
    pools on the same devices. For devices both are raw bytes, all copies included.
    """

    name: str
    used_bytes: int
    free_bytes: int
    raw: bool = False


class CephCheck(Row, frozen=True, kw_only=True):
    """One thing that Ceph says is not well: its code (`OSD_DOWN`), and its sentence.

    `severity` is Ceph's word, `HEALTH_WARN` or `HEALTH_ERR`; `muted` ones somebody silenced there.
    """

    code: str
    severity: str = ""
    summary: str = ""
    muted: bool = False


class VolumeAttachment(Row, frozen=True, kw_only=True):
    """One attachment record of Cinder (3.27); `connection_info` is never read: it holds secrets."""

    id: str
    volume_id: str = ""
    instance: str | None = None
    status: str = ""
    attach_mode: str | None = None
    attached_at: datetime | None = None
    detached_at: datetime | None = None


class VolumeType(Row, frozen=True, kw_only=True):
    """One volume type."""

    id: str
    name: str = ""
    is_public: bool = True
    extra_specs: dict[str, str] = {}


class Image(Row, frozen=True, kw_only=True):
    """One image, hidden ones included."""

    id: str
    name: str | None = None
    status: str = ""
    owner: str | None = None
    visibility: str = ""
    protected: bool = False
    os_hidden: bool = False
    size: int | None = None
    virtual_size: int | None = None
    min_disk: int = 0
    min_ram: int = 0
    disk_format: str | None = None
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    checksum: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    image_type: str | None = None
    base_image_ref: str | None = None
    instance_uuid: str | None = None
    stores: str | None = None
    tags: list[Any] = []
