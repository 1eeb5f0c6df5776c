# SPDX-License-Identifier: Apache-2.0
"""Usage over time: one point for each round, kept as long as rounds are."""

from datetime import datetime, timedelta
from functools import partial

import msgspec
import sqlalchemy as sa
import zstandard
from sqlalchemy.dialects.sqlite import insert

from day2.memory.documents import read_back
from day2.memory.retention import MemorySettings
from day2.memory.schema import usage
from day2.memory.store import Memory
from day2.model.usage import Usage, UsagePoint


def save(connection: sa.Connection, cloud: str, region: str, point: UsagePoint) -> None:
    """Keep a point in the round's own transaction; without rows it says nothing and is left."""
    if not point.rows:
        return
    packed = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(point.rows))
    statement = insert(usage).values(cloud=cloud, region=region, at=point.at, rows=packed)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["cloud", "region", "at"], set_={"rows": packed}
        )
    )


def history(
    memory: Memory, cloud: str, region: str, *, days: float, now: datetime
) -> list[UsagePoint]:
    """Return every point of this many days that can be read back, newest first."""
    query = sa.select(usage.c.at, usage.c["rows"]).where(_since(cloud, region, days, now))
    with memory.reading() as connection:
        found = connection.execute(query.order_by(usage.c.at.desc())).all()
    points = ((at, read_back(partial(_rows, packed))) for at, packed in found)
    return [UsagePoint(at=at, rows=rows) for at, rows in points if rows is not None]


def moments(
    memory: Memory, cloud: str, region: str, *, days: float, now: datetime
) -> list[datetime]:
    """Return when the points of this many days were made, newest first, without reading them."""
    query = sa.select(usage.c.at).where(_since(cloud, region, days, now))
    with memory.reading() as connection:
        return list(connection.execute(query.order_by(usage.c.at.desc())).scalars())


def at(memory: Memory, cloud: str, region: str, moment: datetime) -> UsagePoint | None:
    """Return the point of this very moment, which is that of a round; None when none is kept."""
    query = sa.select(usage.c["rows"]).where(
        usage.c.cloud == cloud, usage.c.region == region, usage.c.at == moment
    )
    with memory.reading() as connection:
        packed = connection.execute(query).scalar_one_or_none()
    rows = None if packed is None else read_back(partial(_rows, packed))
    return None if rows is None else UsagePoint(at=moment, rows=rows)


def forget_old(
    connection: sa.Connection, settings: MemorySettings, now: datetime, cloud: str, region: str
) -> None:
    """Delete the points past the retention of rounds."""
    connection.execute(
        usage.delete().where(
            usage.c.cloud == cloud,
            usage.c.region == region,
            usage.c.at < now - timedelta(days=settings.round_retention_days),
        )
    )


def _since(cloud: str, region: str, days: float, now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        usage.c.cloud == cloud,
        usage.c.region == region,
        usage.c.at >= now - timedelta(days=days),
    )


def _rows(packed: bytes) -> list[Usage]:
    return msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(packed), type=list[Usage])
