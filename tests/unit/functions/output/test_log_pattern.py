import pytest

from keyturn.functions.output.log_pattern import read_pattern
from keyturn.functions.refusals import ParameterError


@pytest.mark.parametrize(
    ("pattern", "message", "is_match"),
    [
        ("", "anything", True),
        ("ERROR", "an ERROR here", True),
        ("ERROR", "an error here", False),
        ("one two", "two, then one", True),
        ("one two", "one alone", False),
        ('"one two"', "one two three", True),
        ('"one two"', "two one", False),
        (r'"say \"hello\""', 'they say "hello"', True),
        ("-DEBUG", "INFO", True),
        ("-DEBUG", "DEBUG", False),
        ("ERROR -timeout", "ERROR: refused", True),
        ("ERROR -timeout", "ERROR: timeout", False),
        ("?ERROR ?WARN", "a WARN", True),
        ("?ERROR ?WARN", "an INFO", False),
        ('-"two words"', "of two words", False),
    ],
)
def test_a_pattern_s_terms_decide(pattern: str, message: str, *, is_match: bool) -> None:
    assert read_pattern(pattern)(message) is is_match


@pytest.mark.parametrize("pattern", ['{ $.a = "b" }', "[a, b]", "%regex%", '"not closed'])
def test_other_kinds_of_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(ParameterError):
        read_pattern(pattern)
