import json

import pytest

from keyturn.iam.policy.document import MalformedPolicyError, parse

ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def document(**statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{**ALLOW, **statement}]})


def test_a_single_statement_needs_no_list() -> None:
    policy = parse(json.dumps({"Version": "2012-10-17", "Statement": ALLOW}), kind="identity")

    assert len(policy.statements) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"Version": "2012-10-17"}',
        '{"Version": "2012-10-17", "Statement": []}',
        '{"Version": "2030-01-01", "Statement": [' + json.dumps(ALLOW) + "]}",
        '{"Statement": [], "Statement": []}',
        '{"Statement": ["x"]}',
        json.dumps({"Statement": [ALLOW], "Surprise": 1}),
        "[" * 100_000,
        document(Effect="allow"),
        document(Effect=None),
        document(Action=None),
        document(Action=[]),
        document(Action=[1]),
        document(Action="GetObject"),
        document(NotAction="s3:*"),
        document(Resource="bucket"),
        document(Resource=None),
        document(Principal="*"),
        document(Surprise=1),
        document(Condition="x"),
        document(Condition={"StringSame": {"a": "b"}}),
        document(Condition={"StringEquals": "x"}),
        document(Condition={"StringEquals": {"a": []}}),
        document(Condition={"StringEquals": {"a": {}}}),
        document(Condition={"NumericEquals": {"a": "one"}}),
        document(Condition={"DateLessThan": {"a": "yesterday"}}),
        document(Condition={"IpAddress": {"a": "300.1.1.1"}}),
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(MalformedPolicyError):
        parse(text, kind="identity")


@pytest.mark.parametrize(
    "principal", [None, "someone", {}, {"Robot": "x"}, {"AWS": []}, {"AWS": [1]}, []]
)
def test_a_resource_policy_needs_a_principal_it_can_name(principal: object) -> None:
    with pytest.raises(MalformedPolicyError):
        parse(document(Principal=principal), kind="resource")


def test_a_trust_policy_has_no_resource() -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }

    parse(json.dumps({"Statement": statement}), kind="trust")
    with pytest.raises(MalformedPolicyError):
        parse(json.dumps({"Statement": {**statement, "Resource": "*"}}), kind="trust")
