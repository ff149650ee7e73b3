"""The sentences are AWS's own, so they are pinned whole."""

import json
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from keyturn.model.http import HttpRequest
from keyturn.wire.fault import Fault
from keyturn.wire.service import load_service
from keyturn.wire.validate import QUOTED_CHARACTERS_MAX, VIOLATIONS_MAX
from support.aws_client import AwsClient

CLIENTS = {name: AwsClient(name) for name in ("secretsmanager", "logs", "lambda", "iam", "sts")}
SECRET = "hunter2-marked"


def refusal(service: str, operation: str, params: dict[str, Any]) -> Fault:
    request = CLIENTS[service].request(operation, params)
    with pytest.raises(Fault) as refused:
        load_service(service).route(request).decode(request)
    return refused.value


SHORT = "Member must have length greater than or equal to 1"
LONG_OR_SHORT = f"[Member must have length less than or equal to 2048, {SHORT}]"
KEYS = "[description, name, tag-key, tag-value, primary-region, owning-service, all]"


@pytest.mark.parametrize(
    ("operation", "params", "what", "sentence"),
    [
        ("GetSecretValue", {}, "null at 'secretId'", "Member must not be null"),
        ("GetSecretValue", {"SecretId": ""}, "'' at 'secretId'", SHORT),
        (
            "GetSecretValue",
            {"SecretId": "a", "VersionId": "b" * 65},
            f"'{'b' * 65}' at 'versionId'",
            "Member must have length less than or equal to 64",
        ),
        (
            "GetRandomPassword",
            {"PasswordLength": 5000},
            "'5000' at 'passwordLength'",
            "Member must have value less than or equal to 4096",
        ),
        (
            "GetRandomPassword",
            {"PasswordLength": 0},
            "'0' at 'passwordLength'",
            "Member must have value greater than or equal to 1",
        ),
        (
            "ListSecrets",
            {"SortOrder": "up"},
            "'up' at 'sortOrder'",
            "Member must satisfy enum value set: [asc, desc]",
        ),
        (
            "ListSecrets",
            {"Filters": [{"Key": "name", "Values": ["a"]}, {"Key": "hue", "Values": ["b"]}]},
            "'hue' at 'filters.2.member.key'",
            f"Member must satisfy enum value set: {KEYS}",
        ),
        (
            "RotateSecret",
            {"SecretId": "a", "RotationRules": {"Duration": "3d"}},
            "'3d' at 'rotationRules.duration'",
            "Member must satisfy regular expression pattern: [0-9]+h",
        ),
        (
            "BatchGetSecretValue",
            {"SecretIdList": ["", "a"]},
            "'[, a]' at 'secretIdList'",
            f"Member must satisfy constraint: {LONG_OR_SHORT}",
        ),
    ],
)
def test_a_violation_is_told_in_aws_s_sentence(
    operation: str, params: dict[str, Any], what: str, sentence: str
) -> None:
    refused = refusal("secretsmanager", operation, params)

    assert (refused.code, refused.status) == ("ValidationException", 400)
    assert refused.message == (
        f"1 validation error detected: Value {what} failed to satisfy constraint: {sentence}"
    )


def test_several_violations_are_told_at_once() -> None:
    tags = [{"Key": "k", "Value": "v"}, {"Key": "", "Value": "v"}]

    refused = refusal("secretsmanager", "TagResource", {"SecretId": "", "Tags": tags})

    assert refused.message == (
        "2 validation errors detected: "
        f"Value '' at 'secretId' failed to satisfy constraint: {SHORT}; "
        f"Value '' at 'tags.2.member.key' failed to satisfy constraint: {SHORT}"
    )


def test_query_services_have_their_own_code_for_violations() -> None:
    refused = refusal("iam", "GetRole", {"RoleName": "no spaces"})

    assert (refused.code, refused.status) == ("ValidationError", 400)
    assert refused.message == (
        "1 validation error detected: Value 'no spaces' at 'roleName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+"
    )


