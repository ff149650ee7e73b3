"""Tokens of InfluxDB 2: the server makes them, with the permissions of the one in use.

* A fresh token is of the same user and organisation, and is known by its description: the mark of
  the secret that it is for.
* A token makes the next one itself if it may write authorizations; few may. Else the
  administrator's does whose secret ``masterarn`` names.
* An administrator copies permissions, so whose they are has to be sure: InfluxDB must show that
  the secret's ``tokenId`` is the token's, or the token have been made for this secret. A secret
  that names the operator's token beside its own would otherwise be given what the operator may.

InfluxDB: https://docs.influxdata.com/influxdb/v2/api/authorizations-api-tokens/ and
https://docs.influxdata.com/influxdb/v2/admin/tokens/#token-hashing
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import hmac
from typing import Any, Final
from urllib.parse import quote

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.influxdb import ENGINES, PORT
from keyturn_rotators.engines.influxdb_api import InfluxdbApi
from keyturn_rotators.engines.json_http import JsonHttp
from keyturn_rotators.errors import MissingRightError, StatementFailedError
from keyturn_rotators.target import Issued

_PATH: Final = "/api/v2/authorizations"
_DEFAULTS: Final = Defaults(
    engines=ENGINES,
    port=PORT,
    username_key="tokenId",
    password_key="token",  # noqa: S106 - a key's name
)
_ADVICE: Final = (
    "Let the token read and write authorizations, or name the secret of one that may in the "
    'secret as "masterarn": influx auth create --all-access.'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxdbTokens:
    """InfluxDB 2, logged in to by a token.

    Attributes:
        ca_file: the CAs that may vouch for a server; None for the system's.
    """

    ca_file: str | None = None

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @property
    def pauses_seconds(self) -> Sequence[float]:
        """None: a token works at once."""
        return ()

    @property
    def shows_names(self) -> bool:
        """A token is sent without its id."""
        return False

    @contextmanager
    def login(self, credential: Credential) -> Iterator["InfluxdbIssuer"]:
        """Show that the server takes the token; see ``target.IssuingEngine``."""
        headers = {"Authorization": f"Token {credential.password}"}
        with JsonHttp.connected(credential, self.ca_file, headers) as http:
            issuer = InfluxdbIssuer(InfluxdbApi(http, credential, _ADVICE), credential)
            issuer.probe()
            yield issuer

    @contextmanager
    def administer(self, admin: Credential, _current: Credential) -> Iterator["InfluxdbIssuer"]:
        """Log in with an administrator's token; see ``target.IssuingEngine``."""
        with self.login(admin) as issuer:
            yield issuer


class InfluxdbIssuer:
    """A token's login; see ``target.Issuer``."""

    def __init__(self, api: InfluxdbApi, credential: Credential) -> None:
        self._api = api
        self._credential = credential

    def probe(self) -> None:
        """List a bucket, if the token sees one: every token may ask, and few may ask who it is."""
        self._api.begin("GET", "/api/v2/buckets?limit=1")

    def issued(self, whose: Credential) -> Sequence[Issued]:
        """Return the tokens of the user whose token it is."""
        user = quote(str(self._authorization(whose)["userID"]), safe="")
        answer = self._api.call("GET", f"{_PATH}?userID={user}") or {}
        return [
            Issued(name=each["id"], mark=each.get("description", ""))
            for each in answer.get("authorizations", ())
        ]

    def issue(self, whose: Credential, mark: str) -> tuple[str, str]:
        """Make a token with the permissions of another; see ``target.Issuer``."""
        model = self._authorization(whose)
        self._require_same(whose, model, mark)
        wanted = {key: model[key] for key in ("orgID", "userID", "permissions")}
        made = self._api.call("POST", _PATH, {**wanted, "description": mark, "status": "active"})
        if not isinstance(made, dict) or not made.get("token"):
            raise StatementFailedError(self._credential.where, "its answer has no token")
        return made["id"], made["token"]

    def withdraw(self, _whose: Credential, name: str) -> None:
        """Delete a token."""
        self._api.call("DELETE", f"{_PATH}/{quote(name, safe='')}")

    def _authorization(self, whose: Credential) -> Mapping[str, Any]:
        found = self._api.call("GET", f"{_PATH}/{quote(whose.username, safe='')}")
        if found is None:
            # InfluxDB shows nobody what they may not see.
            said = f"it shows no token of the id {whose.username}"
            raise MissingRightError(self._credential.where, said, _ADVICE)
        authorization: Mapping[str, Any] = found
        return authorization

    def _require_same(self, whose: Credential, model: Mapping[str, Any], mark: str) -> None:
        """Refuse to copy what isn't known to be of the token that has logged in."""
        if _is_same(self._credential.password, whose.password):
            # It has read it by its own right, and InfluxDB lets nobody give what they haven't.
            return
        is_shown = _is_same(str(model.get("token")), whose.password)
        prefix, _, _ = mark.rpartition("-")
        if not is_shown and not str(model.get("description", "")).startswith(prefix):
            raise StatementFailedError(
                self._credential.where,
                f"it doesn't show that {whose.username} is the id of the secret's token. If it "
                f"is, let the token's description be {prefix}",
            )


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
