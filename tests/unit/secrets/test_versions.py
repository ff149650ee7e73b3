"""How many versions a secret keeps."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from keyturn.keys.keyring import Keyring
from keyturn.model.limits import (
    SECRETS_PER_REGION_MAX,
    VERSIONS_PER_SECRET_KEPT,
    VERSIONS_PER_SECRET_MAX,
)
from keyturn.model.plaintext import Plaintext
from keyturn.model.secret import Secret, SecretValue
from keyturn.secrets import lifecycle, lookup, versions
from keyturn.secrets.refusals import TooManySecretsError, TooManyVersionsError
from keyturn.store import secret_versions as version_rows, secrets as rows
from keyturn.store.database import Database
from support.store import make_database

ACCOUNT, REGION = "123456789012", "us-east-1"
NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
KEYRING = Keyring(Plaintext(b"k" * 32))


def create(database: Database, name: str = "a") -> Secret:
    new = lifecycle.NewSecret(
        account=ACCOUNT,
        region=REGION,
        name=name,
        first_version=None,
        description=None,
        kms_key_id=None,
        tags=None,
    )
    with database.write() as connection:
        secret, _ = lifecycle.create(connection, KEYRING, new, NOW)
    return secret


def store(
    database: Database, number: int, now: datetime, stages: list[str] | None = None
) -> versions.Stored:
    new = versions.NewVersion(
        token=f"{number:032}",
        value=SecretValue("string", Plaintext(b"x")),
        stages=stages,
    )
    with database.write() as connection:
        secret = lookup.find_alive(connection, ACCOUNT, REGION, "a")
        return versions.store_value(connection, KEYRING, secret, new, now)


def add_rows(database: Database, secret: Secret, count: int, created_at: datetime) -> None:
    """Add versions without labels, without the rules."""
    epoch_ms = int(created_at.timestamp() * 1000)
    with database.write() as connection:
        connection.execute(
            insert(version_rows.versions),
            [
                {
                    "secret_id": secret.id,
                    "version_id": f"row-{number:028}",
                    "created_at": epoch_ms,
                    "kind": "string",
                    "sealed": b"sealed",
                }
                for number in range(count)
            ],
        )


def count(database: Database, secret: Secret) -> int:
    with database.read() as connection:
        return version_rows.count_versions(connection, secret.id)


def test_old_versions_without_a_label_go_once_there_are_more_than_100(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    secret = create(database)
    add_rows(database, secret, VERSIONS_PER_SECRET_KEPT, NOW - timedelta(hours=25))

    store(database, 1, NOW)

    assert count(database, secret) == VERSIONS_PER_SECRET_KEPT


def test_young_versions_stay_however_many_they_are(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    secret = create(database)
    add_rows(database, secret, VERSIONS_PER_SECRET_KEPT, NOW - timedelta(hours=23))

    store(database, 1, NOW)

    assert count(database, secret) == VERSIONS_PER_SECRET_KEPT + 1


def test_old_version_with_a_label_stays(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    secret = create(database)
    store(database, 1, NOW - timedelta(days=3), ["kept"])
    add_rows(database, secret, VERSIONS_PER_SECRET_KEPT, NOW - timedelta(hours=25))

    store(database, 2, NOW)

    with database.read() as connection:
        assert version_rows.find_version(connection, secret.id, f"{1:032}") is not None
    assert count(database, secret) == VERSIONS_PER_SECRET_KEPT


def test_version_beyond_the_limit_is_refused_and_not_stored(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    secret = create(database)
    add_rows(database, secret, VERSIONS_PER_SECRET_MAX - 1, NOW)
    store(database, 1, NOW)

    with pytest.raises(TooManyVersionsError):
        store(database, 2, NOW)

    assert count(database, secret) == VERSIONS_PER_SECRET_MAX


def test_secret_beyond_the_limit_of_a_region_is_refused_and_not_stored(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    secret = create(database)
    with database.write() as connection:
        connection.execute(update(rows.counts).values(secrets=SECRETS_PER_REGION_MAX - 1))
    create(database, "last")

    with pytest.raises(TooManySecretsError):
        create(database, "one-too-many")

    with database.write() as connection:
        rows.delete_secret(connection, secret.id)
    create(database, "in-its-place")
