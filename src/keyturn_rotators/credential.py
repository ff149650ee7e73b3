"""A secret's value: the JSON text by which AWS's rotation functions know a login.

* ``engine``, ``host``, ``username`` and ``password`` are needed; ``dbname``, ``port`` (a number or
  its digits) and ``ssl`` (true, false or those words) may be left out. Where what logs in isn't a
  user with a password, the engine has other keys for the two (``Defaults``).
* Where ``engine``, ``host`` and ``port`` are all left out, as in a secret that RDS made, they come
  from elsewhere (``rds``), and aren't added to the value.
* ``masterarn`` names the administrator's secret, where a rotation needs one.
* ``caCertificate`` is the PEM text of the CAs that may vouch for the server, in place of the
  function's; and ``passwordPolicy`` what its passwords are made of (``passwords``). AWS's
  functions know neither.
* Every other key is kept as it is. An engine may know keys of its own.
* An ``ssl`` that isn't understood is an error, never a weaker connection.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
import json
import re
from typing import Any, Final

from keyturn_rotators.errors import (
    DifferentTargetError,
    MissingKeyError,
    SecretValueError,
    WrongEngineError,
)

PORT_MAX: Final = 65_535
# A NUL ends a text on its way through a driver, and half a character can't be sent at all.
_UNUSABLE: Final = re.compile("[\0\ud800-\udfff]")
_PLACE: Final = frozenset({"engine", "host", "port"})
_LOGIN: Final = {
    **{key: key for key in ("host", "port", "dbname", "username", "ssl", "masterarn")},
    "caCertificate": "ca_certificate",
}
_SSL: Final[Mapping[object, bool | None]] = {
    None: None,
    True: True,
    False: False,
    "true": True,
    "false": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What an engine's secrets are called, and what they may leave out.

    Attributes:
        host: the one place there is; None for a place that the secret names.
        dbname: "" for an engine that has no databases to log in to.
        username_key: the secret's key for who logs in.
        password_key: its key for what proves it.
        make_password: makes what isn't a text of random letters; None for what a policy makes.
        own_keys: the keys that only this engine knows, and that say who logs in or where.
        password_length: of a fresh password, where nobody says another.
        unusable_letters: what no password of it can hold, or no driver can send.
    """

    engines: frozenset[str]
    port: int
    host: str | None = None
    dbname: str = ""
    username_key: str = "username"
    password_key: str = "password"
    make_password: Callable[[], str] | None = None
    own_keys: tuple[str, ...] = ()
    password_length: int = 32
    unusable_letters: str = ""

    @property
    def needed(self) -> tuple[str, ...]:
        """The keys that no secret may leave out."""
        place = () if self.host else ("host",)
        return ("engine", *place, self.username_key, self.password_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One version of a secret: who logs in, where, and with what.

    Attributes:
        stage: the label by which the version was found, for messages.
        ssl: True for TLS with a verified server, False for none, None if the secret doesn't say.
        ca_certificate: PEM; None for the CAs that the function knows.
        masterarn: the administrator's secret.
        own: the values of ``Defaults.own_keys``, as they are in the document.
        username_key, password_key: what the document calls the two.
    """

    stage: str
    host: str
    port: int
    dbname: str
    username: str
    ssl: bool | None
    ca_certificate: str | None = field(default=None, repr=False)
    masterarn: str | None = None
    own: Mapping[str, Any] = field(default_factory=dict)
    password: str = field(repr=False)
    username_key: str = "username"
    password_key: str = "password"
    document: Mapping[str, Any] = field(repr=False)

    @property
    def where(self) -> str:
        """The database, for messages."""
        return f"{self.host}:{self.port}"

    def with_password(self, password: str) -> "Credential":
        """Return the same login with another password."""
        document = {**self.document, self.password_key: password}
        return replace(self, password=password, document=document)

    def with_username(self, username: str) -> "Credential":
        """Return the login of another user, at the same place."""
        document = {**self.document, self.username_key: username}
        return replace(self, username=username, document=document)

    def to_json(self) -> str:
        """Return the secret's text, every key in its place."""
        return json.dumps(self.document)


def parse(
    text: str,
    stage: str,
    defaults: Defaults,
    find_place: Callable[[], Mapping[str, Any] | None] = lambda: None,
) -> Credential:
    """Read a secret's value.

    Args:
        find_place: returns the engine, host and port for a value that says none of them; None if
            nobody knows.

    Raises:
        MissingKeyError: a needed key isn't there, or is empty.
        WrongEngineError: the secret is for another engine.
        SecretValueError: it isn't a JSON object, or a key holds what it can't.
    """
    kept = _object(text, stage, defaults)
    document = kept if kept.keys() & _PLACE else {**kept, **(find_place() or {})}
    for key in defaults.needed:
        _text(document, key, defaults)
    if document["engine"] not in defaults.engines:
        raise WrongEngineError(defaults.engines)
    return Credential(
        stage=stage,
        host=defaults.host or _text(document, "host", defaults),
        port=_port(document.get("port", defaults.port)),
        dbname=_optional(document, "dbname", defaults) or defaults.dbname,
        username=_text(document, defaults.username_key, defaults),
        ssl=_ssl(document),
        ca_certificate=_optional(document, "caCertificate", defaults),
        masterarn=_optional(document, "masterarn", defaults),
        own={key: document[key] for key in defaults.own_keys if key in document},
        password=_text(document, defaults.password_key, defaults),
        username_key=defaults.username_key,
        password_key=defaults.password_key,
        document=kept,
    )


def require_same_login(one: Credential, current: Credential) -> None:
    """Refuse a version that would make the function act elsewhere, or as somebody else.

    The function is a privileged deputy: whoever may write a version must not thereby point it,
    and the password that it is about to send, at another place.

    Raises:
        DifferentTargetError: the login differs in more than the password.
    """
    if keys := differing_keys(one, current):
        raise DifferentTargetError(one.stage, keys)


def differing_keys(one: Credential, other: Credential) -> list[str]:
    """Return the secret's keys in which two versions are more than two passwords of one login."""
    found = [key for key, name in _LOGIN.items() if getattr(one, name) != getattr(other, name)]
    named = [one.username_key if key == "username" else key for key in found]
    own = [key for key in {**one.own, **other.own} if one.own.get(key) != other.own.get(key)]
    return named + own


def _object(text: str, stage: str, defaults: Defaults) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        # The cause holds the text.
        document = None
    if not isinstance(document, dict):
        raise SecretValueError(
            f"The {stage} version isn't a JSON object. This function needs one with the keys "
            f"{', '.join(defaults.needed)}. Put one with: aws secretsmanager put-secret-value."
        )
    return document


def _text(document: Mapping[str, Any], key: str, defaults: Defaults) -> str:
    value = document.get(key)
    if value is None or value == "":
        raise MissingKeyError(key, needed=defaults.needed)
    if not isinstance(value, str) or _UNUSABLE.search(value):
        raise _unusable(key, "a text without NUL or half characters")
    return value


def _optional(document: Mapping[str, Any], key: str, defaults: Defaults) -> str | None:
    return _text(document, key, defaults) if document.get(key) else None


def _port(value: object) -> int:
    digits = str(value)
    is_number = isinstance(value, int | str) and digits.isascii() and digits.isdigit()
    if not is_number or not 0 < int(digits) <= PORT_MAX:
        raise _unusable("port", f"a number from 1 to {PORT_MAX}")
    return int(digits)


def _ssl(document: Mapping[str, Any]) -> bool | None:
    value = document.get("ssl")
    if value is None and document.get("caCertificate"):
        # Whoever names the CAs means them to be asked.
        return True
    word = value.lower() if isinstance(value, str) else value
    # An int equals a bool as a dictionary's key.
    if not isinstance(word, bool | str | None) or word not in _SSL:
        raise _unusable("ssl", "true or false")
    return _SSL[word]


def _unusable(key: str, rule: str) -> SecretValueError:
    return SecretValueError(
        f'The secret\'s "{key}" must be {rule}. '
        "Correct it with: aws secretsmanager put-secret-value."
    )
