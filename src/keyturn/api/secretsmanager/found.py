"""The secret that a call is about, as the operation may use it."""

from keyturn.api.calls import AuthorisedCall
from keyturn.model.secret import Secret
from keyturn.secrets import encryption_key, lookup, ownership
from keyturn.secrets.refusals import SecretNotFoundError
from keyturn.store.database import Connection


def require_decided(secret: Secret, decided_arn: str | None) -> None:
    """Return if the secret is the one that policies were asked about.

    Raises:
        SecretNotFoundError: it is another that has come by the same name since; that one isn't
            there any more.
    """
    if decided_arn is not None and secret.arn != decided_arn:
        raise SecretNotFoundError


def any_secret(connection: Connection, call: AuthorisedCall) -> Secret:
    """Return the secret that the call names, alive or scheduled for deletion.

    Raises:
        SecretNotFoundError, InvalidNameError: there is none, or can't be.
    """
    secret = lookup.find(connection, call.account, call.region, call.params["SecretId"])
    require_decided(secret, call.resource_arn)
    return secret


def alive(connection: Connection, call: AuthorisedCall) -> Secret:
    """Return the secret that the call names, unless it is scheduled for deletion.

    Raises:
        ScheduledForDeletionError: it is.
        SecretNotFoundError, InvalidNameError: there is none, or can't be.
    """
    secret = lookup.find_alive(connection, call.account, call.region, call.params["SecretId"])
    require_decided(secret, call.resource_arn)
    return secret


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
