# SPDX-License-Identifier: Apache-2.0
"""Create the tables of plans, approvals, runs with all that belongs to them, and the journal."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "plans",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("cloud", sa.String(255), nullable=False),
        sa.Column("region", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.String(32), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_index("plans_by_cloud", "plans", ["cloud", "region", "at"])
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("run", sa.String(255), nullable=False),
        sa.Column("gate", sa.String(255), nullable=False),
        sa.Column("answer", sa.String(64), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("approvals_by_plan", "approvals", ["sha256", "run", "gate"])
    op.create_table(
        "runs",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("cloud", sa.String(255), nullable=False),
        sa.Column("region", sa.String(255), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("wanted", sa.String(16), nullable=False),
        sa.Column("chosen", sa.Integer, nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("ticket", sa.String(255), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("started_at", sa.String(32), nullable=True),
        sa.Column("ended_at", sa.String(32), nullable=True),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("engine", sa.String(255), nullable=False),
        sa.Column("undoes", sa.String(255), nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
    )
    op.create_index("runs_by_cloud", "runs", ["cloud", "region", "at"])
    op.create_table(
        "run_steps",
        sa.Column("run", sa.String(255), primary_key=True),
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "run_gates",
        sa.Column("run", sa.String(255), primary_key=True),
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "claims",
        sa.Column("run", sa.String(255), primary_key=True),
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("scope", sa.String(255), primary_key=True),
    )
    op.create_table(
        "children",
        sa.Column("run", sa.String(255), primary_key=True),
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("started", sa.String(255), nullable=False),
    )
    op.create_table(
        "journal",
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("cloud", sa.String(255), nullable=False),
        sa.Column("region", sa.String(255), nullable=False),
        sa.Column("run", sa.String(255), nullable=False),
        sa.Column("step", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.UniqueConstraint("run", "step", "kind", name="journal_once"),
    )
