"""Seal a value under a data key of its own, and the data key under a key-encryption key.

The layout of a sealed value, all lengths in bytes::

    version (1) | key fingerprint (8) | nonce (12) | wrapped data key (32 + 16)
                | nonce (12) | ciphertext (n + 16)

* AES-256-GCM twice: each data key seals one value, once.
* The context (for a secret: its ARN and version) is authenticated by both layers, so a sealed
  value that is moved to another secret or version doesn't open.
* A flipped bit anywhere, or another key, doesn't open either.

It follows AWS's description of how Secrets Manager encrypts:
https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
"""

from collections.abc import Mapping
import hashlib
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keyturn.model.errors import ServiceError
from keyturn.model.plaintext import Plaintext

Context = Mapping[str, str]

_VERSION: Final = b"\x01"
_FINGERPRINT_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_DATA_KEY_BYTES: Final = 32

_FINGERPRINT_END: Final = 1 + _FINGERPRINT_BYTES
_WRAPPED_END: Final = _FINGERPRINT_END + _NONCE_BYTES + _DATA_KEY_BYTES + _TAG_BYTES
_NONCE_END: Final = _WRAPPED_END + _NONCE_BYTES
OVERHEAD_BYTES: Final = _NONCE_END + _TAG_BYTES


class DecryptionError(ServiceError):
    """A sealed value doesn't open: another key, another context, or changed bytes."""


class KeyEncryptionKey:
    """A key that wraps data keys, and never touches a value itself."""

    def __init__(self, key: Plaintext) -> None:
        self._cipher = AESGCM(key.reveal())
        self.fingerprint = fingerprint_of(key)

    def seal(self, plaintext: Plaintext, context: Context) -> bytes:
        """Return ``plaintext`` sealed under a fresh data key, bound to ``context``."""
        associated = _canonical(context)
        data_key = secrets.token_bytes(_DATA_KEY_BYTES)
        key_nonce = secrets.token_bytes(_NONCE_BYTES)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        wrapped = self._cipher.encrypt(key_nonce, data_key, associated)
        ciphertext = AESGCM(data_key).encrypt(nonce, plaintext.reveal(), associated)
        return b"".join((_VERSION, self.fingerprint, key_nonce, wrapped, nonce, ciphertext))

    def open(self, sealed: bytes, context: Context) -> Plaintext:
        """Return what was sealed.

        Raises:
            DecryptionError: the key, the context or a byte isn't the one it was sealed with.
        """
        if (
            sealed[:_FINGERPRINT_END] != _VERSION + self.fingerprint
            or len(sealed) < OVERHEAD_BYTES
        ):
            raise DecryptionError("sealed under another key, or not a sealed value")
        associated = _canonical(context)
        wrapped = sealed[_FINGERPRINT_END:_WRAPPED_END]
        try:
            data_key = self._cipher.decrypt(
                wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], associated
            )
            opened = AESGCM(data_key).decrypt(
                sealed[_WRAPPED_END:_NONCE_END], sealed[_NONCE_END:], associated
            )
        except InvalidTag:
            raise DecryptionError(
                "the context or a byte is not the one it was sealed with"
            ) from None
        return Plaintext(opened)


def fingerprint_of(key: Plaintext) -> bytes:
    """Return a short name of a key that says nothing about it."""
    return hashlib.blake2b(
        key.reveal(), digest_size=_FINGERPRINT_BYTES, person=b"keyturn-key-name"
    ).digest()


def _canonical(context: Context) -> bytes:
    # Lengths first, so that no two contexts have the same bytes.
    parts = []
    for name in sorted(context):
        for text in (name, context[name]):
            encoded = text.encode()
            parts.append(len(encoded).to_bytes(4, "big"))
            parts.append(encoded)
    return b"".join(parts)
