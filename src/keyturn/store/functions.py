"""Functions, their versions and their code, as rows.

Code is kept once for each SHA-256, however many functions, versions and layers share it, and goes
with the last one. A version's number is never given again, not even to another function of the
same name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
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
    Select,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.model.function import LATEST, Function, FunctionLayer
from keyturn.store.layers import versions as layer_versions
from keyturn.store.metadata import RowId, metadata

ColumnValue = (
    datetime | Mapping[str, Any] | tuple[FunctionLayer, ...] | bytes | str | int | float | None
)


def _configuration() -> Iterator[Column[Any]]:
    """Yield the columns that a version has a copy of."""
    for name in ("runtime", "handler", "role_arn", "description"):
        yield Column(name, Text, nullable=False)
    for name in ("timeout_seconds", "memory_mb", "storage_mb"):
        yield Column(name, Integer, nullable=False)
    yield Column("architecture", Text, nullable=False)
    yield Column("code_sha256", Text, nullable=False)
    yield Column("code_bytes", BigInteger, nullable=False)
    yield Column("modified_at", BigInteger, nullable=False)
    yield Column("revision_id", Text, nullable=False)
    yield Column("vpc_config", Text)
    yield Column("sealed_environment", LargeBinary)
    yield Column("layers", Text)
    yield Column("log_group", Text)


functions = Table(
    "functions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("arn", Text, nullable=False, unique=True),
    *_configuration(),
    Column("tags", Text),
    Column("reserved_concurrency", Integer),
    UniqueConstraint("account", "region", "name"),
)

versions = Table(
    "function_versions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("function_id", ForeignKey("functions.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    *_configuration(),
    UniqueConstraint("function_id", "version"),
)

numbering = Table(
    "function_numbering",
    metadata,
    Column("arn", Text, primary_key=True),
    Column("last_version", Integer, nullable=False),
)

code = Table(
    "function_code",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("zip", LargeBinary, nullable=False),
)

# A table of its own: SQLite would read through a ZIP to get at what is beside it.
code_sizes = Table(
    "function_code_sizes",
    metadata,
    Column("sha256", ForeignKey("function_code.sha256", ondelete="CASCADE"), primary_key=True),
    Column("unzipped_bytes", BigInteger, nullable=False),
)

#: What a version has a copy of.
CONFIGURATION: Final = tuple(column.name for column in _configuration())


def find_by_arn(connection: Connection, arn: str) -> Function | None:
    """Return the function with this unqualified ARN."""
    row = connection.execute(_BY_ARN, {"of_arn": arn}).one_or_none()
    return None if row is None else _function(row)


def find_version(connection: Connection, arn: str, version: int) -> Function | None:
    """Return a published version of the function with this unqualified ARN."""
    row = connection.execute(
        _SELECT_VERSION.where(functions.c.arn == arn, versions.c.version == version)
    ).one_or_none()
    return None if row is None else _function(row)


def last_version(connection: Connection, function_id: int) -> Function | None:
    """Return the version of a function that was published last, of those there are."""
    row = connection.execute(
        _SELECT_VERSION.where(functions.c.id == function_id)
        .order_by(versions.c.version.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _function(row)


def page(
    connection: Connection, *, account: str, region: str, after_name: str, most: int
) -> list[Function]:
    """Return functions by name, beginning after ``after_name``."""
    rows = connection.execute(
        _in_order(account, region).where(functions.c.name > after_name).limit(most)
    )
    return [_function(row) for row in rows]


def page_with_versions(
    connection: Connection, *, account: str, region: str, after: tuple[str, int], most: int
) -> list[Function]:
    """Return functions by name, each followed by its published versions, the oldest first.

    Args:
        after: the function's name and the version that the page begins after; 0 for the function
            itself.
    """
    name, version = after
    rows = connection.execute(
        _in_order(account, region).where(functions.c.name >= name).limit(most + 1)
    ).all()
    found: list[Function] = []
    for row in rows:
        if len(found) >= most:
            break
        is_begun = row.name == name
        found += [] if is_begun else [_function(row)]
        found += version_page(
            connection, row.id, after_version=version if is_begun else 0, most=most - len(found)
        )
    return found


def version_page(
    connection: Connection, function_id: int, *, after_version: int, most: int
) -> list[Function]:
    """Return a function's published versions, the oldest first, after ``after_version``."""
    rows = connection.execute(
        _SELECT_VERSION.where(
            versions.c.function_id == function_id, versions.c.version > after_version
        )
        .order_by(versions.c.version)
        .limit(most)
    )
    return [_function(row) for row in rows]


