"""A secret as another account's callers see it, against a running server.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples_cross.html
"""

import json
from typing import Any

import pytest

from support.live_api import (
    ACCOUNT,
    OTHER_ACCOUNT,
    Caller,
    LiveApi,
    Refusal,
    allow,
    deny,
    policy,
    refusal,
    token,
)

pytestmark = pytest.mark.server

READ = "secretsmanager:GetSecretValue"
EVERYTHING = "secretsmanager:*"
THEIR_ROOT = f"arn:aws:iam::{OTHER_ACCOUNT}:root"
DEFAULT_KEY: Refusal = (
    400,
    "InvalidRequestException",
    (
        "You can't access a secret from a different AWS account if you encrypt the secret with "
        "the default KMS service key."
    ),
)
DENIED = (400, "AccessDeniedException")
NOT_FOUND = (400, "ResourceNotFoundException")


def share(
    api: LiveApi, arn: str, principal: str = THEIR_ROOT, actions: str | list[str] = EVERYTHING
) -> None:
    """Let another account's callers use a secret, as far as its owner is concerned."""
    statement = {**allow(actions), "Principal": {"AWS": principal}}
    api.secrets.put_resource_policy(SecretId=arn, ResourcePolicy=json.dumps(policy(statement)))


def arn_of(api: LiveApi) -> str:
    """Return who calls."""
    return api.sts.get_caller_identity()["Arn"]


@pytest.fixture
def default_arn(api: LiveApi) -> str:
    """The ARN of a secret under the default key."""
    return api.secrets.create_secret(Name="default", SecretString="x")["ARN"]


@pytest.fixture
def arn(api: LiveApi) -> str:
    """The ARN of a secret under a key of its account's own."""
    return api.secrets.create_secret(Name="a", SecretString="x", KmsKeyId="alias/mine")["ARN"]


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("GetSecretValue", {}),
        ("PutSecretValue", {"SecretString": "y"}),
        ("UpdateSecret", {"SecretString": "y"}),
    ],
)
def test_value_under_the_default_key_is_kept_from_other_accounts(
    api: LiveApi, other: LiveApi, default_arn: str, operation: str, members: dict[str, str]
) -> None:
    share(api, default_arn)
    body = {"SecretId": default_arn, "ClientRequestToken": token(), **members}

    answer = other.post(operation, body)

    assert answer.refusal == DEFAULT_KEY
    assert api.secrets.get_secret_value(SecretId="default")["SecretString"] == "x"
    assert len(api.secrets.list_secret_version_ids(SecretId="default")["Versions"]) == 1


def test_whoever_may_not_read_does_not_learn_of_the_key(
    other: LiveApi, default_arn: str, arn: str
) -> None:
    refusals = [
        refusal(other.secrets.get_secret_value, SecretId=each) for each in (default_arn, arn)
    ]

    assert [each[:2] for each in refusals] == [DENIED, DENIED]
    assert refusals[0][2].replace(default_arn, arn) == refusals[1][2]


def test_secret_under_the_default_key_is_described_to_another_account(
    api: LiveApi, other: LiveApi, default_arn: str
) -> None:
    share(api, default_arn)

    described = other.post("DescribeSecret", {"SecretId": default_arn})

    assert described.document == api.post("DescribeSecret", {"SecretId": "default"}).document


def test_key_s_alias_is_shown_as_it_was_given(api: LiveApi, other: LiveApi, arn: str) -> None:
    share(api, arn)

    assert other.secrets.describe_secret(SecretId=arn)["KmsKeyId"] == "alias/mine"


@pytest.mark.parametrize("is_partial", [False, True])
def test_value_under_another_key_is_read_and_written_by_another_account(
    api: LiveApi, other: LiveApi, arn: str, is_partial: bool
) -> None:
    share(api, arn)
    secret_id = arn[:-7] if is_partial else arn

    read = other.secrets.get_secret_value(SecretId=secret_id)
    other.secrets.put_secret_value(SecretId=secret_id, SecretString="theirs")

    assert (read["ARN"], read["SecretString"]) == (arn, "x")
    assert api.secrets.get_secret_value(SecretId="a")["SecretString"] == "theirs"
    assert api.secrets.list_secrets()["SecretList"][0]["ARN"] == arn
    assert other.secrets.list_secrets()["SecretList"] == []


