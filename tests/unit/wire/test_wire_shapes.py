"""What the models of today's services don't use, or hardly: on a model of our own."""

from datetime import UTC, datetime
import json
from typing import Any, cast

from botocore.model import ServiceModel, StructureShape
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from keyturn.model.http import HttpRequest, HttpResponse
from keyturn.wire.fault import Fault
from keyturn.wire.malformed import NESTING_MAX
from keyturn.wire.service import Service
from keyturn.wire.validate import VIOLATIONS_MAX
from support.aws_client import AwsClient
from support.shapes import structures

MEMBERS = {
    "Text": {"shape": "Text", "locationName": "wire-text"},
    "Tree": {"shape": "Tree"},
    "Names": {"shape": "Names"},
    "Flat": {"shape": "FlatNames"},
    "FlatNamed": {"shape": "FlatNamedNames"},
    "Map": {"shape": "Map"},
    "FlatMap": {"shape": "FlatMap"},
    "Trees": {"shape": "Trees"},
    "TreeMap": {"shape": "TreeMap"},
    "Blob": {"shape": "Blob"},
    "Number": {"shape": "Number"},
    "At": {"shape": "At"},
    "AtIso": {"shape": "At", "timestampFormat": "iso8601"},
    "AtUnix": {"shape": "At", "timestampFormat": "unixTimestamp"},
}
SHAPES = {
    "Text": {"type": "string", "max": 20},
    "Blob": {"type": "blob"},
    "Number": {"type": "double", "min": -1000.0},
    "At": {"type": "timestamp"},
    "Tree": {
        "type": "structure",
        "members": {"Left": {"shape": "Tree"}, "Leaf": {"shape": "Text"}},
    },
    "Trees": {"type": "list", "member": {"shape": "Tree"}},
    "TreeMap": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Tree"}},
    "Names": {"type": "list", "member": {"shape": "Text", "locationName": "name"}},
    "FlatNames": {"type": "list", "flattened": True, "member": {"shape": "Text"}},
    "FlatNamedNames": {
        "type": "list",
        "flattened": True,
        "member": {"shape": "Text", "locationName": "FlatName"},
    },
    "Map": {
        "type": "map",
        "key": {"shape": "Text", "locationName": "K"},
        "value": {"shape": "Text", "locationName": "V"},
    },
    "FlatMap": {
        "type": "map",
        "flattened": True,
        "key": {"shape": "Text"},
        "value": {"shape": "Text"},
    },
    "Everything": {"type": "structure", "members": MEMBERS},
}
METADATA = {
    "apiVersion": "2020-01-01",
    "endpointPrefix": "x",
    "serviceId": "X",
    "targetPrefix": "X",
    "jsonVersion": "1.0",
    "xmlNamespace": "urn:x",
}


INPUT_AND_OUTPUT = {
    "input": {"shape": "Everything"},
    "output": {"shape": "Everything", "resultWrapper": "DoResult"},
}


def model_of(
    protocol: str,
    shapes: dict[str, Any] = SHAPES,
    input_and_output: dict[str, Any] = INPUT_AND_OUTPUT,
) -> ServiceModel:
    http = {"method": "POST", "requestUri": "/do"}
    return ServiceModel(
        {
            "metadata": METADATA | {"protocol": protocol},
            "operations": {"Do": {"name": "Do", "http": http} | input_and_output},
            "shapes": shapes,
        },
        "x",
    )


def everything(model: ServiceModel) -> st.SearchStrategy[dict[str, Any]]:
    return structures(cast("StructureShape", model.shape_for("Everything")))


def decode(model: ServiceModel, request: HttpRequest) -> dict[str, Any]:
    return Service(model).route(request).decode(request)


def json_request(body: object) -> HttpRequest:
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "X.Do"}
    return HttpRequest("POST", "/", "", headers, json.dumps(body).encode())


def answer(protocol: str, output: dict[str, Any]) -> HttpResponse:
    return Service(model_of(protocol)).operation("Do").encode(output, "id-1")


PROTOCOLS = ["json", "rest-json", "query"]
some = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@some
@given(data=st.data())
def test_every_kind_of_shape_is_read_as_a_client_sends_it(
    protocol: str, data: st.DataObject
) -> None:
    model = model_of(protocol)
    params = data.draw(everything(model))
    # An empty structure has no trace in a form.
    params = pruned(params) if protocol == "query" else params

    request = AwsClient(model).request("Do", params)

    assert decode(model, request) == params


@pytest.mark.parametrize("protocol", PROTOCOLS)
@some
@given(data=st.data())
def test_every_kind_of_shape_is_written_as_a_client_reads_it(
    protocol: str, data: st.DataObject
) -> None:
    model = model_of(protocol)
    output = data.draw(everything(model))

    response = answer(protocol, output)

    assert AwsClient(model).output("Do", response) == output


def pruned(value: Any) -> Any:  # noqa: ANN401  any value at all
    if isinstance(value, dict):
        members = {name: pruned(item) for name, item in value.items()}
        return {name: item for name, item in members.items() if item not in ({}, [])}
    if isinstance(value, list):
        return [item for item in map(pruned, value) if item not in ({}, [])]
    return value


def nested(levels: int) -> dict[str, Any]:
    tree: dict[str, Any] = {"Leaf": "a"}
    for _ in range(levels):
        tree = {"Left": tree}
    return tree


def test_a_shape_that_holds_itself_is_read_to_the_limit_and_no_further() -> None:
    model = model_of("json")
    deepest = {"Tree": nested(NESTING_MAX - 2)}

    assert decode(model, json_request(deepest)) == deepest
    with pytest.raises(Fault, match="SerializationException"):
        decode(model, json_request({"Tree": nested(NESTING_MAX - 1)}))


