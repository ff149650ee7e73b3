import json

from hypothesis import given, strategies as st
import pytest

from keyturn.functions.output.leaves import leaves_of


@pytest.mark.parametrize(
    ("value", "leaves"),
    [
        (b"a text alone", ["a text alone"]),
        (b'"a JSON text"', ['"a JSON text"']),
        (b"12345678", ["12345678"]),
        (b'{"password": "a", "deep": {"b": ["c", {"d": "e"}]}}', ["a", "c", "e"]),
        (b'[1.50, 1e400, 12345678901234567890, true, null, "x"]', ["1.50", "1e400"]),
        (b'{"not": "closed"', ['{"not": "closed"']),
        (b"[" * 100_000, ["[" * 100_000]),
        (b"", [""]),
        ("wörd".encode(), ["wörd"]),
        (b"\xff\x00", ["\xff\x00"]),
    ],
)
def test_each_part_of_a_value_that_is_secret_is_a_leaf(value: bytes, leaves: list[str]) -> None:
    assert list(leaves_of(value))[: len(leaves)] == leaves


def test_numbers_are_leaves_as_they_are_written() -> None:
    assert list(leaves_of(b"[1.50, 1e400, 12345678901234567890, NaN, true, null]")) == [
        *("1.50", "1e400", "12345678901234567890", "NaN")
    ]


def test_a_document_in_a_document_is_secret_in_its_members() -> None:
    inner = json.dumps({"username": "app", "password": "hunter22"})

    assert list(leaves_of(json.dumps({"credential": inner}).encode())) == ["hunter22"]


def test_members_that_name_the_target_are_not_secret() -> None:
    value = {
        "engine": "postgres",
        "host": "db.example.com",
        "port": 5432,
        "dbname": "app",
        "username": "app",
        "ssl": "true",
        "masterarn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:admin-AbCdEf",
        "dbInstanceIdentifier": "app-database",
        "dbClusterIdentifier": "app-cluster",
        "password": "hunter22",
    }

    assert list(leaves_of(json.dumps(value).encode())) == ["hunter22"]


@pytest.mark.parametrize(
    ("text", "is_secret"),
    [
        ("arn:aws:elasticache:us-east-1:123456789012:user:app", False),
        ("arn:aws-cn:iam::123456789012:role/app", False),
        ("arn:aws:and:so:on", True),
        ("the arn:aws:iam::123456789012:role/app", True),
    ],
)
def test_an_arn_is_a_name(text: str, *, is_secret: bool) -> None:
    assert list(leaves_of(text.encode())) == ([text] if is_secret else [])


@pytest.mark.parametrize("depth", [10, 400, 900, 5_000, 30_000])
def test_a_value_may_be_as_deep_as_it_is_long(depth: int) -> None:
    text = "[" * depth + '"hunter22"' + "]" * depth

    # Deeper than Python reads, it is no document.
    assert list(leaves_of(text.encode())) in (["hunter22"], [text])


def test_a_document_may_be_in_documents_in_documents() -> None:
    text = "hunter22"
    for _ in range(8):
        text = json.dumps([text])

    assert list(leaves_of(text.encode())) == ["hunter22"]


@given(st.binary() | st.text('{}[]",:1e\\u0d8 x').map(str.encode))
def test_any_value_has_leaves(value: bytes) -> None:
    assert all(isinstance(leaf, str) for leaf in leaves_of(value))
