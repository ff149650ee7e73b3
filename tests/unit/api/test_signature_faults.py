from base64 import b64encode
from datetime import timedelta
import hashlib

import pytest

from keyturn.api.signature_faults import aws_code_and_text
from keyturn.iam import credential_refusals as keys, signature_refusals as refusals
from keyturn.model.errors import SignatureError
from support.signing import SIGNED_AT

QUARTER = timedelta(minutes=15)
DIGEST = hashlib.sha256(b"Bearer token").digest()
HASHED = b64encode(DIGEST).decode()
LATE = SIGNED_AT + timedelta(minutes=30)
EARLY = SIGNED_AT - timedelta(minutes=30)
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)

TEXTS = [
    (
        refusals.MissingPartError("header", ("Credential", "Signature", "Date"), DIGEST),
        (
            "Authorization header requires 'Credential' parameter. "
            "Authorization header requires 'Signature' parameter. "
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
            f"(Hashed with SHA-256 and encoded with Base64) Authorization={HASHED}"
        ),
    ),
    (
        refusals.MissingPartError("query", ("X-Amz-Date",), b""),
        (
            "AWS query-string parameters must include 'X-Amz-Date'. "
            "Re-examine the query-string parameters."
        ),
    ),
    (
        refusals.MalformedPartError("header", DIGEST),
        (
            "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with "
            f"SHA-256 and encoded with Base64): '{HASHED}'."
        ),
    ),
    (
        refusals.MalformedPartError("query", b""),
        "AWS query-string parameters must not be repeated.",
    ),
    (
        refusals.UnsupportedAlgorithmError("AWS4-HMAC-SHA1"),
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1' (only AWS4-HMAC-SHA256 for now). ",
    ),
    (
        refusals.MalformedCredentialError(4),
        (
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            "keyid/date/region/service/term, got 4."
        ),
    ),
    (
        refusals.MalformedDateError("x"),
        (
            "Date must be in ISO-8601 'basic format'. Got 'x'. "
            "See http://en.wikipedia.org/wiki/ISO_8601"
        ),
    ),
    (
        refusals.ExpiresOutOfRangeError("0"),
        "X-Amz-Expires must be between 1 and 604800 seconds.",
    ),
    (refusals.SignatureMismatchError(), MISMATCH),
    (refusals.UnsignedHeaderError("x-amz-target"), MISMATCH),
    (refusals.BodyMismatchError(), MISMATCH),
    (
        refusals.UnsignedHeaderError("host"),
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    ),
    (
        refusals.ScopeMismatchError("region", "", "x"),
        "Credential should be scoped to a valid region. ",
    ),
    (
        refusals.ScopeMismatchError("terminator", "aws4_request", "x"),
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'x'.",
    ),
    (
        refusals.ScopeMismatchError("date", "20260114", "20260113"),
        (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            "HTTP: '20260113' != '20260114'."
        ),
    ),
    (
        refusals.SignatureExpiredError(SIGNED_AT, LATE - QUARTER, LATE),
        (
            "Signature expired: 20260114T103000Z is now earlier than 20260114T104500Z "
            "(20260114T110000Z - 15 min.)"
        ),
    ),
    (
        refusals.SignatureExpiredError(SIGNED_AT, LATE - timedelta(seconds=90), LATE),
        (
            "Signature expired: 20260114T103000Z is now earlier than 20260114T105830Z "
            "(20260114T110000Z - 90 sec.)"
        ),
    ),
    (
        refusals.SignatureNotYetValidError(SIGNED_AT, EARLY + QUARTER, EARLY),
        (
            "Signature not yet current: 20260114T103000Z is still later than 20260114T101500Z "
            "(20260114T100000Z + 15 min.)"
        ),
    ),
    (
        keys.ExpiredTokenError(),
        "The security token included in the request is expired",
    ),
    (
        keys.UnknownAccessKeyError(),
        "The security token included in the request is invalid.",
    ),
    (
        keys.InactiveAccessKeyError(),
        "The security token included in the request is invalid.",
    ),
    (
        keys.InvalidTokenError(),
        "The security token included in the request is invalid.",
    ),
]


@pytest.mark.parametrize(("error", "text"), TEXTS)
def test_the_text_is_aws_text(error: SignatureError, text: str) -> None:
    assert aws_code_and_text(error, "json")[1] == text


CODES = [
    (
        refusals.MissingSignatureError(),
        "MissingAuthenticationTokenException",
        "MissingAuthenticationToken",
        403,
    ),
    (
        refusals.MalformedDateError("x"),
        "IncompleteSignatureException",
        "IncompleteSignature",
        400,
    ),
    (
        refusals.BodyMismatchError(),
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        403,
    ),
    (
        refusals.SignatureExpiredError(SIGNED_AT, LATE - QUARTER, LATE),
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        403,
    ),
    (
        keys.UnknownAccessKeyError(),
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        403,
    ),
    (keys.ExpiredTokenError(), "ExpiredTokenException", "ExpiredToken", 403),
]


@pytest.mark.parametrize(("error", "code", "query_code", "query_status"), CODES)
def test_each_protocol_has_its_codes_and_statuses(
    error: SignatureError, code: str, query_code: str, query_status: int
) -> None:
    assert aws_code_and_text(error, "json")[::2] == (code, 400)
    assert aws_code_and_text(error, "rest-json")[::2] == (code, 403)
    assert aws_code_and_text(error, "query")[::2] == (query_code, query_status)


def test_a_query_service_words_a_missing_signature_in_its_own_way() -> None:
    error = refusals.MissingSignatureError()

    assert aws_code_and_text(error, "json")[1] == "Missing Authentication Token"
    assert aws_code_and_text(error, "query")[1] == "Request is missing Authentication Token"


def test_every_refusal_of_a_signature_has_a_text() -> None:
    told = {type(error) for error, _ in TEXTS}
    assert set(_leaves(SignatureError)) <= told | {type(e) for e, *_ in CODES}


def _leaves(kind: type[SignatureError]) -> list[type[SignatureError]]:
    below = kind.__subclasses__()
    return [leaf for child in below for leaf in _leaves(child)] if below else [kind]
