"""PutSecretValue, UpdateSecret and UpdateSecretVersionStage, against a running server.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from support.live_api import LiveApi, refusal, token

pytestmark = pytest.mark.server

TOKEN_WANTED = (
    400,
    "InvalidRequestException",
    "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
)
TWO_VALUES = (
    400,
    "InvalidParameterException",
    "You can't specify both a binary secret value and a string secret value in the same secret.",
)
WRITES = ["PutSecretValue", "UpdateSecret"]


def stages_of(api: LiveApi, name: str = "a") -> dict[str, list[str]]:
    return dict(api.secrets.describe_secret(SecretId=name).get("VersionIdsToStages", {}))


@pytest.mark.parametrize("operation", WRITES)
def test_new_value_becomes_current_and_the_old_one_previous(api: LiveApi, operation: str) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]
    second = token()

    body = {"SecretId": "a", "SecretString": "2", "ClientRequestToken": second}
    answer = api.post(operation, body).document

    assert answer["VersionId"] == second
    assert stages_of(api) == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}


@pytest.mark.parametrize("operation", WRITES)
def test_missing_token_is_refused_before_the_secret_is_looked_for(
    api: LiveApi, operation: str
) -> None:
    assert api.post(operation, {"SecretId": "none", "SecretString": "x"}).refusal == TOKEN_WANTED


@pytest.mark.parametrize("operation", WRITES)
def test_same_token_with_the_same_value_changes_nothing(api: LiveApi, operation: str) -> None:
    api.secrets.create_secret(Name="a", SecretString="1")
    body = {"SecretId": "a", "SecretString": "2", "ClientRequestToken": token()}
    first = api.post(operation, body)
    stages = stages_of(api)

    second = api.post(operation, body)

    assert (second.status, second.document) == (200, first.document)
    assert stages_of(api) == stages


@pytest.mark.parametrize("operation", WRITES)
@pytest.mark.parametrize("other", [{"SecretString": "3"}, {"SecretBinary": "Mg=="}])
def test_same_token_with_another_value_is_a_conflict(
    api: LiveApi, operation: str, other: dict[str, str]
) -> None:
    arn = api.secrets.create_secret(Name="a", SecretString="1")["ARN"]
    common = {"SecretId": "a", "ClientRequestToken": token()}
    api.post(operation, {**common, "SecretString": "2"})

    answer = api.post(operation, {**common, **other})

    assert answer.refusal == (
        400,
        "ResourceExistsException",
        (
            f"You can't use ClientRequestToken {common['ClientRequestToken']} because that "
            "value is "
            f"already in use for a version of secret {arn}."
        ),
    )


@pytest.mark.parametrize("operation", WRITES)
def test_two_values_are_refused(api: LiveApi, operation: str) -> None:
    api.secrets.create_secret(Name="a", SecretString="1")
    values = {"SecretString": "x", "SecretBinary": "eA=="}

    answer = api.post(operation, {"SecretId": "a", "ClientRequestToken": token(), **values})

    assert answer.refusal == TWO_VALUES


def test_put_without_a_value_is_refused(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="1")

    assert refusal(api.secrets.put_secret_value, SecretId="a") == (
        400,
        "InvalidRequestException",
        "You must provide either SecretString or SecretBinary.",
    )


@pytest.mark.parametrize("operation", WRITES)
def test_kind_of_a_value_may_change(api: LiveApi, operation: str) -> None:
    api.secrets.create_secret(Name="a", SecretBinary=b"\x00\xff")

    api.post(operation, {"SecretId": "a", "SecretString": "x", "ClientRequestToken": token()})

    read = api.secrets.get_secret_value(SecretId="a")
    assert read["SecretString"] == "x"
    assert "SecretBinary" not in read


def test_same_value_under_a_new_token_is_a_new_version(api: LiveApi) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]

    second = api.secrets.put_secret_value(SecretId="a", SecretString="1")["VersionId"]

    assert stages_of(api) == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}


def test_given_labels_alone_are_attached_and_returned_sorted(api: LiveApi) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]

    stored = api.secrets.put_secret_value(
        SecretId="a", SecretString="2", VersionStages=["one", "two", "three", "four"]
    )

    assert stored["VersionStages"] == ["four", "one", "three", "two"]
    assert stages_of(api) == {
        first: ["AWSCURRENT"],
        stored["VersionId"]: ["four", "one", "three", "two"],
    }


def test_own_label_stays_on_the_version_that_current_leaves(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="1")
    second = api.secrets.put_secret_value(
        SecretId="a", SecretString="2", VersionStages=["AWSCURRENT", "AWSMINE"]
    )["VersionId"]

    for value in ("3", "4"):
        api.secrets.put_secret_value(SecretId="a", SecretString=value)

    assert stages_of(api)[second] == ["AWSMINE"]


@pytest.mark.parametrize("operation", WRITES)
def test_new_current_value_takes_the_pending_label_away(api: LiveApi, operation: str) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]
    pending = api.secrets.put_secret_value(
        SecretId="a", SecretString="2", VersionStages=["AWSPENDING"]
    )["VersionId"]
    third = token()

    api.post(operation, {"SecretId": "a", "SecretString": "3", "ClientRequestToken": third})

    assert stages_of(api) == {first: ["AWSPREVIOUS"], third: ["AWSCURRENT"]}
    assert api.secrets.get_secret_value(SecretId="a", VersionId=pending)["SecretString"] == "2"


@pytest.mark.parametrize(
    ("labels", "constraint"),
    [
        ([], "Member must have length greater than or equal to 1"),
        ([f"L{number}" for number in range(21)], "Member must have length less than or equal"),
        (["L" * 257], "length less than or equal to 256"),
        ([""], "length greater than or equal to 1"),
    ],
)
def test_too_many_or_too_long_labels_are_refused(
    api: LiveApi, labels: list[str], constraint: str
) -> None:
    api.secrets.create_secret(Name="a", SecretString="1")

    status, code, text = refusal(
        api.secrets.put_secret_value, SecretId="a", SecretString="2", VersionStages=labels
    )

    assert (status, code) == (400, "ValidationException")
    assert "at 'versionStages" in text
    assert constraint in text


def test_more_than_20_labels_on_one_secret_are_refused(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="1")
    labels = [f"L{number}" for number in range(20)]

    refused = refusal(
        api.secrets.put_secret_value, SecretId="a", SecretString="2", VersionStages=labels
    )

    assert refused[:2] == (400, "LimitExceededException")
    assert len(stages_of(api)) == 1


def test_threads_with_the_same_token_store_one_value(api: LiveApi) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="0")["VersionId"]
    request_token = token()

    def put(number: int) -> tuple[int, str]:
        body = {
            "SecretId": "a",
            "SecretString": f"value {number}",
            "ClientRequestToken": request_token,
        }
        return api.post("PutSecretValue", body).status, f"value {number}"

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(put, range(16)))

    winners = [value for status, value in answers if status == 200]
    assert len(winners) == 1
    assert [status for status, _ in answers if status != 200] == [400] * 15
    assert stages_of(api) == {first: ["AWSPREVIOUS"], request_token: ["AWSCURRENT"]}
    assert api.secrets.get_secret_value(SecretId="a")["SecretString"] == winners[0]


def test_threads_with_tokens_of_their_own_leave_one_current_version(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="0")

    def put(number: int) -> int:
        body = {"SecretId": "a", "SecretString": str(number), "ClientRequestToken": token()}
        return api.post("PutSecretValue", body).status

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(put, range(16)))

    versions = api.secrets.list_secret_version_ids(SecretId="a", IncludeDeprecated=True)
    assert answers == [200] * 16
    assert len(versions["Versions"]) == 17
    assert sorted(stages_of(api).values()) == [["AWSCURRENT"], ["AWSPREVIOUS"]]


def test_threads_that_create_the_same_name_make_one_secret(api: LiveApi) -> None:
    def create(number: int) -> int:
        body = {"Name": "a", "SecretString": str(number), "ClientRequestToken": token()}
        return api.post("CreateSecret", body).status

    with ThreadPoolExecutor(8) as threads:
        answers = sorted(threads.map(create, range(8)))

    assert answers == [200] + [400] * 7
    assert len(api.secrets.list_secrets()["SecretList"]) == 1


def test_update_with_nothing_to_update_succeeds_without_a_version(api: LiveApi) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]

    answer = api.post("UpdateSecret", {"SecretId": "a", "ClientRequestToken": token()}).document

    assert set(answer) == {"ARN", "Name"}
    assert stages_of(api) == {first: ["AWSCURRENT"]}


def test_update_of_the_description_alone_makes_no_version(api: LiveApi) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]
    before = api.secrets.describe_secret(SecretId="a")

    answer: dict[str, Any] = {**api.secrets.update_secret(SecretId="a", Description="new")}

    after = api.secrets.describe_secret(SecretId="a")
    assert "VersionId" not in answer
    assert after["Description"] == "new"
    assert after["VersionIdsToStages"] == {first: ["AWSCURRENT"]}
    assert after["LastChangedDate"] > before["LastChangedDate"]


def test_update_of_the_value_alone_keeps_the_description(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="1", Description="kept")

    api.secrets.update_secret(SecretId="a", SecretString="2")

    assert api.secrets.describe_secret(SecretId="a")["Description"] == "kept"


def test_empty_key_goes_back_to_the_default_one(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", KmsKeyId="alias/mine")

    api.secrets.update_secret(SecretId="a", KmsKeyId="")

    assert "KmsKeyId" not in api.secrets.describe_secret(SecretId="a")


def two_versions(api: LiveApi) -> tuple[str, str]:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]
    second = api.secrets.put_secret_value(SecretId="a", SecretString="2")["VersionId"]
    return first, second


def move(api: LiveApi, label: str, **versions: str) -> dict[str, Any]:
    body = {"SecretId": "a", "VersionStage": label, **versions}
    return api.post("UpdateSecretVersionStage", body).document


def test_moved_current_label_takes_previous_to_where_it_was(api: LiveApi) -> None:
    first, second = two_versions(api)

    answer = move(api, "AWSCURRENT", MoveToVersionId=first, RemoveFromVersionId=second)

    assert set(answer) == {"ARN", "Name"}
    assert stages_of(api) == {first: ["AWSCURRENT"], second: ["AWSPREVIOUS"]}


def test_promoted_pending_version_keeps_its_pending_label(api: LiveApi) -> None:
    first = api.secrets.create_secret(Name="a", SecretString="1")["VersionId"]
    pending = api.secrets.put_secret_value(
        SecretId="a", SecretString="2", VersionStages=["AWSPENDING"]
    )["VersionId"]

    move(api, "AWSCURRENT", MoveToVersionId=pending, RemoveFromVersionId=first)

    assert stages_of(api) == {first: ["AWSPREVIOUS"], pending: ["AWSCURRENT", "AWSPENDING"]}


def test_current_label_is_not_moved_without_the_version_it_is_on(api: LiveApi) -> None:
    first, second = two_versions(api)

    refused = refusal(
        api.secrets.update_secret_version_stage,
        SecretId="a",
        VersionStage="AWSCURRENT",
        MoveToVersionId=first,
    )

    assert refused == (
        400,
        "InvalidParameterException",
        (
            "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is "
            "currently "
            f"attached to version {second}, so you must explicitly reference that version in "
            "RemoveFromVersionId."
        ),
    )


def test_label_is_not_moved_from_a_version_that_it_is_not_on(api: LiveApi) -> None:
    first, second = two_versions(api)

    refused = refusal(
        api.secrets.update_secret_version_stage,
        SecretId="a",
        VersionStage="AWSCURRENT",
        MoveToVersionId=second,
        RemoveFromVersionId=first,
    )

    assert refused == (
        400,
        "InvalidParameterException",
        (
            "When you move staging label AWSCURRENT, if you specify RemoveFromVersionId, it "
            "must be "
            "set to the version that currently has the staging label AWSCURRENT."
        ),
    )


def test_current_label_is_never_removed(api: LiveApi) -> None:
    _, second = two_versions(api)

    answer = move(api, "AWSCURRENT", RemoveFromVersionId=second)

    assert answer == {
        "__type": "InvalidParameterException",
        "Message": "You can only move staging label AWSCURRENT to a different secret version. It"
        " can\u2019t be completely removed.",
    }


def test_own_label_is_added_moved_and_removed_without_touching_others(api: LiveApi) -> None:
    first, second = two_versions(api)

    move(api, "MINE", MoveToVersionId=first)
    added = stages_of(api)
    move(api, "MINE", MoveToVersionId=second, RemoveFromVersionId=first)
    moved = stages_of(api)
    move(api, "MINE", RemoveFromVersionId=second)

    assert added == {first: ["AWSPREVIOUS", "MINE"], second: ["AWSCURRENT"]}
    assert moved == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT", "MINE"]}
    assert stages_of(api) == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}


def test_label_that_is_there_already_stays(api: LiveApi) -> None:
    first, second = two_versions(api)

    answer = move(api, "AWSCURRENT", MoveToVersionId=second)

    assert set(answer) == {"ARN", "Name"}
    assert stages_of(api) == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}


@pytest.mark.parametrize("member", ["MoveToVersionId", "RemoveFromVersionId"])
def test_label_of_an_unknown_version_is_refused(api: LiveApi, member: str) -> None:
    two_versions(api)

    answer = move(api, "MINE", **{member: token()})

    assert answer["__type"] in ("ResourceNotFoundException", "InvalidParameterException")


def test_label_without_any_version_is_refused(api: LiveApi) -> None:
    two_versions(api)

    assert move(api, "MINE")["__type"] == "InvalidParameterException"
