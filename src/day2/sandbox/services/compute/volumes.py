# SPDX-License-Identifier: Apache-2.0
"""Volumes on servers: attached at once, detached after a while."""

from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services.compute import states
from day2.sandbox.services.compute.servers import refuse_locked, row_of
from day2.sandbox.services.compute.service import route
from day2.sandbox.tables import Row
from day2.sandbox.timing import span
from day2.sandbox.world import World

VOLUME_ID_ONLY, ATTACHMENT_TAG, DELETE_WITH = (2, 89), (2, 70), (2, 79)


def _attachment(request: Request, row: Row) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "serverId": row["server_id"],
        "volumeId": row["volume_id"],
        "device": row["device"],
    }
    if request.version < VOLUME_ID_ONLY:
        shown["id"] = row["volume_id"]
    if request.version >= ATTACHMENT_TAG:
        shown["tag"] = None
    if request.version >= DELETE_WITH:
        shown["delete_on_termination"] = row["delete_on_termination"]
    if request.version >= VOLUME_ID_ONLY:
        shown |= {"attachment_id": row["id"], "bdm_uuid": row["id"]}
    return shown


@route("GET", "/v2.1/servers/{id}/os-volume_attachments")
def volume_attachments(request: Request, world: World) -> Answer:
    """List the volumes on a server."""
    row = row_of(request, world)
    rows = world["volume_attachments"].find(server_id=row["id"])
    return Answer(body={"volumeAttachments": [_attachment(request, found) for found in rows]})


def _made(request: Request, row: Row) -> dict[str, Any]:
    """Show an attachment as the answer to its making does: in the form of before 2.89."""
    shown = _attachment(request, row)
    for key in ("attachment_id", "bdm_uuid"):
        shown.pop(key, None)
    return {"id": row["volume_id"], **shown}


@route("POST", "/v2.1/servers/{id}/os-volume_attachments")
def attach(request: Request, world: World) -> Answer:
    """Attach a volume that is available."""
    row = row_of(request, world)
    refuse_locked(request, row)
    wanted = request.document("volumeAttachment")
    volume = world["volumes"].get(str(wanted.get("volumeId")))
    if volume is None or volume["project_id"] not in {row["project_id"], request.who.project_id}:
        raise Refused(http.NOT_FOUND, f"Volume {wanted.get('volumeId')} could not be found.")
    if volume["status"] != "available":
        own, status = volume["id"], volume["status"]
        said = f"Invalid volume: volume {own} status must be 'available'. Currently in '{status}'"
        raise Refused(http.BAD_REQUEST, f"{said} status.")
    count = sum(1 for _found in world["volume_attachments"].find(server_id=row["id"]))
    made = states.attach(
        world,
        world.new_id("attachment"),
        server_id=row["id"],
        volume_id=volume["id"],
        device=str(wanted.get("device") or f"/dev/vd{chr(ord('b') + count)}"),
        moment=world.now(),
    )
    world["volumes"].change(volume["id"], status="in-use", updated_at=world.now())
    return Answer(body={"volumeAttachment": _made(request, made)})


@route("DELETE", "/v2.1/servers/{id}/os-volume_attachments/{volume}")
def detach(request: Request, world: World) -> Answer:
    """Detach a volume, after a while."""
    row = row_of(request, world)
    refuse_locked(request, row)
    volume_id = request.parts["volume"]
    rows = world["volume_attachments"].find(server_id=row["id"], volume_id=volume_id)
    found = next(rows, None)
    if found is None:
        said = f"Instance {row['id']} is not attached to volume {volume_id}"
        raise Refused(http.NOT_FOUND, said)
    world["volumes"].change(volume_id, status="detaching", updated_at=world.now())
    seconds = span(world.scenario.timers.volume).total_seconds()
    world.later(seconds, lambda: states.detach(world, {**found, "delete_on_termination": False}))
    return Answer(status=http.ACCEPTED)
