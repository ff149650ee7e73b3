"""Where functions run that don't run on this machine, as rows.

A function without a row runs here. A place belongs to the function, not to its name: it goes with
the function.
"""

from typing import Any, Final

from sqlalchemy import Column, Connection, ForeignKey, Row, Table, Text, delete, insert, select

from keyturn.model.function_place import HttpPlace, LambdaPlace, Place
from keyturn.store.functions import functions
from keyturn.store.metadata import metadata

places = Table(
    "function_places",
    metadata,
    Column("function_id", ForeignKey("functions.id", ondelete="CASCADE"), primary_key=True),
    Column("url", Text),
    Column("lambda_arn", Text),
    Column("profile", Text),
    Column("endpoint_url", Text),
)

_COLUMNS: Final = (places.c.url, places.c.lambda_arn, places.c.profile, places.c.endpoint_url)


def find(connection: Connection, function_id: int) -> Place | None:
    """Return where a function runs; None for here."""
    row = connection.execute(
        select(*_COLUMNS).where(places.c.function_id == function_id)
    ).one_or_none()
    return None if row is None else _place(row)


def all_by_function(connection: Connection) -> list[tuple[str, Place]]:
    """Return the ARN of each function that runs elsewhere, and where; by ARN."""
    rows = connection.execute(
        select(functions.c.arn, *_COLUMNS)
        .join(functions, functions.c.id == places.c.function_id)
        .order_by(functions.c.arn)
    )
    return [(row.arn, _place(row)) for row in rows]


def put(connection: Connection, function_id: int, place: Place) -> None:
    """Store where a function runs, in the place of what was stored."""
    remove(connection, function_id)
    connection.execute(insert(places).values(function_id=function_id, **_stored(place)))


def remove(connection: Connection, function_id: int) -> None:
    """Have a function run here."""
    connection.execute(delete(places).where(places.c.function_id == function_id))


def _stored(place: Place) -> dict[str, str | None]:
    match place:
        case HttpPlace(url):
            return {"url": url}
        case LambdaPlace(arn=arn, profile=profile, endpoint_url=endpoint_url):
            return {"lambda_arn": arn, "profile": profile, "endpoint_url": endpoint_url}


def _place(row: Row[*tuple[Any, ...]]) -> Place:
    if row.url is not None:
        return HttpPlace(row.url)
    return LambdaPlace(arn=row.lambda_arn, profile=row.profile, endpoint_url=row.endpoint_url)
