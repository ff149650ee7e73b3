"""What is taken out of the log of code elsewhere: the values of the secret that it rotates."""

from collections.abc import Iterator
import json
from pathlib import Path
from time import monotonic

import pytest

from keyturn.functions import places
from keyturn.functions.names import read_arn
from keyturn.functions.output.redaction import REDACTED
from keyturn.functions.output.seen_values import SeenValues
from keyturn.model.function import Function
from keyturn.model.plaintext import Plaintext
from keyturn.model.secret import SecretValue
from keyturn.rotation.event_values import noting
from keyturn.secrets import versions
from rotation.simulator import FUNCTION, NOW, Simulation

ROLE = "arn:aws:iam::123456789012:role/rotation"
LINE = "the password is hunter22"


@pytest.fixture
def simulation(tmp_path: Path) -> Iterator[Simulation]:
    made = Simulation(tmp_path)
    made.rotate()
    value = SecretValue("string", Plaintext(b'{"password": "hunter22"}'))
    new = versions.NewVersion(token="p" * 32, value=value, stages=["AWSPENDING"])
    with made.plain.write() as connection:
        versions.store_value(connection, made.keyring, made.secret(connection), new, NOW)
    yield made
    made.database.close()


def function(simulation: Simulation, arn: str) -> Function:
    reference = read_arn(arn)
    assert reference is not None
    with simulation.plain.write() as connection:
        return places.make_function(connection, simulation.keyring, reference, ROLE, NOW)


def line_after(simulation: Simulation, rotator: Function, event: object) -> str:
    seen = SeenValues(monotonic)
    noting(simulation.plain, simulation.keyring, seen)(rotator, json.dumps(event).encode())
    (line,) = seen.redact(rotator.arn, [LINE])
    return line


def event_of(simulation: Simulation) -> dict[str, str]:
    with simulation.plain.read() as connection:
        return {"SecretId": simulation.secret(connection).arn}


def test_values_of_the_secret_that_a_function_rotates_count_as_seen_by_it(
    simulation: Simulation,
) -> None:
    rotator = function(simulation, FUNCTION)

    assert line_after(simulation, rotator, event_of(simulation)) == f"the password is {REDACTED}"


def test_event_about_a_secret_that_another_function_rotates_tells_nothing_of_its_values(
    simulation: Simulation,
) -> None:
    other = function(simulation, f"{FUNCTION}-2")

    assert line_after(simulation, other, event_of(simulation)) == LINE


@pytest.mark.parametrize(
    "event", [None, [], "x", {"SecretId": 7}, {"SecretId": "gone"}, {"RotationToken": ["x"]}]
)
def test_event_that_is_no_rotation_s_names_no_values(
    simulation: Simulation, event: object
) -> None:
    assert line_after(simulation, function(simulation, FUNCTION), event) == LINE


def test_rotation_token_of_an_event_counts_as_seen(simulation: Simulation) -> None:
    event = {"RotationToken": "hunter22"}

    line = line_after(simulation, function(simulation, FUNCTION), event)

    assert line == f"the password is {REDACTED}"
