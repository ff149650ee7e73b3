"""Find the secret that a ``SecretId`` refers to, in the region of the request.

A name is one of the caller's account. An ARN may be another account's: policies decide.
"""

from keyturn.model.secret import Secret
from keyturn.secrets.names import ByArn, ByName, ByPartialArn, read_secret_id
from keyturn.secrets.refusals import ScheduledForDeletionError, SecretNotFoundError
from keyturn.store import secrets as rows
from keyturn.store.database import Connection


def find(connection: Connection, account: str, region: str, secret_id: str) -> Secret:
    """Return the secret, alive or scheduled for deletion.

    Raises:
        SecretNotFoundError: there is none.
        InvalidNameError: ``secret_id`` can't refer to any.
    """
    secret = _found(connection, account, region, secret_id)
    if secret is None or secret.region != region:
        raise SecretNotFoundError
    return secret


def find_alive(connection: Connection, account: str, region: str, secret_id: str) -> Secret:
    """Return the secret.

    Raises:
        ScheduledForDeletionError: it is scheduled for deletion.
        SecretNotFoundError: there is none.
        InvalidNameError: ``secret_id`` can't refer to any.
    """
    secret = find(connection, account, region, secret_id)
    if secret.deleted_at is not None:
        raise ScheduledForDeletionError
    return secret


def _found(connection: Connection, account: str, region: str, secret_id: str) -> Secret | None:
    match read_secret_id(secret_id):
        case ByArn(arn):
            return rows.find_by_arn(connection, arn)
        case ByName(name):
            return rows.find_by_name(connection, account, region, name)
        case ByPartialArn(arn_region, arn_account, name):
            return rows.find_by_name(connection, arn_account, arn_region, name)
