"""Which key a secret names, and how far it reaches. Pure.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html and
https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples_cross.html
"""

import re
from typing import Final

from keyturn.model.errors import ConflictError
from keyturn.model.secret import Secret

_DEFAULT: Final = re.compile(
    r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:)?alias/aws/secretsmanager"
)


class DefaultKeyAcrossAccountsError(ConflictError):
    """The default key can't be used from another account, so neither can what it encrypts."""


def named(kms_key_id: str | None) -> str | None:
    """Return the key as the secret keeps it: None for the default one, however it was spelt."""
    if not kms_key_id or _DEFAULT.fullmatch(kms_key_id):
        return None
    return kms_key_id


def require_reach(secret: Secret, caller_account: str) -> None:
    """Return if the caller's account can use the key of the secret.

    Raises:
        DefaultKeyAcrossAccountsError: it can't.
    """
    if secret.kms_key_id is None and secret.account != caller_account:
        raise DefaultKeyAcrossAccountsError
