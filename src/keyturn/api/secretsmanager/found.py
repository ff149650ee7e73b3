"""The secret that a call is about, as the operation may use it."""

from keyturn.api.calls import AuthorisedCall
from keyturn.model.secret import Secret
from keyturn.secrets import encryption_key, lookup, ownership
from keyturn.store.database import Connection


def any_secret(connection: Connection, call: AuthorisedCall) -> Secret:
    """Return the secret that the call names, alive or scheduled for deletion.

    Raises:
        SecretNotFoundError, InvalidNameError: there is none, or can't be.
    """
    return lookup.find(connection, call.account, call.region, call.params["SecretId"])


def alive(connection: Connection, call: AuthorisedCall) -> Secret:
    """Return the secret that the call names, unless it is scheduled for deletion.

    Raises:
        ScheduledForDeletionError: it is.
        SecretNotFoundError, InvalidNameError: there is none, or can't be.
    """
    return lookup.find_alive(connection, call.account, call.region, call.params["SecretId"])


def with_own_values(connection: Connection, call: AuthorisedCall) -> Secret:
    """Return the secret that the call names, whose versions and labels it may change.

    Raises:
        OnReplicaError, ManagedSecretError: they are changed elsewhere.
        ScheduledForDeletionError: it is scheduled for deletion.
        SecretNotFoundError, InvalidNameError: there is none, or can't be.
    """
    secret = alive(connection, call)
    ownership.require_own_values(secret)
    return secret


def to_be_written(connection: Connection, call: AuthorisedCall) -> Secret:
    """Return the secret that the call names, to store a value under its key.

    Raises:
        DefaultKeyAcrossAccountsError: the caller's account can't use the key.
        OnReplicaError, ManagedSecretError: its values are changed elsewhere.
        ScheduledForDeletionError: it is scheduled for deletion.
        SecretNotFoundError, InvalidNameError: there is none, or can't be.
    """
    secret = with_own_values(connection, call)
    encryption_key.require_reach(secret, call.account)
    return secret
