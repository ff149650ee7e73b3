from collections.abc import Iterator
import json
from pathlib import Path
import re
from urllib.parse import quote

import pytest

from keyturn.model.plaintext import Plaintext
from keyturn.model.rotation import Cause, Failure
from keyturn.model.secret import SecretValue
from keyturn.rotation import failure
from keyturn.rotation.cause import LETTERS_READ_MAX, cause_of
from keyturn.secrets import versions
from rotation.simulator import NOW, Simulation

PASSWORD = "p\"a/ss wörd\\%<\n>'qzuw7"


@pytest.fixture
def simulation(tmp_path: Path) -> Iterator[Simulation]:
    made = Simulation(tmp_path)
    yield made
    made.database.close()


def store(simulation: Simulation, plaintext: bytes, stage: str = "AWSCURRENT") -> None:
    value = SecretValue("string", Plaintext(plaintext))
    new = versions.NewVersion(token=stage.ljust(32, "-"), value=value, stages=[stage])
    with simulation.plain.write() as connection:
        secret = simulation.secret(connection)
        versions.store_value(connection, simulation.keyring, secret, new, NOW)


def failure_of(simulation: Simulation, payload: bytes) -> Failure:
    with simulation.plain.read() as connection:
        secret = simulation.secret(connection)
        return failure.failure_of(connection, simulation.keyring, secret, payload)


def reason(simulation: Simulation, message: object, kind: object = "Error") -> str:
    payload = json.dumps({"errorType": kind, "errorMessage": message}).encode()
    return failure_of(simulation, payload).reason


@pytest.mark.parametrize(
    "spelling",
    [
        PASSWORD,
        json.dumps(PASSWORD),
        json.dumps(PASSWORD, ensure_ascii=False),
        json.dumps(json.dumps({"password": PASSWORD})),
        json.dumps(json.dumps({"password": PASSWORD}, ensure_ascii=False), ensure_ascii=False),
        repr(PASSWORD),
        repr({"password": PASSWORD}),
        repr(PASSWORD.encode()),
        quote(PASSWORD),
        quote(PASSWORD, safe=""),
        re.sub("%..", lambda code: code[0].lower(), quote(PASSWORD, safe="")),
    ],
)
def test_value_is_taken_out_however_it_is_quoted(simulation: Simulation, spelling: str) -> None:
    store(simulation, json.dumps({"host": "db.example.com", "password": PASSWORD}).encode())

    told = reason(simulation, f"no login at db.example.com with {spelling}")

    assert "qzuw7" not in told
    assert told.startswith("Error: no login at db.example.com with ")


@pytest.mark.parametrize("stage", ["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", "MINE"])
def test_value_of_any_labelled_version_is_taken_out(simulation: Simulation, stage: str) -> None:
    store(simulation, b"hunter22", stage)

    assert reason(simulation, "no login with hunter22") == "Error: no login with ***"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"password": 12345678}, "no login with 12345678"),
        ({"password": ["one-of-them"]}, "no login with one-of-them"),
        ({"a": {"b": "deep-inside"}}, "no login with deep-inside"),
        ("a text alone", "no login with a text alone"),
        ("two\nlines", "no login with two\\nlines"),
    ],
)
def test_value_of_any_form_is_taken_out(
    simulation: Simulation, value: object, message: str
) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    store(simulation, text.encode())

    assert reason(simulation, message) == "Error: no login with ***"


def test_binary_value_is_taken_out(simulation: Simulation) -> None:
    key = b"\xff\x00key"
    store(simulation, key)

    assert reason(simulation, f"can't read {key!r}") == "Error: can't read b'***'"


def test_value_in_the_name_of_the_error_is_taken_out(simulation: Simulation) -> None:
    store(simulation, b"hunter22")

    assert reason(simulation, "no", kind="hunter22Error") == "***Error: no"


def test_value_at_the_end_of_what_is_kept_leaves_no_half_of_it(simulation: Simulation) -> None:
    store(simulation, b"hunter22")
    before = "x" * (failure.REASON_LETTERS_MAX - len("Error: ") - 4)

    told = reason(simulation, before + "hunter22")

    assert told == f"Error: {before}***"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", "Error"),
        (None, "Error: null"),
        ({"code": 17}, 'Error: {"code": 17}'),
        ("one\n\ttwo\r\nthree", "Error: one two three"),
        ("\x1b[2J\x00\u202e\ud800", "Error: \ufffd[2J\ufffd\ufffd\ufffd"),
    ],
)
def test_message_becomes_one_line_that_can_be_printed_and_stored(
    simulation: Simulation, message: object, expected: str
) -> None:
    assert reason(simulation, message) == expected


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b"17"])
def test_payload_that_is_no_error_document_is_a_failure_without_a_reason(
    simulation: Simulation, payload: bytes
) -> None:
    found = failure_of(simulation, payload)

    assert found == Failure(Cause.UNKNOWN, "the function failed without saying why")


def test_only_the_beginning_of_a_long_message_tells_the_cause() -> None:
    said = "password authentication failed"

    assert cause_of("Error", " " * (LETTERS_READ_MAX - len(said)) + said) is Cause.LOGIN_REFUSED
    assert cause_of("Error", " " * LETTERS_READ_MAX + said) is Cause.UNKNOWN


@pytest.mark.parametrize(
    "message",
    [
        "A rotation function can't make the new version AWSCURRENT during setSecret",
        "A rotation function can't move AWSPENDING to another version during setSecret",
        "its rotation function can make no version AWSCURRENT but the new one",
    ],
)
def test_change_that_a_rotation_function_may_not_make_is_a_broken_function(message: str) -> None:
    assert cause_of("InvalidRequestException", message) is Cause.FUNCTION_BROKEN
