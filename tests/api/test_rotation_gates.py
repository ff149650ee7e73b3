"""What must be allowed before a secret rotates, and what is left when a rotation fails.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot_rotation.html
"""

from typing import Any

import pytest

from support.live_api import ACCOUNT, LiveApi, Refusal, allow, deny, policy, refusal, token
from support.live_rotation import DAILY, Bench
from support.polling import wait_until
from support.rotation_functions import (
    CAN_NOT_BE_IMPORTED,
    EXITS,
    HANGS,
    LOOKS_ONLY,
    NO_OP,
    RAISES,
    zipped,
)

pytestmark = pytest.mark.server

NOT_INVOCABLE = (
    400,
    "AccessDeniedException",
    (
        "Secrets Manager cannot invoke the specified Lambda function. Ensure that the "
        "function policy "
        "grants access to the principal secretsmanager.amazonaws.com."
    ),
)
INCOMPLETE = (
    400,
    "InvalidRequestException",
    "A previous rotation isn't complete. That rotation will be reattempted.",
)


def refused_rotation(bench: Bench, function: str, api: LiveApi | None = None) -> Refusal:
    return refusal(
        (api or bench.api).secrets.rotate_secret,
        SecretId="a",
        RotationLambdaARN=function,
        RotationRules=DAILY,
    )


def test_secret_rotates_when_everything_is_allowed(bench: Bench) -> None:
    function = bench.make_function()
    request_token = token()

    announced = bench.rotate(function, ClientRequestToken=request_token)
    bench.wait_until_rotated(announced)

    described = bench.described()
    assert announced == request_token
    assert bench.current() != "old"
    assert described["VersionIdsToStages"] == {
        bench.version_id: ["AWSPREVIOUS"],
        announced: ["AWSCURRENT"],
    }
    assert described["RotationEnabled"] is True
    assert described["RotationLambdaARN"] == function
    assert described["RotationRules"] == DAILY
    assert f"{described['NextRotationDate'].timestamp():.3f}".endswith("99.000")


def test_steps_run_once_each_and_in_order(bench: Bench) -> None:
    function = bench.make_function()

    bench.wait_until_rotated(bench.rotate(function))

    bench.wait_for_log(function, "step finishSecret")
    steps = [line.strip() for line in bench.log(function).splitlines() if "step " in line]
    assert steps == [
        f"step {step}" for step in ("createSecret", "setSecret", "testSecret", "finishSecret")
    ]


def test_second_rotation_needs_neither_function_nor_rules(bench: Bench) -> None:
    first = bench.rotate(bench.make_function())
    bench.wait_until_rotated(first)

    second = bench.api.secrets.rotate_secret(SecretId="a")["VersionId"]
    bench.wait_until_rotated(second)

    assert bench.stages() == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}
    assert bench.described()["RotationRules"] == DAILY


def test_without_add_permission_rotation_is_refused_and_nothing_is_stored(bench: Bench) -> None:
    function = bench.make_function(is_permitted=False)

    assert refused_rotation(bench, function) == NOT_INVOCABLE
    bench.assert_never_configured()


def test_permission_for_another_account_is_none(bench: Bench) -> None:
    function = bench.make_function(is_permitted=False)
    bench.permit(function, source_account="210987654321")

    assert refused_rotation(bench, function) == NOT_INVOCABLE
    bench.assert_never_configured()


def test_function_that_does_not_exist_is_refused_in_the_same_words(bench: Bench) -> None:
    function = f"arn:aws:lambda:{bench.api.region}:{ACCOUNT}:function:nothing"

    assert refused_rotation(bench, function) == NOT_INVOCABLE
    bench.assert_never_configured()


def test_without_the_role_s_policy_the_function_is_refused_and_the_value_stays(
    bench: Bench,
) -> None:
    function = bench.make_function(role=bench.make_role(may_rotate=False))

    announced = bench.rotate(function)
    bench.wait_for_log(function, "AccessDenied")

    assert "because no identity-based policy allows the secretsmanager:" in bench.log(function)
    assert bench.stages() == {bench.version_id: ["AWSCURRENT"], announced: ["AWSPENDING"]}
    assert bench.current() == "old"
    assert bench.described()["RotationEnabled"] is True
    assert "LastRotatedDate" not in bench.described()


