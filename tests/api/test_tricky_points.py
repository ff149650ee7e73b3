"""What real AWS does and others usually get wrong: one test for each of 38 known points.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/Welcome.html, and recordings of
its answers.
"""

from base64 import b64encode
from datetime import timedelta
import json
from typing import Any

import pytest

from support.live_api import ACCOUNT, LiveApi, allow, policy, refusal, token, unique
from support.live_rotation import DAILY, Bench
from support.polling import wait_until
from support.rotation_functions import HANGS, LOOKS_ONLY, NO_OP, RAISES

pytestmark = pytest.mark.server

NO_TOKEN = "You must provide a ClientRequestToken value. We recommend a UUID-type value."
NOT_FOUND = "Secrets Manager can't find the specified secret."
INVALID_NAME = (
    "Invalid name. Must be a valid name containing alphanumeric characters, or any of the "
    "following: -/_+=.@!"
)
DELETED = "You can't perform this operation on the secret because it was marked for deletion."
NOT_INVOCABLE = (
    "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy "
    "grants access to the principal secretsmanager.amazonaws.com."
)
INCOMPLETE = "A previous rotation isn't complete. That rotation will be reattempted."
IN_NO_STATE: dict[str, Any] = {"SecretId": "no name"}


def names(api: LiveApi, key: str, *values: str) -> set[str]:
    """Return the names of the secrets that a filter finds."""
    found = api.secrets.list_secrets(Filters=[{"Key": key, "Values": list(values)}])  # type: ignore[typeddict-item]  # any key
    return {secret["Name"] for secret in found["SecretList"]}


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("RotateSecret", "InvalidParameterException"),
        ("CreateSecret", "InvalidRequestException"),
        ("UpdateSecret", "InvalidRequestException"),
        ("PutSecretValue", "InvalidRequestException"),
    ],
)
def test_point_1_missing_token_is_another_error_for_rotate_and_comes_before_existence(
    api: LiveApi, operation: str, code: str
) -> None:
    members = {"SecretId": "nothing", "Name": "nothing", "SecretString": "x"}

    assert api.post(operation, members).refusal == (400, code, NO_TOKEN)


@pytest.mark.parametrize("operation", ["DescribeSecret", "GetSecretValue", "DeleteSecret"])
def test_point_2_not_found_is_status_400(api: LiveApi, operation: str) -> None:
    assert api.post(operation, {"SecretId": "nothing"}).refusal == (
        400,
        "ResourceNotFoundException",
        NOT_FOUND,
    )


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("CreateSecret", {"Name": "no name", "ClientRequestToken": token()}),
        ("DeleteSecret", {"SecretId": "no name", "ForceDeleteWithoutRecovery": True}),
        ("DescribeSecret", IN_NO_STATE),
        ("GetSecretValue", IN_NO_STATE),
        ("ListSecretVersionIds", IN_NO_STATE),
        (
            "PutSecretValue",
            {**IN_NO_STATE, "ClientRequestToken": token(), "SecretString": "x"},
        ),
        ("TagResource", {**IN_NO_STATE, "Tags": [{"Key": "k", "Value": "v"}]}),
        ("UntagResource", {**IN_NO_STATE, "TagKeys": ["k"]}),
        ("UpdateSecret", {**IN_NO_STATE, "ClientRequestToken": token()}),
        ("ValidateResourcePolicy", {**IN_NO_STATE, "ResourcePolicy": "{}"}),
    ],
)
def test_point_3_bad_characters_in_an_id_are_an_invalid_name(
    api: LiveApi, operation: str, members: dict[str, Any]
) -> None:
    assert api.post(operation, members).refusal == (400, "ValidationException", INVALID_NAME)


@pytest.mark.parametrize("exists", [True, False])
def test_point_4_missing_function_and_missing_permission_are_one_error_and_nothing_is_stored(
    bench: Bench, exists: bool
) -> None:
    nothing = f"arn:aws:lambda:{bench.api.region}:{ACCOUNT}:function:nothing"
    function = bench.make_function(is_permitted=False) if exists else nothing

    refused = refusal(bench.api.secrets.rotate_secret, SecretId="a", RotationLambdaARN=function)

    assert refused == (400, "AccessDeniedException", NOT_INVOCABLE)
    bench.assert_never_configured()


