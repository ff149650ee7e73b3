"""botocore's own signers are the oracle: what an SDK signs is verified, anything else refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
import hashlib
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import botocore.auth
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, strategies as st
import pytest

from keyturn.iam import sigv4
from keyturn.iam.signature import PRESIGNED_SECONDS_MAX, Scope, read_signature
from keyturn.iam.signature_refusals import (
    IncompleteSignatureError,
    MissingSignatureError,
    SignatureExpiredError,
    SignatureMismatchError,
    SignatureNotYetValidError,
)
from keyturn.iam.sigv4 import CLOCK_SKEW, verify
from keyturn.model.http import HttpRequest
from keyturn.model.plaintext import Plaintext

NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEY = Credentials("AKIDEXAMPLE", SECRET)
BODY = b'{"SecretId": "prod/db"}'


def signed(  # noqa: PLR0913 - one argument a part of a request
    method: str = "POST",
    url: str = "http://localhost:8585/",
    body: bytes = BODY,
    headers: dict[str, str] | None = None,
    *,
    credentials: Credentials = KEY,
    at: datetime = NOW,
    expires: int | None = None,
) -> HttpRequest:
    """Return what an SDK would send."""
    request = AWSRequest(method=method, url=url, data=body, headers=headers or {})
    signer: Any = (
        SigV4Auth(credentials, "secretsmanager", "us-east-1")
        if expires is None
        else SigV4QueryAuth(credentials, "secretsmanager", "us-east-1", expires=expires)
    )
    with patch.object(botocore.auth, "get_current_datetime", lambda: at.replace(tzinfo=None)):
        signer.add_auth(request)
    prepared = request.prepare()
    target = urlsplit(prepared.url)
    sent = {name.lower(): _text(value) for name, value in prepared.headers.items()}
    return HttpRequest(method, target.path, target.query, {"host": target.netloc, **sent}, body)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def check(request: HttpRequest, *, secret: str = SECRET, now: datetime = NOW) -> None:
    verify(read_signature(request), request, secret_access_key=Plaintext(secret.encode()), now=now)


def test_a_request_that_an_sdk_signed_is_verified() -> None:
    check(signed(headers={"X-Amz-Target": "secretsmanager.GetSecretValue"}))


def test_a_presigned_url_is_verified_until_it_expires() -> None:
    request = signed("GET", "http://localhost/?Action=GetCallerIdentity", b"", expires=60)

    check(request, now=NOW + timedelta(seconds=60))
    with pytest.raises(SignatureExpiredError):
        check(request, now=NOW + timedelta(seconds=61))


def test_the_session_token_is_read_from_header_and_url() -> None:
    session = Credentials("ASIDEXAMPLE", SECRET, "a/session+token=")

    by_header = signed(credentials=session)
    by_url = signed("GET", body=b"", credentials=session, expires=60)

    assert read_signature(by_header).session_token == "a/session+token="
    assert read_signature(by_url).session_token == "a/session+token="
    check(by_header)
    check(by_url)


paths = st.text(alphabet=st.sampled_from("abz09-_.~%/ :+@é$"), max_size=20).map(
    lambda text: "/" + "/".join(botocore.compat.quote(part, safe="") for part in text.split("/"))
)
queries = st.lists(
    st.tuples(st.text(min_size=1, max_size=6), st.text(max_size=6)),
    max_size=4,
    unique_by=lambda pair: pair[0],
)


@given(paths, queries, st.binary(max_size=50))
def test_any_path_query_and_body_that_an_sdk_signs_is_verified(
    path: str, query: list[tuple[str, str]], body: bytes
) -> None:
    text = "&".join(
        f"{botocore.compat.quote(name, safe='-_.~')}={botocore.compat.quote(value, safe='-_.~')}"
        for name, value in query
    )

    check(signed("PUT", f"http://localhost{path}?{text}", body))


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=30))
def test_any_header_value_that_an_sdk_signs_is_verified(value: str) -> None:
    check(signed(headers={"X-Amz-Meta": value.strip() or "x"}))


SIGNED = signed(headers={"X-Amz-Target": "secretsmanager.GetSecretValue"})


@pytest.mark.parametrize(
    "forged",
    [
        replace(SIGNED, method="PUT"),
        replace(SIGNED, path="/other"),
        replace(SIGNED, query="a=b"),
        replace(SIGNED, body=BODY + b" "),
        replace(SIGNED, headers={**SIGNED.headers, "x-amz-target": "secretsmanager.DeleteSecret"}),
        replace(SIGNED, headers={**SIGNED.headers, "host": "elsewhere"}),
        replace(SIGNED, headers={**SIGNED.headers, "x-amz-extra": "unsigned"}),
        replace(
            SIGNED,
            headers={name: v for name, v in SIGNED.headers.items() if name != "x-amz-target"},
        ),
    ],
)
def test_a_change_of_any_part_is_refused(forged: HttpRequest) -> None:
    with pytest.raises(SignatureMismatchError):
        check(forged)


@given(st.integers(0, 63), st.sampled_from("0123456789abcdef"))
def test_a_change_of_any_digit_of_the_signature_is_refused(at: int, digit: str) -> None:
    authorization = SIGNED.headers["authorization"]
    head, signature = authorization[:-64], authorization[-64:]
    forged = head + signature[:at] + digit + signature[at + 1 :]
    request = replace(SIGNED, headers={**SIGNED.headers, "authorization": forged})

    if forged == authorization:
        check(request)
    else:
        with pytest.raises(SignatureMismatchError):
            check(request)


def test_another_secret_is_refused() -> None:
    with pytest.raises(SignatureMismatchError):
        check(SIGNED, secret="another")


def test_a_stated_payload_hash_must_be_the_hash_of_the_body() -> None:
    digest = hashlib.sha256(BODY).hexdigest()

    check(signed(headers={"X-Amz-Content-SHA256": digest}))
    for stated in (hashlib.sha256(b"").hexdigest(), "UNSIGNED-PAYLOAD"):
        with pytest.raises(SignatureMismatchError):
            check(signed(headers={"X-Amz-Content-SHA256": stated}))


def test_the_clock_may_be_off_by_fifteen_minutes_and_not_a_second_more() -> None:
    second = timedelta(seconds=1)

    check(SIGNED, now=NOW + CLOCK_SKEW)
    check(SIGNED, now=NOW - CLOCK_SKEW)
    with pytest.raises(SignatureExpiredError):
        check(SIGNED, now=NOW + CLOCK_SKEW + second)
    with pytest.raises(SignatureNotYetValidError):
        check(SIGNED, now=NOW - CLOCK_SKEW - second)


def test_a_wrong_signature_is_named_before_an_old_date() -> None:
    with pytest.raises(SignatureMismatchError):
        check(replace(SIGNED, body=b""), now=NOW + timedelta(days=1))


def test_a_request_without_a_signature_is_missing_one() -> None:
    with pytest.raises(MissingSignatureError):
        read_signature(HttpRequest("POST", "/", "", {"host": "localhost"}, b""))


AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AK/20260114/us-east-1/sts/aws4_request, "
    "SignedHeaders=host, Signature=00"
)


@pytest.mark.parametrize(
    ("authorization", "date"),
    [
        ("Bearer abc", "20260114T103000Z"),
        ("AWS4-HMAC-SHA256", "20260114T103000Z"),
        (AUTHORIZATION.replace("Signature=00", ""), "20260114T103000Z"),
        (AUTHORIZATION.replace("/aws4_request", ""), "20260114T103000Z"),
        (AUTHORIZATION.replace("aws4_request", "aws5"), "20260114T103000Z"),
        (AUTHORIZATION.replace("us-east-1", ""), "20260114T103000Z"),
        (AUTHORIZATION, "20260115T103000Z"),
        (AUTHORIZATION, "2026-01-14"),
        (AUTHORIZATION, "20260114T1030Z"),
        (AUTHORIZATION, None),
    ],
)
def test_a_signature_with_a_part_missing_or_malformed_is_incomplete(
    authorization: str, date: str | None
) -> None:
    headers = {"authorization": authorization, "host": "localhost"}
    if date is not None:
        headers["x-amz-date"] = date

    with pytest.raises(IncompleteSignatureError):
        read_signature(HttpRequest("POST", "/", "", headers, b""))


@pytest.mark.parametrize("seconds", ["0", "-1", "x", "", str(PRESIGNED_SECONDS_MAX + 1)])
def test_a_presigned_url_lasts_a_week_at_most(seconds: str) -> None:
    request = signed("GET", body=b"", expires=60)
    query = request.query.replace("X-Amz-Expires=60", f"X-Amz-Expires={seconds}")

    with pytest.raises(IncompleteSignatureError):
        read_signature(replace(request, query=query))


def test_the_signing_key_of_the_published_example_is_derived() -> None:
    # AWS: "Deriving a signing key", the example for IAM on 2015-08-30.
    key = sigv4._signing_key(
        b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", Scope("20150830", "us-east-1", "iam")
    )

    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
