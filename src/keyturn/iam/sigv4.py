"""Verify AWS Signature Version 4.

The rules, which every caller may rely on:

* ``verify`` proves the request, its body included, or raises.
* ``host`` and every ``x-amz-*`` header that is sent must be signed.
* A header signature is good for 15 minutes around its date, a presigned one until it expires.
* The body must hash to what was signed: unsigned and streamed payloads are refused.
* Signatures are compared in constant time.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from datetime import datetime, timedelta
from functools import lru_cache
import hashlib
import hmac
import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from keyturn.iam.signature import ALGORITHM, TERMINATOR, Scope, UnverifiedSignature
from keyturn.iam.signature_refusals import (
    SignatureExpiredError,
    SignatureMismatchError,
    SignatureNotYetValidError,
)
from keyturn.model.http import HttpRequest
from keyturn.model.plaintext import Plaintext

CLOCK_SKEW: Final = timedelta(minutes=15)
SIGNING_KEYS_CACHED_MAX: Final = 4096

_UNRESERVED: Final = "-_.~"
_SPACES: Final = re.compile(" {2,}")
_SLASHES: Final = re.compile("/{2,}")


def verify(
    signature: UnverifiedSignature,
    request: HttpRequest,
    *,
    secret_access_key: Plaintext,
    now: datetime,
) -> None:
    """Return if ``request`` was signed with ``secret_access_key``, and is fresh.

    Raises:
        SignatureMismatchError: it wasn't, or something that must be signed isn't.
        SignatureExpiredError, SignatureNotYetValidError: its date is too far from ``now``.
    """
    _check_coverage(signature, request)
    text = _string_to_sign(signature, _canonical_request(signature, request))
    key = _signing_key(secret_access_key.reveal(), signature.scope)
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.signature.encode()):
        raise SignatureMismatchError
    # Only now, so that the time of day is told to nobody who can't sign.
    _check_date(signature, now)


def _check_coverage(signature: UnverifiedSignature, request: HttpRequest) -> None:
    signed = set(signature.signed_headers)
    for name in request.headers:
        if name not in signed and (name == "host" or name.startswith("x-amz-")):
            raise SignatureMismatchError
    if "host" not in signed or not signed <= request.headers.keys():
        raise SignatureMismatchError


def _check_date(signature: UnverifiedSignature, now: datetime) -> None:
    newest = now + CLOCK_SKEW
    if signature.signed_at > newest:
        raise SignatureNotYetValidError(signature.signed_at, newest, now)
    lasts = CLOCK_SKEW
    if signature.expires_seconds is not None:
        lasts = timedelta(seconds=signature.expires_seconds)
    oldest = now - lasts
    if signature.signed_at < oldest:
        raise SignatureExpiredError(signature.signed_at, oldest, now)


def _canonical_request(signature: UnverifiedSignature, request: HttpRequest) -> str:
    # SigV4, "Create a canonical request": six lines.
    headers = [
        f"{name}:{_SPACES.sub(' ', request.headers[name].strip())}\n"
        for name in signature.signed_headers
    ]
    return "\n".join(
        (
            request.method,
            _canonical_path(request.path),
            _canonical_query(request.query, is_presigned=signature.expires_seconds is not None),
            "".join(headers),
            ";".join(signature.signed_headers),
            _payload_hash(request),
        )
    )


def _canonical_path(path: str) -> str:
    # Every service but S3: the path is normalised, and each segment is encoded twice; it came
    # encoded once.
    if path in ("", "/"):
        return "/"
    return quote(_normalised(path), safe="/" + _UNRESERVED)


def _normalised(path: str) -> str:
    kept: list[str] = []
    for segment in _SLASHES.sub("/", path).split("/")[1:]:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept)


def _canonical_query(query: str, *, is_presigned: bool) -> str:
    if not query:
        return ""
    pairs = []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if part and not (is_presigned and name == "X-Amz-Signature"):
            pairs.append((_encoded(name), _encoded(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encoded(text: str) -> str:
    # Senders differ in what they leave unencoded; the canonical form doesn't.
    return quote(unquote_to_bytes(text), safe=_UNRESERVED)


def _payload_hash(request: HttpRequest) -> str:
    actual = hashlib.sha256(request.body).hexdigest()
    stated = request.headers.get("x-amz-content-sha256")
    if stated is not None and not hmac.compare_digest(stated.encode(), actual.encode()):
        raise SignatureMismatchError
    return actual


def _string_to_sign(signature: UnverifiedSignature, canonical_request: str) -> str:
    # Headers are bytes that were read as Latin-1; everything else here is ASCII.
    digest = hashlib.sha256(canonical_request.encode("latin-1")).hexdigest()
    return f"{ALGORITHM}\n{signature.date_text}\n{signature.scope}\n{digest}"


@lru_cache(SIGNING_KEYS_CACHED_MAX)
def _signing_key(secret_access_key: bytes, scope: Scope) -> bytes:
    # SigV4, "Calculate the signature": a key for each day, region and service.
    key = b"AWS4" + secret_access_key
    for part in (scope.date, scope.region, scope.service, TERMINATOR):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
