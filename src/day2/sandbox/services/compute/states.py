# SPDX-License-Identifier: Apache-2.0
"""States of servers, their history, and the volumes on them."""

from datetime import datetime

from day2.sandbox.ids import uuid_of
from day2.sandbox.tables import Row
from day2.sandbox.world import World

RUNNING, PAUSED, NO_STATE, SHUTDOWN = 1, 3, 0, 4
STORED: dict[str, tuple[str, str | None, int]] = {
    "ACTIVE": ("active", None, RUNNING),
    "SHUTOFF": ("stopped", None, SHUTDOWN),
    "ERROR": ("error", None, NO_STATE),
    "PAUSED": ("paused", None, PAUSED),
    "SUSPENDED": ("suspended", None, SHUTDOWN),
    "SHELVED_OFFLOADED": ("shelved_offloaded", None, SHUTDOWN),
    "BUILD": ("building", "spawning", NO_STATE),
    "VERIFY_RESIZE": ("resized", None, RUNNING),
    "MIGRATING": ("active", "migrating", RUNNING),
}
"""What Nova keeps of a status: state, task, power."""
PLAIN = {
    "active": "ACTIVE",
    "building": "BUILD",
    "stopped": "SHUTOFF",
    "resized": "VERIFY_RESIZE",
    "paused": "PAUSED",
    "suspended": "SUSPENDED",
    "error": "ERROR",
    "shelved_offloaded": "SHELVED_OFFLOADED",
}
TASKS = {
    ("active", "migrating"): "MIGRATING",
    ("active", "rebooting"): "REBOOT",
    ("active", "reboot_pending"): "REBOOT",
    ("active", "reboot_started"): "REBOOT",
    ("resized", "resize_reverting"): "REVERT_RESIZE",
} | {
    (state, f"resize_{task}"): "RESIZE"
    for state in ("active", "stopped")
    for task in ("prep", "migrating", "migrated", "finish")
}


def status_of(row: Row) -> str:
    """Return the status that the API shows for state and task."""
    found = TASKS.get((row["vm_state"], row["task_state"]))
    return found or PLAIN.get(row["vm_state"], "UNKNOWN")


def change(world: World, server_id: str, **fields: object) -> Row | None:
    """Change a server if it is still there, and say when."""
    if world["servers"].get(server_id) is None:
        return None
    return world["servers"].change(server_id, updated_at=world.now(), **fields)


def fail(world: World, server_id: str, message: str) -> None:
    """Put a server into ERROR with its reason."""
    vm_state, task_state, power = STORED["ERROR"]
    fault = {"code": 500, "message": message, "created": world.now()}
    change(
        world,
        server_id,
        vm_state=vm_state,
        task_state=task_state,
        power_state=power,
        fault=fault,
    )


def record(
    world: World,
    server: Row,
    action: str,
    started: datetime,
    ended: datetime | None,
    failure: str | None = None,
) -> str:
    """Write an action into a server's history; returns its request id."""
    own = f"req-{uuid_of('action', server['id'], action, started.isoformat())}"
    world["server_actions"].put(
        {
            "id": own,
            "server_id": server["id"],
            "project_id": server["project_id"],
            "user_id": server["user_id"],
            "action": action,
            "start_time": started,
            "updated_at": ended or started,
            "message": "Error" if failure else None,
            "failed": bool(failure),
        }
    )
    return own


def attach(
    world: World,
    own: str,
    *,
    server_id: str,
    volume_id: str,
    device: str,
    moment: datetime,
) -> Row:
    """Attach a volume to a server."""
    server = world.require("servers", server_id)
    row = {
        "id": own,
        "server_id": server_id,
        "volume_id": volume_id,
        "project_id": server["project_id"],
        "host": server["host"],
        "device": device,
        "delete_on_termination": False,
        "created_at": moment,
    }
    world["volume_attachments"].put(row)
    return row


def detach(world: World, attachment: Row) -> None:
    """Detach a volume; it is available again, or gone with its server when that was the wish."""
    world["volume_attachments"].delete(attachment["id"])
    volume_id = attachment["volume_id"]
    if world["volumes"].get(volume_id) is None:
        return
    if attachment["delete_on_termination"]:
        world["volumes"].delete(volume_id)
        return
    if not any(world["volume_attachments"].find(volume_id=volume_id)):
        world["volumes"].change(volume_id, status="available", updated_at=world.now())
