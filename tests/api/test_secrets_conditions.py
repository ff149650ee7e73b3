"""What policies ask about a secret, a request and a caller, against a running server.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html#awssecretsmanager-policy-keys
"""

from collections.abc import Mapping
import json
from typing import Any

import pytest

from support.aws_client import load_model
from support.live_api import (
    ACCOUNT,
    Caller,
    LiveApi,
    allow,
    deny,
    policy,
    token,
    unique,
)
from support.live_rotation import DAILY, Bench
from support.rotation_functions import NO_OP

pytestmark = pytest.mark.server

READ = "secretsmanager:GetSecretValue"
KEY_ARN = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
VERSION = "v" * 32

Statement = Mapping[str, Any]


def when(statement: Statement, *conditions: tuple[str, str, object]) -> dict[str, Any]:
    """Return a statement that holds where all of these (operator, key, value) do."""
    block: dict[str, dict[str, object]] = {}
    for operator, key, value in conditions:
        block.setdefault(operator, {})[key] = value
    return {**statement, "Condition": block}


def is_denied(api: LiveApi, operation: str, **members: object) -> bool:
    """Return whether policies keep a caller from an operation; else it must succeed."""
    answer = api.post(operation, {"SecretId": "a", "ClientRequestToken": token(), **members})
    if answer.status == 200:
        return False
    _, code, text = answer.refusal
    assert (code, " is not authorized to perform: " in text) == ("AccessDeniedException", True)
    return True


def tag(key: str, value: str) -> dict[str, str]:
    return {"Key": key, "Value": value}


def tags_of(api: LiveApi) -> dict[str, str]:
    """Return the tags of the secret ``a``."""
    tags = api.secrets.describe_secret(SecretId="a").get("Tags", [])
    return {each["Key"]: each["Value"] for each in tags}


@pytest.fixture
def arn(api: LiveApi) -> str:
    """The ARN of the secret ``a``, with the tag ``team`` = ``red`` and two versions."""
    arn = api.secrets.create_secret(
        Name="a",
        SecretString="1",
        ClientRequestToken=VERSION,
        Tags=[{"Key": "team", "Value": "red"}],
    )["ARN"]
    api.secrets.put_secret_value(SecretId="a", SecretString="2")
    return arn


