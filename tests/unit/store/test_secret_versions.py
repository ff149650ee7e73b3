"""Versions in the order of their creation: which rows, how many at once, and along which index.

SQLite: https://sqlite.org/eqp.html
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection, insert

from keyturn.store import secret_versions as version_rows
from keyturn.store.database import Database
from keyturn.store.secret_versions import _VERSIONS_AT_ONCE
from support.secret_rows import insert_secrets
from support.statements import noting_statements
from support.store import make_database

SECRET, OTHER = 1, 2
ALONG_THE_ORDER: Final = "SEARCH secret_versions USING INDEX ix_secret_versions_created"
BY_THEIR_IDS: Final = "SEARCH secret_versions USING INDEX sqlite_autoindex_secret_versions_1"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = make_database(tmp_path)
    insert_secrets(made, ({"account": "1", "region": "r", "name": name} for name in "ab"))
    return made


def row(number: int, secret_id: int = SECRET) -> Mapping[str, Any]:
    """Return a version: three are equal in their creation, and every seventh has no value."""
    return {
        "secret_id": secret_id,
        "version_id": f"v{number:03}",
        "created_at": 1 + number * 7 % 40 // 3,
        "kind": "string",
        "sealed": b"sealed" if number % 7 else None,
    }


def fill(database: Database, count: int) -> list[str]:
    """Store versions of two secrets, in an order of their own; return the first's, in order."""
    made = [row(number) for number in range(count)]
    others = [row(number, OTHER) for number in range(count)]
    with database.write() as connection:
        for each in made + others:
            connection.execute(insert(version_rows.versions), each)
    return [each["version_id"] for each in sorted(made, key=lambda each: each["created_at"])]


def plan_of(database: Database, ask: Callable[[Connection], object]) -> list[str]:
    """Return how SQLite goes about what is asked."""
    with database.read() as connection:
        with noting_statements(database) as noted:
            ask(connection)
        [(statement, parameters)] = noted
        found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [each.detail for each in found]


@pytest.mark.parametrize("count", [0, 1, _VERSIONS_AT_ONCE, _VERSIONS_AT_ONCE * 2 + 3])
def test_every_version_comes_once_in_the_order_of_creation(database: Database, count: int) -> None:
    made = fill(database, count)

    with database.read() as connection:
        found = [each.version_id for each in version_rows.versions_of(connection, SECRET)]

    assert found == made


def test_versions_are_read_a_few_at_a_time(database: Database) -> None:
    fill(database, _VERSIONS_AT_ONCE * 2)

    with database.read() as connection, noting_statements(database) as noted:
        walk = version_rows.versions_of(connection, SECRET)
        asked = [len(noted) for _ in walk]

    assert asked == [1] * _VERSIONS_AT_ONCE + [2] * _VERSIONS_AT_ONCE


def test_versions_of_another_secret_may_be_written_meanwhile(database: Database) -> None:
    made = fill(database, 40)

    found = []
    with database.write() as connection:
        for each in version_rows.versions_of(connection, SECRET):
            copy = {**row(0, OTHER), "version_id": f"copy-of-{each.version_id}"}
            connection.execute(insert(version_rows.versions), copy)
            found.append(each.version_id)

    assert found == made


@pytest.mark.parametrize("among", [None, {"v001", "v007", "v008", "v030", "none"}])
def test_pages_together_hold_each_version_with_a_value_once(
    database: Database, among: set[str] | None
) -> None:
    made = fill(database, 40)

    found: list[str] = []
    after = (0, 0)
    with database.read() as connection:
        while True:
            page = version_rows.page_with_values(
                connection, SECRET, after=after, most=3, among=among
            )
            if not page:
                break
            found += [each.version_id for each in page]
            after = page[-1].position

    expected = [each for each in made if int(each[1:]) % 7]
    assert found == [each for each in expected if among is None or each in among]


def test_page_of_all_versions_goes_along_the_order_and_sorts_nothing(database: Database) -> None:
    plan = plan_of(
        database,
        lambda connection: version_rows.page_with_values(
            connection, SECRET, after=(5, 6), most=101, among=None
        ),
    )

    assert plan == [f"{ALONG_THE_ORDER} (secret_id=? AND created_at>?)"]


def test_labelled_versions_are_looked_for_by_their_ids_however_many_others_there_are(
    database: Database,
) -> None:
    search, sort = plan_of(
        database,
        lambda connection: version_rows.page_with_values(
            connection, SECRET, after=(5, 6), most=101, among={"a", "b"}
        ),
    )

    assert search == f"{BY_THEIR_IDS} (secret_id=? AND version_id=?)"
    assert sort == "USE TEMP B-TREE FOR ORDER BY"


def test_walk_over_all_versions_goes_along_the_order_and_sorts_nothing(database: Database) -> None:
    plan = plan_of(database, lambda connection: list(version_rows.versions_of(connection, SECRET)))

    assert plan == [f"{ALONG_THE_ORDER} (secret_id=? AND created_at>?)"]
