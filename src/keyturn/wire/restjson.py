"""REST-JSON: members in the path, the query string, headers, the status and the body.

* Which operation is meant follows from the method and the path; the most specific template wins.
* The body is one JSON object of the members that are nowhere else, or, where the model says
  ``payload``, one member alone: a blob as it is, a structure as JSON.
* A parameter of the query string that isn't a list may come once.

Prefix headers, and headers and labels that hold lists, aren't read: no service here has them.

Smithy: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
"""

from collections import defaultdict
from functools import cached_property

from botocore.model import OperationModel, ServiceModel

from keyturn.model.http import HttpRequest, HttpResponse
from keyturn.wire.fault import Fault
from keyturn.wire.fields import parse_fields
from keyturn.wire.json_fault import JsonErrors
from keyturn.wire.json_write import write_json
from keyturn.wire.protocol import Decode, Encode, response
from keyturn.wire.rest_input import input_decoder
from keyturn.wire.rest_output import CONTENT_TYPE, output_encoder
from keyturn.wire.uri import UriTemplate


class RestJson:
    """One service over REST-JSON."""

    malformed_code = "SerializationException"
    invalid_code = "ValidationException"

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._templates: dict[str, UriTemplate] = {}
        self._names_by_method: dict[str, list[str]] = defaultdict(list)
        for name in model.operation_names:
            http = model.operation_model(name).http
            self._templates[name] = UriTemplate(http["requestUri"])
            self._names_by_method[http["method"]].append(name)
        for names in self._names_by_method.values():
            names.sort(key=lambda name: self._templates[name].precedence)

    def operation_name(self, request: HttpRequest) -> str:
        fields = parse_fields(request.query)
        for name in self._names_by_method.get(request.method, ()):
            if self._templates[name].matches(request.path, fields):
                return name
        raise Fault("UnknownOperationException", "The requested operation is not known.", 404)

    def decoder(self, operation: OperationModel) -> Decode:
        return input_decoder(operation.input_shape, self._templates[operation.name])

    def encoder(self, operation: OperationModel) -> Encode:
        return output_encoder(operation.output_shape, operation.http.get("responseCode", 200))

    def encode_fault(self, fault: Fault, request_id: str) -> HttpResponse:
        body = write_json(self._errors.body_of(fault))
        headers = (("x-amzn-ErrorType", fault.code), *self._errors.headers_of(fault))
        return response(fault.status, CONTENT_TYPE, request_id, body, headers)

    @cached_property
    def _errors(self) -> JsonErrors:
        return JsonErrors(self._model)
