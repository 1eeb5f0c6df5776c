# SPDX-License-Identifier: Apache-2.0
"""The tables as SQLAlchemy sees them; the migrations under `migrations/versions` create them."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

# The newest migration; a house test holds it against the scripts. Comparing with this constant
# spares every command the 0.3 s that importing Alembic costs.
HEAD = "0002"


class Moment(TypeDecorator[datetime]):
    """An aware UTC moment, kept as ISO 8601 text so that it sorts and reads the same everywhere."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ANN401
        del dialect
        return None if value is None else datetime.fromisoformat(value)


metadata = MetaData()

surveys = Table(
    "surveys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cloud", String(255), nullable=False),
    Column("region", String(255), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index("surveys_by_cloud", "cloud", "region", "id"),
)

survey_tables = Table(
    "survey_tables",
    metadata,
    Column("survey_id", Integer, primary_key=True),
    Column("kind", String(64), primary_key=True),
    Column("row_count", Integer, nullable=False),
    Column("packed", LargeBinary, nullable=False),
)

rounds = Table(
    "rounds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cloud", String(255), nullable=False),
    Column("region", String(255), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("survey_id", Integer, nullable=True),
    Column("at", Moment, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("report", LargeBinary, nullable=False),
    Index("rounds_by_cloud", "cloud", "region", "kind", "id"),
)

findings = Table(
    "findings",
    metadata,
    Column("cloud", String(255), primary_key=True),
    Column("region", String(255), primary_key=True),
    Column("key", String(512), primary_key=True),
    Column("severity", String(16), nullable=False),
    Column("first_seen_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    Column("gone_at", Moment, nullable=True),
    Column("document", LargeBinary, nullable=False),
)

acknowledgements = Table(
    "acknowledgements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cloud", String(255), nullable=False),
    Column("region", String(255), nullable=False),
    Column("key", String(512), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("reason", Text, nullable=False),
    Column("ticket", String(255), nullable=False),
    Column("by", String(255), nullable=False),
    Column("at", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Index("acknowledgements_by_cloud", "cloud", "region", "key"),
)

log_reviews = Table(
    "log_reviews",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cloud", String(255), nullable=False),
    Column("region", String(255), nullable=False),
    Column("at", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("review", LargeBinary, nullable=False),
    Index("log_reviews_by_cloud", "cloud", "region", "id"),
)

# Every template that was ever seen: what makes the next one new.
log_templates = Table(
    "log_templates",
    metadata,
    Column("cloud", String(255), primary_key=True),
    Column("region", String(255), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("service", String(255), nullable=False),
    Column("template", Text, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
)

# One row for each round: surveys are forgotten after a month, trends need years.
usage = Table(
    "usage",
    metadata,
    Column("cloud", String(255), primary_key=True),
    Column("region", String(255), primary_key=True),
    Column("at", Moment, primary_key=True),
    Column("rows", LargeBinary, nullable=False),
)
