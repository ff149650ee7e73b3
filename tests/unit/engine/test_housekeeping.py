"""What the engine tidies up: secrets whose recovery window is over, and old log events."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keyturn.engine import housekeeping
from keyturn.engine.housekeeping import LOG_RETENTION, Housekeeping
from keyturn.keys.keyring import Keyring
from keyturn.model.plaintext import Plaintext
from keyturn.model.secret import Secret, SecretValue
from keyturn.secrets import lifecycle, versions
from keyturn.store import logs, secret_versions as version_rows, secrets as rows
from support.clock import FixedClock
from support.store import make_database

ACCOUNT, REGION = "123456789012", "us-east-1"
NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
KEYRING = Keyring(Plaintext(b"k" * 32))
STREAM = logs.StreamName(account=ACCOUNT, region=REGION, group="/aws/lambda/a", stream="s")
MILLISECOND = timedelta(milliseconds=1)


class Bench:
    """A store with one secret that is scheduled for deletion, and the job."""

    def __init__(self, folder: Path) -> None:
        self.database = make_database(folder)
        self.clock = FixedClock(NOW)
        self.secrets_clock = FixedClock(NOW)
        self.ended: list[str] = []
        self.job = Housekeeping(
            self.database,
            lambda: self.ended.append("idle environments"),
            lambda: self.ended.append("unused code"),
            clock=self.clock,
            secrets_clock=self.secrets_clock,
        )
        self.secret = self.make("a")

    def found(self) -> Secret | None:
        with self.database.read() as connection:
            return rows.find_by_id(connection, self.secret.id)

    def log(self, message: str) -> None:
        now = self.clock.now()
        assert logs.store(self.database, {STREAM: [(now, message)]}, now)

    def logged(self) -> list[str]:
        with self.database.read() as connection:
            group = logs.find_group(connection, ACCOUNT, REGION, STREAM.group)
            assert group is not None
            query = logs.EventQuery(group_id=group.id, most=10)
            return [event.message for event in logs.read(connection, query)]

    def make(self, name: str) -> Secret:
        value = SecretValue("string", Plaintext(b"x"))
        new = lifecycle.NewSecret(
            account=ACCOUNT,
            region=REGION,
            name=name,
            first_version=versions.NewVersion(token="t" * 32, value=value),
            description=None,
            kms_key_id=None,
            tags=None,
        )
        with self.database.write() as connection:
            secret, _ = lifecycle.create(connection, KEYRING, new, NOW)
            lifecycle.schedule_deletion(connection, secret, recovery_days=7, now=NOW)
        return secret


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_each_round_ends_idle_environments_and_then_removes_unused_code(bench: Bench) -> None:
    bench.job.tidy_up()

    assert bench.ended == ["idle environments", "unused code"]


def test_secret_stays_to_the_last_moment_of_its_recovery_window(bench: Bench) -> None:
    bench.secrets_clock.advance(timedelta(days=7) - timedelta(milliseconds=1))

    bench.job.tidy_up()

    assert bench.found() is not None


def test_secret_is_gone_with_its_versions_when_its_recovery_window_is_over(bench: Bench) -> None:
    bench.secrets_clock.advance(timedelta(days=7))

    bench.job.tidy_up()

    assert bench.found() is None
    with bench.database.read() as connection:
        assert version_rows.count_versions(connection, bench.secret.id) == 0
        assert rows.count_in(connection, ACCOUNT, REGION) == 0


def test_secret_that_was_restored_meanwhile_is_not_purged(bench: Bench) -> None:
    bench.secrets_clock.advance(timedelta(days=7))
    now = bench.secrets_clock.now()
    with bench.database.read() as connection:
        purgeable = rows.purgeable_ids(connection, now, 10)
    with bench.database.write() as connection:
        deleted = rows.find_by_id(connection, bench.secret.id)
        assert deleted is not None
        lifecycle.restore(connection, deleted, now)

    with bench.database.write() as connection:
        is_purged = lifecycle.purge(connection, bench.secret.id, now)

    assert purgeable == [bench.secret.id]
    assert not is_purged
    assert bench.found() is not None


def test_one_round_purges_every_secret_that_is_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "_PURGED_AT_ONCE", 2)
    for number in range(5):
        bench.make(f"b{number}")
    bench.secrets_clock.advance(timedelta(days=7))

    bench.job.tidy_up()

    with bench.database.read() as connection:
        assert rows.count_in(connection, ACCOUNT, REGION) == 0


def test_log_events_are_deleted_after_their_time_by_the_machine_s_clock(bench: Bench) -> None:
    bench.log("old")
    bench.clock.advance(MILLISECOND)
    bench.log("young")
    bench.clock.advance(LOG_RETENTION)

    bench.job.tidy_up()

    assert bench.logged() == ["young"]


def test_log_events_stay_however_far_the_time_of_secrets_is_moved(bench: Bench) -> None:
    bench.log("young")
    bench.secrets_clock.advance(10 * LOG_RETENTION)

    bench.job.tidy_up()

    assert bench.logged() == ["young"]
