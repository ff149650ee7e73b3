"""What a function's log says."""

import re

from keyturn.functions.execution.transcript import TAIL_BYTES_MAX
from keyturn.functions.output.lines import CUT, LINE_BYTES_MAX, OUTPUT_BYTES_MAX
from keyturn.model.function import Function
from support.function_bench import FunctionBench
from support.waiting import until

REPORT = (
    r"REPORT RequestId: [0-9a-f-]{36}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t"
    r"Memory Size: 128 MB(\tMax Memory Used: \d+ MB)?(\tInit Duration: \d+\.\d\d ms)?"
)


def messages(bench: FunctionBench, function: Function, invocations: int = 1) -> list[str]:
    """Return what a function logged, once so many invocations are stored."""

    def found() -> list[str] | None:
        logged = [event.message for event in bench.logged(function)]
        reports = [message for message in logged if message.startswith("REPORT")]
        return logged if len(reports) == invocations else None

    return until(found, f"{invocations} REPORT lines")


def test_an_invocation_is_logged_as_aws_logs_it(bench: FunctionBench) -> None:
    function = bench.create(
        """
import logging
print("while it starts")

def lambda_handler(event, context):
    logging.getLogger().warning("careful")
    print("line one\\nline two")
"""
    )

    cold, warm = bench.invoke(function), bench.invoke(function)

    init, starting, *first = messages(bench, function, 2)
    assert init.startswith("INIT_START Runtime Version: python:3.")
    assert starting == "while it starts"
    assert first[0] == f"START RequestId: {cold.request_id} Version: $LATEST"
    assert re.fullmatch(rf"\[WARNING\]\t\S+Z\t{cold.request_id}\tcareful", first[1])
    assert first[2:5] == ["line one", "line two", f"END RequestId: {cold.request_id}"]
    assert re.fullmatch(REPORT, first[5])
    assert "\tMax Memory Used: " in first[5]
    assert "\tInit Duration: " in first[5]
    assert first[6] == f"START RequestId: {warm.request_id} Version: $LATEST"
    assert re.fullmatch(REPORT, first[-1])
    assert "Init Duration" not in first[-1]


def test_a_traceback_is_one_event(bench: FunctionBench) -> None:
    function = bench.create("def lambda_handler(event, context):\n    raise ValueError('no way')")

    bench.invoke(function)

    errors = [line for line in messages(bench, function) if line.startswith("[ERROR]")]
    assert len(errors) == 1
    assert errors[0].startswith("[ERROR] ValueError: no way\nTraceback (most recent call last):\n")


def test_a_timeout_is_logged_with_its_moment(bench: FunctionBench) -> None:
    function = bench.create(
        "import time\ndef lambda_handler(event, context): time.sleep(60)", Timeout=1
    )

    request_id = bench.invoke(function).request_id

    *_, timed_out, end, report = messages(bench, function)
    assert re.fullmatch(rf"\S+Z {request_id} Task timed out after 1\.00 seconds", timed_out)
    assert end == f"END RequestId: {request_id}"
    assert report.endswith("\tStatus: timeout")


def test_a_process_that_ends_is_logged_with_its_reason(bench: FunctionBench) -> None:
    function = bench.create("import os\ndef lambda_handler(event, context): os._exit(3)")

    request_id = bench.invoke(function).request_id

    *_, exited, end, report = messages(bench, function)
    text = f"RequestId: {request_id} Error: Runtime exited with error: exit status 3"
    assert exited == f"{text}\nRuntime.ExitError"
    assert end == f"END RequestId: {request_id}"
    assert report.endswith("\tStatus: error\tError Type: Runtime.ExitError")


def test_everything_printed_before_the_answer_is_logged_before_the_end(
    bench: FunctionBench,
) -> None:
    function = bench.create(
        "def lambda_handler(event, context):\n    for n in range(2000): print('line', n)"
    )

    bench.invoke(function)

    lines = [line for line in messages(bench, function) if line.startswith("line ")]
    assert lines == [f"line {n}" for n in range(2000)]


def test_the_log_of_one_environment_is_one_stream_of_its_day(bench: FunctionBench) -> None:
    function = bench.create("def lambda_handler(event, context): pass")

    bench.invoke(function)
    bench.invoke(function)

    messages(bench, function, 2)
    [stream] = {event.stream for event in bench.logged(function)}
    assert re.fullmatch(r"20\d\d/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)


def test_the_tail_is_the_end_of_the_log(bench: FunctionBench) -> None:
    function = bench.create(
        "def lambda_handler(event, context):\n    for n in range(1000): print('line', n)"
    )

    tail = bench.invoke(function).log_tail

    assert len(tail) == TAIL_BYTES_MAX
    assert b"line 999\nEND RequestId: " in tail
    assert b"\tMemory Size: 128 MB" in tail


def test_endless_output_is_cut_and_does_not_hold_up_the_function(bench: FunctionBench) -> None:
    function = bench.create(
        """
def lambda_handler(event, context):
    for _ in range(50):
        print("x" * 100_000)
    return "done"
"""
    )

    answer = bench.answer(function)

    logged = messages(bench, function)
    assert answer == "done"
    assert logged.count(CUT) == 1
    assert max(map(len, logged)) <= LINE_BYTES_MAX
    assert OUTPUT_BYTES_MAX * 0.9 < sum(map(len, logged)) < OUTPUT_BYTES_MAX * 1.1


def test_output_without_end_ends_with_the_timeout(bench: FunctionBench) -> None:
    function = bench.create(
        "def lambda_handler(event, context):\n    while True: print('x' * 1000)", Timeout=1
    )

    assert bench.error(function)["errorType"] == "Sandbox.Timedout"


def test_the_event_and_the_answer_are_not_logged(bench: FunctionBench) -> None:
    function = bench.create("def lambda_handler(event, context): return event")

    bench.invoke(function, {"RotationToken": "a-marked-token"})

    assert not [line for line in messages(bench, function) if "a-marked-token" in line]


def test_bytes_that_are_no_text_are_logged_all_the_same(bench: FunctionBench) -> None:
    function = bench.create(
        "import os\ndef lambda_handler(event, context): os.write(1, b'caf\\xe9\\n')"
    )

    bench.invoke(function)

    assert "caf\N{REPLACEMENT CHARACTER}" in messages(bench, function)
