# SPDX-License-Identifier: Apache-2.0
"""Run the migrations on the connection that `day2.memory.store` hands over."""

from alembic import context

from day2.memory.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
