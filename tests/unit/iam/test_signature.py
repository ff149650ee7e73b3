from dataclasses import replace
from datetime import UTC, datetime
import hashlib

from hypothesis import given, strategies as st
import pytest

from keyturn.iam.signature import PRESIGNED_SECONDS_MAX, Scope, read_signature
from keyturn.iam.signature_refusals import (
    QUOTED_CHARACTERS_MAX,
    ExpiresOutOfRangeError,
    MalformedCredentialError,
    MalformedDateError,
    MalformedPartError,
    MissingPartError,
    MissingSignatureError,
    ScopeMismatchError,
    UnsupportedAlgorithmError,
)
from keyturn.model.errors import SignatureError
from keyturn.model.http import HttpRequest
from support.signing import SIGNED_AT, make_signed

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AK/20260114/us-east-1/sts/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=00"
)
DATE = "20260114T103000Z"


def request_with(authorization: str | None, query: str = "", **headers: str) -> HttpRequest:
    given = {"host": "localhost", **{name.replace("_", "-"): v for name, v in headers.items()}}
    if authorization is not None:
        given["authorization"] = authorization
    return HttpRequest("POST", "/", query, given, b"")


def test_a_signature_is_read_from_the_header() -> None:
    signature = read_signature(make_signed(session_token="a/session+token="))

    assert signature.access_key_id == "AKIDEXAMPLE"
    assert signature.scope == Scope("20260114", "us-east-1", "secretsmanager")
    assert signature.signed_at == SIGNED_AT
    assert signature.session_token == "a/session+token="
    assert not signature.is_presigned


def test_a_signature_is_read_from_a_presigned_url() -> None:
    request = make_signed("GET", body=b"", session_token="a/session+token=", expires=60)

    signature = read_signature(request)

    assert signature.access_key_id == "AKIDEXAMPLE"
    assert signature.signed_headers == ("host", "x-amz-target")
    assert signature.signed_at == SIGNED_AT
    assert signature.session_token == "a/session+token="
    assert signature.expires_seconds == 60


def test_neither_signature_nor_token_is_in_a_repr() -> None:
    signature = read_signature(make_signed(session_token="the-token"))

    assert signature.signature not in repr(signature)
    assert "the-token" not in repr(signature)


@pytest.mark.parametrize("query", ["", "Action=GetCallerIdentity", "X-Amz-Target=x", "x=X-Amz-"])
def test_a_request_that_says_nothing_is_unsigned(query: str) -> None:
    with pytest.raises(MissingSignatureError):
        read_signature(request_with(None, query))


def test_the_header_counts_before_the_url() -> None:
    presigned = make_signed("GET", body=b"", expires=60)
    both = request_with(AUTHORIZATION, presigned.query, x_amz_date=DATE)

    assert read_signature(both).access_key_id == "AK"


@pytest.mark.parametrize(
    "separators", [", ", ",", " ", " , ,  "], ids=["usual", "comma", "space", "many"]
)
def test_the_parts_are_told_apart_by_commas_or_spaces(separators: str) -> None:
    authorization = AUTHORIZATION.replace(", ", separators)

    assert read_signature(request_with(authorization, x_amz_date=DATE)).signature == "00"


@pytest.mark.parametrize(
    ("authorization", "date", "missing"),
    [
        ("", DATE, ("Credential", "Signature", "SignedHeaders")),
        ("AWS4-HMAC-SHA256", DATE, ("Credential", "Signature", "SignedHeaders")),
        ("a.json.token", None, ("Credential", "Signature", "SignedHeaders", "Date")),
        (AUTHORIZATION.replace(", Signature=00", ""), DATE, ("Signature",)),
        (AUTHORIZATION.replace("=00", "="), DATE, ("Signature",)),
        (AUTHORIZATION, None, ("Date",)),
        (AUTHORIZATION, "", ("Date",)),
    ],
)
def test_what_the_header_lacks_is_named(
    authorization: str, date: str | None, missing: tuple[str, ...]
) -> None:
    headers = {} if date is None else {"x_amz_date": date}

    with pytest.raises(MissingPartError) as caught:
        read_signature(request_with(authorization, **headers))

    assert caught.value.names == missing
    assert caught.value.place == "header"


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer token",
        "Basic dXNlcjpwYXNz x",
        AUTHORIZATION + ", Signature=01",
        AUTHORIZATION + " x",
    ],
)
def test_a_header_of_other_parts_is_malformed_and_only_its_hash_is_kept(
    authorization: str,
) -> None:
    with pytest.raises(MalformedPartError) as caught:
        read_signature(request_with(authorization, x_amz_date=DATE))

    digest = hashlib.sha256(authorization.encode()).digest()
    assert vars(caught.value) == {"place": "header", "authorization_digest": digest}


@pytest.mark.parametrize("name", ["Algorithm", "Credential", "SignedHeaders", "Date", "Expires"])
def test_what_a_presigned_url_lacks_is_named(name: str) -> None:
    request = make_signed("GET", body=b"", expires=60)
    query = request.query.replace(f"X-Amz-{name}=", "other=")

    with pytest.raises(MissingPartError) as caught:
        read_signature(replace(request, query=query))

    assert caught.value.names == (f"X-Amz-{name}",)
    assert caught.value.place == "query"


