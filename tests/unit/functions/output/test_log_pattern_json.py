"""Filter patterns that look into JSON. The messages and most patterns are those of AWS's page."""

import json
from typing import Any

from hypothesis import given, strategies as st
import pytest

from keyturn.functions.output.log_pattern import read_pattern
from keyturn.functions.output.pattern_expression import DEPTH_MAX
from keyturn.functions.output.pattern_json import WILDCARDS_MAX
from keyturn.functions.output.pattern_values import REGEXES_MAX
from keyturn.functions.refusals import ParameterError

TRAIL = {
    "eventType": "UpdateTrail",
    "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": None,
    "ThisFlag": True,
    "cluster.name": "c",
    "latency": 120.5,
    "account": "123456789012",
    "number": [1000],
}
USERS = {
    "user": {"id": 1, "email": "user1@example.com"},
    "users": [{"id": 2, "email": "user2@example.com"}, {"id": 3, "email": "user3@example.com"}],
    "actions": ["GET", "PUT", "DELETE"],
    "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]],
}


def matches(pattern: str, document: object) -> bool:
    return read_pattern(pattern)(json.dumps(document))


@pytest.mark.parametrize(
    "condition",
    [
        '$.eventType = "UpdateTrail"',
        "$.eventType = UpdateTrail",
        '$.eventType = "*Trail"',
        "$.eventType = Update*",
        "$.eventType = *dateT*",
        "$.eventType = *",
        "$.sourceIPAddress != 123.123.*",
        '$.arrayKey[0] = "value"',
        "$.objectList[1].id = 2",
        "$.eventType = %Trail%",
        "$.arrayKey[*] = %val.{2}%",
        "$.arrayKey[*] != value",
        r"$.* = %111\.111\.111\.1[0-9]{1,2}%",
        "$.objectList[*].id = 2",
        "$.['cluster.name'] = \"c\"",
        "$['cluster.name'] = c",
        "$.SomeObject IS NULL",
        "$.SomeOtherObject NOT EXISTS",
        "$.ThisFlag IS TRUE",
        "$.ThisFlag is true",
        "$.latency > 120",
        "$.latency >= 120.5",
        "$.latency < +1e3",
        "$.latency = 1.205e+2",
        "$.latency = *",
        "$.account = 123456789012",
        "$.number[0] = 1e+3",
        "$.number[0] != 1e-3",
        '$.number[0] = "1000"',
    ],
)
def test_condition_that_holds_matches(condition: str) -> None:
    assert matches(f"{{ {condition} }}", TRAIL)
    assert matches(f"{{{condition}}}", TRAIL)


@pytest.mark.parametrize(
    "condition",
    [
        '$.eventType = "updatetrail"',
        "$.eventType = Update",
        '$.eventType = "Up*ail"',
        '$.ThisFlag[0] = "value"',
        "$.objectList[1].number = 2",
        "$.objectList[2].id = 2",
        "$.objectList.id = 2",
        "$.arrayKey = *",
        "$.arrayKey != value",
        "$.SomeObject != x",
        "$.SomeOtherObject != x",
        "$.SomeOtherObject IS NULL",
        "$.SomeObject NOT EXISTS",
        "$.ThisFlag IS FALSE",
        "$.ThisFlag = true",
        "$.eventType > 1",
        "$.eventType < 1",
        "$.latency <= 120",
        "$.cluster.name = c",
    ],
)
def test_condition_that_does_not_hold_does_not_match(condition: str) -> None:
    assert not matches(f"{{ {condition} }}", TRAIL)


@pytest.mark.parametrize(
    ("expression", "is_match"),
    [
        ('($.user.id = 1) && ($.users[0].email = "user2@example.com")', True),
        (
            '$.user.email = "user1@example.com" || $.coordinates[0][1] = x && $.actions[2] = x',
            True,
        ),
        (
            '($.user.email = "user1@example.com" || $.coordinates[0][1] = x) && $.actions[2] = x',
            False,
        ),
        (
            '($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET"',
            False,
        ),
        ("$.user.id=1&&$.actions[1]=PUT", True),
    ],
)
def test_and_binds_closer_than_or_and_parentheses_closest(
    expression: str, *, is_match: bool
) -> None:
    assert matches(f"{{ {expression} }}", USERS) is is_match


ROOT = {"eventType": "AwsApiCall", "userIdentity": {"type": "Root"}, "errorCode": "AccessDeniedX"}
ROOT_IS_USED = """{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS
    && $.eventType != "AwsServiceEvent" }"""
KEY_IS_DISABLED = """{($.eventSource = kms.amazonaws.com) &&
    (($.eventName=DisableKey)||($.eventName=ScheduleKeyDeletion)) }"""