@pytest.mark.parametrize("principal", ["ec2.amazonaws.com", "secretsmanager.amazonaws.com"])
def test_role_that_does_not_trust_lambda_is_refused_with_the_function(
    bench: Bench, principal: str
) -> None:
    trust = policy(
        {"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sts:AssumeRole"}
    )
    role = bench.make_role(trust=trust)

    refused = refused_function(bench.api, role)

    assert refused == (
        400,
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    )
    assert bench.api.functions.list_functions()["Functions"] == []


def refused_function(api: LiveApi, role: str, *, package: bytes | None = None) -> Refusal:
    return refusal(
        api.functions.create_function,
        FunctionName="refused",
        Runtime="python3.11",
        Role=role,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": zipped(NO_OP) if package is None else package},
    )


def test_caller_without_pass_role_can_not_make_a_function(bench: Bench) -> None:
    role = bench.make_role()
    user = bench.api.user(policy(allow(["lambda:*", "secretsmanager:*"])))
    arn = user.sts.get_caller_identity()["Arn"]

    assert refused_function(user, role) == (
        403,
        "AccessDeniedException",
        (
            f"User: {arn} is not authorized to perform: iam:PassRole on resource: {role} "
            "because no "
            "identity-based policy allows the iam:PassRole action"
        ),
    )
    assert bench.api.functions.list_functions()["Functions"] == []


@pytest.mark.parametrize("is_denied", [True, False])
def test_caller_who_may_not_invoke_the_function_can_not_rotate(
    bench: Bench, is_denied: bool
) -> None:
    function = bench.make_function()
    statements = (
        [allow("*"), deny("lambda:InvokeFunction")] if is_denied else [allow("secretsmanager:*")]
    )
    user = bench.api.user(policy(*statements))

    status, code, text = refused_rotation(bench, function, user)

    assert (status, code) == (400, "AccessDeniedException")
    assert f"lambda:InvokeFunction on resource: {function}" in text
    bench.assert_never_configured()


def test_caller_who_may_not_invoke_functions_of_a_tag_can_not_rotate_with_one(
    bench: Bench,
) -> None:
    function = bench.make_function()
    is_web = {"StringEquals": {"aws:ResourceTag/team": "web"}}
    user = bench.api.user(policy(allow("*"), {**deny("lambda:*"), "Condition": is_web}))
    bench.api.functions.tag_resource(Resource=function, Tags={"team": "web"})

    status, code, text = refused_rotation(bench, function, user)

    assert (status, code) == (400, "AccessDeniedException")
    assert f"lambda:InvokeFunction on resource: {function}" in text
    bench.assert_never_configured()


MALFORMED_RULES: list[tuple[dict[str, Any], str, str]] = [
    (
        {"AutomaticallyAfterDays": 1, "ScheduleExpression": "rate(1 day)"},
        "InvalidParameterException",
        "You cannot specify both rotation frequency and schedule expression together.",
    ),
    *(
        (
            {"ScheduleExpression": expression},
            "InvalidParameterException",
            "Invalid schedule expression.",
        )
        for expression in (
            "every day",
            "rate(5 minutes)",
            "cron(0 16 1,15 * *)",
            "cron(30 16 1,15 * ? *)",
            "cron(0 16 1,15 * * *)",
            "cron(0 16 ? * ? *)",
            "cron(0 16 1,15 * ? 2027)",
            "cron(0 8-12 * * ? *)",
            "cron(0 25 * * ? *)",
        )
    ),
    (
        {"ScheduleExpression": "rate(3 hours)"},
        "InvalidParameterException",
        "Rate in hour should be least 4 and less than 24.",
    ),
    (
        {"ScheduleExpression": "rate(24 hours)"},
        "InvalidParameterException",
        "Rate in hour should be least 4 and less than 24.",
    ),
    *(
        (
            {"ScheduleExpression": expression},
            "InvalidParameterException",
            "Rate in day should be greater than 0 and less than 1000.",
        )
        for expression in ("rate(0 days)", "rate(1000 days)")
    ),
    (
        {"ScheduleExpression": "rate(0 hours)"},
        "InvalidParameterException",
        "Rate in hour should be least 4 and less than 24.",
    ),
    *(
        (
            rules,
            "InvalidParameterException",
            "You must specify either rotation frequency or schedule expression.",
        )
        for rules in ({}, {"Duration": "2h"})
    ),
    # Two windows of a day that would overlap: AWS's text for rate() is the nearest.
    (
        {"ScheduleExpression": "cron(0 0,4 * * ? *)", "Duration": "5h"},
        "InvalidParameterException",
        "Duration cannot be greater than Rate in hour.",
    ),
    (
        {"ScheduleExpression": "rate(1 day)", "Duration": "25h"},
        "InvalidParameterException",
        "Duration must be at least 1 hour, at most 24 hour.",
    ),
    (
        {"ScheduleExpression": "rate(4 hours)", "Duration": "5h"},
        "InvalidParameterException",
        "Duration cannot be greater than Rate in hour.",
    ),
    (
        {"ScheduleExpression": "cron(0 16 1,15 * ? *)", "Duration": "9h"},
        "InvalidParameterException",
        "Starting hour and duration must be within a day.",
    ),
]


