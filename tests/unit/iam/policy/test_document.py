from contextlib import suppress
import json
from typing import Any

from hypothesis import given, strategies as st
import pytest

from keyturn.iam.policy.document import (
    Kind,
    MalformedPolicyError,
    MalformedPrincipalError,
    NotJsonError,
    parse,
)
from keyturn.iam.policy.malformed import QUOTED_CHARACTERS_MAX
from support.policies import ACCOUNT, ROLE_ARN, SESSION_ARN, make_document, make_statement

ALLOW = make_statement()
TRUST = {
    "Effect": "Allow",
    "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


def test_a_single_statement_needs_no_list() -> None:
    text = json.dumps({"Version": "2012-10-17", "Id": "one", "Statement": ALLOW})

    assert len(parse(text, kind="identity").statements) == 1


@pytest.mark.parametrize("text", ["", "no", "{", '{"Statement": NaN}', "[" * 100_000, "9" * 5000])
def test_what_is_not_json_is_told_from_what_is_no_policy(text: str) -> None:
    with pytest.raises(NotJsonError):
        parse(text, kind="identity")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[]", "policy"),
        ("{}", "Statement"),
        ('{"Version": "2012-10-17", "Statement": []}', "Statement"),
        (make_document(ALLOW, version="2030-01-01"), "Version"),
        ('{"Version": [], "Statement": []}', "Version"),
        ('{"Statement": [], "Statement": []}', "policy"),
        ('{"Statement": [{"Effect": "Deny", "Effect": "Allow"}]}', "policy"),
        ('{"Statement": ["x"]}', "Statement[0]"),
        (json.dumps({"Statement": [ALLOW], "Surprise": 1}), "policy"),
        (make_document({**ALLOW, "Sid": "a"}, {**ALLOW, "Sid": "a"}), "Statement"),
        (make_document(ALLOW, {**ALLOW, "Sid": 1}), "Statement[1].Sid"),
    ],
)
def test_what_is_wrong_with_a_document_is_refused_and_placed(text: str, place: str) -> None:
    with pytest.raises(MalformedPolicyError) as caught:
        parse(text, kind="identity")

    assert caught.value.place == place
    assert caught.value.reason.startswith(place)


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"Effect": "allow"}, "Effect"),
        ({"Effect": ["Allow"]}, "Effect"),
        ({"Effect": None}, "Effect"),
        ({"Action": None}, "Action"),
        ({"Action": []}, "Action"),
        ({"Action": [1]}, "Action"),
        ({"Action": [""]}, "Action"),
        ({"Action": {}}, "Action"),
        ({"Action": "GetObject"}, "Action"),
        ({"Action": "s*:GetObject"}, "Action"),
        ({"Action": "s3:Get Object"}, "Action"),
        ({"NotAction": "Get*"}, "NotAction"),
        ({"Resource": "bucket"}, "Resource"),
        ({"Resource": None}, "Resource"),
        ({"NotResource": [None]}, "NotResource"),
        ({"Resource": "arn:aws:s3:::${aws:username"}, "Resource"),
        ({"Resource": "arn:aws:s3:::${}"}, "Resource"),
        ({"Condition": {"StringSame": {"a:b": "c"}}}, "Condition.StringSame.a:b"),
        ({"Condition": {"Some:StringEquals": {"a:b": "c"}}}, "Condition.Some:StringEquals.a:b"),
        ({"Condition": {"NullIfExists": {"a:b": "true"}}}, "Condition.NullIfExists.a:b"),
        ({"Condition": {"": {"a:b": "c"}}}, "Condition..a:b"),
        ({"Condition": {"StringEquals": "x"}}, "Condition.StringEquals"),
        ({"Condition": {"StringEquals": {"key": "x"}}}, "Condition.StringEquals.key"),
        ({"Condition": {"StringEquals": {"a:b": []}}}, "Condition.StringEquals.a:b"),
        ({"Condition": {"StringEquals": {"a:b": {}}}}, "Condition.StringEquals.a:b"),
        ({"Condition": {"StringLike": {"a:b": "${x"}}}, "Condition.StringLike.a:b"),
        ({"Condition": {"NumericEquals": {"a:b": "one"}}}, "Condition.NumericEquals.a:b"),
        ({"Condition": {"NumericEquals": {"a:b": "${a:b}"}}}, "Condition.NumericEquals.a:b"),
        ({"Condition": {"NumericEquals": {"a:b": "1e5"}}}, "Condition.NumericEquals.a:b"),
        ({"Condition": {"DateLessThan": {"a:b": "yesterday"}}}, "Condition.DateLessThan.a:b"),
        ({"Condition": {"DateLessThan": {"a:b": "2026-13-01"}}}, "Condition.DateLessThan.a:b"),
        ({"Condition": {"Bool": {"a:b": "yes"}}}, "Condition.Bool.a:b"),
        ({"Condition": {"Null": {"a:b": "no"}}}, "Condition.Null.a:b"),
        ({"Condition": {"BinaryEquals": {"a:b": "!"}}}, "Condition.BinaryEquals.a:b"),
        ({"Condition": {"IpAddress": {"a:b": "300.1.1.1"}}}, "Condition.IpAddress.a:b"),
        ({"Condition": {"ArnLike": {"a:b": "*"}}}, "Condition.ArnLike.a:b"),
    ],
)
def test_what_is_wrong_with_a_statement_is_refused_and_placed(
    members: dict[str, Any], place: str
) -> None:
    with pytest.raises(MalformedPolicyError) as caught:
        parse(make_document(make_statement(**members)), kind="identity")

    assert caught.value.place == f"Statement[0].{place}"


