"""Bring the store's schema up to date at start.

Alembic is slow to import and almost never needed: when the store says that it has the newest
schema, it isn't imported at all.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from keyturn.model.errors import ServiceError
from keyturn.store.database import Database

#: The newest change in ``migrations/versions``; a test compares them.
NEWEST: Final = "0006"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


class NewerSchemaError(ServiceError):
    """The store was written by a newer Keyturn than this one."""


def migrate(database: Database) -> None:
    """Apply every change that the store doesn't have yet, in one transaction.

    Raises:
        NewerSchemaError: the store has changes that this version doesn't know.
    """
    with database.read() as connection:
        found = _revision(connection)
    if found == NEWEST:
        return
    if found is not None and found > NEWEST:
        raise NewerSchemaError(
            f"The store has the schema {found}, this version knows up to {NEWEST}. Start the "
            "newer version of Keyturn that wrote it."
        )
    with database.write() as connection:
        _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - slow, and almost never needed
    from alembic.config import Config  # noqa: PLC0415 - ditto

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
