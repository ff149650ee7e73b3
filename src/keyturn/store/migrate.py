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
NEWEST: Final = "0008"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


class NewerSchemaError(ServiceError):
    """The store was written by a newer Keyturn than this one."""


class OlderSchemaError(ServiceError):
    """The store was written by an older Keyturn, and no server of this version has run on it."""


def migrate(database: Database) -> None:
    """Apply every change that the store doesn't have yet, in one transaction.

    Raises:
        NewerSchemaError: the store has changes that this version doesn't know.
    """
    with database.read() as connection:
        found = _revision(connection)
    if found == NEWEST:
        return
    if found is not None:
        _refuse_newer(found)
    with database.write() as connection:
        _upgrade(connection)


def require_newest(database: Database) -> None:
    """Return if a store has exactly the changes that this version knows.

    Raises:
        NewerSchemaError: it has others.
        OlderSchemaError: it lacks some.
    """
    with database.read() as connection:
        found = _revision(connection)
    if found is None or found < NEWEST:
        raise OlderSchemaError(
            f"The store has the schema {found or 0}, this version needs {NEWEST}. Start a server "
            "of this version on it once: keyturn serve"
        )
    _refuse_newer(found)


def _refuse_newer(found: str) -> None:
    if found > NEWEST:
        raise NewerSchemaError(
            f"The store has the schema {found}, this version knows up to {NEWEST}. Start the "
            "newer version of Keyturn that wrote it."
        )


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
