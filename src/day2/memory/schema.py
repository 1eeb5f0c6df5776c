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
    UniqueConstraint,
)

# The newest migration; a house test holds it against the scripts. Comparing with this constant
# spares every command the 0.3 s that importing Alembic costs.
HEAD = "0005"


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
    Column("severity", String(16), nullable=True),
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

plans = Table(
    "plans",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("cloud", String(255), nullable=False),
    Column("region", String(255), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("by", String(255), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index("plans_by_cloud", "cloud", "region", "at"),
)

# People's words: on a plan (`run` and `gate` empty), or on one gate of one run.
approvals = Table(
    "approvals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("run", String(255), nullable=False),
    Column("gate", String(255), nullable=False),
    Column("answer", String(64), nullable=False),
    Column("by", String(255), nullable=False),
    Column("at", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Index("approvals_by_plan", "sha256", "run", "gate"),
)

# `chosen` says that somebody asked an engine to take the run; an engine that takes it clears it.
runs = Table(
    "runs",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("cloud", String(255), nullable=False),
    Column("region", String(255), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("summary", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("wanted", String(16), nullable=False),
    Column("chosen", Integer, nullable=False),
    Column("by", String(255), nullable=False),
    Column("ticket", String(255), nullable=False),
    Column("at", Moment, nullable=False),
    Column("started_at", Moment, nullable=True),
    Column("ended_at", Moment, nullable=True),
    Column("detail", Text, nullable=False),
    Column("engine", String(255), nullable=False),
    Column("undoes", String(255), nullable=False),
    Column("total", Integer, nullable=False),
    Index("runs_by_cloud", "cloud", "region", "at"),
)

run_steps = Table(
    "run_steps",
    metadata,
    Column("run", String(255), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

run_gates = Table(
    "run_gates",
    metadata,
    Column("run", String(255), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

# Places held in a scope (`source:compute01`), over all runs and restarts.
claims = Table(
    "claims",
    metadata,
    Column("run", String(255), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("scope", String(255), primary_key=True),
)

# Programs that a step started: kept before they begin.
children = Table(
    "children",
    metadata,
    Column("run", String(255), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("pid", Integer, nullable=False),
    Column("started", String(255), nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("cloud", String(255), nullable=False),
    Column("region", String(255), nullable=False),
    Column("run", String(255), nullable=False),
    Column("step", String(255), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("by", String(255), nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("run", "step", "kind", name="journal_once"),
)

# What drills of a recovery measured; kept when their runs are forgotten.
drills = Table(
    "drills",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("cloud", String(255), nullable=False),
    Column("region", String(255), nullable=False),
    Column("depth", String(16), nullable=False),
    Column("at", Moment, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index("drills_by_cloud", "cloud", "region", "at"),
)
