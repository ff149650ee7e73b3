from datetime import UTC, datetime
import json
from typing import Any

from hypothesis import given, strategies as st
import pytest

from keyturn.model.http import HttpRequest, HttpResponse
from keyturn.wire.fault import Fault
from keyturn.wire.json_body import parse_object
from keyturn.wire.malformed import NESTING_MAX, MalformedError
from keyturn.wire.service import load_service

HEADERS = {"content-type": "application/x-amz-json-1.1"}


def request(operation: str, body: bytes, target: str = "secretsmanager") -> HttpRequest:
    return HttpRequest("POST", "/", "", HEADERS | {"x-amz-target": f"{target}.{operation}"}, body)


def decode(operation: str, body: str | bytes) -> dict[str, Any]:
    call = request(operation, body.encode() if isinstance(body, str) else body)
    return load_service("secretsmanager").route(call).decode(call)


def refusal(operation: str, body: str | bytes) -> Fault:
    with pytest.raises(Fault) as refused:
        decode(operation, body)
    return refused.value


def encode(operation: str, output: dict[str, Any]) -> HttpResponse:
    return load_service("secretsmanager").operation(operation).encode(output, "id-1")


# A body as one object


def test_an_empty_body_is_an_empty_object() -> None:
    assert parse_object(b"") == {}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"text"',
        b"null",
        b"{",
        b"{} {}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 01}',
        b'{"a": "\n"}',
        b'{"a": "\\ud800"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_not_one_strict_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_object(body)


@pytest.mark.parametrize(
    "body",
    [
        '{"SecretId": "a", "SecretId": "b"}',
        '{"SecretId": "a", "SecretId": "a"}',
        '{"SecretId": "a", "Secret\\u0049d": "b"}',
        '{"SecretId" :"a","SecretId":"b"}',
        '{"SecretId": "a", "Unknown": [{"b": {"c": 1, "c": 2}}]}',
        '{"SecretId": "\\"", "Unknown": {"b": 1, "b": "\\""}}',
    ],
)
def test_a_key_given_twice_is_refused_wherever_it_is(body: str) -> None:
    assert refusal("GetSecretValue", body).code == "SerializationException"


class Pairs(list[tuple[str, Any]]):
    """An object with its pairs as they are written."""


def written(value: object, *, ascii_only: bool) -> str:
    if isinstance(value, Pairs):
        pairs = (
            f"{json.dumps(key, ensure_ascii=ascii_only)}: {written(item, ascii_only=ascii_only)}"
            for key, item in value
        )
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(written(item, ascii_only=ascii_only) for item in value)}]"
    return json.dumps(value, ensure_ascii=ascii_only)


def has_a_key_twice(value: object) -> bool:
    if isinstance(value, Pairs):
        keys = [key for key, _ in value]
        return len(set(keys)) < len(keys) or any(has_a_key_twice(item) for _, item in value)
    return isinstance(value, list) and any(map(has_a_key_twice, value))


TEXTS = st.text(st.sampled_from('ab:",\\{ü'), max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(st.tuples(TEXTS, inner), max_size=4).map(Pairs)
    ),
    max_leaves=12,
)


@given(pairs=st.lists(st.tuples(TEXTS, VALUES), max_size=4).map(Pairs), ascii_only=st.booleans())
def test_an_object_is_read_exactly_when_no_key_is_there_twice(
    pairs: Pairs, *, ascii_only: bool
) -> None:
    text = written(pairs, ascii_only=ascii_only)

    if has_a_key_twice(pairs):
        with pytest.raises(MalformedError, match="same key twice"):
            parse_object(text.encode())
    else:
        assert parse_object(text.encode()) == json.loads(text)


def test_nesting_is_read_to_its_limit_and_no_further() -> None:
    lists = NESTING_MAX - 1

    assert parse_object(b'{"a": ' + b"[" * lists + b"]" * lists + b"}")
    for levels in (NESTING_MAX, 100_000):
        with pytest.raises(MalformedError):
            parse_object(b'{"a": ' + b"[" * levels + b"]" * levels + b"}")


