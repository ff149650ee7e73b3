"""Passwords of InfluxDB 2's users, by its HTTP API. There is no driver.

* Who logs in begins a session, and ends it: its cookie would be good for an hour otherwise.
* The password is sent as it is, so there is TLS unless the secret says ``"ssl": false``.
* A user changes its own password. Its tokens stay, and so do its sessions.

InfluxDB: https://docs.influxdata.com/influxdb/v2/api/ (signin, me, users/USERID/password)
"""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.influxdb_api import InfluxdbApi
from keyturn_rotators.engines.json_http import JsonHttp
from keyturn_rotators.errors import SecretValueError, StatementFailedError

ENGINES: Final = frozenset({"influxdb", "timestream-influxdb"})
PORT: Final = 8086
_DEFAULTS: Final = Defaults(engines=ENGINES, port=PORT)
_ADVICE: Final = (
    "A user whose tokens may write users can; name its secret in the secret as "
    '"masterarn": influx auth create --write-user.'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Influxdb:
    """InfluxDB 2, logged in to by a user's password.

    Attributes:
        ca_file: the CAs that may vouch for a server; None for the system's.
    """

    ca_file: str | None = None

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @contextmanager
    def login(self, credential: Credential) -> Iterator["InfluxdbSession"]:
        """Begin a session, and end it; see ``target.Engine``."""
        if ":" in credential.username:
            # The user would be another one: basic authentication ends its name at the first.
            raise SecretValueError(
                'The secret\'s "username" has a colon in it, with which nobody can log in to '
                "InfluxDB. Rotate another user."
            )
        login = b64encode(f"{credential.username}:{credential.password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}"}
        with JsonHttp.connected(credential, self.ca_file, headers) as http:
            api = InfluxdbApi(http, credential, _ADVICE)
            api.begin("POST", "/api/v2/signin")
            yield InfluxdbSession(api, credential)
            api.call("POST", "/api/v2/signout")

    @contextmanager
    def administer(
        self, admin: Credential, _current: Credential
    ) -> Iterator["InfluxdbAdministration"]:
        """Log in as an administrator; see ``target.Engine``."""
        with self.login(admin) as session:
            yield InfluxdbAdministration(session.api, admin)


class InfluxdbSession:
    """A user's session; see ``target.Session``."""

    def __init__(self, api: InfluxdbApi, credential: Credential) -> None:
        self.api = api
        self._credential = credential

    def probe(self) -> None:
        """Ask who it is."""
        self._me()

    def change_own_password(self, password: str) -> None:
        """Change the password of the user that is logged in; see ``target.Session``."""
        self.api.set_password(self._me()["id"], password)

    def _me(self) -> dict[str, Any]:
        answer = self.api.call("GET", "/api/v2/me")
        if not isinstance(answer, dict) or answer.get("name") != self._credential.username:
            said = "it doesn't say that the session is the user's"
            raise StatementFailedError(self._credential.where, said)
        return answer


class InfluxdbAdministration:
    """An administrator's session; see ``target.Administration``."""

    def __init__(self, api: InfluxdbApi, credential: Credential) -> None:
        self._api = api
        self._credential = credential

    def set_password(self, username: str, password: str) -> None:
        """Let a user log in with this password."""
        answer = self._api.call("GET", f"/api/v2/users?name={quote(username, safe='')}") or {}
        for user in answer.get("users", ()):
            if user["name"] == username:
                self._api.set_password(user["id"], password)
                return
        raise StatementFailedError(
            self._credential.where, f"the administrator sees no user {username}"
        )
