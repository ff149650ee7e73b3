"""Many secrets at once, written straight into a store.

insert_secrets(database, [{"name": "a", "account": "1", "region": "us-east-1"}])
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import insert

from keyturn.store import secrets as rows
from keyturn.store.database import Database

# What a row must have; every one of them has the same columns.
_COLUMNS: Final[Mapping[str, Any]] = {
    "description": None,
    "created_at": 0,
    "last_changed_at": 0,
    "last_accessed_at": 0,
}


def insert_secrets(database: Database, secrets: Iterable[Mapping[str, Any]]) -> None:
    """Store secrets; each has a name, an account and a region, and may have more."""
    stored = [
        {"arn": f"{each['account']}:{each['region']}:{each['name']}", **_COLUMNS, **each}
        for each in secrets
    ]
    with database.write() as connection:
        connection.execute(insert(rows.secrets), stored)
