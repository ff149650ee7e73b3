"""DescribeSecret, GetSecretValue and ListSecretVersionIds, against a running server.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Operations.html
"""

from datetime import UTC, timedelta
from typing import Any

import pytest

from support.live_api import LiveApi, refusal, token

pytestmark = pytest.mark.server

NOT_FOUND = (
    400,
    "ResourceNotFoundException",
    "Secrets Manager can't find the specified secret.",
)
NAME_REFUSED = (
    400,
    "ValidationException",
    (
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the "
        "following: -/_+=.@!"
    ),
)
DELETED = (
    400,
    "InvalidRequestException",
    "You can't perform this operation on the secret because it was marked for deletion.",
)

# Every operation that names a secret, with what else it needs.
ON_A_SECRET: dict[str, dict[str, Any]] = {
    "CancelRotateSecret": {},
    "DeleteSecret": {},
    "DescribeSecret": {},
    "GetSecretValue": {},
    "ListSecretVersionIds": {},
    "PutSecretValue": {"SecretString": "x", "ClientRequestToken": "t" * 32},
    "RotateSecret": {"ClientRequestToken": "t" * 32},
    "TagResource": {"Tags": [{"Key": "a", "Value": "b"}]},
    "UntagResource": {"TagKeys": ["a"]},
    "UpdateSecret": {"ClientRequestToken": "t" * 32},
    "UpdateSecretVersionStage": {"VersionStage": "A", "MoveToVersionId": "t" * 32},
}
# AWS: these still work on a secret that is scheduled for deletion.
ON_A_DELETED_SECRET = {"DescribeSecret", "ListSecretVersionIds"}


@pytest.mark.parametrize("operation", sorted(ON_A_SECRET))
def test_missing_secret_is_not_found_with_status_400(api: LiveApi, operation: str) -> None:
    answer = api.post(operation, {"SecretId": "nothing", **ON_A_SECRET[operation]})

    assert answer.refusal == NOT_FOUND


@pytest.mark.parametrize("operation", sorted(ON_A_SECRET))
def test_bad_characters_are_refused_before_the_secret_is_looked_for(
    api: LiveApi, operation: str
) -> None:
    answer = api.post(operation, {"SecretId": "not a name", **ON_A_SECRET[operation]})

    assert answer.refusal == NAME_REFUSED


@pytest.mark.parametrize("operation", sorted(set(ON_A_SECRET) - ON_A_DELETED_SECRET))
def test_secret_that_is_scheduled_for_deletion_is_out_of_reach(
    api: LiveApi, operation: str
) -> None:
    api.secrets.create_secret(Name="gone", SecretString="x")
    api.secrets.delete_secret(SecretId="gone")

    answer = api.post(operation, {"SecretId": "gone", **ON_A_SECRET[operation]})

    assert answer.refusal == DELETED


@pytest.mark.parametrize("operation", sorted(ON_A_DELETED_SECRET))
def test_secret_that_is_scheduled_for_deletion_can_still_be_looked_at(
    api: LiveApi, operation: str
) -> None:
    api.secrets.create_secret(Name="gone", SecretString="x")
    api.secrets.delete_secret(SecretId="gone")

    answer = api.post(operation, {"SecretId": "gone", **ON_A_SECRET[operation]})

    assert answer.status == 200


@pytest.mark.parametrize("operation", sorted(ON_A_SECRET))
def test_missing_secret_id_is_refused(api: LiveApi, operation: str) -> None:
    answer = api.post(operation, ON_A_SECRET[operation])

    assert answer.refusal == (
        400,
        "ValidationException",
        (
            "1 validation error detected: Value null at 'secretId' failed to satisfy constraint: "
            "Member must not be null"
        ),
    )


def test_error_body_names_the_error_without_a_namespace(api: LiveApi) -> None:
    answer = api.post("DescribeSecret", {"SecretId": "nothing"})

    assert set(answer.document) == {"__type", "Message"}
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert answer.headers["x-amzn-requestid"]


@pytest.mark.parametrize("name", ["plain", "dir/name", "ends-a1b2", "ends-a1b2c3-", "rds!c"])
def test_secret_is_found_by_name_whole_and_partial_arn(api: LiveApi, name: str) -> None:
    arn = api.secrets.create_secret(Name=name, SecretString="x")["ARN"]

    found = [
        api.secrets.get_secret_value(SecretId=secret_id)["ARN"]
        for secret_id in (name, arn, arn[:-7])
    ]

    assert found == [arn, arn, arn]


def test_partial_arn_of_a_name_that_looks_suffixed_finds_nothing(api: LiveApi) -> None:
    arn = api.secrets.create_secret(Name="ends-a1b2c3", SecretString="x")["ARN"]

    assert refusal(api.secrets.get_secret_value, SecretId=arn[:-7]) == NOT_FOUND
    assert api.secrets.get_secret_value(SecretId="ends-a1b2c3")["ARN"] == arn


def test_arn_with_another_suffix_finds_nothing(api: LiveApi) -> None:
    arn = api.secrets.create_secret(Name="plain", SecretString="x")["ARN"]

    assert refusal(api.secrets.describe_secret, SecretId=arn[:-6] + "ZZZZZZ") == NOT_FOUND


def test_arn_of_another_region_finds_nothing(api: LiveApi) -> None:
    arn = api.secrets.create_secret(Name="plain", SecretString="x")["ARN"]
    elsewhere = arn.replace(api.region, "eu-west-1")

    assert refusal(api.secrets.describe_secret, SecretId=elsewhere) == NOT_FOUND


def test_described_secret_has_no_member_without_a_value(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="x")

    described = api.post("DescribeSecret", {"SecretId": "a"}).document

    assert set(described) == {
        "ARN",
        "Name",
        "LastChangedDate",
        "CreatedDate",
        "VersionIdsToStages",
    }


