"""botocore's own signers are the oracle: what an SDK signs is verified, anything else refused."""

from dataclasses import replace
from datetime import datetime, timedelta
import hashlib
import string
from urllib.parse import parse_qsl, quote

from botocore.utils import normalize_url_path
from hypothesis import assume, given, strategies as st
import pytest

from keyturn.iam.signature import Scope, read_signature
from keyturn.iam.signature_refusals import (
    BodyMismatchError,
    SignatureExpiredError,
    SignatureMismatchError,
    SignatureNotYetValidError,
    UnsignedHeaderError,
)
from keyturn.iam.signing_keys import SigningKeys, derive_signing_key
from keyturn.iam.sigv4 import CLOCK_SKEW, verify
from keyturn.model.http import HttpRequest
from keyturn.model.plaintext import Plaintext
from support.signing import BODY, SECRET_ACCESS_KEY, SIGNED_AT, TARGET, make_signed

SECOND = timedelta(seconds=1)
SIGNED = make_signed()


def check(
    request: HttpRequest, *, secret: str = SECRET_ACCESS_KEY, now: datetime = SIGNED_AT
) -> None:
    verify(read_signature(request), request, secret_access_key=Plaintext(secret.encode()), now=now)


def with_header(request: HttpRequest, name: str, value: str) -> HttpRequest:
    return replace(request, headers={**request.headers, name: value})


methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"])
segments = st.sampled_from(["", ".", "..", "%2F", "a%20b"]) | st.text(max_size=6).map(
    lambda text: quote(text, safe="$:@!*~")
)
paths = st.lists(segments, max_size=5).map(lambda parts: "/" + "/".join(parts))
names = st.text(min_size=1, max_size=6).map(lambda text: quote(text, safe="-_.~"))
queries = st.lists(st.tuples(names, names | st.just("")), max_size=4).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
)
values = st.text(string.ascii_letters + string.digits + " \t,;=é€", max_size=12)
headers = st.lists(
    st.tuples(st.sampled_from(["X-Amz-Meta", "X-Amz-Other", "Content-Type", "X-Own"]), values),
    max_size=5,
)


@given(methods, paths, queries, headers, st.binary(max_size=50))
def test_whatever_an_sdk_signs_is_verified(
    method: str, path: str, query: str, more: list[tuple[str, str]], body: bytes
) -> None:
    check(make_signed(method, f"http://localhost{path}?{query}", body, more))


@given(paths, queries, headers)
def test_whatever_an_sdk_presigns_is_verified(
    path: str, query: str, more: list[tuple[str, str]]
) -> None:
    assume("X-Amz-" not in query)

    check(make_signed("GET", f"http://localhost{path}?{query}", b"", more, expires=60))


def change_at(data: st.DataObject, text: str) -> str:
    index = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.sampled_from(string.ascii_letters + string.digits + "/.&=%+~ "))
    assume(character != text[index])
    return text[:index] + character + text[index + 1 :]


FORGEABLE = make_signed("PUT", "http://localhost/2015-03-31/functions/a?Qualifier=a%2Fb&Z=1+2")


@given(st.data())
def test_no_letter_of_the_method_can_be_changed(data: st.DataObject) -> None:
    with pytest.raises(SignatureMismatchError):
        check(replace(FORGEABLE, method=change_at(data, FORGEABLE.method)))


@given(st.data())
def test_no_letter_of_the_path_can_be_changed(data: st.DataObject) -> None:
    path = change_at(data, FORGEABLE.path)
    assume(normalize_url_path(path) != normalize_url_path(FORGEABLE.path))

    with pytest.raises(SignatureMismatchError):
        check(replace(FORGEABLE, path=path))


@given(st.data())
def test_no_letter_of_the_query_can_be_changed_that_means_anything(data: st.DataObject) -> None:
    signed = make_signed("GET", "http://localhost/?Qualifier=a%2Fb&Z=1%202%2B3&A=", b"")
    query = change_at(data, signed.query)
    meanings = [sorted(parse_qsl(text, keep_blank_values=True)) for text in (query, signed.query)]
    assume(meanings[0] != meanings[1])

    with pytest.raises(SignatureMismatchError):
        check(replace(signed, query=query))


