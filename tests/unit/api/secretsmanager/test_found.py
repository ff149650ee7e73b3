"""What policies allowed on one secret isn't done to another that has come by its name."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from keyturn.api.calls import AuthorisedCall
from keyturn.api.secretsmanager import found
from keyturn.api.secretsmanager.values import Values
from keyturn.iam.principal import Principal
from keyturn.keys.keyring import Keyring
from keyturn.model.plaintext import Plaintext
from keyturn.model.secret import Secret, SecretValue
from keyturn.secrets import lifecycle, versions
from keyturn.secrets.refusals import SecretNotFoundError
from keyturn.store.database import Database
from support.store import make_database

ACCOUNT, REGION = "123456789012", "us-east-1"
NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
KEYRING = Keyring(Plaintext(b"k" * 32))
USER = f"arn:aws:iam::{ACCOUNT}:user/bob"


def create(database: Database) -> Secret:
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
    with database.write() as connection:
        secret, _ = lifecycle.create(connection, KEYRING, new, NOW)
    return secret


def allowed_on(secret: Secret) -> AuthorisedCall:
    return AuthorisedCall(
        caller=Principal("user", ACCOUNT, USER, "AIDA", USER),
        region=REGION,
        request_id="r",
        received_at=NOW,
        source_ip="127.0.0.1",
        params={"SecretId": "a", "ClientRequestToken": "u" * 32, "SecretString": "y"},
        resource_arn=secret.arn,
    )


def made_again(database: Database, secret: Secret) -> Secret:
    with database.write() as connection:
        lifecycle.delete_now(connection, secret)
    return create(database)


def test_secret_that_was_decided_on_is_found(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    secret = create(database)

    with database.read() as connection:
        assert found.alive(connection, allowed_on(secret)) == secret


def test_secret_made_again_under_the_name_is_not_the_one_decided_on(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    call = allowed_on(create(database))
    with database.read() as connection:
        first = found.any_secret(connection, call)
    made_again(database, first)

    with database.read() as connection, pytest.raises(SecretNotFoundError):
        found.any_secret(connection, call)
    with database.read() as connection, pytest.raises(SecretNotFoundError):
        found.alive(connection, call)


def test_value_of_a_secret_made_again_is_neither_read_nor_written(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    first = create(database)
    call = allowed_on(first)
    second = made_again(database, first)
    values = Values(database, KEYRING)

    with pytest.raises(SecretNotFoundError):
        values.get_secret_value(call)
    with pytest.raises(SecretNotFoundError):
        values.put_secret_value(call)

    read = values.get_secret_value(allowed_on(second))
    assert read["SecretString"] == "x"


def test_read_during_a_long_write_succeeds_and_the_next_one_notes_it(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    secret = create(database)
    values, call = Values(database, KEYRING), allowed_on(secret)

    with database.write():
        during = values.get_secret_value(call)
    with database.read() as connection:
        noted_during = found.alive(connection, call).last_accessed_at
    values.get_secret_value(call)

    with database.read() as connection:
        noted_after = found.alive(connection, call).last_accessed_at
    assert during["SecretString"] == "x"
    assert noted_during is None
    assert noted_after == NOW.replace(hour=0, minute=0)
