"""Who may invoke functions, as rows: statements of the policies on a function's qualifiers.

A policy belongs to a function and a qualifier; the qualifier ``UNQUALIFIED`` is for the function
as it is named without one.
"""

from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    insert,
    select,
)

from keyturn.store.metadata import RowId, metadata

UNQUALIFIED: Final = ""

permissions = Table(
    "function_permissions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("function_id", ForeignKey("functions.id", ondelete="CASCADE"), nullable=False),
    Column("qualifier", Text, nullable=False, server_default=UNQUALIFIED),
    Column("statement_id", Text, nullable=False),
    Column("statement", Text, nullable=False),
    UniqueConstraint("function_id", "qualifier", "statement_id"),
)


def statements_of(connection: Connection, function_id: int, qualifier: str) -> dict[str, str]:
    """Return the statements of a policy by their ids, in the order they were added."""
    rows = connection.execute(_STATEMENTS, {"of_function": function_id, "of_qualifier": qualifier})
    return {row.statement_id: row.statement for row in rows}


def insert_statement(
    connection: Connection, function_id: int, qualifier: str, statement_id: str, statement: str
) -> None:
    """Add a statement to a policy."""
    connection.execute(
        insert(permissions).values(
            function_id=function_id,
            qualifier=qualifier,
            statement_id=statement_id,
            statement=statement,
        )
    )


def delete_statement(
    connection: Connection, function_id: int, qualifier: str, statement_id: str
) -> None:
    """Remove a statement from a policy."""
    connection.execute(
        delete(permissions).where(
            permissions.c.function_id == function_id,
            permissions.c.qualifier == qualifier,
            permissions.c.statement_id == statement_id,
        )
    )


def delete_policy(connection: Connection, function_id: int, qualifier: str) -> None:
    """Remove every statement of a policy."""
    connection.execute(
        delete(permissions).where(
            permissions.c.function_id == function_id, permissions.c.qualifier == qualifier
        )
    )


_STATEMENTS: Final = (
    select(permissions.c.statement_id, permissions.c.statement)
    .where(
        permissions.c.function_id == bindparam("of_function"),
        permissions.c.qualifier == bindparam("of_qualifier"),
    )
    .order_by(permissions.c.id)
)
