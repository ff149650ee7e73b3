"""Regular expressions of filter patterns, against AWS's page and against Python's own."""

import re

from hypothesis import given, strategies as st
import pytest

from keyturn.functions.output import pattern_regex
from keyturn.functions.output.log_pattern import read_pattern
from keyturn.functions.output.pattern_regex import PLACES_MAX
from keyturn.functions.refusals import ParameterError

LONG = 200_000


def matches(expression: str, text: str) -> bool:
    return read_pattern(f"%{expression}%")(text)


@pytest.mark.parametrize(
    ("expression", "text", "is_match"),
    [
        ("AUTHORIZED", "[ERROR 401] UNAUTHORIZED REQUEST", True),
        ("^[hc]at", "hat", True),
        ("^[hc]at", "a hat", False),
        ("[hc]at$", "a hat", True),
        ("[hc]at$", "hats", False),
        ("[hc]at$", "hat\n", False),
        ("colou?r", "color", True),
        ("colou?r", "colour", True),
        ("[abcx-z]", "y", True),
        ("[abcx-z]", "w", False),
        ("^a{3,5}$", "aa", False),
        ("^a{3,5}$", "aaaaa", True),
        ("^a{3, 5}$", "aaaaaa", False),
        ("^a{,2}$", "", True),
        ("^a{,2}$", "aaa", False),
        ("^a{2,}$", "aaaa", True),
        ("^a{2}$", "a", False),
        ("gra|ey", "grey", True),
        ("^starting|^initializing|^shutting down", "shutting down", True),
        ("^starting|^initializing|^shutting down", "skipping initializing", False),
        ("abcc|ab[^c]$", "abcc ...", True),
        ("abcc|ab[^c]$", "aac", False),
        (r"\[.\]", "[]]", True),
        (r"10\.10\.0\.1", "10010,051", False),
        ("10.10.0.1", "10010,051", True),
        ("ab*c", "abbbc", True),
        ("ab+c", "ac", False),
        (".at", " at", True),
        ("a.b", "a\nb", True),
        (r"^\d\D$", "1x", True),
        (r"^\w\W$", "_-", True),
        (r"^\s\S$", "\tx", True),
        (r"^[\d\s]+$", "1 2", True),
        (r"^[^\d]$", "1", False),
        (r"\x3A\x28", "f:(", True),
        (r"\x3a", ":", True),
        ("^$", "", True),
        ("^$", "x", False),
    ],
)
def test_expression_means_what_aws_says(expression: str, text: str, *, is_match: bool) -> None:
    assert matches(expression, text) is is_match


@pytest.mark.parametrize(
    "expression",
    [
        *("something!", "(a)", r"\(", "<a>", "\N{SNOWMAN}", "", "\\", "]"),
        *("a*?", "a**", "*a", "a{2,1}", "a{,}", "a{x}", "a{", "a^b", "a$b", "a|", "|a"),
        *("[a", "[]", "[z-a]", r"[a-\d]", r"\x8", r"\xg0", r"\x80"),
    ],
)
def test_expression_that_aws_does_not_have_is_refused(expression: str) -> None:
    with pytest.raises(ParameterError) as refused:
        matches(expression, "a")

    assert f"Invalid character(s) in term '%{expression}%', at character " in str(refused.value)


def test_expression_has_so_many_places_and_no_more() -> None:
    assert matches(f"a{{{PLACES_MAX}}}", "a" * PLACES_MAX)
    for expression in (
        f"a{{{PLACES_MAX + 1}}}",
        f"a{{{PLACES_MAX - 1}}}|bc",
        f"ba{{{PLACES_MAX}}}",
    ):
        with pytest.raises(ParameterError):
            matches(expression, "")


@pytest.mark.parametrize("expression", ["a*a*a*a*a*a*b", "a.*a.*b", "[ab]{0,200}a{200}b"])
def test_expression_that_others_try_for_years_is_decided(expression: str) -> None:
    assert not matches(expression, "a" * LONG)
    assert matches(expression, "a" * LONG + "b")


def test_what_is_remembered_is_bounded_and_changes_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pattern_regex, "_REMEMBERED_MAX", 3)

    for text in ("abcabcabx", "abcab", "xyzabcx", ""):
        assert matches("^[abc]{3,}x|z.*x$", text) is bool(re.search("^[abc]{3,}x|z.*x$", text))


CHARACTERS = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^a]", r"\d", r"\D", "[a-c1]", r"\.", r"\x61"]
)
QUANTIFIERS = st.sampled_from(["", "", "?", "*", "+", "{2}", "{1,3}", "{2,}", "{0,1}", "{0}"])
ROWS = st.lists(st.tuples(CHARACTERS, QUANTIFIERS).map("".join), min_size=1, max_size=5)
ALTERNATIVES = st.tuples(st.sampled_from(["", "^"]), ROWS.map("".join), st.sampled_from(["", "$"]))


@given(
    st.lists(ALTERNATIVES.map("".join), min_size=1, max_size=3).map("|".join),
    st.text(alphabet="abc1.\n", max_size=12),
)
def test_expression_matches_where_python_s_does(expression: str, text: str) -> None:
    # Python's $ also stands before a last line's end.
    expected = re.search(expression.replace("$", r"\Z"), text, re.DOTALL | re.ASCII)

    assert matches(expression, text) is (expected is not None)
