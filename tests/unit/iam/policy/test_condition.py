import pytest

from keyturn.iam.policy.condition import UnknownOperatorError, read_condition
from keyturn.iam.policy.operators import OPERATORS

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-b1c2d3"


def holds(operator: str, wanted: str | list[str], *values: str) -> bool | None:
    condition = read_condition(
        operator, "Aws:Key", [wanted] if isinstance(wanted, str) else wanted
    )
    return condition({"aws:key": values, "aws:username": ("a*b",), "aws:tagkeys": ("x", "y")})


COMPARED = [
    ("StringEquals", "a", "a", True),
    ("StringEquals", "a", "A", False),
    ("StringEquals", "a*", "ab", False),
    ("StringEquals", ["a", "b"], "b", True),
    ("StringNotEquals", "a", "b", True),
    ("StringNotEquals", ["a", "b"], "b", False),
    ("StringEqualsIgnoreCase", "aß", "ASS", True),
    ("StringEqualsIgnoreCase", "a", "b", False),
    ("StringNotEqualsIgnoreCase", "a", "A", False),
    ("StringLike", "a*c?", "abbcd", True),
    ("StringLike", "a*", "Abc", False),
    ("StringNotLike", "a*", "abc", False),
    ("ArnEquals", ARN, ARN, True),
    ("ArnEquals", "arn:aws:*:*:123456789012:secret:*", ARN, True),
    ("ArnNotEquals", ARN, ARN, False),
    ("ArnLike", "arn:aws:secretsmanager:*:123456789012:secret:*", ARN, True),
    ("ArnLike", "arn:aws:secretsmanager:*:210987654321:secret:*", ARN, False),
    ("ArnLike", "arn:aws:*:*:*:*", "no-arn", False),
    ("ArnNotLike", "arn:aws:iam:*:*:*", ARN, True),
    ("NumericEquals", "5", "5.0", True),
    ("NumericEquals", "0.1", "0.1000000000000000000001", False),
    ("NumericNotEquals", "5", "6", True),
    ("NumericLessThan", "5", "4", True),
    ("NumericLessThan", "5", "5", False),
    ("NumericLessThanEquals", "5", "5", True),
    ("NumericGreaterThan", "-5", "-4", True),
    ("NumericGreaterThanEquals", "5", "10", True),
    ("NumericEquals", "5", "five", None),
    ("NumericEquals", "5", "inf", None),
    ("NumericNotEquals", "5", "five", None),
    ("DateEquals", "2026-01-14", "2026-01-14T00:00:00Z", True),
    ("DateEquals", "2026-01-14T10:30:00+02:00", "2026-01-14T08:30:00Z", True),
    ("DateNotEquals", "2026-01-14", "1768348800", False),
    ("DateLessThan", "2026-01-14T00:00:00Z", "2026-01-13T23:59:59Z", True),
    ("DateLessThanEquals", "1768348800", "2026-01-14T00:00:00Z", True),
    ("DateGreaterThan", "2026-01-14T10:30Z", "2026-01-14T10:30:00.001Z", True),
    ("DateGreaterThanEquals", "2026-01-14", "2026-01-13", False),
    ("DateGreaterThan", "2026-01-14", "yesterday", None),
    ("Bool", "true", "TRUE", True),
    ("Bool", "false", "true", False),
    ("Bool", "true", "yes", None),
    ("BinaryEquals", "QQ==", "QQ==", True),
    ("BinaryEquals", "QQ==", "QUE=", False),
    ("BinaryEquals", "QQ==", "?", None),
    ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
    ("IpAddress", ["10.1.2.3", "2001:db8::/32"], "2001:db8::1", True),
    ("IpAddress", "10.1.2.3/8", "10.9.9.9", True),
    ("IpAddress", "10.0.0.0/8", "::ffff:10.1.2.3", True),
    ("IpAddress", "0.0.0.0/0", "::1", False),
    ("IpAddress", "10.0.0.0/8", "localhost", None),
    ("NotIpAddress", "10.0.0.0/8", "11.1.2.3", True),
    ("NotIpAddress", "10.0.0.0/8", "localhost", None),
    ("Null", "false", "a", True),
    ("Null", "true", "a", False),
    ("Null", ["true", "false"], "a", True),
    ("stringequals", "a", "a", True),
    ("forAnyValue:stringLikeIfExists", "a*", "ab", True),
]


