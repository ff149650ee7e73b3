import json
from typing import Any

import pytest

from keyturn.model.http import HttpRequest
from keyturn.wire.fault import Fault
from keyturn.wire.service import Operation, load_service
from keyturn.wire.uri import UriTemplate
from support.aws_client import AwsClient

FUNCTIONS = "/2015-03-31/functions"
CLIENT = AwsClient("lambda")


def request(
    method: str,
    path: str,
    query: str = "",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> HttpRequest:
    return HttpRequest(method, path, query, headers or {}, body)


def route(call: HttpRequest) -> Operation:
    return load_service("lambda").route(call)


def decode(call: HttpRequest) -> dict[str, Any]:
    return route(call).decode(call)


@pytest.mark.parametrize(
    ("method", "path", "query", "name"),
    [
        ("GET", FUNCTIONS, "", "ListFunctions"),
        ("GET", f"{FUNCTIONS}/", "", "ListFunctions"),
        ("POST", FUNCTIONS, "", "CreateFunction"),
        ("GET", f"{FUNCTIONS}/f", "", "GetFunction"),
        ("DELETE", f"{FUNCTIONS}/f", "", "DeleteFunction"),
        ("POST", f"{FUNCTIONS}/f/invocations", "", "Invoke"),
        ("DELETE", f"{FUNCTIONS}/f/policy/s", "", "RemovePermission"),
        ("GET", "/2018-10-31/layers", "", "ListLayers"),
        ("GET", "/2018-10-31/layers", "find=LayerVersion&Arn=a", "GetLayerVersionByArn"),
    ],
)
def test_the_method_and_the_path_say_which_operation(
    method: str, path: str, query: str, name: str
) -> None:
    assert route(request(method, path, query)).name == name


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("BREW", FUNCTIONS),
        ("POST", f"{FUNCTIONS}//invocations"),
        ("POST", f"{FUNCTIONS}/f/g/invocations"),
        ("GET", "/2015-03-31/Functions"),
        ("GET", "/2015-03-31%2Ffunctions"),
    ],
)
def test_a_path_like_no_other_is_an_unknown_operation(method: str, path: str) -> None:
    with pytest.raises(Fault) as refused:
        route(request(method, path))

    assert (refused.value.code, refused.value.status) == ("UnknownOperationException", 404)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("f", "f"),
        (
            "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af",
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
        ),
        (
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
        ),
    ],
)
def test_a_label_is_percent_decoded(label: str, name: str) -> None:
    assert decode(request("GET", f"{FUNCTIONS}/{label}"))["FunctionName"] == name


def test_a_label_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(Fault, match="SerializationException"):
        decode(request("GET", f"{FUNCTIONS}/%FF"))


def test_an_encoded_slash_stays_the_label_s() -> None:
    template = UriTemplate("/things/{Name}/parts")

    assert template.labels_of("/things/a%2Fb/parts") == {"Name": "a/b"}


def test_a_greedy_label_takes_several_segments() -> None:
    template = UriTemplate("/things/{Path+}/parts")

    assert template.matches("/things/a/b%2Fc/parts", [])
    assert template.labels_of("/things/a/b%2Fc/parts") == {"Path": "a/b/c"}
    assert not template.matches("/things/parts", [])


def test_the_most_specific_template_comes_first() -> None:
    uris = ["/a/{X+}", "/a/{X}/c", "/a/{X}", "/a/b", "/a/{X}?list=all", "/a/{X}/{Y}"]

    ordered = sorted(uris, key=lambda uri: UriTemplate(uri).precedence)

    assert ordered.index("/a/b") < ordered.index("/a/{X}") < ordered.index("/a/{X+}")
    assert ordered.index("/a/{X}?list=all") < ordered.index("/a/{X}")
    assert ordered.index("/a/{X}/c") < ordered.index("/a/{X}/{Y}")


def test_members_come_from_the_path_the_query_the_headers_and_the_body() -> None:
    params = decode(
        request(
            "POST",
            f"{FUNCTIONS}/f/invocations",
            "Qualifier=live",
            b"not json at all",
            {"x-amz-invocation-type": "Event", "x-unheard-of": "1"},
        )
    )

    assert params == {
        "FunctionName": "f",
        "Qualifier": "live",
        "InvocationType": "Event",
        "Payload": b"not json at all",
    }


