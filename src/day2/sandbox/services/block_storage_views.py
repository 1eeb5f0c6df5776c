# SPDX-License-Identifier: Apache-2.0
"""What Cinder shows of a row, by microversion."""

from typing import Any

from day2.sandbox.http import Request
from day2.sandbox.ids import uuid_of
from day2.sandbox.tables import Row
from day2.sandbox.timing import CINDER_DOWN_SECONDS, heartbeat, is_up, micro
from day2.sandbox.world import World

CLUSTERS, BACKEND_STATE, GROUPS, PROVIDER = (3, 7), (3, 49), (3, 13), (3, 21)
SHARED_TARGETS, CLUSTER_NAME, TYPE_ID, QUOTA = (3, 48), (3, 61), (3, 63), (3, 65)
SNAPSHOT_USER, GROUP_SNAPSHOT = (3, 41), (3, 14)
BACKUP_METADATA, BACKUP_USER = (3, 43), (3, 56)


def _links(request: Request, row: Row, kind: str) -> list[dict[str, str]]:
    project = request.parts.get("project", "")
    own = f"{project}/{kind}/{row['id']}"
    return [
        {"rel": "self", "href": f"{request.base}/v3/{own}"},
        {"rel": "bookmark", "href": f"{request.base}/{own}"},
    ]


def volume_short(request: Request, _world: World, row: Row) -> dict[str, Any]:
    """Show a volume in the short list."""
    return {"id": row["id"], "name": row["name"], "links": _links(request, row, "volumes")}


def volume(request: Request, world: World, row: Row) -> dict[str, Any]:
    """Show a volume."""
    version = request.version
    shown: dict[str, Any] = {
        "id": row["id"],
        "status": row["status"],
        "size": row["size"],
        "availability_zone": "nova",
        "created_at": micro(row["created_at"]),
        "updated_at": micro(row["updated_at"]),
        "name": row["name"],
        "description": row["description"],
        "volume_type": row["volume_type"],
        "snapshot_id": row["snapshot_id"],
        "source_volid": row["source_volid"],
        "metadata": row["metadata"],
        "links": _links(request, row, "volumes"),
        "user_id": row["user_id"],
        "bootable": "true" if row["bootable"] else "false",
        "encrypted": False,
        "replication_status": None,
        "consistencygroup_id": None,
        "multiattach": False,
        "attachments": [
            {
                "id": row["id"],
                "attachment_id": found["id"],
                "volume_id": row["id"],
                "server_id": found["server_id"],
                "host_name": found["host"],
                "device": found["device"],
                "attached_at": micro(found["created_at"]),
            }
            for found in world["volume_attachments"].find(volume_id=row["id"])
        ],
    }
    if request.who.admin:
        shown["migration_status"] = None
    newer = {
        "group_id": (GROUPS, None),
        "provider_id": (PROVIDER, None),
        "shared_targets": (SHARED_TARGETS, False),
        "service_uuid": (SHARED_TARGETS, uuid_of("cinder service", row["host"])),
        "cluster_name": (CLUSTER_NAME, None),
        "volume_type_id": (TYPE_ID, row["volume_type_id"]),
        "consumes_quota": (QUOTA, True),
    }
    for key, (since, value) in newer.items():
        admin_only = key in {"provider_id", "cluster_name"}
        if version >= since and (request.who.admin or not admin_only):
            shown[key] = value
    shown["os-vol-tenant-attr:tenant_id"] = row["project_id"]
    if request.who.admin:
        shown["os-vol-mig-status-attr:migstat"] = None
        shown["os-vol-mig-status-attr:name_id"] = None
        shown["os-vol-host-attr:host"] = row["host"]
    if row["image"]:
        shown["volume_image_metadata"] = row["image"]
    return shown


def snapshot(request: Request, _world: World, row: Row) -> dict[str, Any]:
    """Show a snapshot."""
    shown: dict[str, Any] = {
        "id": row["id"],
        "created_at": micro(row["created_at"]),
        "updated_at": micro(row["updated_at"]),
        "name": row["name"],
        "description": None,
        "volume_id": row["volume_id"],
        "status": row["status"],
        "size": row["size"],
        "metadata": {},
    }
    if request.version >= GROUP_SNAPSHOT:
        shown["group_snapshot_id"] = None
    if request.version >= SNAPSHOT_USER:
        shown["user_id"] = row["user_id"]
    if request.version >= QUOTA:
        shown["consumes_quota"] = True
    shown["os-extended-snapshot-attributes:project_id"] = row["project_id"]
    shown["os-extended-snapshot-attributes:progress"] = "100%"
    return shown


