"""When in its window a secret rotates. Pure.

AWS: "Secrets Manager rotates your secret at any time during a rotation window". Secrets whose
windows open at the same minute must not all rotate in it: their moments lie evenly in the first
half of the window, and the second half is left for attempts that fail. A secret's moment in a
window is always the same, however often it is planned.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
"""

from datetime import datetime
import hashlib
from typing import Final

from keyturn.model.clock import to_epoch_ms, truncated_to_ms
from keyturn.model.secret import Window

_SHARE_MAX: Final = 0.5
_HASH_BYTES: Final = 8
_HASHES: Final = 256**_HASH_BYTES


def moment_in(window: Window, secret_arn: str, *, now: datetime) -> datetime:
    """Return when to rotate in ``window``, at ``now`` at the earliest.

    Of a window that is open already, the first half of what is left of it counts.
    """
    begins_at = max(window.opens_at, now)
    left = window.closes_at - begins_at
    return truncated_to_ms(begins_at + left * (_share(window, secret_arn) * _SHARE_MAX))


def _share(window: Window, secret_arn: str) -> float:
    """Return a number from 0 up to 1 that looks random and is always the same."""
    text = f"{secret_arn} {to_epoch_ms(window.opens_at)}".encode()
    digest = hashlib.sha256(text).digest()[:_HASH_BYTES]
    return int.from_bytes(digest, "big") / _HASHES
