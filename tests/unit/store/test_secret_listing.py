"""Walks over secrets in every order, from anywhere: which rows, and at what cost.

SQLite: https://sqlite.org/eqp.html
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
import sqlite3
from typing import Any, get_args

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.dialects import sqlite

from keyturn.model.limits import LIST_SECRETS_LOOKED_AT_MAX
from keyturn.model.listing import Order, Outline, Position, SortKey
from keyturn.store import secret_listing, secrets as rows
from keyturn.store.database import Database
from keyturn.store.secret_listing import Walk
from support.secret_rows import insert_secrets
from support.store import make_database

ACCOUNT, REGION = "123456789012", "us-east-1"
KEYS: tuple[SortKey, ...] = get_args(SortKey)
ORDERS = [Order(key, is_descending) for key in KEYS for is_descending in (False, True)]
INDEX_OF = {
    "created-date": "ix_secrets_created",
    "last-accessed-date": "ix_secrets_accessed",
    "last-changed-date": "ix_secrets_changed",
    "name": "sqlite_autoindex_secrets",
}
AT = datetime(2026, 1, 1, tzinfo=UTC)


def described(order: Order) -> str:
    return f"{order.key}-{'desc' if order.is_descending else 'asc'}"


every_order = pytest.mark.parametrize("order", ORDERS, ids=described)


def walk(order: Order, after: Position | None = None, **members: Any) -> Walk:  # noqa: ANN401 - a Walk's own
    asked = {"account": ACCOUNT, "region": REGION, **members}
    return Walk(order=order, after=after, **asked)


def walked(database: Database, asked: Walk) -> list[Outline]:
    with database.read() as connection:
        return list(secret_listing.outlines(connection, asked))


def names(outlines: list[Outline]) -> list[str]:
    return [each.name for each in outlines]


def fill(database: Database, count: int, *, region: str = REGION) -> None:
    """Store secrets of which many are equal in each instant, in an order that no key has."""
    insert_secrets(
        database,
        (
            {
                "account": ACCOUNT,
                "region": region,
                "name": f"{'app' if number % 3 else 'web'}/{number * 7 % count:06}",
                "created_at": number // 4,
                "last_changed_at": number % 5,
                "last_accessed_at": 0 if number % 10 else 1,
            }
            for number in range(count)
        ),
    )


def value_of(connection: Connection, order: Order) -> dict[str, Any]:
    column = {
        "created-date": "created_at",
        "last-accessed-date": "last_accessed_at",
        "last-changed-date": "last_changed_at",
        "name": "name",
    }[order.key]
    found = connection.execute(text(f"SELECT name, {column} AS value FROM secrets"))  # noqa: S608 - a column of four
    return {row.name: row.value for row in found}


@every_order
def test_walk_goes_by_the_key_and_then_by_the_number(tmp_path: Path, order: Order) -> None:
    database = make_database(tmp_path)
    fill(database, 40)

    outlines = walked(database, walk(order))

    with database.read() as connection:
        values = value_of(connection, order)
    expected = sorted(
        outlines,
        key=lambda each: (values[each.name], each.position.secret_id),
        reverse=order.is_descending,
    )
    assert len(outlines) == 40
    assert outlines == expected


@every_order
def test_walk_goes_on_behind_any_position(tmp_path: Path, order: Order) -> None:
    database = make_database(tmp_path)
    fill(database, 40)
    everything = walked(database, walk(order))

    for number, outline in enumerate(everything):
        assert walked(database, walk(order, outline.position)) == everything[number + 1 :]


@every_order
def test_walk_goes_on_behind_a_secret_that_is_gone(tmp_path: Path, order: Order) -> None:
    database = make_database(tmp_path)
    fill(database, 40)
    everything = walked(database, walk(order))
    gone = everything[17]
    with database.write() as connection:
        rows.delete_secret(connection, gone.position.secret_id)

    assert walked(database, walk(order, gone.position)) == everything[18:]


@every_order
def test_prefix_of_the_name_leaves_out_no_name_that_has_it(tmp_path: Path, order: Order) -> None:
    database = make_database(tmp_path)
    fill(database, 40)
    everything = [each for each in walked(database, walk(order)) if each.name[:3] == "web"]

    assert walked(database, walk(order, name_prefix="web")) == everything
    for number, outline in enumerate(everything):
        later = walked(database, walk(order, outline.position, name_prefix="web"))
        assert later == everything[number + 1 :]


@every_order
def test_prefix_that_too_many_names_have_leaves_the_order_as_it_is(
    tmp_path: Path, order: Order
) -> None:
    database = make_database(tmp_path)
    fill(database, 60)

    few, many = (
        secret_listing.statements(walk(order, name_prefix="app"), names_are_few=are_few)
        for are_few in (True, False)
    )
    with database.read() as connection:
        found_few, found_many = (
            [row.name for statement in each for row in connection.execute(statement)]
            for each in (few, many)
        )

    assert found_few == [name for name in found_many if name.startswith("app")]


def test_names_are_few_up_to_as_many_as_are_looked_at_for_a_page(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    asked = {prefix: walk(Order(), name_prefix=prefix) for prefix in ("", "app", "app0", "web")}
    digits = len(str(LIST_SECRETS_LOOKED_AT_MAX))
    insert_secrets(
        database,
        (
            {"account": ACCOUNT, "region": REGION, "name": f"app{number:0{digits}}"}
            for number in range(LIST_SECRETS_LOOKED_AT_MAX + 1)
        ),
    )

    with database.read() as connection:
        few = {
            prefix: secret_listing._names_are_few(connection, each)
            for prefix, each in asked.items()
        }

    assert few == {"": False, "app": False, "app0": True, "web": True}


def test_walk_sees_one_account_and_one_region(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    fill(database, 4)
    fill(database, 8, region="eu-west-1")

    assert len(walked(database, walk(Order()))) == 4
    assert walked(database, walk(Order(), account="999999999999")) == []


def test_outline_tells_what_filters_look_at(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    with database.write() as connection:
        rows.insert_secret(
            connection,
            account=ACCOUNT,
            region=REGION,
            name="a",
            arn="arn",
            description="d",
            created_at=AT,
            last_changed_at=AT + timedelta(days=1),
            deleted_at=AT,
            tags={"k": "v"},
            owning_service="rds",
            primary_arn="arn:aws:secretsmanager:eu-west-1:1:secret:a-b",
            cross_account_status="Pending",
        )

    [outline] = walked(database, walk(Order()))

    assert outline == Outline(
        position=Position(1767225600000, 1),
        name="a",
        is_deleted=True,
        description="d",
        tags={"k": "v"},
        owning_service="rds",
        primary_arn="arn:aws:secretsmanager:eu-west-1:1:secret:a-b",
        cross_account_status="Pending",
    )


def plan_of(database: Database, statement: secret_listing.Statement) -> list[str]:
    compiled = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with database.read() as connection:
        found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")
        return [row.detail for row in found]


def positions_in(order: Order) -> tuple[Position | None, Position]:
    return None, Position("m" if order.key == "name" else 5, 17)


@every_order
def test_every_order_has_its_index_and_nothing_is_sorted(tmp_path: Path, order: Order) -> None:
    database = make_database(tmp_path)

    plans = [
        plan_of(database, statement)
        for after in positions_in(order)
        for statement in secret_listing.statements(walk(order, after), names_are_few=False)
    ]

    assert plans
    for plan in plans:
        [step] = plan
        assert step.startswith(f"SEARCH secrets USING INDEX {INDEX_OF[order.key]}")


@pytest.mark.parametrize(
    "order", [order for order in ORDERS if order.key != "name"], ids=described
)
def test_walk_goes_on_by_number_among_equals(tmp_path: Path, order: Order) -> None:
    database = make_database(tmp_path)
    sign = "<" if order.is_descending else ">"

    equals, beyond = secret_listing.statements(walk(order, Position(5, 17)), names_are_few=False)

    [step] = plan_of(database, equals)
    assert f"=? AND id{sign}?)" in step
    [step] = plan_of(database, beyond)
    assert f"_at{sign}?)" in step


@pytest.mark.parametrize("is_descending", [False, True])
def test_prefix_is_a_range_of_the_index_in_the_order_by_name(
    tmp_path: Path, is_descending: bool
) -> None:
    database = make_database(tmp_path)
    order = Order("name", is_descending)

    for after in positions_in(order):
        asked = walk(order, after, name_prefix="prod/")
        [statement] = secret_listing.statements(asked, names_are_few=True)

        [step] = plan_of(database, statement)
        assert "(account=? AND region=? AND name>? AND name<?)" in step


@pytest.mark.parametrize(
    "order", [order for order in ORDERS if order.key != "name"], ids=described
)
def test_few_names_are_found_by_name_and_then_put_in_order(tmp_path: Path, order: Order) -> None:
    database = make_database(tmp_path)

    for after in positions_in(order):
        asked = walk(order, after, name_prefix="prod/")
        [statement] = secret_listing.statements(asked, names_are_few=True)

        [search, sort] = plan_of(database, statement)
        assert "(account=? AND region=? AND name>? AND name<?)" in search
        assert sort == "USE TEMP B-TREE FOR ORDER BY"


@contextmanager
def counting_steps(connection: Connection) -> Iterator[list[int]]:
    """Count what SQLite's virtual machine does, a hundred instructions at a time."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    steps = [0]

    def count() -> None:
        steps[0] += 1

    driver.set_progress_handler(count, 100)
    try:
        yield steps
    finally:
        driver.set_progress_handler(None, 0)


def cost_of_a_page(database: Database, order: Order) -> int:
    """Return what a page of 100 costs that begins in the middle."""
    everything = walked(database, walk(order))
    after = everything[len(everything) // 2].position
    with (
        database.read() as connection,
        counting_steps(connection) as steps,
        closing(secret_listing.outlines(connection, walk(order, after))) as outlines,
    ):
        page = list(islice(outlines, 100))
    assert len(page) == 100
    return steps[0]


@every_order
def test_page_costs_the_same_among_many_as_among_few(tmp_path: Path, order: Order) -> None:
    few, many = (make_database(folder_in(tmp_path, name)) for name in ("few", "many"))
    fill(few, 400)
    fill(many, 4_000)

    assert cost_of_a_page(many, order) <= cost_of_a_page(few, order) * 1.5


def folder_in(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder
