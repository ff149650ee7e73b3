"""InfluxDB 2's HTTP API: what it says, as our errors.

InfluxDB: https://docs.influxdata.com/influxdb/v2/api/
"""

from typing import Any, Final

from keyturn_rotators.credential import Credential
from keyturn_rotators.engines.json_http import JsonHttp
from keyturn_rotators.errors import (
    ConnectionLostError,
    LoginRefusedError,
    MissingRightError,
    PasswordRefusedError,
    StatementFailedError,
    UnreachableError,
    without_values,
)

_UNAUTHORISED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_FAILED: Final = 300
_INVALID: Final = frozenset({400, 422})


class InfluxdbApi:
    """The API, called by one login.

    Args:
        advice: what to do where the login hasn't a right.
    """

    def __init__(self, http: JsonHttp, credential: Credential, advice: str) -> None:
        self._http = http
        self._credential = credential
        self._advice = advice

    def begin(self, method: str, path: str) -> Any:  # noqa: ANN401 - JSON
        """Send the request that shows whether the login is good; return the answer.

        Raises:
            LoginRefusedError: the server doesn't take it.
            UnreachableError: what answers is no InfluxDB.
        """
        where, stage = self._credential.where, self._credential.stage
        try:
            status, answer = self._http.exchange(method, path)
        except ConnectionLostError as error:
            raise UnreachableError(where, str(error)) from None
        said = self._said(status, answer)
        if status == _UNAUTHORISED:
            raise LoginRefusedError(where, stage, said)
        if status >= _FAILED:
            raise UnreachableError(where, f"what answers is no InfluxDB 2: {said}")
        return answer

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Send a request; return the answer, None if there is nothing at that path."""
        status, answer = self._http.exchange(method, path, body)
        where, said = self._credential.where, self._said(status, answer)
        match status:
            case _ if status == _NOT_FOUND:
                return None
            case _ if status in {_UNAUTHORISED, _FORBIDDEN}:
                raise MissingRightError(where, said, self._advice)
            case _ if status >= _FAILED:
                raise StatementFailedError(where, said)
        return answer

    def set_password(self, user_id: str, password: str) -> None:
        """Give a user another password.

        Raises:
            PasswordRefusedError: it isn't one for InfluxDB's rules.
        """
        body = {"password": password}
        path = f"/api/v2/users/{user_id}/password"
        status, answer = self._http.exchange("POST", path, body)
        where, said = self._credential.where, without_values(self._said(status, answer), password)
        if status in {_UNAUTHORISED, _FORBIDDEN}:
            raise MissingRightError(where, said, self._advice)
        if status in _INVALID:
            raise PasswordRefusedError(where, said)
        if status >= _FAILED:
            raise StatementFailedError(where, said)

    def _said(self, status: int, answer: Any) -> str:  # noqa: ANN401 - JSON
        reason = answer.get("message", "") if isinstance(answer, dict) else ""
        return self._http.said(f"HTTP {status} {reason}")
