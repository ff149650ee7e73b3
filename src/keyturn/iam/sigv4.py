"""Verify AWS Signature Version 4.

The rules, which every caller may rely on:

* ``verify`` proves the request, its body included, or raises.
* ``host`` and every ``x-amz-*`` header that is sent must be signed.
* A header signature is good for 15 minutes around its date, a presigned one until it expires.
* The body must hash to what was signed: unsigned and streamed payloads are refused.
* Signatures are compared in constant time.

Whose access key it is, and whether its session goes on, is ``keyturn.iam.credentials``'.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from datetime import datetime, timedelta
import hashlib
import hmac
from typing import Final

from keyturn.iam.canonical_request import canonical_request
from keyturn.iam.signature import ALGORITHM, UnverifiedSignature
from keyturn.iam.signature_refusals import (
    BodyMismatchError,
    SignatureExpiredError,
    SignatureMismatchError,
    SignatureNotYetValidError,
    UnsignedHeaderError,
)
from keyturn.iam.signing_keys import SigningKeys
from keyturn.model.http import HttpRequest
from keyturn.model.plaintext import Plaintext

CLOCK_SKEW: Final = timedelta(minutes=15)

_signing_keys: Final = SigningKeys()


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
    text = _string_to_sign(signature, request)
    slot, key = _signing_keys.find(
        signature.access_key_id, secret_access_key.reveal(), signature.scope
    )
    expected = hmac.digest(key, text, "sha256").hex()
    if not hmac.compare_digest(expected.encode(), signature.signature.encode()):
        raise SignatureMismatchError
    # Only now, so that forgeries push no other key out.
    _signing_keys.keep(slot, key)
    # And so that the time of day is told to nobody who can't sign.
    _check_date(signature, now.replace(microsecond=0))


def _check_coverage(signature: UnverifiedSignature, request: HttpRequest) -> None:
    signed = set(signature.signed_headers)
    if "host" not in signed:
        raise UnsignedHeaderError("host")
    for name in request.headers:
        if name not in signed and name.startswith("x-amz-"):
            raise UnsignedHeaderError(name)
    if not signed <= request.headers.keys():
        raise SignatureMismatchError


def _string_to_sign(signature: UnverifiedSignature, request: HttpRequest) -> bytes:
    canonical = canonical_request(request, signature, _payload_hash(request))
    digest = hashlib.sha256(canonical).hexdigest()
    return f"{ALGORITHM}\n{signature.date_text}\n{signature.scope}\n{digest}".encode()


def _payload_hash(request: HttpRequest) -> str:
    actual = hashlib.sha256(request.body).hexdigest()
    # UNSIGNED-PAYLOAD and STREAMING-... are hashes of nothing, and so are refused as well.
    if request.headers.get("x-amz-content-sha256", actual) != actual:
        raise BodyMismatchError
    return actual


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
