# SPDX-License-Identifier: Apache-2.0
"""A dead host is switched on again: its services report, and Nova clears what was evacuated."""

from day2.sandbox.world import World


def revive(world: World, host: str) -> bool:
    """Let every service and agent of a host live; False when there is no such host.

    Its nova-compute deletes the copies of evacuated servers as it starts, gives back what they took
    there, and their evacuations turn from `done` to `completed`.
    """
    if host not in {known.name for known in world.scenario.hosts}:
        return False
    for table in ("compute_services", "agents", "volume_services"):
        for row in [row for row in world[table] if row["host"].partition("@")[0] == host]:
            world[table].change(row["id"], dead_since=None)
    provider = next(world["providers"].find(name=host), None)
    for row in list(world["migrations"].find(source=host, type="evacuation", status="done")):
        world["migrations"].change(row["id"], status="completed", updated_at=world.now())
        if provider is not None:
            world["allocations"].delete(f"{row['server_id']}/{provider['id']}")
    return True
