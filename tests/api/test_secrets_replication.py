"""Replicas in other regions, against a running server.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html,
https://docs.aws.amazon.com/secretsmanager/latest/userguide/standalone-secret.html and API
reference, ReplicateSecretToRegions, RemoveRegionsFromReplication, StopReplicationToReplica
"""

from collections.abc import Callable
from datetime import datetime
import json
from typing import TYPE_CHECKING, Any

import pytest

from support.live_api import (
    ACCOUNT,
    LiveApi,
    Refusal,
    allow,
    deny,
    policy,
    refusal,
    token,
    unique_region,
)
from support.live_rotation import Bench

if TYPE_CHECKING:
    from types_boto3_secretsmanager.type_defs import ReplicaRegionTypeTypeDef

pytestmark = pytest.mark.server

DEFAULT_KEY = "alias/aws/secretsmanager"
NOT_FOUND = (
    400,
    "ResourceNotFoundException",
    "Secrets Manager can't find the specified secret.",
)
ON_REPLICA = (
    400,
    "InvalidParameterException",
    "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
)
NOT_A_REPLICA = (
    400,
    "InvalidParameterException",
    "Operation only permitted on a replica secret. Call must be made in the replica's region.",
)
INVALID_REGION = (400, "InvalidParameterException", "Invalid replica region.")
READERS = json.dumps(
    policy(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "*",
        }
    )
)
PRIMARY_OF_ITSELF = {"ARN", "ReplicationStatus", "LastAccessedDate", "ResponseMetadata"}


@pytest.fixture
def elsewhere(api: LiveApi) -> LiveApi:
    """The same user in another region."""
    return api.in_region(unique_region())


@pytest.fixture
def third(api: LiveApi) -> LiveApi:
    """The same user in a third region."""
    return api.in_region(unique_region())


def to(*places: LiveApi, **members: str) -> "list[ReplicaRegionTypeTypeDef]":
    """Return what AddReplicaRegions says for these regions."""
    return [{"Region": place.region, **members} for place in places]  # type: ignore[typeddict-item]  # as given


def replicated(api: LiveApi, *places: LiveApi, **members: Any) -> str:  # noqa: ANN401 - as boto3 takes them
    """Make a secret ``a`` that holds ``x``, with replicas; return its ARN."""
    given = {"SecretString": "x", "AddReplicaRegions": to(*places), **members}
    return api.secrets.create_secret(Name="a", **given)["ARN"]


def described(api: LiveApi) -> dict[str, Any]:
    members = dict(api.secrets.describe_secret(SecretId="a"))
    del members["ResponseMetadata"]
    return members


def status_of(api: LiveApi) -> dict[str, str]:
    """Return how the replicas of ``a`` fare, by region."""
    found = described(api).get("ReplicationStatus", [])
    return {each["Region"]: each["Status"] for each in found}


def value_of(api: LiveApi, **which: str) -> str:
    return api.secrets.get_secret_value(SecretId="a", **which)["SecretString"]


def shown(api: LiveApi) -> dict[str, Any]:
    """Return all that a reader in one region learns of ``a``, but where that is."""
    read = api.secrets.get_secret_value(SecretId="a")
    listed = api.secrets.list_secret_version_ids(SecretId="a", IncludeDeprecated=True)["Versions"]
    (entry,) = api.secrets.list_secrets()["SecretList"]
    return {
        "value": {name: read[name] for name in read.keys() - PRIMARY_OF_ITSELF},  # type: ignore[literal-required]  # its own
        "described": {name: each for name, each in described(api).items() if _is_shared(name)},
        "versions": [(each["VersionId"], each.get("VersionStages")) for each in listed],
        "entry": {name: each for name, each in entry.items() if _is_shared(name)},
        "policy": api.secrets.get_resource_policy(SecretId="a").get("ResourcePolicy"),
    }


def _is_shared(name: str) -> bool:
    # When a replica was made is its own; how its primary rotates is its primary's.
    own = {*PRIMARY_OF_ITSELF, "CreatedDate", "NextRotationDate", "LastRotatedDate"}
    return name not in own and not name.startswith("Rotation")


def test_secret_made_with_replicas_is_read_in_every_region(
    api: LiveApi, elsewhere: LiveApi, third: LiveApi
) -> None:
    replicated(api, elsewhere, third)

    assert [value_of(each) for each in (api, elsewhere, third)] == ["x", "x", "x"]


def test_secret_is_replicated_later(api: LiveApi, elsewhere: LiveApi) -> None:
    arn = api.secrets.create_secret(Name="a", SecretString="x")["ARN"]

    answer = api.secrets.replicate_secret_to_regions(SecretId="a", AddReplicaRegions=to(elsewhere))

    assert answer["ARN"] == arn
    assert value_of(elsewhere) == "x"


def test_secret_is_replicated_to_further_regions(
    api: LiveApi, elsewhere: LiveApi, third: LiveApi
) -> None:
    replicated(api, elsewhere)

    answer = api.secrets.replicate_secret_to_regions(SecretId="a", AddReplicaRegions=to(third))

    assert {each["Region"]: each["Status"] for each in answer["ReplicationStatus"]} == {
        elsewhere.region: "InSync",
        third.region: "InProgress",
    }
    assert status_of(api) == {elsewhere.region: "InSync", third.region: "InSync"}