@pytest.mark.parametrize(
    "key",
    ["alias/aws/secretsmanager", f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/aws/secretsmanager"],
)
def test_default_key_is_the_default_one_however_it_is_spelt(
    api: LiveApi, other: LiveApi, key: str
) -> None:
    arn = api.secrets.create_secret(Name="a", SecretString="x", KmsKeyId=key)["ARN"]
    share(api, arn)

    assert refusal(other.secrets.get_secret_value, SecretId=arn) == DEFAULT_KEY


def test_value_comes_within_reach_with_another_key_and_out_of_it_with_the_default_one(
    api: LiveApi, other: LiveApi, default_arn: str
) -> None:
    share(api, default_arn)
    reading = other.secrets.get_secret_value

    before = refusal(reading, SecretId=default_arn)
    api.secrets.update_secret(SecretId="default", KmsKeyId="alias/mine")
    read = reading(SecretId=default_arn)["SecretString"]
    api.secrets.update_secret(SecretId="default", KmsKeyId="")
    after = refusal(reading, SecretId=default_arn)

    assert (before, read, after) == (DEFAULT_KEY, "x", DEFAULT_KEY)


# What another account may do with a secret, whatever its key.
WITHOUT_VALUES: dict[str, dict[str, Any]] = {
    "DescribeSecret": {},
    "GetResourcePolicy": {},
    "ListResourcePolicies": {},
    "ListSecretVersionIds": {},
    "PutResourcePolicy": {
        "ResourcePolicy": json.dumps(
            policy({**allow(EVERYTHING), "Principal": {"AWS": THEIR_ROOT}})
        )
    },
    "ValidateResourcePolicy": {
        "ResourcePolicy": json.dumps(
            policy({**allow(EVERYTHING), "Principal": {"AWS": THEIR_ROOT}})
        )
    },
    "TagResource": {"Tags": [{"Key": "k", "Value": "v"}]},
    "UntagResource": {"TagKeys": ["k"]},
    "UpdateSecret": {"Description": "theirs"},
    "DeleteResourcePolicy": {},
    "DeleteSecret": {},
}


@pytest.mark.parametrize("operation", WITHOUT_VALUES)
def test_another_account_needs_both_sides_for_everything_else(
    api: LiveApi, other: LiveApi, default_arn: str, operation: str
) -> None:
    body = {"SecretId": default_arn, "ClientRequestToken": token(), **WITHOUT_VALUES[operation]}
    allowed = other.user(policy(allow(EVERYTHING, default_arn)))
    unallowed = other.user()

    theirs_alone = allowed.post(operation, body)
    share(api, default_arn)
    ours_alone = unallowed.post(operation, body)
    both = allowed.post(operation, body)

    action = f"secretsmanager:{operation}"
    assert theirs_alone.refusal[:2] == ours_alone.refusal[:2] == DENIED
    assert theirs_alone.refusal[2].endswith(
        f"because no resource-based policy allows the {action} action"
    )
    assert ours_alone.refusal[2].endswith(
        f"because no identity-based policy allows the {action} action"
    )
    assert both.status == 200


def test_another_account_can_restore_a_secret(
    api: LiveApi, other: LiveApi, default_arn: str
) -> None:
    share(api, default_arn)
    api.secrets.delete_secret(SecretId="default")

    other.secrets.restore_secret(SecretId=default_arn)

    assert "DeletedDate" not in api.secrets.describe_secret(SecretId="default")


def test_user_of_another_account_who_is_named_still_needs_a_policy_of_that_account(
    api: LiveApi, other: LiveApi, arn: str
) -> None:
    named = other.user()
    share(api, arn, arn_of(named), READ)
    before = refusal(named.secrets.get_secret_value, SecretId=arn)
    name = arn_of(named).rpartition("/")[2]

    other.iam.put_user_policy(
        UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy(allow(READ, arn)))
    )

    assert before[:2] == DENIED
    assert named.secrets.get_secret_value(SecretId=arn)["SecretString"] == "x"


def test_only_the_named_user_of_another_account_is_let_in(
    api: LiveApi, other: LiveApi, arn: str
) -> None:
    named, unnamed = other.user(policy(allow(READ))), other.user(policy(allow("*")))

    share(api, arn, arn_of(named), READ)

    assert named.secrets.get_secret_value(SecretId=arn)["SecretString"] == "x"
    assert refusal(unnamed.secrets.get_secret_value, SecretId=arn)[:2] == DENIED
    assert refusal(named.secrets.describe_secret, SecretId=arn)[:2] == DENIED


