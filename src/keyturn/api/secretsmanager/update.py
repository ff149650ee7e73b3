"""What UpdateSecret changes besides the value, and where it may.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html
"""

from typing import Any, Final

from keyturn.api.calls import AuthorisedCall
from keyturn.model.secret import Secret
from keyturn.secrets import cross_account, encryption_key, ownership, replication
from keyturn.store import secrets as rows
from keyturn.store.database import Connection

_VALUES: Final = frozenset({"SecretString", "SecretBinary"})
_METADATA: Final = frozenset({"Description", "Type"})


def require_changeable(secret: Secret, call: AuthorisedCall) -> None:
    """Return if all that the request would change is changed here.

    Raises:
        OnReplicaError, ManagedSecretError: some of it is changed elsewhere.
        DefaultKeyAcrossAccountsError: the caller's account can't use the secret's key.
        CustomerKeyMissingError: a replica in another account would get the default key.
    """
    ownership.require_unmanaged(secret)
    given = frozenset(call.params)
    if given & _METADATA:
        ownership.require_own_metadata(secret)
    if given & _VALUES:
        ownership.require_own_values(secret)
        encryption_key.require_reach(secret, call.account)
    if "KmsKeyId" in given and secret.cross_account_status is not None:
        cross_account.require_customer_key(call.params["KmsKeyId"])


def save_members(connection: Connection, secret: Secret, call: AuthorisedCall) -> None:
    """Store the new description, key and type, those that the request has."""
    changes: dict[str, Any] = {}
    if "Description" in call.params:
        changes["description"] = call.params["Description"]
    if "Type" in call.params:
        changes["secret_type"] = call.params["Type"] or None
        if not call.params["Type"]:
            changes["external_rotation_metadata"] = changes["external_rotation_role_arn"] = None
    if "KmsKeyId" in call.params:
        changes["kms_key_id"] = encryption_key.named(call.params["KmsKeyId"])
        replication.note_key(connection, secret, changes["kms_key_id"])
    if changes:
        rows.save(connection, secret.id, last_changed_at=call.received_at, **changes)
