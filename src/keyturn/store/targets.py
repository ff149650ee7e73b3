"""The databases that the operator has named, as rows.

A name is unique to its kind in an account and region. That what a row says of others is so
(``cluster``, ``replica_of``) is ``keyturn.secrets.targets``'s business.
"""

from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
)

from keyturn.model.target import Target, TargetKind
from keyturn.store.metadata import RowId, metadata

targets = Table(
    "targets",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("reader_host", Text),
    Column("cluster", Text),
    Column("is_writer", Boolean, nullable=False),
    Column("replica_of", Text),
    UniqueConstraint("account", "region", "kind", "name"),
)

_COLUMNS: Final = tuple(column for column in targets.c if column.name != "id")


def find(
    connection: Connection, account: str, region: str, kind: TargetKind, name: str
) -> Target | None:
    """Return a target, if there is one of that kind and name."""
    row = connection.execute(
        select(*_COLUMNS).where(_is(account, region, kind), targets.c.name == name)
    ).one_or_none()
    return None if row is None else _target(row)


def in_region(connection: Connection, account: str, region: str, kind: TargetKind) -> list[Target]:
    """Return all targets of a kind in an account and region, by name."""
    rows = connection.execute(
        select(*_COLUMNS).where(_is(account, region, kind)).order_by(targets.c.name)
    )
    return [_target(row) for row in rows]


def everywhere(connection: Connection) -> list[Target]:
    """Return all targets, by account, region, kind and name."""
    order = (targets.c.account, targets.c.region, targets.c.kind, targets.c.name)
    return [_target(row) for row in connection.execute(select(*_COLUMNS).order_by(*order))]


def members(connection: Connection, cluster: Target) -> list[Target]:
    """Return the instances of a cluster, by name."""
    return _instances(connection, cluster, targets.c.cluster == cluster.name)


def replicas(connection: Connection, instance: Target) -> list[Target]:
    """Return the read replicas of an instance, by name."""
    return _instances(connection, instance, targets.c.replica_of == instance.name)


def count_in(connection: Connection, account: str, region: str) -> int:
    """Return how many targets an account has in a region."""
    counted = select(func.count()).where(targets.c.account == account, targets.c.region == region)
    return connection.execute(counted).scalar_one()


def put(connection: Connection, target: Target) -> None:
    """Store a target, in the place of the one of its kind and name."""
    remove(connection, target)
    values = {column.name: getattr(target, column.name) for column in _COLUMNS}
    connection.execute(insert(targets).values(values))


def remove(connection: Connection, target: Target) -> None:
    """Forget a target."""
    connection.execute(
        delete(targets).where(
            _is(target.account, target.region, target.kind), targets.c.name == target.name
        )
    )


def _instances(
    connection: Connection, beside: Target, condition: ColumnElement[bool]
) -> list[Target]:
    rows = connection.execute(
        select(*_COLUMNS)
        .where(_is(beside.account, beside.region, TargetKind.DB_INSTANCE), condition)
        .order_by(targets.c.name)
    )
    return [_target(row) for row in rows]


def _is(account: str, region: str, kind: TargetKind) -> ColumnElement[bool]:
    return (
        (targets.c.account == account)
        & (targets.c.region == region)
        & (targets.c.kind == kind.value)
    )


def _target(row: Row[*tuple[Any, ...]]) -> Target:
    return Target(
        account=row.account,
        region=row.region,
        kind=TargetKind(row.kind),
        name=row.name,
        engine=row.engine,
        host=row.host,
        port=row.port,
        reader_host=row.reader_host,
        cluster=row.cluster,
        is_writer=row.is_writer,
        replica_of=row.replica_of,
    )
