"""What a request says about its signature, read and not believed.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl

from typing_extensions import override

from keyturn.iam.signature_refusals import IncompleteSignatureError, MissingSignatureError
from keyturn.model.http import HttpRequest

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
PRESIGNED_SECONDS_MAX: Final = 604_800

_DATE_FORMAT: Final = "%Y%m%dT%H%M%SZ"
_DATE_LETTERS: Final = 16
_SCOPE_PARTS: Final = 4


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


def read_signature(request: HttpRequest) -> UnverifiedSignature:
    """Return what the request says about its signature.

    Raises:
        MissingSignatureError: it says nothing.
        IncompleteSignatureError: a part is missing or malformed.
    """
    authorization = request.headers.get("authorization")
    if authorization is not None:
        return _from_header(authorization, request)
    if "X-Amz-Algorithm=" in request.query:
        return _from_query(dict(parse_qsl(request.query, keep_blank_values=True)))
    raise MissingSignatureError


def _from_header(authorization: str, request: HttpRequest) -> UnverifiedSignature:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise IncompleteSignatureError(f"Unsupported algorithm; it must be {ALGORITHM}.")
    parts = dict(_pairs(rest))
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if name not in parts]
    if missing:
        sentences = [f"Authorization header requires '{name}' parameter." for name in missing]
        raise IncompleteSignatureError(" ".join(sentences))
    date_text = request.headers.get("x-amz-date")
    if date_text is None:
        raise IncompleteSignatureError(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    return _signature(
        parts["Credential"],
        parts["SignedHeaders"],
        parts["Signature"],
        date_text,
        session_token=request.headers.get("x-amz-security-token"),
        expires_seconds=None,
    )


def _from_query(query: Mapping[str, str]) -> UnverifiedSignature:
    if query.get("X-Amz-Algorithm") != ALGORITHM:
        raise IncompleteSignatureError(f"Unsupported algorithm; it must be {ALGORITHM}.")
    names = ("X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date")
    missing = [name for name in (*names, "X-Amz-Expires") if not query.get(name)]
    if missing:
        raise IncompleteSignatureError(
            " ".join(f"AWS query-string parameters must include '{name}'." for name in missing)
        )
    return _signature(
        *(query[name] for name in names),
        session_token=query.get("X-Amz-Security-Token"),
        expires_seconds=_expires_seconds(query["X-Amz-Expires"]),
    )


def _signature(
    credential: str,
    signed_headers: str,
    signature: str,
    date_text: str,
    *,
    session_token: str | None,
    expires_seconds: int | None,
) -> UnverifiedSignature:
    access_key_id, scope = _credential(credential)
    signed_at = _instant(date_text)
    if not date_text.startswith(scope.date):
        raise IncompleteSignatureError(
            "Date in Credential scope does not match the date of the request."
        )
    return UnverifiedSignature(
        access_key_id=access_key_id,
        scope=scope,
        signed_headers=tuple(signed_headers.split(";")),
        signature=signature,
        date_text=date_text,
        signed_at=signed_at,
        session_token=session_token,
        expires_seconds=expires_seconds,
    )


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = [part.strip().partition("=") for part in text.split(",")]
    return [(name, value) for name, separator, value in pairs if separator and value]


def _credential(text: str) -> tuple[str, Scope]:
    access_key_id, *scope = text.rsplit("/", _SCOPE_PARTS)
    if len(scope) != _SCOPE_PARTS or scope[-1] != TERMINATOR or not all((access_key_id, *scope)):
        raise IncompleteSignatureError(
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            "keyid/date/region/service/term."
        )
    date, region, service, _ = scope
    return access_key_id, Scope(date, region, service)


def _instant(text: str) -> datetime:
    malformed = IncompleteSignatureError(
        "Date must be in ISO-8601 'basic format', such as 20260114T103000Z."
    )
    # strptime takes shorter numbers too; AWS doesn't.
    if len(text) != _DATE_LETTERS:
        raise malformed
    try:
        return datetime.strptime(text, _DATE_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise malformed from None


def _expires_seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= PRESIGNED_SECONDS_MAX):
        raise IncompleteSignatureError(
            f"X-Amz-Expires must be a number of seconds between 1 and {PRESIGNED_SECONDS_MAX}."
        )
    return int(text)
