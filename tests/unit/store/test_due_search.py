"""Looking for what is due costs as much as there is due, however many secrets there are.

No clock is read: SQLite says how it goes about each statement, and how much it does for it.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
import re

import pytest
from sqlalchemy import Connection

from keyturn.rotation import due
from keyturn.store import rotation_claims
from keyturn.store.database import Database
from keyturn.store.tables import metadata
from support.query_plans import instructions_of, plans_of
from support.scheduled_secrets import CLAIMANT, NOW, begin_rotations, fill, make_due
from support.store import make_database

Look = Callable[[Connection], object]

Stores = Callable[[int, int], Database]
"""A store with so many secrets, of which so many are due and as many rotations wait."""

FEW, MANY = 100, 2000
DUE = 20
#: They have a row for each host that rotations fail to reach, and none for the others.
SMALL_TABLES = {"rotation_hosts"}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """Stores that no test changes."""

    @cache
    def store(scheduled: int, due_count: int) -> Database:
        database = make_database(tmp_path_factory.mktemp("store"))
        fill(database, scheduled, unscheduled=scheduled)
        make_due(database, range(1, due_count + 1))
        begin_rotations(database, range(1, due_count + 1))
        return database

    return store


def secret_ids(connection: Connection) -> list[int]:
    return due.secret_ids(connection, NOW, 100)


def next_moment(connection: Connection) -> object:
    return due.next_moment(connection, NOW)


def count_claimable(connection: Connection) -> int:
    return rotation_claims.count_claimable(connection, CLAIMANT, now=NOW, most=8)


def claim_due(connection: Connection) -> object:
    """Claim, and take it back."""
    with connection.begin_nested() as claim:
        found = rotation_claims.claim_due(
            connection, CLAIMANT, now=NOW, lease_until=NOW + timedelta(minutes=1)
        )
        claim.rollback()
    return found


def is_any_held(connection: Connection) -> bool:
    return rotation_claims.is_any_held(connection)


INDEXES_OF: dict[Look, set[str]] = {
    secret_ids: {"ix_secrets_due"},
    next_moment: {"ix_secrets_due", "ix_rotations_due"},
    count_claimable: {"ix_rotations_due", "ix_rotations_held"},
    claim_due: {"ix_rotations_due", "ix_rotations_held"},
    is_any_held: {"ix_rotations_held"},
}
each_look = pytest.mark.parametrize("look", INDEXES_OF, ids=lambda look: look.__name__)


def plan_of(database: Database, look: Look) -> list[str]:
    """The steps of all statements of ``look``."""
    with database.write() as connection:
        plans = plans_of(connection, lambda: look(connection))
    return [step for plan in plans for step in plan]


def instructions(database: Database, look: Look) -> int:
    with database.write() as connection:
        return instructions_of(connection, lambda: look(connection))


def scanned_tables(plan: list[str]) -> set[str]:
    """The tables of which every row is looked at; the result of a subquery is none."""
    # SQLite speaks of a SEARCH without an index where it looks through all for the least.
    found = (re.match(r"SCAN (\w+)|SEARCH (\w+)$", step) for step in plan)
    return {match[1] or match[2] for match in found if match} & set(metadata.tables)


def count_by_tags(connection: Connection) -> object:
    """What no index helps with."""
    return connection.exec_driver_sql("SELECT count(*) FROM secrets WHERE tags = 'a'").all()


@each_look
def test_every_look_for_what_is_due_goes_by_its_indexes(stores: Stores, look: Look) -> None:
    plan = plan_of(stores(FEW, DUE), look)

    assert {match[1] for step in plan if (match := re.search(r" INDEX (ix_\w+)", step))} == (
        INDEXES_OF[look]
    )


@each_look
def test_no_look_for_what_is_due_scans_a_table_or_sorts(stores: Stores, look: Look) -> None:
    plan = plan_of(stores(FEW, DUE), look)

    assert plan
    assert scanned_tables(plan) <= SMALL_TABLES
    assert not [step for step in plan if "TEMP B-TREE" in step]


@each_look
@pytest.mark.parametrize("due_count", [0, DUE])
def test_a_look_is_the_same_work_among_few_secrets_as_among_many(
    stores: Stores, look: Look, due_count: int
) -> None:
    among_few = instructions(stores(FEW, due_count), look)
    among_many = instructions(stores(MANY, due_count), look)

    assert among_few == among_many


def test_a_look_is_work_for_each_secret_that_is_due(stores: Stores) -> None:
    for_none, for_some, for_twice_as_many = (
        instructions(stores(FEW, due_count), secret_ids) for due_count in (0, DUE, 2 * DUE)
    )

    assert for_none < for_some < for_twice_as_many


def test_a_scan_would_be_seen_and_be_more_work_among_many(stores: Stores) -> None:
    few, many = stores(FEW, DUE), stores(MANY, DUE)

    assert scanned_tables(plan_of(many, count_by_tags)) == {"secrets"}
    assert instructions(many, count_by_tags) > instructions(few, count_by_tags) + MANY - FEW


def test_a_sort_would_be_seen(stores: Stores) -> None:
    def longest_arns(connection: Connection) -> object:
        return connection.exec_driver_sql("SELECT id FROM secrets ORDER BY length(arn)").all()

    assert "USE TEMP B-TREE FOR ORDER BY" in plan_of(stores(FEW, DUE), longest_arns)


def test_what_is_due_in_these_stores_is_found(stores: Stores) -> None:
    with stores(MANY, DUE).write() as connection:
        assert sorted(secret_ids(connection)) == list(range(1, DUE + 1))
        assert count_claimable(connection) == 8
        assert claim_due(connection) is not None
        assert next_moment(connection) is not None

    with stores(MANY, 0).write() as connection:
        assert secret_ids(connection) == []
        assert count_claimable(connection) == 0
        assert claim_due(connection) is None
        assert next_moment(connection) is not None
