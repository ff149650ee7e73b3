"""Users' access keys, as rows. The secret half is sealed: the store can't open it."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    LargeBinary,
    Row,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.model.identity import AccessKey
from keyturn.store import iam_revision
from keyturn.store.metadata import metadata

access_keys = Table(
    "access_keys",
    metadata,
    Column("access_key_id", Text, primary_key=True),
    Column("user_id", ForeignKey("identities.id"), nullable=False, index=True),
    Column("is_active", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
)


def find(connection: Connection, access_key_id: str) -> AccessKey | None:
    """Return the access key with this id, active or not."""
    row = connection.execute(
        select(*_COLUMNS).where(access_keys.c.access_key_id == access_key_id)
    ).one_or_none()
    return None if row is None else _access_key(row)


def of_user(connection: Connection, user_id: int) -> list[AccessKey]:
    """Return a user's access keys, the oldest first."""
    rows = connection.execute(
        select(*_COLUMNS)
        .where(access_keys.c.user_id == user_id)
        .order_by(access_keys.c.created_at, access_keys.c.access_key_id)
    )
    return [_access_key(row) for row in rows]


def insert_access_key(connection: Connection, key: AccessKey) -> None:
    """Store an access key."""
    connection.execute(
        insert(access_keys).values(
            access_key_id=key.access_key_id,
            user_id=key.user_id,
            is_active=key.is_active,
            created_at=to_epoch_ms(key.created_at),
            sealed_secret=key.sealed_secret,
        )
    )
    iam_revision.advance(connection)


def set_active(connection: Connection, access_key_id: str, *, is_active: bool) -> None:
    """Switch an access key on or off."""
    connection.execute(
        update(access_keys)
        .where(access_keys.c.access_key_id == access_key_id)
        .values(is_active=is_active)
    )
    iam_revision.advance(connection)


def delete_access_key(connection: Connection, access_key_id: str) -> None:
    """Delete an access key."""
    connection.execute(delete(access_keys).where(access_keys.c.access_key_id == access_key_id))
    iam_revision.advance(connection)


_COLUMNS: Final = (
    access_keys.c.access_key_id,
    access_keys.c.user_id,
    access_keys.c.is_active,
    access_keys.c.created_at,
    access_keys.c.sealed_secret,
)


def _access_key(row: Row[*tuple[Any, ...]]) -> AccessKey:
    return AccessKey(
        access_key_id=row.access_key_id,
        user_id=row.user_id,
        is_active=row.is_active,
        created_at=from_epoch_ms(row.created_at),
        sealed_secret=row.sealed_secret,
    )
