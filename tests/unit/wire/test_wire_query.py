from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import given, strategies as st
import pytest

from keyturn.model.http import HttpRequest
from keyturn.wire.fault import Fault
from keyturn.wire.fields import FIELDS_MAX
from keyturn.wire.malformed import NESTING_MAX
from keyturn.wire.service import load_service
from support.aws_client import AwsClient

CLIENT = AwsClient("sts")
STS = "Version=2011-06-15"
IAM = "Version=2010-05-08"


def post(form: str, query: str = "") -> HttpRequest:
    return HttpRequest("POST", "/", query, {}, form.encode())


def decode(service: str, call: HttpRequest) -> dict[str, Any]:
    return load_service(service).route(call).decode(call)


def refusal(service: str, call: HttpRequest) -> Fault:
    with pytest.raises(Fault) as refused:
        decode(service, call)
    return refused.value


@pytest.mark.parametrize(
    "call",
    [
        post(f"Action=GetCallerIdentity&{STS}"),
        post("Action=GetCallerIdentity", STS),
        post("", f"Action=GetCallerIdentity&{STS}"),
        HttpRequest("GET", "/", f"Action=GetCallerIdentity&{STS}", {}, b""),
    ],
)
def test_parameters_come_in_the_body_or_in_the_query_string(call: HttpRequest) -> None:
    assert load_service("sts").route(call).name == "GetCallerIdentity"


@pytest.mark.parametrize(
    ("form", "code", "message"),
    [
        (
            f"Action=MakeCoffee&{STS}",
            "InvalidAction",
            "Could not find operation MakeCoffee for version 2011-06-15",
        ),
        (
            "Action=GetCallerIdentity&Version=2010-05-08",
            "InvalidAction",
            "Could not find operation GetCallerIdentity for version 2010-05-08",
        ),
        (
            "Action=GetCallerIdentity",
            "InvalidAction",
            "Could not find operation GetCallerIdentity for version NO_VERSION_SPECIFIED",
        ),
        (STS, "MissingAction", "The request must contain the parameter Action."),
    ],
)
def test_an_action_that_the_model_lacks_is_refused(form: str, code: str, message: str) -> None:
    refused = refusal("sts", post(form))

    assert (refused.code, refused.message, refused.status) == (code, message, 400)


def test_lists_and_structures_are_read_from_dotted_names() -> None:
    form = (
        f"Action=TagRole&{IAM}&RoleName=r"
        "&Tags.member.2.Key=b&Tags.member.2.Value=&Tags.member.10.Key=c&Tags.member.10.Value=3"
        "&Tags.member.1.Key=a&Tags.member.1.Value=one+two%40&Unheard.of=1"
    )

    assert decode("iam", post(form)) == {
        "RoleName": "r",
        "Tags": [
            {"Key": "a", "Value": "one two@"},
            {"Key": "b", "Value": ""},
            {"Key": "c", "Value": "3"},
        ],
    }


def test_an_empty_value_for_a_list_is_an_empty_list() -> None:
    assert decode("iam", post(f"Action=TagRole&{IAM}&RoleName=r&Tags="))["Tags"] == []


@pytest.mark.parametrize(
    "form",
    [
        "RoleName=r&RoleName=s",
        "RoleName=r&RoleName=r",
        "RoleName=r&RoleName.a=s",
        "RoleName.a=r&RoleName=s",
        "Tags.member.1.Key=a&Tags.member.1.Key=b",
        "Tags=&Tags.member.1.Key=a",
    ],
)
def test_a_parameter_given_twice_is_refused(form: str) -> None:
    refused = refusal("iam", post(f"Action=TagRole&{IAM}&{form}"))

    assert (refused.code, refused.status) == ("MalformedInput", 400)


def test_a_parameter_in_the_body_and_in_the_query_string_is_refused() -> None:
    call = post(f"Action=GetRole&{IAM}&RoleName=r", "RoleName=s")

    assert refusal("iam", call).code == "MalformedInput"