# Members that may be left out: the operation, the condition, and the members that meet it and
# that don't.
OPTIONAL_MEMBERS: dict[
    str, tuple[str, tuple[str, str, object], dict[str, Any], dict[str, Any]]
] = {
    "GetSecretValue VersionStage": (
        "GetSecretValue",
        ("StringEquals", "secretsmanager:VersionStage", "AWSPREVIOUS"),
        {"VersionStage": "AWSPREVIOUS"},
        {"VersionStage": "AWSCURRENT"},
    ),
    "GetSecretValue VersionId": (
        "GetSecretValue",
        ("StringEquals", "secretsmanager:VersionId", VERSION),
        {"VersionId": VERSION},
        {"VersionId": "w" * 32},
    ),
    "CreateSecret Description": (
        "CreateSecret",
        ("StringLike", "secretsmanager:Description", "for *"),
        {"Description": "for tests"},
        {"Description": "tests"},
    ),
    "CreateSecret KmsKeyId": (
        "CreateSecret",
        ("StringEquals", "secretsmanager:KmsKeyId", "alias/mine"),
        {"KmsKeyId": "alias/mine"},
        {"KmsKeyId": "alias/other"},
    ),
    "CreateSecret KmsKeyArn": (
        "CreateSecret",
        ("ArnEquals", "secretsmanager:KmsKeyArn", KEY_ARN),
        {"KmsKeyId": KEY_ARN},
        {"KmsKeyId": KEY_ARN + "6"},
    ),
    "CreateSecret ForceOverwriteReplicaSecret": (
        "CreateSecret",
        ("Bool", "secretsmanager:ForceOverwriteReplicaSecret", "false"),
        {"ForceOverwriteReplicaSecret": False},
        {"ForceOverwriteReplicaSecret": True},
    ),
    "UpdateSecret Description": (
        "UpdateSecret",
        ("StringEquals", "secretsmanager:Description", "new"),
        {"Description": "new"},
        {"Description": "newer"},
    ),
    "UpdateSecret KmsKeyId": (
        "UpdateSecret",
        ("StringEquals", "secretsmanager:KmsKeyId", "alias/mine"),
        {"KmsKeyId": "alias/mine"},
        {"KmsKeyId": ""},
    ),
    "UpdateSecret KmsKeyArn": (
        "UpdateSecret",
        ("ArnEquals", "secretsmanager:KmsKeyArn", KEY_ARN),
        {"KmsKeyId": KEY_ARN},
        {"KmsKeyId": KEY_ARN + "6"},
    ),
    "DeleteSecret RecoveryWindowInDays": (
        "DeleteSecret",
        ("NumericGreaterThanEquals", "secretsmanager:RecoveryWindowInDays", 14),
        {"RecoveryWindowInDays": 14},
        {"RecoveryWindowInDays": 13},
    ),
    "DeleteSecret ForceDeleteWithoutRecovery": (
        "DeleteSecret",
        ("Bool", "secretsmanager:ForceDeleteWithoutRecovery", "false"),
        {"ForceDeleteWithoutRecovery": False},
        {"ForceDeleteWithoutRecovery": True},
    ),
    "PutResourcePolicy BlockPublicPolicy": (
        "PutResourcePolicy",
        ("Bool", "secretsmanager:BlockPublicPolicy", True),
        {"BlockPublicPolicy": True},
        {"BlockPublicPolicy": False},
    ),
    "ReplicateSecretToRegions ForceOverwriteReplicaSecret": (
        "ReplicateSecretToRegions",
        ("Bool", "secretsmanager:ForceOverwriteReplicaSecret", "false"),
        {"ForceOverwriteReplicaSecret": False},
        {"ForceOverwriteReplicaSecret": True},
    ),
}
NEEDED: dict[str, dict[str, Any]] = {
    "CreateSecret": {"Name": "made"},
    "PutResourcePolicy": {
        "ResourcePolicy": json.dumps(
            policy({**allow(READ), "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}})
        )
    },
    "ReplicateSecretToRegions": {"AddReplicaRegions": [{"Region": "eu-west-1"}]},
}


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("case", OPTIONAL_MEMBERS.values(), ids=OPTIONAL_MEMBERS)
def test_condition_on_a_member_denies_whoever_sends_another_or_none(
    api: LiveApi, case: tuple[str, tuple[str, str, object], dict[str, Any], dict[str, Any]]
) -> None:
    operation, condition, fitting, other = case
    needed = NEEDED.get(operation, {})
    user = api.user(policy(when(allow(f"secretsmanager:{operation}"), condition)))

    assert is_denied(user, operation, **needed)
    assert is_denied(user, operation, **needed, **other)
    assert not is_denied(user, operation, **needed, **fitting)


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("case", OPTIONAL_MEMBERS.values(), ids=OPTIONAL_MEMBERS)
def test_condition_with_if_exists_lets_whoever_sends_no_such_member(
    api: LiveApi, case: tuple[str, tuple[str, str, object], dict[str, Any], dict[str, Any]]
) -> None:
    operation, (operator, key, value), _, other = case
    needed = NEEDED.get(operation, {})
    statement = allow(f"secretsmanager:{operation}")
    user = api.user(policy(when(statement, (f"{operator}IfExists", key, value))))

    assert is_denied(user, operation, **needed, **other)
    assert not is_denied(user, operation, **needed)


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("case", OPTIONAL_MEMBERS.values(), ids=OPTIONAL_MEMBERS)
def test_deny_with_a_condition_on_a_member_spares_whoever_sends_another(
    api: LiveApi, case: tuple[str, tuple[str, str, object], dict[str, Any], dict[str, Any]]
) -> None:
    operation, condition, fitting, _ = case
    needed = NEEDED.get(operation, {})
    action = f"secretsmanager:{operation}"
    user = api.user(policy(allow(action), when(deny(action), condition)))

    assert is_denied(user, operation, **needed, **fitting)
    assert not is_denied(user, operation, **needed)


@pytest.mark.usefixtures("arn")
def test_condition_on_the_label_that_is_moved(api: LiveApi) -> None:
    condition = ("StringLike", "secretsmanager:VersionStage", "MY*")
    user = api.user(policy(when(allow("secretsmanager:UpdateSecretVersionStage"), condition)))
    moved = {"MoveToVersionId": VERSION}

    assert is_denied(user, "UpdateSecretVersionStage", VersionStage="YOURS", **moved)
    assert not is_denied(user, "UpdateSecretVersionStage", VersionStage="MYOWN", **moved)


def test_condition_on_the_name_of_a_new_secret(api: LiveApi) -> None:
    condition = ("StringLike", "secretsmanager:Name", "red/*")
    user = api.user(policy(when(allow("secretsmanager:CreateSecret"), condition)))

    assert is_denied(user, "CreateSecret", Name="blue/a")
    assert not is_denied(user, "CreateSecret", Name="red/a")
    assert [each["Name"] for each in api.secrets.list_secrets()["SecretList"]] == ["red/a"]


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("operation", ["CreateSecret", "ReplicateSecretToRegions"])
def test_condition_on_the_regions_that_a_secret_is_replicated_to(
    api: LiveApi, operation: str
) -> None:
    condition = ("ForAllValues:StringEquals", "secretsmanager:AddReplicaRegions", "eu-west-1")
    is_given = ("Null", "secretsmanager:AddReplicaRegions", "false")
    actions = ["secretsmanager:CreateSecret", "secretsmanager:ReplicateSecretToRegions"]
    user = api.user(policy(when(allow(actions), condition, is_given)))
    name = {"Name": unique("replicated")} if operation == "CreateSecret" else {}
    one, two = [{"Region": "eu-west-1"}], [{"Region": "eu-west-1"}, {"Region": "eu-west-2"}]

    assert is_denied(user, operation, AddReplicaRegions=two, **name)
    assert not is_denied(user, operation, AddReplicaRegions=one, **name)


def is_rotation_denied(api: LiveApi, **members: object) -> bool:
    """Return whether policies keep a caller from a rotation, which fails in any case."""
    answer = api.post("RotateSecret", {"SecretId": "a", "ClientRequestToken": token(), **members})
    return "is not authorized to perform: secretsmanager:RotateSecret" in answer.refusal[2]


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize(
    ("condition", "fitting", "other"),
    [
        (
            ("ArnLike", "secretsmanager:RotationLambdaARN", "arn:aws:lambda:*:*:function:ours*"),
            {"RotationLambdaARN": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:ours"},
            {"RotationLambdaARN": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:theirs"},
        ),
        (
            ("Bool", "secretsmanager:RotateImmediately", "false"),
            {"RotateImmediately": False},
            {"RotateImmediately": True},
        ),
        (
            ("Bool", "secretsmanager:ModifyRotationRules", "true"),
            {"RotationRules": DAILY},
            {"RotateImmediately": True},
        ),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else None,
)
def test_condition_on_a_rotation_denies_whoever_asks_for_another(
    api: LiveApi,
    condition: tuple[str, str, object],
    fitting: dict[str, Any],
    other: dict[str, Any],
) -> None:
    user = api.user(policy(when(allow("secretsmanager:RotateSecret"), condition)))

    assert is_rotation_denied(user)
    assert is_rotation_denied(user, **other)
    assert not is_rotation_denied(user, **fitting)


def test_whoever_must_not_modify_the_rotation_s_rules_may_leave_them(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="1")
    condition = ("Bool", "secretsmanager:ModifyRotationRules", "false")
    user = api.user(policy(when(allow("secretsmanager:RotateSecret"), condition)))

    assert is_rotation_denied(user, RotationRules=DAILY)
    assert not is_rotation_denied(user)


# Every operation on a secret, with what else it needs to be asked at all.
ON_A_SECRET: dict[str, dict[str, Any]] = {
    "AssociateCrossAccountReplica": {
        "CrossAccountReplicaARN": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:b-a1B2c3"
    },
    "CancelRotateSecret": {},
    "DeleteResourcePolicy": {},
    "DeleteSecret": {},
    "DescribeSecret": {},
    "DisassociateCrossAccountReplica": {
        "CrossAccountReplicaARN": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:b-a1B2c3"
    },
    "GetResourcePolicy": {},
    "GetSecretValue": {},
    "ListResourcePolicies": {},
    "ListSecretVersionIds": {},
    "PutResourcePolicy": NEEDED["PutResourcePolicy"],
    "PutSecretValue": {"SecretString": "3"},
    "RemoveRegionsFromReplication": {"RemoveReplicaRegions": ["eu-west-1"]},
    "ReplicateSecretToRegions": NEEDED["ReplicateSecretToRegions"],
    "RestoreSecret": {},
    "RotateSecret": {},
    "StopReplicationToReplica": {},
    "TagResource": {"Tags": [{"Key": "k", "Value": "v"}]},
    "UntagResource": {"TagKeys": ["k"]},
    "UpdateSecret": {"SecretString": "3"},
    "UpdateSecretVersionStage": {"VersionStage": "MINE", "MoveToVersionId": VERSION},
    "ValidateResourcePolicy": NEEDED["PutResourcePolicy"],
}


@pytest.mark.usefixtures("arn")
def test_tag_of_the_secret_decides_every_operation_on_it(api: LiveApi) -> None:
    everything = allow("secretsmanager:*")
    key = "secretsmanager:ResourceTag/team"
    red = api.user(policy(when(everything, ("StringEquals", key, "red"))))
    blue = api.user(policy(when(everything, ("StringEquals", key, "blue"))))

    for operation, members in ON_A_SECRET.items():
        body = {"SecretId": "a", "ClientRequestToken": token(), **members}
        denied = blue.post(operation, body)
        allowed = red.post(operation, body)

        text = f" is not authorized to perform: secretsmanager:{operation} on resource"
        assert text in denied.refusal[2], operation
        assert allowed.status == 200 or text not in allowed.refusal[2], operation


def test_secrets_manager_has_no_operation_on_a_secret_that_this_page_leaves_out() -> None:
    model = load_model("secretsmanager")
    members = {name: model.operation_model(name).input_shape for name in model.operation_names}

    on_a_secret = {
        name for name, shape in members.items() if shape and "SecretId" in shape.members
    }

    assert on_a_secret == set(ON_A_SECRET)


@pytest.mark.parametrize(
    ("operator", "key", "values"),
    [
        ("StringEquals", "secretsmanager:ResourceTag/team", ("red", "blue")),
        ("StringEquals", "aws:ResourceTag/team", ("red", "blue")),
        ("StringEquals", "aws:resourcetag/TEAM", ("red", "Red")),
        ("ArnLike", "secretsmanager:SecretId", ("arn:*:*:*:*:secret:a-??????", "arn:*:*:*:*:b")),
        ("StringEquals", "secretsmanager:SecretPrimaryRegion", ("{region}", "us-east-1")),
        ("Null", "secretsmanager:resource/AllowRotationLambdaArn", ("true", "false")),
        ("Null", "aws:ResourceTag/none", ("true", "false")),
        ("StringEquals", "aws:RequestedRegion", ("{region}", "us-east-1")),
        ("StringEquals", "aws:PrincipalAccount", (ACCOUNT, "999999999999")),
        ("IpAddress", "aws:SourceIp", ("127.0.0.0/8", "10.0.0.0/8")),
        ("NotIpAddress", "aws:SourceIp", ("10.0.0.0/8", "127.0.0.1")),
    ],
)
@pytest.mark.parametrize("place", ["identity", "resource"])
def test_condition_on_the_secret_or_the_caller_decides(
    api: LiveApi, arn: str, place: str, operator: str, key: str, values: tuple[str, str]
) -> None:
    def user_where(wanted: str) -> LiveApi:
        condition = (operator, key, wanted.format(region=api.region))
        if place == "identity":
            return api.user(policy(when(allow(READ), condition)))
        user = api.user()
        named = {"AWS": user.sts.get_caller_identity()["Arn"]}
        statement = when({**allow(READ), "Principal": named}, condition)
        api.secrets.put_resource_policy(SecretId=arn, ResourcePolicy=json.dumps(policy(statement)))
        return user

    its, another_s = values
    assert not is_denied(user_where(its), "GetSecretValue")
    assert is_denied(user_where(another_s), "GetSecretValue")


def test_condition_on_the_rotation_function_of_the_secret(bench: Bench) -> None:
    api, function = bench.api, bench.make_function(NO_OP)
    key = "secretsmanager:resource/AllowRotationLambdaArn"
    its = api.user(policy(when(allow(READ), ("ArnEquals", key, function))))
    another_s = api.user(policy(when(allow(READ), ("ArnEquals", key, function + "2"))))
    before = is_denied(its, "GetSecretValue")

    bench.rotate(function, RotateImmediately=False)

    assert before
    assert not is_denied(its, "GetSecretValue")
    assert is_denied(another_s, "GetSecretValue")


def test_condition_on_the_type_of_the_secret_and_of_a_request(api: LiveApi) -> None:
    key, new_key = "secretsmanager:resource/Type", "secretsmanager:Type"
    made = api.post(
        "CreateSecret",
        {"Name": "a", "ClientRequestToken": token(), "Type": "SalesforceClientSecret"},
    )
    describe, update = allow("secretsmanager:DescribeSecret"), allow("secretsmanager:UpdateSecret")
    its, another_s, maker = (
        api.user(policy(when(statement, ("StringEquals", name, value))))
        for statement, name, value in (
            (describe, key, "SalesforceClientSecret"),
            (describe, key, "other"),
            (update, new_key, "SalesforceClientSecret"),
        )
    )

    assert made.status == 200
    assert not is_denied(its, "DescribeSecret")
    assert is_denied(another_s, "DescribeSecret")
    assert is_denied(maker, "UpdateSecret", Type="other")
    assert is_denied(maker, "UpdateSecret")
    assert not is_denied(maker, "UpdateSecret", Type="SalesforceClientSecret")


@pytest.mark.usefixtures("arn")
def test_condition_on_the_tags_of_a_request(api: LiveApi) -> None:
    actions = ["secretsmanager:CreateSecret", "secretsmanager:TagResource"]
    condition = ("StringEquals", "aws:RequestTag/team", "red")
    user = api.user(policy(when(allow(actions), condition)))
    red, blue, more = tag("team", "red"), tag("team", "blue"), tag("k", "v")

    assert is_denied(user, "CreateSecret", Name="b")
    assert is_denied(user, "CreateSecret", Name="b", Tags=[blue])
    assert is_denied(user, "CreateSecret", Name="b", Tags=[red, blue])
    assert is_denied(user, "CreateSecret", Name="b", Tags=[more])
    assert not is_denied(user, "CreateSecret", Name="b", Tags=[more, red])
    assert is_denied(user, "TagResource", Tags=[blue])
    assert is_denied(user, "TagResource", Tags=[more])
    assert not is_denied(user, "TagResource", Tags=[red, more])
    assert tags_of(api) == {"team": "red", "k": "v"}


@pytest.mark.usefixtures("arn")
def test_condition_on_the_keys_of_the_tags_in_a_request(api: LiveApi) -> None:
    actions = [
        f"secretsmanager:{name}" for name in ("CreateSecret", "TagResource", "UntagResource")
    ]
    condition = ("ForAllValues:StringEquals", "aws:TagKeys", ["k", "l"])
    user = api.user(policy(when(allow(actions), condition)))
    k, m = tag("k", "v"), tag("m", "v")

    assert is_denied(user, "CreateSecret", Name="b", Tags=[k, m])
    assert not is_denied(user, "CreateSecret", Name="b", Tags=[k])
    assert is_denied(user, "TagResource", Tags=[m, k])
    assert not is_denied(user, "TagResource", Tags=[k])
    assert is_denied(user, "UntagResource", TagKeys=["k", "team"])
    assert not is_denied(user, "UntagResource", TagKeys=["l", "k"])
    assert tags_of(api) == {"team": "red"}


RED, BLUE, CAPITAL = tag("team", "red"), tag("team", "blue"), tag("Team", "red")


@pytest.mark.parametrize("tags", [[BLUE, CAPITAL], [CAPITAL, BLUE], [RED, tag("TEAM", "blue")]])
def test_tags_that_differ_in_case_alone_match_no_condition(
    api: LiveApi, tags: list[dict[str, str]]
) -> None:
    api.post(
        "CreateSecret",
        {"Name": "a", "SecretString": "x", "ClientRequestToken": token(), "Tags": tags},
    )
    names = ["aws:ResourceTag/team", "secretsmanager:ResourceTag/team", "aws:ResourceTag/Team"]
    users = [api.user(policy(when(allow(READ), ("StringEquals", name, "red")))) for name in names]
    denied = api.user(policy(allow(READ), when(deny(READ), ("StringEquals", names[0], "blue"))))

    assert all(is_denied(user, "GetSecretValue") for user in users)
    assert is_denied(denied, "GetSecretValue")


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("tags", [[BLUE, CAPITAL], [CAPITAL, BLUE]])
def test_tags_of_a_request_that_differ_in_case_alone_match_no_condition(
    api: LiveApi, tags: list[dict[str, str]]
) -> None:
    actions = ["secretsmanager:CreateSecret", "secretsmanager:TagResource"]
    condition = ("StringEquals", "aws:RequestTag/team", "red")
    user = api.user(policy(when(allow(actions), condition)))

    assert is_denied(user, "CreateSecret", Name="b", Tags=tags)
    assert is_denied(user, "TagResource", Tags=tags)
    assert tags_of(api) == {"team": "red"}


@pytest.mark.usefixtures("arn")
def test_whoever_may_tag_red_secrets_can_not_make_one_blue(api: LiveApi) -> None:
    actions = ["secretsmanager:TagResource", "secretsmanager:UntagResource"]
    condition = ("StringEquals", "aws:ResourceTag/team", "red")
    user = api.user(policy(when(allow(actions), condition)))

    assert is_denied(user, "TagResource", Tags=[tag("team", "blue"), tag("k", "v")])
    assert is_denied(user, "UntagResource", TagKeys=["team"])
    assert tags_of(api) == {"team": "red"}
    assert not is_denied(user, "TagResource", Tags=[tag("k", "v"), tag("team", "red")])
    assert not is_denied(user, "UntagResource", TagKeys=["k"])
    assert tags_of(api) == {"team": "red"}


@pytest.mark.usefixtures("arn")
def test_deny_by_the_secret_s_policy_keeps_whoever_tags_from_running_into_it(
    api: LiveApi,
) -> None:
    user = api.user(policy(allow("secretsmanager:*")))
    closed = ("StringEquals", "secretsmanager:ResourceTag/closed", "yes")
    statement = {**deny(["secretsmanager:TagResource"]), "Principal": "*"}
    api.secrets.put_resource_policy(
        SecretId="a", ResourcePolicy=json.dumps(policy(when(statement, closed)))
    )

    answer = user.post("TagResource", {"SecretId": "a", "Tags": [tag("closed", "yes")]})

    status, code, text = answer.refusal
    assert (status, code) == (400, "AccessDeniedException")
    assert text.endswith("on resource: a with an explicit deny in a resource-based policy")
    assert tags_of(api) == {"team": "red"}


@pytest.mark.usefixtures("arn")
def test_untagging_what_is_not_there_changes_nothing(api: LiveApi) -> None:
    before = api.secrets.describe_secret(SecretId="a")

    answer = api.post("UntagResource", {"SecretId": "a", "TagKeys": ["none"]})

    after = api.secrets.describe_secret(SecretId="a")
    assert answer.status == 200
    assert after["LastChangedDate"] == before["LastChangedDate"]
    assert after["Tags"] == before["Tags"]


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("action", ["TagResource", "UntagResource"])
def test_nobody_tags_without_the_permission(api: LiveApi, action: str) -> None:
    others = {"Effect": "Allow", "NotAction": f"secretsmanager:{action}", "Resource": "*"}
    user = api.user(policy(others))

    assert is_denied(user, action, **ON_A_SECRET[action])
    assert tags_of(api) == {"team": "red"}


def tagged_user(api: LiveApi, tags: Mapping[str, str], *statements: Statement) -> LiveApi:
    """Return a new user with these tags and a policy."""
    name = unique("user")
    api.iam.create_user(UserName=name, Tags=[{"Key": key, "Value": tags[key]} for key in tags])
    api.iam.put_user_policy(
        UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy(*statements))
    )
    key = api.iam.create_access_key(UserName=name)["AccessKey"]
    return api.acting_as(Caller(key["AccessKeyId"], key["SecretAccessKey"]))


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize(
    ("tags", "denied"),
    [
        ({"team": "red"}, False),
        ({"Team": "red"}, False),
        ({"team": "blue"}, True),
        ({"team": ""}, True),
        ({"k": "red"}, True),
        ({}, True),
    ],
)
def test_secret_is_read_by_those_who_have_its_tag(
    api: LiveApi, tags: dict[str, str], denied: bool
) -> None:
    same_team = ("StringEquals", "aws:ResourceTag/team", "${aws:PrincipalTag/team}")

    user = tagged_user(api, tags, when(allow(READ), same_team))

    assert is_denied(user, "GetSecretValue") is denied


def test_secret_without_the_tag_is_read_by_nobody_for_it(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="x")
    same_team = ("StringEquals", "aws:ResourceTag/team", "${aws:PrincipalTag/team}")
    users = [tagged_user(api, tags, when(allow(READ), same_team)) for tags in ({}, {"team": ""})]

    assert all(is_denied(user, "GetSecretValue") for user in users)


@pytest.mark.usefixtures("arn")
def test_policy_s_tag_condition_follows_the_tags_at_once(api: LiveApi) -> None:
    user = api.user(policy(when(allow(READ), ("StringEquals", "aws:ResourceTag/open", "yes"))))
    before = [is_denied(user, "GetSecretValue") for _ in range(8)]

    api.secrets.tag_resource(SecretId="a", Tags=[{"Key": "open", "Value": "yes"}])
    tagged = [is_denied(user, "GetSecretValue") for _ in range(8)]
    api.secrets.untag_resource(SecretId="a", TagKeys=["open"])
    untagged = [is_denied(user, "GetSecretValue") for _ in range(8)]

    assert (before, tagged, untagged) == ([True] * 8, [False] * 8, [True] * 8)


def test_secret_that_is_not_there_is_not_told_from_one_with_another_tag(
    api: LiveApi, arn: str
) -> None:
    user = api.user(policy(when(allow(READ), ("StringEquals", "aws:ResourceTag/team", "blue"))))
    absent = arn[:-1] + ("x" if arn[-1] != "x" else "y")

    there, away = (user.post("GetSecretValue", {"SecretId": each}) for each in (arn, absent))

    assert there.refusal[:2] == away.refusal[:2] == (400, "AccessDeniedException")
    assert there.refusal[2].replace(arn, absent) == away.refusal[2]
