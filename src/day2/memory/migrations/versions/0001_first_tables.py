# SPDX-License-Identifier: Apache-2.0
"""Create the first tables: surveys, rounds, findings, acknowledgements."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _place() -> list[sa.Column[str]]:
    return [
        sa.Column("cloud", sa.String(255), nullable=False),
        sa.Column("region", sa.String(255), nullable=False),
    ]


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "surveys",
        sa.Column("id", sa.Integer, primary_key=True),
        *_place(),
        sa.Column("started_at", sa.String(32), nullable=False),
        sa.Column("ended_at", sa.String(32), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_index("surveys_by_cloud", "surveys", ["cloud", "region", "id"])
    op.create_table(
        "survey_tables",
        sa.Column("survey_id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(64), primary_key=True),
        sa.Column("row_count", sa.Integer, nullable=False),
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "rounds",
        sa.Column("id", sa.Integer, primary_key=True),
        *_place(),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("survey_id", sa.Integer, nullable=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("report", sa.LargeBinary, nullable=False),
    )
    op.create_index("rounds_by_cloud", "rounds", ["cloud", "region", "kind", "id"])
    op.create_table(
        "findings",
        sa.Column("cloud", sa.String(255), primary_key=True),
        sa.Column("region", sa.String(255), primary_key=True),
        sa.Column("key", sa.String(512), primary_key=True),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("first_seen_at", sa.String(32), nullable=False),
        sa.Column("last_seen_at", sa.String(32), nullable=False),
        sa.Column("gone_at", sa.String(32), nullable=True),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "acknowledgements",
        sa.Column("id", sa.Integer, primary_key=True),
        *_place(),
        sa.Column("key", sa.String(512), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("ticket", sa.String(255), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("until", sa.String(32), nullable=False),
    )
    op.create_index("acknowledgements_by_cloud", "acknowledgements", ["cloud", "region", "key"])
