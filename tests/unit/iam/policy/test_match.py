from hypothesis import given, strategies as st
import pytest

from keyturn.iam.policy.match import arn_matcher, escaped, matcher, unescaped

texts = st.text(alphabet="ab:/\n*?${}", max_size=8)
patterns = st.text(alphabet="ab:/*?", max_size=7)


def naive(pattern: str, text: str) -> bool:
    """Return whether ``text`` matches, by trying everything."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(naive(pattern[1:], text[i:]) for i in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and naive(pattern[1:], text[1:])


@given(patterns, texts)
def test_a_pattern_matches_what_trying_everything_matches(pattern: str, text: str) -> None:
    assert bool(matcher(pattern)(text)) is naive(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("*", "", True),
        ("secretsmanager:Get*", "secretsmanager:GetSecretValue", True),
        ("secret:name-??????", "secret:name-a1B2c3", True),
        ("secret:name-??????", "secret:name-longer-a1B2c3", False),
        ("arn:*:secret:*", "arn:aws:secretsmanager:r:1:secret:a/b", True),
        ("a.c", "abc", False),
        ("A", "a", False),
        ("a${*}", "a*", True),
        ("a${*}", "ab", False),
        ("a${?}*", "a?b", True),
        ("a${?}*", "abb", False),
        ("${$}{*}", "${x}", True),
        ("${", "${", True),
    ],
)
def test_wildcards_are_iams(pattern: str, text: str, expected: bool) -> None:
    assert bool(matcher(pattern)(text)) is expected


@given(texts, texts)
def test_an_escaped_text_matches_itself_alone(text: str, other: str) -> None:
    assert unescaped(escaped(text)) == text
    assert bool(matcher(escaped(text))(other)) is (other == text)


@pytest.mark.parametrize(
    "pattern", ["*a" * 400 + "*b", "*" + "?*" * 400 + "b", "*" + "a" * 900 + "b*c"]
)
def test_a_hostile_pattern_costs_no_more_than_both_lengths_multiplied(pattern: str) -> None:
    assert not matcher(pattern)("a" * 20_000)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("arn:aws:iam::*:role/*", "arn:aws:iam::1:role/a/b:c", True),
        ("arn:aws:iam::*:role/*", "arn:aws:iam::1:user/a", False),
        ("arn:*:*:*:*:*", "arn:aws:s3:::bucket/key", True),
        ("arn:*:*:*:*:*", "arn:aws:s3", False),
        # A star stays in its field.
        ("arn:aws:*:1:x:y", "arn:aws:a:b:1:x:y", False),
    ],
)
def test_an_arns_fields_match_one_by_one(pattern: str, text: str, expected: bool) -> None:
    assert bool(arn_matcher(pattern)(text)) is expected


def test_an_arn_pattern_has_an_arns_fields() -> None:
    with pytest.raises(ValueError, match="six fields"):
        arn_matcher("arn:*:role/a")
