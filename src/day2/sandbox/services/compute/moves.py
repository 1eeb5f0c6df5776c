# SPDX-License-Identifier: Apache-2.0
"""Where servers may go, and how they get there: migrations take their time, and may fail."""

from day2.sandbox import http
from day2.sandbox.http import Refused
from day2.sandbox.services import placement
from day2.sandbox.services.compute import states
from day2.sandbox.tables import Row
from day2.sandbox.timing import NOVA_DOWN_SECONDS, is_up, span
from day2.sandbox.world import World

FLAVOR_KEYS = ("id", "name", "vcpus", "ram", "disk", "extra_specs")
NO_HOST = "No valid host was found. There are not enough hosts available."


def zone_of(world: World, host: str | None) -> str:
    """Return the availability zone of a host: that of its aggregate, else nova."""
    if host is None:
        return ""
    zones = (row["zone"] for row in world["aggregates"] if host in row["hosts"] and row["zone"])
    return next(zones, "nova")


def candidates(world: World, server: Row, *, zone: str | None = None) -> list[str]:
    """List the hosts that can take a server: enabled, reporting, with room; emptiest first."""
    found: list[tuple[int, str]] = []
    for service in world["compute_services"].find(binary="nova-compute"):
        host = service["host"]
        if host == server["host"] or service["status"] != "enabled" or service["forced_down"]:
            continue
        if not is_up(service, world.now(), NOVA_DOWN_SECONDS):
            continue
        if zone and zone_of(world, host) != zone:
            continue
        if placement.has_room(world, host, server["flavor"]):
            provider = next(world["providers"].find(name=host))
            found.append((placement.usage(world, provider["id"])["MEMORY_MB"], host))
    return [host for _used, host in sorted(found)]


def target(world: World, server: Row, wanted: str | None) -> str | None:
    """Choose where to; None when no host can take it.

    Raises:
        Refused: when the host that was asked for does not exist or is the one it is on.

    """
    if wanted is None:
        return next(iter(candidates(world, server)), None)
    if not any(world["compute_services"].find(binary="nova-compute", host=wanted)):
        raise Refused(http.BAD_REQUEST, f"Compute host {wanted} could not be found.")
    if wanted == server["host"]:
        own = server["id"]
        said = f"Unable to migrate instance ({own}) to current host ({wanted})."
        raise Refused(http.BAD_REQUEST, said)
    return wanted if wanted in candidates(world, server) else None


def live_migrate(
    world: World, server: Row, wanted: str | None, *, answers_first: bool = True
) -> None:
    """Move a running server; it is elsewhere when the time is over.

    Raises:
        Refused: when the host cannot be meant, and the answer waits for that (before 2.34).

    """
    stays = answers_first and wanted is not None and wanted == server["host"]
    to = None if stays else target(world, server, wanted)
    row = migration(world, server, "live-migration", to, "preparing" if to else "error")
    started = world.now()
    own = server["id"]
    if to is None:
        states.record(world, server, "live-migration", started, started, NO_HOST)
        return
    script = server["script"]
    states.change(world, own, task_state="migrating", script="")
    world["migrations"].change(row["id"], script=script)
    placement.hand_over(world, own, row["uuid"])
    who = {"project_id": server["project_id"], "user_id": server["user_id"]}
    placement.allocate(world, own, to, server["flavor"], **who)
    states.record(world, server, "live-migration", started, None)
    seconds = span(world.scenario.timers.live_migration).total_seconds()
    world.later(seconds / 4, lambda: _progress(world, row["id"], "running"))
    if script not in {"hang", "deaf"}:
        world.later(seconds, lambda: end_live(world, row["id"]))


def _progress(world: World, key: str, status: str) -> None:
    row = world["migrations"].get(key)
    if row is not None and row["status"] not in {"completed", "error", "cancelled"}:
        world["migrations"].change(key, status=status, updated_at=world.now())


def end_live(world: World, key: str) -> None:
    """Let a live migration end as it was scripted; one that has ended stays as it is."""
    found = world.require("migrations", key)
    own, script = found["server_id"], found.get("script", "")
    if found["status"] in {"completed", "error", "cancelled"}:
        return
    if world["servers"].get(own) is None:
        placement.release(world, found["uuid"])
        return
    if script in {"fail", "error"}:
        stay(world, key, "error")
        if script == "error":
            states.fail(world, own, "Timed out waiting for a reply: scripted by the scenario")
        return
    if script == "stay":
        stay(world, key, "completed")
        return
    placement.release(world, found["uuid"])
    arrive(world, own, found["target"])
    states.change(world, own, task_state=None, stray=found["source"] if script == "stray" else None)
    world["migrations"].change(key, status="completed", updated_at=world.now())