@given(st.data(), st.sampled_from(["host", "x-amz-target"]))
def test_no_letter_of_a_signed_header_can_be_changed(data: st.DataObject, name: str) -> None:
    value = change_at(data, SIGNED.headers[name])
    assume(value.strip() != SIGNED.headers[name])

    with pytest.raises(SignatureMismatchError):
        check(with_header(SIGNED, name, value))


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_no_byte_of_the_body_can_be_changed(index: int, difference: int) -> None:
    body = bytearray(BODY)
    body[index] ^= difference

    with pytest.raises(SignatureMismatchError):
        check(replace(SIGNED, body=bytes(body)))


@given(st.integers(0, 63), st.sampled_from(string.hexdigits + "é"))
def test_no_digit_of_the_signature_can_be_changed(index: int, digit: str) -> None:
    authorization = SIGNED.headers["authorization"]
    head, signature = authorization[:-64], authorization[-64:]
    assume(digit != signature[index])
    forged = head + signature[:index] + digit + signature[index + 1 :]

    with pytest.raises(SignatureMismatchError):
        check(with_header(SIGNED, "authorization", forged))


@pytest.mark.parametrize(
    ("part", "other"), [("us-east-1", "eu-west-1"), ("secretsmanager/", "lambda/")]
)
def test_a_signature_is_of_one_region_and_one_service(part: str, other: str) -> None:
    forged = SIGNED.headers["authorization"].replace(part, other)

    with pytest.raises(SignatureMismatchError):
        check(with_header(SIGNED, "authorization", forged))


@pytest.mark.parametrize("date", ["20260114T103001Z", "20260114T102959Z"])
def test_the_date_is_signed(date: str) -> None:
    with pytest.raises(SignatureMismatchError):
        check(with_header(SIGNED, "x-amz-date", date))


def test_another_secret_is_refused() -> None:
    with pytest.raises(SignatureMismatchError):
        check(SIGNED, secret="another")


def test_a_plus_in_the_query_is_a_space_and_nothing_else() -> None:
    space = make_signed("GET", "http://localhost/?a=x%20y", b"")
    plus = make_signed("GET", "http://localhost/?a=x%2By", b"")

    check(replace(space, query="a=x+y"))
    with pytest.raises(SignatureMismatchError):
        check(replace(plus, query="a=x+y"))


@pytest.mark.parametrize("name", ["x-amz-target", "x-amz-security-token", "x-amz-extra"])
@pytest.mark.parametrize("expires", [None, 60])
def test_every_amz_header_must_be_signed(name: str, expires: int | None) -> None:
    request = make_signed("GET", body=b"", headers=(), expires=expires)

    with pytest.raises(UnsignedHeaderError) as caught:
        check(with_header(request, name, "unsigned"))

    assert caught.value.name == name


def test_the_host_must_be_signed() -> None:
    forged = SIGNED.headers["authorization"].replace("SignedHeaders=host;", "SignedHeaders=")

    with pytest.raises(UnsignedHeaderError) as caught:
        check(with_header(SIGNED, "authorization", forged))

    assert caught.value.name == "host"


def test_other_headers_need_no_signature() -> None:
    check(with_header(SIGNED, "user-agent", "anything"))


def test_a_signed_header_must_be_there() -> None:
    without = {name: v for name, v in SIGNED.headers.items() if name != TARGET[0].lower()}

    with pytest.raises(SignatureMismatchError):
        check(replace(SIGNED, headers=without))


def test_a_query_parameter_called_signature_is_signed_unless_it_is_the_signature() -> None:
    with pytest.raises(SignatureMismatchError):
        check(replace(SIGNED, query="X-Amz-Signature=x"))


def test_a_stated_hash_must_be_the_bodys() -> None:
    digest = hashlib.sha256(BODY).hexdigest()
    request = make_signed(headers=[("X-Amz-Content-SHA256", digest)])

    check(request)
    with pytest.raises(BodyMismatchError):
        check(replace(request, body=BODY + b" "))