def test_point_5_rotation_without_any_function_is_refused_in_its_own_words(bench: Bench) -> None:
    assert refusal(bench.api.secrets.rotate_secret, SecretId="a") == (
        400,
        "InvalidRequestException",
        "No Lambda rotation function ARN is associated with this secret.",
    )


def test_point_6_rules_in_days_are_described_alone_and_an_expression_with_its_days(
    bench: Bench,
) -> None:
    function = bench.make_function(LOOKS_ONLY)
    bench.rotate(function, RotateImmediately=False)
    in_days = bench.described()["RotationRules"]
    wait_until(lambda: len(bench.stages()) == 1, what="the test's end")

    bench.api.secrets.rotate_secret(
        SecretId="a",
        RotationRules={"ScheduleExpression": "rate(10 days)"},
        RotateImmediately=False,
    )
    as_expression = bench.described()["RotationRules"]
    sent_back = refusal(bench.api.secrets.rotate_secret, SecretId="a", RotationRules=as_expression)

    assert in_days == {"AutomaticallyAfterDays": 1}
    assert as_expression == {
        "AutomaticallyAfterDays": 10,
        "ScheduleExpression": "rate(10 days)",
    }
    assert sent_back == (
        400,
        "InvalidParameterException",
        "You cannot specify both rotation frequency and schedule expression together.",
    )


def test_point_7_next_rotation_is_a_windows_last_second_and_last_access_is_midnight(
    bench: Bench,
) -> None:
    bench.wait_until_rotated(bench.rotate(bench.make_function()))

    described = bench.described()
    following, accessed = described["NextRotationDate"], described["LastAccessedDate"]
    assert (following.minute, following.second, following.microsecond) == (59, 59, 0)
    assert accessed.timestamp() % timedelta(days=1).total_seconds() == 0


def test_point_8_value_by_hand_moves_the_next_rotation_but_not_the_last(bench: Bench) -> None:
    bench.wait_until_rotated(bench.rotate(bench.make_function()))
    bench.api.secrets.rotate_secret(
        SecretId="a",
        RotationRules={"ScheduleExpression": "rate(4 hours)"},
        RotateImmediately=False,
    )
    wait_until(lambda: "AWSPENDING" not in str(bench.stages()), what="the test's end")
    before = bench.described()

    bench.api.secrets.put_secret_value(SecretId="a", SecretString="by hand")

    after = bench.described()
    assert after["LastRotatedDate"] == before["LastRotatedDate"]
    assert after["NextRotationDate"] > before["LastChangedDate"]


@pytest.mark.parametrize("operation", ["put_secret_value", "update_secret"])
@pytest.mark.parametrize("is_promoted", [True, False])
def test_point_9_new_current_value_takes_pending_from_whichever_version_has_it(
    api: LiveApi, operation: str, is_promoted: bool
) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]
    second = api.secrets.put_secret_value(
        SecretId="a", SecretString="2", VersionStages=["AWSPENDING"]
    )["VersionId"]
    if is_promoted:
        api.secrets.update_secret_version_stage(
            SecretId="a",
            VersionStage="AWSCURRENT",
            MoveToVersionId=second,
            RemoveFromVersionId=first,
        )

    third = getattr(api.secrets, operation)(SecretId="a", SecretString="3")["VersionId"]

    stages = api.secrets.describe_secret(SecretId="a")["VersionIdsToStages"]
    assert stages == {(second if is_promoted else first): ["AWSPREVIOUS"], third: ["AWSCURRENT"]}


