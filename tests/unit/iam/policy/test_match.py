from hypothesis import given, strategies as st
import pytest

from keyturn.iam.policy.match import matcher

texts = st.text(alphabet="ab:/", max_size=8)
patterns = st.text(alphabet="ab:/*?", max_size=6)


def naive(pattern: str, text: str) -> bool:
    """Return whether ``text`` matches, by trying everything."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(naive(pattern[1:], text[i:]) for i in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and naive(pattern[1:], text[1:])


@given(patterns, texts)
def test_a_pattern_matches_what_trying_everything_matches(pattern: str, text: str) -> None:
    assert matcher(pattern)(text) is naive(pattern, text)


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
    ],
)
def test_wildcards_are_iams(pattern: str, text: str, expected: bool) -> None:
    assert matcher(pattern)(text) is expected


def test_a_hostile_pattern_costs_no_more_than_both_lengths_multiplied() -> None:
    assert matcher("*a" * 200 + "*b")("a" * 2000) is False
