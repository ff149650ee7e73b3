"""What the engine tidies up: secrets whose recovery window is over, and none before."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keyturn.engine.housekeeping import Housekeeping
from keyturn.functions.pool import Pool
from keyturn.keys.keyring import Keyring
from keyturn.model.plaintext import Plaintext
from keyturn.model.secret import Secret, SecretValue
from keyturn.secrets import lifecycle, versions
from keyturn.store import secret_versions as version_rows, secrets as rows
from support.clock import FixedClock
from support.store import make_database

ACCOUNT, REGION = "123456789012", "us-east-1"
NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
KEYRING = Keyring(Plaintext(b"k" * 32))


class Bench:
    """A store with one secret that is scheduled for deletion, and the job."""

    def __init__(self, folder: Path, pool: Pool) -> None:
        self.database = make_database(folder)
        self.clock = FixedClock(NOW)
        self.job = Housekeeping(self.database, pool, self.clock)
        self.secret = self._make()

    def found(self) -> Secret | None:
        with self.database.read() as connection:
            return rows.find_by_id(connection, self.secret.id)

    def _make(self) -> Secret:
        value = SecretValue("string", Plaintext(b"x"))
        new = lifecycle.NewSecret(
            account=ACCOUNT,
            region=REGION,
            name="a",
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
def bench(tmp_path: Path) -> Iterator[Bench]:
    pool = Pool()
    yield Bench(tmp_path, pool)
    pool.close()


def test_secret_stays_to_the_last_moment_of_its_recovery_window(bench: Bench) -> None:
    bench.clock.advance(timedelta(days=7) - timedelta(milliseconds=1))

    bench.job.tidy_up()

    assert bench.found() is not None


def test_secret_is_gone_with_its_versions_when_its_recovery_window_is_over(bench: Bench) -> None:
    bench.clock.advance(timedelta(days=7))

    bench.job.tidy_up()

    assert bench.found() is None
    with bench.database.read() as connection:
        assert version_rows.count_versions(connection, bench.secret.id) == 0
        assert rows.count_in(connection, ACCOUNT, REGION) == 0


def test_secret_that_was_restored_meanwhile_is_not_purged(bench: Bench) -> None:
    bench.clock.advance(timedelta(days=7))
    now = bench.clock.now()
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
