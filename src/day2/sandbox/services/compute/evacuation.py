# SPDX-License-Identifier: Apache-2.0
"""Servers of dead hosts: built anew elsewhere; what they took there is theirs until it is back."""

from day2.sandbox import http
from day2.sandbox.http import Refused
from day2.sandbox.services import placement
from day2.sandbox.services.compute import moves, states
from day2.sandbox.tables import Row
from day2.sandbox.timing import NOVA_DOWN_SECONDS, is_up, span
from day2.sandbox.world import World


def evacuate(world: World, server: Row, wanted: str | None, *, stops: bool) -> None:
    """Build a server of a host that is down anew on another; since 2.95 it arrives stopped.

    Raises:
        Refused: when the host is up, or the target cannot be meant.

    """
    source = server["host"]
    if wanted and not any(world["compute_services"].find(binary="nova-compute", host=wanted)):
        raise Refused(http.NOT_FOUND, f"Compute host {wanted} not found.")
    if wanted == source:
        raise Refused(http.BAD_REQUEST, "The target host can't be the same one.")
    service = next(world["compute_services"].find(binary="nova-compute", host=source))
    if not service["forced_down"] and is_up(service, world.now(), NOVA_DOWN_SECONDS):
        raise Refused(http.BAD_REQUEST, f"Compute service of {source} is still in use.")
    own = server["id"]
    states.record(world, server, "evacuate", world.now(), None)
    to = moves.target(world, server, wanted)
    row = moves.migration(world, server, "evacuation", to, "accepted")
    if to is None:
        world["migrations"].change(row["id"], status="error")
        return
    before = server["vm_state"]
    states.change(world, own, task_state="rebuilding")
    who = {"project_id": server["project_id"], "user_id": server["user_id"]}
    placement.allocate(world, own, to, server["flavor"], **who)
    seconds = span(world.scenario.timers.cold_migration).total_seconds()

    def pre_migrating() -> None:
        world["migrations"].change(row["id"], status="pre-migrating", updated_at=world.now())

    def done() -> None:
        if world["servers"].get(own) is None:
            return
        moves.arrive(world, own, to)
        after = "SHUTOFF" if stops or before == "stopped" else "ACTIVE"
        vm_state, task, power = states.STORED[after]
        states.change(world, own, vm_state=vm_state, task_state=task, power_state=power, fault=None)
        world["migrations"].change(row["id"], status="done", updated_at=world.now())

    world.later(seconds / 4, pre_migrating)
    world.later(seconds, done)


def left_behind(world: World, host: str) -> bool:
    """Tell whether copies of evacuated servers wait on a host for its nova-compute to start."""
    rows = world["migrations"].find(source=host, type="evacuation", status="done")
    return next(rows, None) is not None
