"""What a secret's JSON may look like."""

import json
from typing import Any

import pytest

from keyturn_rotators.credential import PORT_MAX, Credential, Defaults, differing_keys, parse
from keyturn_rotators.errors import MissingKeyError, SecretValueError, WrongEngineError

DEFAULTS = Defaults(engines=frozenset({"postgres"}), port=5432, dbname="postgres")
DOCUMENT: dict[str, Any] = {
    "engine": "postgres",
    "host": "db.example.test",
    "username": "app",
    "password": "canary",
}


def read(**changes: object) -> Credential:
    return parse(json.dumps({**DOCUMENT, **changes}), "AWSCURRENT", DEFAULTS)


def test_what_may_be_left_out_has_the_engines_defaults() -> None:
    credential = read()

    assert (credential.port, credential.dbname, credential.ssl) == (5432, "postgres", None)


@pytest.mark.parametrize("key", ["engine", "host", "username", "password"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_needed_key_that_is_missing_is_named(key: str, value: str | None) -> None:
    with pytest.raises(MissingKeyError, match=f"Key is missing from secret JSON: {key}") as error:
        read(**{key: value})

    assert error.value.key == key


def test_another_engine_is_refused_with_those_that_would_do() -> None:
    with pytest.raises(WrongEngineError, match="postgres"):
        read(engine="mysql")


@pytest.mark.parametrize("port", [1, PORT_MAX, "1", str(PORT_MAX)])
def test_a_port_is_a_number_or_its_digits(port: object) -> None:
    assert read(port=port).port == int(str(port))


@pytest.mark.parametrize(
    "port",
    [
        0,
        PORT_MAX + 1,
        -1,
        "",
        "5432x",
        " 5432",
        True,
        5432.0,
        [5432],
        "\N{ARABIC-INDIC DIGIT FIVE}",
    ],
)
def test_any_other_port_is_refused(port: object) -> None:
    with pytest.raises(SecretValueError, match=f'"port" must be a number from 1 to {PORT_MAX}'):
        read(port=port)


@pytest.mark.parametrize(
    ("ssl", "meant"),
    [(True, True), (False, False), ("true", True), ("False", False), (None, None)],
)
def test_ssl_is_true_false_or_left_out(ssl: object, *, meant: bool | None) -> None:
    assert read(ssl=ssl).ssl is meant


@pytest.mark.parametrize("ssl", [1, 0, "yes", "", "require", [], {}])
def test_an_ssl_that_is_not_understood_is_refused_rather_than_guessed(ssl: object) -> None:
    with pytest.raises(SecretValueError, match='"ssl" must be true or false'):
        read(ssl=ssl)


@pytest.mark.parametrize("key", ["engine", "host", "username", "password", "dbname"])
@pytest.mark.parametrize("value", [5, "a\0b", "\ud83d", ["a"]])
def test_what_no_driver_could_take_is_refused(key: str, value: object) -> None:
    with pytest.raises(SecretValueError, match=f'"{key}" must be a text'):
        read(**{key: value})


@pytest.mark.parametrize("text", ["", "canary", "[]", '"canary"', "null", "{"])
def test_what_is_no_json_object_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(SecretValueError, match="AWSCURRENT version isn't a JSON object") as error:
        parse(text, "AWSCURRENT", DEFAULTS)

    assert "canary" not in str(error.value)
    assert error.value.__cause__ is None


def test_another_password_leaves_the_rest_in_its_place() -> None:
    credential = read(port="5432", extra={"a": [1, None]}, masterarn="arn:x")

    after = json.loads(credential.with_password("new \N{KEY}").to_json())

    assert after == {**credential.document, "password": "new \N{KEY}"}
    assert list(after) == list(credential.document)


def test_a_credential_shows_no_value() -> None:
    assert "canary" not in repr(read(token="canary"))


def test_spelling_is_no_difference() -> None:
    one = read(port="5432", dbname="postgres", ssl="true", password="other")

    assert differing_keys(one, read(ssl=True)) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("host", "other"), ("port", 1), ("dbname", "other"), ("username", "App"), ("ssl", False)],
)
def test_each_part_of_a_login_makes_a_difference(key: str, value: object) -> None:
    assert differing_keys(read(**{key: value}), read()) == [key]
