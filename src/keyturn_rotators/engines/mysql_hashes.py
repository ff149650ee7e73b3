"""What MySQL and MariaDB store for a password, made here: the server never sees the password.

MySQL: sql/auth/sha2_password.cc, sql/auth/password.c. SHA-256 of a password in rounds is Drepper's
"Unix crypt using SHA-256 and SHA-512", https://www.akkadia.org/drepper/SHA-crypt.txt, with a salt
of 20 bytes instead of 16.
"""

from hashlib import sha1, sha256
import secrets
from typing import Final

#: ``caching_sha2_password`` lets nobody log in with a longer one (MAX_PLAINTEXT_LENGTH).
SHA2_PASSWORD_BYTES_MAX: Final = 256
#: What the hashes count their rounds in.
ROUNDS_UNIT: Final = 1000
_SALT_BYTES: Final = 20
_DIGITS: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Bytes of the digest, three at a time, from which four letters are made.
_TRIPLES: Final = (
    (0, 10, 20),
    (21, 1, 11),
    (12, 22, 2),
    (3, 13, 23),
    (24, 4, 14),
    (15, 25, 5),
    (6, 16, 26),
    (27, 7, 17),
    (18, 28, 8),
    (9, 19, 29),
)


def native(password: str) -> str:
    """Return the hash of ``mysql_native_password``."""
    # The plugin's algorithm, not ours to choose.
    inner = sha1(password.encode(), usedforsecurity=False).digest()
    return f"*{sha1(inner, usedforsecurity=False).hexdigest().upper()}"


def caching_sha2(password: str, rounds: int) -> bytes:
    """Return the hash of ``caching_sha2_password``, with a fresh salt."""
    # The salt is letters of ASCII in the server's eyes; these can't be mistaken for its ends.
    salt = "".join(secrets.choice(_DIGITS) for _ in range(_SALT_BYTES))
    digest = sha256_in_rounds(password.encode(), salt.encode(), rounds)
    return f"$A${rounds // ROUNDS_UNIT:03X}${salt}{digest}".encode()


def sha256_in_rounds(password: bytes, salt: bytes, rounds: int) -> str:
    """Return the digest of a password in 43 letters."""
    digest = _first_digest(password, salt)
    stretched = _repeated(sha256(password * len(password)).digest(), len(password))
    salted = _repeated(sha256(salt * (16 + digest[0])).digest(), len(salt))
    for number in range(rounds):
        digest = sha256(
            (stretched if number % 2 else digest)
            + (salted if number % 3 else b"")
            + (stretched if number % 7 else b"")
            + (digest if number % 2 else stretched)
        ).digest()
    ending = _letters(digest[31] << 8 | digest[30], 3)
    return "".join(_letters(_number(digest, triple), 4) for triple in _TRIPLES) + ending


def _first_digest(password: bytes, salt: bytes) -> bytes:
    other = sha256(password + salt + password).digest()
    text = password + salt + _repeated(other, len(password))
    length = len(password)
    while length:
        text += other if length & 1 else password
        length >>= 1
    return sha256(text).digest()


def _repeated(text: bytes, length: int) -> bytes:
    return (text * (length // len(text) + 1))[:length]


def _number(digest: bytes, triple: tuple[int, int, int]) -> int:
    high, middle, low = triple
    return digest[high] << 16 | digest[middle] << 8 | digest[low]


def _letters(number: int, count: int) -> str:
    return "".join(_DIGITS[number >> 6 * place & 63] for place in range(count))
