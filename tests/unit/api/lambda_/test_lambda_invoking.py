import base64
from collections.abc import Mapping
import json
from typing import Any

import pytest

from keyturn.functions.invocation import PAYLOAD_BYTES_MAX, Invocation
from keyturn.functions.policy_text import POLICY_BYTES_MAX
from keyturn.functions.refusals import (
    EnvironmentsBusyError,
    ExecutionRoleError,
    FunctionUnavailableError,
    PayloadTooLargeError,
)
from keyturn.model.errors import ServiceError
from support.iam_bench import policy
from support.lambda_bench import LambdaBench

ARN = "arn:aws:lambda:us-east-1:123456789012:function:rotate"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-bcdefg"
SECRETS_MANAGER = {
    "StatementId": "SecretsManager",
    "Action": "lambda:InvokeFunction",
    "Principal": "secretsmanager.amazonaws.com",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> LambdaBench:
    return LambdaBench(tmp_path_factory.mktemp("lambda"))


@pytest.fixture
def bench(shared: LambdaBench) -> LambdaBench:
    bench = shared.fresh()
    bench.create_function("rotate")
    return bench


def permit(bench: LambdaBench, **params: object) -> dict[str, Any]:
    """Add a permission; return its statement."""
    added = bench.do("AddPermission", FunctionName="rotate", **{**SECRETS_MANAGER, **params})
    statement: dict[str, Any] = json.loads(added["Statement"])
    return statement


def test_a_function_is_invoked_with_the_payload_as_it_came(bench: LambdaBench) -> None:
    payload = b'{ "a" : 1 }'

    answer = bench.do("Invoke", FunctionName="rotate", Payload=payload)

    assert bench.invoker.asked == [(ARN, payload)]
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert answer["Payload"] == b"null"
    assert not answer.keys() & {"FunctionError", "LogResult"}


def test_no_payload_is_an_empty_object(bench: LambdaBench) -> None:
    bench.do("Invoke", FunctionName="rotate")

    assert bench.invoker.asked == [(ARN, b"{}")]


def test_a_failed_function_is_an_answer_with_a_header(bench: LambdaBench) -> None:
    error = b'{"errorType":"ValueError"}'
    bench.invoker.answer = Invocation(
        request_id="r", function_error="Unhandled", payload=error, log_tail=b""
    )

    answer = bench.do("Invoke", FunctionName="rotate")

    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Payload"] == error


def test_the_tail_of_the_log_comes_when_it_is_asked_for(bench: LambdaBench) -> None:
    answer = bench.do("Invoke", FunctionName="rotate", LogType="Tail")

    assert base64.b64decode(answer["LogResult"]) == b"START\nEND\n"


def test_a_dry_run_runs_nothing(bench: LambdaBench) -> None:
    answer = bench.do("Invoke", FunctionName="rotate", InvocationType="DryRun")

    assert answer["StatusCode"] == 204
    assert bench.invoker.asked == []


@pytest.mark.parametrize(
    ("member", "value"), [("ClientContext", "e30="), ("DurableExecutionName", "a")]
)
def test_what_an_invocation_can_not_have_here_is_refused_by_name(
    bench: LambdaBench, member: str, value: str
) -> None:
    code, _, text = bench.refused("Invoke", FunctionName="rotate", **{member: value})

    assert code == "InvalidParameterValueException"
    assert member in text
    assert bench.invoker.asked == []


@pytest.mark.parametrize("kind", ["RequestResponse", "DryRun", "Event"])
def test_a_function_that_may_never_run_is_throttled_only_where_it_would_run(
    bench: LambdaBench, kind: str
) -> None:
    bench.do("PutFunctionConcurrency", FunctionName="rotate", ReservedConcurrentExecutions=0)
    request = {"FunctionName": "rotate", "InvocationType": kind}

    if kind == "RequestResponse":
        assert bench.refused("Invoke", **request)[:2] == ("TooManyRequestsException", 429)
    else:
        assert bench.do("Invoke", **request)["StatusCode"] in (202, 204)
    assert bench.invoker.asked == []


def test_a_version_and_an_alias_are_invoked_by_their_own_names(bench: LambdaBench) -> None:
    name = bench.function()
    version = bench.do("PublishVersion", FunctionName=name)["Version"]
    bench.do("CreateAlias", FunctionName=name, Name="live", FunctionVersion=version)

    for qualifier in (version, "live"):
        bench.do("Invoke", FunctionName=name, Qualifier=qualifier)

    arn = ARN.replace("rotate", name)
    assert [asked for asked, _ in bench.invoker.asked] == [f"{arn}:{version}", f"{arn}:live"]


def test_a_qualifier_that_does_not_exist_can_not_be_invoked(bench: LambdaBench) -> None:
    for qualifier in ("7", "live", "9" * 20):
        refused = bench.refused("Invoke", FunctionName="rotate", Qualifier=qualifier)
        assert refused == (
            "ResourceNotFoundException",
            404,
            f"Function not found: {ARN}:{qualifier}",
        )


@pytest.mark.parametrize("qualifier", ["01", "001"])
def test_a_number_in_another_writing_is_no_version(bench: LambdaBench, qualifier: str) -> None:
    # A policy that denies the version by its number would let it pass.
    name = bench.function()
    bench.do("PublishVersion", FunctionName=name)
    alias = {"FunctionName": name, "Name": "live"}
    calls: dict[str, dict[str, object]] = {
        "Invoke": {"FunctionName": name, "Qualifier": qualifier},
        "GetFunction": {"FunctionName": name, "Qualifier": qualifier},
        "CreateAlias": {**alias, "FunctionVersion": qualifier},
        "AddPermission": {
            "FunctionName": name,
            "Qualifier": qualifier,
            "StatementId": "s",
            "Action": "lambda:InvokeFunction",
            "Principal": "123456789012",
        },
    }

    refused = {operation: bench.refused(operation, **call) for operation, call in calls.items()}
    bench.do("DeleteFunction", FunctionName=name, Qualifier=qualifier)

    assert {code for code, _, _ in refused.values()} == {"ResourceNotFoundException"}
    assert bench.do("Invoke", FunctionName=name, Qualifier="1")


def test_a_function_of_another_region_is_not_reached(bench: LambdaBench) -> None:
    arn = ARN.replace("us-east-1", "eu-west-1")

    for operation in ("Invoke", "GetFunction", "DeleteFunction", "GetPolicy"):
        assert bench.refused(operation, FunctionName=arn) == (
            "ResourceNotFoundException",
            404,
            "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
        )


def test_a_function_that_does_not_exist_is_named_with_its_version(bench: LambdaBench) -> None:
    assert bench.refused("Invoke", FunctionName="absent") == (
        "ResourceNotFoundException",
        404,
        f"Function not found: {ARN.replace('rotate', 'absent')}:$LATEST",
    )


@pytest.mark.parametrize("payload", [b"a-marked-value", b"[" * 5_000, b'"\xff\xfe"'])
def test_a_payload_that_is_no_json_is_refused_and_not_quoted(
    bench: LambdaBench, payload: bytes
) -> None:
    code, status, text = bench.refused("Invoke", FunctionName="rotate", Payload=payload)

    assert (code, status) == ("InvalidRequestContentException", 400)
    assert "a-marked-value" not in text
    assert bench.invoker.asked == []


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (EnvironmentsBusyError(60), "TooManyRequestsException", 429),
        (ExecutionRoleError("arn"), "InvalidParameterValueException", 400),
        (FunctionUnavailableError("The engine isn't there."), "ServiceException", 500),
        (PayloadTooLargeError(PAYLOAD_BYTES_MAX + 1), "RequestTooLargeException", 413),
    ],
)
def test_a_function_that_can_not_run_has_an_error_of_its_own(
    bench: LambdaBench, error: ServiceError, code: str, status: int
) -> None:
    bench.invoker.answer = error

    assert bench.refused("Invoke", FunctionName="rotate")[:2] == (code, status)


