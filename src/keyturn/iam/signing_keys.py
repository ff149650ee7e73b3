"""The keys that signatures are made with: one for each access key, day, region and service.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
"Calculate the signature".
"""

import hashlib
import hmac
import threading
from typing import Final

from keyturn.iam.signature import TERMINATOR, Scope

SIGNING_KEYS_CACHED_MAX: Final = 4096

Slot = tuple[str, bytes, str, str, str]


class SigningKeys:
    """Signing keys, derived and kept, by what they are derived from.

    The secret access key itself isn't kept, only its hash: a signing key is of no use after its
    day. Safe to share between threads.
    """

    def __init__(self, keys_max: int = SIGNING_KEYS_CACHED_MAX) -> None:
        self._keys_max = keys_max
        self._keys: dict[Slot, bytes] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, access_key_id: str, secret: bytes, scope: Scope) -> tuple[Slot, bytes]:
        """Return a signing key, and the slot to keep it in."""
        fingerprint = hashlib.sha256(secret).digest()
        slot = (access_key_id, fingerprint, scope.date, scope.region, scope.service)
        return slot, self._keys.get(slot) or derive_signing_key(secret, scope)

    def keep(self, slot: Slot, signing_key: bytes) -> None:
        """Keep a key that has proven itself, in place of the one that is kept longest."""
        if slot in self._keys:
            return
        with self._lock:
            if len(self._keys) >= self._keys_max:
                del self._keys[next(iter(self._keys))]
            self._keys[slot] = signing_key


def derive_signing_key(secret: bytes, scope: Scope) -> bytes:
    """Return the key that a day's requests to one service in one region are signed with."""
    key = b"AWS4" + secret
    for part in (scope.date, scope.region, scope.service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
