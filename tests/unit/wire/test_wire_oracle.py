"""botocore's own client reads what we write, and we read what it sends, for every service."""

from typing import Any

from botocore.model import OperationModel
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from keyturn.wire.fault import Fault, internal_failure
from keyturn.wire.service import load_service
from support.aws_client import AwsClient
from support.shapes import structures

SERVICES = ["secretsmanager", "logs", "lambda", "iam", "sts"]
CLIENTS = {name: AwsClient(name) for name in SERVICES}

many = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def operations_of(service: str) -> list[OperationModel]:
    client = CLIENTS[service]
    models = [client.operation(name) for name in sorted(client.model.operation_names)]
    return [model for model in models if not model.has_event_stream_output]


@pytest.mark.parametrize("service", SERVICES)
@many
@given(data=st.data())
def test_what_a_client_sends_is_read_as_what_it_meant(service: str, data: st.DataObject) -> None:
    model = data.draw(st.sampled_from(operations_of(service)), "operation")
    params = data.draw(structures(model.input_shape)) if model.input_shape else {}
    request = CLIENTS[service].request(model.name, params)

    operation = load_service(service).route(request)

    assert operation.name == model.name
    # Any value of the right type goes here, so the model's constraints are left aside.
    assert operation._decode(request) == params


@pytest.mark.parametrize("service", SERVICES)
@many
@given(data=st.data())
def test_what_we_answer_is_read_as_what_we_meant(service: str, data: st.DataObject) -> None:
    model = data.draw(st.sampled_from(operations_of(service)), "operation")
    output = data.draw(structures(model.output_shape)) if model.output_shape else {}

    response = load_service(service).operation(model.name).encode(output, "request-1")

    assert dict(response.headers)["x-amzn-RequestId"] == "request-1"
    read = CLIENTS[service].output(model.name, response)
    assert without_additions(model, read, output) == output


def without_additions(
    model: OperationModel, read: dict[str, Any], output: dict[str, Any]
) -> dict[str, Any]:
    """Drop what a client fills in by itself: the status, and a payload that isn't there."""
    shape = model.output_shape
    if shape is None:
        return read
    added = {
        name
        for name, member in shape.members.items()
        if name not in output
        and (
            member.serialization.get("location") == "statusCode"
            or name == shape.serialization.get("payload")
        )
    }
    return {name: item for name, item in read.items() if name not in added}


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_with_one_answer_compiles(service: str) -> None:
    loaded = load_service(service)

    for model in operations_of(service):
        operation = loaded.operation(model.name)
        assert callable(operation._decode)
        assert callable(operation._message_of)
        assert callable(operation._encode)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_a_client_reads_a_fault_s_code_and_text(service: str, code: str) -> None:
    response = load_service(service).encode_fault(Fault(code, "No <such> thing\n", 404), "id-1")

    read = CLIENTS[service].error(response)
    assert read["Error"]["Code"] == code
    assert read["Error"]["Message"] == "No <such> thing\n"
    assert read["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert read["ResponseMetadata"]["RequestId"] == "id-1"


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("secretsmanager", "InternalServiceError"),
        ("logs", "InternalFailure"),
        ("lambda", "ServiceException"),
        ("iam", "ServiceFailure"),
        ("sts", "InternalFailure"),
    ],
)
def test_each_service_has_its_own_name_for_its_own_failure(service: str, code: str) -> None:
    response = load_service(service).encode_fault(internal_failure(), "id-1")

    read = CLIENTS[service].error(response)
    assert response.status == 500
    assert read["Error"]["Code"] == code
