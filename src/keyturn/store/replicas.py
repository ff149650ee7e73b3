"""Which replicas a secret has, and how each fares, as rows.

A replica that could not be made has a row here and no secret of its own.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Row,
    Table,
    Text,
    delete,
    insert,
    select,
)

from keyturn.model.replica import Replica
from keyturn.store.metadata import metadata

replicas = Table(
    "secret_replicas",
    metadata,
    Column("primary_id", ForeignKey("secrets.id", ondelete="CASCADE"), primary_key=True),
    Column("arn", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("kms_key_id", Text),
    Column("role_arn", Text),
    Column("status", Text, nullable=False),
    Column("status_message", Text),
)

_COLUMNS: Final = (
    replicas.c.arn,
    replicas.c.region,
    replicas.c.kms_key_id,
    replicas.c.role_arn,
    replicas.c.status,
    replicas.c.status_message,
)


def of_primary(connection: Connection, primary_id: int) -> list[Replica]:
    """Return the replicas of a secret, in all regions and accounts, by region."""
    rows = connection.execute(
        select(*_COLUMNS)
        .where(replicas.c.primary_id == primary_id)
        .order_by(replicas.c.region, replicas.c.arn)
    )
    return [_replica(row) for row in rows]


def put(connection: Connection, primary_id: int, replica: Replica) -> None:
    """Store a replica, in place of what is known of the same one."""
    remove(connection, primary_id, replica.arn)
    connection.execute(insert(replicas).values(primary_id=primary_id, **_stored(replica)))


def remove(connection: Connection, primary_id: int, arn: str) -> None:
    """Forget a replica."""
    connection.execute(
        delete(replicas).where(replicas.c.primary_id == primary_id, replicas.c.arn == arn)
    )


def _stored(replica: Replica) -> Mapping[str, str | None]:
    return {column.name: getattr(replica, column.name) for column in _COLUMNS}


def _replica(row: Row[*tuple[Any, ...]]) -> Replica:
    return Replica(
        arn=row.arn,
        region=row.region,
        kms_key_id=row.kms_key_id,
        role_arn=row.role_arn,
        status=row.status,
        status_message=row.status_message,
    )