@pytest.mark.parametrize(
    "name", ["X-Amz-Credential", "X%2DAmz-Credential", "X-Amz-Security-Token"]
)
def test_nothing_in_a_presigned_url_is_there_twice(name: str) -> None:
    request = make_signed("GET", body=b"", session_token="token", expires=60)

    with pytest.raises(MalformedPartError):
        read_signature(replace(request, query=f"{request.query}&{name}=x"))


@pytest.mark.parametrize("algorithm", ["AWS4-HMAC-SHA1", "AWS4-ECDSA-P256-SHA256", "x" * 1000])
def test_other_algorithms_are_refused(algorithm: str) -> None:
    presigned = make_signed("GET", body=b"", expires=60)
    query = presigned.query.replace("AWS4-HMAC-SHA256", algorithm)

    for request in (
        request_with(AUTHORIZATION.replace("AWS4-HMAC-SHA256", algorithm), x_amz_date=DATE),
        replace(presigned, query=query),
    ):
        with pytest.raises(UnsupportedAlgorithmError) as caught:
            read_signature(request)
        assert caught.value.text == algorithm[:QUOTED_CHARACTERS_MAX]


@pytest.mark.parametrize(
    ("credential", "elements"),
    [
        ("AK", 1),
        ("AK/20260114/us-east-1/sts", 4),
        ("AK/20260114/us-east-1/sts/aws4_request/x", 6),
        ("se/cr/et/20260114/us-east-1/sts/aws4_request", 7),
        ("/20260114/us-east-1/sts/aws4_request", 5),
        ("AK/20260114//sts/aws4_request", 5),
    ],
)
def test_a_credential_has_five_parts_and_is_not_quoted(credential: str, elements: int) -> None:
    authorization = AUTHORIZATION.replace("AK/20260114/us-east-1/sts/aws4_request", credential)

    with pytest.raises(MalformedCredentialError) as caught:
        read_signature(request_with(authorization, x_amz_date=DATE))

    assert vars(caught.value) == {"elements": elements}


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("20260114", "20260115", "date"),
        ("20260114", "x", "date"),
        ("us-east-1", "US EAST".replace(" ", ":"), "region"),
        ("us-east-1", "x" * 64, "region"),
        ("aws4_request", "aws5_request", "terminator"),
    ],
)
def test_a_scope_must_be_the_requests(old: str, new: str, part: str) -> None:
    authorization = AUTHORIZATION.replace(old, new)

    with pytest.raises(ScopeMismatchError) as caught:
        read_signature(request_with(authorization, x_amz_date=DATE))

    assert caught.value.part == part
    assert caught.value.stated == new


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("20260114T103000Z", SIGNED_AT),
        ("Wed, 14 Jan 2026 10:30:00 GMT", SIGNED_AT),
        ("Wed, 14 Jan 2026 10:30:00 -0000", SIGNED_AT),
        ("Wed, 14 Jan 2026 12:30:00 +0200", SIGNED_AT),
        ("20260114T000000Z", datetime(2026, 1, 14, tzinfo=UTC)),
    ],
)
def test_a_date_may_have_http_format(date: str, at: datetime) -> None:
    signature = read_signature(request_with(AUTHORIZATION, date=date))

    assert signature.signed_at == at
    assert signature.date_text == at.strftime("%Y%m%dT%H%M%SZ")


@pytest.mark.parametrize(
    "date",
    [
        "2026-01-14",
        "20260114T1030Z",
        "20261314T103000Z",
        "20260114T103060Z",
        "\N{FULLWIDTH DIGIT TWO}0260114T103000Z",
    ],
)
def test_a_date_that_is_none_is_refused(date: str) -> None:
    with pytest.raises(MalformedDateError):
        read_signature(request_with(AUTHORIZATION, x_amz_date=date))


@pytest.mark.parametrize(
    "seconds", ["0", "-1", "x", "1.5", "%D9%A1", "9" * 5000, str(PRESIGNED_SECONDS_MAX + 1)]
)
def test_a_presigned_url_is_good_for_a_second_at_least_and_a_week_at_most(seconds: str) -> None:
    request = make_signed("GET", body=b"", expires=60)

    def expiring(text: str) -> HttpRequest:
        query = request.query.replace("X-Amz-Expires=60", f"X-Amz-Expires={text}")
        return replace(request, query=query)

    assert read_signature(expiring(str(PRESIGNED_SECONDS_MAX))).expires_seconds == 604_800
    assert read_signature(expiring("1")).expires_seconds == 1
    with pytest.raises(ExpiresOutOfRangeError):
        read_signature(expiring(seconds))


latin = st.text(st.characters(max_codepoint=255), max_size=40)
fragments = st.sampled_from(
    ["AWS4-HMAC-SHA256 ", "Credential=", "Signature=0,", "SignedHeaders=host,", "a/b/c/d/e,"]
    + [f"X-Amz-{name}=" for name in ("Date", "Credential", "Signature", "Expires", "Algorithm")]
    + ["AWS4-HMAC-SHA256&", "&", DATE, "%", "X-Amz-SignedHeaders=host&", "60&", "Mon, 1 Jan"]
)
mixtures = st.lists(fragments | latin, max_size=8).map("".join)


@given(st.none() | mixtures, mixtures, latin | fragments)
def test_any_text_is_a_signature_or_is_refused(
    authorization: str | None, query: str, date: str
) -> None:
    request = request_with(authorization, query, x_amz_date=date)

    try:
        signature = read_signature(request)
    except SignatureError:
        return
    assert signature.access_key_id
