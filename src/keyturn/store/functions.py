"""Functions, their code, and who may invoke them, as rows.

Code is kept once for each SHA-256, however many functions share it, and goes with the last one.
"""

from collections.abc import Mapping
from datetime import datetime
import json
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
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
from keyturn.model.function import Function
from keyturn.store.metadata import RowId, metadata

ColumnValue = datetime | Mapping[str, Any] | bytes | str | int | None

functions = Table(
    "functions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("arn", Text, nullable=False, unique=True),
    Column("runtime", Text, nullable=False),
    Column("handler", Text, nullable=False),
    Column("role_arn", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("timeout_seconds", Integer, nullable=False),
    Column("memory_mb", Integer, nullable=False),
    Column("storage_mb", Integer, nullable=False),
    Column("architecture", Text, nullable=False),
    Column("code_sha256", Text, nullable=False),
    Column("code_bytes", BigInteger, nullable=False),
    Column("modified_at", BigInteger, nullable=False),
    Column("revision_id", Text, nullable=False),
    Column("vpc_config", Text),
    Column("tags", Text),
    Column("sealed_environment", LargeBinary),
    UniqueConstraint("account", "region", "name"),
)

code = Table(
    "function_code",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("zip", LargeBinary, nullable=False),
)

permissions = Table(
    "function_permissions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("function_id", ForeignKey("functions.id", ondelete="CASCADE"), nullable=False),
    Column("statement_id", Text, nullable=False),
    Column("statement", Text, nullable=False),
    UniqueConstraint("function_id", "statement_id"),
)


def find_by_arn(connection: Connection, arn: str) -> Function | None:
    """Return the function with this unqualified ARN."""
    row = connection.execute(select(*_COLUMNS).where(functions.c.arn == arn)).one_or_none()
    return None if row is None else _function(row)


def page(
    connection: Connection, *, account: str, region: str, after_name: str, most: int
) -> list[Function]:
    """Return functions by name, beginning after ``after_name``."""
    rows = connection.execute(
        select(*_COLUMNS)
        .where(
            functions.c.account == account,
            functions.c.region == region,
            functions.c.name > after_name,
        )
        .order_by(functions.c.name)
        .limit(most)
    )
    return [_function(row) for row in rows]


def insert_function(connection: Connection, **columns: ColumnValue) -> None:
    """Store a function. Instants come as datetimes, mappings as they are."""
    connection.execute(insert(functions).values(_stored(columns)))


def save(connection: Connection, function_id: int, **columns: ColumnValue) -> None:
    """Change some columns of a function."""
    connection.execute(
        update(functions).where(functions.c.id == function_id).values(_stored(columns))
    )


def delete_function(connection: Connection, function: Function) -> None:
    """Delete a function, its permissions, and its code unless another function has the same."""
    connection.execute(delete(functions).where(functions.c.id == function.id))
    forget_unused_code(connection, function.code_sha256)


def put_code(connection: Connection, sha256: str, zipped: bytes) -> None:
    """Keep a package under its hash."""
    if connection.execute(select(code.c.sha256).where(code.c.sha256 == sha256)).first() is None:
        connection.execute(insert(code).values(sha256=sha256, zip=zipped))


def read_code(connection: Connection, sha256: str) -> bytes | None:
    """Return the package with this hash."""
    zipped = connection.execute(select(code.c.zip).where(code.c.sha256 == sha256)).scalar()
    return None if zipped is None else bytes(zipped)


def forget_unused_code(connection: Connection, sha256: str) -> None:
    """Delete a package that no function has any more."""
    users = connection.execute(
        select(func.count()).select_from(functions).where(functions.c.code_sha256 == sha256)
    ).scalar_one()
    if users == 0:
        connection.execute(delete(code).where(code.c.sha256 == sha256))


def statements_of(connection: Connection, function_id: int) -> dict[str, str]:
    """Return the statements of a function's policy by their ids, in the order they were added."""
    rows = connection.execute(
        select(permissions.c.statement_id, permissions.c.statement)
        .where(permissions.c.function_id == function_id)
        .order_by(permissions.c.id)
    )
    return {row.statement_id: row.statement for row in rows}


def insert_statement(
    connection: Connection, function_id: int, statement_id: str, statement: str
) -> None:
    """Add a statement to a function's policy."""
    connection.execute(
        insert(permissions).values(
            function_id=function_id, statement_id=statement_id, statement=statement
        )
    )


def delete_statement(connection: Connection, function_id: int, statement_id: str) -> None:
    """Remove a statement from a function's policy."""
    connection.execute(
        delete(permissions).where(
            permissions.c.function_id == function_id,
            permissions.c.statement_id == statement_id,
        )
    )


_COLUMNS: Final = tuple(functions.c)


def _function(row: Row[*tuple[Any, ...]]) -> Function:
    return Function(
        id=row.id,
        account=row.account,
        region=row.region,
        name=row.name,
        arn=row.arn,
        runtime=row.runtime,
        handler=row.handler,
        role_arn=row.role_arn,
        description=row.description,
        timeout_seconds=row.timeout_seconds,
        memory_mb=row.memory_mb,
        storage_mb=row.storage_mb,
        architecture=row.architecture,
        code_sha256=row.code_sha256,
        code_bytes=row.code_bytes,
        modified_at=from_epoch_ms(row.modified_at),
        revision_id=row.revision_id,
        vpc_config=None if row.vpc_config is None else json.loads(row.vpc_config),
        tags=None if row.tags is None else json.loads(row.tags),
        sealed_environment=row.sealed_environment,
    )


def _stored(columns: Mapping[str, ColumnValue]) -> dict[str, bytes | str | int | None]:
    return {name: _stored_value(value) for name, value in columns.items()}


def _stored_value(value: ColumnValue) -> bytes | str | int | None:
    match value:
        case datetime():
            return to_epoch_ms(value)
        case Mapping():
            return json.dumps(value)
        case _:
            return value
