"""Everything that one master key does, each use under a key of its own.

The master key itself encrypts nothing: HKDF (RFC 5869) derives one key a purpose from it, so that
no use can be turned against another.
"""

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from keyturn.keys.envelope import Context, DecryptionError, KeyEncryptionKey
from keyturn.model.plaintext import Plaintext

_KEY_BYTES: Final = 32
_TOKEN_CONTEXT: Final = {"Purpose": "token"}


class Keyring:
    """Seals values, seals tokens that we hand out, and derives what need not be stored."""

    def __init__(self, master_key: Plaintext) -> None:
        self._values = KeyEncryptionKey(_derived(master_key, b"values"))
        self._tokens = KeyEncryptionKey(_derived(master_key, b"tokens"))
        self._marks = _derived(master_key, b"marks")

    def seal(self, plaintext: Plaintext, context: Context) -> bytes:
        """Return ``plaintext`` sealed for the store, bound to ``context``."""
        return self._values.seal(plaintext, context)

    def open(self, sealed: bytes, context: Context) -> Plaintext:
        """Return what ``seal`` sealed.

        Raises:
            DecryptionError: another key, another context, or changed bytes.
        """
        return self._values.open(sealed, context)

    def seal_token(self, claims: dict[str, Any]) -> str:
        """Return an opaque text that carries ``claims``, unreadable and unforgeable."""
        sealed = self._tokens.seal(Plaintext(json.dumps(claims).encode()), _TOKEN_CONTEXT)
        return base64.b64encode(sealed).decode()

    def open_token(self, token: str) -> dict[str, Any]:
        """Return the claims that ``seal_token`` sealed into ``token``.

        Raises:
            DecryptionError: we didn't make this token.
        """
        try:
            sealed = base64.b64decode(token, validate=True)
        except (binascii.Error, ValueError):
            raise DecryptionError("not a token of ours") from None
        # The bits of the last letter that padding leaves unused are no part of the bytes
        # (RFC 4648, section 3.5): a token has one spelling, ours.
        if base64.b64encode(sealed).decode() != token:
            raise DecryptionError("not a token of ours")
        claims = json.loads(self._tokens.open(sealed, _TOKEN_CONTEXT).reveal())
        assert isinstance(claims, dict)
        return claims

    def mark(self, *words: str) -> str:
        """Return 64 hexadecimal digits that only we can make for ``words``.

        Whoever shows the mark for these words has it from us; nothing needs to be stored to
        check it.
        """
        message = b"".join(len(word.encode()).to_bytes(4, "big") + word.encode() for word in words)
        return hmac.new(self._marks.reveal(), message, hashlib.sha256).hexdigest()


def _derived(master_key: Plaintext, purpose: bytes) -> Plaintext:
    return Plaintext(
        HKDFExpand(SHA256(), _KEY_BYTES, b"keyturn/1/" + purpose).derive(master_key.reveal())
    )