def test_whoever_may_not_invoke_is_refused_by_the_action_s_name(bench: LambdaBench) -> None:
    caller = bench.somebody(policy("lambda:Invoke", "lambda:GetFunction"))

    code, status, text = bench.fault(caller, "Invoke", FunctionName="rotate")

    assert (code, status) == ("AccessDeniedException", 403)
    assert "lambda:InvokeFunction" in text


def test_the_function_s_own_policy_may_let_somebody_invoke(bench: LambdaBench) -> None:
    caller = bench.somebody()
    permit(bench, Principal=caller.arn)

    answer = bench.call(caller, "Invoke", FunctionName="rotate")

    assert answer["StatusCode"] == 200


@pytest.mark.parametrize(
    ("params", "condition"),
    [
        ({}, None),
        (
            {"SourceAccount": "123456789012"},
            {"StringEquals": {"AWS:SourceAccount": "123456789012"}},
        ),
        ({"SourceArn": SECRET}, {"ArnLike": {"AWS:SourceArn": SECRET}}),
    ],
)
def test_a_statement_is_written_as_aws_writes_it(
    bench: LambdaBench, params: dict[str, str], condition: Mapping[str, Any] | None
) -> None:
    added = bench.do("AddPermission", FunctionName="rotate", **SECRETS_MANAGER, **params)

    wanted: dict[str, Any] = {
        "Sid": "SecretsManager",
        "Effect": "Allow",
        "Principal": {"Service": "secretsmanager.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN,
    }
    if condition is not None:
        wanted["Condition"] = condition
    assert added["Statement"] == json.dumps(wanted, separators=(",", ":"))


@pytest.mark.parametrize(
    ("principal", "written"),
    [
        ("*", "*"),
        ("123456789012", {"AWS": "arn:aws:iam::123456789012:root"}),
        ("arn:aws:iam::123456789012:user/ann", {"AWS": "arn:aws:iam::123456789012:user/ann"}),
        ("events.amazonaws.com", {"Service": "events.amazonaws.com"}),
    ],
)
def test_a_principal_is_everyone_an_account_an_identity_or_a_service(
    bench: LambdaBench, principal: str, written: object
) -> None:
    assert permit(bench, Principal=principal)["Principal"] == written


@pytest.mark.parametrize("principal", ["ann", "1234", "arn:aws:s3:::bucket", "amazonaws.com"])
def test_any_other_principal_is_refused(bench: LambdaBench, principal: str) -> None:
    params = {**SECRETS_MANAGER, "Principal": principal}

    assert bench.refused("AddPermission", FunctionName="rotate", **params) == (
        "InvalidParameterValueException",
        400,
        "The provided principal was invalid. Please check the principal and try again.",
    )


def test_a_policy_has_its_statements_in_their_order(bench: LambdaBench) -> None:
    statements = [permit(bench, StatementId=name) for name in ("z", "a")]

    found = bench.do("GetPolicy", FunctionName="rotate")

    assert json.loads(found["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": statements,
    }
    configuration = bench.do("GetFunctionConfiguration", FunctionName="rotate")
    assert found["RevisionId"] == configuration["RevisionId"]


def test_a_statement_id_that_is_taken_is_a_conflict(bench: LambdaBench) -> None:
    permit(bench)

    code, status, text = bench.refused("AddPermission", FunctionName="rotate", **SECRETS_MANAGER)

    assert (code, status) == ("ResourceConflictException", 409)
    assert text == (
        "The statement id (SecretsManager) provided already exists. Please provide a new "
        "statement id, or remove the existing statement."
    )


def test_the_latest_version_has_no_policy_of_its_own(bench: LambdaBench) -> None:
    params = {**SECRETS_MANAGER, "FunctionName": "rotate", "Qualifier": "$LATEST"}

    assert bench.refused("AddPermission", **params) == (
        "InvalidParameterValueException",
        400,
        "We currently do not support adding policies for $LATEST.",
    )


def test_a_removed_statement_is_gone(bench: LambdaBench) -> None:
    permit(bench)

    bench.do("RemovePermission", FunctionName="rotate", StatementId="SecretsManager")

    assert bench.refused("GetPolicy", FunctionName="rotate") == (
        "ResourceNotFoundException",
        404,
        "The resource you requested does not exist.",
    )


def test_nothing_can_be_removed_where_there_is_nothing(bench: LambdaBench) -> None:
    params = {"FunctionName": "rotate", "StatementId": "s"}
    without_policy = bench.refused("RemovePermission", **params)
    permit(bench)

    without_statement = bench.refused("RemovePermission", **params)

    assert without_policy == (
        "ResourceNotFoundException",
        404,
        "No policy is associated with the given resource.",
    )
    assert without_statement[:2] == ("ResourceNotFoundException", 404)


def test_a_policy_has_a_length_that_it_keeps(bench: LambdaBench) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:" + "x" * 5000
    for number in range(3):
        permit(bench, StatementId=f"s{number}", SourceArn=arn)

    params = {**SECRETS_MANAGER, "FunctionName": "rotate", "SourceArn": arn}
    code, _, text = bench.refused("AddPermission", **params)

    assert code == "PolicyLengthExceededException"
    assert str(POLICY_BYTES_MAX) in text


def test_function_urls_are_refused_by_name(bench: LambdaBench) -> None:
    params = {**SECRETS_MANAGER, "FunctionName": "rotate", "FunctionUrlAuthType": "NONE"}

    assert "URLs" in bench.refused("AddPermission", **params)[2]