def insert_function(connection: Connection, **columns: ColumnValue) -> None:
    """Store a function. Instants come as datetimes, mappings as they are."""
    connection.execute(insert(functions).values(_stored(columns)))


def insert_version(connection: Connection, function: Function, **changed: ColumnValue) -> int:
    """Store a copy of a function under the next number, and return that.

    Args:
        changed: columns that the copy has otherwise.
    """
    number = _next_number(connection, function.arn)
    copied = select(
        literal(function.id), literal(number), *(functions.c[name] for name in CONFIGURATION)
    ).where(functions.c.id == function.id)
    names = ("function_id", "version", *CONFIGURATION)
    connection.execute(insert(versions).from_select(names, copied))
    if changed:
        save_version(connection, function.id, number, **changed)
    return number


def save(connection: Connection, function_id: int, **columns: ColumnValue) -> None:
    """Change some columns of a function."""
    connection.execute(
        update(functions).where(functions.c.id == function_id).values(_stored(columns))
    )


def save_version(
    connection: Connection, function_id: int, version: int, **columns: ColumnValue
) -> None:
    """Change some columns of a version: what it runs is never among them once it is made."""
    connection.execute(
        update(versions)
        .where(versions.c.function_id == function_id, versions.c.version == version)
        .values(_stored(columns))
    )


def delete_function(connection: Connection, function: Function) -> None:
    """Delete a function, all that belongs to it, and the code that nothing else uses."""
    published = connection.execute(
        _SELECT_VERSION.where(versions.c.function_id == function.id)
    ).all()
    connection.execute(delete(functions).where(functions.c.id == function.id))
    hashes = {
        sha256
        for each in (function, *(_function(row) for row in published))
        for sha256 in (each.code_sha256, *(layer.sha256 for layer in each.layers))
    }
    for sha256 in hashes:
        forget_unused_code(connection, sha256)


def delete_version(connection: Connection, function: Function) -> None:
    """Delete a published version, and the code that nothing else uses."""
    connection.execute(
        delete(versions).where(
            versions.c.function_id == function.id, versions.c.version == int(function.version)
        )
    )
    forget_unused_code_of(connection, function)


def put_code(connection: Connection, sha256: str, zipped: bytes, unzipped_bytes: int) -> None:
    """Keep a package under its hash, and how long it is unpacked."""
    if connection.execute(select(code.c.sha256).where(code.c.sha256 == sha256)).first() is None:
        connection.execute(insert(code).values(sha256=sha256, zip=zipped))
        connection.execute(insert(code_sizes).values(sha256=sha256, unzipped_bytes=unzipped_bytes))


def read_code(connection: Connection, sha256: str) -> bytes | None:
    """Return the package with this hash, a function's or a layer's."""
    zipped = connection.execute(select(code.c.zip).where(code.c.sha256 == sha256)).scalar()
    return None if zipped is None else bytes(zipped)


def packages_in_use(connection: Connection) -> set[tuple[str, tuple[str, ...]]]:
    """Return what functions and versions run: the hash of their code, and of each layer."""
    return {
        (row.code_sha256, tuple(layer["sha256"] for layer in json.loads(row.layers or "[]")))
        for table in (functions, versions)
        for row in connection.execute(select(table.c.code_sha256, table.c.layers).distinct())
    }


