import threading
from typing import NoReturn

import pytest
from typing_extensions import override

from keyturn.functions.output import seen_values
from keyturn.functions.output.redaction import REDACTED
from keyturn.functions.output.seen_values import (
    CHARACTERS_MAX,
    CHARACTERS_PER_FUNCTION_MAX,
    KEPT_SECONDS,
    WITHHELD,
    SeenValues,
    Sighting,
)

ARN, OTHER_ARN = "arn:function:one", "arn:function:other"


class Bench:
    """Seen values, their clock and what waits to be taken in."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waiting: list[Sighting] = []
        self.seen = SeenValues(lambda: self.now, self._received)

    def redact(self, text: str, arn: str = ARN) -> str:
        [redacted] = self.seen.redact(arn, [text])
        return redacted

    def _received(self) -> list[Sighting]:
        received, self.waiting = self.waiting, []
        return received


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_value_is_redacted_for_the_function_that_has_seen_it_and_no_other(bench: Bench) -> None:
    bench.seen.note(ARN, b"hunter22")

    assert bench.redact("is hunter22") == "is ***"
    assert bench.redact("is hunter22", OTHER_ARN) == "is hunter22"


def test_what_waits_is_taken_in_before_anything_is_redacted(bench: Bench) -> None:
    bench.waiting.append(Sighting(ARN, b'{"password": "hunter22"}'))

    assert bench.redact("is hunter22") == "is ***"


def test_a_value_does_not_show_in_the_repr_of_a_sighting() -> None:
    assert "hunter22" not in repr(Sighting(ARN, b"hunter22"))


@pytest.mark.parametrize(
    ("seconds", "is_known"), [(KEPT_SECONDS, True), (KEPT_SECONDS + 1, False)]
)
def test_a_value_is_kept_for_a_while_after_it_was_last_seen(
    bench: Bench, seconds: float, *, is_known: bool
) -> None:
    bench.seen.note(ARN, b"hunter22", b"other-value")
    bench.now = 1000
    bench.seen.note(ARN, b"hunter22")

    bench.now += seconds

    assert (bench.redact("is hunter22") == "is ***") is is_known
    assert bench.redact("is other-value") == "is other-value"


def test_a_function_that_has_seen_nothing_for_long_is_forgotten(bench: Bench) -> None:
    bench.seen.note(ARN, b"hunter22")

    bench.now = KEPT_SECONDS + 1
    bench.redact("")

    assert bench.seen._functions == {}


@pytest.mark.parametrize("more", [0, 1])
def test_output_of_a_function_that_has_seen_too_much_is_withheld(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    monkeypatch.setattr(seen_values, "CHARACTERS_PER_FUNCTION_MAX", 100)

    bench.seen.note(ARN, b"a" * 60, b"b" * (40 + more))

    assert bench.redact("anything") == (WITHHELD if more else "anything")
    assert bench.redact("anything", OTHER_ARN) == "anything"


def test_all_functions_share_the_room_that_there_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_values, "CHARACTERS_MAX", 100)

    bench.seen.note(ARN, b"a" * 60)
    bench.seen.note(OTHER_ARN, b"b" * 41)

    assert bench.redact("anything") == "anything"
    assert bench.redact("anything", OTHER_ARN) == WITHHELD


def test_room_is_free_again_when_the_values_that_took_it_are_out_of_date(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_values, "CHARACTERS_MAX", 100)
    bench.seen.note(ARN, b"a" * 60)
    bench.now = KEPT_SECONDS + 1
    bench.redact("")

    bench.seen.note(OTHER_ARN, b"b" * 60, b"c" * 40)

    assert bench.redact("anything", OTHER_ARN) == "anything"


def test_to_note_a_value_takes_no_look_at_other_functions(bench: Bench) -> None:
    class Unread(dict[str, seen_values._Seen]):
        @override
        def values(self) -> NoReturn:
            raise AssertionError("all functions were looked at")

    bench.seen.note(OTHER_ARN, b"other-value")
    bench.seen._functions = Unread(bench.seen._functions)

    bench.seen.note(ARN, b"hunter22")

    assert bench.seen._characters == len("other-value" + "hunter22")


def test_output_is_withheld_until_the_values_without_room_are_out_of_date(bench: Bench) -> None:
    value = "".join(f"{number:08d}" for number in range(CHARACTERS_PER_FUNCTION_MAX // 8 + 1))
    bench.now = 100
    bench.seen.note(ARN, value.encode())
    bench.now += KEPT_SECONDS

    before = bench.redact("anything")
    bench.now += seen_values._FORGET_EVERY_SECONDS
    after = bench.redact("anything")

    assert (before, after) == (WITHHELD, "anything")


def test_a_value_that_is_seen_again_and_again_takes_room_once(bench: Bench) -> None:
    for _ in range(CHARACTERS_PER_FUNCTION_MAX // 1000 + 1):
        bench.seen.note(ARN, b"v" * 1000)

    assert bench.redact("v" * 1000) == REDACTED


def test_what_is_no_secret_takes_no_room(bench: Bench) -> None:
    for length in range(1000, 1000 + CHARACTERS_PER_FUNCTION_MAX // 1000):
        bench.seen.note(ARN, b" " * length)

    assert bench.redact("anything") == "anything"


def test_ten_thousand_values_of_ordinary_length_are_within_the_limits(bench: Bench) -> None:
    bench.seen.note(ARN, *(f"{number:024d}".encode() for number in range(10_000)))

    assert 24 * 10_000 <= CHARACTERS_PER_FUNCTION_MAX <= CHARACTERS_MAX
    assert bench.redact(f"is {9_999:024d}") == "is ***"


def test_values_may_be_noted_while_others_redact(bench: Bench) -> None:
    values = [f"{number:08d}-value" for number in range(2_000)]

    def note_each() -> None:
        for value in values:
            bench.seen.note(ARN, value.encode())

    noting = threading.Thread(target=note_each)
    noting.start()
    while noting.is_alive():
        assert bench.redact("nothing of it") == "nothing of it"
    noting.join()

    assert bench.seen.redact(ARN, values) == [REDACTED] * len(values)
