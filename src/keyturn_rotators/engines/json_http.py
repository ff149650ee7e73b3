"""An HTTP API that speaks JSON, as one login calls it: one connection, refusals as our errors.

* A connection is made once. One that breaks isn't made again behind the caller's back, which for
  http.client would be without TLS.
* There is TLS, verified, unless the secret says ``"ssl": false``: the password or token is sent
  with each request.
* A redirection isn't followed. A cookie is sent back, as a session needs it.

HTTP: RFC 9110
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from http.cookies import CookieError, SimpleCookie
import json
import socket
import ssl
from typing import Any, Final

from keyturn_rotators.credential import Credential
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    TargetError,
    UnreachableError,
    without_values,
)
from keyturn_rotators.tls import context

#: For the address to take the connection, and again for TLS to begin.
CONNECT_SECONDS: Final = 3
ANSWER_SECONDS: Final = 10
#: Of one answer. A user has few rights or tokens, each some hundred bytes.
ANSWER_BYTES_MAX: Final = 1 << 20


class JsonHttp:
    """A connection, and the headers that each request has."""

    def __init__(
        self, connection: HTTPConnection, credential: Credential, headers: Mapping[str, str]
    ) -> None:
        self._connection = connection
        self._credential = credential
        self._headers = {"Content-Type": "application/json", **headers}
        # A scheme's name before a blank is none.
        tokens = {value.rpartition(" ")[2] for value in headers.values()}
        self._secrets = sorted({*tokens, credential.password}, key=len, reverse=True)
        self._cookies: SimpleCookie = SimpleCookie()

    @classmethod
    @contextmanager
    def connected(
        cls, credential: Credential, ca_file: str | None, headers: Mapping[str, str]
    ) -> Iterator["JsonHttp"]:
        """Connect to a credential's place, until the end of the block.

        Raises:
            UnreachableError: nothing answers there.
            EncryptionError: no TLS, or none to be trusted.
        """
        with closing(_connected(credential, ca_file)) as connection:
            yield cls(connection, credential, headers)

    def exchange(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Send a request; return the status, and the answer or None if it is no JSON.

        Args:
            body: what JSON can hold; None for a request without one.

        Raises:
            ConnectionLostError: the connection broke, or what came was no HTTP, or too much.
        """
        sent = None if body is None else json.dumps(body).encode()
        try:
            self._connection.request(method, path, sent, {**self._headers, **self._cookie()})
            response = self._connection.getresponse()
            text = response.read(ANSWER_BYTES_MAX)
            for cookie in response.headers.get_all("Set-Cookie", ()):
                self._cookies.load(cookie)
        except (OSError, HTTPException, CookieError) as error:
            said = self.said(str(error) or type(error).__name__)
            raise ConnectionLostError(self._credential.where, said) from None
        return response.status, _parsed(text)

    def said(self, text: str) -> str:
        """Return what a server said, without what was sent to it: servers repeat headers."""
        return without_values(text, *self._secrets)

    def _cookie(self) -> Mapping[str, str]:
        pairs = [f"{each.key}={each.coded_value}" for each in self._cookies.values()]
        return {"Cookie": "; ".join(pairs)} if pairs else {}


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


def _parsed(text: bytes) -> Any:  # noqa: ANN401 - a server's answer
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
