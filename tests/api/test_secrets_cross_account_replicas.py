"""Replicas in another account, against a running server.

``api`` owns the primary, ``other`` the replica.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/cross-account-replicate-secrets.html
and API reference, CreateSecret, AssociateCrossAccountReplica, DisassociateCrossAccountReplica,
StopReplicationToReplica
"""

from collections.abc import Callable
import json
from typing import Any

import pytest

from support.live_api import (
    ACCOUNT,
    OTHER_ACCOUNT,
    LiveApi,
    Refusal,
    allow,
    deny,
    policy,
    refusal,
    token,
    unique_region,
)

pytestmark = pytest.mark.server

KEY = "alias/shared"
NAME = "cross-account-replication"
REPLICA, PRIMARY = "copy", "original"
SUFFIX = "-a1b2C3"
ON_REPLICA = (
    400,
    "InvalidParameterException",
    "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
)
NOT_ITS_REPLICA = (
    400,
    "InvalidRequestException",
    "The secret isn't a cross-account replica of this primary secret.",
)
STILL_REPLICATED = (
    400,
    "InvalidRequestException",
    (
        "You can't delete a secret that is replicated across accounts. Call "
        "DisassociateCrossAccountReplica for a primary, StopReplicationToReplica for a replica."
    ),
)


def newest(api: LiveApi) -> Any:  # noqa: ANN401 - what botocore has, and its types don't yet
    return api.secrets


def make_primary(api: LiveApi, name: str = PRIMARY, **members: Any) -> str:  # noqa: ANN401 - as boto3 takes them
    """Make a secret that holds ``x``; return its ARN."""
    return api.secrets.create_secret(Name=name, SecretString="x", **members)["ARN"]


def make_replica(other: LiveApi, primary_arn: str, name: str = REPLICA, **members: Any) -> str:  # noqa: ANN401 - as boto3 takes them
    """Make a replica for a primary, not linked yet; return its ARN."""
    given = {"KmsKeyId": KEY, **members}
    made = newest(other).create_secret(Name=name, CrossAccountPrimaryARN=primary_arn, **given)
    return str(made["ARN"])


def associate(api: LiveApi, primary_arn: str, replica_arn: str, **members: Any) -> dict[str, Any]:  # noqa: ANN401 - as boto3 takes them
    answer = newest(api).associate_cross_account_replica(
        SecretId=primary_arn, CrossAccountReplicaARN=replica_arn, **members
    )
    return {name: member for name, member in answer.items() if name != "ResponseMetadata"}


def linked(api: LiveApi, other: LiveApi, **members: Any) -> tuple[str, str]:  # noqa: ANN401 - as boto3 takes them
    """Make a primary and its replica; return both ARNs."""
    primary_arn = make_primary(api, **members)
    replica_arn = make_replica(other, primary_arn)
    associate(api, primary_arn, replica_arn)
    return primary_arn, replica_arn


def disassociate(api: LiveApi, replica_arn: str) -> None:
    newest(api).disassociate_cross_account_replica(
        SecretId=PRIMARY, CrossAccountReplicaARN=replica_arn
    )


def stop(other: LiveApi) -> None:
    other.secrets.stop_replication_to_replica(SecretId=REPLICA)


def described(api: LiveApi, name: str) -> dict[str, Any]:
    members = dict(api.secrets.describe_secret(SecretId=name))
    del members["ResponseMetadata"]
    return members


def statuses(api: LiveApi, other: LiveApi) -> tuple[str | None, str | None]:
    """Return how the replication stands, as the primary and as the replica say."""
    at_replica = described(other, REPLICA).get("CrossAccountPrimary", {})
    replicas = described(api, PRIMARY).get("CrossAccountReplicas", [{}])
    return replicas[0].get("ReplicationStatus"), at_replica.get("ReplicationStatus")


def value_of(api: LiveApi, name: str, **which: str) -> str:
    return api.secrets.get_secret_value(SecretId=name, **which)["SecretString"]


def policies_of(other: LiveApi) -> list[str]:
    listed = newest(other).list_resource_policies(SecretId=REPLICA)["ResourcePolicies"]
    return [each["PolicyName"] for each in listed]


def asked(api: LiveApi, operation: str, name: str, **members: Any) -> Refusal:  # noqa: ANN401 - as boto3 takes them
    """Return how an operation, by AWS's name, is refused."""
    return refusal(lambda: newest(api)._make_api_call(operation, {"SecretId": name, **members}))


def test_replica_waits_for_its_primary_s_owner(api: LiveApi, other: LiveApi) -> None:
    primary_arn = make_primary(api)

    answer = newest(other).create_secret(
        Name=REPLICA, CrossAccountPrimaryARN=primary_arn, KmsKeyId=KEY
    )

    assert "VersionId" not in answer
    assert described(other, REPLICA)["CrossAccountPrimary"] == {
        "PrimarySecretARN": primary_arn,
        "ReplicationStatus": "Pending",
    }
    assert refusal(other.secrets.get_secret_value, SecretId=REPLICA) == (
        400,
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    )
    assert "CrossAccountReplicas" not in described(api, PRIMARY)


def test_replica_is_made_whether_or_not_its_primary_is_there(api: LiveApi, other: LiveApi) -> None:
    arn = f"arn:aws:secretsmanager:{api.region}:{ACCOUNT}:secret:{PRIMARY}{SUFFIX}"

    make_replica(other, arn)

    assert described(other, REPLICA)["CrossAccountPrimary"]["PrimarySecretARN"] == arn


def test_linked_replica_holds_its_primary_s_value(api: LiveApi, other: LiveApi) -> None:
    primary_arn = make_primary(api)
    replica_arn = make_replica(other, primary_arn)

    answer = associate(api, primary_arn, replica_arn)

    assert answer == {
        "ARN": primary_arn,
        "CrossAccountReplicaARN": replica_arn,
        "ReplicationStatus": "InProgress",
    }
    assert statuses(api, other) == ("InSync", "InSync")
    assert described(api, PRIMARY)["CrossAccountReplicas"] == [
        {"ReplicaSecretARN": replica_arn, "ReplicationStatus": "InSync"}
    ]
    assert value_of(other, REPLICA) == "x"