@pytest.mark.parametrize(("operator", "wanted", "value", "expected"), COMPARED)
def test_an_operator_compares_as_aws_says(
    operator: str, wanted: str | list[str], value: str, expected: bool | None
) -> None:
    assert holds(operator, wanted, value) is expected


def test_every_operator_is_in_the_table() -> None:
    assert set(OPERATORS) <= {operator for operator, *_ in COMPARED}


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringEquals", False),
        ("StringEqualsIfExists", True),
        ("StringNotEquals", True),
        ("StringNotEqualsIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAllValues:StringNotEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAnyValue:StringEqualsIfExists", True),
    ],
)
def test_a_key_without_values_is_the_operators_affair(operator: str, expected: bool) -> None:
    condition = read_condition(operator, "aws:key", ["a"])

    assert condition({}) is expected
    assert condition({"aws:key": ()}) is expected


def test_null_asks_whether_the_key_is_absent() -> None:
    assert read_condition("Null", "aws:key", ["true"])({}) is True
    assert read_condition("Null", "aws:key", ["false"])({}) is False


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("ForAllValues:StringEquals", ("a", "b"), True),
        ("ForAllValues:StringEquals", ("a", "c"), False),
        ("ForAnyValue:StringEquals", ("a", "c"), True),
        ("ForAnyValue:StringEquals", ("c", "d"), False),
        ("ForAllValues:StringNotEquals", ("c", "d"), True),
        ("ForAllValues:StringNotEquals", ("a", "d"), False),
        ("ForAnyValue:StringNotEquals", ("a", "d"), True),
        ("ForAnyValue:StringNotEquals", ("a", "b"), False),
        # Only a quantifier says what several values mean.
        ("StringEquals", ("a", "b"), None),
        ("StringNotEquals", ("c", "d"), None),
    ],
)
def test_a_quantifier_says_how_many_values_must_fit(
    operator: str, values: tuple[str, ...], expected: bool | None
) -> None:
    assert holds(operator, ["a", "b"], *values) is expected


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [
        ("StringEquals", "${aws:username}", "a*b", True),
        ("StringEquals", "u/${AWS:UserName}/${$}", "u/a*b/$", True),
        ("StringLike", "${aws:username}", "a*b", True),
        # What a variable stands for is no pattern.
        ("StringLike", "${aws:username}", "axb", False),
        ("StringLike", "${aws:username}?", "a*bc", True),
        ("StringNotLike", ["${aws:username}", "x*"], "y", True),
        ("StringEqualsIgnoreCase", "${aws:username}", "A*B", True),
        ("ArnLike", "arn:aws:iam::1:user/${aws:username}", "arn:aws:iam::1:user/a*b", True),
        ("StringEquals", "${aws:none, 'x y'}", "x y", True),
        ("StringEquals", "${aws:none,''}", "", True),
        ("StringEquals", "${aws:username, 'x'}", "a*b", True),
        ("StringEquals", "${*}${?}", "*?", True),
        # Without a value, or with several, nobody can tell.
        ("StringEquals", "${aws:none}", "a", None),
        ("StringNotEquals", "${aws:none}", "a", None),
        ("StringEquals", ["a", "${aws:none}"], "a", None),
        ("StringEquals", "${aws:tagkeys}", "x", None),
        ("ArnLike", "${aws:username}", ARN, None),
    ],
)
def test_a_policy_variable_stands_for_the_requests_value(
    operator: str, wanted: str | list[str], value: str, expected: bool | None
) -> None:
    assert holds(operator, wanted, value) is expected


def test_an_operator_that_is_not_known_is_said_to_be_unknown() -> None:
    with pytest.raises(UnknownOperatorError):
        read_condition("StringResembles", "aws:key", ["a"])
