# SPDX-License-Identifier: Apache-2.0
"""Block storage: what projects may have, and what they have."""

from day2.sandbox.world import World

QUOTAS = {
    "volumes": 10,
    "per_volume_gigabytes": -1,
    "snapshots": 10,
    "gigabytes": 1000,
    "backups": 10,
    "backup_gigabytes": 1000,
    "groups": 10,
}


def quota_of(world: World, project_id: str) -> dict[str, int]:
    """Return the limits of a project; each volume type has its own, without limit."""
    typed = {
        f"{what}_{row['name']}": -1
        for row in world["volume_types"]
        for what in ("volumes", "gigabytes", "snapshots")
    }
    return {**QUOTAS, **typed, **world.quotas.get(("block-storage", project_id), {})}


def usage(world: World, project_id: str) -> dict[str, int]:
    """Count what a project has."""
    own = list(world["volumes"].find(project_id=project_id))
    snapshots = list(world["volume_snapshots"].find(project_id=project_id))
    backups = list(world["volume_backups"].find(project_id=project_id))
    used = {
        "volumes": len(own),
        "gigabytes": sum(row["size"] for row in (*own, *snapshots)),
        "snapshots": len(snapshots),
        "backups": len(backups),
        "backup_gigabytes": sum(row["size"] for row in backups),
    }
    for row in own:
        for what, amount in (("volumes", 1), ("gigabytes", row["size"])):
            key = f"{what}_{row['volume_type']}"
            used[key] = used.get(key, 0) + amount
    return used
