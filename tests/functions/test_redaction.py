"""What is stored, and answered, of values that a function has seen."""

import secrets
import threading

import pytest

from keyturn.functions.execution.transcript import TAIL_BYTES_MAX
from keyturn.functions.output import seen_values
from keyturn.functions.output.redaction import REDACTED
from keyturn.functions.output.seen_values import WITHHELD
from keyturn.model.function import Function
from support.function_bench import FunctionBench
from support.waiting import until

PRINTS = "def lambda_handler(event, context): print(*event, sep='\\n')"


def printed(bench: FunctionBench, function: Function) -> list[str]:
    """Return what a function printed, once its only invocation is stored."""

    def found() -> list[str] | None:
        lines = [event.message for event in bench.logged(function)]
        ends = [at for at, line in enumerate(lines) if line.startswith("END")]
        return lines[2 : ends[0]] if ends else None

    return until(found, "the END line")


def test_a_value_that_was_seen_is_in_neither_the_log_nor_its_tail(bench: FunctionBench) -> None:
    function, value = bench.create(PRINTS), secrets.token_hex(12)
    bench.seen.note(function.arn, value.encode())

    tail = bench.invoke(function, [f"is {value}", "nothing"]).log_tail.decode()

    assert printed(bench, function) == [f"is {REDACTED}", "nothing"]
    assert f"is {REDACTED}\nnothing\nEND RequestId: " in tail
    assert value not in tail


def test_a_value_that_was_seen_is_not_looked_for_in_the_output_of_others(
    bench: FunctionBench,
) -> None:
    function, other, value = bench.create(PRINTS), bench.create(PRINTS), secrets.token_hex(12)
    bench.seen.note(function.arn, value.encode())

    bench.invoke(other, [value])

    assert printed(bench, other) == [value]


def test_the_tail_begins_with_no_part_of_a_value(bench: FunctionBench) -> None:
    function, value = bench.create(PRINTS), secrets.token_hex(30_000)
    bench.seen.note(function.arn, value.encode())

    tail = bench.invoke(function, [value, "x" * 3_000, value[:40], "y"]).log_tail.decode()

    assert f"{REDACTED}\n{'x' * 3_000}\n{REDACTED}\ny\nEND RequestId: " in tail
    assert len(tail) < TAIL_BYTES_MAX


def test_output_is_stored_redacted_while_its_invocation_goes_on(bench: FunctionBench) -> None:
    function = bench.create(
        """
import threading
def lambda_handler(event, context):
    print("begun with", event)
    threading.Event().wait()
""",
        Timeout=4,
    )
    value = secrets.token_hex(12)
    bench.seen.note(function.arn, value.encode())
    invoking = threading.Thread(target=bench.invoke, args=(function, value))

    invoking.start()
    stored = until(lambda: [event.message for event in bench.logged(function)], "the first lines")
    goes_on = invoking.is_alive()
    invoking.join()

    assert goes_on
    assert stored[2] == f"begun with {REDACTED}"


def test_output_of_a_function_that_has_seen_too_much_is_withheld(
    bench: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_values, "CHARACTERS_PER_FUNCTION_MAX", 100)
    function = bench.create(PRINTS)
    bench.seen.note(function.arn, *(secrets.token_bytes(20) for _ in range(6)))

    tail = bench.invoke(function, ["anything"]).log_tail.decode()

    assert set(tail.splitlines()) == {WITHHELD}
    until(lambda: bench.logged(function), "the lines")
    assert {event.message for event in bench.logged(function)} == {WITHHELD}