def test_point_10_promoted_version_keeps_pending_and_the_next_rotation_takes_it(
    bench: Bench,
) -> None:
    pending = bench.api.secrets.put_secret_value(
        SecretId="a", SecretString="new", VersionStages=["AWSPENDING"]
    )["VersionId"]
    bench.api.secrets.update_secret_version_stage(
        SecretId="a",
        VersionStage="AWSCURRENT",
        MoveToVersionId=pending,
        RemoveFromVersionId=bench.version_id,
    )
    promoted = bench.stages()[pending]

    rotated = bench.rotate(bench.make_function())
    bench.wait_until_rotated(rotated)

    assert promoted == ["AWSCURRENT", "AWSPENDING"]
    assert bench.stages() == {pending: ["AWSPREVIOUS"], rotated: ["AWSCURRENT"]}


def test_point_11_placeholder_is_described_not_listed_and_has_no_value(bench: Bench) -> None:
    function = bench.make_function(NO_OP)
    pending = bench.rotate(function)
    bench.wait_for_log(function, "step finishSecret")

    listed = bench.api.secrets.list_secret_version_ids(SecretId="a", IncludeDeprecated=True)
    read = refusal(bench.api.secrets.get_secret_value, SecretId="a", VersionId=pending)

    assert bench.stages()[pending] == ["AWSPENDING"]
    assert pending not in [version["VersionId"] for version in listed["Versions"]]
    assert read[:2] == (400, "ResourceNotFoundException")


def test_point_12_without_immediate_rotation_only_a_copy_is_tested_and_removed(
    bench: Bench,
) -> None:
    function = bench.make_function(LOOKS_ONLY)

    bench.rotate(function, RotateImmediately=False)
    bench.wait_for_log(function, "step testSecret copy True other version True")
    wait_until(lambda: len(bench.stages()) == 1, what="the copy's removal")

    assert bench.stages() == {bench.version_id: ["AWSCURRENT"]}
    assert [line for line in bench.log(function).splitlines() if "step " in line] == [
        line for line in bench.log(function).splitlines() if "step testSecret" in line
    ]


ECHOES = """
import boto3, json

def lambda_handler(event, context):
    secrets = boto3.client("secretsmanager")
    described = secrets.describe_secret(SecretId=event["SecretId"])
    seen = {name: event[name] for name in ("Step", "SecretId", "ClientRequestToken")}
    print("SEEN", json.dumps({**seen, "enabled": described["RotationEnabled"]}))
"""


def test_point_13_event_has_the_whole_arn_the_step_in_camel_case_and_rotation_is_on(
    bench: Bench,
) -> None:
    function = bench.make_function(ECHOES)

    pending = bench.rotate(function)
    bench.wait_for_log(function, "finishSecret")

    events = [
        json.loads(line.partition("SEEN ")[2])
        for line in bench.log(function).splitlines()
        if line.startswith("SEEN")
    ]
    assert [event["Step"] for event in events] == [
        *("createSecret", "setSecret", "testSecret", "finishSecret")
    ]
    assert {event["SecretId"] for event in events} == {bench.described()["ARN"]}
    assert {event["ClientRequestToken"] for event in events} == {pending}
    assert {event["enabled"] for event in events} == {True}


def test_point_14_function_that_does_nothing_leaves_the_secret_stuck(bench: Bench) -> None:
    function = bench.make_function(NO_OP)
    pending = bench.rotate(function)
    bench.wait_for_log(function, "step finishSecret")

    again = refusal(bench.api.secrets.rotate_secret, SecretId="a")

    assert bench.stages() == {bench.version_id: ["AWSCURRENT"], pending: ["AWSPENDING"]}
    assert again == (400, "InvalidRequestException", INCOMPLETE)


def test_point_15_cancelled_rotation_keeps_rules_function_and_pending_label(bench: Bench) -> None:
    function = bench.make_function(NO_OP)
    pending = bench.rotate(function)
    bench.wait_for_log(function, "step finishSecret")

    bench.api.secrets.cancel_rotate_secret(SecretId="a")

    described = bench.described()
    assert described["RotationEnabled"] is False
    assert described["RotationRules"] == DAILY
    assert described["RotationLambdaARN"] == function
    assert described["VersionIdsToStages"][pending] == ["AWSPENDING"]


