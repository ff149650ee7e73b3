"""What the engine tidies up of the logs: what is too old, and what was deleted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from keyturn.engine import housekeeping
from keyturn.engine.housekeeping import LOG_RETENTION, Housekeeping
from keyturn.store import log_listing, log_removal, logs
from keyturn.store.log_tables import events, groups
from keyturn.store.logs import EventQuery, StreamName
from support.clock import FixedClock
from support.store import make_database

ACCOUNT, REGION = "123456789012", "us-east-1"
NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
DAY, MILLISECOND = timedelta(days=1), timedelta(milliseconds=1)


class Bench:
    """A store, its clock and the job."""

    def __init__(self, folder: Path) -> None:
        self.database = make_database(folder)
        self.clock = FixedClock(NOW)
        self.job = Housekeeping(
            self.database,
            lambda: None,
            lambda: None,
            clock=self.clock,
            secrets_clock=self.clock,
        )

    def log(self, *messages: str, group: str = "a") -> int:
        """Log now; return our number for the group."""
        now = self.clock.now()
        name = StreamName(account=ACCOUNT, region=REGION, group=group, stream="s")
        assert logs.store(self.database, {name: [(now, text) for text in messages]}, now)
        with self.database.read() as connection:
            found = logs.find_group(connection, ACCOUNT, REGION, group)
        assert found is not None
        return found.id

    def logged(self, group_id: int) -> list[str]:
        with self.database.read() as connection:
            query = EventQuery(group_id=group_id, most=100)
            return [event.message for event in logs.read(connection, query)]

    def counts(self) -> tuple[int | None, int | None]:
        """How many groups and events the store has, whoever may see them."""
        with self.database.read() as connection:
            return (
                connection.execute(select(func.count()).select_from(groups)).scalar(),
                connection.execute(select(func.count()).select_from(events)).scalar(),
            )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "_EVENTS_AT_ONCE", 2)


def test_a_group_s_own_retention_decides_and_ninety_days_where_it_has_none(bench: Bench) -> None:
    short, unset = bench.log("old"), bench.log("old", group="b")
    with bench.database.write() as connection:
        log_listing.set_retention(connection, short, 1)
    bench.clock.advance(DAY + MILLISECOND)
    bench.log("young")

    bench.job.tidy_up()

    assert (bench.logged(short), bench.logged(unset)) == (["young"], ["old"])
    bench.clock.advance(LOG_RETENTION - DAY)
    bench.job.tidy_up()
    assert (bench.logged(short), bench.logged(unset)) == ([], [])


@pytest.mark.usefixtures("small_portions")
def test_one_round_deletes_all_that_is_too_old(bench: Bench) -> None:
    first, second = bench.log(*"abcde"), bench.log(*"abc", group="b")
    bench.clock.advance(LOG_RETENTION + MILLISECOND)

    bench.job.tidy_up()

    assert (bench.logged(first), bench.logged(second)) == ([], [])


@pytest.mark.usefixtures("small_portions")
def test_one_round_sweeps_all_that_was_deleted(bench: Bench) -> None:
    for group in ("a", "b"):
        group_id = bench.log(*"abcde", group=group)
        with bench.database.write() as connection:
            log_removal.remove_group(connection, group_id)
    bench.log("stays", group="c")

    bench.job.tidy_up()

    assert bench.counts() == (1, 1)


@pytest.mark.usefixtures("small_portions")
def test_a_job_that_is_to_stop_leaves_the_rest_to_the_next(bench: Bench) -> None:
    group_id = bench.log(*"abcde")
    bench.clock.advance(LOG_RETENTION + MILLISECOND)
    bench.job.stop()

    bench.job.tidy_up()

    assert bench.logged(group_id) == ["c", "d", "e"]
