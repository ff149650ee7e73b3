"""Whose access key it is, and the secret to check its signatures with.

* A user's key is kept in memory under the revision of the IAM tables that it was read at, and read
  again after any change: a key that is switched off or deleted stops working at once.
* A session's key is in its token, which is opened once and kept; its end and its role are looked
  at every time.
* Only what was found is kept, so that guesses push nothing out.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/security-creds.html
"""

from functools import lru_cache
from typing import Final

from keyturn.iam.access_keys import open_secret
from keyturn.iam.credential_refusals import (
    ExpiredTokenError,
    InactiveAccessKeyError,
    InvalidTokenError,
    UnknownAccessKeyError,
)
from keyturn.iam.principal import Principal
from keyturn.iam.session import Session, open_token, principal_of
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import Clock
from keyturn.model.identity import Role
from keyturn.model.plaintext import Plaintext
from keyturn.store import access_keys, identities
from keyturn.store.database import Database
from keyturn.store.iam_revision import RevisionReader

USER_KEYS_CACHED_MAX: Final = 1024
SESSIONS_CACHED_MAX: Final = 1024
ROLES_CACHED_MAX: Final = 1024


class Credentials:
    """Finds principals by their access keys."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._revision = RevisionReader(database)
        self._user_key = lru_cache(USER_KEYS_CACHED_MAX)(self._read_user_key)
        self._session = lru_cache(SESSIONS_CACHED_MAX)(self._open_session)
        self._role = lru_cache(ROLES_CACHED_MAX)(self._read_role)

    def find(self, access_key_id: str, session_token: str | None) -> tuple[Principal, Plaintext]:
        """Return whose access key it is, and the secret access key.

        Raises:
            UnknownAccessKeyError, InactiveAccessKeyError: no user's key that works.
            InvalidTokenError: the token isn't ours, or belongs to another key or to a role
                that is gone.
            ExpiredTokenError: the session is over.
        """
        revision = self._revision.get()
        if session_token is None:
            return self._user_key(access_key_id, revision)
        session = self._session(session_token)
        if session.key.access_key_id != access_key_id:
            raise InvalidTokenError
        return self._of_session(session, revision)

    def _of_session(self, session: Session, revision: int) -> tuple[Principal, Plaintext]:
        if self._clock.now() >= session.expires_at:
            raise ExpiredTokenError
        role = self._role(session.role_arn, revision)
        if role.unique_id != session.role_unique_id:
            raise InvalidTokenError
        principal = principal_of(
            role, session.session_name, session.source_identity, session.source_function_arn
        )
        return principal, session.key.secret_access_key

    def _open_session(self, token: str) -> Session:
        return open_token(self._keyring, token)

    # The revision is there to be part of a cache's key: what was read at an earlier one is never
    # found again. It may be older than what is read, never newer.

    def _read_user_key(self, access_key_id: str, _revision: int) -> tuple[Principal, Plaintext]:
        with self._database.read() as connection:
            key = access_keys.find(connection, access_key_id)
            if key is None:
                raise UnknownAccessKeyError
            user = identities.find_user_by_id(connection, key.user_id)
        if not key.is_active:
            raise InactiveAccessKeyError
        assert user is not None, "an access key belongs to a user"
        principal = Principal("user", user.account, user.arn, user.unique_id, user.arn)
        return principal, open_secret(self._keyring, key)

    def _read_role(self, role_arn: str, _revision: int) -> Role:
        with self._database.read() as connection:
            role = identities.find_role_by_arn(connection, role_arn)
        if role is None:
            raise InvalidTokenError
        return role
