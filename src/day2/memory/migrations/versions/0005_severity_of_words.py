# SPDX-License-Identifier: Apache-2.0
"""Keep how bad a finding was when somebody said a word on it; older words have none."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column."""
    op.add_column("acknowledgements", sa.Column("severity", sa.String(16), nullable=True))
