"""The first administrator of an account, and how to get its access key back.

* An empty store gets one by itself, for its first account: whoever deletes the administrator
  later has done so on purpose. Further accounts are made by whoever runs the server.
* It is made in one transaction. Of two first starts at the same moment, one makes it.

AWS has an account's root user for this, who has no policies; this administrator is a user like any
other, with the managed policy AdministratorAccess.
"""

from typing import Final

from keyturn.iam import access_keys, policies, users
from keyturn.iam.access_keys import AccessKeyPair
from keyturn.iam.managed_policies import ADMINISTRATOR_ACCESS
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import Clock
from keyturn.model.errors import ConflictError
from keyturn.store import access_keys as key_rows, identities
from keyturn.store.database import Connection, Database

ADMINISTRATOR: Final = "administrator"


class AccountExistsError(ConflictError):
    """Somebody is in the account already."""


def make_administrator(
    database: Database,
    keyring: Keyring,
    clock: Clock,
    account: str,
    pair: AccessKeyPair | None = None,
) -> bool:
    """Make the first administrator if the store is empty; return whether it was.

    Args:
        pair: the access key that it gets; a fresh one if None.

    Raises:
        InvalidNameError: the given access key id isn't spelt as one.
    """
    with database.write() as connection:
        if not identities.is_empty(connection):
            return False
        _make(connection, keyring, clock, account, pair or access_keys.new_pair())
    return True


def add_account(database: Database, keyring: Keyring, clock: Clock, account: str) -> None:
    """Make an account that has nothing but its administrator.

    Raises:
        AccountExistsError: there is one of this number.
    """
    with database.write() as connection:
        if identities.is_account(connection, account):
            raise AccountExistsError(f"There is an account {account} already.")
        _make(connection, keyring, clock, account, access_keys.new_pair())


def administrator_credentials(
    database: Database, keyring: Keyring, account: str
) -> AccessKeyPair | None:
    """Return the administrator's oldest access key that works, if there is one.

    Raises:
        DecryptionError: it was sealed under another master key.
    """
    with database.read() as connection:
        user = identities.find_user(connection, account, ADMINISTRATOR)
        keys = [] if user is None else key_rows.of_user(connection, user.id)
    for key in keys:
        if key.is_active:
            return AccessKeyPair(key.access_key_id, access_keys.open_secret(keyring, key))
    return None


def _make(
    connection: Connection, keyring: Keyring, clock: Clock, account: str, pair: AccessKeyPair
) -> None:
    now = clock.now()
    user = users.create(connection, account, ADMINISTRATOR, path="/", tags={}, now=now)
    policies.attach(connection, user, ADMINISTRATOR_ACCESS)
    access_keys.create(connection, keyring, user, pair, now)
