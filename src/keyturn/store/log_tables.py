"""The tables of log groups, streams and events, and what their rows are read as.

AWS: CloudWatch Logs API reference, LogGroup and LogStream.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
import json
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    Row,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
)

from keyturn.model.clock import from_epoch_ms
from keyturn.store.metadata import RowId, metadata

# AWS: of groups' names and of streams'.
_NAME_CHARACTERS_MAX: Final = 512
_LAST_CHARACTER: Final = "\U0010ffff"

groups = Table(
    "log_groups",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("retention_days", Integer),
    Column("tags", Text),
    Column("stored_bytes", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("account", "region", "name"),
)

# ``last_at`` is 0 before the first event: what is NULL has no place in an order of pages.
streams = Table(
    "log_streams",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("group_id", ForeignKey("log_groups.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False, server_default="0"),
    Column("ingested_at", BigInteger),
    UniqueConstraint("group_id", "name"),
    Index("ix_log_streams_last", "group_id", "last_at", "id"),
)

events = Table(
    "log_events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("group_id", ForeignKey("log_groups.id", ondelete="CASCADE"), nullable=False),
    Column("stream_id", ForeignKey("log_streams.id", ondelete="CASCADE"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("ingested_at", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False, server_default="0"),
    Index("ix_log_events_group", "group_id", "at", "id"),
    Index("ix_log_events_stream", "stream_id", "at", "id"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A log group.

    Attributes:
        retention_days: how long its events are kept; None when nobody said.
        stored_bytes: its events as AWS counts them, those that are being deleted with them.
    """

    id: int
    account: str
    region: str
    name: str
    created_at: datetime
    retention_days: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    stored_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A log stream; the moments are None while it has no events."""

    id: int
    group_id: int
    name: str
    created_at: datetime
    first_at: datetime | None
    last_at: datetime | None
    ingested_at: datetime | None


def group_of(row: Row[*tuple[Any, ...]]) -> Group:
    """Return the group that a row of ``GROUP_COLUMNS`` is."""
    return Group(
        id=row.id,
        account=row.account,
        region=row.region,
        name=row.name,
        created_at=from_epoch_ms(row.created_at),
        retention_days=row.retention_days,
        tags={} if row.tags is None else json.loads(row.tags),
        stored_bytes=row.stored_bytes,
    )


def stream_of(row: Row[*tuple[Any, ...]]) -> Stream:
    """Return the stream that a row of ``STREAM_COLUMNS`` is."""
    return Stream(
        id=row.id,
        group_id=row.group_id,
        name=row.name,
        created_at=from_epoch_ms(row.created_at),
        first_at=None if row.first_at is None else from_epoch_ms(row.first_at),
        last_at=from_epoch_ms(row.last_at) if row.last_at else None,
        ingested_at=None if row.ingested_at is None else from_epoch_ms(row.ingested_at),
    )


GROUP_COLUMNS: Final = (
    groups.c.id,
    groups.c.account,
    groups.c.region,
    groups.c.name,
    groups.c.created_at,
    groups.c.retention_days,
    groups.c.tags,
    groups.c.stored_bytes,
)
STREAM_COLUMNS: Final = (
    streams.c.id,
    streams.c.group_id,
    streams.c.name,
    streams.c.created_at,
    # Old events go first, so the first is looked up; the last was noted when it came.
    select(func.min(events.c.at))
    .where(events.c.stream_id == streams.c.id)
    .scalar_subquery()
    .label("first_at"),
    streams.c.last_at,
    streams.c.ingested_at,
)


def begins(column: Column[Any], prefix: str) -> ColumnElement[bool]:
    """Return the condition that a name begins with ``prefix``."""
    # Not LIKE, which takes no notice of case in SQLite. The bounds are for the index.
    last = prefix + _LAST_CHARACTER * _NAME_CHARACTERS_MAX
    is_within = (column >= prefix) & (column <= last)
    return is_within & (func.substr(column, 1, len(prefix)) == prefix)
