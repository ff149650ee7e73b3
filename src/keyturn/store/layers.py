"""Layers, their versions, and who may use those, as rows. Their code is with the functions'.

A layer stays when its last version goes: a version's number is never given again.
"""

from collections.abc import Sequence
from datetime import datetime
import json
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    Row,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    update,
)

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.model.layer import LayerVersion
from keyturn.store.metadata import RowId, metadata

layers = Table(
    "layers",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("arn", Text, nullable=False, unique=True),
    Column("last_version", Integer, nullable=False),
    UniqueConstraint("account", "region", "name"),
)

versions = Table(
    "layer_versions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("layer_id", ForeignKey("layers.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("description", Text, nullable=False),
    Column("license_info", Text),
    Column("runtimes", Text, nullable=False),
    Column("architectures", Text, nullable=False),
    Column("code_sha256", Text, nullable=False),
    Column("code_bytes", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revision_id", Text, nullable=False),
    UniqueConstraint("layer_id", "version"),
)

permissions = Table(
    "layer_permissions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column(
        "layer_version_id", ForeignKey("layer_versions.id", ondelete="CASCADE"), nullable=False
    ),
    Column("statement_id", Text, nullable=False),
    Column("statement", Text, nullable=False),
    UniqueConstraint("layer_version_id", "statement_id"),
)


def next_version(
    connection: Connection, *, account: str, region: str, name: str, arn: str
) -> tuple[int, int]:
    """Return a layer's id and the number of its next version, which is taken with that."""
    row = connection.execute(
        select(layers.c.id, layers.c.last_version).where(layers.c.arn == arn)
    ).one_or_none()
    if row is None:
        made = connection.execute(
            insert(layers)
            .values(account=account, region=region, name=name, arn=arn, last_version=1)
            .returning(layers.c.id)
        )
        return int(made.scalar_one()), 1
    number = int(row.last_version) + 1
    connection.execute(update(layers).where(layers.c.id == row.id).values(last_version=number))
    return int(row.id), number


def insert_version(
    connection: Connection,
    layer_id: int,
    version: int,
    *,
    created_at: datetime,
    runtimes: Sequence[str],
    architectures: Sequence[str],
    **columns: str | int | None,
) -> None:
    """Store a version of a layer."""
    connection.execute(
        insert(versions).values(
            layer_id=layer_id,
            version=version,
            created_at=to_epoch_ms(created_at),
            runtimes=json.dumps(runtimes),
            architectures=json.dumps(architectures),
            **columns,
        )
    )


def find_version(connection: Connection, layer_arn: str, version: int) -> LayerVersion | None:
    """Return a version of the layer with this ARN."""
    row = connection.execute(
        _SELECT.where(layers.c.arn == layer_arn, versions.c.version == version)
    ).one_or_none()
    return None if row is None else _version(row)


def version_page(
    connection: Connection, layer_arn: str, *, before_version: int | None, most: int
) -> list[LayerVersion]:
    """Return a layer's versions, the latest first, before ``before_version``."""
    query = _SELECT.where(layers.c.arn == layer_arn)
    if before_version is not None:
        query = query.where(versions.c.version < before_version)
    rows = connection.execute(query.order_by(versions.c.version.desc()).limit(most))
    return [_version(row) for row in rows]


def latest_page(
    connection: Connection, *, account: str, region: str, after_name: str, most: int
) -> list[LayerVersion]:
    """Return the latest version of each layer by name, beginning after ``after_name``."""
    latest = (
        select(versions.c.layer_id, func.max(versions.c.version).label("version"))
        .group_by(versions.c.layer_id)
        .subquery()
    )
    rows = connection.execute(
        _SELECT.join(
            latest,
            (latest.c.layer_id == versions.c.layer_id) & (latest.c.version == versions.c.version),
        )
        .where(
            layers.c.account == account,
            layers.c.region == region,
            layers.c.name > after_name,
        )
        .order_by(layers.c.name)
        .limit(most)
    )
    return [_version(row) for row in rows]


def delete_version(connection: Connection, version_id: int) -> None:
    """Delete a version and its policy; its code may still be some function's."""
    connection.execute(delete(versions).where(versions.c.id == version_id))


def code_bytes_in(connection: Connection, account: str, region: str) -> int:
    """Return how long the packages of an account's layer versions are together."""
    found = connection.execute(
        select(func.sum(versions.c.code_bytes))
        .join(layers, layers.c.id == versions.c.layer_id)
        .where(layers.c.account == account, layers.c.region == region)
    ).scalar()
    return int(found or 0)


def save_revision(connection: Connection, version_id: int, revision_id: str) -> None:
    """Note that a version's policy was changed."""
    connection.execute(
        update(versions).where(versions.c.id == version_id).values(revision_id=revision_id)
    )


def statements_of(connection: Connection, version_id: int) -> dict[str, str]:
    """Return the statements of a version's policy by their ids, in the order they were added."""
    rows = connection.execute(
        select(permissions.c.statement_id, permissions.c.statement)
        .where(permissions.c.layer_version_id == version_id)
        .order_by(permissions.c.id)
    )
    return {row.statement_id: row.statement for row in rows}


def insert_statement(
    connection: Connection, version_id: int, statement_id: str, statement: str
) -> None:
    """Add a statement to a version's policy."""
    connection.execute(
        insert(permissions).values(
            layer_version_id=version_id, statement_id=statement_id, statement=statement
        )
    )


def delete_statement(connection: Connection, version_id: int, statement_id: str) -> None:
    """Remove a statement from a version's policy."""
    connection.execute(
        delete(permissions).where(
            permissions.c.layer_version_id == version_id,
            permissions.c.statement_id == statement_id,
        )
    )


_SELECT: Final = select(
    versions,
    layers.c.account,
    layers.c.region,
    layers.c.name,
    layers.c.arn.label("layer_arn"),
).join(layers, layers.c.id == versions.c.layer_id)


def _version(row: Row[*tuple[Any, ...]]) -> LayerVersion:
    return LayerVersion(
        id=row.id,
        account=row.account,
        region=row.region,
        name=row.name,
        layer_arn=row.layer_arn,
        version=row.version,
        description=row.description,
        license_info=row.license_info,
        runtimes=tuple(json.loads(row.runtimes)),
        architectures=tuple(json.loads(row.architectures)),
        code_sha256=row.code_sha256,
        code_bytes=row.code_bytes,
        created_at=from_epoch_ms(row.created_at),
        revision_id=row.revision_id,
    )
