"""What a caller gets from a function, through AWS's own runtime client in a real process."""

import json
from pathlib import Path

import pytest

from keyturn.functions.execution import environment
from keyturn.functions.execution.runtime_api import RESPONSE_BYTES_MAX
from keyturn.functions.invocation import PAYLOAD_BYTES_MAX
from keyturn.functions.refusals import (
    ExecutionRoleError,
    FunctionNotFoundError,
    FunctionUnavailableError,
    PayloadTooLargeError,
)
from keyturn.model.errors import NotAllowedError
from keyturn.model.function import Function
from support.function_bench import REGION, FunctionBench

# An answer is JSON: a text has two quotation marks.
ECHO = "def lambda_handler(event, context): return event"
QUOTES = 2
COUNTER = """
count = 0

def lambda_handler(event, context):
    global count
    count += 1
    if event == "sleep":
        import time
        time.sleep(60)
    if event == "exit":
        import os
        os._exit(3)
    return count
"""


def test_the_handler_gets_the_event_and_the_caller_its_answer(bench: FunctionBench) -> None:
    function = bench.create(ECHO)

    invocation = bench.invoke(function, {"Step": "createSecret"})

    assert invocation.function_error is None
    assert json.loads(invocation.payload) == {"Step": "createSecret"}
    assert invocation.executed_version == "$LATEST"


def test_a_handler_that_returns_nothing_answers_null(bench: FunctionBench) -> None:
    function = bench.create("def lambda_handler(event, context): pass")

    assert bench.invoke(function).payload == b"null"


def test_the_context_says_who_and_how_long(bench: FunctionBench) -> None:
    function = bench.create(
        """
import time
time.sleep(0.5)  # a slow start takes nothing from the handler's time

def lambda_handler(event, context):
    return [
        context.function_name, context.function_version, context.invoked_function_arn,
        context.memory_limit_in_mb, context.log_group_name, context.aws_request_id,
        context.get_remaining_time_in_millis(),
    ]
""",
        Timeout=7,
        MemorySize=256,
    )

    invocation = bench.invoke(function)

    *said, remaining_ms = json.loads(invocation.payload)
    group = f"/aws/lambda/{function.name}"
    request_id = invocation.request_id
    assert said == [function.name, "$LATEST", function.arn, "256", group, request_id]
    assert 6800 < remaining_ms <= 7000


def test_an_exception_is_described_as_aws_does(bench: FunctionBench) -> None:
    function = bench.create("def lambda_handler(event, context):\n    raise ValueError('no way')")

    invocation = bench.invoke(function)

    error = json.loads(invocation.payload)
    assert invocation.function_error == "Unhandled"
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no way")
    assert error["requestId"] == invocation.request_id
    assert "line 2, in lambda_handler" in error["stackTrace"][0]


def test_a_handler_that_can_not_be_loaded_is_described_as_aws_does(bench: FunctionBench) -> None:
    function = bench.create("import no_such_module")

    for _ in range(3):
        assert bench.error(function) == {
            "errorMessage": (
                "Unable to import module 'lambda_function': No module named 'no_such_module'"
            ),
            "errorType": "Runtime.ImportModuleError",
            "requestId": "",
            "stackTrace": [],
        }


def test_a_missing_handler_is_described_as_aws_does(bench: FunctionBench) -> None:
    function = bench.create(ECHO, Handler="lambda_function.nothing")

    error = bench.error(function)

    assert error["errorType"] == "Runtime.HandlerNotFound"
    assert error["errorMessage"] == "Handler 'nothing' missing on module 'lambda_function'"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("os._exit(0)", "without providing a reason"),
        ("os._exit(3)", "with error: exit status 3"),
        ("os.kill(os.getpid(), 9)", "with error: signal: killed"),
    ],
)
def test_a_process_that_ends_is_a_runtime_exit_error(
    bench: FunctionBench, statement: str, reason: str
) -> None:
    function = bench.create(f"import os\ndef lambda_handler(event, context): {statement}")

    invocation = bench.invoke(function)

    assert json.loads(invocation.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {invocation.request_id} Error: Runtime exited {reason}",
    }


def test_a_process_that_ends_while_it_starts_is_a_runtime_exit_error(bench: FunctionBench) -> None:
    function = bench.create("import os\nos._exit(9)")

    error = bench.error(function)

    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("Error: Runtime exited with error: exit status 9")


def test_a_function_that_takes_too_long_is_ended(bench: FunctionBench) -> None:
    function = bench.create(COUNTER, Timeout=1)

    invocation = bench.invoke(function, "sleep")

    request_id = invocation.request_id
    assert json.loads(invocation.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
    }


