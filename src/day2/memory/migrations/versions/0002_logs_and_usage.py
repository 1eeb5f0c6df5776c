# SPDX-License-Identifier: Apache-2.0
"""Create the tables of log reviews and of usage over time."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "log_reviews",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("cloud", sa.String(255), nullable=False),
        sa.Column("region", sa.String(255), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("until", sa.String(32), nullable=False),
        sa.Column("review", sa.LargeBinary, nullable=False),
    )
    op.create_index("log_reviews_by_cloud", "log_reviews", ["cloud", "region", "id"])
    op.create_table(
        "log_templates",
        sa.Column("cloud", sa.String(255), primary_key=True),
        sa.Column("region", sa.String(255), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("service", sa.String(255), nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("first_seen_at", sa.String(32), nullable=False),
        sa.Column("last_seen_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "usage",
        sa.Column("cloud", sa.String(255), primary_key=True),
        sa.Column("region", sa.String(255), primary_key=True),
        sa.Column("at", sa.String(32), primary_key=True),
        sa.Column("rows", sa.LargeBinary, nullable=False),
    )