@pytest.mark.parametrize(
    ("rules", "code", "text"), MALFORMED_RULES, ids=[str(case[0]) for case in MALFORMED_RULES]
)
def test_malformed_schedule_is_refused_and_nothing_is_stored(
    bench: Bench, rules: dict[str, Any], code: str, text: str
) -> None:
    function = f"arn:aws:lambda:{bench.api.region}:{ACCOUNT}:function:nothing"

    refused = refusal(
        bench.api.secrets.rotate_secret,
        SecretId="a",
        RotationLambdaARN=function,
        RotationRules=rules,
    )

    assert refused == (400, code, text)
    bench.assert_never_configured()


@pytest.mark.parametrize(
    "rules",
    [
        {"AutomaticallyAfterDays": 0},
        {"AutomaticallyAfterDays": 1001},
        {"ScheduleExpression": "rate(1 day); rm"},
        {"ScheduleExpression": "rate(1 day)", "Duration": "two hours"},
        {"ScheduleExpression": ""},
    ],
    ids=str,
)
def test_rules_that_break_the_model_are_refused_by_the_front_end(
    bench: Bench, rules: dict[str, Any]
) -> None:
    refused = refusal(bench.api.secrets.rotate_secret, SecretId="a", RotationRules=rules)

    assert refused[:2] == (400, "ValidationException")
    bench.assert_never_configured()


@pytest.mark.parametrize(
    "arn",
    [
        "my-function",
        "arn:aws:lambda:us-east-1",
        "arn:aws:s3:::bucket",
        "arn:aws:lambda:eu-west-1:123456789012:function:f",
        "arn:aws:lambda:{region}:123456789012:layer:f",
    ],
)
def test_malformed_function_arn_is_refused_and_nothing_is_stored(bench: Bench, arn: str) -> None:
    status, code, text = refused_rotation(bench, arn.format(region=bench.api.region))

    assert (status, code) == (400, "InvalidParameterException")
    assert text == (
        "Invalid rotation Lambda ARN. Ensure the ARN matches format "
        "arn:aws:lambda:<region>:<account>:function:<functionName>."
    )
    bench.assert_never_configured()


def test_first_rotation_without_a_function_is_refused(bench: Bench) -> None:
    refused = refusal(bench.api.secrets.rotate_secret, SecretId="a", RotationRules=DAILY)

    assert refused == (
        400,
        "InvalidRequestException",
        "No Lambda rotation function ARN is associated with this secret.",
    )
    bench.assert_never_configured()


def test_missing_token_is_refused_before_the_secret_is_looked_for(bench: Bench) -> None:
    answer = bench.api.post("RotateSecret", {"SecretId": "none", "SecretString": "ignored"})

    assert answer.refusal == (
        400,
        "InvalidParameterException",
        "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
    )


