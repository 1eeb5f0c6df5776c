# SPDX-License-Identifier: Apache-2.0
"""Surveys as they are kept: one packed blob per table, loaded table by table."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, get_args, get_type_hints

import msgspec
import sqlalchemy as sa
import zstandard

from day2.memory.documents import read_back
from day2.memory.retention import MemorySettings
from day2.memory.schema import findings, rounds, survey_tables, surveys
from day2.memory.store import Memory
from day2.model.survey import KINDS, Survey, Tables

COMPRESSION_LEVEL = 3


def save(connection: sa.Connection, survey: Survey) -> int:
    """Keep a survey; return its id."""
    bare = msgspec.structs.replace(survey, tables=Tables())
    inserted = connection.execute(
        surveys.insert().values(
            cloud=survey.cloud,
            region=survey.region,
            started_at=survey.started_at,
            ended_at=survey.ended_at,
            document=_pack(msgspec.json.encode(bare)),
        )
    )
    survey_id = int(inserted.inserted_primary_key[0])  # type: ignore[index]
    for kind in survey.readings:
        rows = getattr(survey.tables, kind)
        connection.execute(
            survey_tables.insert().values(
                survey_id=survey_id,
                kind=kind,
                row_count=len(rows),
                packed=_pack(msgspec.msgpack.encode(rows)),
            )
        )
    return survey_id


def load(memory: Memory, survey_id: int, kinds: Iterable[str] | None = None) -> Survey | None:
    """Read a survey back, with these tables only (None: all); None when it is not kept any more.

    One that cannot be read back (another version wrote it, or it is damaged) is not kept either:
    a round must not end because of what an earlier one saw.
    """
    wanted = set(KINDS if kinds is None else kinds)
    with memory.reading() as connection:
        row = connection.execute(sa.select(surveys).where(surveys.c.id == survey_id)).first()
        if row is None:
            return None
        packed = connection.execute(
            sa.select(survey_tables.c.kind, survey_tables.c.packed).where(
                survey_tables.c.survey_id == survey_id, survey_tables.c.kind.in_(wanted)
            )
        ).all()

    def decode() -> Survey:
        bare = msgspec.json.decode(_unpack(row.document), type=Survey)
        tables = Tables(**{kind: _rows(kind, blob) for kind, blob in packed if kind in wanted})
        return msgspec.structs.replace(bare, tables=tables)

    return read_back(decode)


def latest(
    memory: Memory, cloud: str, region: str, *, count: int = 1
) -> list[tuple[int, datetime]]:
    """List the newest surveys of a cloud, newest first, as (id, when it ended)."""
    query = (
        sa.select(surveys.c.id, surveys.c.ended_at)
        .where(surveys.c.cloud == cloud, surveys.c.region == region)
        .order_by(surveys.c.id.desc())
        .limit(count)
    )
    with memory.reading() as connection:
        return [(row.id, row.ended_at) for row in connection.execute(query)]


def forget_old(
    connection: sa.Connection, settings: MemorySettings, now: datetime, cloud: str, region: str
) -> None:
    """Delete surveys and rounds past their retention; the newest survey always stays.

    Findings go with the last round that may have had them: when they have been gone as long.
    """
    mine = (surveys.c.cloud == cloud) & (surveys.c.region == region)
    newest = sa.select(sa.func.max(surveys.c.id)).where(mine).scalar_subquery()
    old = sa.select(surveys.c.id).where(
        mine,
        surveys.c.ended_at < now - timedelta(days=settings.survey_retention_days),
        surveys.c.id != newest,
    )
    connection.execute(survey_tables.delete().where(survey_tables.c.survey_id.in_(old)))
    connection.execute(surveys.delete().where(surveys.c.id.in_(old)))
    bound = now - timedelta(days=settings.round_retention_days)
    for table, moment in ((rounds, rounds.c.at), (findings, findings.c.gone_at)):
        connection.execute(
            table.delete().where(table.c.cloud == cloud, table.c.region == region, moment < bound)
        )


def _rows(kind: str, blob: bytes) -> list[Any]:
    (row_type,) = get_args(get_type_hints(Tables)[kind])
    return msgspec.msgpack.decode(_unpack(blob), type=list[row_type])  # type: ignore[valid-type]


def _pack(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=COMPRESSION_LEVEL).compress(data)


def _unpack(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(data)