def test_both_sides_keep_their_names_and_arns(api: LiveApi, other: LiveApi) -> None:
    primary_arn, replica_arn = linked(api, other)

    for place, name, arn in ((api, PRIMARY, primary_arn), (other, REPLICA, replica_arn)):
        read = place.secrets.get_secret_value(SecretId=name)
        assert (read["ARN"], read["Name"]) == (arn, name)


def test_replica_has_the_managed_policy_from_its_creation_on(api: LiveApi, other: LiveApi) -> None:
    make_replica(other, make_primary(api))

    answer = newest(other).get_resource_policy(SecretId=REPLICA, PolicyName=NAME)

    (statement,) = json.loads(answer["ResourcePolicy"])["Statement"]
    assert answer["PolicyName"] == NAME
    assert statement["Effect"] == "Allow"
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert statement["Action"] == "secretsmanager:AcceptCrossAccountReplication"
    assert policies_of(other) == [NAME]
    assert "ResourcePolicy" not in other.secrets.get_resource_policy(SecretId=REPLICA)


def test_policy_of_one_s_own_stands_before_the_managed_one(api: LiveApi, other: LiveApi) -> None:
    make_replica(other, make_primary(api))
    own = json.dumps(policy({**allow("secretsmanager:GetSecretValue"), "Principal": "*"}))

    other.secrets.put_resource_policy(SecretId=REPLICA, ResourcePolicy=own)

    answer = other.secrets.get_resource_policy(SecretId=REPLICA)
    assert answer["ResourcePolicy"] == own
    assert policies_of(other) == ["default", NAME]


@pytest.mark.parametrize("operation", ["PutResourcePolicy", "DeleteResourcePolicy"])
def test_managed_policy_is_not_the_owner_s_to_change(
    api: LiveApi, other: LiveApi, operation: str
) -> None:
    make_replica(other, make_primary(api))
    document = json.dumps(policy({**allow("secretsmanager:*"), "Principal": "*"}))
    members = {"ResourcePolicy": document} if operation.startswith("Put") else {}

    answer = asked(other, operation, REPLICA, PolicyName=NAME, **members)

    assert answer[1] == "InvalidParameterException"
    assert policies_of(other) == [NAME]


UNKNOWN = f"arn:aws:secretsmanager:REGION:{ACCOUNT}:secret:original{SUFFIX}"
NOT_A_PRIMARY = (
    "CrossAccountPrimaryARN must be the ARN of a secret of another account in this Region."
)
NO_CUSTOMER_KEY = "A cross-account replica must be encrypted with a customer managed KMS key."
REPLICA_MEMBERS: dict[str, tuple[dict[str, Any], str]] = {
    "SecretString": ({"SecretString": "y"}, "You can't use SecretString in conjunction with"),
    "SecretBinary": ({"SecretBinary": b"y"}, "You can't use SecretBinary in conjunction with"),
    "Description": ({"Description": "y"}, "You can't use Description in conjunction with"),
    "AddReplicaRegions": (
        {"AddReplicaRegions": [{"Region": "us-other-1"}]},
        "You can't use AddReplicaRegions in conjunction with",
    ),
    "Type": ({"Type": "PartnerKey"}, "You can't use Type in conjunction with"),
    "no key": ({"KmsKeyId": None}, NO_CUSTOMER_KEY),
    "empty key": ({"KmsKeyId": ""}, NO_CUSTOMER_KEY),
    "default key": ({"KmsKeyId": "alias/aws/secretsmanager"}, NO_CUSTOMER_KEY),
    "default key's ARN": (
        {"KmsKeyId": f"arn:aws:kms:us-east-1:{OTHER_ACCOUNT}:alias/aws/secretsmanager"},
        NO_CUSTOMER_KEY,
    ),
    "own account": (
        {"CrossAccountPrimaryARN": UNKNOWN.replace(ACCOUNT, OTHER_ACCOUNT)},
        NOT_A_PRIMARY,
    ),
    "other region": (
        {"CrossAccountPrimaryARN": UNKNOWN.replace("REGION", "us-other-1")},
        NOT_A_PRIMARY,
    ),
    "other partition": (
        {"CrossAccountPrimaryARN": UNKNOWN.replace("arn:aws:", "arn:aws-cn:")},
        NOT_A_PRIMARY,
    ),
    "no ARN": ({"CrossAccountPrimaryARN": "original-of-another-account"}, NOT_A_PRIMARY),
    "no account": ({"CrossAccountPrimaryARN": UNKNOWN.replace(ACCOUNT, "")}, NOT_A_PRIMARY),
    "every account": ({"CrossAccountPrimaryARN": UNKNOWN.replace(ACCOUNT, "*")}, NOT_A_PRIMARY),
    "partial ARN": ({"CrossAccountPrimaryARN": UNKNOWN.removesuffix(SUFFIX)}, NOT_A_PRIMARY),
    "no secret's ARN": (
        {"CrossAccountPrimaryARN": UNKNOWN.replace(":secret:", ":policy:")},
        NOT_A_PRIMARY,
    ),
    "a name that none can have": (
        {"CrossAccountPrimaryARN": UNKNOWN.replace(":original-", ":origin al-")},
        NOT_A_PRIMARY,
    ),
    "a function's ARN": (
        {"CrossAccountPrimaryARN": f"arn:aws:lambda:REGION:{ACCOUNT}:function:original{SUFFIX}"},
        NOT_A_PRIMARY,
    ),
}