@pytest.mark.parametrize("package", [b"", b"PK", b"not a zip", zipped(NO_OP)[:-30]])
def test_malformed_zip_makes_no_function(bench: Bench, package: bytes) -> None:
    status, code, _ = refused_function(bench.api, bench.make_role(), package=package)

    assert (status, code) in (
        (400, "InvalidParameterValueException"),
        (400, "ValidationException"),
    )
    assert bench.api.functions.list_functions()["Functions"] == []


@pytest.mark.parametrize("document", ["", "{", "{}", '{"Version":"2012-10-17","Statement":[{}]}'])
def test_malformed_policy_changes_nothing(bench: Bench, document: str) -> None:
    role = bench.make_role(may_rotate=False).rpartition("/")[2]

    refused = refusal(
        bench.api.iam.put_role_policy, RoleName=role, PolicyName="p", PolicyDocument=document
    )

    assert refused[0] == 400
    assert refused[1] in ("MalformedPolicyDocument", "ValidationError")
    assert bench.api.iam.list_role_policies(RoleName=role)["PolicyNames"] == []


@pytest.mark.parametrize(
    ("code", "timeout", "reason"),
    [
        (RAISES, 30, "the database is away"),
        (EXITS, 30, "Runtime exited"),
        (HANGS, 1, "Task timed out after 1.00 seconds"),
        (CAN_NOT_BE_IMPORTED, 30, "nothing_of_that_name"),
    ],
    ids=["raises", "exits", "hangs", "can't be imported"],
)
def test_broken_function_leaves_the_value_and_says_why_in_its_log(
    bench: Bench, code: str, timeout: int, reason: str
) -> None:
    function = bench.make_function(code, timeout=timeout)

    announced = bench.rotate(function)
    bench.wait_for_log(function, reason)

    assert bench.stages() == {bench.version_id: ["AWSCURRENT"], announced: ["AWSPENDING"]}
    assert bench.current() == "old"
    assert "LastRotatedDate" not in bench.described()


def test_without_immediate_rotation_only_a_copy_is_tested_and_removed(bench: Bench) -> None:
    function = bench.make_function(LOOKS_ONLY)

    bench.rotate(function, RotateImmediately=False)
    bench.wait_for_log(function, "step testSecret copy True other version True")
    wait_until(
        lambda: bench.stages() == {bench.version_id: ["AWSCURRENT"]}, what="the copy's removal"
    )

    described = bench.described()
    versions = bench.api.secrets.list_secret_version_ids(SecretId="a", IncludeDeprecated=True)
    assert "step createSecret" not in bench.log(function)
    assert [version["VersionId"] for version in versions["Versions"]] == [bench.version_id]
    assert described["RotationEnabled"] is True
    assert "NextRotationDate" in described
    assert "LastRotatedDate" not in described


def test_failed_test_is_removed_too_and_keeps_the_configuration(bench: Bench) -> None:
    function = bench.make_function(RAISES)

    bench.rotate(function, RotateImmediately=False)
    bench.wait_for_log(function, "the database is away")
    wait_until(
        lambda: bench.stages() == {bench.version_id: ["AWSCURRENT"]}, what="the copy's removal"
    )

    assert bench.described()["RotationEnabled"] is True


def stuck(bench: Bench) -> tuple[str, str]:
    """Return the function and the version of a rotation whose function does nothing."""
    function = bench.make_function(NO_OP)
    announced = bench.rotate(function)
    bench.wait_for_log(function, "step finishSecret")
    return function, announced


def test_function_that_does_nothing_leaves_the_secret_stuck(bench: Bench) -> None:
    _, announced = stuck(bench)

    listed = bench.api.secrets.list_secret_version_ids(SecretId="a")["Versions"]
    assert bench.stages() == {bench.version_id: ["AWSCURRENT"], announced: ["AWSPENDING"]}
    assert [version["VersionId"] for version in listed] == [bench.version_id]
    assert refusal(bench.api.secrets.get_secret_value, SecretId="a", VersionId=announced) == (
        400,
        "ResourceNotFoundException",
        f"Secrets Manager can't find the specified secret value for VersionId: {announced}",
    )


