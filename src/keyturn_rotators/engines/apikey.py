"""Keys that an HTTP API makes: whichever API, by its description (``apikey_description``).

* The key is sent with each request, so there is TLS, verified, unless the secret says
  ``"ssl": false`` (``json_http``).
* To log in is to send the description's ``test``; where its answer says whose the key is, that
  must be the secret's ``owner``.
* A fresh key is called by the mark that tells which secret it is for, so that one which an attempt
  that died has left is found and withdrawn.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.apikey_description import ApiDescription, Request
from keyturn_rotators.engines.json_http import JsonHttp
from keyturn_rotators.errors import (
    ConnectionLostError,
    LoginRefusedError,
    MissingKeyError,
    MissingRightError,
    StatementFailedError,
    UnreachableError,
)
from keyturn_rotators.target import Issued

_OWNER: Final = "owner"
_DEFAULTS: Final = Defaults(
    engines=frozenset({"apikey"}),
    port=443,
    username_key="keyId",
    password_key="apiKey",  # noqa: S106 - a key's name
    own_keys=(_OWNER,),
)
_REFUSED: Final = frozenset({401, 403})
_NOT_FOUND: Final = frozenset({404, 410})
_FAILED: Final = 300
_ADVICE: Final = (
    'Let the key make keys, or name the secret of one that may in the secret as "masterarn".'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API that makes keys.

    Attributes:
        ca_file: the CAs that may vouch for a server; None for the system's.
        pauses_seconds: how long to wait, and again, for a fresh key to be known everywhere.
    """

    description: ApiDescription
    ca_file: str | None = None
    pauses_seconds: Sequence[float] = (1.0, 2.0, 4.0)

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @property
    def shows_names(self) -> bool:
        """As the API does: where its answer to ``test`` has the key's id."""
        return "id" in self.description.test.read

    @contextmanager
    def login(self, credential: Credential) -> Iterator["ApiKeyIssuer"]:
        """Send the key, and see whose and which it is; see ``target.IssuingEngine``."""
        with self._connected(credential) as issuer:
            if self.description.knows_owner:
                issuer.require_shown(_OWNER, _owner(credential))
            if self.shows_names:
                issuer.require_shown("id", credential.username)
            yield issuer

    @contextmanager
    def administer(self, admin: Credential, _current: Credential) -> Iterator["ApiKeyIssuer"]:
        """Send an administrator's key; see ``target.IssuingEngine``."""
        with self._connected(admin) as issuer:
            yield issuer

    @contextmanager
    def _connected(self, credential: Credential) -> Iterator["ApiKeyIssuer"]:
        headers = self.description.headers(credential.password)
        with JsonHttp.connected(credential, self.ca_file, headers) as http:
            issuer = ApiKeyIssuer(http, self.description, credential)
            issuer.probe()
            yield issuer


class ApiKeyIssuer:
    """A key's login; see ``target.Issuer``."""

    def __init__(
        self, http: JsonHttp, description: ApiDescription, credential: Credential
    ) -> None:
        self._http = http
        self._description = description
        self._credential = credential
        self._tested: Any = None

    def probe(self) -> None:
        """Send the description's ``test``.

        Raises:
            LoginRefusedError: the API doesn't take the key.
            UnreachableError: what answers isn't that API.
        """
        where = self._credential.where
        try:
            status, answer = self._exchange(self._description.test, {})
        except ConnectionLostError as error:
            raise UnreachableError(where, str(error)) from None
        if status in _REFUSED:
            raise LoginRefusedError(where, self._credential.stage, self._said(status, answer))
        if status >= _FAILED:
            raise UnreachableError(
                where, f"what answers isn't the API: {self._said(status, answer)}"
            )
        self._tested = answer

    def require_shown(self, name: str, expected: str) -> None:
        """Refuse a key of which the answer to ``test`` says another owner or id than the secret.

        Raises:
            LoginRefusedError: it does.
        """
        found = self._description.test.found(name, self._tested)
        if str(found) != expected:
            said = f"the key's {name} is {found}, and the secret says {expected}"
            where, stage = self._credential.where, self._credential.stage
            raise LoginRefusedError(where, stage, self._http.said(said))

    def issued(self, whose: Credential) -> Sequence[Issued]:
        """Return the keys that the description's ``list`` tells of."""
        request = self._description.list
        answer = self._checked(*self._exchange(request, self._values(whose)))
        return [
            Issued(name=str(each["id"]), mark=str(each.get("mark") or ""))
            for each in request.found("keys", answer) or ()
        ]

    def issue(self, whose: Credential, mark: str) -> tuple[str, str]:
        """Send the description's ``issue``, and read the id and the key."""
        request = self._description.issue
        answer = self._checked(*self._exchange(request, {**self._values(whose), "mark": mark}))
        name, key = (request.found(each, answer) for each in ("id", "key"))
        if name in {None, ""} or not isinstance(key, str) or not key:
            where = self._credential.where
            raise StatementFailedError(where, "its answer has no id and key where they should be")
        return str(name), key

    def withdraw(self, whose: Credential, name: str) -> None:
        """Send the description's ``withdraw``."""
        values = {**self._values(whose), "id": name}
        status, answer = self._exchange(self._description.withdraw, values)
        if status not in _NOT_FOUND:
            self._checked(status, answer)

    def _values(self, whose: Credential) -> dict[str, str]:
        has_owner = _OWNER in whose.own or self._description.knows_owner
        return {_OWNER: _owner(whose)} if has_owner else {}

    def _exchange(self, request: Request, values: Mapping[str, str]) -> tuple[int, Any]:
        path, body = request.path_with(values), request.body_with(values)
        return self._http.exchange(request.method, path, body)

    def _checked(self, status: int, answer: Any) -> Any:  # noqa: ANN401 - a server's answer
        where, said = self._credential.where, self._said(status, answer)
        if status in _REFUSED:
            raise MissingRightError(where, said, _ADVICE)
        if status >= _FAILED:
            raise StatementFailedError(where, said)
        return answer

    def _said(self, status: int, answer: Any) -> str:  # noqa: ANN401 - a server's answer
        reason = answer.get("message", "") if isinstance(answer, dict) else ""
        return self._http.said(f"HTTP {status} {reason}")


def _owner(credential: Credential) -> str:
    owner = credential.own.get(_OWNER)
    if not isinstance(owner, str | int) or owner == "":
        raise MissingKeyError(_OWNER, needed=(*_DEFAULTS.needed, _OWNER))
    return str(owner)