def test_point_16_update_with_the_same_token_and_value_succeeds_with_the_version(
    api: LiveApi,
) -> None:
    api.secrets.create_secret(Name="a", SecretString="1")
    members: dict[str, Any] = {"ClientRequestToken": token(), "SecretString": "2"}
    first = api.secrets.update_secret(SecretId="a", **members)

    again = api.secrets.update_secret(SecretId="a", **members)

    assert again["VersionId"] == first["VersionId"] == members["ClientRequestToken"]


def test_point_17_update_without_a_value_has_no_version_and_may_update_nothing(
    api: LiveApi,
) -> None:
    api.secrets.create_secret(Name="a", SecretString="1")

    nothing = api.post("UpdateSecret", {"SecretId": "a", "ClientRequestToken": token()})
    described = api.post(
        "UpdateSecret", {"SecretId": "a", "ClientRequestToken": token(), "Description": "d"}
    )

    assert set(nothing.document) == set(described.document) == {"ARN", "Name"}


def test_point_18_labels_are_sorted_versions_ascend_and_the_key_has_a_name(api: LiveApi) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]
    labels = ["one", "two", "three", "four"]
    second = api.secrets.put_secret_value(SecretId="a", SecretString="2", VersionStages=labels)

    listed = api.secrets.list_secret_version_ids(SecretId="a")["Versions"]

    assert second["VersionStages"] == ["four", "one", "three", "two"]
    assert [version["VersionId"] for version in listed] == [first, second["VersionId"]]
    assert {tuple(version["KmsKeyIds"]) for version in listed} == {("DefaultEncryptionKey",)}


def test_point_19_deprecated_version_has_no_labels_member(api: LiveApi) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]
    for value in ("2", "3"):
        api.secrets.put_secret_value(SecretId="a", SecretString=value)

    answer = api.post("ListSecretVersionIds", {"SecretId": "a", "IncludeDeprecated": True})

    deprecated = answer.document["Versions"][0]
    assert deprecated["VersionId"] == first
    assert "VersionStages" not in deprecated


def test_point_20_untagged_secret_has_an_empty_list_and_a_never_tagged_one_none(
    api: LiveApi,
) -> None:
    api.secrets.create_secret(Name="tagged", Tags=[{"Key": "k", "Value": "v"}])
    api.secrets.create_secret(Name="never")
    api.secrets.untag_resource(SecretId="tagged", TagKeys=["k"])

    assert api.post("DescribeSecret", {"SecretId": "tagged"}).document["Tags"] == []
    assert "Tags" not in api.post("DescribeSecret", {"SecretId": "never"}).document


