"""DeleteSecret, TagResource and UntagResource, against a running server.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
"""

from datetime import timedelta
from typing import Any

import pytest

from support.live_api import LiveApi, refusal

pytestmark = pytest.mark.server


@pytest.mark.parametrize(("given", "days"), [({}, 30), ({"RecoveryWindowInDays": 7}, 7)])
def test_deletion_comes_at_the_end_of_the_recovery_window(
    api: LiveApi, given: dict[str, Any], days: int
) -> None:
    api.secrets.create_secret(Name="gone", SecretString="x")

    deleted = api.secrets.delete_secret(SecretId="gone", **given)

    described = api.secrets.describe_secret(SecretId="gone")
    assert deleted["DeletionDate"] - described["DeletedDate"] == timedelta(days=days)
    assert described["VersionIdsToStages"]


def test_deletion_is_called_otherwise_where_it_is_asked_for(api: LiveApi) -> None:
    api.secrets.create_secret(Name="gone", SecretString="x")

    deleted = api.post("DeleteSecret", {"SecretId": "gone"}).document
    described = api.post("DescribeSecret", {"SecretId": "gone"}).document

    assert set(deleted) == {"ARN", "Name", "DeletionDate"}
    assert "DeletedDate" in described


@pytest.mark.parametrize("days", [-1, 0, 6, 31])
def test_recovery_window_of_other_than_7_to_30_days_is_refused(api: LiveApi, days: int) -> None:
    api.secrets.create_secret(Name="kept", SecretString="x")

    assert refusal(api.secrets.delete_secret, SecretId="kept", RecoveryWindowInDays=days) == (
        400,
        "InvalidParameterException",
        "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
    )
    assert "DeletedDate" not in api.secrets.describe_secret(SecretId="kept")


def test_force_with_a_recovery_window_is_refused(api: LiveApi) -> None:
    api.secrets.create_secret(Name="kept", SecretString="x")

    refused = refusal(
        api.secrets.delete_secret,
        SecretId="kept",
        RecoveryWindowInDays=7,
        ForceDeleteWithoutRecovery=True,
    )

    assert refused == (
        400,
        "InvalidParameterException",
        "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
    )
    assert api.secrets.get_secret_value(SecretId="kept")["SecretString"] == "x"


def test_forced_deletion_frees_the_name_for_another_arn(api: LiveApi) -> None:
    first = api.secrets.create_secret(Name="gone", SecretString="x")["ARN"]

    api.secrets.delete_secret(SecretId="gone", ForceDeleteWithoutRecovery=True)

    second = api.secrets.create_secret(Name="gone", SecretString="y")["ARN"]
    assert second != first
    assert refusal(api.secrets.describe_secret, SecretId=first)[1] == "ResourceNotFoundException"


def test_forced_deletion_of_nothing_succeeds_with_an_arn_made_up(api: LiveApi) -> None:
    answer = api.post("DeleteSecret", {"SecretId": "nothing", "ForceDeleteWithoutRecovery": True})

    assert answer.status == 200
    assert answer.document["Name"] == "nothing"
    assert ":secret:nothing-" in answer.document["ARN"]
    assert "DeletionDate" in answer.document


def test_forced_deletion_of_a_name_that_none_can_have_is_refused(api: LiveApi) -> None:
    status, code, text = refusal(
        api.secrets.delete_secret, SecretId="no name", ForceDeleteWithoutRecovery=True
    )

    assert (status, code) == (400, "ValidationException")
    assert text.startswith("Invalid name.")


def test_forced_deletion_of_an_arn_that_names_nothing_gives_that_arn_back(api: LiveApi) -> None:
    arn = api.secrets.create_secret(Name="gone")["ARN"]
    api.secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)

    again = api.secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)

    assert again["ARN"] == arn


def test_scheduled_secret_can_be_deleted_by_force(api: LiveApi) -> None:
    api.secrets.create_secret(Name="gone", SecretString="x")
    api.secrets.delete_secret(SecretId="gone")

    api.secrets.delete_secret(SecretId="gone", ForceDeleteWithoutRecovery=True)

    assert api.secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"] == []


def test_tags_are_added_and_replaced_by_their_key(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", Tags=[{"Key": "k", "Value": "1"}])

    answer = api.post(
        "TagResource",
        {"SecretId": "a", "Tags": [{"Key": "k", "Value": "2"}, {"Key": "K", "Value": "3"}]},
    )

    described = api.secrets.describe_secret(SecretId="a")
    assert (answer.status, answer.body) == (200, b"")
    assert described["Tags"] == [{"Key": "k", "Value": "2"}, {"Key": "K", "Value": "3"}]


def test_secret_whose_last_tag_was_removed_has_an_empty_list(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", Tags=[{"Key": "k", "Value": "1"}])

    answer = api.post("UntagResource", {"SecretId": "a", "TagKeys": ["k", "never-there"]})

    assert (answer.status, answer.body) == (200, b"")
    assert api.post("DescribeSecret", {"SecretId": "a"}).document["Tags"] == []


def test_secret_that_was_never_tagged_has_no_tags_member(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a")

    api.post("UntagResource", {"SecretId": "a", "TagKeys": ["k"]})

    assert "Tags" not in api.post("DescribeSecret", {"SecretId": "a"}).document


def test_51st_tag_is_refused(api: LiveApi) -> None:
    tags: list[Any] = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    api.secrets.create_secret(Name="a", Tags=tags)

    refused = refusal(api.secrets.tag_resource, SecretId="a", Tags=[{"Key": "one more"}])

    assert refused[:2] == (400, "InvalidParameterException")
    assert len(api.secrets.describe_secret(SecretId="a")["Tags"]) == 50


@pytest.mark.parametrize(
    "tag", [{"Key": "k" * 129}, {"Key": "k", "Value": "v" * 257}, {"Key": ""}]
)
def test_tag_of_a_wrong_length_is_refused(api: LiveApi, tag: dict[str, str]) -> None:
    api.secrets.create_secret(Name="a")

    refused = refusal(api.secrets.tag_resource, SecretId="a", Tags=[tag])

    assert refused[:2] == (400, "ValidationException")


@pytest.mark.parametrize("tag", [{"Value": "v"}, {"Key": None, "Value": "v"}])
def test_tag_without_a_key_is_refused(api: LiveApi, tag: dict[str, Any]) -> None:
    api.secrets.create_secret(Name="a")

    assert api.post("TagResource", {"SecretId": "a", "Tags": [tag]}).status == 400
    assert "Tags" not in api.post("DescribeSecret", {"SecretId": "a"}).document


@pytest.mark.parametrize("key", ["aws:x", "AWS:x"])
def test_reserved_tag_key_is_refused(api: LiveApi, key: str) -> None:
    api.secrets.create_secret(Name="a")

    refused = refusal(api.secrets.tag_resource, SecretId="a", Tags=[{"Key": key, "Value": "x"}])

    assert refused[:2] == (400, "InvalidParameterException")
