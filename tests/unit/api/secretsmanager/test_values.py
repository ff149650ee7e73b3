"""What reading values leaves in the store, and in memory."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from keyturn.api.calls import AuthorisedCall
from keyturn.api.secretsmanager.values import Values
from keyturn.iam.principal import Principal
from keyturn.keys.keyring import Keyring
from keyturn.model.plaintext import Plaintext
from keyturn.model.secret import SecretValue
from keyturn.secrets import lifecycle, lookup, versions
from keyturn.store.database import Connection, Database
from support.store import make_database

ACCOUNT, REGION = "123456789012", "us-east-1"
NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
TODAY = datetime(2026, 1, 14, tzinfo=UTC)
KEYRING = Keyring(Plaintext(b"k" * 32))
USER = f"arn:aws:iam::{ACCOUNT}:user/bob"
CALL = AuthorisedCall(
    caller=Principal("user", ACCOUNT, USER, "AIDA", USER),
    region=REGION,
    request_id="r",
    received_at=NOW,
    source_ip="127.0.0.1",
    params={},
)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return make_database(tmp_path)


@pytest.fixture
def values(database: Database) -> Values:
    return Values(database, KEYRING)


def create(database: Database, *names: str) -> None:
    for name in names:
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
        with database.write() as connection:
            lifecycle.create(connection, KEYRING, new, NOW)


def find(values: Values, names: str) -> list[versions.Found]:
    return [values.find(CALL, name, None) for name in names]


def days_noted(database: Database, names: str) -> list[datetime | None]:
    with database.read() as connection:
        return [lookup.find(connection, ACCOUNT, REGION, name).last_accessed_at for name in names]


def writes_to_note(
    database: Database, values: Values, read: Sequence[versions.Found], now: datetime
) -> int:
    """Note reads; return how many transactions that took."""
    commits: list[Connection] = []
    count = commits.append
    event.listen(database._impatient, "commit", count)
    values.note_accesses(read, now)
    event.remove(database._impatient, "commit", count)
    return len(commits)


def test_reads_of_several_secrets_are_noted_in_one_write(
    database: Database, values: Values
) -> None:
    create(database, "a", "b", "c", "d")

    writes = writes_to_note(database, values, find(values, "abc"), NOW)

    assert writes == 1
    assert days_noted(database, "abcd") == [TODAY, TODAY, TODAY, None]
    assert [found.version.last_accessed_at for found in find(values, "abcd")] == (
        [TODAY, TODAY, TODAY, None]
    )


def test_read_is_noted_once_a_day(database: Database, values: Values) -> None:
    create(database, "a", "b")
    values.note_accesses(find(values, "ab"), NOW)

    again, next_day = (
        writes_to_note(database, values, find(values, "ab"), NOW + later)
        for later in (timedelta(hours=13), timedelta(hours=14))
    )

    assert (again, next_day) == (0, 1)


def test_read_of_nothing_is_no_write(database: Database, values: Values) -> None:
    assert writes_to_note(database, values, [], NOW) == 0