def test_point_20_deleted_secret_can_not_be_tagged(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a")
    api.secrets.delete_secret(SecretId="a")

    refused = refusal(api.secrets.tag_resource, SecretId="a", Tags=[{"Key": "k", "Value": "v"}])

    assert refused == (400, "InvalidRequestException", DELETED)


def test_point_21_secret_without_a_value_has_no_version_and_no_current_value(
    api: LiveApi,
) -> None:
    made = api.post("CreateSecret", {"Name": "a", "ClientRequestToken": token()}).document

    described = api.post("DescribeSecret", {"SecretId": "a"}).document
    assert set(made) == {"ARN", "Name"}
    assert "VersionIdsToStages" not in described
    assert api.post("GetSecretValue", {"SecretId": "a"}).refusal == (
        400,
        "ResourceNotFoundException",
        ("Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"),
    )


def test_point_22_forced_deletion_of_nothing_and_of_a_deleted_secret_succeeds(
    api: LiveApi,
) -> None:
    api.secrets.create_secret(Name="soft")
    api.secrets.delete_secret(SecretId="soft")

    nothing = api.secrets.delete_secret(SecretId="nothing", ForceDeleteWithoutRecovery=True)
    again = api.secrets.delete_secret(SecretId="soft", ForceDeleteWithoutRecovery=True)

    assert ":secret:nothing-" in nothing["ARN"]
    assert again["Name"] == "soft"


def test_point_23_name_is_blocked_while_deletion_is_scheduled_and_its_suffix_is_new_after(
    api: LiveApi,
) -> None:
    first = api.secrets.create_secret(Name="a")["ARN"]
    api.secrets.delete_secret(SecretId="a")
    blocked = refusal(api.secrets.create_secret, Name="a")
    api.secrets.delete_secret(SecretId="a", ForceDeleteWithoutRecovery=True)

    second = api.secrets.create_secret(Name="a")["ARN"]

    assert blocked == (
        400,
        "InvalidRequestException",
        (
            "You can't create this secret because a secret with this name is already scheduled "
            "for deletion."
        ),
    )
    assert second != first


def test_point_24_deleted_secret_is_described_and_not_read(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="1")
    api.secrets.delete_secret(SecretId="a")

    assert "DeletedDate" in api.secrets.describe_secret(SecretId="a")
    assert refusal(api.secrets.get_secret_value, SecretId="a") == (
        400,
        "InvalidRequestException",
        DELETED,
    )


@pytest.mark.parametrize(
    ("name", "is_found"),
    [("plain", True), ("short-a1b2", True), ("dash-a1b2c3-", True), ("whole-a1b2c3", False)],
)
def test_point_25_partial_arn_is_found_unless_the_name_itself_ends_like_a_whole_one(
    api: LiveApi, name: str, is_found: bool
) -> None:
    arn = api.secrets.create_secret(Name=name)["ARN"]

    answer = api.post("DescribeSecret", {"SecretId": arn[:-7]})

    assert (answer.status == 200) is is_found
    assert api.secrets.describe_secret(SecretId=name)["ARN"] == arn


def test_point_26_descriptions_match_by_words_and_names_by_their_beginning(api: LiveApi) -> None:
    for name, description in (("One", "one two"), ("two", "An other"), ("three", "asecret")):
        api.secrets.create_secret(Name=name, Description=description)

    assert names(api, "description", "o t") == {"One"}
    assert names(api, "description", "O") == {"One", "two"}
    assert names(api, "description", "secret") == set()
    assert names(api, "description", "!a") == {"One"}
    assert names(api, "name", "O") == {"One"}
    assert names(api, "name", "o") == set()
    assert names(api, "name", "!O") == {"two", "three"}


def test_point_27_default_key_does_not_reach_another_account(api: LiveApi, other: LiveApi) -> None:
    arn = api.secrets.create_secret(Name="a", SecretString="1")["ARN"]
    statement = {
        **allow("secretsmanager:*"),
        "Principal": {"AWS": other.sts.get_caller_identity()["Account"]},
    }
    api.secrets.put_resource_policy(SecretId="a", ResourcePolicy=json.dumps(policy(statement)))

    assert other.secrets.describe_secret(SecretId=arn)["ARN"] == arn
    assert refusal(other.secrets.get_secret_value, SecretId=arn) == (
        400,
        "InvalidRequestException",
        (
            "You can't access a secret from a different AWS account if you encrypt the secret "
            "with the default KMS service key."
        ),
    )


def test_point_28_label_is_moved_only_from_the_version_that_it_is_on(api: LiveApi) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]
    second = api.secrets.put_secret_value(SecretId="a", SecretString="2", VersionStages=["blue"])[
        "VersionId"
    ]

    refused = refusal(
        api.secrets.update_secret_version_stage,
        SecretId="a",
        VersionStage="AWSCURRENT",
        MoveToVersionId=second,
    )

    assert refused == (
        400,
        "InvalidParameterException",
        (
            "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is "
            f"currently attached to version {first}, so you must explicitly reference that "
            "version in RemoveFromVersionId."
        ),
    )


def test_point_28_removal_of_an_own_label_leaves_previous_alone(api: LiveApi) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]
    second = api.secrets.put_secret_value(
        SecretId="a", SecretString="2", VersionStages=["AWSCURRENT", "blue"]
    )["VersionId"]

    api.secrets.update_secret_version_stage(
        SecretId="a", VersionStage="blue", RemoveFromVersionId=second
    )

    stages = api.secrets.describe_secret(SecretId="a")["VersionIdsToStages"]
    assert stages == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}