def test_policy_for_everyone_lets_another_account_s_allowed_users_in(
    api: LiveApi, other: LiveApi, arn: str
) -> None:
    everyone = policy({**allow(READ), "Principal": "*"})
    api.secrets.put_resource_policy(SecretId="a", ResourcePolicy=json.dumps(everyone))
    allowed, unallowed = other.user(policy(allow(READ))), other.user()

    assert allowed.secrets.get_secret_value(SecretId=arn)["SecretString"] == "x"
    assert refusal(unallowed.secrets.get_secret_value, SecretId=arn)[:2] == DENIED


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_deny_of_either_side_wins(api: LiveApi, other: LiveApi, arn: str, side: str) -> None:
    theirs = [allow(READ)] + ([deny(READ)] if side == "theirs" else [])
    ours = [allow(READ)] + ([deny(READ)] if side == "ours" else [])
    principal = {"Principal": {"AWS": THEIR_ROOT}}
    user = other.user(policy(*theirs))
    api.secrets.put_resource_policy(
        SecretId="a",
        ResourcePolicy=json.dumps(policy(*({**statement, **principal} for statement in ours))),
    )

    assert refusal(user.secrets.get_secret_value, SecretId=arn)[:2] == DENIED


def test_account_that_is_not_named_is_not_let_in(api: LiveApi, other: LiveApi, arn: str) -> None:
    share(api, arn, "arn:aws:iam::999999999999:root")

    assert refusal(other.secrets.get_secret_value, SecretId=arn)[:2] == DENIED


def test_name_means_a_secret_of_the_caller_s_own_account(
    api: LiveApi, other: LiveApi, arn: str
) -> None:
    share(api, arn)

    before = refusal(other.secrets.get_secret_value, SecretId="a")
    other.secrets.create_secret(Name="a", SecretString="theirs")

    assert before[:2] == NOT_FOUND
    assert other.secrets.get_secret_value(SecretId="a")["SecretString"] == "theirs"
    assert other.secrets.get_secret_value(SecretId=arn)["SecretString"] == "x"
    assert api.secrets.get_secret_value(SecretId="a")["SecretString"] == "x"


def test_secret_is_not_reached_from_another_region(api: LiveApi, other: LiveApi, arn: str) -> None:
    share(api, arn)

    refused = refusal(other.in_region("us-west-2").secrets.get_secret_value, SecretId=arn)

    assert refused[:2] in (DENIED, NOT_FOUND)


def test_secret_that_is_not_there_is_not_told_from_one_that_is_not_shared(
    other: LiveApi, arn: str
) -> None:
    absent = arn[:-1] + ("x" if arn[-1] != "x" else "y")

    there, away = (
        refusal(other.secrets.get_secret_value, SecretId=each) for each in (arn, absent)
    )

    assert there[:2] == away[:2] == DENIED
    assert there[2].replace(arn, absent) == away[2]


def test_another_account_can_not_put_a_policy_that_keeps_it_out(
    api: LiveApi, other: LiveApi, arn: str
) -> None:
    share(api, arn)
    ours_alone = {**allow(EVERYTHING), "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}

    refused = refusal(
        other.secrets.put_resource_policy,
        SecretId=arn,
        ResourcePolicy=json.dumps(policy(ours_alone)),
    )

    assert refused[:2] == (400, "InvalidRequestException")
    assert THEIR_ROOT in api.secrets.get_resource_policy(SecretId="a")["ResourcePolicy"]


def test_user_of_another_account_made_again_under_the_same_name_gets_nothing(
    api: LiveApi, other: LiveApi, arn: str
) -> None:
    first = other.user(policy(allow(READ)))
    name = arn_of(first).rpartition("/")[2]
    share(api, arn, arn_of(first), READ)
    read = first.secrets.get_secret_value(SecretId=arn)["SecretString"]

    other.iam.delete_access_key(UserName=name, AccessKeyId=first.caller.access_key_id)
    other.iam.delete_user_policy(UserName=name, PolicyName="p0")
    other.iam.delete_user(UserName=name)
    other.iam.create_user(UserName=name)
    other.iam.put_user_policy(
        UserName=name, PolicyName="p0", PolicyDocument=json.dumps(policy(allow(READ)))
    )
    key = other.iam.create_access_key(UserName=name)["AccessKey"]
    second = other.acting_as(Caller(key["AccessKeyId"], key["SecretAccessKey"]))

    assert read == "x"
    assert refusal(second.secrets.get_secret_value, SecretId=arn)[:2] == DENIED