@pytest.mark.parametrize(
    ("action", "form"),
    [
        ("TagRole", "RoleName=r&Tags.member.0.Key=a"),
        ("TagRole", "RoleName=r&Tags.member.01.Key=a"),
        ("TagRole", "RoleName=r&Tags.member.one.Key=a"),
        ("TagRole", "RoleName=r&Tags.member.%D9%A1.Key=a"),
        ("TagRole", f"RoleName=r&Tags.member.{'1' * 10}.Key=a"),
        ("TagRole", "RoleName=r&Tags=a"),
        ("TagRole", "RoleName=r&Tags.member.1=a"),
        ("TagRole", "RoleName.member.1=r"),
        ("ListRoles", "MaxItems=ten"),
        ("ListRoles", "MaxItems=1e1"),
        ("ListRoles", "MaxItems= 1"),
        ("ListRoles", "MaxItems=%D9%A1"),
        ("ListRoles", "MaxItems=2147483648"),
        ("ListPolicies", "OnlyAttached=yes"),
        ("ListRoles", "Marker=%FF"),
    ],
)
def test_what_cannot_be_read_as_its_shape_is_malformed(action: str, form: str) -> None:
    refused = refusal("iam", post(f"Action={action}&{IAM}&{form}"))

    assert (refused.code, refused.status) == ("MalformedInput", 400)


def test_a_body_that_is_not_utf8_is_malformed() -> None:
    call = HttpRequest("POST", "/", "", {}, b"\xff")

    with pytest.raises(Fault, match="MalformedInput"):
        load_service("iam").route(call)


def test_names_are_read_to_their_depth_and_no_further() -> None:
    deep = ".a" * NESTING_MAX
    form = f"Action=GetRole&{IAM}&RoleName=r&Unheard{{}}=1"

    assert decode("iam", post(form.format(deep))) == {"RoleName": "r"}
    assert refusal("iam", post(form.format(deep + ".a"))).code == "MalformedInput"


def test_fields_are_read_to_their_number_and_no_further() -> None:
    form = f"Action=GetRole&{IAM}&RoleName=r"
    further = [f"f{number}=" for number in range(FIELDS_MAX - 3)]

    assert decode("iam", post("&".join([form, *further]))) == {"RoleName": "r"}
    assert refusal("iam", post("&".join([form, *further, "g="]))).code == "MalformedInput"


# Answers


def test_an_answer_is_a_result_and_its_metadata_in_the_service_s_namespace() -> None:
    operation = load_service("sts").operation("GetCallerIdentity")

    response = operation.encode({"UserId": "U", "Account": None, "Arn": "a<b"}, "id-1")

    assert response.status == 200
    assert dict(response.headers) == {"Content-Type": "text/xml", "x-amzn-RequestId": "id-1"}
    assert response.body == (
        b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        b"<GetCallerIdentityResult><UserId>U</UserId><Arn>a&lt;b</Arn></GetCallerIdentityResult>"
        b"<ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata>"
        b"</GetCallerIdentityResponse>"
    )


def test_an_operation_without_an_output_answers_with_metadata_alone() -> None:
    response = load_service("iam").operation("DeleteRole").encode({}, "id-1")

    assert response.body == (
        b'<DeleteRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        b"<ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata>"
        b"</DeleteRoleResponse>"
    )


def test_a_fault_is_an_error_response() -> None:
    fault = Fault("NoSuchEntity", "The role <r> & more.", 404)

    response = load_service("iam").encode_fault(fault, "id-1")

    assert response.status == 404
    assert response.body == (
        b'<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        b"<Error><Type>Sender</Type><Code>NoSuchEntity</Code>"
        b"<Message>The role &lt;r&gt; &amp; more.</Message></Error>"
        b"<RequestId>id-1</RequestId></ErrorResponse>"
    )


def test_a_fault_of_ours_is_the_receiver_s() -> None:
    response = load_service("iam").encode_fault(Fault("X", "", 500, is_sender=False), "id-1")

    assert b"<Type>Receiver</Type>" in response.body


@given(text=st.text())
def test_any_text_is_written_as_xml_that_reads_back(text: str) -> None:
    response = load_service("sts").operation("GetCallerIdentity").encode({"Arn": text}, "id-1")

    ET.fromstring(response.body)  # noqa: S314  our own answer
    read = CLIENT.output("GetCallerIdentity", response)["Arn"]
    assert all(
        theirs in {ours, "\N{REPLACEMENT CHARACTER}"}
        for ours, theirs in zip(text, read, strict=True)
    )