@pytest.mark.parametrize("is_immediate", [True, False])
def test_next_rotation_of_a_stuck_secret_is_refused(bench: Bench, is_immediate: bool) -> None:
    function, _ = stuck(bench)
    before = bench.described()

    refused = refusal(
        bench.api.secrets.rotate_secret,
        SecretId="a",
        RotationLambdaARN=function,
        RotationRules={"AutomaticallyAfterDays": 9},
        RotateImmediately=is_immediate,
    )

    assert refused == INCOMPLETE
    assert bench.described() == before


def test_value_that_is_put_by_hand_abandons_a_stuck_rotation(bench: Bench) -> None:
    function, announced = stuck(bench)

    put = bench.api.secrets.put_secret_value(SecretId="a", SecretString="by hand")["VersionId"]
    stages = bench.stages()
    again = bench.rotate(bench.make_function())
    bench.wait_until_rotated(again)

    assert function
    assert stages == {bench.version_id: ["AWSPREVIOUS"], put: ["AWSCURRENT"]}
    assert announced not in bench.stages()


def test_pending_label_that_is_taken_away_clears_a_stuck_rotation(bench: Bench) -> None:
    _, announced = stuck(bench)

    bench.api.secrets.update_secret_version_stage(
        SecretId="a", VersionStage="AWSPENDING", RemoveFromVersionId=announced
    )
    again = bench.rotate(bench.make_function())
    bench.wait_until_rotated(again)

    assert bench.current() != "old"


def test_same_token_again_changes_nothing(bench: Bench) -> None:
    function, request_token = bench.make_function(), token()
    first = bench.rotate(function, ClientRequestToken=request_token)
    during = bench.rotate(function, ClientRequestToken=request_token)
    bench.wait_until_rotated(first)
    value = bench.current()

    after = bench.rotate(function, ClientRequestToken=request_token)

    assert (first, during, after) == (request_token,) * 3
    assert bench.current() == value
    assert bench.stages() == {
        bench.version_id: ["AWSPREVIOUS"],
        request_token: ["AWSCURRENT"],
    }


def test_token_of_a_version_with_a_value_is_a_conflict(bench: Bench) -> None:
    function = bench.make_function()

    refused = refusal(
        bench.api.secrets.rotate_secret,
        SecretId="a",
        RotationLambdaARN=function,
        ClientRequestToken=bench.version_id,
    )

    assert refused[:2] == (400, "InvalidRequestException")
    bench.assert_never_configured()


def test_cancelled_rotation_keeps_its_rules_and_its_pending_label(bench: Bench) -> None:
    function, announced = stuck(bench)

    cancelled = bench.api.secrets.cancel_rotate_secret(SecretId="a")

    described = bench.described()
    assert cancelled["VersionId"] == announced
    assert described["RotationEnabled"] is False
    assert described["RotationRules"] == DAILY
    assert described["RotationLambdaARN"] == function
    assert described["VersionIdsToStages"][announced] == ["AWSPENDING"]
    assert "NextRotationDate" not in described


def test_cancel_without_a_rotation_under_way_names_no_version(bench: Bench) -> None:
    bench.wait_until_rotated(bench.rotate(bench.make_function()))

    answer = bench.api.post("CancelRotateSecret", {"SecretId": "a"}).document

    assert set(answer) == {"ARN", "Name"}
    assert bench.described()["RotationEnabled"] is False


def test_cancel_of_what_was_never_configured_is_refused(bench: Bench) -> None:
    assert refusal(bench.api.secrets.cancel_rotate_secret, SecretId="a") == (
        400,
        "InvalidRequestException",
        (
            "You tried to enable rotation on a secret that doesn't already have a Lambda function "
            "ARN configured and you didn't include such an ARN as a parameter in this call."
        ),
    )


def test_value_by_hand_moves_the_next_rotation_and_not_the_last(bench: Bench) -> None:
    bench.wait_until_rotated(bench.rotate(bench.make_function()))
    before = bench.described()

    bench.api.secrets.put_secret_value(SecretId="a", SecretString="by hand")

    after = bench.described()
    assert after["LastRotatedDate"] == before["LastRotatedDate"]
    assert after["NextRotationDate"] >= before["NextRotationDate"]
