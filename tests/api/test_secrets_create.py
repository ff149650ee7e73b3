"""CreateSecret, against a running server.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
"""

import base64
import re
from typing import Any

import pytest

from support.live_api import ACCOUNT, LiveApi, allow, policy, refusal, token, unique_region

pytestmark = pytest.mark.server

NAME_REFUSED = (
    400,
    "ValidationException",
    (
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the "
        "following: -/_+=.@!"
    ),
)
TOKEN_WANTED = "You must provide a ClientRequestToken value. We recommend a UUID-type value."


def test_answer_has_arn_name_and_token_as_version_id(api: LiveApi) -> None:
    request_token = token()

    answer = api.secrets.create_secret(
        Name="prod/db", SecretString="x", ClientRequestToken=request_token
    )

    prefix = f"arn:aws:secretsmanager:{api.region}:{ACCOUNT}:secret:prod/db-"
    assert re.fullmatch(re.escape(prefix) + "[A-Za-z0-9]{6}", answer["ARN"])
    assert (answer["Name"], answer["VersionId"]) == ("prod/db", request_token)


def test_secret_without_a_value_has_no_version(api: LiveApi) -> None:
    created = api.post("CreateSecret", {"Name": "empty", "ClientRequestToken": token()})

    described = api.post("DescribeSecret", {"SecretId": "empty"})
    assert set(created.document) == {"ARN", "Name"}
    assert set(described.document) == {"ARN", "Name", "LastChangedDate", "CreatedDate"}
    assert refusal(api.secrets.get_secret_value, SecretId="empty") == (
        400,
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    )


def test_first_value_of_an_empty_secret_has_no_predecessor(api: LiveApi) -> None:
    api.secrets.create_secret(Name="empty")

    stored = api.secrets.put_secret_value(SecretId="empty", SecretString="x")

    stages = api.secrets.describe_secret(SecretId="empty")["VersionIdsToStages"]
    assert stages == {stored["VersionId"]: ["AWSCURRENT"]}


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a*", "é", "a\n"])
def test_name_with_other_characters_is_refused(api: LiveApi, name: str) -> None:
    status, code, _ = refusal(api.secrets.create_secret, Name=name)

    assert (status, code) == (400, "ValidationException")


def test_refused_name_is_answered_with_the_characters_that_a_name_may_have(api: LiveApi) -> None:
    assert refusal(api.secrets.create_secret, Name="a b") == NAME_REFUSED


@pytest.mark.parametrize("name", ["rds!cluster", "/a/_+=.@-", "A" * 512])
def test_name_with_allowed_characters_is_taken(api: LiveApi, name: str) -> None:
    assert api.secrets.create_secret(Name=name)["Name"] == name


def test_name_of_more_than_512_characters_is_refused(api: LiveApi) -> None:
    status, code, text = refusal(api.secrets.create_secret, Name="A" * 513)

    assert (status, code) == (400, "ValidationException")
    assert text.endswith(
        "at 'name' failed to satisfy constraint: Member must have length less than or equal to 512"
    )


def test_missing_name_is_refused_as_a_null_member(api: LiveApi) -> None:
    assert api.post("CreateSecret", {"ClientRequestToken": token()}).refusal == (
        400,
        "ValidationException",
        (
            "1 validation error detected: Value null at 'name' failed to satisfy constraint: "
            "Member "
            "must not be null"
        ),
    )


def test_name_of_another_secret_is_refused(api: LiveApi) -> None:
    api.secrets.create_secret(Name="taken", SecretString="x")

    assert refusal(api.secrets.create_secret, Name="taken", SecretString="x") == (
        400,
        "ResourceExistsException",
        "The operation failed because the secret taken already exists.",
    )


def test_same_name_in_another_region_is_another_secret(api: LiveApi) -> None:
    api.secrets.create_secret(Name="regional", SecretString="x")
    elsewhere = LiveApi(api.endpoint, api.caller, "eu-" + api.region[3:])

    other = elsewhere.secrets.create_secret(Name="regional", SecretString="y")

    elsewhere.close()
    assert elsewhere.region in other["ARN"]
    assert api.secrets.get_secret_value(SecretId="regional")["SecretString"] == "x"


def test_repetition_with_the_same_token_and_value_changes_nothing(api: LiveApi) -> None:
    request: dict[str, Any] = {"Name": "a", "SecretString": "x", "ClientRequestToken": token()}
    first = api.secrets.create_secret(**request)

    second = api.secrets.create_secret(**request)

    assert (second["ARN"], second["VersionId"]) == (first["ARN"], first["VersionId"])
    assert len(api.secrets.list_secrets()["SecretList"]) == 1


def test_whoever_may_create_but_not_describe_learns_nothing_else_by_repeating(
    api: LiveApi,
) -> None:
    created = api.secrets.create_secret(Name="a", SecretString="x")
    api.secrets.replicate_secret_to_regions(
        SecretId="a", AddReplicaRegions=[{"Region": unique_region()}]
    )
    user = api.user(policy(allow("secretsmanager:CreateSecret")))
    request = {"Name": "a", "ClientRequestToken": created["VersionId"]}

    repeated = user.post("CreateSecret", {**request, "SecretString": "x"})
    guessed = user.post("CreateSecret", {**request, "SecretString": "y"})

    known = {member: created[member] for member in ("ARN", "Name", "VersionId")}
    assert (repeated.status, repeated.document) == (200, known)
    assert guessed.refusal[:2] == (400, "ResourceExistsException")