def test_point_29_own_labels_leave_current_where_it_is_and_stay_on_old_versions(
    api: LiveApi,
) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]
    labelled = api.secrets.put_secret_value(
        SecretId="a", SecretString="2", VersionStages=["PUT0"]
    )["VersionId"]
    before = api.secrets.describe_secret(SecretId="a")["VersionIdsToStages"]

    put = [
        api.secrets.put_secret_value(SecretId="a", SecretString=value)["VersionId"]
        for value in ("3", "4", "5")
    ]

    after = api.secrets.describe_secret(SecretId="a")["VersionIdsToStages"]
    assert before == {first: ["AWSCURRENT"], labelled: ["PUT0"]}
    assert after[labelled] == ["PUT0"]
    assert after[put[-1]] == ["AWSCURRENT"]


@pytest.mark.parametrize(
    ("code", "timeout", "kind"),
    [(RAISES, 30, "RuntimeError"), (HANGS, 1, "Sandbox.Timedout")],
    ids=["raises", "times out"],
)
def test_point_30_function_error_is_status_200_with_a_header_and_fails_the_step(
    bench: Bench, code: str, timeout: int, kind: str
) -> None:
    function = bench.make_function(code, timeout=timeout)

    invoked = bench.api.functions.invoke(FunctionName=function)
    pending = bench.rotate(function)
    wait_until(lambda: bench.log(function).count("REPORT RequestId") >= 2, what="the step")

    assert invoked["StatusCode"] == 200
    assert invoked["FunctionError"] == "Unhandled"
    assert json.loads(invoked["Payload"].read())["errorType"] == kind
    assert bench.stages() == {bench.version_id: ["AWSCURRENT"], pending: ["AWSPENDING"]}


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("rate(3 hours)", "Rate in hour should be least 4 and less than 24."),
        ("rate(24 hours)", "Rate in hour should be least 4 and less than 24."),
        ("rate(4 hours)", None),
        ("rate(23 hours)", None),
        ("rate(1 day)", None),
        ("cron(0 2/10 * * ? *)", None),
    ],
)
def test_point_31_rates_in_hours_are_from_4_to_23_and_increments_may_end_with_the_day(
    bench: Bench, expression: str, text: str | None
) -> None:
    function = bench.make_function(LOOKS_ONLY) if text is None else "arn:aws:lambda:x:1:function:y"
    members: dict[str, Any] = {
        "SecretId": "a",
        "RotationLambdaARN": function,
        "RotationRules": {"ScheduleExpression": expression},
        "RotateImmediately": False,
    }

    if text is None:
        bench.api.secrets.rotate_secret(**members)
        assert bench.described()["RotationRules"]["ScheduleExpression"] == expression
    else:
        refused = refusal(bench.api.secrets.rotate_secret, **members)
        assert refused == (400, "InvalidParameterException", text)


@pytest.mark.parametrize(
    ("expression", "weekday"), [("cron(0 0 ? * 1 *)", 6), ("cron(0 0 ? * 2 *)", 0)]
)
def test_point_32_first_day_of_the_week_is_sunday(
    bench: Bench, expression: str, weekday: int
) -> None:
    bench.api.secrets.rotate_secret(
        SecretId="a",
        RotationLambdaARN=bench.make_function(LOOKS_ONLY),
        RotationRules={"ScheduleExpression": expression},
        RotateImmediately=False,
    )

    assert bench.described()["NextRotationDate"].weekday() == weekday


