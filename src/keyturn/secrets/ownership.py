"""Where a secret is changed: here, at its primary, or by the service that made it. Pure.

* A replica in another region is changed through its primary, but for its encryption key.
* A replica in another account has policies, tags and a life of its own; its values are the
  primary's.
* The values of a secret that another service manages are that service's to change.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html,
https://docs.aws.amazon.com/secretsmanager/latest/userguide/cross-account-replicate-secrets.html
and https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html
"""

from keyturn.model.errors import ConflictError
from keyturn.model.secret import Secret


class OnReplicaError(ConflictError):
    """It is to be done with the primary, where that is."""


class ManagedSecretError(ConflictError):
    """Another service made the secret, and it alone changes it."""

    def __init__(self, owning_service: str) -> None:
        super().__init__(owning_service)
        self.owning_service = owning_service


class OtherAccountError(ConflictError):
    """It is to be done by the account that the secret belongs to."""


def require_own_account(secret: Secret, account: str) -> None:
    """Return if the secret belongs to the account that asks.

    Raises:
        OtherAccountError: it belongs to another.
    """
    if secret.account != account:
        raise OtherAccountError


def require_own_metadata(secret: Secret) -> None:
    """Return if the secret's description, tags and policy are changed here.

    Raises:
        OnReplicaError: they are its primary's.
    """
    if secret.is_replica and secret.cross_account_status is None:
        raise OnReplicaError


def require_own_values(secret: Secret) -> None:
    """Return if the secret's versions and labels are changed here.

    Raises:
        OnReplicaError: they are its primary's.
        ManagedSecretError: they are another service's.
    """
    if secret.is_replica:
        raise OnReplicaError
    require_unmanaged(secret)


def require_unmanaged(secret: Secret) -> None:
    """Return if no other service manages the secret.

    Raises:
        ManagedSecretError: one does.
    """
    if secret.owning_service is not None:
        raise ManagedSecretError(secret.owning_service)
