from collections.abc import Mapping
import json
from typing import Any

from hypothesis import given, strategies as st
import pytest

from keyturn.iam.policy.document import Kind, Policy, parse
from keyturn.iam.policy.evaluate import Asker, Question, Verdict, decide

ACCOUNT, OTHER = "123456789012", "210987654321"
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:prod/db-a1B2c3"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/one"
ACTION = "secretsmanager:GetSecretValue"
CALLER = Asker(kind="AWS", names=(SESSION, ROLE), account=ACCOUNT)
SERVICE = Asker(kind="Service", names=("secretsmanager.amazonaws.com",), account="")


def policy(*statements: dict[str, Any], kind: Kind = "identity") -> Policy:
    return parse(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}), kind=kind)


def statement(effect: str = "Allow", **members: object) -> dict[str, Any]:
    defaults: dict[str, Any] = {"Effect": effect}
    if "NotAction" not in members:
        defaults["Action"] = ACTION
    if "NotResource" not in members:
        defaults["Resource"] = SECRET
    return {**defaults, **members}


def asked(
    asker: Asker = CALLER, *, context: Mapping[str, tuple[str, ...]] | None = None
) -> Question:
    return Question(
        asker=asker,
        action=ACTION,
        resource=SECRET,
        resource_account=ACCOUNT,
        context=context or {},
    )


def verdict(question: Question, *identity: Policy, resource: Policy | None = None) -> Verdict:
    return decide(question, identity_policies=identity, resource_policy=resource).verdict


def test_nothing_allows_by_default() -> None:
    decision = decide(asked(), identity_policies=[])

    assert not decision.is_allowed
    assert decision.reason == (
        "because no identity-based policy allows the secretsmanager:GetSecretValue action"
    )


def test_an_explicit_deny_wins_and_is_named() -> None:
    allow, deny = policy(statement()), policy(statement("Deny"))

    decision = decide(asked(), identity_policies=[allow, deny])

    assert decision.reason == "with an explicit deny in an identity-based policy"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, True),
        ({"Action": "SecretsManager:getsecretvalue"}, True),
        ({"Action": "secretsmanager:Get*"}, True),
        ({"Action": ["iam:*", "secretsmanager:*"]}, True),
        ({"Action": "secretsmanager:Put*"}, False),
        ({"NotAction": "secretsmanager:Put*"}, True),
        ({"NotAction": "secretsmanager:Get*"}, False),
        ({"Resource": "*"}, True),
        ({"Resource": SECRET[:-6] + "??????"}, True),
        ({"Resource": SECRET.replace("prod", "PROD")}, False),
        ({"NotResource": SECRET}, False),
        ({"NotResource": SECRET + "x"}, True),
    ],
)
def test_elements_say_what_a_statement_is_about(members: dict[str, Any], expected: bool) -> None:
    assert (verdict(asked(), policy(statement(**members))) is Verdict.ALLOWED) is expected


