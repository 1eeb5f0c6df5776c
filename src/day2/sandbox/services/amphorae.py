# SPDX-License-Identifier: Apache-2.0
"""What Octavia does by itself: an amphora is replaced by a new server on another host."""

from day2.sandbox.services import placement
from day2.sandbox.services.compute import moves, states
from day2.sandbox.services.compute.servers import remove
from day2.sandbox.tables import Row
from day2.sandbox.timing import span
from day2.sandbox.world import World


def replace(world: World, row: Row, balancer: Row) -> None:
    """Boot another one in place of this; without a host for it, the balancer is in ERROR."""
    own = balancer["id"]
    world["load_balancers"].change(
        own, provisioning_status="PENDING_UPDATE", updated_at=world.now()
    )
    seconds = span(world.scenario.timers.boot).total_seconds()

    def done() -> None:
        old = world["servers"].get(row["compute_id"])
        host = next(iter(moves.candidates(world, old)), None) if old else None
        if old is None or host is None:
            world["load_balancers"].change(own, provisioning_status="ERROR")
            return
        fresh = {
            **old,
            "id": world.new_id("server"),
            "number": world.next_number("servers"),
            "created_at": world.now(),
            "updated_at": world.now(),
            "host": host,
            "zone": moves.zone_of(world, host),
        }
        world["servers"].put(fresh)
        who = {"project_id": old["project_id"], "user_id": old["user_id"]}
        placement.allocate(world, fresh["id"], host, old["flavor"], **who)
        states.record(world, fresh, "create", world.now(), None)
        world["amphorae"].delete(row["id"])
        world["amphorae"].put(
            {
                **row,
                "id": world.new_id("amphora"),
                "compute_id": fresh["id"],
                "created_at": world.now(),
                "updated_at": world.now(),
            }
        )
        remove(world, old["id"])
        world["load_balancers"].change(own, provisioning_status="ACTIVE", updated_at=world.now())

    world.later(seconds, done)
