"""botocore's client side, as the oracle for our server side: what it sends and what it reads.

client = AwsClient("secretsmanager")
request = client.request("GetSecretValue", {"SecretId": "a"})
output = client.output("GetSecretValue", response)
"""

from collections.abc import Mapping
from io import BytesIO
from typing import Any, cast
from urllib.parse import urlsplit

from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from keyturn.model.http import HttpRequest, HttpResponse


class AwsClient:
    """What botocore makes of one service's model."""

    def __init__(self, service: str | ServiceModel) -> None:
        self.model = load_model(service) if isinstance(service, str) else service
        protocol = self.model.metadata["protocol"]
        self._serializer = create_serializer(protocol, include_validation=False)
        self._parser = create_parser(protocol)

    def operation(self, name: str) -> OperationModel:
        return self.model.operation_model(name)

    def request(self, operation: str, params: Mapping[str, Any]) -> HttpRequest:
        """Return the request that botocore sends, without its signature."""
        serialized = self._serializer.serialize_to_request(params, self.operation(operation))
        prepare_request_dict(serialized, "http://127.0.0.1")
        prepared = create_request_object(serialized).prepare()
        url = urlsplit(prepared.url)
        headers = {name.lower(): _text(value) for name, value in prepared.headers.items()}
        body = prepared.body or b""
        return HttpRequest(
            prepared.method,
            url.path,
            url.query,
            headers,
            body.encode() if isinstance(body, str) else body,
        )

    def output(self, operation: str, response: HttpResponse) -> dict[str, Any]:
        """Return the output that botocore reads, without what it adds to it."""
        model = self.operation(operation)
        received = _received(response)
        if model.has_streaming_output:
            received["body"] = BytesIO(response.body)
        # The stubs don't say that an operation may answer with nothing.
        parsed: dict[str, Any] = self._parser.parse(received, cast("Shape", model.output_shape))
        del parsed["ResponseMetadata"]
        return {
            name: item.read() if isinstance(item, BytesIO) else item
            for name, item in parsed.items()
        }

    def error(self, response: HttpResponse) -> dict[str, Any]:
        """Return botocore's ``Error`` and ``ResponseMetadata``."""
        parsed: dict[str, Any] = self._parser.parse(_received(response), cast("Shape", None))
        return parsed


def load_model(name: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _received(response: HttpResponse) -> dict[str, Any]:
    return {
        "status_code": response.status,
        "headers": HeadersDict(dict(response.headers)),
        "body": response.body,
    }
