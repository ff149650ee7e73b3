"""What SQLite does for a function of the store, asked of the function and not of its SQL.

plans_of(connection, lambda: due.secret_ids(connection, now, 100))
# ["SEARCH secrets USING INDEX ix_secrets_due (rotates_at<?)"], one such list a statement
"""

from collections.abc import Callable
from itertools import count
import sqlite3
from typing import Any

from sqlalchemy import Connection, event

Executed = tuple[str, Any]
"""A statement as it went to SQLite, with its parameters."""


def statements_of(connection: Connection, function: Callable[[], object]) -> list[Executed]:
    """Return the statements that ``function`` executes on ``connection``."""
    executed: list[Executed] = []

    def note(_connection: Connection, _cursor: object, statement: str, *others: object) -> None:
        executed.append((statement, others[0]))

    event.listen(connection, "before_cursor_execute", note)
    try:
        function()
    finally:
        event.remove(connection, "before_cursor_execute", note)
    return executed


def plans_of(connection: Connection, function: Callable[[], object]) -> list[list[str]]:
    """Return the plan of each statement that ``function`` executes."""
    return [
        [
            row.detail
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", parameters)
        ]
        for text, parameters in statements_of(connection, function)
    ]


def instructions_of(connection: Connection, function: Callable[[], object]) -> int:
    """Return how many instructions SQLite's virtual machine executes for ``function``.

    It is a measure of work that is the same on every machine and in every run: a few for each row
    that is looked at, however deep the index that leads to it.

    SQLite: https://sqlite.org/c3ref/progress_handler.html, https://sqlite.org/opcode.html
    """
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    executed = count()
    # What it returns says whether to interrupt the statement.
    raw.set_progress_handler(lambda: next(executed) < 0, 1)
    try:
        function()
    finally:
        raw.set_progress_handler(None, 1)
    return next(executed)
