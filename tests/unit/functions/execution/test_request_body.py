import io

from hypothesis import given, strategies as st
import pytest

from keyturn.functions.execution.request_body import BodyError, read_body

CHUNKED = {"Transfer-Encoding": "chunked"}


def chunked(pieces: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@given(st.lists(st.binary(min_size=1, max_size=50)))
def test_body_in_chunks_is_what_the_chunks_hold(pieces: list[bytes]) -> None:
    file = io.BytesIO(chunked(pieces) + b"next")

    body = read_body(file, CHUNKED, 5_000)

    assert body == b"".join(pieces)
    assert file.read() == b"next"


@given(st.binary(max_size=50))
def test_body_of_a_length_is_that_long(content: bytes) -> None:
    file = io.BytesIO(content + b"next")

    assert read_body(file, {"Content-Length": str(len(content))}, 50) == content
    assert file.read() == b"next"


def test_no_body_is_an_empty_one() -> None:
    assert read_body(io.BytesIO(b"next"), {}, 0) == b""


@pytest.mark.parametrize("headers", [CHUNKED, {"Content-Length": "6"}])
def test_longer_body_is_read_and_dropped(headers: dict[str, str]) -> None:
    sent = chunked([b"123", b"456"]) if headers is CHUNKED else b"123456"
    file = io.BytesIO(sent + b"next")

    assert read_body(file, headers, 5) is None
    assert file.read() == b"next"


@pytest.mark.parametrize("length", ["-1", "x", "", "1e3", "9" * 13, "+5", "0x5"])
def test_length_that_is_none_is_refused(length: str) -> None:
    with pytest.raises(BodyError):
        read_body(io.BytesIO(b"123456"), {"Content-Length": length}, 100)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"-1\r\n",
        b"x\r\n",
        b"5\r\n123",
        b"3\r\n1234\r\n0\r\n\r\n",
        b"3\r\n123\r\n",
        b"3\r\n123\r\n0\r\n",
        b"f" * 9 + b"\r\n",
        b"3" + b" " * 5_000 + b"\r\n123\r\n0\r\n\r\n",
    ],
)
def test_broken_chunks_are_refused(sent: bytes) -> None:
    with pytest.raises(BodyError):
        read_body(io.BytesIO(sent), CHUNKED, 100)


def test_body_that_ends_early_is_refused() -> None:
    with pytest.raises(BodyError):
        read_body(io.BytesIO(b"123"), {"Content-Length": "4"}, 100)
