"""What a request says about its signature, read and not believed.

* A signature is in the Authorization header, or in the query string of a presigned URL. When both
  are there, the header counts.
* Nothing may be given twice: two readers might pick different ones.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
import hashlib
import re
from typing import Final
from urllib.parse import unquote_plus

from typing_extensions import override

from keyturn.iam.signature_refusals import (
    ExpiresOutOfRangeError,
    MalformedCredentialError,
    MalformedDateError,
    MalformedPartError,
    MissingPartError,
    MissingSignatureError,
    ScopeMismatchError,
    UnsupportedAlgorithmError,
)
from keyturn.model.http import HttpRequest

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
PRESIGNED_SECONDS_MAX: Final = 604_800

_HEADER_PARTS: Final = ("Credential", "Signature", "SignedHeaders")
_QUERY_PARTS: Final = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
    "X-Amz-Expires",
)
_BASIC_FORMAT: Final = "%Y%m%dT%H%M%SZ"
_BASIC_DATE: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_DATE_LETTERS: Final = 8
_CREDENTIAL_ELEMENTS: Final = 5
# A region becomes part of ARNs, so it can't be just any text.
_REGION: Final = re.compile(r"[a-z0-9-]{1,63}")
_EXPIRES: Final = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Scope:
    """The credential scope: what a signing key is good for."""

    date: str
    region: str
    service: str

    @override
    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedSignature:
    """A signature as a request states it.

    Attributes:
        signed_headers: their names, in the order in which they were signed.
        date_text: the date as it was signed.
        expires_seconds: how long a presigned URL is good for; None for a header signature.
    """

    access_key_id: str
    scope: Scope
    signed_headers: tuple[str, ...]
    signature: str = field(repr=False)
    date_text: str
    signed_at: datetime
    session_token: str | None = field(repr=False)
    expires_seconds: int | None

    @property
    def is_presigned(self) -> bool:
        """Whether the signature is a presigned URL's."""
        return self.expires_seconds is not None


def read_signature(request: HttpRequest) -> UnverifiedSignature:
    """Return what the request says about its signature.

    Raises:
        MissingSignatureError: it says nothing.
        IncompleteSignatureError: a part is missing or malformed.
        ScopeMismatchError: the scope is of another day, or not of a signature's form.
    """
    authorization = request.headers.get("authorization")
    if authorization is not None:
        return _from_header(authorization, request.headers)
    query = _query_parts(request.query) if "X-Amz-" in request.query else {}
    if query.keys().isdisjoint(_QUERY_PARTS):
        raise MissingSignatureError
    return _from_query(query)


def _from_header(authorization: str, headers: Mapping[str, str]) -> UnverifiedSignature:
    algorithm, _, rest = authorization.partition(" ")
    parts = _header_parts(rest, authorization)
    date = headers.get("x-amz-date") or headers.get("date")
    missing = [name for name in _HEADER_PARTS if not parts.get(name)]
    if missing or date is None:
        names = (*missing, *(() if date else ("Date",)))
        raise MissingPartError("header", names, _digest(authorization))
    if algorithm != ALGORITHM:
        raise UnsupportedAlgorithmError(algorithm)
    date_text, signed_at = _instant(date)
    access_key_id, scope = _credential(parts["Credential"], date_text)
    return UnverifiedSignature(
        access_key_id=access_key_id,
        scope=scope,
        signed_headers=tuple(parts["SignedHeaders"].split(";")),
        signature=parts["Signature"],
        date_text=date_text,
        signed_at=signed_at,
        session_token=headers.get("x-amz-security-token"),
        expires_seconds=None,
    )


def _from_query(query: Mapping[str, str]) -> UnverifiedSignature:
    missing = tuple(name for name in _QUERY_PARTS if not query.get(name))
    if missing:
        raise MissingPartError("query", missing, _digest(""))
    if query["X-Amz-Algorithm"] != ALGORITHM:
        raise UnsupportedAlgorithmError(query["X-Amz-Algorithm"])
    date_text, signed_at = _instant(query["X-Amz-Date"])
    access_key_id, scope = _credential(query["X-Amz-Credential"], date_text)
    return UnverifiedSignature(
        access_key_id=access_key_id,
        scope=scope,
        signed_headers=tuple(query["X-Amz-SignedHeaders"].split(";")),
        signature=query["X-Amz-Signature"],
        date_text=date_text,
        signed_at=signed_at,
        session_token=query.get("X-Amz-Security-Token"),
        expires_seconds=_expires_seconds(query["X-Amz-Expires"]),
    )


def _header_parts(text: str, authorization: str) -> dict[str, str]:
    # AWS takes commas, spaces or both between the parts.
    pairs = [part.partition("=") for part in text.replace(",", " ").split()]
    parts = {name: value for name, _, value in pairs}
    if len(parts) != len(pairs) or not all(equals for _, equals, _ in pairs):
        raise MalformedPartError("header", _digest(authorization))
    return parts


def _query_parts(query: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in query.split("&")]
    named = [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]
    stated = [(name, value) for name, value in named if name.startswith("X-Amz-")]
    parts = dict(stated)
    if len(parts) != len(stated):
        raise MalformedPartError("query", _digest(""))
    return parts


def _digest(authorization: str) -> bytes:
    return hashlib.sha256(authorization.encode()).digest()


def _credential(text: str, date_text: str) -> tuple[str, Scope]:
    elements = text.split("/")
    if len(elements) != _CREDENTIAL_ELEMENTS or not all(elements):
        raise MalformedCredentialError(len(elements))
    access_key_id, date, region, service, terminator = elements
    if not _REGION.fullmatch(region):
        raise ScopeMismatchError("region", "", region)
    if terminator != TERMINATOR:
        raise ScopeMismatchError("terminator", TERMINATOR, terminator)
    if date != date_text[:_DATE_LETTERS]:
        raise ScopeMismatchError("date", date_text[:_DATE_LETTERS], date)
    return access_key_id, Scope(date, region, service)


def _instant(text: str) -> tuple[str, datetime]:
    # SigV4, "Date": ISO 8601's basic format is what is signed, also when the Date header, which
    # may have HTTP's format, stands for X-Amz-Date.
    try:
        if _BASIC_DATE.fullmatch(text):
            return text, datetime.fromisoformat(text)
        at = parsedate_to_datetime(text)
        # RFC 5322, section 3.3: -0000, which is read as no zone, is UTC.
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        return at.strftime(_BASIC_FORMAT), at
    except (ValueError, OverflowError):
        raise MalformedDateError(text) from None


def _expires_seconds(text: str) -> int:
    if not (_EXPIRES.fullmatch(text) and 1 <= int(text) <= PRESIGNED_SECONDS_MAX):
        raise ExpiresOutOfRangeError(text)
    return int(text)
