"""AWS Query: parameters as a form, answers as XML.

* The parameters come in a POST's body, in the query string, or in both, but none twice.
* The error codes are the model's (``NoSuchEntity``), not its shapes' names.

Smithy: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
AWS: IAM API Reference, "Making query requests".
"""

from collections.abc import Mapping
from typing import Any, Final

from botocore.model import OperationModel, ServiceModel

from keyturn.model.http import HttpRequest, HttpResponse
from keyturn.wire.fault import Fault
from keyturn.wire.fields import parse_fields
from keyturn.wire.form import Node, form_reader, form_tree
from keyturn.wire.malformed import MalformedError
from keyturn.wire.protocol import Decode, Encode, response
from keyturn.wire.xml import element, escape, xml_writer

_CONTENT_TYPE: Final = "text/xml"


class Query:
    """One service over AWS Query."""

    malformed_code = "MalformedInput"
    invalid_code = "ValidationError"

    def __init__(self, model: ServiceModel) -> None:
        self._operation_names = frozenset(model.operation_names)
        self._version = model.api_version
        self._namespace = model.metadata["xmlNamespace"]

    def operation_name(self, request: HttpRequest) -> str:
        tree = _tree(request)
        action, version = tree.get("Action"), tree.get("Version", "NO_VERSION_SPECIFIED")
        if not isinstance(action, str):
            raise Fault("MissingAction", "The request must contain the parameter Action.")
        if action in self._operation_names and version == self._version:
            return action
        raise Fault("InvalidAction", f"Could not find operation {action} for version {version}")

    def decoder(self, operation: OperationModel) -> Decode:
        read = form_reader(operation.input_shape)
        return lambda request: read(_tree(request))

    def encoder(self, operation: OperationModel) -> Encode:
        shape, root = operation.output_shape, f"{operation.name}Response"
        if shape is None:
            return lambda _, request_id: self._answer(root, "", request_id)
        wrapper = shape.serialization["resultWrapper"]
        write = xml_writer(shape)

        def encode(output: Mapping[str, Any], request_id: str) -> HttpResponse:
            return self._answer(root, element(wrapper, write(output)), request_id)

        return encode

    def encode_fault(self, fault: Fault, request_id: str) -> HttpResponse:
        error = element(
            "Error",
            element("Type", "Sender" if fault.is_sender else "Receiver")
            + element("Code", escape(fault.code))
            + element("Message", escape(fault.message)),
        )
        content = error + element("RequestId", escape(request_id))
        return self._document(fault.status, "ErrorResponse", content, request_id)

    def _answer(self, root: str, result: str, request_id: str) -> HttpResponse:
        metadata = element("ResponseMetadata", element("RequestId", escape(request_id)))
        return self._document(200, root, result + metadata, request_id)

    def _document(self, status: int, root: str, content: str, request_id: str) -> HttpResponse:
        text = f'<{root} xmlns="{self._namespace}">{content}</{root}>'
        return response(status, _CONTENT_TYPE, request_id, text.encode())


def _tree(request: HttpRequest) -> dict[str, Node]:
    try:
        form = request.body.decode() if request.method == "POST" else ""
    except UnicodeDecodeError:
        raise MalformedError("The request body is not UTF-8") from None
    return form_tree(parse_fields(request.query) + parse_fields(form))