@pytest.mark.parametrize(
    ("expression", "is_taken"),
    [
        ("cron(0 /8 * * ? *)", True),
        ("cron(0 8 * * * *)", False),
        ("cron(0 8 ? * ? *)", False),
        ("cron(0 8 1 * ? *)", True),
    ],
)
def test_point_32_increment_needs_no_start_and_one_of_the_days_is_a_question_mark(
    bench: Bench, expression: str, is_taken: bool
) -> None:
    function = bench.make_function(LOOKS_ONLY)
    answer = bench.api.post(
        "RotateSecret",
        {
            "SecretId": "a",
            "ClientRequestToken": token(),
            "RotationLambdaARN": function,
            "RotationRules": {"ScheduleExpression": expression},
            "RotateImmediately": False,
        },
    )

    assert (answer.status == 200) is is_taken
    assert is_taken or answer.refusal[1:] == (
        "InvalidParameterException",
        "Invalid schedule expression.",
    )


def test_point_33_taken_name_and_reused_token_differ_in_their_text(api: LiveApi) -> None:
    used = token()
    arn = api.secrets.create_secret(Name="a", SecretString="1", ClientRequestToken=used)["ARN"]

    same_name = refusal(api.secrets.create_secret, Name="a", SecretString="1")
    same_token = refusal(
        api.secrets.create_secret, Name="a", SecretString="2", ClientRequestToken=used
    )

    assert same_name == (
        400,
        "ResourceExistsException",
        "The operation failed because the secret a already exists.",
    )
    assert same_token == (
        400,
        "ResourceExistsException",
        (
            f"You can't use ClientRequestToken {used} because that value is already in use for a "
            f"version of secret {arn}."
        ),
    )


def test_point_34_binary_value_is_base64_and_its_kind_may_change(api: LiveApi) -> None:
    encoded = b64encode(b"foo\xff").decode()
    api.secrets.create_secret(Name="a", SecretString="text")

    api.post(
        "PutSecretValue",
        {"SecretId": "a", "ClientRequestToken": token(), "SecretBinary": encoded},
    )

    read = api.post("GetSecretValue", {"SecretId": "a"}).document
    assert read["SecretBinary"] == encoded
    assert "SecretString" not in read


def test_point_35_listing_and_deletion_have_names_of_their_own(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="1")

    listed = api.post("ListSecrets", {}).document["SecretList"][0]
    described = api.post("DescribeSecret", {"SecretId": "a"}).document
    deleted = api.post("DeleteSecret", {"SecretId": "a"}).document
    described_after = api.post("DescribeSecret", {"SecretId": "a"}).document

    assert listed["SecretVersionsToStages"] == described["VersionIdsToStages"]
    assert "VersionIdsToStages" not in listed
    assert "DeletionDate" in deleted
    assert "DeletedDate" in described_after


def test_point_36_second_rotation_uses_the_stored_function_and_rules(bench: Bench) -> None:
    first = bench.rotate(bench.make_function())
    bench.wait_until_rotated(first)

    second = bench.api.secrets.rotate_secret(SecretId="a")["VersionId"]
    bench.wait_until_rotated(second)

    assert bench.stages() == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}
    assert bench.described()["RotationRules"] == DAILY


def test_point_37_rotation_changes_both_dates_and_the_last_change_is_not_the_later(
    bench: Bench,
) -> None:
    before = bench.described()

    bench.wait_until_rotated(bench.rotate(bench.make_function()))

    after = bench.described()
    assert after["LastChangedDate"] > before["LastChangedDate"]
    assert after["LastRotatedDate"] >= after["LastChangedDate"]


def test_point_38_policy_for_everyone_is_accepted_unless_it_is_to_be_blocked(
    api: LiveApi,
) -> None:
    api.secrets.create_secret(Name="a")
    document = json.dumps(
        policy({**allow("secretsmanager:GetSecretValue"), "Principal": "*", "Sid": unique("s")})
    )

    api.secrets.put_resource_policy(SecretId="a", ResourcePolicy=document)
    blocked = refusal(
        api.secrets.put_resource_policy,
        SecretId="a",
        ResourcePolicy=document,
        BlockPublicPolicy=True,
    )

    assert api.secrets.get_resource_policy(SecretId="a")["ResourcePolicy"] == document
    assert blocked[:2] == (400, "PublicPolicyException")