def backup(request: Request, _world: World, row: Row) -> dict[str, Any]:
    """Show a backup."""
    own = row["id"]
    shown: dict[str, Any] = {
        "id": own,
        "status": row["status"],
        "size": row["size"],
        "object_count": 21,
        "availability_zone": "nova",
        "container": f"{own[0:2]}/{own[2:4]}/{own}",
        "created_at": micro(row["created_at"]),
        "updated_at": micro(row["updated_at"]),
        "name": row["name"],
        "description": None,
        "fail_reason": row["fail_reason"],
        "volume_id": row["volume_id"],
        "links": _links(request, row, "backups"),
        "is_incremental": False,
        "has_dependent_backups": False,
        "snapshot_id": None,
        "data_timestamp": micro(row["created_at"]),
    }
    if request.version >= BACKUP_METADATA:
        shown["metadata"] = {}
    if request.who.admin:
        shown["os-backup-project-attr:project_id"] = row["project_id"]
    if request.version >= BACKUP_USER:
        shown["user_id"] = row["user_id"]
    return shown


def attachment(_request: Request, _world: World, row: Row) -> dict[str, Any]:
    """Show an attachment in the short list: without `connection_info`."""
    return {
        "id": row["id"],
        "status": "attached",
        "instance": row["server_id"],
        "volume_id": row["volume_id"],
    }


def service(request: Request, world: World, row: Row) -> dict[str, Any]:
    """Show a service."""
    now = world.now()
    up = is_up(row, now, CINDER_DOWN_SECONDS)
    shown: dict[str, Any] = {
        "binary": row["binary"],
        "host": row["host"],
        "zone": "nova",
        "status": row["status"],
        "state": "up" if up else "down",
        "updated_at": micro(heartbeat(row, now)),
    }
    stores = row["binary"] == "cinder-volume"
    if stores and request.version >= BACKEND_STATE:
        shown["backend_state"] = "up"
    if request.version >= CLUSTERS:
        shown["cluster"] = None
    shown["disabled_reason"] = row["disabled_reason"]
    if stores:
        shown |= {"replication_status": "disabled", "active_backend_id": None, "frozen": False}
    return shown


def pool(world: World, row: Row) -> dict[str, Any]:
    """Show a pool: what is in it, and what volumes were promised of it."""
    promised = sum(volume["size"] for volume in world["volumes"].find(host=row["id"]))
    return {
        "name": row["id"],
        "capabilities": {
            "volume_backend_name": row["backend"],
            "vendor_name": "Open Source",
            "driver_version": "1.4.0",
            "storage_protocol": "ceph",
            "total_capacity_gb": float(row["size_gib"]),
            "free_capacity_gb": float(row["size_gib"] - row["used_gib"]),
            "reserved_percentage": 0,
            "QoS_support": False,
            "multiattach": True,
            "provisioned_capacity_gb": float(promised),
            "max_over_subscription_ratio": 20.0,
            "thin_provisioning_support": True,
            "thick_provisioning_support": False,
            "allocated_capacity_gb": promised,
            "filter_function": None,
            "goodness_function": None,
            "timestamp": micro(world.now()),
        },
    }


def volume_type(request: Request, row: Row) -> dict[str, Any]:
    """Show a volume type; its specs are for administrators."""
    admin = request.who.admin
    return {
        "id": row["id"],
        "name": row["name"],
        "is_public": True,
        "description": row["description"],
        "extra_specs": row["extra_specs"] if admin else {},
        **({"qos_specs_id": None} if admin else {}),
        "os-volume-type-access:is_public": True,
    }


def message(request: Request, row: Row) -> dict[str, Any]:
    """Show a message about a failure."""
    return {
        "id": row["id"],
        "event_id": row["event_id"],
        "user_message": row["user_message"],
        "message_level": "ERROR",
        "created_at": micro(row["created_at"]),
        "guaranteed_until": micro(row["expires_at"]),
        "request_id": row["request_id"],
        "links": _links(request, row, "messages"),
        "resource_type": "VOLUME",
        "resource_uuid": row["resource_uuid"],
    }
