# SPDX-License-Identifier: Apache-2.0
"""Log reviews over time, and every template that was ever seen: what makes the next one new."""

from datetime import datetime, timedelta
from functools import partial

import msgspec
import sqlalchemy as sa
import zstandard
from sqlalchemy.dialects.sqlite import insert

from day2.memory.documents import read_back
from day2.memory.retention import MemorySettings
from day2.memory.schema import log_reviews, log_templates
from day2.memory.store import Memory
from day2.model.logs import LogReview


class KnownTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """A template with its life."""

    key: str
    service: str
    template: str
    first_seen_at: datetime
    last_seen_at: datetime


def save(connection: sa.Connection, review: LogReview) -> int:
    """Keep a review and bring the life of each of its templates up to date; return its id."""
    packed = zstandard.ZstdCompressor().compress(msgspec.json.encode(review))
    inserted = connection.execute(
        log_reviews.insert().values(
            cloud=review.cloud,
            region=review.region,
            at=review.at,
            until=review.until,
            review=packed,
        )
    )
    for template in review.templates:
        statement = insert(log_templates).values(
            cloud=review.cloud,
            region=review.region,
            key=template.key,
            service=template.service,
            template=template.template,
            first_seen_at=template.first_seen_at or review.until,
            last_seen_at=template.last_seen_at or review.until,
        )
        last = sa.func.max(log_templates.c.last_seen_at, statement.excluded.last_seen_at)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["cloud", "region", "key"],
                set_={"template": template.template, "last_seen_at": last},
            )
        )
    return int(inserted.inserted_primary_key[0])  # type: ignore[index]


def keep(connection: sa.Connection, review: LogReview, settings: MemorySettings) -> int | None:
    """Keep a review and forget old ones; one that read nothing at all (None) is not kept."""
    if not review.source:
        return None
    kept = save(connection, review)
    forget_old(connection, settings, review.at, review.cloud, review.region)
    return kept


def history(memory: Memory, cloud: str, region: str, count: int = 30) -> list[LogReview]:
    """Return the newest reviews of a cloud that can be read back, newest first."""
    query = (
        sa.select(log_reviews)
        .where(log_reviews.c.cloud == cloud, log_reviews.c.region == region)
        .order_by(log_reviews.c.id.desc())
        .limit(count)
    )
    with memory.reading() as connection:
        rows = connection.execute(query).all()
    found = (read_back(partial(_review, row.id, row.review)) for row in rows)
    return [review for review in found if review is not None]


def templates(memory: Memory, cloud: str, region: str) -> list[KnownTemplate]:
    """Return every template that was ever seen there, the oldest first."""
    query = (
        sa.select(log_templates)
        .where(log_templates.c.cloud == cloud, log_templates.c.region == region)
        .order_by(log_templates.c.first_seen_at, log_templates.c.key)
    )
    with memory.reading() as connection:
        rows = connection.execute(query).all()
    return [
        KnownTemplate(
            key=row.key,
            service=row.service,
            template=row.template,
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
        )
        for row in rows
    ]


def _review(number: int, packed: bytes) -> LogReview:
    document = zstandard.ZstdDecompressor().decompress(packed)
    return msgspec.structs.replace(msgspec.json.decode(document, type=LogReview), id=number)


def forget_old(
    connection: sa.Connection, settings: MemorySettings, now: datetime, cloud: str, region: str
) -> None:
    """Delete what is past the retention of rounds; a template counts from when it was last seen."""
    bound = now - timedelta(days=settings.round_retention_days)
    for table, moment in (
        (log_reviews, log_reviews.c.at),
        (log_templates, log_templates.c.last_seen_at),
    ):
        connection.execute(
            table.delete().where(table.c.cloud == cloud, table.c.region == region, moment < bound)
        )