def test_logs_calls_it_an_invalid_parameter() -> None:
    refused = refusal("logs", "PutLogEvents", {"logGroupName": "g", "logStreamName": "s"})

    assert (refused.code, refused.status) == ("InvalidParameterException", 400)
    assert refused.message == (
        "1 validation error detected: Value null at 'logEvents' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_a_map_is_blamed_for_its_keys_and_its_values() -> None:
    refused = refusal(
        "logs", "TagLogGroup", {"logGroupName": "g", "tags": {"k": "v" * 257, "": "v"}}
    )

    assert "at 'tags' failed to satisfy constraint: Map keys must satisfy" in refused.message
    assert "at 'tags' failed to satisfy constraint: Map value must satisfy" in refused.message


def test_strings_count_in_characters_and_blobs_in_bytes() -> None:
    call = CLIENTS["secretsmanager"].request(
        "PutSecretValue", {"SecretId": "ü" * 2048, "SecretBinary": b"\xff" * 65536}
    )
    operation = load_service("secretsmanager").route(call)

    assert operation.decode(call)["SecretId"] == "ü" * 2048
    refused = refusal(
        "secretsmanager",
        "PutSecretValue",
        {"SecretId": "ü" * 2049, "SecretBinary": b"\xff" * 65537},
    )
    assert refused.message.startswith("2 validation errors detected")


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("secretsmanager", "PutSecretValue", {"SecretId": "a", "SecretString": SECRET * 6000}),
        (
            "secretsmanager",
            "PutSecretValue",
            {"SecretId": "a", "SecretBinary": SECRET.encode() * 6000},
        ),
        ("secretsmanager", "PutSecretValue", {"SecretId": "a", "RotationToken": SECRET}),
        ("iam", "ChangePassword", {"OldPassword": SECRET * 128, "NewPassword": SECRET * 128}),
        ("sts", "AssumeRoleWithSAML", {"SAMLAssertion": SECRET * 10_000}),
        (
            "lambda",
            "CreateFunction",
            {"FunctionName": "a", "Environment": {"Variables": {SECRET: SECRET}}},
        ),
    ],
)
def test_a_sensitive_value_is_never_repeated(
    service: str, operation: str, params: dict[str, Any]
) -> None:
    refused = refusal(service, operation, params)

    assert SECRET not in refused.message
    assert SECRET not in repr(refused)
    assert "constraint" in refused.message


def test_a_sensitive_value_is_masked_as_one() -> None:
    refused = refusal("secretsmanager", "PutSecretValue", {"SecretId": "a", "SecretString": ""})

    assert refused.message == (
        "1 validation error detected: Value '***' at 'secretString' failed to satisfy "
        "constraint: Member must have length greater than or equal to 1"
    )


@settings(deadline=None)
@given(value=st.none() | st.booleans() | st.integers() | st.lists(st.text(max_size=2)))
def test_a_sensitive_value_of_the_wrong_type_is_not_repeated(value: object) -> None:
    body = json.dumps({"SecretId": "a", "SecretString": {SECRET: [SECRET, value]}}).encode()
    request = CLIENTS["secretsmanager"].request("PutSecretValue", {})
    request = HttpRequest("POST", "/", "", request.headers, body)

    with pytest.raises(Fault) as refused:
        load_service("secretsmanager").route(request).decode(request)

    assert SECRET not in refused.value.message
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("service", CLIENTS)
def test_a_sensitive_shape_holds_only_sensitive_shapes(service: str) -> None:
    """A member is masked for its own shape, so a sensitive whole must have sensitive parts."""
    model = CLIENTS[service].model

    for name in model.shape_names:
        shape = model.shape_for(name)
        if shape.metadata.get("sensitive"):
            parts = [getattr(shape, part, None) for part in ("key", "value", "member")]
            assert all(part.metadata.get("sensitive") for part in parts if part is not None)
            assert shape.type_name != "structure"


def test_an_answer_lists_violations_to_a_limit() -> None:
    tags = [{"Key": "", "Value": "v"}] * (VIOLATIONS_MAX + 5)

    refused = refusal("secretsmanager", "TagResource", {"SecretId": "a", "Tags": tags})

    assert refused.message.startswith(f"{VIOLATIONS_MAX} validation errors detected")
    assert refused.message.count("at 'tags") == VIOLATIONS_MAX


def test_an_answer_repeats_a_value_to_a_limit() -> None:
    secret_id = "a" * (QUOTED_CHARACTERS_MAX + 1)

    refused = refusal("secretsmanager", "GetSecretValue", {"SecretId": secret_id})

    assert f"Value '{'a' * QUOTED_CHARACTERS_MAX}...' at 'secretId'" in refused.message