def test_a_shape_that_holds_itself_is_checked_at_every_depth() -> None:
    with pytest.raises(Fault, match=r"at 'tree\.left\.left\.leaf' failed"):
        decode(model_of("json"), json_request({"Tree": {"Left": {"Left": {"Leaf": "a" * 21}}}}))


def test_a_map_of_structures_is_blamed_by_key() -> None:
    with pytest.raises(Fault, match=r"at 'treeMap\.k\.member\.leaf' failed"):
        decode(model_of("json"), json_request({"TreeMap": {"k": {"Leaf": "a" * 21}}}))


def test_a_map_of_structures_is_blamed_to_the_limit() -> None:
    entries = {str(number): {"Leaf": "a" * 21} for number in range(VIOLATIONS_MAX + 5)}

    with pytest.raises(Fault, match=f"{VIOLATIONS_MAX} validation errors"):
        decode(model_of("json"), json_request({"TreeMap": entries}))


def test_a_sensitive_key_is_masked_in_a_path() -> None:
    shapes = SHAPES | {
        "Key": {"type": "string", "sensitive": True},
        "TreeMap": {"type": "map", "key": {"shape": "Key"}, "value": {"shape": "Tree"}},
    }

    with pytest.raises(Fault, match=r"at 'treeMap\.\*\*\*\.member\.leaf' failed"):
        decode(model_of("json", shapes), json_request({"TreeMap": {"k": {"Leaf": "a" * 21}}}))


@pytest.mark.parametrize(
    ("member", "number", "at"),
    [
        ("At", 1523477145.729, datetime(2018, 4, 11, 20, 5, 45, 729_000, tzinfo=UTC)),
        ("At", 1523477145, datetime(2018, 4, 11, 20, 5, 45, tzinfo=UTC)),
        ("At", -1.5, datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC)),
        ("AtIso", "2018-04-11T20:05:45Z", datetime(2018, 4, 11, 20, 5, 45, tzinfo=UTC)),
        ("AtIso", "2018-04-11T22:05:45.5+02:00", datetime(2018, 4, 11, 20, 5, 45, 500_000, UTC)),
    ],
)
def test_a_timestamp_is_read_in_its_format(member: str, number: float | str, at: datetime) -> None:
    assert decode(model_of("json"), json_request({member: number})) == {member: at}


@pytest.mark.parametrize(
    ("member", "written"),
    [
        ("At", "2018-04-11T20:05:45Z"),
        ("At", True),
        ("At", 1e30),
        ("At", [1]),
        ("AtIso", 1523477145),
        ("AtIso", "2018-04-11"),
        ("AtIso", "2018-04-11T20:05:45"),
        ("AtIso", "2018-W15-3T20:05:45Z"),
        ("AtIso", "2018-13-11T20:05:45Z"),
        ("AtIso", "0001-01-01T00:00:00+23:00"),
        ("Number", 10**400),
        ("Number", True),
        ("Number", "1"),
        ("Map", "a"),
        ("Map", []),
    ],
)
def test_a_value_in_another_format_is_refused(member: str, written: object) -> None:
    with pytest.raises(Fault, match="SerializationException"):
        decode(model_of("json"), json_request({member: written}))


@pytest.mark.parametrize(
    ("protocol", "at", "written"),
    [
        ("query", datetime(2018, 4, 11, 20, 5, 45, tzinfo=UTC), b">2018-04-11T20:05:45Z<"),
        ("query", datetime(2018, 4, 11, 20, 5, 45, 7000, UTC), b">2018-04-11T20:05:45.007Z<"),
        ("json", datetime(1969, 12, 31, 23, 59, 58, 500_000, UTC), b":-1.500}"),
    ],
)
def test_a_timestamp_is_written_in_its_protocol_s_format(
    protocol: str, at: datetime, written: bytes
) -> None:
    assert written in answer(protocol, {"At": at}).body


def test_a_map_s_entry_in_a_form_has_a_key_and_a_value() -> None:
    call = HttpRequest("POST", "/", "", {}, b"Action=Do&Version=2020-01-01&Map.entry.1.K=k")

    with pytest.raises(Fault, match="MalformedInput"):
        decode(model_of("query"), call)


def test_an_output_s_structure_alone_can_be_the_body() -> None:
    shapes = SHAPES | {"Everything": {"type": "structure", "payload": "Tree", "members": MEMBERS}}
    model = model_of("rest-json", shapes)

    for output in ({"Tree": {"Leaf": "a"}}, {}):
        response = Service(model).operation("Do").encode(output, "id-1")

        assert json.loads(response.body) == output.get("Tree", {})


def test_text_as_a_whole_body_is_not_pretended() -> None:
    shapes = SHAPES | {"Everything": {"type": "structure", "payload": "Text", "members": MEMBERS}}
    operation = Service(model_of("rest-json", shapes)).operation("Do")

    with pytest.raises(NotImplementedError):
        operation.encode({}, "id-1")
    with pytest.raises(NotImplementedError):
        operation.decode(HttpRequest("POST", "/do", "", {}, b""))


@pytest.mark.parametrize(
    ("protocol", "call"),
    [
        ("rest-json", HttpRequest("POST", "/do", "a=b", {}, b"c")),
        ("query", HttpRequest("POST", "/", "", {}, b"Action=Do&Version=2020-01-01&a=b")),
        ("json", json_request({"a": "b"})),
    ],
)
def test_an_operation_without_an_input_has_no_parameters(protocol: str, call: HttpRequest) -> None:
    assert decode(model_of(protocol, input_and_output={}), call) == {}
