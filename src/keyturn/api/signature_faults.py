"""From a signature that proves nothing to AWS's error.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html and
https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""

from base64 import b64encode
from datetime import datetime, timedelta
from typing import Final, Literal

from keyturn.iam.credential_refusals import ExpiredTokenError
from keyturn.iam.signature import ALGORITHM, PRESIGNED_SECONDS_MAX
from keyturn.iam.signature_refusals import (
    ExpiresOutOfRangeError,
    IncompleteSignatureError,
    MalformedCredentialError,
    MalformedDateError,
    MalformedPartError,
    MissingPartError,
    MissingSignatureError,
    ScopeMismatchError,
    SignatureExpiredError,
    SignatureMismatchError,
    SignatureNotYetValidError,
    UnsignedHeaderError,
    UnsupportedAlgorithmError,
)
from keyturn.model.errors import SignatureError

Family = Literal["json", "rest-json", "query"]

_MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)
_BASIC_FORMAT: Final = "%Y%m%dT%H%M%SZ"
_MINUTE: Final = timedelta(minutes=1)
# Query services have older names for the same errors, and say one of them in other words.
_QUERY_CODES: Final = {
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "IncompleteSignatureException": "IncompleteSignature",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "UnrecognizedClientException": "InvalidClientTokenId",
    "ExpiredTokenException": "ExpiredToken",
}
_MISSING: Final[dict[Family, str]] = {
    "json": "Missing Authentication Token",
    "rest-json": "Missing Authentication Token",
    "query": "Request is missing Authentication Token",
}


def aws_code_and_text(error: SignatureError, family: Family) -> tuple[str, str, int]:
    """Return the code, the text and the HTTP status of AWS's answer."""
    code, text = _code_and_text(error, family)
    if family == "json":
        return code, text, 400
    if family == "rest-json":
        return code, text, 403
    return _QUERY_CODES[code], text, 400 if isinstance(error, IncompleteSignatureError) else 403


def _code_and_text(error: SignatureError, family: Family) -> tuple[str, str]:
    match error:
        case MissingSignatureError():
            return "MissingAuthenticationTokenException", _MISSING[family]
        case IncompleteSignatureError():
            return "IncompleteSignatureException", _incomplete_text(error)
        case SignatureMismatchError():
            return "InvalidSignatureException", _mismatch_text(error)
        case SignatureExpiredError() | SignatureNotYetValidError():
            return "InvalidSignatureException", _date_text(error)
        case ExpiredTokenError():
            text = "The security token included in the request is expired"
            return "ExpiredTokenException", text
        case _:
            # An unknown key, a key that is off, a token of somebody else: all look the same.
            text = "The security token included in the request is invalid."
            return "UnrecognizedClientException", text


def _incomplete_text(error: IncompleteSignatureError) -> str:
    match error:
        case MissingPartError(place="header"):
            return _missing_in_header_text(error)
        case MissingPartError():
            return _missing_in_query_text(error)
        case MalformedPartError():
            return _malformed_part_text(error)
        case MalformedDateError(text=text):
            return (
                f"Date must be in ISO-8601 'basic format'. Got '{text}'. "
                "See http://en.wikipedia.org/wiki/ISO_8601"
            )
        case _:
            return _unsupported_text(error)


def _unsupported_text(error: IncompleteSignatureError) -> str:
    match error:
        case UnsupportedAlgorithmError(text=text):
            return f"Unsupported AWS 'algorithm': '{text}' (only {ALGORITHM} for now). "
        case MalformedCredentialError(elements=elements):
            return (
                "Credential must have exactly 5 slash-delimited elements, e.g. "
                f"keyid/date/region/service/term, got {elements}."
            )
        case ExpiresOutOfRangeError():
            return f"X-Amz-Expires must be between 1 and {PRESIGNED_SECONDS_MAX} seconds."
        case _:
            raise AssertionError(type(error))


def _missing_in_query_text(error: MissingPartError) -> str:
    sentences = [f"AWS query-string parameters must include '{name}'." for name in error.names]
    return " ".join([*sentences, "Re-examine the query-string parameters."])


def _missing_in_header_text(error: MissingPartError) -> str:
    sentences = [
        f"Authorization header requires '{name}' parameter."
        if name != "Date"
        else "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        for name in error.names
    ]
    digest = b64encode(error.authorization_digest).decode()
    echo = f"(Hashed with SHA-256 and encoded with Base64) Authorization={digest}"
    return " ".join([*sentences, echo])


def _malformed_part_text(error: MalformedPartError) -> str:
    if error.place == "query":
        return "AWS query-string parameters must not be repeated."
    return (
        "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 "
        f"and encoded with Base64): '{b64encode(error.authorization_digest).decode()}'."
    )


def _mismatch_text(error: SignatureMismatchError) -> str:
    match error:
        case UnsignedHeaderError(name="host"):
            return "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        case ScopeMismatchError(part="region"):
            return "Credential should be scoped to a valid region. "
        case ScopeMismatchError(part="terminator", expected=expected, stated=stated):
            return (
                f"Credential should be scoped with a valid terminator: '{expected}', "
                f"not '{stated}'."
            )
        case ScopeMismatchError(part="date", expected=expected, stated=stated):
            return (
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
                f"from HTTP: '{stated}' != '{expected}'."
            )
        case _:
            return _MISMATCH


def _date_text(error: SignatureExpiredError | SignatureNotYetValidError) -> str:
    signed, now = _basic(error.signed_at), _basic(error.now)
    if isinstance(error, SignatureExpiredError):
        lasts = _duration(error.now - error.oldest)
        return (
            f"Signature expired: {signed} is now earlier than {_basic(error.oldest)} "
            f"({now} - {lasts})"
        )
    ahead = _duration(error.newest - error.now)
    return (
        f"Signature not yet current: {signed} is still later than {_basic(error.newest)} "
        f"({now} + {ahead})"
    )


def _basic(at: datetime) -> str:
    return at.strftime(_BASIC_FORMAT)


def _duration(by: timedelta) -> str:
    minutes, rest = divmod(by, _MINUTE)
    return f"{by // timedelta(seconds=1)} sec." if rest else f"{minutes} min."