def test_replication_is_under_way_in_the_answer_and_done_in_the_description(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    body = {
        "Name": "a",
        "ClientRequestToken": token(),
        "AddReplicaRegions": [{"Region": elsewhere.region}],
    }
    expected = {"Region": elsewhere.region, "KmsKeyId": DEFAULT_KEY}

    answer = api.post("CreateSecret", body).document

    document = api.post("DescribeSecret", {"SecretId": "a"}).document
    assert answer["ReplicationStatus"] == [{**expected, "Status": "InProgress"}]
    assert document["ReplicationStatus"] == [{**expected, "Status": "InSync"}]


def test_replica_has_its_primary_s_name_and_suffix_in_another_region(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    arn = replicated(api, elsewhere)

    replica = described(elsewhere)

    assert replica["ARN"] == arn.replace(api.region, elsewhere.region)
    assert replica["Name"] == "a"


def test_primary_and_replica_name_the_primary_s_region(api: LiveApi, elsewhere: LiveApi) -> None:
    replicated(api, elsewhere)

    for place in (api, elsewhere):
        (entry,) = place.secrets.list_secrets()["SecretList"]
        assert described(place)["PrimaryRegion"] == entry["PrimaryRegion"] == api.region


def test_secrets_are_found_by_their_primary_s_region(api: LiveApi, elsewhere: LiveApi) -> None:
    replicated(api, elsewhere)
    elsewhere.secrets.create_secret(Name="of-here", SecretString="x")

    found = elsewhere.secrets.list_secrets(
        Filters=[{"Key": "primary-region", "Values": [api.region]}]
    )

    assert [secret["Name"] for secret in found["SecretList"]] == ["a"]


def test_secret_that_was_never_replicated_says_nothing_of_replication(api: LiveApi) -> None:
    answer: Any = api.secrets.create_secret(Name="a", SecretString="x")

    assert "ReplicationStatus" not in answer
    assert not {name for name in described(api) if "Replica" in name or "Primary" in name}


def test_each_region_has_the_key_that_was_asked_for(
    api: LiveApi, elsewhere: LiveApi, third: LiveApi
) -> None:
    regions = [*to(elsewhere, KmsKeyId="alias/there"), *to(third, KmsKeyId=DEFAULT_KEY)]
    replicated(api, KmsKeyId="alias/here", AddReplicaRegions=regions)

    keys = [described(place).get("KmsKeyId") for place in (api, elsewhere, third)]

    assert keys == ["alias/here", "alias/there", None]
    assert {each["Region"]: each["KmsKeyId"] for each in described(api)["ReplicationStatus"]} == {
        elsewhere.region: "alias/there",
        third.region: DEFAULT_KEY,
    }
    (version,) = elsewhere.secrets.list_secret_version_ids(SecretId="a")["Versions"]
    assert version["KmsKeyIds"] == ["alias/there"]


def test_secret_without_a_value_is_replicated_and_gets_its_first_value_everywhere(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    api.secrets.create_secret(Name="a", AddReplicaRegions=to(elsewhere))
    before = refusal(elsewhere.secrets.get_secret_value, SecretId="a")

    api.secrets.put_secret_value(SecretId="a", SecretString="first")

    assert before[1] == "ResourceNotFoundException"
    assert value_of(elsewhere) == "first"


def test_creation_that_is_repeated_makes_no_further_replica(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    request_token = token()
    first = replicated(api, elsewhere, ClientRequestToken=request_token)

    second = replicated(api, elsewhere, ClientRequestToken=request_token)

    assert second == first
    assert status_of(api) == {elsewhere.region: "InSync"}


def _put(api: LiveApi) -> None:
    api.secrets.put_secret_value(SecretId="a", SecretString="y")


def _put_binary(api: LiveApi) -> None:
    api.secrets.put_secret_value(SecretId="a", SecretBinary=b"\x00y")
    api.secrets.put_secret_value(SecretId="a", SecretString="z")


def _put_pending(api: LiveApi) -> None:
    api.secrets.put_secret_value(SecretId="a", SecretString="y", VersionStages=["AWSPENDING"])


def _update_value(api: LiveApi) -> None:
    api.secrets.update_secret(SecretId="a", SecretString="y")


def _update_description(api: LiveApi) -> None:
    api.secrets.update_secret(SecretId="a", Description="of the shop")


def _empty_description(api: LiveApi) -> None:
    _update_description(api)
    api.secrets.update_secret(SecretId="a", Description="")


def _update_type(api: LiveApi) -> None:
    api.secrets.update_secret(SecretId="a", Type="PartnerKey")


def _roll_back(api: LiveApi) -> None:
    api.secrets.put_secret_value(SecretId="a", SecretString="y")
    stages = {stage: id_ for id_, (stage, *_) in described(api)["VersionIdsToStages"].items()}
    api.secrets.update_secret_version_stage(
        SecretId="a",
        VersionStage="AWSCURRENT",
        RemoveFromVersionId=stages["AWSCURRENT"],
        MoveToVersionId=stages["AWSPREVIOUS"],
    )


def _label(api: LiveApi) -> None:
    (version_id,) = described(api)["VersionIdsToStages"]
    api.secrets.update_secret_version_stage(
        SecretId="a", VersionStage="blue", MoveToVersionId=version_id
    )


def _tag(api: LiveApi) -> None:
    api.secrets.tag_resource(SecretId="a", Tags=[{"Key": "Team", "Value": "shop"}])


def _untag(api: LiveApi) -> None:
    _tag(api)
    api.secrets.untag_resource(SecretId="a", TagKeys=["Team"])


def _put_policy(api: LiveApi) -> None:
    api.secrets.put_resource_policy(SecretId="a", ResourcePolicy=READERS)


def _delete_policy(api: LiveApi) -> None:
    _put_policy(api)
    api.secrets.delete_resource_policy(SecretId="a")


CHANGES = [
    _put,
    _put_binary,
    _put_pending,
    _update_value,
    _update_description,
    _empty_description,
    _update_type,
    _roll_back,
    _label,
    _tag,
    _untag,
    _put_policy,
    _delete_policy,
]
every_change = pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__[1:])


@every_change
def test_replica_shows_each_change_of_its_primary_at_once(
    api: LiveApi, elsewhere: LiveApi, change: Callable[[LiveApi], None]
) -> None:
    replicated(api, elsewhere)
    before = shown(api)
    assert shown(elsewhere) == before

    change(api)

    after = shown(api)
    assert after != before
    assert shown(elsewhere) == after


@every_change
def test_replica_shows_at_once_what_was_changed_before_it_was_made(
    api: LiveApi, elsewhere: LiveApi, change: Callable[[LiveApi], None]
) -> None:
    api.secrets.create_secret(Name="a", SecretString="x")
    change(api)

    api.secrets.replicate_secret_to_regions(SecretId="a", AddReplicaRegions=to(elsewhere))

    assert shown(elsewhere) == shown(api)


def test_replica_shows_a_rotation_from_its_beginning_to_its_end(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    replicated(api, elsewhere)
    (first,) = described(api)["VersionIdsToStages"]
    bench = Bench(api, first)

    announced = bench.rotate(bench.make_function())
    begun = described(elsewhere)["VersionIdsToStages"]
    bench.wait_until_rotated(announced)

    assert announced in begun
    assert shown(elsewhere) == shown(api)
    assert value_of(elsewhere) != "x"
    assert value_of(elsewhere, VersionStage="AWSPREVIOUS") == "x"


@pytest.mark.parametrize("ending", ["", "-??????"], ids=["partial", "whole"])
def test_replica_is_read_by_its_arn(api: LiveApi, elsewhere: LiveApi, ending: str) -> None:
    arn = replicated(api, elsewhere).replace(api.region, elsewhere.region)
    asked = arn if ending else arn[: -len("-??????")]

    read = elsewhere.secrets.get_secret_value(SecretId=asked)

    assert (read["ARN"], read["SecretString"]) == (arn, "x")


def test_every_read_of_a_replica_answers_with_the_replica_s_arn(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    arn = replicated(api, elsewhere).replace(api.region, elsewhere.region)
    read = elsewhere.secrets

    answers: list[Any] = [
        read.get_secret_value(SecretId="a"),
        read.describe_secret(SecretId="a"),
        read.list_secret_version_ids(SecretId="a"),
        read.get_resource_policy(SecretId="a"),
        *read.batch_get_secret_value(SecretIdList=["a"])["SecretValues"],
        *read.list_secrets()["SecretList"],
    ]

    assert {answer["ARN"] for answer in answers} == {arn}


def test_replica_is_read_in_a_batch(api: LiveApi, elsewhere: LiveApi) -> None:
    replicated(api, elsewhere)
    filters: Any = [{"Key": "primary-region", "Values": [api.region]}]

    by_list = elsewhere.secrets.batch_get_secret_value(SecretIdList=["a"])
    by_filter = elsewhere.secrets.batch_get_secret_value(Filters=filters)

    for batch in (by_list, by_filter):
        assert [each["SecretString"] for each in batch["SecretValues"]] == ["x"]


def test_replica_is_read_by_version_and_by_label(api: LiveApi, elsewhere: LiveApi) -> None:
    replicated(api, elsewhere)
    (first,) = described(api)["VersionIdsToStages"]

    second = api.secrets.put_secret_value(SecretId="a", SecretString="y")["VersionId"]

    assert value_of(elsewhere, VersionId=first) == "x"
    assert value_of(elsewhere, VersionId=second) == "y"
    assert value_of(elsewhere, VersionStage="AWSPREVIOUS") == "x"
    assert value_of(elsewhere, VersionId=second, VersionStage="AWSCURRENT") == "y"


def test_neither_is_found_in_the_other_s_region_by_its_arn(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    arn = replicated(api, elsewhere)
    replica_arn = arn.replace(api.region, elsewhere.region)

    assert refusal(elsewhere.secrets.get_secret_value, SecretId=arn) == NOT_FOUND
    assert refusal(api.secrets.get_secret_value, SecretId=replica_arn) == NOT_FOUND


def test_whom_the_primary_s_policy_lets_in_reads_the_replica(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    replicated(api, elsewhere)
    user = elsewhere.user()
    statement = {**allow("secretsmanager:GetSecretValue"), "Principal": {"AWS": user_arn(user)}}
    before = refusal(user.secrets.get_secret_value, SecretId="a")[1]

    api.secrets.put_resource_policy(SecretId="a", ResourcePolicy=json.dumps(policy(statement)))

    assert before == "AccessDeniedException"
    assert value_of(user) == "x"


def user_arn(api: LiveApi) -> str:
    return api.sts.get_caller_identity()["Arn"]


WRITES: dict[str, dict[str, Any]] = {
    "PutSecretValue": {"SecretString": "y"},
    "UpdateSecret": {"SecretString": "y"},
    "UpdateSecret with SecretBinary": {"SecretBinary": b"y"},
    "UpdateSecret with Description": {"Description": "y"},
    "UpdateSecret with no Description": {"Description": ""},
    "UpdateSecret with Type": {"Type": "PartnerKey"},
    "UpdateSecret with a key and Description": {"KmsKeyId": "alias/y", "Description": "y"},
    "UpdateSecret with a key and SecretString": {"KmsKeyId": "alias/y", "SecretString": "y"},
    "UpdateSecretVersionStage": {"VersionStage": "blue", "MoveToVersionId": token()},
    "RotateSecret": {"RotationLambdaARN": "arn:aws:lambda:us-east-1:123456789012:function:f"},
    "RotateSecret without anything": {},
    "CancelRotateSecret": {},
    "TagResource": {"Tags": [{"Key": "k", "Value": "v"}]},
    "UntagResource": {"TagKeys": ["k"]},
    "PutResourcePolicy": {"ResourcePolicy": READERS},
    "DeleteResourcePolicy": {},
    "DeleteSecret": {},
    "DeleteSecret by force": {"ForceDeleteWithoutRecovery": True},
    "ReplicateSecretToRegions": {"AddReplicaRegions": [{"Region": "us-other-1"}]},
    "ReplicateSecretToRegions to its own": {"AddReplicaRegions": [{"Region": "OWN"}]},
    "RemoveRegionsFromReplication": {"RemoveReplicaRegions": ["us-other-1"]},
}


@pytest.mark.parametrize("name", WRITES)
def test_write_to_a_replica_is_refused(api: LiveApi, elsewhere: LiveApi, name: str) -> None:
    replicated(api, elsewhere)
    before = (shown(api), shown(elsewhere), described(elsewhere))
    members = dict(WRITES[name])
    if members.get("AddReplicaRegions") == [{"Region": "OWN"}]:
        members["AddReplicaRegions"] = to(elsewhere)

    assert refused(elsewhere, name.split(maxsplit=1)[0], **members) == ON_REPLICA
    assert (shown(api), shown(elsewhere), described(elsewhere)) == before


def refused(api: LiveApi, operation: str, **members: Any) -> Refusal:  # noqa: ANN401 - as boto3 takes them
    """Return how an operation on ``a`` is refused."""
    return refusal(lambda: api.secrets._make_api_call(operation, {"SecretId": "a", **members}))  # type: ignore[attr-defined]  # by AWS's name


def test_restoring_a_replica_that_nobody_deleted_changes_nothing(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    replicated(api, elsewhere)
    before = described(elsewhere)

    elsewhere.secrets.restore_secret(SecretId="a")

    assert described(elsewhere) == before


def test_replica_gets_a_key_of_its_own(api: LiveApi, elsewhere: LiveApi) -> None:
    replicated(api, elsewhere)

    elsewhere.secrets.update_secret(SecretId="a", KmsKeyId="alias/there")

    (status,) = described(api)["ReplicationStatus"]
    assert described(elsewhere)["KmsKeyId"] == status["KmsKeyId"] == "alias/there"
    assert "KmsKeyId" not in described(api)
    assert value_of(elsewhere) == "x"


@pytest.mark.parametrize("default", ["", DEFAULT_KEY])
def test_replica_gets_the_default_key_back(api: LiveApi, elsewhere: LiveApi, default: str) -> None:
    replicated(api, AddReplicaRegions=to(elsewhere, KmsKeyId="alias/there"))

    elsewhere.secrets.update_secret(SecretId="a", KmsKeyId=default)

    (status,) = described(api)["ReplicationStatus"]
    assert status["KmsKeyId"] == DEFAULT_KEY
    assert "KmsKeyId" not in described(elsewhere)


def test_new_key_of_the_primary_is_no_key_of_its_replicas(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    replicated(api, elsewhere)

    api.secrets.update_secret(SecretId="a", KmsKeyId="alias/here")

    assert described(api)["KmsKeyId"] == "alias/here"
    assert "KmsKeyId" not in described(elsewhere)


def test_each_region_has_its_own_last_access(
    api: LiveApi, elsewhere: LiveApi, third: LiveApi
) -> None:
    replicated(api, elsewhere, third)

    value_of(elsewhere)

    accessed = {
        each["Region"]: each.get("LastAccessedDate")
        for each in described(api)["ReplicationStatus"]
    }
    assert accessed == {
        elsewhere.region: described(elsewhere)["LastAccessedDate"],
        third.region: None,
    }
    assert isinstance(accessed[elsewhere.region], datetime)
    assert "LastAccessedDate" not in described(api)
    assert "LastAccessedDate" not in described(third)


def test_access_in_the_primary_s_region_is_none_in_a_replica_s(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    replicated(api, elsewhere)

    value_of(api)

    assert "LastAccessedDate" in described(api)
    assert "LastAccessedDate" not in described(elsewhere)
    (status,) = described(api)["ReplicationStatus"]
    assert "LastAccessedDate" not in status


def taken(elsewhere: LiveApi) -> str:
    """Take the name ``a`` there; return the ARN."""
    return elsewhere.secrets.create_secret(Name="a", SecretString="of there")["ARN"]


def test_region_where_the_name_is_taken_fails_and_says_why(
    api: LiveApi, elsewhere: LiveApi, third: LiveApi
) -> None:
    arn = taken(elsewhere)

    answer = api.secrets.create_secret(
        Name="a", SecretString="x", AddReplicaRegions=to(elsewhere, third)
    )

    assert {each["Status"] for each in answer["ReplicationStatus"]} == {"InProgress"}
    status = {each["Region"]: each for each in described(api)["ReplicationStatus"]}
    assert status[third.region] == {
        "Region": third.region,
        "KmsKeyId": DEFAULT_KEY,
        "Status": "InSync",
    }
    assert status[elsewhere.region] == {
        "Region": elsewhere.region,
        "KmsKeyId": DEFAULT_KEY,
        "Status": "Failed",
        "StatusMessage": (
            f"Replication failed: Secret name a already exists in region {elsewhere.region}."
        ),
    }
    assert (described(elsewhere)["ARN"], value_of(elsewhere)) == (arn, "of there")
    assert "PrimaryRegion" not in described(elsewhere)


def test_what_is_in_the_way_of_a_replica_stays_independent(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    taken(elsewhere)
    replicated(api, elsewhere)

    api.secrets.update_secret(SecretId="a", SecretString="y", Description="of here")
    elsewhere.secrets.put_secret_value(SecretId="a", SecretString="z")

    assert (value_of(api), value_of(elsewhere)) == ("y", "z")
    assert "Description" not in described(elsewhere)


def test_failed_region_succeeds_by_force(api: LiveApi, elsewhere: LiveApi) -> None:
    old_arn = taken(elsewhere)
    arn = replicated(api, elsewhere)

    api.secrets.replicate_secret_to_regions(
        SecretId="a", AddReplicaRegions=to(elsewhere), ForceOverwriteReplicaSecret=True
    )

    (status,) = described(api)["ReplicationStatus"]
    assert (status["Status"], "StatusMessage" in status) == ("InSync", False)
    assert shown(elsewhere) == shown(api)
    assert described(elsewhere)["ARN"] == arn.replace(api.region, elsewhere.region)
    assert refusal(elsewhere.secrets.describe_secret, SecretId=old_arn) == NOT_FOUND


def test_force_at_creation_overwrites_what_is_in_the_way(api: LiveApi, elsewhere: LiveApi) -> None:
    taken(elsewhere)

    replicated(api, elsewhere, ForceOverwriteReplicaSecret=True)

    assert status_of(api) == {elsewhere.region: "InSync"}
    assert value_of(elsewhere) == "x"


def test_failed_region_succeeds_once_the_name_is_free(api: LiveApi, elsewhere: LiveApi) -> None:
    taken(elsewhere)
    replicated(api, elsewhere)
    elsewhere.secrets.delete_secret(SecretId="a", ForceDeleteWithoutRecovery=True)

    api.secrets.replicate_secret_to_regions(SecretId="a", AddReplicaRegions=to(elsewhere))

    assert status_of(api) == {elsewhere.region: "InSync"}
    assert value_of(elsewhere) == "x"


def test_failed_region_fails_again_while_the_name_is_taken(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    taken(elsewhere)
    replicated(api, elsewhere)

    api.secrets.replicate_secret_to_regions(SecretId="a", AddReplicaRegions=to(elsewhere))

    assert status_of(api) == {elsewhere.region: "Failed"}
    assert value_of(elsewhere) == "of there"


def test_name_that_is_scheduled_for_deletion_is_taken(api: LiveApi, elsewhere: LiveApi) -> None:
    taken(elsewhere)
    elsewhere.secrets.delete_secret(SecretId="a")

    replicated(api, elsewhere)

    assert status_of(api) == {elsewhere.region: "Failed"}
    elsewhere.secrets.restore_secret(SecretId="a")
    assert value_of(elsewhere) == "of there"


def test_force_never_overwrites_another_s_replica(
    api: LiveApi, elsewhere: LiveApi, third: LiveApi
) -> None:
    replicated(third, elsewhere, SecretString="of the third")

    replicated(api, elsewhere, ForceOverwriteReplicaSecret=True)

    assert status_of(api) == {elsewhere.region: "Failed"}
    assert status_of(third) == {elsewhere.region: "InSync"}
    assert value_of(elsewhere) == "of the third"


def test_force_never_overwrites_a_primary_with_replicas(
    api: LiveApi, elsewhere: LiveApi, third: LiveApi
) -> None:
    replicated(elsewhere, third, SecretString="of there")

    replicated(api, elsewhere, ForceOverwriteReplicaSecret=True)

    assert status_of(api) == {elsewhere.region: "Failed"}
    assert status_of(elsewhere) == {third.region: "InSync"}
    assert (value_of(elsewhere), value_of(third)) == ("of there", "of there")


def test_force_never_overwrites_another_account_s_replica(
    api: LiveApi, elsewhere: LiveApi, other: LiveApi
) -> None:
    primary = other.in_region(elsewhere.region).secrets.create_secret(Name="b", SecretString="b")
    newest: Any = elsewhere.secrets
    newest.create_secret(Name="a", CrossAccountPrimaryARN=primary["ARN"], KmsKeyId="alias/shared")

    replicated(api, elsewhere, ForceOverwriteReplicaSecret=True)

    assert status_of(api) == {elsewhere.region: "Failed"}
    assert "CrossAccountPrimary" in described(elsewhere)


BAD_REGIONS: dict[str, tuple[list[dict[str, str]], str]] = {
    "its own": ([{"Region": "OWN"}], "InvalidParameterException"),
    "its own among others": (
        [{"Region": "ELSEWHERE"}, {"Region": "OWN"}],
        "InvalidParameterException",
    ),
    "one twice": (
        [{"Region": "ELSEWHERE"}, {"Region": "ELSEWHERE", "KmsKeyId": "alias/b"}],
        "InvalidParameterException",
    ),
    "China's": ([{"Region": "cn-north-1"}], "InvalidParameterException"),
    "GovCloud's among others": (
        [{"Region": "ELSEWHERE"}, {"Region": "us-gov-west-1"}],
        "InvalidParameterException",
    ),
    "none": ([{"KmsKeyId": "alias/b"}], "InvalidParameterException"),
    "none among others": ([{"Region": "ELSEWHERE"}, {}], "InvalidParameterException"),
    "no region's name": ([{"Region": "Frankfurt"}], "ValidationException"),
    "no region's name among others": (
        [{"Region": "ELSEWHERE"}, {"Region": "eu_west_1"}],
        "ValidationException",
    ),
    "the empty text": ([{"Region": ""}], "ValidationException"),
    "an empty list": ([], "ValidationException"),
}


def _regions(name: str, api: LiveApi, elsewhere: LiveApi) -> tuple[list[Any], str]:
    regions, code = BAD_REGIONS[name]
    meant = {"OWN": api.region, "ELSEWHERE": elsewhere.region}
    asked = [{member: meant.get(text, text) for member, text in each.items()} for each in regions]
    return asked, code


@pytest.mark.parametrize("name", BAD_REGIONS)
def test_replication_to_a_bad_region_is_refused_and_nothing_is_stored(
    api: LiveApi, elsewhere: LiveApi, name: str
) -> None:
    regions, expected = _regions(name, api, elsewhere)
    api.secrets.create_secret(Name="a", SecretString="x")
    before = described(api)

    status, code, text = refused(api, "ReplicateSecretToRegions", AddReplicaRegions=regions)

    assert (status, code) == (400, expected)
    assert code == "ValidationException" or text == INVALID_REGION[2]
    assert described(api) == before
    assert elsewhere.secrets.list_secrets()["SecretList"] == []


@pytest.mark.parametrize("name", BAD_REGIONS)
def test_creation_with_a_bad_region_is_refused_and_nothing_is_stored(
    api: LiveApi, elsewhere: LiveApi, name: str
) -> None:
    regions, expected = _regions(name, api, elsewhere)

    status, code, _ = refusal(
        api.secrets.create_secret, Name="a", SecretString="x", AddReplicaRegions=regions
    )

    assert (status, code) == (400, expected)
    assert api.secrets.list_secrets()["SecretList"] == []
    assert elsewhere.secrets.list_secrets()["SecretList"] == []


def test_second_replica_in_a_region_is_refused_and_nothing_is_stored(
    api: LiveApi, elsewhere: LiveApi, third: LiveApi
) -> None:
    replicated(api, elsewhere)
    before = described(api)

    answer = refused(
        api,
        "ReplicateSecretToRegions",
        AddReplicaRegions=to(third, elsewhere),
        ForceOverwriteReplicaSecret=True,
    )

    assert answer == (
        400,
        "InvalidParameterException",
        f"The secret is already replicated to region {elsewhere.region}.",
    )
    assert described(api) == before
    assert third.secrets.list_secrets()["SecretList"] == []


def test_secret_that_is_scheduled_for_deletion_is_not_replicated(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    api.secrets.create_secret(Name="a", SecretString="x")
    api.secrets.delete_secret(SecretId="a")

    answer = refused(api, "ReplicateSecretToRegions", AddReplicaRegions=to(elsewhere))

    assert answer[1] == "InvalidRequestException"
    assert elsewhere.secrets.list_secrets()["SecretList"] == []


def remove(api: LiveApi, *places: LiveApi) -> dict[str, str]:
    """Remove replicas; return how those that are left fare."""
    answer = api.secrets.remove_regions_from_replication(
        SecretId="a", RemoveReplicaRegions=[place.region for place in places]
    )
    return {each["Region"]: each["Status"] for each in answer["ReplicationStatus"]}


def test_removed_region_s_replica_is_gone_at_once(
    api: LiveApi, elsewhere: LiveApi, third: LiveApi
) -> None:
    replicated(api, elsewhere, third)

    left = remove(api, elsewhere)

    assert left == status_of(api) == {third.region: "InSync"}
    assert refusal(elsewhere.secrets.get_secret_value, SecretId="a") == NOT_FOUND
    assert elsewhere.secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"] == []
    assert value_of(third) == "x"


def test_last_region_removed_leaves_a_secret_without_replication(
    api: LiveApi, elsewhere: LiveApi, third: LiveApi
) -> None:
    replicated(api, elsewhere, third)

    left = remove(api, elsewhere, third)

    assert left == {}
    assert not {"PrimaryRegion", "ReplicationStatus"} & set(described(api))
    assert value_of(api) == "x"


def test_removed_region_has_the_name_free_for_another_secret(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    arn = replicated(api, elsewhere)
    remove(api, elsewhere)

    made = taken(elsewhere)

    assert made != arn.replace(api.region, elsewhere.region)
    assert value_of(elsewhere) == "of there"


def test_removed_region_can_have_a_replica_again(api: LiveApi, elsewhere: LiveApi) -> None:
    replicated(api, elsewhere)
    remove(api, elsewhere)
    api.secrets.put_secret_value(SecretId="a", SecretString="y")

    api.secrets.replicate_secret_to_regions(SecretId="a", AddReplicaRegions=to(elsewhere))

    assert shown(elsewhere) == shown(api)


def test_removing_a_failed_region_leaves_what_was_in_its_way(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    taken(elsewhere)
    replicated(api, elsewhere)

    left = remove(api, elsewhere)

    assert left == {}
    assert "ReplicationStatus" not in described(api)
    assert value_of(elsewhere) == "of there"


@pytest.mark.parametrize("unknown", ["us-nowhere-1", "OWN"])
def test_unknown_region_is_refused_and_none_is_removed(
    api: LiveApi, elsewhere: LiveApi, unknown: str
) -> None:
    replicated(api, elsewhere)
    before = described(api)
    region = api.region if unknown == "OWN" else unknown

    answer = refused(
        api,
        "RemoveRegionsFromReplication",
        RemoveReplicaRegions=[elsewhere.region, region],
    )

    assert answer == (
        400,
        "InvalidParameterException",
        f"The secret isn't replicated to region {region}.",
    )
    assert described(api) == before
    assert value_of(elsewhere) == "x"


def test_removing_a_region_twice_in_one_request_removes_it(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    replicated(api, elsewhere)

    assert remove(api, elsewhere, elsewhere) == {}


def test_secret_without_replicas_has_none_to_remove(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="x")

    answer = refused(api, "RemoveRegionsFromReplication", RemoveReplicaRegions=["us-nowhere-1"])

    assert answer[1] == "InvalidParameterException"


def promote(place: LiveApi) -> str:
    return place.secrets.stop_replication_to_replica(SecretId="a")["ARN"]


def test_promoted_replica_keeps_its_arn_and_forgets_its_primary(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    arn = replicated(api, elsewhere).replace(api.region, elsewhere.region)

    promoted = promote(elsewhere)

    assert promoted == described(elsewhere)["ARN"] == arn
    assert not {"PrimaryRegion", "ReplicationStatus"} & set(described(elsewhere))


def test_primary_forgets_the_replica_that_was_promoted(
    api: LiveApi, elsewhere: LiveApi, third: LiveApi
) -> None:
    replicated(api, elsewhere, third)

    promote(elsewhere)
    first = described(api)
    promote(third)
    second = described(api)

    assert [each["Region"] for each in first["ReplicationStatus"]] == [third.region]
    assert first["PrimaryRegion"] == api.region
    assert not {"PrimaryRegion", "ReplicationStatus"} & set(second)


def test_promoted_replica_has_every_version_by_label_and_by_id(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    replicated(api, elsewhere)
    (oldest,) = described(api)["VersionIdsToStages"]
    api.secrets.put_secret_value(SecretId="a", SecretBinary=b"\x00y")
    api.secrets.put_secret_value(SecretId="a", SecretString="z", VersionStages=["AWSCURRENT", "b"])
    before = shown(elsewhere)

    promote(elsewhere)

    after = shown(elsewhere)
    assert after["versions"] == before["versions"]
    assert after["value"] == before["value"]
    assert value_of(elsewhere, VersionId=oldest) == "x"
    assert value_of(elsewhere, VersionStage="b") == "z"
    previous = elsewhere.secrets.get_secret_value(SecretId="a", VersionStage="AWSPREVIOUS")
    assert previous["SecretBinary"] == b"\x00y"


def test_promoted_replica_keeps_description_tags_policy_and_key(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    regions = to(elsewhere, KmsKeyId="alias/there")
    replicated(
        api,
        AddReplicaRegions=regions,
        Description="of the shop",
        Tags=[{"Key": "Team", "Value": "shop"}],
    )
    _put_policy(api)

    promote(elsewhere)

    after = described(elsewhere)
    assert after["Description"] == "of the shop"
    assert after["Tags"] == [{"Key": "Team", "Value": "shop"}]
    assert after["KmsKeyId"] == "alias/there"
    assert shown(elsewhere)["policy"] == READERS


@every_change
def test_primary_s_change_does_not_reach_what_was_promoted(
    api: LiveApi, elsewhere: LiveApi, change: Callable[[LiveApi], None]
) -> None:
    replicated(api, elsewhere)
    promote(elsewhere)
    before = shown(elsewhere)

    change(api)

    assert shown(elsewhere) == before


@every_change
def test_promoted_secret_s_change_does_not_reach_the_primary(
    api: LiveApi, elsewhere: LiveApi, change: Callable[[LiveApi], None]
) -> None:
    replicated(api, elsewhere)
    promote(elsewhere)
    before, before_there = shown(api), shown(elsewhere)

    change(elsewhere)

    assert shown(api) == before
    assert shown(elsewhere) != before_there


def test_pending_version_s_label_is_not_promoted(api: LiveApi, elsewhere: LiveApi) -> None:
    replicated(api, elsewhere)
    _put_pending(api)

    promote(elsewhere)

    labels = [
        stage for each in described(elsewhere)["VersionIdsToStages"].values() for stage in each
    ]
    assert labels == ["AWSCURRENT"]
    assert refusal(
        elsewhere.secrets.get_secret_value, SecretId="a", VersionStage="AWSPENDING"
    ) == (
        400,
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: AWSPENDING",
    )
    assert value_of(api, VersionStage="AWSPENDING") == "y"


def test_promoted_secret_knows_the_tokens_of_its_versions(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    request_token = token()
    replicated(api, elsewhere, ClientRequestToken=request_token)
    promote(elsewhere)

    same = elsewhere.secrets.put_secret_value(
        SecretId="a", SecretString="x", ClientRequestToken=request_token
    )
    other = refusal(
        elsewhere.secrets.put_secret_value,
        SecretId="a",
        SecretString="y",
        ClientRequestToken=request_token,
    )

    assert same["VersionId"] == request_token
    assert other[1] == "ResourceExistsException"


def test_promoted_secret_has_replicas_of_its_own(
    api: LiveApi, elsewhere: LiveApi, third: LiveApi
) -> None:
    replicated(api, elsewhere)
    promote(elsewhere)

    elsewhere.secrets.replicate_secret_to_regions(SecretId="a", AddReplicaRegions=to(third))
    elsewhere.secrets.put_secret_value(SecretId="a", SecretString="y")

    assert (value_of(api), value_of(third)) == ("x", "y")
    assert described(third)["PrimaryRegion"] == elsewhere.region


def test_promoted_secret_can_be_deleted_and_its_name_used_again(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    replicated(api, elsewhere)
    arn = promote(elsewhere)
    elsewhere.secrets.delete_secret(SecretId="a", ForceDeleteWithoutRecovery=True)

    made = taken(elsewhere)

    assert made != arn
    assert value_of(elsewhere) == "of there"
    assert value_of(api) == "x"


def test_promoted_secret_is_in_the_way_of_a_new_replica_unless_forced(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    arn = replicated(api, elsewhere).replace(api.region, elsewhere.region)
    promote(elsewhere)
    elsewhere.secrets.put_secret_value(SecretId="a", SecretString="of there")

    api.secrets.replicate_secret_to_regions(SecretId="a", AddReplicaRegions=to(elsewhere))
    first = (status_of(api), value_of(elsewhere))
    api.secrets.replicate_secret_to_regions(
        SecretId="a", AddReplicaRegions=to(elsewhere), ForceOverwriteReplicaSecret=True
    )

    assert first == ({elsewhere.region: "Failed"}, "of there")
    assert status_of(api) == {elsewhere.region: "InSync"}
    assert (described(elsewhere)["ARN"], value_of(elsewhere)) == (arn, "x")


@pytest.mark.parametrize("has_replicas", [False, True])
def test_only_a_replica_is_promoted(api: LiveApi, elsewhere: LiveApi, has_replicas: bool) -> None:
    replicated(api, elsewhere)
    if not has_replicas:
        remove(api, elsewhere)

    assert refused(api, "StopReplicationToReplica") == NOT_A_REPLICA


def test_secret_is_promoted_once(api: LiveApi, elsewhere: LiveApi) -> None:
    replicated(api, elsewhere)
    promote(elsewhere)

    assert refused(elsewhere, "StopReplicationToReplica") == NOT_A_REPLICA


@pytest.mark.parametrize("is_forced", [False, True])
def test_primary_with_replicas_is_not_deleted(
    api: LiveApi, elsewhere: LiveApi, third: LiveApi, is_forced: bool
) -> None:
    arn = replicated(api, elsewhere, third)
    regions = ", ".join(sorted([elsewhere.region, third.region]))

    answer = refused(api, "DeleteSecret", ForceDeleteWithoutRecovery=is_forced)

    assert answer == (
        400,
        "InvalidParameterException",
        f"You can't delete secret {arn} that still has replica regions [{regions}].",
    )
    assert "DeletedDate" not in described(api)
    assert value_of(elsewhere) == "x"


def _remove(api: LiveApi, elsewhere: LiveApi) -> None:
    remove(api, elsewhere)


def _promote(_api: LiveApi, elsewhere: LiveApi) -> None:
    promote(elsewhere)


@pytest.mark.parametrize("is_forced", [False, True])
@pytest.mark.parametrize("end", [_remove, _promote])
def test_primary_is_deleted_once_it_has_no_replicas(
    api: LiveApi,
    elsewhere: LiveApi,
    end: Callable[[LiveApi, LiveApi], None],
    is_forced: bool,
) -> None:
    replicated(api, elsewhere)
    end(api, elsewhere)

    api.secrets.delete_secret(SecretId="a", ForceDeleteWithoutRecovery=is_forced)

    assert api.secrets.list_secrets()["SecretList"] == []


def test_primary_with_a_failed_region_is_deleted_once_that_is_removed(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    taken(elsewhere)
    replicated(api, elsewhere)
    before = refused(api, "DeleteSecret")

    remove(api, elsewhere)
    api.secrets.delete_secret(SecretId="a")

    assert before[1] == "InvalidParameterException"
    assert "DeletedDate" in described(api)


def test_name_of_a_replica_is_taken_there(api: LiveApi, elsewhere: LiveApi) -> None:
    replicated(api, elsewhere)

    answer = refusal(elsewhere.secrets.create_secret, Name="a", SecretString="y")

    assert answer == (
        400,
        "ResourceExistsException",
        "The operation failed because the secret a already exists.",
    )


def test_token_of_the_primary_s_version_does_not_repeat_a_creation_in_the_replica_s_region(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    request_token = token()
    replicated(api, elsewhere, ClientRequestToken=request_token)

    answer = refusal(
        elsewhere.secrets.create_secret,
        Name="a",
        SecretString="x",
        ClientRequestToken=request_token,
    )

    assert answer[1] == "ResourceExistsException"


def test_creation_with_replicas_needs_the_permission_to_replicate(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    creator = api.user(policy(allow("secretsmanager:CreateSecret")))
    replicator = api.user(
        policy(allow(["secretsmanager:CreateSecret", "secretsmanager:ReplicateSecretToRegions"]))
    )

    _, code, text = refusal(
        creator.secrets.create_secret, Name="a", AddReplicaRegions=to(elsewhere)
    )
    before = api.secrets.list_secrets()["SecretList"]
    replicated(replicator, elsewhere)

    assert code == "AccessDeniedException"
    assert "is not authorized to perform: secretsmanager:ReplicateSecretToRegions" in text
    assert before == []
    assert value_of(elsewhere) == "x"


# AWS: "Prevent AWS Secrets Manager replication" in the user guide.
NO_REPLICATION = policy(
    {
        **allow("secretsmanager:*"),
        "Condition": {"Null": {"secretsmanager:AddReplicaRegions": "true"}},
    }
)
SOME_REGIONS = policy(
    {
        **allow(["secretsmanager:CreateSecret", "secretsmanager:ReplicateSecretToRegions"]),
        "Condition": {
            "ForAllValues:StringLike": {"secretsmanager:AddReplicaRegions": ["us-*", "ca-*"]}
        },
    }
)
NO_FORCE = policy(
    allow("secretsmanager:*"),
    {
        **deny(["secretsmanager:CreateSecret", "secretsmanager:ReplicateSecretToRegions"]),
        "Condition": {"Bool": {"secretsmanager:ForceOverwriteReplicaSecret": "true"}},
    },
)


@pytest.mark.parametrize(
    ("granted", "region", "is_forced", "is_allowed"),
    [
        (NO_REPLICATION, "us-aa-1", False, False),
        (SOME_REGIONS, "us-bb-1", False, True),
        (SOME_REGIONS, "eu-west-1", False, False),
        (NO_FORCE, "us-cc-1", False, True),
        (NO_FORCE, "us-dd-1", True, False),
    ],
    ids=["never", "there", "not there", "without force", "not by force"],
)
def test_policy_decides_where_a_secret_may_be_replicated_and_how(
    api: LiveApi, granted: dict[str, Any], region: str, is_forced: bool, is_allowed: bool
) -> None:
    user = api.user(granted)
    regions: Any = [{"Region": region}]
    # One made by the administrator; the region is shared, so that the name is not.
    name = f"of-{api.region}"
    api.secrets.create_secret(Name=name)

    calls: tuple[Callable[[], object], ...] = (
        lambda: user.secrets.create_secret(
            Name=f"{name}-2", AddReplicaRegions=regions, ForceOverwriteReplicaSecret=is_forced
        ),
        lambda: user.secrets.replicate_secret_to_regions(
            SecretId=name, AddReplicaRegions=regions, ForceOverwriteReplicaSecret=is_forced
        ),
    )

    for call in calls:
        if is_allowed:
            call()
        else:
            assert refusal(call)[1] == "AccessDeniedException"


OPERATIONS: dict[str, dict[str, Any]] = {
    "ReplicateSecretToRegions": {"AddReplicaRegions": [{"Region": "us-other-1"}]},
    "RemoveRegionsFromReplication": {"RemoveReplicaRegions": ["us-other-1"]},
    "StopReplicationToReplica": {},
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_who_has_every_other_permission_may_not_replicate(
    api: LiveApi, elsewhere: LiveApi, operation: str
) -> None:
    replicated(api, elsewhere)
    place = elsewhere if operation == "StopReplicationToReplica" else api
    user = place.user(policy(allow("*"), deny(f"secretsmanager:{operation}")))

    _, code, text = refused(user, operation, **OPERATIONS[operation])

    assert code == "AccessDeniedException"
    assert f"is not authorized to perform: secretsmanager:{operation}" in text
    assert status_of(api) == {elsewhere.region: "InSync"}


def test_who_may_promote_elsewhere_may_not_promote_here(
    api: LiveApi, elsewhere: LiveApi, third: LiveApi
) -> None:
    arn = replicated(api, elsewhere, third)
    allowed = allow(
        "secretsmanager:StopReplicationToReplica", arn.replace(api.region, third.region)
    )
    user = elsewhere.user(policy(allowed))

    assert refused(user, "StopReplicationToReplica")[1] == "AccessDeniedException"
    assert status_of(api) == {elsewhere.region: "InSync", third.region: "InSync"}


def test_reader_of_the_primary_alone_may_not_read_the_replica(
    api: LiveApi, elsewhere: LiveApi
) -> None:
    arn = replicated(api, elsewhere)
    user = elsewhere.user(policy(allow("secretsmanager:GetSecretValue", arn)))

    assert refusal(user.secrets.get_secret_value, SecretId="a")[1] == "AccessDeniedException"
    assert value_of(user.in_region(api.region)) == "x"


def test_replicas_are_not_shown_to_another_account(
    api: LiveApi, elsewhere: LiveApi, other: LiveApi
) -> None:
    arn = replicated(api, elsewhere)
    there = other.in_region(elsewhere.region)

    assert there.secrets.list_secrets()["SecretList"] == []
    answer = refusal(
        there.secrets.get_secret_value, SecretId=arn.replace(api.region, elsewhere.region)
    )
    assert answer[1] == "AccessDeniedException"


def test_replicas_beyond_the_limit_are_refused_and_none_is_made(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="x")
    regions = [{"Region": f"us-{chr(97 + n // 26)}{chr(97 + n % 26)}-1"} for n in range(51)]

    answer = api.post("ReplicateSecretToRegions", {"SecretId": "a", "AddReplicaRegions": regions})

    assert answer.refusal == (
        400,
        "InvalidParameterException",
        "A secret can't have replicas in more than 50 Regions.",
    )
    assert status_of(api) == {}


@pytest.mark.parametrize("is_put_first", [True, False])
def test_deny_of_the_primary_by_its_arn_holds_for_its_replicas(
    api: LiveApi, elsewhere: LiveApi, is_put_first: bool
) -> None:
    arn = api.secrets.create_secret(Name="a", SecretString="x")["ARN"]
    user = elsewhere.user(policy(allow("secretsmanager:GetSecretValue")))
    statement = {
        "Effect": "Deny",
        "Principal": {"AWS": user.sts.get_caller_identity()["Arn"]},
        "Action": "secretsmanager:GetSecretValue",
        "Resource": arn,
    }
    document = json.dumps(policy(statement))

    if is_put_first:
        api.secrets.put_resource_policy(SecretId="a", ResourcePolicy=document)
    api.secrets.replicate_secret_to_regions(SecretId="a", AddReplicaRegions=to(elsewhere))
    if not is_put_first:
        api.secrets.put_resource_policy(SecretId="a", ResourcePolicy=document)

    refused = refusal(user.secrets.get_secret_value, SecretId="a")
    assert refused[1] == "AccessDeniedException"
    assert refused[2].endswith("with an explicit deny in a resource-based policy")
    assert elsewhere.secrets.get_resource_policy(SecretId="a")["ResourcePolicy"] == document
