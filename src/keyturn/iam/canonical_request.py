"""A request in the form that is hashed to be signed.

* The path is normalised and encoded a second time, as for every service but S3.
* A ``+`` in the query string is a space, as it is to everyone who reads the query string here: if
  it were signed as anything else, a signed value could be exchanged for another.
* Headers are bytes that were read as Latin-1, and are hashed as the same bytes.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
"Create a canonical request".
"""

from collections.abc import Iterable, Mapping
import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from keyturn.iam.signature import UnverifiedSignature
from keyturn.model.http import HttpRequest

_UNRESERVED: Final = "-_.~"
_BLANKS: Final = re.compile(r"[ \t]+")
_WHERE_BLANKS_MATTER: Final = ("  ", "\t", ": ", " \n")


def canonical_request(
    request: HttpRequest, signature: UnverifiedSignature, payload_hash: str
) -> bytes:
    """Return what is hashed; the request must have every header that is signed."""
    return "\n".join(
        (
            request.method,
            _canonical_path(request.path),
            _canonical_query(request.query, is_presigned=signature.is_presigned),
            _canonical_headers(request.headers, signature.signed_headers),
            ";".join(signature.signed_headers),
            payload_hash,
        )
    ).encode("latin-1")


def _canonical_headers(headers: Mapping[str, str], names: Iterable[str]) -> str:
    lines = "".join([f"{name}:{headers[name]}\n" for name in names])
    if not any(blanks in lines for blanks in _WHERE_BLANKS_MATTER):
        return lines
    return "".join([f"{name}:{_BLANKS.sub(' ', headers[name]).strip(' ')}\n" for name in names])


def _canonical_path(path: str) -> str:
    if path == "/":
        return path
    return quote(_normalised(path), safe="/" + _UNRESERVED, encoding="latin-1")


def _normalised(path: str) -> str:
    # RFC 3986, section 5.2.4; and AWS takes several slashes in a row for one.
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    ends_in_slash = kept and not segments[-1]
    return "/" + "/".join(kept) + ("/" if ends_in_slash else "")


def _canonical_query(query: str, *, is_presigned: bool) -> str:
    if not query:
        return ""
    parts = [part.partition("=") for part in query.split("&") if part]
    pairs = [
        (_encoded(name), _encoded(value))
        for name, _, value in parts
        if not (is_presigned and name == "X-Amz-Signature")
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encoded(text: str) -> str:
    # Senders differ in what they leave unencoded; the canonical form doesn't.
    raw = text.replace("+", " ").encode("latin-1")
    return quote(unquote_to_bytes(raw), safe=_UNRESERVED)
