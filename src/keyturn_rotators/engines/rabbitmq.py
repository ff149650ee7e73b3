"""RabbitMQ, by its management API. There is no driver.

* A password that is set is sent as the hash that the server keeps: salted SHA-256, made here. One
  that logs in is sent as it is, so there is TLS unless the secret says ``"ssl": false``.
* The secret's ``port`` is the management API's, 15671 if left out: RabbitMQ's with TLS.
* A change of password keeps the user's tags, permissions and limits. Open connections stay.
* Users change themselves only if they have the tag administrator.

RabbitMQ: https://www.rabbitmq.com/docs/passwords and access-control
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import hashlib
import json
import secrets
from typing import Any, Final

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.rabbitmq_api import ManagementApi
from keyturn_rotators.errors import StatementFailedError
from keyturn_rotators.rights import Right
from keyturn_rotators.target import CloneNames

#: AMQP's short string, in which a client may have to send the name.
USERNAME_BYTES_MAX: Final = 255
_SALT_BYTES: Final = 4
_ALGORITHM: Final = "rabbit_password_hashing_sha256"
# No password matches it.
_NO_HASH: Final = {"password_hash": "", "hashing_algorithm": _ALGORITHM}
# The tag of users that ``grant`` made. To have no password shows nothing: users that log in by a
# certificate have none (rabbitmq_auth_mechanism_ssl).
_MARK: Final = "keyturn-alternating-user"
_LIMITS: Final = ("max-connections", "max-channels")
_UNLIMITED: Final = "unlimited"
_EXISTS: Final = Right(("user",))
_DEFAULTS: Final = Defaults(engines=frozenset({"rabbitmq"}), port=15671)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rabbitmq:
    """RabbitMQ, with the management plugin.

    Attributes:
        ca_file: the CAs that may vouch for a server; None for the system's.
    """

    ca_file: str | None = None

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @property
    def clone_names(self) -> CloneNames:
        return CloneNames(length_max=USERNAME_BYTES_MAX, is_in_bytes=True)

    @contextmanager
    def login(self, credential: Credential) -> Iterator["RabbitmqSession"]:
        """Log in, and out at the end; see ``target.Engine``."""
        with ManagementApi.logged_in(credential, self.ca_file) as api:
            yield RabbitmqSession(api, credential)

    @contextmanager
    def administer(
        self, admin: Credential, _current: Credential
    ) -> Iterator["RabbitmqAdministration"]:
        """Log in as an administrator; see ``target.Engine``."""
        with ManagementApi.logged_in(admin, self.ca_file) as api:
            yield RabbitmqAdministration(api, admin)


class RabbitmqSession:
    """A user's login; see ``target.Session``."""

    def __init__(self, api: ManagementApi, credential: Credential) -> None:
        self._api = api
        self._credential = credential

    def probe(self) -> None:
        """Ask who it is."""
        self._api.log_in()

    def change_own_password(self, password: str) -> None:
        """Change the password of an administrator that is logged in; see ``target.Session``."""
        administration = RabbitmqAdministration(self._api, self._credential)
        administration.set_password(self._credential.username, password)


class RabbitmqAdministration:
    """An administrator's login; see ``target.CloningAdministration``.

    A user's password and tags are put together: whichever is changed, the other is read before.
    """

    def __init__(self, api: ManagementApi, credential: Credential) -> None:
        self._api = api
        self._credential = credential

    def set_password(self, username: str, password: str) -> None:
        """Let a user log in with this password."""
        user = self._api.get("users", username)
        if user is None:
            raise StatementFailedError(
                self._credential.where,
                f"{username} is no user of RabbitMQ's own: it may be another backend's",
            )
        hashed = {"password_hash": hash_of(password), "hashing_algorithm": _ALGORITHM}
        self._put(username, hashed, _tags(user))

    def rights_of(self, username: str) -> Sequence[Right]:
        """Return what a user may do; see ``target.CloningAdministration``.

        Limits and topic permissions come first. They only restrict: with the rights given in this
        order, and taken in the other, a user never has one without what restricts it.
        """
        user = self._api.get("users", username)
        if user is None:
            return ()
        limits = user.get("limits", {})
        return [
            _EXISTS,
            *(Right(("limit", name), str(limits.get(name, _UNLIMITED))) for name in _LIMITS),
            *(
                Right(("topic permission", each["vhost"], each["exchange"]), _value(each))
                for each in self._api.get("users", username, "topic-permissions") or ()
            ),
            *(Right(("tag", tag)) for tag in _tags(user) if tag != _MARK),
            *(
                Right(("permission", each["vhost"]), _value(each))
                for each in self._api.get("users", username, "permissions") or ()
            ),
        ]

    def is_made_for(self, follower: str, _model: str) -> bool:
        """Return whether it has the tag of those that ``grant`` made."""
        return _MARK in _tags(self._api.get("users", follower) or {})

    def grant(self, username: str, right: Right) -> None:
        """Give a user a right; see ``target.CloningAdministration``."""
        match right.subject:
            case ("user",):
                self._put(username, _NO_HASH, [_MARK])
            case ("limit", name) if right.value == _UNLIMITED:
                self._api.delete("user-limits", username, name)
            case ("limit", name):
                value = {"value": int(right.value)}
                self._api.put("user-limits", username, name, body=value)
            case ("tag", tag):
                user = self._api.get("users", username) or {}
                self._put(username, user, [*_tags(user), tag])
            case ("topic permission", vhost, exchange):
                body = {"exchange": exchange, **json.loads(right.value)}
                self._api.put("topic-permissions", vhost, username, body=body)
            case ("permission", vhost):
                body = json.loads(right.value)
                self._api.put("permissions", vhost, username, body=body)
            case _:
                raise RuntimeError(f"no right of a user's: {right.subject}")

    def revoke(self, username: str, right: Right) -> None:
        """Take a right from a user; see ``target.CloningAdministration``."""
        match right.subject:
            case ("tag", tag):
                user = self._api.get("users", username) or {}
                self._put(username, user, [each for each in _tags(user) if each != tag])
            case ("topic permission", vhost, exchange):
                self._api.delete("topic-permissions", vhost, username, exchange)
            case ("permission", vhost):
                self._api.delete("permissions", vhost, username)
            case _:
                raise RuntimeError(f"no right that can be taken: {right.subject}")

    def _put(self, username: str, user: dict[str, Any], tags: Sequence[str]) -> None:
        hashed = {name: user.get(name, value) for name, value in _NO_HASH.items()}
        self._api.put("users", username, body={**hashed, "tags": ",".join(tags)})


def hash_of(password: str) -> str:
    """Return what the server keeps of a password."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _tags(user: dict[str, Any]) -> list[str]:
    tags = user.get("tags", [])
    # Before 3.9 they are one text.
    return [tag for tag in tags.split(",") if tag] if isinstance(tags, str) else list(tags)


def _value(permission: dict[str, str]) -> str:
    names = ("configure", "write", "read")
    return json.dumps({name: permission[name] for name in names if name in permission})
