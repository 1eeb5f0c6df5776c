# SPDX-License-Identifier: Apache-2.0
"""Live migrations under way: how far they are, forced to complete, or broken off."""

from typing import Any

from day2.sandbox import http
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.services.compute import moves
from day2.sandbox.services.compute.servers import row_of
from day2.sandbox.services.compute.service import SERVICE, route
from day2.sandbox.tables import Row
from day2.sandbox.timing import micro
from day2.sandbox.world import World

UNDER_WAY = frozenset({"preparing", "queued", "running", "post-migrating"})
ABORTED_QUEUED = (2, 65)
OBEYS_SECONDS = 0.5
RULE = "os_compute_api:servers:migrations"


@route("GET", "/v2.1/servers/{id}/migrations")
def migrations(request: Request, world: World) -> Answer:
    """List the live migrations that are on their way."""
    row = row_of(request, world)
    SERVICE.require_admin(request, f"{RULE}:index")
    shown = [
        _shown(found)
        for found in world["migrations"].find(server_id=row["id"], type="live-migration")
        if found["status"] in UNDER_WAY
    ]
    return Answer(body={"migrations": shown})


@route("GET", "/v2.1/servers/{id}/migrations/{number}")
def migration(request: Request, world: World) -> Answer:
    """Show one that is on its way."""
    own, number = row_of(request, world)["id"], request.parts["number"]
    SERVICE.require_admin(request, f"{RULE}:show")
    found = _find(world, own, number)
    if found is None:
        said = f"In-progress live migration {number} is not found for server {own}."
        raise Refused(http.NOT_FOUND, said)
    if found["type"] != "live-migration":
        said = f"Migration {number} for server {own} is not live-migration."
        raise Refused(http.NOT_FOUND, said)
    if found["status"] not in UNDER_WAY:
        said = f"Live migration {number} for server {own} is not in progress."
        raise Refused(http.NOT_FOUND, said)
    return Answer(body={"migration": _shown(found)})


@route("POST", "/v2.1/servers/{id}/migrations/{number}/action")
def force_complete(request: Request, world: World) -> Answer:
    """Let one end now."""
    server = row_of(request, world)
    SERVICE.require_admin(request, f"{RULE}:force_complete")
    if "force_complete" not in request.document():
        raise Refused(http.BAD_REQUEST, "There is no such action.")
    found = _ordered(request, world, server, "force_complete", {"running"})
    if found["script"] != "deaf":
        world.later(OBEYS_SECONDS, lambda: moves.end_live(world, found["id"]))
    return Answer(status=http.ACCEPTED)


@route("DELETE", "/v2.1/servers/{id}/migrations/{number}")
def abort(request: Request, world: World) -> Answer:
    """Break one off: its server stays where it is."""
    server = row_of(request, world)
    SERVICE.require_admin(request, f"{RULE}:delete")
    early = {"queued", "preparing"} if request.version >= ABORTED_QUEUED else set()
    found = _ordered(request, world, server, "abort live migration", {"running"} | early)

    def stopped() -> None:
        now = world.require("migrations", found["id"])
        if now["status"] in UNDER_WAY and world["servers"].get(server["id"]) is not None:
            moves.stay(world, found["id"], "cancelled")

    if found["script"] != "deaf":
        world.later(OBEYS_SECONDS, stopped)
    return Answer(status=http.ACCEPTED)


def _ordered(request: Request, world: World, server: Row, verb: str, statuses: set[str]) -> Row:
    """Return the migration that something is ordered of.

    Raises:
        Refused: when the server is not migrating, or the migration not in one of these statuses.

    """
    own, number = server["id"], request.parts["number"]
    if server["task_state"] != "migrating":
        said = f"Cannot '{verb}' instance {own} while it is in task_state {server['task_state']}"
        raise Refused(http.CONFLICT, said)
    found = _find(world, own, number)
    if found is None:
        status = http.BAD_REQUEST if verb == "force_complete" else http.NOT_FOUND
        raise Refused(status, f"Migration {number} not found for instance {own}")
    if found["status"] not in statuses:
        said = (
            f"Migration {number} state of instance {own} is {found['status']}. "
            f"Cannot {verb.replace('_', ' ')} while the migration is in this state."
        )
        raise Refused(http.BAD_REQUEST, said)
    return {**found, "script": found.get("script", "")}


def _find(world: World, own: str, number: str) -> Row | None:
    rows = world["migrations"].find(server_id=own)
    return next((row for row in rows if str(row["number"]) == number), None)


def _shown(found: Row) -> dict[str, Any]:
    return {
        "id": found["number"],
        "uuid": found["uuid"],
        "server_uuid": found["server_id"],
        "status": found["status"],
        "source_compute": found["source"],
        "source_node": found["source"],
        "dest_compute": found["target"],
        "dest_node": found["target"],
        "dest_host": None,
        "created_at": micro(found["created_at"]),
        "updated_at": micro(found["updated_at"]),
        "project_id": found["project_id"],
        "user_id": found["user_id"],
        "memory_total_bytes": None,
        "memory_processed_bytes": None,
        "memory_remaining_bytes": None,
        "disk_total_bytes": None,
        "disk_processed_bytes": None,
        "disk_remaining_bytes": None,
    }
