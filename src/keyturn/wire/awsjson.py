"""AWS JSON 1.0 and 1.1: the operation in a header, one object in the body.

An operation without an output shape answers with an empty body, as Secrets Manager does.

Smithy: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from botocore.model import OperationModel, ServiceModel

from keyturn.model.http import HttpRequest, HttpResponse
from keyturn.wire.fault import Fault
from keyturn.wire.json_body import parse_object
from keyturn.wire.json_fault import JsonErrors
from keyturn.wire.json_read import structure_reader
from keyturn.wire.json_write import structure_writer, write_json
from keyturn.wire.protocol import Decode, Encode, response

_REQUEST_TYPES = frozenset(
    {"application/json", "application/x-amz-json-1.0", "application/x-amz-json-1.1"}
)


class AwsJson:
    """One service over AWS JSON."""

    malformed_code = "SerializationException"
    invalid_code = "ValidationException"

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._operation_names = frozenset(model.operation_names)
        self._target_prefix = model.metadata["targetPrefix"]
        self._content_type = f"application/x-amz-json-{model.metadata['jsonVersion']}"

    def operation_name(self, request: HttpRequest) -> str:
        prefix, _, name = request.headers.get("x-amz-target", "").rpartition(".")
        is_ours = request.method == "POST" and _content_type(request) in _REQUEST_TYPES
        if is_ours and prefix == self._target_prefix and name in self._operation_names:
            return name
        raise Fault("UnknownOperationException", "The requested operation is not known.")

    def decoder(self, operation: OperationModel) -> Decode:
        shape = operation.input_shape
        read = structure_reader({} if shape is None else shape.members)
        return lambda request: read(parse_object(request.body))

    def encoder(self, operation: OperationModel) -> Encode:
        content_type = self._content_type
        shape = operation.output_shape
        if shape is None:
            return lambda _, request_id: response(200, content_type, request_id, b"")
        write = structure_writer(shape.members)

        def encode(output: Mapping[str, Any], request_id: str) -> HttpResponse:
            return response(200, content_type, request_id, write_json(write(output)))

        return encode

    def encode_fault(self, fault: Fault, request_id: str) -> HttpResponse:
        body = write_json({"__type": fault.code} | self._errors.body_of(fault))
        return response(fault.status, self._content_type, request_id, body)

    @cached_property
    def _errors(self) -> JsonErrors:
        return JsonErrors(self._model)


def _content_type(request: HttpRequest) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
