"""From a signature that proves nothing to AWS's error.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

from datetime import datetime
from typing import Final, Literal

from keyturn.iam.credential_refusals import ExpiredTokenError
from keyturn.iam.signature_refusals import (
    IncompleteSignatureError,
    MissingSignatureError,
    SignatureExpiredError,
    SignatureMismatchError,
    SignatureNotYetValidError,
)
from keyturn.model.errors import SignatureError

Family = Literal["json", "rest-json", "query"]

_MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)
_DATE_FORMAT: Final = "%Y%m%dT%H%M%SZ"
# Query services have older names for the same errors.
_QUERY_CODES: Final = {
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "IncompleteSignatureException": "IncompleteSignature",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "UnrecognizedClientException": "InvalidClientTokenId",
    "ExpiredTokenException": "ExpiredToken",
}


def aws_code_and_text(error: SignatureError, family: Family) -> tuple[str, str, int]:
    """Return the code, the text and the HTTP status of AWS's answer."""
    code, text = _code_and_text(error)
    if family == "query":
        code = _QUERY_CODES[code]
    return code, text, 400 if family == "json" else 403


def _code_and_text(error: SignatureError) -> tuple[str, str]:
    match error:
        case MissingSignatureError():
            return "MissingAuthenticationTokenException", "Missing Authentication Token"
        case IncompleteSignatureError(reason=reason):
            return "IncompleteSignatureException", reason
        case SignatureMismatchError():
            return "InvalidSignatureException", _MISMATCH
        case SignatureExpiredError() | SignatureNotYetValidError():
            return "InvalidSignatureException", _date_text(error)
        case ExpiredTokenError():
            text = "The security token included in the request is expired"
            return "ExpiredTokenException", text
        case _:
            # An unknown key, a key that is off, a token of somebody else: all look the same.
            text = "The security token included in the request is invalid."
            return "UnrecognizedClientException", text


def _date_text(error: SignatureExpiredError | SignatureNotYetValidError) -> str:
    signed, now = _basic(error.signed_at), _basic(error.now)
    if isinstance(error, SignatureExpiredError):
        minutes = round((error.now - error.oldest).total_seconds() / 60)
        oldest = _basic(error.oldest)
        return f"Signature expired: {signed} is now earlier than {oldest} ({now} - {minutes} min.)"
    minutes = round((error.newest - error.now).total_seconds() / 60)
    limit = f"{_basic(error.newest)} ({now} + {minutes} min.)"
    return f"Signature not yet current: {signed} is still later than {limit}"


def _basic(at: datetime) -> str:
    return at.strftime(_DATE_FORMAT)
