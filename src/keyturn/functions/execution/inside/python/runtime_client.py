"""The module that AWS's runtime client for Python talks to the runtime API with.

AWS's own is compiled, for one version of Python; this one runs on all. awslambdaric calls these
four functions and nothing else.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import http.client
import os
from typing import Final

_VERSION: Final = "2018-06-01"
_DEADLINE: Final = "Lambda-Runtime-Deadline-Ms"
_connection: http.client.HTTPConnection | None = None
_path = ""


def initialize_client(user_agent: str) -> None:
    """Take the client's name, which nobody here asks for."""
    del user_agent


def next() -> tuple[bytes, dict[str, str | int]]:  # noqa: A001 - awslambdaric's name
    """Wait for an event; return it with the headers that it came with."""
    response, body = _request("GET", "invocation/next", None, {})
    headers: dict[str, str | int] = dict(response.getheaders())
    # As AWS's: the one that is a number is one.
    headers[_DEADLINE] = int(headers[_DEADLINE])
    return body, headers


def post_invocation_result(
    invoke_id: str, result: bytes, content_type: str, _invocation_id: str | None = None
) -> None:
    """Answer an event."""
    _request("POST", f"invocation/{invoke_id}/response", result, {"Content-Type": content_type})


def post_error(
    invoke_id: str, error: str, _xray_fault: str, _invocation_id: str | None = None
) -> None:
    """Report that the handler failed."""
    headers = {"Content-Type": "application/json"}
    _request("POST", f"invocation/{invoke_id}/error", error.encode(), headers)


def _request(
    method: str, endpoint: str, body: bytes | None, headers: dict[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    global _connection, _path
    if _connection is None:
        # Not earlier: an interpreter may be started before its function is known.
        host, _, path = os.environ["AWS_LAMBDA_RUNTIME_API"].partition("/")
        _path = f"/{path}" if path else ""
        _connection = http.client.HTTPConnection(host)
    _connection.request(method, f"{_path}/{_VERSION}/runtime/{endpoint}", body, headers)
    response = _connection.getresponse()
    answer = response.read()
    if response.status >= http.client.BAD_REQUEST:
        raise RuntimeError(f"the runtime API refused: {response.status}")
    return response, answer