@pytest.mark.parametrize(
    "stated",
    [
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        hashlib.sha256(b"").hexdigest(),
        hashlib.sha256(BODY).hexdigest().upper(),
        "",
        "é",
    ],
)
def test_a_hash_that_is_not_the_bodys_is_refused_though_signed(stated: str) -> None:
    with pytest.raises(BodyMismatchError):
        check(make_signed(headers=[("X-Amz-Content-SHA256", stated)]))


def test_the_clock_may_be_off_by_fifteen_minutes_and_not_a_second_more() -> None:
    check(SIGNED, now=SIGNED_AT + CLOCK_SKEW)
    check(SIGNED, now=SIGNED_AT + CLOCK_SKEW + timedelta(milliseconds=999))
    check(SIGNED, now=SIGNED_AT - CLOCK_SKEW)
    with pytest.raises(SignatureExpiredError):
        check(SIGNED, now=SIGNED_AT + CLOCK_SKEW + SECOND)
    with pytest.raises(SignatureNotYetValidError):
        check(SIGNED, now=SIGNED_AT - CLOCK_SKEW - SECOND)


def test_a_presigned_url_is_good_until_it_expires() -> None:
    request = make_signed("GET", body=b"", headers=(), expires=3600)

    check(request, now=SIGNED_AT + timedelta(hours=1))
    check(request, now=SIGNED_AT - CLOCK_SKEW)
    with pytest.raises(SignatureExpiredError):
        check(request, now=SIGNED_AT + timedelta(hours=1) + SECOND)
    with pytest.raises(SignatureNotYetValidError):
        check(request, now=SIGNED_AT - CLOCK_SKEW - SECOND)


def test_a_wrong_signature_is_named_before_an_old_date() -> None:
    with pytest.raises(SignatureMismatchError):
        check(replace(SIGNED, body=b""), now=SIGNED_AT + timedelta(days=1))


def test_the_date_header_may_stand_for_amz_date() -> None:
    request = make_signed(headers=[("Date", "will be set by the signer")])

    assert "x-amz-date" not in request.headers
    check(request)


def test_the_published_signing_key_is_derived() -> None:
    # AWS: "Deriving a signing key", the example for IAM on 2015-08-30.
    key = derive_signing_key(SECRET_ACCESS_KEY.encode(), Scope("20150830", "us-east-1", "iam"))

    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"


def test_the_published_request_is_verified() -> None:
    # AWS General Reference: the complete example, ListUsers.
    request = HttpRequest(
        "GET",
        "/",
        "Action=ListUsers&Version=2010-05-08",
        {
            "host": "iam.amazonaws.com",
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            "x-amz-date": "20150830T123600Z",
            "authorization": (
                "AWS4-HMAC-SHA256 "
                "Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                "SignedHeaders=content-type;host;x-amz-date, "
                "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
            ),
        },
        b"",
    )

    check(request, now=datetime.fromisoformat("20150830T123600Z"))


def test_signing_keys_are_kept_up_to_their_limit() -> None:
    keys = SigningKeys(keys_max=2)
    secret = b"secret"
    for day in ("20260114", "20260115", "20260116"):
        keys.keep(*keys.find("AKIDEXAMPLE", secret, Scope(day, "us-east-1", "sts")))

    slot, key = keys.find("AKIDEXAMPLE", secret, Scope("20260116", "us-east-1", "sts"))
    keys.keep(slot, key)

    assert len(keys) == 2
    assert key == derive_signing_key(secret, Scope("20260116", "us-east-1", "sts"))


def test_a_kept_signing_key_is_not_anothers() -> None:
    keys = SigningKeys()
    scope = Scope("20260114", "us-east-1", "sts")
    slot, key = keys.find("AKIDEXAMPLE", b"one", scope)
    keys.keep(slot, key)

    assert keys.find("AKIDEXAMPLE", b"other", scope)[1] != key


def test_a_forgery_leaves_no_signing_key_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = SigningKeys()
    monkeypatch.setattr("keyturn.iam.sigv4._signing_keys", keys)

    with pytest.raises(SignatureMismatchError):
        check(replace(SIGNED, body=b""))
    assert len(keys) == 0
    check(SIGNED)
    assert len(keys) == 1
