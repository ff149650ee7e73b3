"""Alembic's entry: run the changes on the connection that ``keyturn.store.migrate`` passes in."""

from alembic import context

from keyturn.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can't alter a table in place: Alembic copies it.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
