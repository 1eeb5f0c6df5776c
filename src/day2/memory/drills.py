# SPDX-License-Identifier: Apache-2.0
"""What drills of a recovery measured: one row each, kept for as long as the memory is."""

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from day2.memory.schema import drills
from day2.memory.store import Memory
from day2.model.recovery import Drill


def save(memory: Memory, drill: Drill) -> None:
    """Keep a drill; replaces what was kept of it."""
    values = {
        "id": drill.id,
        "cloud": drill.cloud,
        "region": drill.region,
        "depth": drill.depth,
        "at": drill.at,
        "document": msgspec.json.encode(drill),
    }
    statement = insert(drills).values(values)
    with memory.writing() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))


def listed(memory: Memory, cloud: str, region: str, *, count: int) -> list[Drill]:
    """Return the newest drills of one cloud, newest first."""
    query = sa.select(drills.c.document).where(drills.c.cloud == cloud, drills.c.region == region)
    with memory.reading() as connection:
        rows = connection.execute(query.order_by(drills.c.at.desc()).limit(count)).scalars()
        return [msgspec.json.decode(document, type=Drill) for document in rows]
