"""Filter patterns of terms, what all kinds of patterns refuse, and where they say it is."""

from hypothesis import given, strategies as st
import pytest

from keyturn.functions.output.log_pattern import read_pattern
from keyturn.functions.refusals import ParameterError

PATTERN_CHARACTERS_MAX = 1024


def refusal(pattern: str) -> str:
    """How a pattern is refused."""
    with pytest.raises(ParameterError) as refused:
        read_pattern(pattern)
    return str(refused.value)


@pytest.mark.parametrize(
    ("pattern", "message", "is_match"),
    [
        ("", "anything", True),
        ("ERROR", "an ERROR here", True),
        ("ERROR", "ERRORS too", True),
        ("ERROR", "an error here", False),
        ("one two", "two, then one", True),
        ("one two", "one alone", False),
        ('"one two"', "one two three", True),
        ('"one two"', "two one", False),
        (r'"say \"hello\""', 'they say "hello"', True),
        (r'"C:\\temp"', r"C:\temp", True),
        ("-DEBUG", "INFO", True),
        ("-DEBUG", "DEBUG", False),
        ("ERROR -timeout", "ERROR: refused", True),
        ("ERROR -timeout", "ERROR: timeout", False),
        ("?ERROR ?WARN", "a WARN", True),
        ("?ERROR ?WARN", "an INFO", False),
        ('?"two words" ?x', "of two words", True),
        ('-"two words"', "of two words", False),
    ],
)
def test_a_pattern_s_terms_decide(pattern: str, message: str, *, is_match: bool) -> None:
    assert read_pattern(pattern)(message) is is_match


@pytest.mark.parametrize("pattern", ["?ERROR ?ARGUMENTS REQUEST", "REQUEST ?ERROR -REPLY"])
def test_optional_terms_beside_others_are_ignored(pattern: str) -> None:
    assert read_pattern(pattern)("[INFO] REQUEST FAILED")


def test_blanks_in_quotation_marks_match_everything() -> None:
    assert read_pattern('" "')("without")


@pytest.mark.parametrize(
    ("pattern", "term"),
    [
        ("a@example.com", "a@example.com"),
        ("ERROR a-b", "a-b"),
        ('""', '""'),
        ("-", ""),
        ("50%", "50%"),
        ("caf\N{LATIN SMALL LETTER E WITH ACUTE}", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"),
    ],
)
def test_other_characters_need_quotation_marks(pattern: str, term: str) -> None:
    expected = f"Invalid filter pattern: Invalid character(s) in term '{term}'"

    assert refusal(pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ('"not closed', "a quotation mark isn't closed, at '\"not', character 1."),
        ("%a% b", "the pattern should end, at 'b', character 5."),
        ("%a", "% isn't closed, at 'a', character 2."),
        ("{ $.a = 1", "expected }, at its end."),
        ("{ $.a = 1 } x", "the pattern should end, at 'x', character 13."),
        ("[a, b", "expected ], at its end."),
        ("{ $.a ~ 1 }", "expected one of = != < <= > >=, at '~', character 7."),
        ("{ $.a > x }", "expected a number, at 'x', character 9."),
    ],
)
def test_a_pattern_that_means_nothing_is_refused_with_the_place(pattern: str, reason: str) -> None:
    assert refusal(pattern) == f"Invalid filter pattern: {reason}"


@given(
    st.text(alphabet=st.sampled_from("{}[]()$.*%\"'\\|&=!<>?+-^ ,ab01ISNULOTEX_:\n"), max_size=60),
    st.text(max_size=60),
)
def test_any_pattern_is_refused_or_decides_about_any_message(pattern: str, message: str) -> None:
    try:
        matches = read_pattern(pattern)
    except ParameterError:
        return

    assert matches(message) in (True, False)


@given(st.lists(st.text(alphabet="abc_1", min_size=1, max_size=3), min_size=1), st.text("abc_1 "))
def test_terms_match_where_each_of_them_occurs(terms: list[str], message: str) -> None:
    matches = read_pattern(" ".join(terms))

    assert matches(message) is all(term in message for term in terms)


@pytest.mark.parametrize("character", ["(", "[", "{", '"', "?", "-", "$", "%", "\\"])
def test_a_pattern_of_one_character_over_and_over_is_answered(character: str) -> None:
    pattern = character * PATTERN_CHARACTERS_MAX

    assert refusal(pattern).startswith("Invalid filter pattern: ")