# Values as members


@pytest.mark.parametrize(
    ("operation", "body", "message"),
    [
        ("GetSecretValue", '{"SecretId": 1}', "NUMBER_VALUE can not be converted to a String"),
        ("GetSecretValue", '{"SecretId": true}', "TRUE_VALUE can not be converted to a String"),
        (
            "GetSecretValue",
            '{"SecretId": {}}',
            "Start of structure or map found where not expected.",
        ),
        ("GetSecretValue", '{"SecretId": []}', "Start of list found where not expected"),
        (
            "GetRandomPassword",
            '{"PasswordLength": "8"}',
            "STRING_VALUE can not be converted to a Long",
        ),
        (
            "GetRandomPassword",
            '{"PasswordLength": true}',
            "TRUE_VALUE can not be converted to a Long",
        ),
        (
            "GetRandomPassword",
            '{"IncludeSpace": 0}',
            "NUMBER_VALUE can not be converted to a Boolean",
        ),
        ("TagResource", '{"SecretId": "a", "Tags": "b"}', "Expected list or null"),
        ("TagResource", '{"SecretId": "a", "Tags": ["b"]}', "Expected null"),
        (
            "TagResource",
            '{"SecretId": "a", "Tags": [null]}',
            "NULL_VALUE found where not expected",
        ),
        (
            "PutSecretValue",
            '{"SecretId": "a", "SecretBinary": "b"}',
            "STRING_VALUE is not valid base64",
        ),
        (
            "PutSecretValue",
            '{"SecretId": "a", "SecretBinary": 1}',
            "NUMBER_VALUE can not be converted to a Blob",
        ),
    ],
)
def test_a_wrong_json_type_is_a_serialization_exception(
    operation: str, body: str, message: str
) -> None:
    refused = refusal(operation, body)

    assert (refused.code, refused.status) == ("SerializationException", 400)
    assert refused.message == message


def test_unknown_members_are_left_out_and_null_ones_are_absent() -> None:
    params = decode("GetSecretValue", '{"SecretId": "a", "VersionId": null, "Unheard": {"of": 1}}')

    assert params == {"SecretId": "a"}


@pytest.mark.parametrize(("written_as", "length"), [("8", 8), ("8.0", 8), ("8e0", 8), ("-0", 0)])
def test_a_number_without_a_fraction_is_an_integer(written_as: str, length: int) -> None:
    call = request("GetRandomPassword", f'{{"PasswordLength": {written_as}}}'.encode())

    params = load_service("secretsmanager").route(call)._decode(call)

    assert params == {"PasswordLength": length}
    assert type(params["PasswordLength"]) is int


@pytest.mark.parametrize("number", ["8.5", "9223372036854775808", "-9223372036854775809", "1e300"])
def test_a_number_that_is_no_64_bit_integer_is_refused(number: str) -> None:
    refused = refusal("GetRandomPassword", f'{{"PasswordLength": {number}}}')

    assert refused.code == "SerializationException"


def test_a_blob_is_strict_base64() -> None:
    params = decode("PutSecretValue", '{"SecretId": "a", "SecretBinary": "Zm9vdGVzdA=="}')

    assert params["SecretBinary"] == b"footest"
    for text in ("Zm9vdGVzdA", "Zm9vdGVzdA==\\n", "Zm9v dGVzdA==", "Zm9vdGVzdA==Zg==", "é"):
        body = f'{{"SecretId": "a", "SecretBinary": "{text}"}}'
        assert refusal("PutSecretValue", body).code == "SerializationException"


# Which operation


