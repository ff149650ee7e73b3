"""What a store is asked, as it is asked.

with noting_statements(database) as noted:
    ...
assert len(noted) == 3
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from keyturn.store.database import Database


@contextmanager
def noting_statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Yield what is read meanwhile in snapshots: each statement with its parameters."""
    noted: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, *rest: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
        if not statement.startswith("BEGIN"):
            noted.append((statement, rest[0]))

    event.listen(database._readers, "before_cursor_execute", note)
    yield noted
    event.remove(database._readers, "before_cursor_execute", note)
