from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
import importlib
import json
from pathlib import Path
from pkgutil import iter_modules

import pytest

from keyturn.keys.keyring import Keyring
from keyturn.model.plaintext import Plaintext
from keyturn.model.rotation import Target
from keyturn.model.secret import Secret, SecretValue
from keyturn.rotation.target import target_of
from keyturn.secrets import lifecycle, targets, versions
from keyturn.store.database import Database
from keyturn_rotators.credential import Defaults
from support import target_words
from support.store import make_database

NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
KEYRING = Keyring(Plaintext(b"k" * 32))
APP = {"engine": "postgres", "host": "db.example.com", "port": 5432, "username": "app"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = make_database(tmp_path)
    yield database
    database.close()


def make(database: Database, name: str, value: bytes | None) -> Secret:
    first = None
    if value is not None:
        stored = SecretValue("string", Plaintext(value))
        first = versions.NewVersion(token=name.ljust(32, "-"), value=stored)
    new = lifecycle.NewSecret(
        account="123456789012",
        region="us-east-1",
        name=name,
        first_version=first,
        description=None,
        kms_key_id=None,
        tags=None,
    )
    with database.write() as connection:
        secret, _ = lifecycle.create(connection, KEYRING, new, NOW)
    return secret


def target(database: Database, name: str, value: object) -> Target:
    secret = make(database, name, json.dumps(value).encode())
    with database.read() as connection:
        return target_of(connection, KEYRING, secret)


@pytest.mark.parametrize(
    "other",
    [
        {**APP, "host": "DB.example.com."},
        {**APP, "port": "5432"},
        {key: value for key, value in APP.items() if key != "port"},
        {**APP, "password": "another", "dbname": "another"},
    ],
)
def test_values_that_name_the_same_user_of_one_server_have_one_target(
    database: Database, other: dict[str, object]
) -> None:
    assert target(database, "a", APP) == target(database, "b", other)


@pytest.mark.parametrize("change", [{"host": "db2.example.com"}, {"port": 5433}])
def test_another_server_is_another_host_and_its_users_are_others(
    database: Database, change: dict[str, object]
) -> None:
    one, other = target(database, "a", APP), target(database, "b", {**APP, **change})

    assert one.host != other.host
    assert one.user != other.user


def test_two_users_of_a_server_share_the_host_alone(database: Database) -> None:
    one, other = target(database, "a", APP), target(database, "b", {**APP, "username": "web"})

    assert one.host == other.host
    assert one.user != other.user


@pytest.mark.parametrize("suffix", ["_clone", "_CLONE"])
def test_a_user_and_its_clone_are_a_pair(database: Database, suffix: str) -> None:
    clone = {**APP, "username": f"app{suffix}"}

    assert target(database, "a", APP) == target(database, "b", clone)


@pytest.mark.parametrize("place", [{}, {"host": "elsewhere.example.com", "port": 5432}])
def test_a_value_without_a_place_is_at_the_target_that_the_secret_is_linked_to(
    database: Database, place: dict[str, object]
) -> None:
    named = target_words.target()
    secret = make(database, "a", json.dumps({"username": "app", **place}).encode())
    with database.write() as connection:
        targets.add(connection, named)
        linked = replace(secret, tags=targets.linked(secret.tags, named))

    with database.read() as connection:
        found = target_of(connection, KEYRING, linked)

    written = {"username": "app", "host": named.host, "port": named.port, **place}
    assert found == target(database, "b", written)


def engines_with_ports() -> list[tuple[str, int]]:
    """Return every name and usual port that a rotation function of ours knows."""
    packages = importlib.import_module("keyturn_rotators.engines").__path__
    modules = [
        importlib.import_module(each.name)
        for each in iter_modules(packages, "keyturn_rotators.engines.")
    ]
    named = [vars(module).get("_DEFAULTS") for module in modules]
    known = [each for each in named if isinstance(each, Defaults)]
    return [(engine, each.port) for each in known if each.host is None for engine in each.engines]


@pytest.mark.parametrize(("engine", "port"), sorted(engines_with_ports()))
def test_a_value_without_a_port_is_at_its_engines_own(
    database: Database, engine: str, port: int
) -> None:
    value = {"engine": engine, "host": "db.example.com", "username": "app"}

    assert target(database, "a", value) == target(database, "b", {**value, "port": port})


def test_the_admin_secret_is_known_by_whatever_names_it(database: Database) -> None:
    admin = make(database, "admin", b"x")

    named = [
        target(database, f"{number}", {**APP, "masterarn": name})
        for number, name in enumerate((admin.arn, admin.arn[:-7], "admin"))
    ]
    unknown = target(database, "b", {**APP, "masterarn": admin.arn + "x"})

    assert [each.admin_id for each in named] == [admin.id] * 3
    assert unknown.admin_id is None


@pytest.mark.parametrize(
    "value",
    [None, b"a password", b'["host"]', b'{"host": null}', b'{"host": ["a"]}', b"[" * 60_000],
)
def test_a_value_that_names_no_host_has_no_target(database: Database, value: bytes | None) -> None:
    secret = make(database, "a", value)

    with database.read() as connection:
        assert target_of(connection, KEYRING, secret) == Target()


def test_the_marks_tell_nothing_of_the_names(database: Database) -> None:
    found = target(database, "a", APP)

    assert "db.example.com" not in repr(found)
    assert found.host is not None
    assert len(found.host) == 64
