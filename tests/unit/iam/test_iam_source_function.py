"""AWS: https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html."""

from pathlib import Path

import pytest

from keyturn.iam.assume import AssumeRequest
from keyturn.iam.principal import Principal
from keyturn.iam.session import source_function_of
from keyturn.model.errors import NotAllowedError
from support.iam_bench import LAMBDA_TRUST, IamBench, policy, trust

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:rotate"
OTHER_FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:other"
GET = "secretsmanager:GetSecretValue"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf"


@pytest.fixture
def bench(tmp_path: Path) -> IamBench:
    return IamBench(tmp_path)


def session(bench: IamBench, role_arn: str, source_function_arn: str | None) -> Principal:
    """The principal as a request is found to come from it."""
    issued = bench.assumption.issue_service_session(
        role_arn, "rotate", source_function_arn=source_function_arn
    )
    found, _ = bench.credentials.find(issued.key.access_key_id, issued.session_token)
    assert found == issued.principal
    return found


def test_a_session_that_a_function_has_says_which(bench: IamBench) -> None:
    role = bench.role("r")

    assert source_function_of(session(bench, role.arn, FUNCTION)) == FUNCTION


def test_whoever_else_has_no_source_function(bench: IamBench) -> None:
    role, ann = bench.role("r"), bench.principal(bench.user("ann"))

    assert source_function_of(session(bench, role.arn, None)) is None
    assert source_function_of(ann) is None


def test_a_role_that_a_function_takes_on_is_no_functions_session(bench: IamBench) -> None:
    first = bench.role("first", documents=(policy("sts:AssumeRole"),))
    second = bench.role("second", trust(first.arn))
    caller = session(bench, first.arn, FUNCTION)

    issued = bench.assumption.assume_role(
        caller, AssumeRequest(role_arn=second.arn, session_name="chained")
    )

    found, _ = bench.credentials.find(issued.key.access_key_id, issued.session_token)
    assert source_function_of(found) is None


def test_policies_can_ask_which_function_it_is(bench: IamBench) -> None:
    condition = {"lambda:SourceFunctionArn": FUNCTION}
    role = bench.role("r", documents=(policy(GET, ArnEquals=condition),))

    bench.authority.require(session(bench, role.arn, FUNCTION), GET, SECRET)

    for source_function_arn in (OTHER_FUNCTION, None):
        with pytest.raises(NotAllowedError):
            bench.authority.require(session(bench, role.arn, source_function_arn), GET, SECRET)


def test_a_deny_of_other_functions_holds_for_whoever_is_none(bench: IamBench) -> None:
    condition = {"lambda:SourceFunctionArn": FUNCTION}
    deny = policy(GET, effect="Deny", ArnNotEquals=condition)
    role = bench.role("r", documents=(policy(GET), deny))

    bench.authority.require(session(bench, role.arn, FUNCTION), GET, SECRET)

    for source_function_arn in (OTHER_FUNCTION, None):
        with pytest.raises(NotAllowedError):
            bench.authority.require(session(bench, role.arn, source_function_arn), GET, SECRET)


def test_a_deny_of_other_functions_alone_spares_whoever_is_none(bench: IamBench) -> None:
    key = "lambda:SourceFunctionArn"
    deny = policy(GET, effect="Deny", ArnNotEquals={key: FUNCTION}, Null={key: "false"})
    role = bench.role("r", documents=(policy(GET), deny))

    bench.authority.require(session(bench, role.arn, FUNCTION), GET, SECRET)
    bench.authority.require(session(bench, role.arn, None), GET, SECRET)

    with pytest.raises(NotAllowedError):
        bench.authority.require(session(bench, role.arn, OTHER_FUNCTION), GET, SECRET)


def test_the_role_that_lambda_takes_on_can_ask_for_no_function(bench: IamBench) -> None:
    # The key belongs to the session that is about to begin.
    condition = ', "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": "' + FUNCTION + '"}}}]}'
    role = bench.role("r", LAMBDA_TRUST.removesuffix("}]}") + condition)

    with pytest.raises(NotAllowedError):
        session(bench, role.arn, FUNCTION)