@pytest.mark.parametrize("name", REPLICA_MEMBERS)
def test_replica_that_could_not_be_linked_is_refused_and_not_made(
    api: LiveApi, other: LiveApi, name: str
) -> None:
    members, words = REPLICA_MEMBERS[name]
    given = {"Name": REPLICA, "CrossAccountPrimaryARN": UNKNOWN, "KmsKeyId": KEY, **members}
    request = {member: value for member, value in given.items() if value is not None}
    request["CrossAccountPrimaryARN"] = given["CrossAccountPrimaryARN"].replace(
        "REGION", api.region
    )

    status, code, text = refusal(other.secrets.create_secret, **request)

    assert (status, code) == (400, "InvalidParameterException")
    assert words in text
    assert other.secrets.list_secrets()["SecretList"] == []


def test_replica_may_have_tags(api: LiveApi, other: LiveApi) -> None:
    make_replica(other, make_primary(api), Tags=[{"Key": "Team", "Value": "shop"}])

    assert described(other, REPLICA)["Tags"] == [{"Key": "Team", "Value": "shop"}]


def test_name_of_a_replica_must_be_free(api: LiveApi, other: LiveApi) -> None:
    primary_arn = make_primary(api)
    other.secrets.create_secret(Name=REPLICA, SecretString="mine")

    answer = refusal(lambda: make_replica(other, primary_arn))

    assert answer[1] == "ResourceExistsException"
    assert value_of(other, REPLICA) == "mine"


@pytest.mark.parametrize("missing", ["CreateSecret", "PutResourcePolicy"])
def test_making_a_replica_needs_both_permissions(
    api: LiveApi, other: LiveApi, missing: str
) -> None:
    primary_arn = make_primary(api)
    user = other.user(policy(allow("*"), deny(f"secretsmanager:{missing}")))
    maker = other.user(
        policy(allow(["secretsmanager:CreateSecret", "secretsmanager:PutResourcePolicy"]))
    )

    _, code, text = refusal(lambda: make_replica(user, primary_arn))
    before = other.secrets.list_secrets()["SecretList"]
    make_replica(maker, primary_arn)

    assert code == "AccessDeniedException"
    assert f"is not authorized to perform: secretsmanager:{missing}" in text
    assert before == []


# Who may link: what the primary's account must allow, and on which of the two.
LINKING = {
    "secretsmanager:AssociateCrossAccountReplica": "primary",
    "secretsmanager:GetSecretValue": "primary",
    "secretsmanager:AcceptCrossAccountReplication": "replica",
}


@pytest.mark.parametrize("missing", LINKING)
def test_linking_needs_every_permission(api: LiveApi, other: LiveApi, missing: str) -> None:
    primary_arn = make_primary(api)
    arns = {"primary": primary_arn, "replica": make_replica(other, primary_arn)}
    granted = {action: allow(action, arns[where]) for action, where in LINKING.items()}
    complete = api.user(policy(*granted.values()))
    del granted[missing]
    user = api.user(policy(*granted.values()))

    _, code, text = refusal(lambda: associate(user, arns["primary"], arns["replica"]))
    before = statuses(api, other)
    associate(complete, arns["primary"], arns["replica"])

    assert code == "AccessDeniedException"
    assert f"is not authorized to perform: {missing}" in text
    assert before == (None, "Pending")
    assert statuses(api, other) == ("InSync", "InSync")


def test_linking_with_a_role_needs_the_permission_to_pass_it(api: LiveApi, other: LiveApi) -> None:
    primary_arn = make_primary(api)
    replica_arn = make_replica(other, primary_arn)
    role = f"arn:aws:iam::{ACCOUNT}:role/replication"
    user = api.user(policy(allow("secretsmanager:*")))
    passer = api.user(policy(allow("secretsmanager:*"), allow("iam:PassRole", role)))

    _, code, text = refusal(
        lambda: associate(user, primary_arn, replica_arn, ReplicationRoleARN=role)
    )
    before = statuses(api, other)
    associate(passer, primary_arn, replica_arn, ReplicationRoleARN=role)

    assert code == "AccessDeniedException"
    assert f"is not authorized to perform: iam:PassRole on resource: {role}" in text
    assert before == (None, "Pending")
    (shown,) = described(api, PRIMARY)["CrossAccountReplicas"]
    assert shown["ReplicationRoleARN"] == role


def test_replica_s_owner_forbids_the_link_with_a_policy_of_its_own(
    api: LiveApi, other: LiveApi
) -> None:
    primary_arn = make_primary(api)
    replica_arn = make_replica(other, primary_arn)
    statement = {
        **deny("secretsmanager:AcceptCrossAccountReplication"),
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    }
    # One statement without a list around it is a policy too.
    document = json.dumps({**policy(), "Statement": statement})
    other.secrets.put_resource_policy(SecretId=REPLICA, ResourcePolicy=document)

    _, code, text = refusal(lambda: associate(api, primary_arn, replica_arn))

    assert code == "AccessDeniedException"
    assert "with an explicit deny in a resource-based policy" in text
    assert statuses(api, other) == (None, "Pending")


def test_replica_s_own_policy_about_other_things_does_not_forbid_the_link(
    api: LiveApi, other: LiveApi
) -> None:
    primary_arn = make_primary(api)
    replica_arn = make_replica(other, primary_arn)
    document = json.dumps(policy({**deny("secretsmanager:DeleteSecret"), "Principal": "*"}))
    other.secrets.put_resource_policy(SecretId=REPLICA, ResourcePolicy=document)

    associate(api, primary_arn, replica_arn)

    assert statuses(api, other) == ("InSync", "InSync")


def test_secret_that_was_not_made_for_the_primary_is_not_linked(
    api: LiveApi, other: LiveApi
) -> None:
    primary_arn, another_arn = make_primary(api), make_primary(api, "another")
    replica_arn = make_replica(other, another_arn)

    assert refusal(lambda: associate(api, primary_arn, replica_arn)) == NOT_ITS_REPLICA
    assert statuses(api, other) == (None, "Pending")