def test_same_token_with_another_value_is_a_conflict(api: LiveApi) -> None:
    request_token = token()
    arn = api.secrets.create_secret(Name="a", SecretString="x", ClientRequestToken=request_token)[
        "ARN"
    ]

    refused = refusal(
        api.secrets.create_secret, Name="a", SecretString="y", ClientRequestToken=request_token
    )

    assert refused == (
        400,
        "ResourceExistsException",
        (
            f"You can't use ClientRequestToken {request_token} because that value is already "
            "in use "
            f"for a version of secret {arn}."
        ),
    )


@pytest.mark.parametrize("given", [{}, {"ClientRequestToken": ""}, {"ClientRequestToken": None}])
def test_missing_token_is_refused(api: LiveApi, given: dict[str, Any]) -> None:
    answer = api.post("CreateSecret", {"Name": "a", "SecretString": "x", **given})

    assert answer.status == 400
    if given.get("ClientRequestToken") is None:
        assert answer.refusal == (400, "InvalidRequestException", TOKEN_WANTED)
    assert api.secrets.list_secrets()["SecretList"] == []


@pytest.mark.parametrize("length", [31, 65])
def test_token_of_another_length_is_refused(api: LiveApi, length: int) -> None:
    status, code, text = refusal(
        api.secrets.create_secret, Name="a", ClientRequestToken="t" * length
    )

    assert (status, code) == (400, "ValidationException")
    assert "at 'clientRequestToken' failed to satisfy constraint" in text


def test_token_need_not_be_a_uuid(api: LiveApi) -> None:
    request_token = "terraform-20260203173402627700000001"

    created = api.secrets.create_secret(
        Name="a", SecretString="x", ClientRequestToken=request_token
    )

    assert created["VersionId"] == request_token


def test_two_values_are_refused(api: LiveApi) -> None:
    assert refusal(api.secrets.create_secret, Name="a", SecretString="x", SecretBinary=b"y") == (
        400,
        "InvalidParameterException",
        (
            "You can't specify both a binary secret value and a string secret value in the same "
            "secret."
        ),
    )


def test_value_of_65536_bytes_is_kept(api: LiveApi) -> None:
    value = "v" * 65_536

    api.secrets.create_secret(Name="long", SecretString=value)

    assert api.secrets.get_secret_value(SecretId="long")["SecretString"] == value


@pytest.mark.parametrize("value", ["v" * 65_537, "é" * 32_769])
def test_longer_value_is_refused_without_quoting_it(api: LiveApi, value: str) -> None:
    status, code, text = refusal(api.secrets.create_secret, Name="long", SecretString=value)

    assert status == 400
    assert code in ("InvalidParameterException", "ValidationException")
    assert value[:20] not in text


def test_binary_value_travels_as_base64(api: LiveApi) -> None:
    value = bytes(range(256))
    api.post(
        "CreateSecret",
        {
            "Name": "binary",
            "SecretBinary": base64.b64encode(value).decode(),
            "ClientRequestToken": token(),
        },
    )

    raw = api.post("GetSecretValue", {"SecretId": "binary"}).document

    assert base64.b64decode(raw["SecretBinary"]) == value
    assert "SecretString" not in raw
    assert api.secrets.get_secret_value(SecretId="binary")["SecretBinary"] == value


def test_unknown_members_are_ignored(api: LiveApi) -> None:
    body = {"Name": "a", "ClientRequestToken": token(), "Colour": "red"}

    assert api.post("CreateSecret", body).status == 200


def test_given_description_key_and_tags_are_described(api: LiveApi) -> None:
    api.secrets.create_secret(
        Name="a",
        Description="of the shop",
        KmsKeyId="alias/shop",
        Tags=[{"Key": "Team", "Value": "shop"}, {"Key": "Empty", "Value": ""}],
    )

    described = api.secrets.describe_secret(SecretId="a")

    assert described["Description"] == "of the shop"
    assert described["KmsKeyId"] == "alias/shop"
    assert described["Tags"] == [{"Key": "Team", "Value": "shop"}, {"Key": "Empty", "Value": ""}]


def test_reserved_tag_key_is_refused(api: LiveApi) -> None:
    status, code, _ = refusal(
        api.secrets.create_secret, Name="a", Tags=[{"Key": "aws:mine", "Value": "x"}]
    )

    assert (status, code) == (400, "InvalidParameterException")


def test_name_that_is_scheduled_for_deletion_is_refused(api: LiveApi) -> None:
    api.secrets.create_secret(Name="gone", SecretString="x")
    api.secrets.delete_secret(SecretId="gone")

    assert refusal(api.secrets.create_secret, Name="gone", SecretString="x") == (
        400,
        "InvalidRequestException",
        (
            "You can't create this secret because a secret with this name is already "
            "scheduled for "
            "deletion."
        ),
    )
