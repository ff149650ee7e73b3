"""Filter patterns for columns. The messages and most patterns are those of AWS's page."""

from hypothesis import given, strategies as st
import pytest

from keyturn.functions.output.log_pattern import read_pattern
from keyturn.functions.refusals import ParameterError

REQUEST = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
FAILURE = "ERROR 09/25/2014 12:00:02 Failed to process request"


def matches(pattern: str, message: str) -> bool:
    return read_pattern(pattern)(message)


@pytest.mark.parametrize(
    "pattern",
    [
        "[ip, user, username, timestamp, request, status_code, bytes]",
        "[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]",
        r"[ip=%127\.0\.0\.[1-9]%, user, username, timestamp, request, status_code, bytes]",
        "[..., request =*.html*, status_code = 4*, bytes]",
        "[..., request=*.html*, status_code=4*,]",
        "[ip, user, ..., status_code = 404, bytes > 1000]",
        "[ip, ...]",
        "[...]",
        '[ip, user, username, timestamp = "10/Oct/2000*", ...]',
        "[..., status_code = 404 || status_code = 410, bytes]",
        "[..., status_code = 4* && status_code != 403, bytes]",
        "[..., (status_code = 1 || status_code = 404) && status_code != 5, bytes]",
        "[ip, rest]",
    ],
)
def test_conditions_that_hold_match(pattern: str) -> None:
    assert matches(pattern, REQUEST)


@pytest.mark.parametrize(
    "pattern",
    [
        "[ip, user, username, timestamp, request, status_code = 500, bytes]",
        "[ip, user, username, timestamp, request, status_code, bytes > 2000]",
        "[ip, user, username, timestamp, request, status_code, bytes, more]",
        "[a, b, c, d, ..., e, f, g, h]",
        '[ip, user, username, timestamp = "\\[10*", ...]',
        "[..., user > 1, username, timestamp, request, status_code, bytes]",
    ],
)
def test_conditions_that_do_not_hold_do_not_match(pattern: str) -> None:
    assert not matches(pattern, REQUEST)


@pytest.mark.parametrize(
    ("pattern", "is_match"),
    [
        ("[w1=ERROR, w2]", True),
        ("[w1=INFO, w2]", False),
        ("[w1=ERROR || w1=WARNING, w2]", True),
        ("[w1!=ERROR && w1!=WARNING, w2]", False),
        ("[w1, w2, w3, w4=Failed*request]", False),
        ('[w1, w2, w3, w4="Failed to process request"]', True),
    ],
)
def test_the_last_column_is_all_that_is_left(pattern: str, *, is_match: bool) -> None:
    assert matches(pattern, FAILURE) is is_match


def test_columns_may_be_separated_by_any_blanks() -> None:
    line = "2026-01-02T03:04:05.000Z\t8f5c-1\tERROR\tit  failed\n"

    assert matches('[timestamp=*Z, request_id="*-*", level=ERROR, event="it  failed"]', line)


@pytest.mark.parametrize("message", ['a "b c', "a [b c", 'a"b c" d', "] b c"])
def test_what_is_not_closed_or_within_a_word_is_part_of_the_word(message: str) -> None:
    assert matches("[x, y, z]", message)
    assert not matches("[x, y, z, u]", message)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[..., a, ...]", "may stand once"),
        ("[a = 1 && b = 2]", "expected the column's name a, at 'b', character 11"),
        ("[a b]", "expected one of"),
        ("[a = ]", "expected a value"),
        ("[a > x]", "expected a number"),
    ],
)
def test_pattern_that_means_nothing_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        read_pattern(pattern)


@given(
    words=st.lists(st.text("abc1", min_size=1, max_size=3), max_size=6), count=st.integers(1, 6)
)
def test_a_message_needs_a_column_for_each_name(words: list[str], count: int) -> None:
    message = " ".join(words)
    names = [f"w{number}" for number in range(count)]

    assert matches(f"[{', '.join(names)}]", message) is (len(words) >= count)
    assert matches(f"[{', '.join(names)}, ...]", message) is (len(words) >= count)
    assert matches(f"[..., {', '.join(names)}]", message) is (len(words) >= count)


@given(words=st.lists(st.text("abc1", min_size=1, max_size=3), min_size=1, max_size=6))
def test_columns_count_from_the_front_or_behind_the_dots_from_the_end(words: list[str]) -> None:
    message = " ".join(words)

    assert matches(f"[w={words[0]}, ...]", message)
    assert matches(f"[..., w={words[-1]}]", message)
