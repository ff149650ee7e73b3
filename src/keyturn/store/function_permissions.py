"""Who may invoke functions, as rows: statements of the policies on a function's qualifiers.

A policy belongs to a function and a qualifier; the qualifier ``UNQUALIFIED`` is for the function
as it is named without one.
"""

import json
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    delete,
    insert,
    select,
)

from keyturn.store.functions import functions
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


def tags_and_statements_of(
    connection: Connection, arn: str, qualifier: str
) -> tuple[dict[str, str] | None, list[str]]:
    """Return what every decision on a function asks for: its tags, and the statements of a policy.

    Args:
        arn: the function's, without a qualifier. Of one that doesn't exist, there is neither.
    """
    rows = connection.execute(
        _TAGS_AND_STATEMENTS, {"of_arn": arn, "of_qualifier": qualifier}
    ).all()
    tags = json.loads(rows[0].tags) if rows and rows[0].tags is not None else None
    return tags, [row.statement for row in rows if row.statement is not None]


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
_TAGS_AND_STATEMENTS: Final = (
    select(functions.c.tags, permissions.c.statement)
    .outerjoin(
        permissions,
        and_(
            permissions.c.function_id == functions.c.id,
            permissions.c.qualifier == bindparam("of_qualifier"),
        ),
    )
    .where(functions.c.arn == bindparam("of_arn"))
    .order_by(permissions.c.id)
)
