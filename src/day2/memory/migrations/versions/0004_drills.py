# SPDX-License-Identifier: Apache-2.0
"""Create the table of what drills measured."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create it."""
    op.create_table(
        "drills",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("cloud", sa.String(255), nullable=False),
        sa.Column("region", sa.String(255), nullable=False),
        sa.Column("depth", sa.String(16), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_index("drills_by_cloud", "drills", ["cloud", "region", "at"])
