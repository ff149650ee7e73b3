"""RabbitMQ's management API, as one user calls it: one connection, JSON, refusals as our errors.

* A connection is made once. One that breaks isn't made again behind the caller's back, which for
  http.client would be without TLS.
* HTTP's basic authentication sends the password itself, so there is TLS unless the secret says
  ``"ssl": false``.
* A redirection isn't followed.

RabbitMQ: https://www.rabbitmq.com/docs/management#http-api
"""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
import json
import socket
import ssl
from typing import Any, Final
from urllib.parse import quote

from keyturn_rotators.credential import Credential
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingRightError,
    SecretValueError,
    StatementFailedError,
    TargetError,
    UnreachableError,
    without_values,
)
from keyturn_rotators.tls import context

#: For the address to take the connection, and again for TLS to begin.
CONNECT_SECONDS: Final = 3
ANSWER_SECONDS: Final = 10
#: Of one answer. A user has few rights, each some hundred bytes.
ANSWER_BYTES_MAX: Final = 1 << 20
_UNAUTHORISED: Final = 401
_NOT_FOUND: Final = 404
_FAILED: Final = 400
# What is said to a user whose password is right, and who may not use this API.
_NO_MANAGER: Final = "Not management user"
_ADVICE: Final = (
    "A user of the tag administrator can; name its secret in the secret as "
    '"masterarn", and see: rabbitmqctl set_user_tags.'
)


class ManagementApi:
    """The API, called by one user."""

    def __init__(self, connection: HTTPConnection, credential: Credential) -> None:
        self._connection = connection
        self._credential = credential
        login = f"{credential.username}:{credential.password}".encode()
        self._headers = {
            "Authorization": f"Basic {b64encode(login).decode()}",
            "Content-Type": "application/json",
        }

    @classmethod
    @contextmanager
    def logged_in(cls, credential: Credential, ca_file: str | None) -> Iterator["ManagementApi"]:
        """Log in; see ``target.Engine``."""
        if ":" in credential.username:
            # The user would be another one: basic authentication ends its name at the first.
            raise SecretValueError(
                'The secret\'s "username" has a colon in it, with which nobody can log in to '
                "RabbitMQ's management API. Rotate another user."
            )
        with closing(_connected(credential, ca_file)) as connection:
            api = cls(connection, credential)
            api.log_in()
            yield api

    def log_in(self) -> None:
        """Ask who it is; users who may not use the API are told so if their password is right.

        Raises:
            LoginRefusedError: the server doesn't let the user in.
            UnreachableError: what answers is no management API.
        """
        where = self._credential.where
        try:
            status, answer = self._exchange("GET", "/api/whoami", None)
        except ConnectionLostError as error:
            raise UnreachableError(where, str(error)) from None
        if status == _UNAUTHORISED and _reason(answer) != _NO_MANAGER:
            raise LoginRefusedError(where, self._credential.stage, self._said(answer))
        is_known = isinstance(answer, dict) and ("name" in answer or status == _UNAUTHORISED)
        if not is_known:
            raise UnreachableError(where, f"what answers is no management API (HTTP {status})")

    def get(self, *path: str) -> Any:  # noqa: ANN401 - a server's answer
        """Return what there is at a path; None if there is nothing."""
        status, answer = self._exchange("GET", _path(path), None)
        return None if status == _NOT_FOUND else self._checked(status, answer)

    def put(self, *path: str, body: object) -> None:
        """Put something at a path, in place of what is there."""
        self._checked(*self._exchange("PUT", _path(path), json.dumps(body).encode()))

    def delete(self, *path: str) -> None:
        """Take away what is at a path, if anything is."""
        status, answer = self._exchange("DELETE", _path(path), None)
        if status != _NOT_FOUND:
            self._checked(status, answer)

    def _checked(self, status: int, answer: Any) -> Any:  # noqa: ANN401 - a server's answer
        where, said = self._credential.where, self._said(answer)
        if status == _UNAUTHORISED:
            raise MissingRightError(where, said, _ADVICE)
        if status >= _FAILED:
            raise StatementFailedError(where, f"{said} (HTTP {status})")
        return answer

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, Any]:
        try:
            self._connection.request(method, path, body, self._headers)
            response = self._connection.getresponse()
            text = response.read(ANSWER_BYTES_MAX)
        except (OSError, HTTPException) as error:
            said = without_values(str(error) or type(error).__name__, self._credential.password)
            raise ConnectionLostError(self._credential.where, said) from None
        return response.status, _parsed(text)

    def _said(self, answer: Any) -> str:  # noqa: ANN401 - a server's answer
        return without_values(_reason(answer) or "no reason given", self._credential.password)


def _connected(credential: Credential, ca_file: str | None) -> HTTPConnection:
    address = (credential.host, credential.port)
    try:
        plain = socket.create_connection(address, CONNECT_SECONDS)
    except OSError as error:
        raise UnreachableError(credential.where, without_values(str(error))) from None
    try:
        stream = plain if credential.ssl is False else _encrypted(plain, credential, ca_file)
    except TargetError:
        plain.close()
        raise
    stream.settimeout(ANSWER_SECONDS)
    connection = HTTPConnection(*address, timeout=ANSWER_SECONDS)
    connection.sock = stream
    connection.auto_open = 0
    return connection


def _encrypted(plain: socket.socket, credential: Credential, ca_file: str | None) -> ssl.SSLSocket:
    verified = context(credential, ca_file)
    try:
        return verified.wrap_socket(plain, server_hostname=credential.host)
    except TimeoutError:
        said = "no answer to the beginning of TLS"
    except ssl.SSLError as error:
        said = getattr(error, "verify_message", "") or error.reason or str(error)
    except OSError as error:
        said = str(error)
    raise EncryptionError(credential.where, without_values(said))


def _path(parts: tuple[str, ...]) -> str:
    return "/".join(("/api", *(quote(part, safe="") for part in parts)))


def _parsed(text: bytes) -> Any:  # noqa: ANN401 - a server's answer
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _reason(answer: Any) -> str:  # noqa: ANN401 - a server's answer
    return str(answer.get("reason", "")) if isinstance(answer, dict) else ""
