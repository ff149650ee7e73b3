"""A store of its own for a test, with every table."""

from pathlib import Path

from keyturn.store.database import Database
from keyturn.store.tables import metadata


def make_database(folder: Path) -> Database:
    """Return an empty store in ``folder``."""
    database = Database(folder / "keyturn.db")
    with database.write() as connection:
        metadata.create_all(connection)
    return database
