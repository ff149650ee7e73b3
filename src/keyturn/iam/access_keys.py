"""Make, switch and delete users' access keys.

A secret access key is sealed under a context that names its id, so that a row's sealed half opens
as no other key's. It is shown once, when the key is made. Everything here happens in the
transaction of the connection that is passed in.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html
"""

from dataclasses import dataclass
from datetime import datetime
import re
from typing import Final

from keyturn.iam.refusals import AccessKeyNotFoundError, InvalidNameError, TooManyAccessKeysError
from keyturn.keys.keyring import Keyring
from keyturn.model.identity import AccessKey, User
from keyturn.model.ids import new_access_key_id, new_secret_access_key
from keyturn.model.plaintext import Plaintext
from keyturn.store import access_keys as rows
from keyturn.store.database import Connection

ACCESS_KEYS_PER_USER_MAX: Final = 2

# AWS: API reference, "AccessKeyId": 16 to 128 letters, digits and underscores.
_ACCESS_KEY_ID: Final = re.compile(r"\w{16,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class AccessKeyPair:
    """Both halves of an access key."""

    access_key_id: str
    secret_access_key: Plaintext


def new_pair(prefix: str = "AKIA") -> AccessKeyPair:
    """Return a fresh access key: ``AKIA`` for a user's, ``ASIA`` for a session's."""
    return AccessKeyPair(new_access_key_id(prefix), Plaintext(new_secret_access_key().encode()))


def create(
    connection: Connection, keyring: Keyring, user: User, pair: AccessKeyPair, now: datetime
) -> AccessKey:
    """Give a user an access key, which works from now on.

    Raises:
        InvalidNameError: the id isn't spelt as an access key's is.
        TooManyAccessKeysError: the user has as many keys as it may have, active or not.
    """
    if _ACCESS_KEY_ID.fullmatch(pair.access_key_id) is None:
        raise InvalidNameError("accessKeyId")
    if len(rows.of_user(connection, user.id)) >= ACCESS_KEYS_PER_USER_MAX:
        raise TooManyAccessKeysError
    key = AccessKey(
        access_key_id=pair.access_key_id,
        user_id=user.id,
        is_active=True,
        created_at=now,
        sealed_secret=keyring.seal(pair.secret_access_key, _context(pair.access_key_id)),
    )
    rows.insert_access_key(connection, key)
    return key


def open_secret(keyring: Keyring, key: AccessKey) -> Plaintext:
    """Return the secret half of an access key.

    Raises:
        DecryptionError: it was sealed under another master key, or its bytes were changed.
    """
    return keyring.open(key.sealed_secret, _context(key.access_key_id))


def switch(connection: Connection, user: User, access_key_id: str, *, is_active: bool) -> None:
    """Make a user's access key active or inactive.

    Raises:
        AccessKeyNotFoundError: the user has no such key.
    """
    _find(connection, user, access_key_id)
    rows.set_active(connection, access_key_id, is_active=is_active)


def delete(connection: Connection, user: User, access_key_id: str) -> None:
    """Delete a user's access key.

    Raises:
        AccessKeyNotFoundError: the user has no such key.
    """
    _find(connection, user, access_key_id)
    rows.delete_access_key(connection, access_key_id)


def _find(connection: Connection, user: User, access_key_id: str) -> AccessKey:
    key = rows.find(connection, access_key_id)
    if key is None or key.user_id != user.id:
        raise AccessKeyNotFoundError(access_key_id)
    return key


def _context(access_key_id: str) -> dict[str, str]:
    return {"AccessKeyId": access_key_id}
