"""A page of all functions' versions costs as much as it is long, however many there are."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from sqlalchemy import Connection

from keyturn.model.function import Function
from keyturn.store import functions
from keyturn.store.database import Database
from support.query_plans import instructions_of
from support.store import make_database

NOW = datetime(2026, 1, 2, tzinfo=UTC)
FEW, MANY = 10, 200
PAGE = 5

Stores = Callable[[int, int], Database]
"""A store with so many functions, each with so many versions."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """Stores that no test changes."""

    @cache
    def store(function_count: int, version_count: int) -> Database:
        database = make_database(tmp_path_factory.mktemp("store"))
        with database.write() as connection:
            for number in range(function_count):
                add_function(connection, f"f{number:04}", version_count)
        return database

    return store


def add_function(connection: Connection, name: str, version_count: int) -> None:
    texts = ("account", "region", "runtime", "handler", "role_arn", "description", "architecture")
    columns: dict[str, Any] = dict.fromkeys((*texts, "code_sha256", "revision_id"), "x")
    columns |= dict.fromkeys(("timeout_seconds", "memory_mb", "storage_mb", "code_bytes"), 1)
    functions.insert_function(connection, name=name, arn=name, modified_at=NOW, **columns)
    function = functions.find_by_arn(connection, name)
    assert function is not None
    for _ in range(version_count):
        functions.insert_version(connection, function)


def page(connection: Connection, after: tuple[str, int]) -> list[Function]:
    return functions.page_with_versions(
        connection, account="x", region="x", after=after, most=PAGE
    )


def instructions(database: Database, after: tuple[str, int]) -> int:
    with database.read() as connection:
        return instructions_of(connection, lambda: page(connection, after))


@pytest.mark.parametrize("after", [("", 0), ("f0004", 0), ("f0004", 3)])
@pytest.mark.parametrize(
    ("few", "many"), [((FEW, FEW), (MANY, FEW)), ((FEW, FEW), (FEW, MANY)), ((FEW, 0), (MANY, 0))]
)
def test_a_page_is_the_same_work_among_few_as_among_many(
    stores: Stores, few: tuple[int, int], many: tuple[int, int], after: tuple[str, int]
) -> None:
    among_few = instructions(stores(*few), after)
    among_many = instructions(stores(*many), after)

    assert among_few == among_many


@pytest.mark.parametrize(
    ("version_count", "after", "expected"),
    [
        (FEW, ("", 0), ["f0000:$LATEST", "f0000:1", "f0000:2", "f0000:3", "f0000:4"]),
        (FEW, ("f0004", 8), ["f0004:9", "f0004:10", "f0005:$LATEST", "f0005:1", "f0005:2"]),
        (FEW, ("f0009", FEW), []),
        (0, ("f0004", 0), [f"f000{number}:$LATEST" for number in range(5, 10)]),
    ],
)
def test_a_page_goes_on_after_the_last_one_by_name_and_number(
    stores: Stores, version_count: int, after: tuple[str, int], expected: list[str]
) -> None:
    with stores(FEW, version_count).read() as connection:
        found = page(connection, after)

    assert [f"{version.name}:{version.version}" for version in found] == expected