def test_a_function_that_takes_too_long_to_start_is_ended(
    bench: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "INIT_SECONDS_MAX", 0.5)
    function = bench.create("import time\ntime.sleep(60)")

    error = bench.error(function)

    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Task timed out after 0.50 seconds")


def test_a_warm_function_keeps_its_globals_until_it_times_out(bench: FunctionBench) -> None:
    function = bench.create(COUNTER, Timeout=1)

    warm = [bench.answer(function), bench.answer(function)]
    bench.error(function, "sleep")
    after = bench.answer(function)

    assert (warm, after) == ([1, 2], 1)


def test_a_function_that_ended_its_process_starts_again(bench: FunctionBench) -> None:
    function = bench.create(COUNTER)

    bench.error(function, "exit")

    assert bench.answer(function) == 1


def test_a_process_that_dies_between_events_costs_no_invocation(bench: FunctionBench) -> None:
    # It ends itself when it should ask for the next event: after its answer, before another event.
    function = bench.create(
        """
import os
from awslambdaric import lambda_runtime_client

def lambda_handler(event, context):
    lambda_runtime_client.runtime_client.next = lambda: os._exit(1)
    return "well"
"""
    )

    answers = [bench.answer(function) for _ in range(5)]

    assert answers == ["well"] * 5


def test_changed_code_runs_at_once(bench: FunctionBench) -> None:
    function = bench.create("def lambda_handler(event, context): return 'old'")
    before = bench.answer(function)

    bench.update_code(function, "def lambda_handler(event, context): return 'new'")

    assert (before, bench.answer(function)) == ("old", "new")


def test_the_longest_answer_arrives(bench: FunctionBench) -> None:
    function = bench.create("def lambda_handler(event, context): return 'x' * event")

    answer = bench.answer(function, RESPONSE_BYTES_MAX - QUOTES)

    assert len(answer) == RESPONSE_BYTES_MAX - QUOTES


def test_a_longer_answer_is_an_error_and_the_function_goes_on(bench: FunctionBench) -> None:
    function = bench.create("def lambda_handler(event, context): return 'x' * event")

    assert bench.error(function, RESPONSE_BYTES_MAX - QUOTES + 1) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": (
            "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
        ),
    }
    assert bench.answer(function, 3) == "xxx"


def test_the_largest_event_arrives_and_a_larger_one_is_refused(bench: FunctionBench) -> None:
    function = bench.create("def lambda_handler(event, context): return len(event)")
    largest = json.dumps("x" * (PAYLOAD_BYTES_MAX - QUOTES)).encode()

    invocation = bench.invoker.invoke(function.arn, largest)

    assert json.loads(invocation.payload) == PAYLOAD_BYTES_MAX - QUOTES
    with pytest.raises(PayloadTooLargeError):
        bench.invoker.invoke(function.arn, largest + b" ")


def test_a_function_that_does_not_exist_is_not_found(bench: FunctionBench) -> None:
    function = bench.create(ECHO)
    bench.answer(function)

    bench.delete(function)

    with pytest.raises(FunctionNotFoundError):
        bench.invoke(function)


def test_a_qualified_arn_of_the_latest_version_is_the_function(bench: FunctionBench) -> None:
    function = bench.create(ECHO)

    invocation = bench.invoker.invoke(f"{function.arn}:$LATEST", b"1")

    assert invocation.payload == b"1"


def test_a_role_that_lambda_can_not_assume_makes_the_function_unavailable(
    bench: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(function: Function) -> None:
        raise NotAllowedError(
            principal_arn="lambda.amazonaws.com",
            action="sts:AssumeRole",
            resource=function.role_arn,
            reason="",
        )

    monkeypatch.setattr(bench.invoker, "_issue_session", refuse)
    function = bench.create(ECHO)

    with pytest.raises(ExecutionRoleError, match="trust policy") as refused:
        bench.invoke(function)

    assert isinstance(refused.value, FunctionUnavailableError)


def test_the_modules_of_the_package_come_before_those_of_lambda(bench: FunctionBench) -> None:
    function = bench.create(
        {
            "lambda_function.py": (
                "import boto3, json\n"
                "def lambda_handler(event, context): return [boto3.MARK, json.__file__]"
            ),
            "boto3.py": "MARK = 'mine'",
            "nested/data.txt": "",
        }
    )

    mark, json_file = bench.answer(function)

    assert mark == "mine"
    assert not Path(json_file).is_relative_to(bench.folder)


def test_a_function_is_invoked_by_region_and_account(bench: FunctionBench) -> None:
    function = bench.create(ECHO)

    with pytest.raises(FunctionNotFoundError):
        bench.invoker.invoke(function.arn.replace(REGION, "eu-west-1"), b"1")
