"""Send an event to an HTTP endpoint of Lambda's runtime interface, such as AWS's emulator.

The rules, which every caller may rely on:

* One request, one connection: nothing is sent twice, no redirect is followed, and no proxy of the
  environment is asked. (So it is ``http.client``: it does nothing that isn't written here.)
* The time is the whole request's: whoever sends a byte at a time doesn't get more of it.
* At most ``RESPONSE_BYTES_MAX`` of an answer are kept, whatever its head says of its length.
* TLS is verified against the system's authorities.
* That the event surely reached no function is said only where no answer of a function can look
  so.

How the emulator answers (cmd/aws-lambda-rie/handlers.go of its source): 200 with the function's
answer or error, alike; 200 with AWS's sentence when it timed out; 400 without a body while it has
another event; 502 with an error document when the process ended or didn't start.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/images-test.html
"""

from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
import json
import re
import socket
import ssl
import threading
from types import TracebackType
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

from keyturn.functions.execution.environment import TimedOut
from keyturn.functions.execution.reply import CONNECT_SECONDS_MAX, Errand, Lost, Reply, answered
from keyturn.functions.execution.runtime_api import (
    RESPONSE_BYTES_MAX,
    Outcome,
    Raised,
    TooLarge,
)
from keyturn.functions.refusals import FunctionUnavailableError
from keyturn.model.function_place import HttpPlace

_CHUNK_BYTES: Final = 65_536
_TIMED_OUT: Final = re.compile(rb"Task timed out after (\d{1,4}\.\d\d) seconds")
_ERROR_HEADERS: Final = ("X-Amz-Function-Error", "Error-Type")
_REDIRECTS: Final = range(300, 400)
# Whoever answers so stands before the function, and has kept the event from it.
_REFUSALS: Final = frozenset(
    {
        *_REDIRECTS,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


def send(place: HttpPlace, errand: Errand) -> Reply:
    """Send an event, and return what came back.

    Raises:
        FunctionUnavailableError: it surely reached no function.
    """
    url = urlsplit(place.url)
    connection = _connected(place, url)
    with closing(connection), _CutOff(connection, errand.seconds) as cut_off:
        if url.scheme == "https":
            _shake_hands(place, connection)
        try:
            ending = _exchange(place, url, connection, errand)
        except (OSError, HTTPException) as error:
            ending = Lost(f"{place} broke the connection off ({_told(error)})")
        # Also what looks whole may be the beginning of what was cut off.
        return Reply(TimedOut(errand.seconds) if cut_off.is_done else ending)


def _connected(place: HttpPlace, url: SplitResult) -> HTTPConnection:
    assert url.hostname is not None
    is_secure = url.scheme == "https"
    connection = HTTPConnection(
        url.hostname, url.port or (443 if is_secure else 80), timeout=CONNECT_SECONDS_MAX
    )
    try:
        connection.connect()
    except socket.gaierror:
        raise _unreachable(place, "its name isn't known") from None
    except TimeoutError:
        raise _unreachable(
            place, f"nothing answered within {CONNECT_SECONDS_MAX} seconds"
        ) from None
    except OSError as error:
        raise _unreachable(place, f"the connection failed ({_told(error)})") from error
    if is_secure:
        _put_tls_over(place, connection, url.hostname)
    return connection


def _put_tls_over(place: HttpPlace, connection: HTTPConnection, host: str) -> None:
    try:
        # What is said in the handshake is within the time of the request.
        connection.sock = ssl.create_default_context().wrap_socket(
            connection.sock, server_hostname=host.rstrip("."), do_handshake_on_connect=False
        )
    except OSError as error:
        connection.close()
        raise _unreachable(place, f"TLS failed ({_told(error)})") from error


def _shake_hands(place: HttpPlace, connection: HTTPConnection) -> None:
    assert isinstance(connection.sock, ssl.SSLSocket)
    try:
        connection.sock.do_handshake()
    except ssl.SSLCertVerificationError as error:
        raise _unreachable(
            place, f"its certificate isn't trusted: {error.verify_message}"
        ) from error
    except OSError as error:
        raise _unreachable(place, f"TLS failed ({_told(error)})") from error


class _CutOff:
    """Breaks a connection off when its time is over, whatever it is at.

    Attributes:
        is_done: whether it did.
    """

    def __init__(self, connection: HTTPConnection, seconds: float) -> None:
        self.is_done = False
        self._socket = connection.sock
        # From here on, only this ends a wait.
        self._socket.settimeout(None)
        self._timer = threading.Timer(seconds, self._break_off)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()

    def _break_off(self) -> None:
        self.is_done = True
        with suppress(OSError):
            # Beneath TLS: another thread is using that.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _exchange(
    place: HttpPlace, url: SplitResult, connection: HTTPConnection, errand: Errand
) -> Outcome | TimedOut | Lost:
    headers = {
        # The connection doesn't know that 443 goes without saying.
        "Host": url.netloc,
        "Content-Type": "application/json",
        "Connection": "close",
        "X-Amzn-RequestId": errand.request_id,
    }
    connection.request("POST", url.path, errand.payload, headers)
    with connection.getresponse() as response:
        body = _body(response)
    if body is None:
        return TooLarge()
    if any(response.headers.get(name) for name in _ERROR_HEADERS) or _is_error(body):
        return Raised(body)
    if response.status == HTTPStatus.OK:
        timed_out = _TIMED_OUT.fullmatch(body)
        return answered(place, body) if timed_out is None else TimedOut(float(timed_out[1]))
    if response.status in _REFUSALS or (response.status == HTTPStatus.BAD_REQUEST and not body):
        raise _unreachable(place, _refused(response.status))
    return Lost(f"{place} answered with HTTP status {response.status}, and not for the function")


def _body(response: HTTPResponse) -> bytes | None:
    """Return the body of a response; None when it is too long."""
    chunks, length = [], 0
    while chunk := response.read(_CHUNK_BYTES):
        length += len(chunk)
        if length > RESPONSE_BYTES_MAX:
            return None
        chunks.append(chunk)
    # Read piece by piece, a body that ends too early isn't complained about.
    if response.length:
        raise IncompleteRead(b"", response.length)
    return b"".join(chunks)


def _is_error(body: bytes) -> bool:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and all(
        isinstance(document.get(member), str) for member in ("errorType", "errorMessage")
    )


def _refused(status: int) -> str:
    if status == HTTPStatus.BAD_REQUEST:
        return "it is busy with another invocation"
    if status == HTTPStatus.NOT_FOUND:
        return "it has no function at that path"
    if status in _REDIRECTS:
        return f"it answered with a redirect (HTTP status {status}), and those aren't followed"
    return f"it refused the request with HTTP status {status}"


def _unreachable(place: HttpPlace, reason: str) -> FunctionUnavailableError:
    return FunctionUnavailableError(f"The function's code is at {place}, and {reason}.")


def _told(error: OSError | HTTPException) -> str:
    told = error.strerror if isinstance(error, OSError) else None
    return told or type(error).__name__
