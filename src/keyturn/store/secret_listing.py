"""Walk an account's secrets in a region in an order, beginning anywhere.

The rules, which every caller may rely on:

* A step costs the same wherever the walk begins and however many secrets there are: each order
  has its index, and a walk goes on from a position in it, never from a count of what was seen.
* Rows are read as the walk goes on, so whoever stops early has read no more than a batch.
* Where a name must begin with something that at most ``LIST_SECRETS_LOOKED_AT_MAX`` names begin
  with, only those are read; in an order other than by name, all of them, to be put in order.
* Names are ordered by their bytes.

A position is the pair of what secrets are ordered by and ``id``, but SQLite's planner narrows such
an index by the first of a row value's parts only, as the second is the row's own number. Where
many are equal in the first, as all that were never accessed are, the rest would be walked over one
by one. So there are two statements: one for the equals that are left, one for what lies beyond.

SQLite: https://sqlite.org/rowvalue.html, "Scrolling Window Queries", and
https://sqlite.org/optoverview.html
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
import json
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    or_,
    select,
)

from keyturn.model.limits import LIST_SECRETS_LOOKED_AT_MAX
from keyturn.model.listing import Order, Outline, Position, SortKey
from keyturn.store.secrets import secrets

_BATCH_ROWS: Final = 128

_COLUMN_OF: Final[Mapping[SortKey, ColumnElement[Any]]] = {
    "created-date": secrets.c.created_at,
    "last-accessed-date": secrets.c.last_accessed_at,
    "last-changed-date": secrets.c.last_changed_at,
    "name": secrets.c.name,
}
_OUTLINE: Final = (
    secrets.c.id,
    secrets.c.name,
    secrets.c.deleted_at,
    secrets.c.description,
    secrets.c.tags,
    secrets.c.owning_service,
    secrets.c.primary_arn,
    secrets.c.cross_account_status,
)

Statement = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Which secrets are walked past, in which order.

    Attributes:
        after: the walk begins behind this position; None for the beginning.
        name_prefix: others may be left out, but need not be.
    """

    account: str
    region: str
    order: Order
    after: Position | None = None
    name_prefix: str = ""


def outlines(connection: Connection, walk: Walk) -> Generator[Outline, None, None]:
    """Yield secrets, alive or scheduled for deletion, until the walk ends or nobody asks."""
    for statement in statements(walk, names_are_few=_names_are_few(connection, walk)):
        lazily = statement.execution_options(yield_per=_BATCH_ROWS)
        with connection.execute(lazily) as rows:
            for row in rows:
                yield _outline(row)


def statements(walk: Walk, *, names_are_few: bool) -> list[Statement]:
    """Return the statements whose rows, one after the other, are the walk's.

    Args:
        names_are_few: whether the secrets whose names begin with the prefix are better looked
            through all, and put in order, than looked for along the order.
    """
    if walk.order.key == "name":
        return [_by_name(walk)]
    if names_are_few:
        return [_sorted(walk)]
    return _by_instant(walk)


def _names_are_few(connection: Connection, walk: Walk) -> bool:
    if not walk.name_prefix:
        return False
    one_too_many = (
        select(secrets.c.id)
        .where(_place(walk), _begins_with(walk.name_prefix))
        .offset(LIST_SECRETS_LOOKED_AT_MAX)
        .limit(1)
    )
    return connection.execute(one_too_many).first() is None


def _by_name(walk: Walk) -> Statement:
    query = _ordered(walk, secrets.c.name)
    if walk.name_prefix:
        query = query.where(_begins_with(walk.name_prefix))
    if walk.after is not None:
        query = query.where(_beyond(walk, secrets.c.name, walk.after.value))
    return query


def _by_instant(walk: Walk) -> list[Statement]:
    column = _COLUMN_OF[walk.order.key]
    if walk.after is None:
        return [_ordered(walk, column, secrets.c.id)]
    equals = and_(column == walk.after.value, _beyond(walk, secrets.c.id, walk.after.secret_id))
    return [
        _ordered(walk, secrets.c.id).where(equals),
        _ordered(walk, column, secrets.c.id).where(_beyond(walk, column, walk.after.value)),
    ]


def _sorted(walk: Walk) -> Statement:
    # The sum keeps the planner from walking the order's own index past everybody else's names.
    value = _COLUMN_OF[walk.order.key] + 0
    query = _ordered(walk, value, secrets.c.id).where(_begins_with(walk.name_prefix))
    if walk.after is None:
        return query
    equals = and_(value == walk.after.value, _beyond(walk, secrets.c.id, walk.after.secret_id))
    return query.where(or_(_beyond(walk, value, walk.after.value), equals))


def _ordered(walk: Walk, *columns: ColumnElement[Any]) -> Statement:
    ordered_by = _COLUMN_OF[walk.order.key].label("ordered_by")
    directed = [column.desc() if walk.order.is_descending else column.asc() for column in columns]
    return select(*_OUTLINE, ordered_by).where(_place(walk)).order_by(*directed)


def _place(walk: Walk) -> ColumnElement[bool]:
    return and_(secrets.c.account == walk.account, secrets.c.region == walk.region)


def _beyond(walk: Walk, column: ColumnElement[Any], value: int | str) -> ColumnElement[bool]:
    return column < value if walk.order.is_descending else column > value


def _begins_with(prefix: str) -> ColumnElement[bool]:
    # Names are ASCII, so the next prefix of the same length differs in the last character.
    following = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return and_(secrets.c.name >= prefix, secrets.c.name < following)


def _outline(row: Row[*tuple[Any, ...]]) -> Outline:
    return Outline(
        position=Position(row.ordered_by, row.id),
        name=row.name,
        is_deleted=row.deleted_at is not None,
        description=row.description,
        tags=None if row.tags is None else json.loads(row.tags),
        owning_service=row.owning_service,
        primary_arn=row.primary_arn,
        cross_account_status=row.cross_account_status,
    )
