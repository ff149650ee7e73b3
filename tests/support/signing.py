"""Requests that botocore has signed, as a server receives them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from unittest.mock import patch
from urllib.parse import urlsplit

import botocore.auth
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from keyturn.model.http import HttpRequest

SIGNED_AT: Final = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
SECRET_ACCESS_KEY: Final = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
BODY: Final = b'{"SecretId": "prod/db"}'
TARGET: Final = ("X-Amz-Target", "secretsmanager.GetSecretValue")


def make_signed(  # noqa: PLR0913 - one argument a part of a request
    method: str = "POST",
    url: str = "http://localhost:8585/",
    body: bytes = BODY,
    headers: Iterable[tuple[str, str]] = (TARGET,),
    *,
    session_token: str | None = None,
    at: datetime = SIGNED_AT,
    expires: int | None = None,
) -> HttpRequest:
    """Return what an SDK would send; as a presigned URL with ``expires``."""
    request = AWSRequest(method=method, url=url, data=body)
    for name, value in headers:
        request.headers.add_header(name, value)
    credentials = Credentials("AKIDEXAMPLE", SECRET_ACCESS_KEY, session_token)
    with patch.object(botocore.auth, "get_current_datetime", lambda: at.replace(tzinfo=None)):
        _signer(credentials, expires).add_auth(request)
    return _received(request, body)


def _signer(credentials: Credentials, expires: int | None) -> SigV4Auth:
    if expires is None:
        return SigV4Auth(credentials, "secretsmanager", "us-east-1")
    return SigV4QueryAuth(credentials, "secretsmanager", "us-east-1", expires=expires)


def _received(request: AWSRequest, body: bytes) -> HttpRequest:
    assert isinstance(request.url, str)
    target = urlsplit(request.url)
    headers = {"host": target.netloc}
    for name, value in request.headers.items():
        # Bytes on the wire, which a server reads as Latin-1.
        text = str(value).encode().decode("latin-1").strip(" \t")
        known = headers.get(name.lower())
        headers[name.lower()] = text if known is None else f"{known},{text}"
    return HttpRequest(str(request.method), target.path, target.query, headers, body)