def test_secret_that_is_no_replica_can_not_even_be_asked_for(api: LiveApi, other: LiveApi) -> None:
    primary_arn = make_primary(api)
    arn = other.secrets.create_secret(Name=REPLICA, SecretString="mine", KmsKeyId=KEY)["ARN"]

    answer = refusal(lambda: associate(api, primary_arn, arn))

    assert answer[1] == "AccessDeniedException"
    assert value_of(other, REPLICA) == "mine"


def test_secret_that_lets_everybody_in_but_is_no_replica_is_not_linked(
    api: LiveApi, other: LiveApi
) -> None:
    primary_arn = make_primary(api)
    arn = other.secrets.create_secret(Name=REPLICA, SecretString="mine", KmsKeyId=KEY)["ARN"]
    document = json.dumps(policy({**allow("secretsmanager:*"), "Principal": "*"}))
    other.secrets.put_resource_policy(SecretId=REPLICA, ResourcePolicy=document)

    answer = refusal(lambda: associate(api, primary_arn, arn))

    assert answer == NOT_ITS_REPLICA
    assert value_of(other, REPLICA) == "mine"


def test_secret_of_one_s_own_account_is_not_linked(api: LiveApi) -> None:
    primary_arn, arn = make_primary(api), make_primary(api, REPLICA)

    assert refusal(lambda: associate(api, primary_arn, arn)) == NOT_ITS_REPLICA


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("is_whole", [False, True])
def test_linking_does_not_tell_which_secrets_another_account_has(
    api: LiveApi, other: LiveApi, is_there: bool, is_whole: bool
) -> None:
    primary_arn = make_primary(api)
    arn = f"arn:aws:secretsmanager:{api.region}:{OTHER_ACCOUNT}:secret:{REPLICA}{SUFFIX}"
    if is_there:
        arn = other.secrets.create_secret(Name=REPLICA, SecretString="mine")["ARN"]
    named = arn if is_whole else arn[: -len(SUFFIX)]

    status, code, text = refusal(lambda: associate(api, primary_arn, named))

    assert (status, code) == (400, "AccessDeniedException")
    assert f"on resource: {named} because" in text


def test_replica_is_linked_in_its_own_region_only(api: LiveApi, other: LiveApi) -> None:
    elsewhere = api.in_region(unique_region())
    primary_arn, arn = make_primary(api), make_primary(elsewhere)
    replica_arn = make_replica(other, primary_arn)

    answer = refusal(lambda: associate(elsewhere, arn, replica_arn))

    assert answer[1] == "ResourceNotFoundException"
    assert statuses(api, other) == (None, "Pending")


def test_linking_again_changes_nothing(api: LiveApi, other: LiveApi) -> None:
    primary_arn, replica_arn = linked(api, other)
    api.secrets.put_secret_value(SecretId=PRIMARY, SecretString="y")

    answer = associate(api, primary_arn, replica_arn)

    assert answer["CrossAccountReplicaARN"] == replica_arn
    assert statuses(api, other) == ("InSync", "InSync")
    assert len(described(api, PRIMARY)["CrossAccountReplicas"]) == 1
    assert value_of(other, REPLICA) == "y"
    assert value_of(other, REPLICA, VersionStage="AWSPREVIOUS") == "x"


def test_second_replica_in_another_account_is_refused(api: LiveApi, other: LiveApi) -> None:
    primary_arn, replica_arn = linked(api, other)
    second_arn = make_replica(other, primary_arn, "second")

    answer = refusal(lambda: associate(api, primary_arn, second_arn))

    assert answer[:2] == (400, "LimitExceededException")
    (shown,) = described(api, PRIMARY)["CrossAccountReplicas"]
    assert shown["ReplicaSecretARN"] == replica_arn
    assert described(other, "second")["CrossAccountPrimary"]["ReplicationStatus"] == "Pending"


def test_another_replica_takes_the_place_of_one_that_was_disassociated(
    api: LiveApi, other: LiveApi
) -> None:
    primary_arn, replica_arn = linked(api, other)
    second_arn = make_replica(other, primary_arn, "second")
    disassociate(api, replica_arn)

    associate(api, primary_arn, second_arn)

    assert value_of(other, "second") == "x"


def test_replica_has_no_replica_itself(api: LiveApi, other: LiveApi) -> None:
    _, replica_arn = linked(api, other)
    again_arn = make_replica(api, replica_arn, "again")
    associating = {"CrossAccountReplicaARN": again_arn}
    replicating = {"AddReplicaRegions": [{"Region": "us-other-1"}]}

    assert asked(other, "AssociateCrossAccountReplica", REPLICA, **associating) == ON_REPLICA
    assert asked(other, "ReplicateSecretToRegions", REPLICA, **replicating) == ON_REPLICA


def test_replica_in_another_region_has_none_in_another_account(
    api: LiveApi, other: LiveApi
) -> None:
    place = api.in_region(unique_region())
    make_primary(place, AddReplicaRegions=[{"Region": api.region}])
    arn = described(api, PRIMARY)["ARN"]
    replica_arn = make_replica(other, arn)

    assert refusal(lambda: associate(api, arn, replica_arn)) == ON_REPLICA
    assert described(other, REPLICA)["CrossAccountPrimary"]["ReplicationStatus"] == "Pending"


def test_primary_has_replicas_in_regions_and_in_an_account(api: LiveApi, other: LiveApi) -> None:
    place = api.in_region(unique_region())
    _, replica_arn = linked(api, other, AddReplicaRegions=[{"Region": place.region}])

    api.secrets.put_secret_value(SecretId=PRIMARY, SecretString="y")

    primary = described(api, PRIMARY)
    assert [each["Region"] for each in primary["ReplicationStatus"]] == [place.region]
    assert [each["ReplicaSecretARN"] for each in primary["CrossAccountReplicas"]] == [replica_arn]
    assert "CrossAccountReplicas" not in described(place, PRIMARY)
    assert (value_of(place, PRIMARY), value_of(other, REPLICA)) == ("y", "y")