def unzipped_bytes(connection: Connection, sha256: str) -> int:
    """Return how long the package with this hash is unpacked. There must be one."""
    found = connection.execute(
        select(code_sizes.c.unzipped_bytes).where(code_sizes.c.sha256 == sha256)
    ).scalar_one()
    return int(found)


def forget_unused_code(connection: Connection, sha256: str) -> None:
    """Delete a package that nothing uses any more."""
    users = [
        exists().where(or_(table.c.code_sha256 == sha256, table.c.layers.contains(sha256)))
        for table in (functions, versions)
    ]
    of_layers = exists().where(layer_versions.c.code_sha256 == sha256)
    connection.execute(delete(code).where(code.c.sha256 == sha256, ~or_(*users, of_layers)))


def forget_unused_code_of(connection: Connection, function: Function) -> None:
    """Delete what a function used, as it was before a change, and nothing uses any more."""
    for sha256 in (function.code_sha256, *(layer.sha256 for layer in function.layers)):
        forget_unused_code(connection, sha256)


def count_in(connection: Connection, account: str, region: str) -> int:
    """Return how many functions an account has in a region."""
    return connection.execute(
        select(func.count())
        .select_from(functions)
        .where(functions.c.account == account, functions.c.region == region)
    ).scalar_one()


def code_bytes_in(connection: Connection, account: str, region: str) -> int:
    """Return how long the packages of an account's functions and versions are together."""
    is_theirs = (functions.c.account == account, functions.c.region == region)
    latest = select(func.sum(functions.c.code_bytes)).where(*is_theirs)
    published = (
        select(func.sum(versions.c.code_bytes))
        .join(functions, functions.c.id == versions.c.function_id)
        .where(*is_theirs)
    )
    return sum(int(connection.execute(query).scalar() or 0) for query in (latest, published))


def reserved(connection: Connection) -> dict[int, int]:
    """Return the concurrency that functions have reserved, of whatever account, by their ids."""
    rows = connection.execute(
        select(functions.c.id, functions.c.reserved_concurrency).where(
            functions.c.reserved_concurrency.is_not(None),
        )
    )
    return {row.id: row.reserved_concurrency for row in rows}


_COLUMNS: Final = (*functions.c, literal(LATEST).label("version"))
_BY_ARN: Final = select(*_COLUMNS).where(functions.c.arn == bindparam("of_arn"))
_SELECT_VERSION: Final = select(
    *(column for column in functions.c if column.name not in CONFIGURATION),
    *(versions.c[name] for name in CONFIGURATION),
    versions.c.version,
).join(versions, versions.c.function_id == functions.c.id)


def _in_order(account: str, region: str) -> Select[*tuple[Any, ...]]:
    return (
        select(*_COLUMNS)
        .where(functions.c.account == account, functions.c.region == region)
        .order_by(functions.c.name)
    )


def _next_number(connection: Connection, arn: str) -> int:
    found = connection.execute(
        select(numbering.c.last_version).where(numbering.c.arn == arn)
    ).scalar()
    if found is None:
        connection.execute(insert(numbering).values(arn=arn, last_version=1))
        return 1
    connection.execute(
        update(numbering).where(numbering.c.arn == arn).values(last_version=found + 1)
    )
    return int(found) + 1


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
        version=str(row.version),
        layers=tuple(FunctionLayer(**layer) for layer in json.loads(row.layers or "[]")),
        custom_log_group=row.log_group,
        reserved_concurrency=row.reserved_concurrency,
    )


def _stored(columns: Mapping[str, ColumnValue]) -> dict[str, bytes | str | float | None]:
    return {name: _stored_value(value) for name, value in columns.items()}


def _stored_value(value: ColumnValue) -> bytes | str | float | None:
    match value:
        case datetime():
            return to_epoch_ms(value)
        case Mapping():
            return json.dumps(value)
        case tuple():
            return json.dumps([asdict(layer) for layer in value]) if value else None
        case _:
            return value
