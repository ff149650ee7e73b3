"""A store of its own for a test, with every table."""

import importlib
from pathlib import Path
import pkgutil

import keyturn.store
from keyturn.store.database import Database
from keyturn.store.metadata import metadata


def make_database(folder: Path) -> Database:
    """Return an empty store in ``folder``."""
    for module in pkgutil.iter_modules(keyturn.store.__path__, "keyturn.store."):
        if not module.ispkg:
            importlib.import_module(module.name)
    database = Database(folder / "keyturn.db")
    with database.write() as connection:
        metadata.create_all(connection)
    return database
