"""RabbitMQ's management API, as one user calls it: refusals as our errors.

HTTP's basic authentication sends the password itself, so there is TLS unless the secret says
``"ssl": false`` (``json_http``).

RabbitMQ: https://www.rabbitmq.com/docs/management#http-api
"""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from keyturn_rotators.credential import Credential
from keyturn_rotators.engines.json_http import JsonHttp
from keyturn_rotators.errors import (
    ConnectionLostError,
    LoginRefusedError,
    MissingRightError,
    SecretValueError,
    StatementFailedError,
    UnreachableError,
)

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

    def __init__(self, http: JsonHttp, credential: Credential) -> None:
        self._http = http
        self._credential = credential

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
        login = b64encode(f"{credential.username}:{credential.password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}"}
        with JsonHttp.connected(credential, ca_file, headers) as http:
            api = cls(http, credential)
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
            status, answer = self._http.exchange("GET", "/api/whoami")
        except ConnectionLostError as error:
            raise UnreachableError(where, str(error)) from None
        if status == _UNAUTHORISED and _reason(answer) != _NO_MANAGER:
            raise LoginRefusedError(where, self._credential.stage, self._said(answer))
        is_known = isinstance(answer, dict) and ("name" in answer or status == _UNAUTHORISED)
        if not is_known:
            raise UnreachableError(where, f"what answers is no management API (HTTP {status})")

    def get(self, *path: str) -> Any:  # noqa: ANN401 - a server's answer
        """Return what there is at a path; None if there is nothing."""
        status, answer = self._http.exchange("GET", _path(path))
        return None if status == _NOT_FOUND else self._checked(status, answer)

    def put(self, *path: str, body: object) -> None:
        """Put something at a path, in place of what is there."""
        self._checked(*self._http.exchange("PUT", _path(path), body))

    def delete(self, *path: str) -> None:
        """Take away what is at a path, if anything is."""
        status, answer = self._http.exchange("DELETE", _path(path))
        if status != _NOT_FOUND:
            self._checked(status, answer)

    def _checked(self, status: int, answer: Any) -> Any:  # noqa: ANN401 - a server's answer
        where, said = self._credential.where, self._said(answer)
        if status == _UNAUTHORISED:
            raise MissingRightError(where, said, _ADVICE)
        if status >= _FAILED:
            raise StatementFailedError(where, f"{said} (HTTP {status})")
        return answer

    def _said(self, answer: Any) -> str:  # noqa: ANN401 - a server's answer
        return self._http.said(_reason(answer) or "no reason given")


def _path(parts: tuple[str, ...]) -> str:
    return "/".join(("/api", *(quote(part, safe="") for part in parts)))


def _reason(answer: Any) -> str:  # noqa: ANN401 - a server's answer
    return str(answer.get("reason", "")) if isinstance(answer, dict) else ""
