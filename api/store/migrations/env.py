"""How Alembic reaches the database: through the connection it is handed."""

from __future__ import annotations

from alembic import context

from api.store.database import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
context.run_migrations()