def test_ending_one_replication_leaves_the_other(api: LiveApi, other: LiveApi) -> None:
    place = api.in_region(unique_region())
    regions: Any = [{"Region": place.region}]
    _, replica_arn = linked(api, other, AddReplicaRegions=regions)

    api.secrets.remove_regions_from_replication(
        SecretId=PRIMARY, RemoveReplicaRegions=[place.region]
    )
    first = statuses(api, other)
    api.secrets.replicate_secret_to_regions(SecretId=PRIMARY, AddReplicaRegions=regions)
    disassociate(api, replica_arn)

    assert first == ("InSync", "InSync")
    assert [each["Status"] for each in described(api, PRIMARY)["ReplicationStatus"]] == ["InSync"]
    assert value_of(place, PRIMARY) == "x"


def test_values_follow_the_primary_s(api: LiveApi, other: LiveApi) -> None:
    linked(api, other)

    second = api.secrets.put_secret_value(SecretId=PRIMARY, SecretString="y")["VersionId"]
    third = api.secrets.update_secret(SecretId=PRIMARY, SecretBinary=b"\x00z")["VersionId"]

    assert value_of(other, REPLICA, VersionId=second, VersionStage="AWSPREVIOUS") == "y"
    read = other.secrets.get_secret_value(SecretId=REPLICA)
    assert (read["VersionId"], read["SecretBinary"]) == (third, b"\x00z")
    stages = described(other, REPLICA)["VersionIdsToStages"]
    assert stages == described(api, PRIMARY)["VersionIdsToStages"]


def test_labels_follow_the_primary_s(api: LiveApi, other: LiveApi) -> None:
    linked(api, other)
    (first,) = described(api, PRIMARY)["VersionIdsToStages"]
    second = api.secrets.put_secret_value(SecretId=PRIMARY, SecretString="y")["VersionId"]

    api.secrets.update_secret_version_stage(
        SecretId=PRIMARY,
        VersionStage="AWSCURRENT",
        RemoveFromVersionId=second,
        MoveToVersionId=first,
    )

    assert value_of(other, REPLICA) == "x"
    assert value_of(other, REPLICA, VersionStage="AWSPREVIOUS") == "y"


def test_primary_without_a_value_is_linked_and_gives_its_first_one(
    api: LiveApi, other: LiveApi
) -> None:
    primary_arn = api.secrets.create_secret(Name=PRIMARY)["ARN"]
    associate(api, primary_arn, make_replica(other, primary_arn))

    api.secrets.put_secret_value(SecretId=PRIMARY, SecretString="first")

    assert value_of(other, REPLICA) == "first"


def test_every_read_of_a_replica_answers_with_the_replica_s_arn(
    api: LiveApi, other: LiveApi
) -> None:
    _, replica_arn = linked(api, other)
    read = other.secrets

    answers: list[Any] = [
        read.get_secret_value(SecretId=replica_arn),
        read.get_secret_value(SecretId=replica_arn[: -len(SUFFIX)]),
        read.describe_secret(SecretId=REPLICA),
        read.list_secret_version_ids(SecretId=REPLICA),
        *read.batch_get_secret_value(SecretIdList=[REPLICA])["SecretValues"],
        *read.list_secrets()["SecretList"],
    ]

    assert {answer["ARN"] for answer in answers} == {replica_arn}


def test_nothing_but_values_and_labels_comes_from_the_primary(
    api: LiveApi, other: LiveApi
) -> None:
    statement = {
        **allow("secretsmanager:GetSecretValue"),
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    }
    primary_arn, _ = linked(
        api,
        other,
        Description="of the shop",
        KmsKeyId="alias/primary",
        Tags=[{"Key": "Team", "Value": "shop"}],
        Type="PartnerKey",
    )
    api.secrets.put_resource_policy(SecretId=PRIMARY, ResourcePolicy=json.dumps(policy(statement)))
    api.secrets.update_secret(SecretId=PRIMARY, Description="of the shop, changed")
    value_of(api, PRIMARY)

    replica = described(other, REPLICA)

    assert replica.keys() - {"ARN", "CreatedDate", "LastChangedDate", "VersionIdsToStages"} == {
        "CrossAccountPrimary",
        "KmsKeyId",
        "Name",
    }
    assert replica["KmsKeyId"] == KEY
    assert replica["CrossAccountPrimary"]["PrimarySecretARN"] == primary_arn
    assert "ResourcePolicy" not in other.secrets.get_resource_policy(SecretId=REPLICA)
    (version,) = other.secrets.list_secret_version_ids(SecretId=REPLICA)["Versions"]
    assert version["KmsKeyIds"] == [KEY]


def test_nothing_of_the_replica_comes_to_the_primary(api: LiveApi, other: LiveApi) -> None:
    linked(api, other)
    before = described(api, PRIMARY)
    statement = {**allow("secretsmanager:GetSecretValue"), "Principal": "*"}

    other.secrets.tag_resource(SecretId=REPLICA, Tags=[{"Key": "Team", "Value": "theirs"}])
    other.secrets.update_secret(SecretId=REPLICA, KmsKeyId="alias/theirs")
    other.secrets.put_resource_policy(
        SecretId=REPLICA, ResourcePolicy=json.dumps(policy(statement))
    )
    value_of(other, REPLICA)

    assert described(api, PRIMARY) == before
    assert "ResourcePolicy" not in api.secrets.get_resource_policy(SecretId=PRIMARY)


VALUE_WRITES: dict[str, dict[str, Any]] = {
    "PutSecretValue": {"SecretString": "y"},
    "UpdateSecret": {"SecretString": "y"},
    "UpdateSecret with everything": {
        "SecretBinary": b"y",
        "Description": "y",
        "KmsKeyId": "alias/y",
    },
    "UpdateSecretVersionStage": {"VersionStage": "blue", "MoveToVersionId": token()},
    "RotateSecret": {
        "RotationLambdaARN": f"arn:aws:lambda:us-east-1:{OTHER_ACCOUNT}:function:f",
    },
    "CancelRotateSecret": {},
}