def test_a_payload_that_is_empty_is_absent() -> None:
    params = decode(request("POST", f"{FUNCTIONS}/f/invocations"))

    assert params == {"FunctionName": "f"}


def test_a_member_of_the_path_is_not_taken_from_the_body() -> None:
    body = b'{"FunctionName": "g", "ReservedConcurrentExecutions": 1}'

    params = decode(request("PUT", "/2017-10-31/functions/f/concurrency", body=body))

    assert params == {"FunctionName": "f", "ReservedConcurrentExecutions": 1}


def test_a_list_comes_as_one_parameter_again_and_again() -> None:
    path = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af"

    params = decode(request("DELETE", path, "tagKeys=a&tagKeys=b%20c"))

    assert params["TagKeys"] == ["a", "b c"]


@pytest.mark.parametrize(
    "query", ["MaxItems=1&MaxItems=2", "MaxItems=one", "MaxItems=", "MaxItems=1_0", "Marker=%FF"]
)
def test_a_query_string_that_cannot_be_read_is_refused(query: str) -> None:
    with pytest.raises(Fault, match="SerializationException"):
        decode(request("GET", FUNCTIONS, query))


@pytest.mark.parametrize(
    ("operation", "status"),
    [("CreateFunction", 201), ("GetFunction", 200), ("DeleteEventSourceMapping", 202)],
)
def test_the_status_is_the_model_s(operation: str, status: int) -> None:
    response = load_service("lambda").operation(operation).encode({}, "id-1")

    assert (response.status, response.body) == (status, b"{}")


def test_an_answer_without_an_output_has_no_body() -> None:
    response = load_service("lambda").operation("DeleteAlias").encode({}, "id-1")

    assert (response.status, response.body) == (204, b"")


def test_an_invocation_s_answer_is_its_status_its_headers_and_its_raw_payload() -> None:
    output = {
        "StatusCode": 202,
        "FunctionError": "Unhandled",
        "ExecutedVersion": "$LATEST",
        "LogResult": None,
        "Payload": b'{"errorMessage":"no"}',
    }

    response = load_service("lambda").operation("Invoke").encode(output, "id-1")

    assert (response.status, response.body) == (202, b'{"errorMessage":"no"}')
    assert dict(response.headers) == {
        "Content-Type": "application/json",
        "x-amzn-RequestId": "id-1",
        "X-Amz-Function-Error": "Unhandled",
        "X-Amz-Executed-Version": "$LATEST",
    }


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: b", "a\n", "é", "\x00"])
def test_a_header_that_would_be_more_than_one_is_never_written(text: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        load_service("lambda").operation("Invoke").encode({"FunctionError": text}, "id-1")


@pytest.mark.parametrize(
    ("code", "member"),
    [("ResourceNotFoundException", "Message"), ("InvalidParameterValueException", "message")],
)
def test_a_modelled_fault_says_who_is_to_blame_and_why(code: str, member: str) -> None:
    response = load_service("lambda").encode_fault(Fault(code, "Why.", 404), "id-1")

    assert json.loads(response.body) == {"Type": "User", member: "Why."}
    assert dict(response.headers)["x-amzn-ErrorType"] == code
    assert response.status == 404


def test_a_fault_s_members_go_where_the_model_says() -> None:
    fault = Fault(
        "TooManyRequestsException",
        "Rate Exceeded.",
        429,
        members={
            "Type": "Service",
            "Reason": "ConcurrentInvocationLimitExceeded",
            "retryAfterSeconds": 3,
        },
    )

    response = load_service("lambda").encode_fault(fault, "id-1")

    assert dict(response.headers)["Retry-After"] == "3"
    assert json.loads(response.body) == {
        "Type": "Service",
        "message": "Rate Exceeded.",
        "Reason": "ConcurrentInvocationLimitExceeded",
    }


def test_an_event_stream_is_not_pretended() -> None:
    operation = load_service("lambda").operation("InvokeWithResponseStream")

    with pytest.raises(NotImplementedError):
        operation.encode({}, "id-1")
