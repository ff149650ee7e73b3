"""What AWS's protocols have in common, as a service and its operations see them."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from botocore.model import OperationModel

from keyturn.model.http import HttpRequest, HttpResponse
from keyturn.wire.fault import Fault

Decode = Callable[[HttpRequest], dict[str, Any]]
"""Reads an operation's parameters. Raises MalformedError, or a Fault where AWS has a code."""
Encode = Callable[[Mapping[str, Any], str], HttpResponse]
"""Writes an operation's output, with a request id."""


class WireProtocol(Protocol):
    """One of AWS's protocols, speaking for one service's model.

    Attributes:
        malformed_code: the error code for input that can't be read as its shape.
        invalid_code: the error code for input that breaks the model's constraints.
    """

    malformed_code: str
    invalid_code: str

    def operation_name(self, request: HttpRequest) -> str:
        """Return the name of the operation that a request asks for.

        Raises:
            Fault: the service has no such operation.
        """
        ...

    def decoder(self, operation: OperationModel) -> Decode:
        """Compile how an operation's parameters are read."""
        ...

    def encoder(self, operation: OperationModel) -> Encode:
        """Compile how an operation's output is written."""
        ...

    def encode_fault(self, fault: Fault, request_id: str) -> HttpResponse:
        """Write an error answer."""
        ...


def response(
    status: int,
    content_type: str,
    request_id: str,
    body: bytes,
    headers: tuple[tuple[str, str], ...] = (),
) -> HttpResponse:
    """Return an answer with the headers that every answer has."""
    every = (("Content-Type", content_type), ("x-amzn-RequestId", request_id))
    return HttpResponse(status, every + headers, body)