@pytest.mark.parametrize(
    "members",
    [
        {"NotAction": "s3:*", "Action": "s3:*"},
        {"Surprise": 1},
        {"Condition": "x"},
        {"Principal": "*"},
        {"NotPrincipal": "*"},
    ],
)
def test_an_element_too_many_is_refused(members: dict[str, object]) -> None:
    with pytest.raises(MalformedPolicyError):
        parse(make_document({**ALLOW, **members}), kind="identity")


def test_an_error_holds_little_of_the_document() -> None:
    with pytest.raises(MalformedPolicyError) as caught:
        parse(make_document({**ALLOW, "x" * 1000: 1}), kind="identity")

    assert caught.value.reason.count("x") == QUOTED_CHARACTERS_MAX


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"AWS": [ACCOUNT, f"arn:aws-cn:iam::{ACCOUNT}:root"]},
        {"AWS": [ROLE_ARN, SESSION_ARN, f"arn:aws:iam::{ACCOUNT}:user/some/path/name"]},
        {"AWS": f"arn:aws:sts::{ACCOUNT}:federated-user/name"},
        {"Service": ["lambda.amazonaws.com", "events.amazonaws.com"]},
        {"Federated": "cognito-identity.amazonaws.com"},
        {"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/name"},
        {"CanonicalUser": "0123456789abcdef" * 4},
    ],
)
def test_a_resource_policy_can_name(principal: object) -> None:
    statement = make_statement(Principal=principal)

    assert parse(make_document(statement), kind="resource").statements


@pytest.mark.parametrize("principal", [None, "someone", {}, {"Robot": "x"}, {"AWS": []}, [], 1])
def test_a_resource_policy_must_say_whom_it_is_about(principal: object) -> None:
    with pytest.raises(MalformedPolicyError):
        parse(make_document(make_statement(Principal=principal)), kind="resource")


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": "someone"},
        {"AWS": "12345678901"},
        {"AWS": f"{ACCOUNT}:root"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:role/*"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:role/a?"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:group/admins"},
        {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/app/*"},
        {"AWS": "lambda.amazonaws.com"},
        {"AWS": ROLE_ARN + "\n"},
        {"Service": "*"},
        {"Service": "lambda"},
        {"Federated": "*"},
        {"CanonicalUser": "x"},
    ],
)
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_nobody_can_be_named_by_half(principal: object, effect: str) -> None:
    statement = make_statement(effect, Principal=principal)

    with pytest.raises(MalformedPrincipalError):
        parse(make_document(statement), kind="resource")


def test_not_principal_can_not_allow() -> None:
    statement = make_statement(NotPrincipal={"AWS": ROLE_ARN})

    parse(make_document({**statement, "Effect": "Deny"}), kind="resource")
    with pytest.raises(MalformedPolicyError):
        parse(make_document(statement), kind="resource")


@pytest.mark.parametrize(
    "members",
    [{"Resource": "*"}, {"NotResource": "*"}, {"Action": "iam:GetRole"}, {"Action": "*"}],
)
def test_a_trust_policy_is_about_taking_on_its_role(members: dict[str, object]) -> None:
    assert parse(make_document(TRUST), kind="trust").statements[0].resources is None

    with pytest.raises(MalformedPolicyError):
        parse(make_document({**TRUST, **members}), kind="trust")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
elements = st.sampled_from(
    ["Sid", "Effect", "Action", "Resource", "NotResource", "Principal", "Condition", "x"]
)
statements = st.dictionaries(elements, json_values | st.sampled_from(["Allow", "*", "a:b"]))


@given(
    st.builds(lambda *items: json.dumps({"Statement": list(items)}), statements, statements)
    | st.builds(lambda block: make_document(make_statement(Condition=block)), json_values)
    | st.text(),
    st.sampled_from(["identity", "resource", "trust"]),
)
def test_any_text_is_a_policy_or_is_refused(text: str, kind: Kind) -> None:
    with suppress(MalformedPolicyError):
        assert parse(text, kind=kind).statements
