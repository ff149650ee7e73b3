from collections.abc import Iterator
import os

from hypothesis import given, strategies as st
import pytest

from keyturn.functions.output.lines import CUT, LINE_BYTES_MAX, OUTPUT_BYTES_MAX, Output, as_text
from keyturn.store.logs import EVENT_OVERHEAD_BYTES


class Pipe:
    """A pipe, and what was passed on from it."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        self.events: list[str] = []
        self.output = Output(self._read, self.events.append)

    def print(self, text: bytes) -> None:
        """Print, and have it read."""
        for start in range(0, len(text), 10_000):
            os.write(self._write, text[start : start + 10_000])
            self.output.read()

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_a_line_is_an_event(pipe: Pipe) -> None:
    pipe.print(b"one\n\ntwo\nhal")
    before = list(pipe.events)
    pipe.print(b"f\n")

    assert before == ["one", "", "two"]
    assert pipe.events == ["one", "", "two", "half"]


def test_a_line_that_is_not_ended_is_an_event_at_the_end(pipe: Pipe) -> None:
    pipe.print(b"half")

    pipe.output.finish()
    pipe.output.finish()

    assert pipe.events == ["half"]


def test_lines_that_the_runtime_client_keeps_together_stay_together(pipe: Pipe) -> None:
    pipe.print(b"[ERROR] x\rTraceback:\r  File\n")

    assert pipe.events == ["[ERROR] x\nTraceback:\n  File"]


@pytest.mark.parametrize("length", [LINE_BYTES_MAX - 1, LINE_BYTES_MAX, LINE_BYTES_MAX + 1])
def test_a_line_is_cut_at_its_limit_and_nothing_is_lost(pipe: Pipe, length: int) -> None:
    pipe.print(b"x" * length + b"\ny\n")

    assert "".join(pipe.events) == "x" * length + "y"
    assert max(map(len, pipe.events)) <= LINE_BYTES_MAX


def test_the_log_says_once_that_it_was_cut(pipe: Pipe) -> None:
    line, counted = b"x" * 999 + b"\n", 999 + EVENT_OVERHEAD_BYTES

    pipe.print(line * (OUTPUT_BYTES_MAX // counted + 100))
    pipe.output.finish()

    assert pipe.events.count(CUT) == 1
    assert pipe.events[-1] == CUT
    assert len(pipe.events) == OUTPUT_BYTES_MAX // counted + 1


def test_a_line_without_text_counts_as_the_event_that_it_is(pipe: Pipe) -> None:
    pipe.print(b"\n" * OUTPUT_BYTES_MAX)

    assert len(pipe.events) == OUTPUT_BYTES_MAX // EVENT_OVERHEAD_BYTES + 1
    assert pipe.events[-1] == CUT


def test_a_closed_pipe_is_known_and_ends_the_reading(pipe: Pipe) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"last words")
    os.close(writing)
    output = Output(reading, pipe.events.append)

    output.finish()

    os.close(reading)
    assert output.is_closed
    assert pipe.events == ["last words"]


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_whatever_is_printed_in_whatever_pieces_comes_out_as_lines(pieces: list[bytes]) -> None:
    pipe = Pipe()

    for piece in pieces:
        pipe.print(piece)
    pipe.output.finish()
    pipe.close()

    lines = b"".join(pieces).split(b"\n")
    if not lines[-1]:
        lines.pop()
    wanted = [line.decode(errors="replace").rstrip("\r").replace("\r", "\n") for line in lines]
    assert list(map(as_text, pipe.events)) == wanted


def test_bytes_that_are_no_text_are_kept_until_the_event_is_shown(pipe: Pipe) -> None:
    pipe.print(b"caf\xe9\n")

    [event] = pipe.events

    assert event.encode(errors="surrogateescape") == b"caf\xe9"
    assert as_text(event) == "caf\N{REPLACEMENT CHARACTER}"


def test_half_of_a_surrogate_pair_is_shown_as_what_is_no_text() -> None:
    shown = as_text("half \ud800, low \udfff, byte \udc80, end")

    assert shown == "half ?, low ?, byte ?, end".replace("?", "\N{REPLACEMENT CHARACTER}")