def _pending(api: LiveApi, other: LiveApi) -> None:
    make_replica(other, make_primary(api))


def _linked(api: LiveApi, other: LiveApi) -> None:
    linked(api, other)


def _detached(api: LiveApi, other: LiveApi) -> None:
    _, replica_arn = linked(api, other)
    disassociate(api, replica_arn)


in_every_state = pytest.mark.parametrize(
    "reach", [_pending, _linked, _detached], ids=["pending", "linked", "detached"]
)
Reach = Callable[[LiveApi, LiveApi], None]


@in_every_state
@pytest.mark.parametrize("name", VALUE_WRITES)
def test_replica_s_values_are_not_written(
    api: LiveApi, other: LiveApi, reach: Reach, name: str
) -> None:
    reach(api, other)
    before = described(other, REPLICA)
    operation, members = name.split(maxsplit=1)[0], VALUE_WRITES[name]

    assert asked(other, operation, REPLICA, **members) == ON_REPLICA
    assert described(other, REPLICA) == before


@in_every_state
def test_replica_s_tags_policy_and_key_are_its_own(
    api: LiveApi, other: LiveApi, reach: Reach
) -> None:
    reach(api, other)
    document = json.dumps(policy({**allow("secretsmanager:GetSecretValue"), "Principal": "*"}))

    other.secrets.tag_resource(
        SecretId=REPLICA, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    )
    other.secrets.untag_resource(SecretId=REPLICA, TagKeys=["a"])
    other.secrets.put_resource_policy(SecretId=REPLICA, ResourcePolicy=document)
    other.secrets.update_secret(SecretId=REPLICA, KmsKeyId="alias/theirs")

    replica = described(other, REPLICA)
    assert replica["Tags"] == [{"Key": "b", "Value": "2"}]
    assert replica["KmsKeyId"] == "alias/theirs"
    shown = other.secrets.get_resource_policy(SecretId=REPLICA)["ResourcePolicy"]
    assert shown == document


@in_every_state
@pytest.mark.parametrize("default", ["", "alias/aws/secretsmanager"])
def test_replica_does_not_get_the_default_key(
    api: LiveApi, other: LiveApi, reach: Reach, default: str
) -> None:
    reach(api, other)

    _, code, text = asked(other, "UpdateSecret", REPLICA, KmsKeyId=default)

    assert (code, text) == ("InvalidParameterException", NO_CUSTOMER_KEY)
    assert described(other, REPLICA)["KmsKeyId"] == KEY


def test_replica_that_left_may_have_the_default_key(api: LiveApi, other: LiveApi) -> None:
    linked(api, other)
    stop(other)

    other.secrets.update_secret(SecretId=REPLICA, KmsKeyId="")

    assert "KmsKeyId" not in described(other, REPLICA)
    assert value_of(other, REPLICA) == "x"


@in_every_state
@pytest.mark.parametrize("is_forced", [False, True])
def test_replica_is_not_deleted_before_its_side_has_ended_the_replication(
    api: LiveApi, other: LiveApi, reach: Reach, is_forced: bool
) -> None:
    reach(api, other)

    answer = asked(other, "DeleteSecret", REPLICA, ForceDeleteWithoutRecovery=is_forced)
    stop(other)
    other.secrets.delete_secret(SecretId=REPLICA, ForceDeleteWithoutRecovery=is_forced)

    assert answer == STILL_REPLICATED
    assert other.secrets.list_secrets()["SecretList"] == []


@pytest.mark.parametrize("is_forced", [False, True])
@pytest.mark.parametrize("has_left", [False, True])
def test_primary_is_not_deleted_before_its_side_has_ended_the_replication(
    api: LiveApi, other: LiveApi, has_left: bool, is_forced: bool
) -> None:
    _, replica_arn = linked(api, other)
    if has_left:
        stop(other)

    answer = asked(api, "DeleteSecret", PRIMARY, ForceDeleteWithoutRecovery=is_forced)
    disassociate(api, replica_arn)
    api.secrets.delete_secret(SecretId=PRIMARY, ForceDeleteWithoutRecovery=is_forced)

    assert answer == STILL_REPLICATED
    assert api.secrets.list_secrets()["SecretList"] == []
    assert value_of(other, REPLICA) == "x"


def test_primary_of_a_replica_that_was_never_linked_is_deleted(
    api: LiveApi, other: LiveApi
) -> None:
    make_replica(other, make_primary(api))

    api.secrets.delete_secret(SecretId=PRIMARY)

    assert "DeletedDate" in described(api, PRIMARY)


def test_primary_that_is_scheduled_for_deletion_is_not_linked(
    api: LiveApi, other: LiveApi
) -> None:
    primary_arn = make_primary(api)
    replica_arn = make_replica(other, primary_arn)
    api.secrets.delete_secret(SecretId=PRIMARY)

    answer = refusal(lambda: associate(api, primary_arn, replica_arn))

    assert answer[1] == "InvalidRequestException"
    assert described(other, REPLICA)["CrossAccountPrimary"]["ReplicationStatus"] == "Pending"


def test_disassociated_replica_is_detached_and_keeps_the_last_values(
    api: LiveApi, other: LiveApi
) -> None:
    _, replica_arn = linked(api, other)
    (first,) = described(api, PRIMARY)["VersionIdsToStages"]
    api.secrets.put_secret_value(SecretId=PRIMARY, SecretString="y")

    answer = newest(api).disassociate_cross_account_replica(
        SecretId=PRIMARY, CrossAccountReplicaARN=replica_arn
    )
    api.secrets.put_secret_value(SecretId=PRIMARY, SecretString="z")

    assert answer["CrossAccountReplicaARN"] == replica_arn
    assert statuses(api, other) == (None, "Detached")
    assert "CrossAccountReplicas" not in described(api, PRIMARY)
    assert value_of(other, REPLICA) == "y"
    assert value_of(other, REPLICA, VersionStage="AWSPREVIOUS") == "x"
    assert value_of(other, REPLICA, VersionId=first) == "x"
    assert NAME in policies_of(other)


