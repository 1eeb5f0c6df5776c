# SPDX-License-Identifier: Apache-2.0
"""Block storage: backups are made, deleted, and told so that another Cinder has them."""

import base64
from typing import Any

import msgspec

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services import block_storage_views as views
from day2.sandbox.services.block_storage import SERVICE, route
from day2.sandbox.services.block_storage_use import quota_of, usage
from day2.sandbox.tables import Row
from day2.sandbox.timing import span
from day2.sandbox.world import World

DRIVER = "cinder.backup.drivers.ceph.CephBackupDriver"
READY = frozenset({"available", "in-use"})


@route("POST", "/v3/{project}/backups")
def create(request: Request, world: World) -> Answer:
    """Back up a volume: it is there after a while, in the project of who asked."""
    wanted = request.document("backup")
    volume = _of(request, world, "volumes", "Volume", str(wanted.get("volume_id")))
    if volume["status"] not in READY:
        said = "Volume to be backed up must be available or in-use, but the current status is "
        raise Refused(http.BAD_REQUEST, f'Invalid volume: {said}"{volume["status"]}".')
    if volume["status"] == "in-use" and not wanted.get("force"):
        said = "Invalid volume: Backing up an in-use volume must use the force flag."
        raise Refused(http.BAD_REQUEST, said)
    who = request.who
    _within_quota(world, who.project_id)
    now = world.now()
    row = {
        "id": world.new_id("backup"),
        "name": wanted.get("name"),
        "volume_id": volume["id"],
        "status": "creating",
        "size": volume["size"],
        "fail_reason": None,
        "project_id": who.project_id,
        "user_id": who.user_id,
        "created_at": now,
        "updated_at": now,
    }
    world["volume_backups"].put(row)
    before = volume["status"]
    world["volumes"].change(volume["id"], status="backing-up", updated_at=now)

    def done() -> None:
        if world["volumes"].get(volume["id"]) is not None:
            world["volumes"].change(volume["id"], status=before, updated_at=world.now())
        if world["volume_backups"].get(row["id"]) is not None:
            world["volume_backups"].change(row["id"], status="available", updated_at=world.now())

    world.later(span(world.scenario.timers.volume).total_seconds(), done)
    shown = views.backup(request, world, row)
    kept = {name: shown[name] for name in ("id", "name", "links")}
    return Answer(status=http.ACCEPTED, body={"backup": kept})


def _within_quota(world: World, project: str) -> None:
    most, used = quota_of(world, project)["backups"], usage(world, project)["backups"]
    if 0 <= most <= used:
        said = f"BackupLimitExceeded: Maximum number of backups allowed ({most}) exceeded"
        raise Refused(http.TOO_LARGE, said)


@route("GET", "/v3/{project}/backups/{id}/export_record")
def export(request: Request, world: World) -> Answer:
    """Tell a backup's record: administrators only."""
    # Another project's is not there, before it is asked who may.
    row = _of(request, world, "volume_backups", "Backup", request.parts["id"])
    SERVICE.require_admin(request, "backup:export-import")
    if row["status"] != "available":
        said = "Backup status must be available and not "
        raise Refused(http.BAD_REQUEST, f"Invalid backup: {said}{row['status']}.")
    told: dict[str, Any] = {
        "id": row["id"],
        "display_name": row["name"],
        "volume_id": row["volume_id"],
        "status": row["status"],
        "size": row["size"],
        "project_id": row["project_id"],
        "user_id": row["user_id"],
        "service": DRIVER,
        "driver_info": {},
    }
    url = base64.b64encode(msgspec.json.encode(told)).decode()
    return Answer(body={"backup-record": {"backup_service": DRIVER, "backup_url": url}})


@route("DELETE", "/v3/{project}/backups/{id}")
def delete(request: Request, world: World) -> Answer:
    """Delete a backup."""
    row = _of(request, world, "volume_backups", "Backup", request.parts["id"])
    if row["status"] not in {"available", "error"}:
        raise Refused(http.BAD_REQUEST, "Invalid backup: Backup status must be available or error")
    world["volume_backups"].change(row["id"], status="deleting", updated_at=world.now())
    seconds = span(world.scenario.timers.volume).total_seconds()
    world.later(seconds, lambda: world["volume_backups"].delete(row["id"]))
    return Answer(status=http.ACCEPTED)


def _of(request: Request, world: World, table: str, name: str, own: str) -> Row:
    row = world[table].get(own)
    if row is None or not (request.who.admin or row["project_id"] == request.who.project_id):
        raise Refused(http.NOT_FOUND, f"{name} {own} could not be found.")
    return row
