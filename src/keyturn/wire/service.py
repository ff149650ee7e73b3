"""The services we speak for, and their operations, from botocore's models.

* A model is read once a process, an operation's decoder and encoder are compiled at their first
  use, and both are kept.
* Only the models that botocore ships are read: a model in someone's home directory must not
  change what a server accepts.
"""

from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any, Final

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

from keyturn.model.http import HttpRequest, HttpResponse
from keyturn.wire.awsjson import AwsJson
from keyturn.wire.fault import INTERNAL_FAILURE, Fault
from keyturn.wire.malformed import MalformedError
from keyturn.wire.protocol import Decode, Encode, WireProtocol
from keyturn.wire.query import Query
from keyturn.wire.restjson import RestJson
from keyturn.wire.validate import structure_check

# Each service's signing name, which is also its model's, and what it calls its own failures.
_INTERNAL_FAILURE_CODES: Final[Mapping[str, str]] = {
    "secretsmanager": "InternalServiceError",
    "logs": INTERNAL_FAILURE,
    "lambda": "ServiceException",
    "iam": "ServiceFailure",
    "sts": INTERNAL_FAILURE,
    "rds": INTERNAL_FAILURE,
    "redshift": INTERNAL_FAILURE,
    "redshift-serverless": "InternalServerException",
}
# What a service calls input that breaks its model's constraints, unless it is as its protocol's
# other services do.
_INVALID_CODES: Final[Mapping[str, str]] = {"logs": "InvalidParameterException"}
_PROTOCOLS: Final[Mapping[str, Callable[[ServiceModel], WireProtocol]]] = {
    "json": AwsJson,
    "rest-json": RestJson,
    "query": Query,
}


@cache
def load_service(signing_name: str) -> "Service":
    """Return the service with a signing name, such as ``secretsmanager``.

    Raises:
        KeyError: we don't speak for any such service.
    """
    internal_failure_code = _INTERNAL_FAILURE_CODES[signing_name]
    loader = Loader([Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    model = ServiceModel(loader.load_service_model(signing_name, "service-2"), signing_name)
    return Service(model, internal_failure_code, _INVALID_CODES.get(signing_name))


class Service:
    """One service's wire format.

    Attributes:
        name: the signing name.
        operation_names: every operation in the model, whether anyone handles it or not.
    """

    def __init__(
        self,
        model: ServiceModel,
        internal_failure_code: str = INTERNAL_FAILURE,
        invalid_code: str | None = None,
    ) -> None:
        self.name = str(model.service_name)
        self.operation_names = frozenset(model.operation_names)
        self._model = model
        self._protocol = _PROTOCOLS[model.metadata["protocol"]](model)
        self._internal_failure_code = internal_failure_code
        self._invalid_code = invalid_code or self._protocol.invalid_code
        self._operations: dict[str, Operation] = {}

    def route(self, request: HttpRequest) -> "Operation":
        """Return the operation that a request asks for.

        Raises:
            Fault: there is none.
        """
        try:
            return self.operation(self._protocol.operation_name(request))
        except MalformedError as malformed:
            raise Fault(self._protocol.malformed_code, str(malformed)) from None

    def operation(self, name: str) -> "Operation":
        """Return the operation of that name; it must be one of ``operation_names``."""
        if name not in self._operations:
            model = self._model.operation_model(name)
            self._operations[name] = Operation(
                self.name, model, self._protocol, self._invalid_code
            )
        return self._operations[name]

    def encode_fault(self, fault: Fault, request_id: str) -> HttpResponse:
        """Write an error answer."""
        if fault.code == INTERNAL_FAILURE:
            fault = Fault(
                self._internal_failure_code, fault.message, fault.status, is_sender=False
            )
        return self._protocol.encode_fault(fault, request_id)


class Operation:
    """One operation's wire format.

    Attributes:
        service_name: its service's signing name.
        name: such as ``GetSecretValue``.
    """

    def __init__(
        self,
        service_name: str,
        model: OperationModel,
        protocol: WireProtocol,
        invalid_code: str,
    ) -> None:
        self.service_name = service_name
        self.name = str(model.name)
        self._model = model
        self._protocol = protocol
        self._invalid_code = invalid_code

    def decode(self, request: HttpRequest) -> dict[str, Any]:
        """Return a request's parameters, which are as the model says.

        Raises:
            Fault: they can't be read, or break the model's constraints.
        """
        try:
            params = self._decode(request)
        except MalformedError as malformed:
            raise Fault(self._protocol.malformed_code, str(malformed)) from None
        message = self._message_of(params)
        if message is not None:
            raise Fault(self._invalid_code, message)
        return params

    def encode(self, output: Mapping[str, Any], request_id: str) -> HttpResponse:
        """Write an output; members that are None are left out."""
        return self._encode(output, request_id)

    @cached_property
    def _decode(self) -> Decode:
        return self._protocol.decoder(self._model)

    @cached_property
    def _message_of(self) -> Callable[[Mapping[str, Any]], str | None]:
        return structure_check(self._model.input_shape)

    @cached_property
    def _encode(self) -> Encode:
        if self._model.has_event_stream_output:
            raise NotImplementedError(f"{self.name} answers with an event stream")
        return self._protocol.encoder(self._model)