@pytest.mark.parametrize(
    "changed",
    [
        {"x-amz-target": "secretsmanager.MakeCoffee"},
        {"x-amz-target": "SecretsManager.GetSecretValue"},
        {"x-amz-target": "logs.GetSecretValue"},
        {"x-amz-target": "GetSecretValue"},
        {"x-amz-target": ""},
        {"content-type": "text/plain"},
        {"content-type": ""},
    ],
)
def test_a_request_for_no_operation_of_ours_is_unknown(changed: dict[str, str]) -> None:
    headers = HEADERS | {"x-amz-target": "secretsmanager.GetSecretValue"} | changed

    with pytest.raises(Fault) as refused:
        load_service("secretsmanager").route(HttpRequest("POST", "/", "", headers, b"{}"))

    assert (refused.value.code, refused.value.status) == ("UnknownOperationException", 400)


def test_only_a_post_asks_for_an_operation() -> None:
    headers = HEADERS | {"x-amz-target": "secretsmanager.GetSecretValue"}

    with pytest.raises(Fault, match="UnknownOperationException"):
        load_service("secretsmanager").route(HttpRequest("GET", "/", "", headers, b""))


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-amz-json-1.0",
        "Application/X-Amz-Json-1.1; charset=UTF-8",
        "application/json",
    ],
)
def test_json_comes_under_each_of_its_content_types(content_type: str) -> None:
    headers = {"content-type": content_type, "x-amz-target": "secretsmanager.ListSecrets"}

    operation = load_service("secretsmanager").route(HttpRequest("POST", "/", "", headers, b""))

    assert (operation.service_name, operation.name) == ("secretsmanager", "ListSecrets")


# Answers


@pytest.mark.parametrize(
    ("microsecond", "number"),
    [(729_000, b"1523477145.729"), (700_000, b"1523477145.700"), (0, b"1523477145.000")],
)
def test_a_timestamp_goes_out_with_three_fraction_digits(microsecond: int, number: bytes) -> None:
    created = datetime(2018, 4, 11, 20, 5, 45, microsecond, tzinfo=UTC)

    response = encode("GetSecretValue", {"Name": "a", "CreatedDate": created})

    assert response.body == b'{"Name":"a","CreatedDate":' + number + b"}"


def test_members_that_are_none_are_left_out_at_every_depth() -> None:
    response = encode(
        "ListSecrets",
        {"NextToken": None, "SecretList": [{"Name": "a", "Description": None, "Tags": []}]},
    )

    assert json.loads(response.body) == {"SecretList": [{"Name": "a", "Tags": []}]}


def test_a_blob_goes_out_as_base64() -> None:
    assert (
        encode("GetSecretValue", {"SecretBinary": b"\xff\x00"}).body == b'{"SecretBinary":"/wA="}'
    )


def test_an_operation_without_an_output_shape_answers_with_an_empty_body() -> None:
    response = encode("TagResource", {})

    assert (response.status, response.body) == (200, b"")


def test_an_output_member_that_the_model_lacks_is_a_defect() -> None:
    with pytest.raises(KeyError):
        encode("GetSecretValue", {"Naem": "a"})


def test_every_answer_says_its_type_and_its_request() -> None:
    ok = encode("GetSecretValue", {})
    refused = load_service("secretsmanager").encode_fault(Fault("AnyException", ""), "id-1")

    expected = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": "id-1"}
    assert dict(ok.headers) == expected
    assert dict(refused.headers) == expected


@pytest.mark.parametrize(
    ("service", "code", "member"),
    [
        ("secretsmanager", "ResourceNotFoundException", "Message"),
        ("secretsmanager", "ValidationException", "message"),
        ("secretsmanager", "AccessDeniedException", "message"),
        ("logs", "ResourceNotFoundException", "message"),
        ("logs", "TooManyTagsException", "message"),
    ],
)
def test_a_fault_s_text_is_under_the_model_s_name_for_it(
    service: str, code: str, member: str
) -> None:
    response = load_service(service).encode_fault(Fault(code, "Why."), "id-1")

    assert json.loads(response.body) == {"__type": code, member: "Why."}