def test_replica_that_was_left_alone_becomes_a_secret_like_any_other(
    api: LiveApi, other: LiveApi
) -> None:
    _, replica_arn = linked(api, other)
    disassociate(api, replica_arn)

    stop(other)

    assert "CrossAccountPrimary" not in described(other, REPLICA)
    assert policies_of(other) == []
    other.secrets.put_secret_value(SecretId=REPLICA, SecretString="mine")
    assert value_of(other, REPLICA) == "mine"
    assert value_of(other, REPLICA, VersionStage="AWSPREVIOUS") == "x"
    assert value_of(api, PRIMARY) == "x"


def test_replica_that_left_is_a_secret_like_any_other_and_its_primary_says_so(
    api: LiveApi, other: LiveApi
) -> None:
    _, replica_arn = linked(api, other)

    answer = other.secrets.stop_replication_to_replica(SecretId=REPLICA)
    other.secrets.put_secret_value(SecretId=REPLICA, SecretString="mine")
    api.secrets.put_secret_value(SecretId=PRIMARY, SecretString="y")

    assert answer["ARN"] == replica_arn
    assert statuses(api, other) == ("Detached", None)
    assert (value_of(api, PRIMARY), value_of(other, REPLICA)) == ("y", "mine")
    assert value_of(other, REPLICA, VersionStage="AWSPREVIOUS") == "x"


def test_primary_forgets_the_replica_that_left_once_it_disassociates_it(
    api: LiveApi, other: LiveApi
) -> None:
    _, replica_arn = linked(api, other)
    stop(other)
    other.secrets.put_secret_value(SecretId=REPLICA, SecretString="mine")

    disassociate(api, replica_arn)

    assert statuses(api, other) == (None, None)
    assert value_of(other, REPLICA) == "mine"


def test_replica_that_left_and_was_deleted_is_disassociated_all_the_same(
    api: LiveApi, other: LiveApi
) -> None:
    _, replica_arn = linked(api, other)
    stop(other)
    other.secrets.delete_secret(SecretId=REPLICA, ForceDeleteWithoutRecovery=True)

    disassociate(api, replica_arn)

    assert "CrossAccountReplicas" not in described(api, PRIMARY)


def test_replica_that_left_is_not_linked_again(api: LiveApi, other: LiveApi) -> None:
    primary_arn, replica_arn = linked(api, other)
    stop(other)
    other.secrets.put_secret_value(SecretId=REPLICA, SecretString="mine")

    answer = refusal(lambda: associate(api, primary_arn, replica_arn))

    assert answer[1] == "AccessDeniedException"
    assert value_of(other, REPLICA) == "mine"


def test_detached_replica_is_linked_again_and_shows_its_primary_s_values(
    api: LiveApi, other: LiveApi
) -> None:
    primary_arn, replica_arn = linked(api, other)
    disassociate(api, replica_arn)
    api.secrets.put_secret_value(SecretId=PRIMARY, SecretString="y")

    associate(api, primary_arn, replica_arn)

    assert statuses(api, other) == ("InSync", "InSync")
    assert value_of(other, REPLICA) == "y"
    stages = described(other, REPLICA)["VersionIdsToStages"]
    assert stages == described(api, PRIMARY)["VersionIdsToStages"]


def test_replica_that_waits_can_leave(api: LiveApi, other: LiveApi) -> None:
    make_replica(other, make_primary(api))

    stop(other)

    assert "CrossAccountPrimary" not in described(other, REPLICA)
    other.secrets.put_secret_value(SecretId=REPLICA, SecretString="mine")
    assert value_of(other, REPLICA) == "mine"


@pytest.mark.parametrize("is_ended_by_the_primary", [False, True])
def test_pending_version_of_the_primary_s_rotation_is_not_left_behind(
    api: LiveApi, other: LiveApi, is_ended_by_the_primary: bool
) -> None:
    _, replica_arn = linked(api, other)
    api.secrets.put_secret_value(SecretId=PRIMARY, SecretString="y", VersionStages=["AWSPENDING"])

    if is_ended_by_the_primary:
        disassociate(api, replica_arn)
    else:
        stop(other)

    labels = described(other, REPLICA)["VersionIdsToStages"].values()
    assert list(labels) == [["AWSCURRENT"]]


def test_what_is_not_linked_is_not_disassociated(api: LiveApi, other: LiveApi) -> None:
    replica_arn = make_replica(other, make_primary(api))

    assert refusal(lambda: disassociate(api, replica_arn)) == NOT_ITS_REPLICA
    assert statuses(api, other) == (None, "Pending")


def test_replica_is_disassociated_once(api: LiveApi, other: LiveApi) -> None:
    _, replica_arn = linked(api, other)
    disassociate(api, replica_arn)

    assert refusal(lambda: disassociate(api, replica_arn)) == NOT_ITS_REPLICA
    assert statuses(api, other) == (None, "Detached")


def test_replica_s_owner_can_not_end_it_from_the_primary_s_side(
    api: LiveApi, other: LiveApi
) -> None:
    primary_arn, replica_arn = linked(api, other)
    operation, member = "DisassociateCrossAccountReplica", {"CrossAccountReplicaARN": replica_arn}

    from_afar = asked(other, operation, primary_arn, **member)
    at_home = asked(other, operation, REPLICA, **member)

    assert from_afar[1] == "AccessDeniedException"
    assert at_home == NOT_ITS_REPLICA
    assert statuses(api, other) == ("InSync", "InSync")


