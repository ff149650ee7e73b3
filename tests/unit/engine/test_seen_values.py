from collections.abc import Callable, Iterator
from pathlib import Path
import stat

import pytest

from keyturn.engine.seen_values import SeenValuesSocket, Teller, _Datagram
from keyturn.functions.output.seen_values import SeenValues, Sighting
from keyturn.model.limits import SECRET_VALUE_BYTES_MAX
from support.waiting import until

Tell = Callable[[str, bytes], None]

#: The longest there is: every part of it as long as AWS allows.
ARN = f"arn:aws-us-gov:lambda:{'r' * 30}:123456789012:function:{'f' * 140}"
MORE_THAN_WAIT = 1_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "seen.sock"


@pytest.fixture
def told(path: Path) -> Iterator[SeenValuesSocket]:
    made = SeenValuesSocket(path)
    yield made
    made.close()


@pytest.fixture
def tell(path: Path) -> Iterator[Tell]:
    teller = Teller(path)
    yield teller.tell
    teller.close()


def test_what_is_told_waits_to_be_received_once(tell: Tell, told: SeenValuesSocket) -> None:
    tell(ARN, b"one")
    tell(ARN, b"two")

    assert list(told.receive()) == [Sighting(ARN, b"one"), Sighting(ARN, b"two")]
    assert list(told.receive()) == []


def test_the_longest_value_is_told_whole(tell: Tell, told: SeenValuesSocket) -> None:
    value = bytes(at % 256 for at in range(SECRET_VALUE_BYTES_MAX))

    tell(ARN, value)

    assert list(told.receive()) == [Sighting(ARN, value)]


def test_what_is_told_is_known_when_something_is_redacted_next(
    tell: Tell, told: SeenValuesSocket
) -> None:
    seen = SeenValues(lambda: 0.0, told.receive)
    told.listen(seen)

    for number in range(200):
        tell(ARN, f"value-{number:04d}".encode())
        assert seen.redact(ARN, [f"is value-{number:04d}"]) == ["is ***"]


def test_any_number_of_values_finds_room_while_the_engine_listens(
    tell: Tell, told: SeenValuesSocket
) -> None:
    seen = SeenValues(lambda: 0.0, told.receive)
    told.listen(seen)

    for number in range(MORE_THAN_WAIT):
        tell(ARN, f"value-{number:04d}".encode())

    until(lambda: len(seen._functions[ARN]._values) == MORE_THAN_WAIT, "all of them")


def test_without_an_engine_nothing_can_be_told(tell: Tell) -> None:
    with pytest.raises(OSError, match="No such file"):
        tell(ARN, b"one")


def test_an_engine_that_takes_nothing_in_holds_nobody_up_for_ever(
    tell: Tell, told: SeenValuesSocket
) -> None:
    def tell_many() -> None:
        for _ in range(MORE_THAN_WAIT):
            tell(ARN, b"one")

    with pytest.raises(BlockingIOError):
        tell_many()

    assert 0 < len(list(told.receive())) < MORE_THAN_WAIT


def test_the_next_engine_is_told_at_the_same_place(
    path: Path, tell: Tell, told: SeenValuesSocket
) -> None:
    tell(ARN, b"one")
    next_engine = SeenValuesSocket(path)

    tell(ARN, b"two")

    assert list(next_engine.receive()) == [Sighting(ARN, b"two")]
    assert list(told.receive()) == [Sighting(ARN, b"one")]
    next_engine.close()


@pytest.mark.usefixtures("told")
def test_the_socket_is_its_owners_alone(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_value_does_not_show_in_the_repr_of_what_is_sent() -> None:
    assert "hunter22" not in repr(_Datagram(ARN, b"hunter22"))
