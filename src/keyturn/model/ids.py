"""Random identifiers, each from the system's CSPRNG."""

import secrets
import string
import uuid

_BASE32_UPPER = string.ascii_uppercase + "234567"
_ALPHANUMERIC = string.ascii_letters + string.digits

# AWS: IAM identifiers, "Unique identifiers": four letters say what the id is for.
_UNIQUE_ID_LETTERS = 17
_ACCESS_KEY_LETTERS = 16
_SECRET_ACCESS_KEY_BYTES = 30
_SECRET_ARN_SUFFIX_LETTERS = 6


def new_uuid() -> str:
    """Return a random UUID: request ids, version ids, revision ids."""
    return str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))


def new_unique_id(prefix: str) -> str:
    """Return an IAM unique id: ``AROA`` for roles, ``AIDA`` for users, ``ANPA`` for policies."""
    return prefix + _random_text(_BASE32_UPPER, _UNIQUE_ID_LETTERS)


def new_access_key_id(prefix: str) -> str:
    """Return an access key id: ``AKIA`` for a user's key, ``ASIA`` for a session's."""
    return prefix + _random_text(_BASE32_UPPER, _ACCESS_KEY_LETTERS)


def new_secret_access_key() -> str:
    """Return the secret half of an access key: 40 URL-safe characters, 240 random bits."""
    return secrets.token_urlsafe(_SECRET_ACCESS_KEY_BYTES)


def new_secret_arn_suffix() -> str:
    """Return the six characters that end a secret's ARN."""
    return _random_text(_ALPHANUMERIC, _SECRET_ARN_SUFFIX_LETTERS)


def _random_text(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