KEY = {"eventSource": "kms.amazonaws.com", "eventName": "DisableKey", "eventType": "AwsApiCall"}


@pytest.mark.parametrize(
    ("pattern", "events"),
    [
        (ROOT_IS_USED, [ROOT]),
        (
            '{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }',
            [ROOT],
        ),
        (KEY_IS_DISABLED, [KEY]),
        ('{ $.eventType = "AwsApiCall" }', [ROOT, KEY]),
    ],
)
def test_patterns_of_audits_are_understood(pattern: str, events: list[object]) -> None:
    """As the CIS AWS Foundations Benchmark writes them, with and without quotation marks."""
    assert [event for event in (ROOT, KEY) if matches(pattern, event)] == events


@pytest.mark.parametrize(
    "message",
    [
        "plain text",
        "",
        '"a text in JSON"',
        "1",
        '{"a": 1',
        '{"a": NaN}',
        '{"a": 1} and more',
        '{"a":' * 100_000,
    ],
)
def test_message_that_is_no_json_object_does_not_match(message: str) -> None:
    assert not read_pattern("{ $.b NOT EXISTS }")(message)


@pytest.mark.parametrize(
    "pattern",
    [
        "{ }",
        "{ $ = 1 }",
        "{ a = 1 }",
        "{ $.a }",
        "{ $.a = }",
        "{ $.a = b@c }",
        "{ $.a = 1 & $.b = 1 }",
        "{ ($.a = 1 }",
        "{ $.a[x] = 1 }",
        "{ $.a[-1] = 1 }",
        "{ $..a = 1 }",
    ],
)
def test_pattern_that_means_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ParameterError, match=r"^Invalid filter pattern: "):
        read_pattern(pattern)


@pytest.mark.parametrize("keywords", ["EXISTS", "IS NOT NULL", "IS EMPTY", "NOT NULL"])
def test_keywords_that_aws_does_not_have_are_refused_with_those_that_it_has(keywords: str) -> None:
    with pytest.raises(ParameterError, match="none of IS NULL, IS TRUE, IS FALSE and NOT EXISTS"):
        read_pattern(f"{{ $.a {keywords} }}")


def test_a_selector_has_one_wildcard_and_a_pattern_three() -> None:
    most = " || ".join(["$.* = a"] * WILDCARDS_MAX)

    assert matches(f"{{ {most} }}", {"x": "a"})
    for pattern in (f"{{ {most} || $.* = a }}", "{ $.*[*] = a }"):
        with pytest.raises(ParameterError, match="wildcard"):
            read_pattern(pattern)


def test_a_pattern_has_two_regular_expressions() -> None:
    most = " && ".join(["$.a = %b%"] * REGEXES_MAX)

    assert matches(f"{{ {most} }}", {"a": "abc"})
    with pytest.raises(ParameterError, match="at most 2 regular expressions"):
        read_pattern(f"{{ {most} && $.a = %b% }}")


def test_parentheses_are_so_deep_and_no_deeper() -> None:
    deepest = "(" * DEPTH_MAX + "$.a = 1" + ")" * DEPTH_MAX

    assert matches(f"{{ {deepest} }}", {"a": 1})
    with pytest.raises(ParameterError, match="deep"):
        read_pattern(f"{{ ({deepest}) }}")


@pytest.mark.parametrize("number", ["9" * 10_000, "1e999999999999999999999", "-0.0", "1E400"])
def test_number_that_no_machine_counts_with_is_a_number_or_a_text(number: str) -> None:
    found = read_pattern("{ $.a < 5 || $.a >= 5 || $.a != 5 }")(f'{{"a": {number}}}')

    assert found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=10,
)


@given(document=st.dictionaries(st.sampled_from("abc"), JSON, min_size=1))
def test_what_does_not_exist_is_told_from_what_is_null(document: dict[str, Any]) -> None:
    assert matches("{ $.a NOT EXISTS }", document) is ("a" not in document)
    assert matches("{ $.a IS NULL }", document) is ("a" in document and document["a"] is None)


@given(value=st.integers(), limit=st.integers())
def test_orders_are_those_of_numbers(value: int, limit: int) -> None:
    document = {"a": value}

    assert matches(f"{{ $.a < {limit} }}", document) is (value < limit)
    assert matches(f"{{ $.a >= {limit} }}", document) is (value >= limit)
    assert matches(f"{{ $.a = {limit} }}", document) is (value == limit)


@given(value=st.text(), text=st.text(alphabet="ab*", min_size=1, max_size=4))
def test_equal_and_unequal_are_opposites_for_a_text(value: str, text: str) -> None:
    document = {"a": value}

    is_equal = matches(f'{{ $.a = "{text}" }}', document)

    assert matches(f'{{ $.a != "{text}" }}', document) is not is_equal
