"""Looking for due events costs as much as there are functions, however many events each has."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from keyturn.functions.package import sha256_of
from keyturn.model.clock import to_epoch_ms
from keyturn.store import asynchronous_invocations as rows, functions
from keyturn.store.database import Database
from support.query_plans import instructions_of, plans_of
from support.store import make_database

NOW = datetime(2026, 1, 2, tzinfo=UTC)
FEW, MANY = 50, 5_000
SHARE = 4
BUSY, IDLE, FUTURE = 1, 2, 3

Stores = Callable[[int], Database]
"""A store with three functions: one with so many due events, one with one, one with later ones."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """Stores that no test changes."""

    @cache
    def store(due_count: int) -> Database:
        database = make_database(tmp_path_factory.mktemp("store"))
        with database.write() as connection:
            for function_id in (BUSY, IDLE, FUTURE):
                add_function(connection, function_id)
            add_events(connection, BUSY, *(timedelta(seconds=-n - 1) for n in range(due_count)))
            add_events(connection, IDLE, timedelta(0))
            add_events(connection, FUTURE, *(timedelta(seconds=n + 1) for n in range(due_count)))
        return database

    return store


def add_function(connection: Connection, function_id: int) -> None:
    name = f"f{function_id}"
    columns: dict[str, Any] = dict.fromkeys(
        ("account", "region", "runtime", "handler", "role_arn", "description", "architecture"), "x"
    )
    columns |= dict.fromkeys(("timeout_seconds", "memory_mb", "storage_mb", "code_bytes"), 1)
    functions.insert_function(
        connection,
        id=function_id,
        name=name,
        arn=name,
        code_sha256=sha256_of(b""),
        modified_at=NOW,
        revision_id="r",
        **columns,
    )


def add_events(connection: Connection, function_id: int, *due_in: timedelta) -> None:
    columns = {
        "request_id": "r",
        "function_id": function_id,
        "function_arn": "a",
        "qualifier": "q",
        "sealed_payload": b"",
        "accepted_at": 0,
        "failures": 0,
        "refusals": 0,
    }
    events = [{**columns, "due_at": to_epoch_ms(NOW + pause)} for pause in due_in]
    connection.execute(insert(rows.events), events)


def due_ids(connection: Connection, most: int = 8, running: int = 0) -> list[int]:
    return rows.due_ids(
        connection, NOW, most=most, of_one_function_max=SHARE, running={BUSY: running}
    )


def instructions(database: Database, running: int) -> int:
    with database.read() as connection:
        return instructions_of(connection, lambda: due_ids(connection, running=running))


def test_those_that_wait_longest_come_first_and_no_more_of_a_function_than_its_share(
    stores: Stores,
) -> None:
    with stores(FEW).read() as connection:
        found = {running: due_ids(connection, running=running) for running in (0, 3, SHARE)}
        two = due_ids(connection, most=2)

    # The ids go up in the order in which they were added: the last of the busy one is the first.
    assert found == {
        0: [FEW, FEW - 1, FEW - 2, FEW - 3, FEW + 1],
        3: [FEW, FEW + 1],
        SHARE: [FEW + 1],
    }
    assert two == [FEW, FEW - 1]


@pytest.mark.parametrize("running", [0, SHARE])
def test_a_look_is_the_same_work_among_few_events_of_a_function_as_among_many(
    stores: Stores, running: int
) -> None:
    among_few = instructions(stores(FEW), running)
    among_many = instructions(stores(MANY), running)

    assert among_few == among_many


def test_a_look_goes_by_the_index_alone_until_it_has_found_them(stores: Stores) -> None:
    with stores(FEW).read() as connection:
        (plan,) = plans_of(connection, lambda: due_ids(connection))

    by_index = "USING COVERING INDEX ix_asynchronous_invocations_due"
    assert [step.partition(" ")[2] for step in plan if step.startswith("SEARCH")] == [
        f"asynchronous_invocations {by_index}",
        f"asynchronous_invocations {by_index} (function_id>?)",
        "asynchronous_invocations USING INTEGER PRIMARY KEY (rowid=?)",
        f"due {by_index} (function_id=? AND due_at<?)",
    ]
    assert {step for step in plan if step.startswith("SCAN")} == {"SCAN waiting"}
