from pathlib import Path
from typing import Any

import pytest

from keyturn.functions import event_queue
from keyturn.functions.event_queue import EVENT_BYTES_MAX
from support.iam_bench import policy
from support.lambda_bench import LambdaBench

PARAMETER = "InvalidParameterValueException"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> LambdaBench:
    return LambdaBench(tmp_path_factory.mktemp("lambda"))


@pytest.fixture
def bench(shared: LambdaBench) -> LambdaBench:
    return shared.fresh()


@pytest.fixture
def name(bench: LambdaBench) -> str:
    """A function."""
    return bench.function()


def send(bench: LambdaBench, name: str, payload: bytes = b"{}") -> dict[str, Any]:
    return bench.do("Invoke", FunctionName=name, InvocationType="Event", Payload=payload)


def test_an_event_is_accepted_and_the_engine_is_told(bench: LambdaBench, name: str) -> None:
    answer = send(bench, name)

    assert answer["StatusCode"] == 202
    assert "Payload" not in answer or answer["Payload"] == b""
    assert bench.wakes == 1
    assert bench.invoker.asked == []


def test_an_event_is_sealed_in_the_store(tmp_path: Path) -> None:
    bench = LambdaBench(tmp_path)
    name = bench.function()

    send(bench, name, b'{"password": "a-marked-value"}')

    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert name.encode() in stored
    assert b"a-marked-value" not in stored


@pytest.mark.parametrize("longer", [0, 1])
def test_an_event_has_a_length_that_it_keeps(bench: LambdaBench, name: str, longer: int) -> None:
    payload = b'"' + b"x" * (EVENT_BYTES_MAX - 2 + longer) + b'"'
    request = {"FunctionName": name, "InvocationType": "Event", "Payload": payload}

    if longer:
        code, status, text = bench.refused("Invoke", **request)
        assert (code, status) == ("RequestTooLargeException", 413)
        assert "Event invocation type (limit 1048576 bytes)" in text
        assert bench.wakes == 0
    else:
        assert bench.do("Invoke", **request)["StatusCode"] == 202


def test_an_event_that_is_no_json_is_refused_and_not_quoted(bench: LambdaBench, name: str) -> None:
    code, _, text = bench.refused(
        "Invoke", FunctionName=name, InvocationType="Event", Payload=b"a-marked-value"
    )

    assert code == "InvalidRequestContentException"
    assert "a-marked-value" not in text


def test_so_many_events_of_a_function_wait_and_no_more(
    bench: LambdaBench, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_queue, "EVENTS_WAITING_PER_FUNCTION_MAX", 2)
    send(bench, name)
    send(bench, name)

    refused = bench.refused("Invoke", FunctionName=name, InvocationType="Event")

    assert refused[:2] == ("TooManyRequestsException", 429)
    assert send(bench, bench.function())["StatusCode"] == 202


def test_whoever_may_not_invoke_may_not_send_an_event_either(
    bench: LambdaBench, name: str
) -> None:
    caller = bench.somebody(policy("lambda:InvokeAsync"))

    refused = bench.fault(caller, "Invoke", FunctionName=name, InvocationType="Event")

    assert refused[1] == 403


def test_settings_are_given_back_as_they_were_put(bench: LambdaBench, name: str) -> None:
    put = bench.do(
        "PutFunctionEventInvokeConfig",
        FunctionName=name,
        MaximumRetryAttempts=0,
        MaximumEventAgeInSeconds=60,
    )

    assert put == {
        "LastModified": bench.clock.now(),
        "FunctionArn": f"{FUNCTION}:{name}:$LATEST",
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
    }
    assert bench.do("GetFunctionEventInvokeConfig", FunctionName=name) == put


def test_a_change_of_settings_keeps_what_it_does_not_name(bench: LambdaBench, name: str) -> None:
    bench.do(
        "PutFunctionEventInvokeConfig",
        FunctionName=name,
        MaximumRetryAttempts=1,
        MaximumEventAgeInSeconds=100,
    )

    changed = bench.do(
        "UpdateFunctionEventInvokeConfig", FunctionName=name, MaximumRetryAttempts=0
    )
    put = bench.do("PutFunctionEventInvokeConfig", FunctionName=name, MaximumRetryAttempts=2)

    assert (changed["MaximumRetryAttempts"], changed["MaximumEventAgeInSeconds"]) == (0, 100)
    assert "MaximumEventAgeInSeconds" not in put


@pytest.mark.parametrize(
    "params",
    [
        {"MaximumRetryAttempts": 3},
        {"MaximumRetryAttempts": -1},
        {"MaximumEventAgeInSeconds": 59},
        {"MaximumEventAgeInSeconds": 21_601},
        {},
        {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:1:q"}}},
    ],
)
def test_settings_that_can_not_be_are_refused(
    bench: LambdaBench, name: str, params: dict[str, Any]
) -> None:
    refused = bench.refused("PutFunctionEventInvokeConfig", FunctionName=name, **params)

    assert refused[1] == 400
    assert bench.refused("GetFunctionEventInvokeConfig", FunctionName=name)[1] == 404


@pytest.mark.parametrize(
    "operation",
    [
        "GetFunctionEventInvokeConfig",
        "UpdateFunctionEventInvokeConfig",
        "DeleteFunctionEventInvokeConfig",
    ],
)
def test_settings_that_do_not_exist_are_not_found(
    bench: LambdaBench, name: str, operation: str
) -> None:
    params = {"MaximumRetryAttempts": 1} if operation.startswith("Update") else {}

    refused = bench.refused(operation, FunctionName=name, **params)

    assert refused == (
        "ResourceNotFoundException",
        404,
        f"The function {FUNCTION}:{name}:$LATEST doesn't have an EventInvokeConfig",
    )


def test_settings_are_of_a_qualifier_and_listed_by_it(bench: LambdaBench, name: str) -> None:
    bench.published(name, "1")
    bench.do("CreateAlias", FunctionName=name, Name="live", FunctionVersion="1")
    for qualifier in ("$LATEST", "1", "live"):
        bench.do(
            "PutFunctionEventInvokeConfig",
            FunctionName=name,
            Qualifier=qualifier,
            MaximumRetryAttempts=1,
        )

    first = bench.do("ListFunctionEventInvokeConfigs", FunctionName=name, MaxItems=2)
    second = bench.do(
        "ListFunctionEventInvokeConfigs",
        FunctionName=name,
        MaxItems=2,
        Marker=first["NextMarker"],
    )

    listed = first["FunctionEventInvokeConfigs"] + second["FunctionEventInvokeConfigs"]
    arn = f"{FUNCTION}:{name}"
    assert [item["FunctionArn"] for item in listed] == [
        f"{arn}:$LATEST",
        f"{arn}:1",
        f"{arn}:live",
    ]
    assert "NextMarker" not in second


def test_deleted_settings_are_gone(bench: LambdaBench, name: str) -> None:
    bench.do("PutFunctionEventInvokeConfig", FunctionName=name, MaximumRetryAttempts=1)

    bench.do("DeleteFunctionEventInvokeConfig", FunctionName=name)

    assert bench.refused("GetFunctionEventInvokeConfig", FunctionName=name)[1] == 404
