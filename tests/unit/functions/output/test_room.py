import pytest

from keyturn.functions.output import room
from keyturn.functions.output.room import (
    WAITING_BYTES_MAX,
    WAITING_BYTES_PER_FUNCTION_MAX,
    Room,
    memory_bytes,
)

ARN, OTHER_ARN = "arn:function:one", "arn:function:other"


@pytest.mark.parametrize("more", [0, 1])
def test_a_function_has_as_much_room_as_its_share(more: int) -> None:
    made = Room()

    taken = made.take(ARN, WAITING_BYTES_PER_FUNCTION_MAX + more)

    assert taken is not bool(more)


@pytest.mark.parametrize("more", [0, 1])
def test_all_functions_share_the_room_that_there_is(
    monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    monkeypatch.setattr(room, "WAITING_BYTES_MAX", 100)
    made = Room()
    made.take(ARN, 60)

    taken = made.take(OTHER_ARN, 40 + more)

    assert taken is not bool(more)


def test_one_function_leaves_room_to_the_others() -> None:
    assert 3 * WAITING_BYTES_PER_FUNCTION_MAX < WAITING_BYTES_MAX


def test_what_is_given_back_can_be_taken_again() -> None:
    made = Room()
    made.take(ARN, WAITING_BYTES_PER_FUNCTION_MAX)

    made.give_back(ARN, WAITING_BYTES_PER_FUNCTION_MAX)

    assert made.take(ARN, WAITING_BYTES_PER_FUNCTION_MAX)


def test_a_function_of_which_nothing_waits_is_forgotten() -> None:
    made = Room()
    made.take(ARN, 60)

    made.give_back(ARN, 60)
    made.take(OTHER_ARN, WAITING_BYTES_PER_FUNCTION_MAX + 1)

    assert not made._taken_bytes
    assert not made._all_bytes


def test_a_line_counts_with_its_text_and_what_an_empty_one_takes() -> None:
    empty = memory_bytes("")

    assert empty > 200
    assert memory_bytes("x" * 1000) == empty + 1000
