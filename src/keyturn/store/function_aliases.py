"""The aliases of functions, as rows."""

from collections.abc import Mapping
import json
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Row,
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)

from keyturn.model.function import Alias
from keyturn.store.metadata import RowId, metadata

aliases = Table(
    "function_aliases",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("function_id", ForeignKey("functions.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("weights", Text, nullable=False),
    Column("revision_id", Text, nullable=False),
    UniqueConstraint("function_id", "name"),
)


def find(connection: Connection, function_id: int, name: str) -> Alias | None:
    """Return a function's alias of this name."""
    row = connection.execute(
        select(aliases).where(aliases.c.function_id == function_id, aliases.c.name == name)
    ).one_or_none()
    return None if row is None else _alias(row)


def page(
    connection: Connection, function_id: int, *, version: str | None, after_name: str, most: int
) -> list[Alias]:
    """Return a function's aliases by name, after ``after_name``; or those of one version."""
    query = select(aliases).where(
        aliases.c.function_id == function_id, aliases.c.name > after_name
    )
    if version is not None:
        query = query.where(aliases.c.version == version)
    rows = connection.execute(query.order_by(aliases.c.name).limit(most))
    return [_alias(row) for row in rows]


def of_version(connection: Connection, function_id: int, version: str) -> list[Alias]:
    """Return the aliases that lead to a version, be it with a share only."""
    rows = connection.execute(
        select(aliases).where(aliases.c.function_id == function_id).order_by(aliases.c.name)
    )
    found = [_alias(row) for row in rows]
    return [alias for alias in found if version in (alias.version, *alias.weights)]


def insert_alias(connection: Connection, alias: Alias) -> None:
    """Store an alias."""
    connection.execute(
        insert(aliases).values(
            function_id=alias.function_id, name=alias.name, **_changeable(alias)
        )
    )


def save(connection: Connection, alias: Alias) -> None:
    """Store what an alias is now."""
    connection.execute(
        update(aliases)
        .where(aliases.c.function_id == alias.function_id, aliases.c.name == alias.name)
        .values(_changeable(alias))
    )


def delete_alias(connection: Connection, function_id: int, name: str) -> None:
    """Delete an alias, if there is one of that name."""
    connection.execute(
        delete(aliases).where(aliases.c.function_id == function_id, aliases.c.name == name)
    )


def _changeable(alias: Alias) -> Mapping[str, str]:
    return {
        "version": alias.version,
        "description": alias.description,
        "weights": json.dumps(dict(alias.weights)),
        "revision_id": alias.revision_id,
    }


def _alias(row: Row[*tuple[Any, ...]]) -> Alias:
    return Alias(
        function_id=row.function_id,
        name=row.name,
        version=row.version,
        description=row.description,
        weights=json.loads(row.weights),
        revision_id=row.revision_id,
    )
