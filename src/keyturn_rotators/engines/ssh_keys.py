"""Key pairs, and the file that says which of them let a user in.

* A line of ``authorized_keys`` may begin with options, such as ``from=`` or ``command=``: a fresh
  key gets those of the key that it is made beside.
* A fresh line's comment is the mark of its chain: the digest of the key that was there first. By
  it, and by that key itself, the lines of earlier rotations are known. Every other line stays as
  it is, to the byte.

OpenSSH: sshd(8), "AUTHORIZED_KEYS FILE FORMAT"; https://man.openbsd.org/sshd#AUTHORIZED_KEYS_FILE_FORMAT
"""

from base64 import b64decode, b64encode
import binascii
from dataclasses import dataclass
import hashlib
import re
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from keyturn_rotators.errors import SecretValueError

_MARK: Final = b"keyturn-"
_DIGEST_LETTERS: Final = 20
# Options have no blanks but in double quotes, where a quote is escaped.
_LINE: Final = re.compile(
    rb"""(?P<options>(?:[^\s"]|"(?:[^"\\]|\\.)*")+[ \t]+)??
         (?P<type>(?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+)[ \t]+(?P<key>[A-Za-z0-9+/=]+)
         (?:[ \t]+(?P<comment>.*?))?[ \t]*\r?""",
    re.VERBOSE,
)


def make_private_key() -> str:
    """Return a fresh key, in OpenSSH's format."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def public_key(private_key: str) -> bytes:
    """Return a private key's other half: its type and itself, as ``authorized_keys`` has them.

    Args:
        private_key: in OpenSSH's format, or any PEM.

    Raises:
        SecretValueError: it is none, or has a passphrase.
    """
    text = private_key.encode()
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in text else load_pem_private_key
    try:
        public = load(text, password=None).public_key()
        return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    except (ValueError, TypeError, UnsupportedAlgorithm, AttributeError):
        # The cause could show parts of the key.
        raise SecretValueError(
            "The secret's \"privateKey\" isn't a private key without a passphrase, in OpenSSH's "
            "format or PEM. Put one with: aws secretsmanager put-secret-value."
        ) from None


@dataclass(frozen=True, slots=True)
class _Line:
    options: bytes
    key: bytes
    comment: bytes


def with_two_keys(text: bytes, kept: bytes, fresh: bytes) -> bytes | None:
    """Return ``authorized_keys`` with these two of the user's keys, and with those of others.

    Args:
        text: the file as it is.
        kept: a public key that is in it.
        fresh: the public key that is to be in it.

    Returns:
        None if ``kept`` isn't in it.
    """
    lines = text.splitlines(keepends=True)
    parsed = [_parsed(line) for line in lines]
    model = next((each for each in parsed if each and each.key == _blob(kept)), None)
    if model is None:
        return None
    mark = model.comment if model.comment.startswith(_MARK) else _mark_of(model.key)
    left = [
        line
        for line, each in zip(lines, parsed, strict=True)
        if each is None or each is model or not _is_of_chain(each, mark, _blob(fresh))
    ]
    whole = b"".join(left)
    end = b"" if whole.endswith(b"\n") else b"\n"
    return whole + end + model.options + fresh + b" " + mark + b"\n"


def _is_of_chain(line: _Line, mark: bytes, fresh: bytes) -> bool:
    return mark in {line.comment, _mark_of(line.key)} or line.key == fresh


def _mark_of(key: bytes) -> bytes:
    return _MARK + hashlib.sha256(key).hexdigest()[:_DIGEST_LETTERS].encode()


def _parsed(line: bytes) -> _Line | None:
    found = _LINE.fullmatch(line.strip(b"\r\n").lstrip())
    if found is None:
        return None
    try:
        key = b64decode(found["key"], validate=True)
    except binascii.Error:
        return None
    return _Line(found["options"] or b"", key, found["comment"] or b"")


def _blob(public: bytes) -> bytes:
    return b64decode(public.split()[1])


def fingerprint(public: bytes) -> str:
    """Return a public key's digest, as ``ssh-keygen -l`` shows it."""
    digest = hashlib.sha256(_blob(public)).digest()
    return f"SHA256:{b64encode(digest).decode().rstrip('=')}"
