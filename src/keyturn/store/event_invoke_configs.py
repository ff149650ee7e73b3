"""How often and how long a function's asynchronous invocations are tried, as rows."""

from datetime import datetime
from typing import Any

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
    insert,
    select,
    update,
)

from keyturn.model.asynchronous import EventInvokeConfig
from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.store.metadata import RowId, metadata

configs = Table(
    "event_invoke_configs",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("function_id", ForeignKey("functions.id", ondelete="CASCADE"), nullable=False),
    Column("qualifier", Text, nullable=False),
    Column("retry_attempts_max", Integer),
    Column("event_age_seconds_max", Integer),
    Column("modified_at", BigInteger, nullable=False),
    UniqueConstraint("function_id", "qualifier"),
)


def find(connection: Connection, function_id: int, qualifier: str) -> EventInvokeConfig | None:
    """Return the settings of a function's qualifier, which is never empty."""
    row = connection.execute(
        select(configs).where(
            configs.c.function_id == function_id, configs.c.qualifier == qualifier
        )
    ).one_or_none()
    return None if row is None else _config(row)


def page(
    connection: Connection, function_id: int, *, after_qualifier: str, most: int
) -> list[EventInvokeConfig]:
    """Return a function's settings by qualifier, after ``after_qualifier``."""
    rows = connection.execute(
        select(configs)
        .where(configs.c.function_id == function_id, configs.c.qualifier > after_qualifier)
        .order_by(configs.c.qualifier)
        .limit(most)
    )
    return [_config(row) for row in rows]


def put(
    connection: Connection,
    function_id: int,
    qualifier: str,
    *,
    retry_attempts_max: int | None,
    event_age_seconds_max: int | None,
    modified_at: datetime,
) -> None:
    """Store settings, in the place of those there were."""
    values = {
        "retry_attempts_max": retry_attempts_max,
        "event_age_seconds_max": event_age_seconds_max,
        "modified_at": to_epoch_ms(modified_at),
    }
    changed = connection.execute(
        update(configs)
        .where(configs.c.function_id == function_id, configs.c.qualifier == qualifier)
        .values(values)
    )
    if changed.rowcount == 0:
        connection.execute(
            insert(configs).values(function_id=function_id, qualifier=qualifier, **values)
        )


def delete_config(connection: Connection, function_id: int, qualifier: str) -> None:
    """Delete settings, if there are any."""
    connection.execute(
        delete(configs).where(
            configs.c.function_id == function_id, configs.c.qualifier == qualifier
        )
    )


def _config(row: Row[*tuple[Any, ...]]) -> EventInvokeConfig:
    return EventInvokeConfig(
        qualifier=row.qualifier,
        retry_attempts_max=row.retry_attempts_max,
        event_age_seconds_max=row.event_age_seconds_max,
        modified_at=from_epoch_ms(row.modified_at),
    )