def stay(world: World, key: str, status: str) -> None:
    """End a live migration with its server where it was."""
    found = world.require("migrations", key)
    own = found["server_id"]
    placement.release(world, own)
    placement.hand_over(world, found["uuid"], own)
    states.change(world, own, task_state=None)
    world["migrations"].change(key, status=status, updated_at=world.now())


def arrive(world: World, own: str, host: str) -> None:
    """Put a server on a host: with its ports and attachments."""
    states.change(world, own, host=host, zone=zone_of(world, host))
    for port in list(world["ports"].find(device_id=own)):
        world["ports"].change(port["id"], host=host, updated_at=world.now())
    for attachment in list(world["volume_attachments"].find(server_id=own)):
        world["volume_attachments"].change(attachment["id"], host=host)


def cold_migrate(world: World, server: Row, wanted: str | None) -> None:
    """Move a server that may stop for it; it waits for a confirmation then.

    Raises:
        Refused: when no host can take it.

    """
    to = target(world, server, wanted)
    if to is None:
        raise Refused(http.BAD_REQUEST, NO_HOST)
    own = server["id"]
    row = migration(world, server, "migration", to, "pre-migrating")
    script = server["script"]
    states.record(world, server, "migrate", world.now(), None)
    states.change(world, own, task_state="resize_prep", script="")
    placement.hand_over(world, own, row["uuid"])
    who = {"project_id": server["project_id"], "user_id": server["user_id"]}
    placement.allocate(world, own, to, server["flavor"], **who)
    seconds = span(world.scenario.timers.cold_migration).total_seconds()
    before = server["vm_state"]

    def moving() -> None:
        states.change(world, own, task_state="resize_migrating")
        _progress(world, row["id"], "migrating")

    def done() -> None:
        if world["servers"].get(own) is None:
            placement.release(world, row["uuid"])
            return
        if script in {"fail", "error"}:
            placement.release(world, own)
            placement.hand_over(world, row["uuid"], own)
            states.fail(world, own, "Resize error: scripted by the scenario")
            world["migrations"].change(row["id"], status="error", updated_at=world.now())
            return
        arrive(world, own, to)
        states.change(world, own, vm_state="resized", task_state=None, before=before)
        world["migrations"].change(row["id"], status="finished", updated_at=world.now())

    world.later(seconds / 4, moving)
    if script not in {"hang", "deaf"}:
        world.later(seconds, done)


def confirm(world: World, server: Row) -> None:
    """Confirm a cold move: what is kept on the old host is given back.

    Raises:
        Refused: when nothing waits for it.

    """
    row = _waiting(world, server)
    states.record(world, server, "confirmResize", world.now(), None)
    world["migrations"].change(row["id"], status="confirming", updated_at=world.now())

    def done() -> None:
        placement.release(world, row["uuid"])
        states.change(world, server["id"], vm_state=server.get("before", "active"))
        world["migrations"].change(row["id"], status="confirmed", updated_at=world.now())

    world.later(span(world.scenario.timers.confirm).total_seconds(), done)


def revert(world: World, server: Row) -> None:
    """Take a cold move back.

    Raises:
        Refused: when nothing waits for it.

    """
    row = _waiting(world, server)
    own = server["id"]
    states.record(world, server, "revertResize", world.now(), None)
    states.change(world, own, task_state="resize_reverting")

    def done() -> None:
        placement.release(world, own)
        placement.hand_over(world, row["uuid"], own)
        arrive(world, own, row["source"])
        states.change(world, own, vm_state=server.get("before", "active"), task_state=None)
        world["migrations"].change(row["id"], status="reverted", updated_at=world.now())

    world.later(span(world.scenario.timers.confirm).total_seconds(), done)


def _waiting(world: World, server: Row) -> Row:
    own = server["id"]
    rows = world["migrations"].find(server_id=own, status="finished")
    row = next(rows, None)
    if server["vm_state"] != "resized":
        said = f"Cannot 'confirmResize' instance {own} while it is in vm_state"
        raise Refused(http.CONFLICT, f"{said} {server['vm_state']}")
    if row is None:
        said = f"Instance has not been resized. (instance {own})"
        raise Refused(http.BAD_REQUEST, said)
    return row


def migration(world: World, server: Row, kind: str, to: str | None, status: str) -> Row:
    """Make the record of a move."""
    number = world.next_number("migrations")
    now = world.now()
    row = {
        "id": str(number),
        "number": number,
        "uuid": world.new_id("migration"),
        "server_id": server["id"],
        "status": status,
        "type": kind,
        "source": server["host"],
        "target": to,
        "project_id": server["project_id"],
        "user_id": server["user_id"],
        "flavor_id": server["flavor"]["id"],
        "created_at": now,
        "updated_at": now,
    }
    world["migrations"].put(row)
    return row
