"""A store of secrets that rotate by a schedule, as many as asked for, with a past rotation each.

    fill(database, 1_000_000)               # secrets 1 to 1,000,000, of which none is due at NOW
    make_due(database, range(1, 11))
    begin_rotations(database, range(1, 11))                                # a host for every ten

Some secrets are planned by the product's own functions; the others are copies of their
rows, and so are their rotations. So nothing here knows by what a store finds what is due.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any, Final
import uuid

from sqlalchemy import ColumnElement, Connection, Table, insert, select

from keyturn.model.rotation import Kind, Rotation, State, Target
from keyturn.rotation import plan
from keyturn.store import rotation_claims, rotations, secrets
from keyturn.store.database import Database
from keyturn.store.rotation_claims import Claimant

NOW: Final = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
CLAIMANT: Final = Claimant(owner="engine", at=(), per_host_max=2)

_ACCOUNT, _REGION = "123456789012", "us-east-1"
#: One for each number of weeks, up to a year, that they rotate after.
_MODELS: Final = 52
_DAYS_PER_WEEK: Final = 7
_ROWS_PER_INSERT: Final = 10_000
_ROTATIONS_PER_HOST: Final = 10

_Row = Mapping[str, Any]


def fill(database: Database, scheduled: int, *, unscheduled: int = 0) -> None:
    """Store secrets whose next windows lie within a year after NOW, and others.

    The others rotate when they are asked to, and have no windows.
    """
    models = range(1, min(scheduled, _MODELS) + 1)
    with database.write() as connection:
        for number in models:
            _make_model(connection, number, after_days=number * _DAYS_PER_WEEK)
    _insert_copies(database, models, range(len(models) + 1, scheduled + 1))
    if unscheduled:
        model = scheduled + 1
        with database.write() as connection:
            _make_model(connection, model, after_days=None)
        _insert_copies(database, [model], range(model + 1, scheduled + unscheduled + 1))


def make_due(database: Database, secret_ids: Iterable[int]) -> None:
    """Let the windows of secrets be over, as if nothing had run here for a while."""
    long_ago = NOW - timedelta(weeks=_MODELS + 1)
    with database.write() as connection:
        for secret_id in secret_ids:
            plan.plan_next(connection, secret_id, long_ago, last_valid_rotation_at=long_ago)


def begin_rotations(
    database: Database,
    secret_ids: Iterable[int],
    *,
    host: str | None = None,
    due_at: datetime = NOW,
) -> None:
    """Let rotations be under way that nobody holds: a few a host, or all of one ``host``."""
    with database.write() as connection:
        for secret_id in secret_ids:
            target = Target(host=host or f"host {secret_id // _ROTATIONS_PER_HOST}")
            _begin(connection, secret_id, target, due_at)


def hold(database: Database, rotations_held: int) -> None:
    """Let the engine be at so many rotations, those that are due the longest."""
    with database.write() as connection:
        for _ in range(rotations_held):
            assert _claim(connection) is not None


def _make_model(connection: Connection, number: int, *, after_days: int | None) -> None:
    secret_id = secrets.insert_secret(
        connection,
        account=_ACCOUNT,
        region=_REGION,
        created_at=NOW,
        last_changed_at=NOW,
        rotation_enabled=True,
        automatically_after_days=after_days,
        **_named(number),
    )
    assert secret_id == number
    plan.plan_next(connection, number, NOW, last_valid_rotation_at=NOW)
    _make_past_rotation(connection, number)


def _named(number: int) -> dict[str, str]:
    name = f"team{number % 100:02}/app{number:07}"
    arn = f"arn:aws:secretsmanager:{_REGION}:{_ACCOUNT}:secret:{name}-AbCdEf"
    return {"name": name, "arn": arn}


def _make_past_rotation(connection: Connection, secret_id: int) -> None:
    _begin(connection, secret_id, Target(), NOW)
    claimed = _claim(connection)
    assert claimed is not None
    rotations.end(connection, claimed, State.SUCCEEDED, now=NOW)


def _begin(connection: Connection, secret_id: int, target: Target, due_at: datetime) -> None:
    new = rotations.NewRotation(
        token=_token(),
        kind=Kind.ROTATION,
        begins_at=due_at,
        retry_until=NOW + timedelta(days=1),
        target=target,
    )
    rotations.insert_rotation(connection, secret_id, new, started_from=None, now=due_at)


def _claim(connection: Connection) -> Rotation | None:
    lease_until = NOW + timedelta(minutes=1)
    return rotation_claims.claim_due(connection, CLAIMANT, now=NOW, lease_until=lease_until)


def _token() -> str:
    return str(uuid.uuid4())


def _insert_copies(database: Database, models: Sequence[int], numbers: Sequence[int]) -> None:
    secret, rotation = secrets.secrets, rotations.rotations
    with database.read() as connection:
        secret_rows = _rows(connection, secret, secret.c.id.in_(models))
        rotation_rows = _rows(connection, rotation, rotation.c.secret_id.in_(models))
    _insert(
        database,
        secret,
        (
            {**row, "id": number, **_named(number)}
            for row, number in zip(cycle(secret_rows), numbers)
        ),
    )
    _insert(
        database,
        rotation,
        (
            {**row, "id": number, "secret_id": number, "token": _token()}
            for row, number in zip(cycle(rotation_rows), numbers)
        ),
    )


def _rows(connection: Connection, table: Table, condition: ColumnElement[bool]) -> list[_Row]:
    return [dict(row) for row in connection.execute(select(table).where(condition)).mappings()]


def _insert(database: Database, table: Table, rows: Iterator[_Row]) -> None:
    while chunk := list(islice(rows, _ROWS_PER_INSERT)):
        with database.write() as connection:
            connection.execute(insert(table), chunk)
