"""A store of its own for a test, with every table."""

from pathlib import Path

from sqlalchemy import text

from keyturn.store.database import Database
from keyturn.store.migrate import NEWEST
from keyturn.store.tables import metadata


def make_database(folder: Path) -> Database:
    """Return an empty store in ``folder``."""
    database = Database(folder / "keyturn.db")
    with database.write() as connection:
        metadata.create_all(connection)
        # As if it had been migrated, which takes longer.
        connection.execute(text("CREATE TABLE alembic_version (version_num TEXT PRIMARY KEY)"))
        connection.execute(
            text("INSERT INTO alembic_version VALUES (:newest)"), {"newest": NEWEST}
        )
    return database