def test_dates_are_epoch_seconds_with_at_most_three_decimals(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="x")

    body = api.post("DescribeSecret", {"SecretId": "a"}).document

    for date in (body["CreatedDate"], body["LastChangedDate"]):
        assert isinstance(date, float | int)
        assert round(date, 3) == date


def test_value_that_was_read_is_noted_with_its_day_at_midnight(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="x")

    before: dict[str, Any] = {**api.secrets.describe_secret(SecretId="a")}
    api.secrets.get_secret_value(SecretId="a")
    after = api.secrets.describe_secret(SecretId="a")
    versions = api.secrets.list_secret_version_ids(SecretId="a")["Versions"]

    accessed = after["LastAccessedDate"].astimezone(UTC)
    assert "LastAccessedDate" not in before
    assert (accessed.hour, accessed.minute, accessed.second, accessed.microsecond) == (0, 0, 0, 0)
    assert versions[0]["LastAccessedDate"] == after["LastAccessedDate"]
    assert after["LastChangedDate"] == before["LastChangedDate"]


def test_value_is_read_by_label_by_version_and_by_both(api: LiveApi) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="one")["VersionId"]
    second = api.secrets.put_secret_value(SecretId="a", SecretString="two")["VersionId"]
    read = api.secrets.get_secret_value

    assert read(SecretId="a")["VersionId"] == second
    assert read(SecretId="a", VersionStage="AWSPREVIOUS")["SecretString"] == "one"
    assert read(SecretId="a", VersionId=first)["VersionStages"] == ["AWSPREVIOUS"]
    assert read(SecretId="a", VersionId=first, VersionStage="AWSPREVIOUS")["VersionId"] == first


@pytest.mark.parametrize("label", ["AWSPENDING", "AWSPREVIOUS", "awscurrent"])
def test_missing_label_is_not_found_by_its_name(api: LiveApi, label: str) -> None:
    api.secrets.create_secret(Name="a", SecretString="x")

    assert refusal(api.secrets.get_secret_value, SecretId="a", VersionStage=label) == (
        400,
        "ResourceNotFoundException",
        f"Secrets Manager can't find the specified secret value for staging label: {label}",
    )


def test_missing_version_is_not_found_by_its_id(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="x")
    version_id = token()

    assert refusal(api.secrets.get_secret_value, SecretId="a", VersionId=version_id) == (
        400,
        "ResourceNotFoundException",
        f"Secrets Manager can't find the specified secret value for VersionId: {version_id}",
    )


def test_label_that_is_not_on_the_version_is_refused(api: LiveApi) -> None:
    version_id = api.secrets.create_secret(Name="a", SecretString="x")["VersionId"]

    refused = refusal(
        api.secrets.get_secret_value,
        SecretId="a",
        VersionId=version_id,
        VersionStage="AWSPREVIOUS",
    )

    assert refused == (
        400,
        "InvalidRequestException",
        "You provided a VersionStage that is not associated to the provided VersionId.",
    )


def test_versions_are_listed_oldest_first_with_their_key(api: LiveApi) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]
    second = api.secrets.put_secret_value(SecretId="a", SecretString="2")["VersionId"]

    listed = api.post("ListSecretVersionIds", {"SecretId": "a"}).document

    assert [version["VersionId"] for version in listed["Versions"]] == [first, second]
    assert [version["VersionStages"] for version in listed["Versions"]] == [
        ["AWSPREVIOUS"],
        ["AWSCURRENT"],
    ]
    assert all(version["KmsKeyIds"] == ["DefaultEncryptionKey"] for version in listed["Versions"])
    assert set(listed) == {"ARN", "Name", "Versions"}


def test_version_without_a_label_is_listed_only_when_asked_for(api: LiveApi) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]
    for value in ("2", "3"):
        api.secrets.put_secret_value(SecretId="a", SecretString=value)

    labelled = api.secrets.list_secret_version_ids(SecretId="a")["Versions"]
    everything = api.post(
        "ListSecretVersionIds", {"SecretId": "a", "IncludeDeprecated": True}
    ).document["Versions"]

    assert first not in [version["VersionId"] for version in labelled]
    assert everything[0]["VersionId"] == first
    assert "VersionStages" not in everything[0]
    assert api.secrets.get_secret_value(SecretId="a", VersionId=first)["SecretString"] == "1"
    assert first not in api.secrets.describe_secret(SecretId="a")["VersionIdsToStages"]


def test_versions_come_in_pages(api: LiveApi) -> None:
    ids = [api.secrets.create_secret(Name="a", SecretString="0")["VersionId"]]
    for number in range(1, 5):
        stored = api.secrets.put_secret_value(
            SecretId="a", SecretString=str(number), VersionStages=[f"L{number}"]
        )
        ids.append(stored["VersionId"])

    pages = []
    position: dict[str, Any] = {}
    while True:
        page = api.secrets.list_secret_version_ids(SecretId="a", MaxResults=2, **position)
        pages.append([version["VersionId"] for version in page["Versions"]])
        if "NextToken" not in page:
            break
        position = {"NextToken": page["NextToken"]}

    assert pages == [ids[:2], ids[2:4], ids[4:]]


def test_created_date_of_a_version_is_its_own(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="1")
    api.secrets.put_secret_value(SecretId="a", SecretString="2")

    read = api.secrets.get_secret_value(SecretId="a")
    described = api.secrets.describe_secret(SecretId="a")

    assert read["CreatedDate"] > described["CreatedDate"]
    assert described["LastChangedDate"] - read["CreatedDate"] < timedelta(seconds=1)