def test_primary_s_owner_can_not_end_it_from_the_replica_s_side(
    api: LiveApi, other: LiveApi
) -> None:
    _, replica_arn = linked(api, other)

    answer = asked(api, "StopReplicationToReplica", replica_arn)

    assert answer[1] == "AccessDeniedException"
    assert statuses(api, other) == ("InSync", "InSync")


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("GetSecretValue", {}),
        ("DescribeSecret", {}),
        ("GetResourcePolicy", {"PolicyName": NAME}),
        ("PutSecretValue", {"SecretString": "y"}),
        ("DeleteSecret", {}),
    ],
)
def test_primary_s_owner_has_no_other_right_to_the_replica(
    api: LiveApi, other: LiveApi, operation: str, members: dict[str, Any]
) -> None:
    _, replica_arn = linked(api, other)

    assert asked(api, operation, replica_arn, **members)[1] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("operation", "members"),
    [("GetSecretValue", {}), ("DescribeSecret", {}), ("PutSecretValue", {"SecretString": "y"})],
)
def test_replica_s_owner_has_no_right_to_the_primary(
    api: LiveApi, other: LiveApi, operation: str, members: dict[str, Any]
) -> None:
    primary_arn, _ = linked(api, other)

    assert asked(other, operation, primary_arn, **members)[1] == "AccessDeniedException"


def test_disassociating_needs_its_permission(api: LiveApi, other: LiveApi) -> None:
    _, replica_arn = linked(api, other)
    action = "secretsmanager:DisassociateCrossAccountReplica"
    user, owner = api.user(policy(allow("*"), deny(action))), api.user(policy(allow(action)))

    answer = refusal(lambda: disassociate(user, replica_arn))
    disassociate(owner, replica_arn)

    assert answer[1] == "AccessDeniedException"
    assert statuses(api, other) == (None, "Detached")


@pytest.mark.parametrize("missing", ["StopReplicationToReplica", "DeleteResourcePolicy"])
def test_leaving_needs_both_permissions(api: LiveApi, other: LiveApi, missing: str) -> None:
    linked(api, other)
    user = other.user(policy(allow("*"), deny(f"secretsmanager:{missing}")))
    delete = {
        **allow("secretsmanager:DeleteResourcePolicy"),
        "Condition": {"StringEquals": {"secretsmanager:PolicyName": NAME}},
    }
    owner = other.user(policy(allow("secretsmanager:StopReplicationToReplica"), delete))

    _, code, text = refusal(lambda: stop(user))
    before = statuses(api, other)
    stop(owner)

    assert code == "AccessDeniedException"
    assert f"is not authorized to perform: secretsmanager:{missing}" in text
    assert before == ("InSync", "InSync")
    assert statuses(api, other) == ("Detached", None)


def test_default_key_of_the_primary_does_not_reach_another_account(
    api: LiveApi, other: LiveApi
) -> None:
    primary_arn = make_primary(api)
    replica_arn = make_replica(other, primary_arn)
    statement = {
        **allow("secretsmanager:*"),
        "Principal": {"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:root"},
    }
    api.secrets.put_resource_policy(SecretId=PRIMARY, ResourcePolicy=json.dumps(policy(statement)))

    read = asked(other, "GetSecretValue", primary_arn)
    linked_by_its_owner = refusal(lambda: associate(other, primary_arn, replica_arn))

    assert "the default KMS service key" in read[2]
    assert linked_by_its_owner[1] == "InvalidRequestException"
    assert statuses(api, other) == (None, "Pending")


def test_replica_is_read_by_those_of_its_own_account_who_may(api: LiveApi, other: LiveApi) -> None:
    linked(api, other)
    reader = other.user(policy(allow("secretsmanager:GetSecretValue")))
    stranger = other.user(policy(allow("secretsmanager:DescribeSecret")))

    assert value_of(reader, REPLICA) == "x"
    assert asked(stranger, "GetSecretValue", REPLICA)[1] == "AccessDeniedException"


def test_neither_account_learns_when_the_other_reads(api: LiveApi, other: LiveApi) -> None:
    linked(api, other)

    value_of(api, PRIMARY)
    after_the_primary_s = other.secrets.list_secret_version_ids(SecretId=REPLICA)["Versions"]
    value_of(other, REPLICA)

    assert "LastAccessedDate" not in after_the_primary_s[0]
    assert "LastAccessedDate" in described(other, REPLICA)
    assert "LastAccessedDate" not in described(api, PRIMARY).get("CrossAccountReplicas", [{}])[0]


def test_replica_that_is_detached_is_not_told_when_its_primary_was_read(
    api: LiveApi, other: LiveApi
) -> None:
    _, replica_arn = linked(api, other)
    value_of(api, PRIMARY)

    disassociate(api, replica_arn)

    versions = other.secrets.list_secret_version_ids(SecretId=REPLICA)["Versions"]
    assert "LastAccessedDate" not in versions[0]


def test_new_value_of_the_primary_is_a_change_of_the_replica(api: LiveApi, other: LiveApi) -> None:
    linked(api, other)
    before = described(other, REPLICA)["LastChangedDate"]

    api.secrets.put_secret_value(SecretId=PRIMARY, SecretString="y")
    after_value = described(other, REPLICA)["LastChangedDate"]
    api.secrets.update_secret(SecretId=PRIMARY, Description="d")

    assert after_value > before
    assert described(other, REPLICA)["LastChangedDate"] == after_value


def test_replica_is_linked_by_the_primary_s_account_alone(api: LiveApi, other: LiveApi) -> None:
    primary_arn = make_primary(api, KmsKeyId=KEY)
    replica_arn = make_replica(other, primary_arn)
    whole_account = {
        "Effect": "Allow",
        "Principal": {"AWS": other.sts.get_caller_identity()["Account"]},
        "Action": "secretsmanager:*",
        "Resource": "*",
    }
    api.secrets.put_resource_policy(
        SecretId=PRIMARY, ResourcePolicy=json.dumps(policy(whole_account))
    )

    refused = asked(
        other,
        "AssociateCrossAccountReplica",
        primary_arn,
        CrossAccountReplicaARN=replica_arn,
    )

    assert refused == (
        400,
        "InvalidRequestException",
        "Call must be made from the account that owns the primary secret.",
    )
    assert statuses(api, other) == (None, "Pending")