@pytest.mark.parametrize(
    ("principal", "is_allowed"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": ROLE}, True),
        ({"AWS": SESSION}, True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"}, False),
        ({"Service": "secretsmanager.amazonaws.com"}, False),
        # Left to the account's own policies, which say nothing.
        ({"AWS": ACCOUNT}, False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, False),
    ],
)
def test_a_resource_policy_allows_whom_it_names(principal: object, is_allowed: bool) -> None:
    resource = policy(statement(Principal=principal), kind="resource")

    assert (verdict(asked(), resource=resource) is Verdict.ALLOWED) is is_allowed


def test_a_resource_policy_denies_whole_accounts() -> None:
    resource = policy(statement("Deny", Principal={"AWS": ACCOUNT}), kind="resource")

    found = verdict(asked(), policy(statement()), resource=resource)

    assert found is Verdict.DENIED_BY_RESOURCE_POLICY


def test_not_principal_spares_whom_it_names() -> None:
    sparing = policy(statement("Deny", NotPrincipal={"AWS": ROLE}), kind="resource")
    others = policy(statement("Deny", NotPrincipal={"AWS": ROLE + "x"}), kind="resource")

    assert verdict(asked(), policy(statement()), resource=sparing) is Verdict.ALLOWED
    assert verdict(asked(), policy(statement()), resource=others) is not Verdict.ALLOWED


def test_across_accounts_both_sides_must_allow() -> None:
    stranger = Asker(kind="AWS", names=(f"arn:aws:iam::{OTHER}:user/u",), account=OTHER)
    identity = policy(statement())
    resource = policy(statement(Principal={"AWS": OTHER}), kind="resource")

    assert verdict(asked(stranger), identity) is not Verdict.ALLOWED
    assert verdict(asked(stranger), resource=resource) is not Verdict.ALLOWED
    assert verdict(asked(stranger), identity, resource=resource) is Verdict.ALLOWED


@pytest.mark.parametrize(
    ("source_account", "expected"), [(ACCOUNT, True), (OTHER, False), (None, False)]
)
def test_a_service_is_let_in_for_the_account_that_the_statement_names(
    source_account: str | None, expected: bool
) -> None:
    permission = policy(
        statement(
            Principal={"Service": "secretsmanager.amazonaws.com"},
            Condition={
                "StringEquals": {"AWS:SourceAccount": ACCOUNT},
                "ArnLike": {"AWS:SourceArn": f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:*"},
            },
        ),
        kind="resource",
    )
    context = {"aws:sourcearn": (SECRET,)}
    if source_account:
        context["aws:sourceaccount"] = (source_account,)

    found = verdict(asked(SERVICE, context=context), resource=permission)

    assert (found is Verdict.ALLOWED) is expected


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEqualsIgnoreCase", "a", "A", True),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringLike", "a*", "abc", True),
        ("StringNotLike", "a*", "abc", False),
        ("NumericLessThan", 5, "4", True),
        ("NumericGreaterThanEquals", "5", "5", True),
        ("NumericEquals", 5, "five", False),
        ("DateGreaterThan", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", True),
        ("DateLessThan", "2030-01-01", "2026-02-01T00:00:00Z", True),
        ("Bool", True, "true", True),
        ("Bool", "false", "true", False),
        ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
        ("NotIpAddress", "10.0.0.0/8", "11.1.2.3", True),
        ("ArnLike", "arn:aws:iam::*:role/*", "arn:aws:iam::1:role/a/b", True),
        ("ArnEquals", "arn:aws:*", "arn:aws:iam::1:role/a", False),
        ("Null", "false", "a", True),
        ("Null", "true", "a", False),
        ("ForAnyValue:StringEquals", "a", "a", True),
        ("ForAllValues:StringEquals", "a", "b", False),
    ],
)
def test_operators_compare_as_aws_does(
    operator: str, wanted: object, value: str, expected: bool
) -> None:
    allow = policy(statement(Condition={operator: {"Aws:Key": wanted}}))

    found = verdict(asked(context={"aws:key": (value,)}), allow)

    assert (found is Verdict.ALLOWED) is expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringEquals", False),
        ("StringEqualsIfExists", True),
        ("StringNotEquals", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
    ],
)
def test_a_key_that_the_request_lacks_fails_the_condition_unless_told_otherwise(
    operator: str, expected: bool
) -> None:
    allow = policy(statement(Condition={operator: {"aws:key": "a"}}))

    assert (verdict(asked(), allow) is Verdict.ALLOWED) is expected


def test_what_can_not_be_compared_never_opens_a_door() -> None:
    variable = {"StringEquals": {"aws:key": "${aws:username}"}}
    context = {"aws:key": ("${aws:username}",)}
    allow, deny = (
        policy(statement(Condition=variable)),
        policy(statement("Deny", Condition=variable)),
    )

    assert verdict(asked(context=context), allow) is not Verdict.ALLOWED
    found = verdict(asked(context=context), policy(statement()), deny)
    assert found is Verdict.DENIED_BY_IDENTITY_POLICY


statements = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Action": st.sampled_from([ACTION, "secretsmanager:*", "iam:*", "*"]),
        "Resource": st.sampled_from([SECRET, "*", SECRET + "x"]),
    }
)


@given(st.lists(statements, max_size=4), statements)
def test_a_further_deny_never_allows_and_a_further_allow_never_denies(
    some: list[dict[str, Any]], further: dict[str, Any]
) -> None:
    before = bool(some) and verdict(asked(), policy(*some)) is Verdict.ALLOWED

    after = verdict(asked(), policy(*some, further)) is Verdict.ALLOWED

    if further["Effect"] == "Deny":
        assert not after or before
    else:
        assert after or not before
