"""Runs migrations on the connection that `state.connecting` gives; there is no alembic.ini."""

from __future__ import annotations

from alembic import context

from ironhull.state.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
