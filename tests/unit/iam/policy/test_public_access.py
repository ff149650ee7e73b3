from dataclasses import replace
from typing import Any

from hypothesis import assume, given, settings, strategies as st
import pytest

from keyturn.iam.policy.document import DENY_EVERYTHING, Policy
from keyturn.iam.policy.evaluate import Asker, Question, decide
from keyturn.iam.policy.public_access import NETWORK_PREFIX_BITS_MIN, is_public
from support.policies import (
    ACCOUNT,
    ACTION,
    OTHER_ACCOUNT,
    ROLE_ARN,
    ROOT_ARN,
    SECRET_ARN,
    SESSION_ARN,
    make_policy,
    make_statement,
)

OTHER_ACTION = "secretsmanager:PutSecretValue"
ACTIONS = (ACTION, OTHER_ACTION, "secretsmanager:DescribeSecret")
SOURCE_ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:rotate"
SAML_PROVIDER = f"arn:aws:iam::{ACCOUNT}:saml-provider/staff"
OPEN_ID_PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/accounts.example.com"

Statement = dict[str, Any]


def allow(**members: object) -> Statement:
    members.setdefault("Principal", "*")
    return make_statement("Allow", **members)


def deny(**members: object) -> Statement:
    if "NotPrincipal" not in members:
        members.setdefault("Principal", "*")
    return make_statement("Deny", **members)


def allow_if(operator: str, key: str, values: object) -> Statement:
    return allow(Condition={operator: {key: values}})


def deny_if(operator: str, key: str, values: object) -> Statement:
    return deny(Condition={operator: {key: values}})


def read(*statements: Statement, version: str | None = "2012-10-17") -> Policy:
    return make_policy(*statements, kind="resource", version=version)


def are_public(*statements: Statement) -> bool:
    return is_public(read(*statements), actions=ACTIONS, resource=SECRET_ARN)


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"AWS": ["*"]},
        {"AWS": [ROLE_ARN, "*"]},
        {"Service": "lambda.amazonaws.com", "AWS": "*"},
        {"Federated": "graph.facebook.com"},
        {"Federated": [SAML_PROVIDER, "cognito-identity.amazonaws.com"]},
        {"Federated": OPEN_ID_PROVIDER},
    ],
)
def test_who_can_be_anybody_is_public(principal: object) -> None:
    assert are_public(allow(Principal=principal))


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": ACCOUNT},
        {"AWS": ROOT_ARN},
        {"AWS": [ROLE_ARN, SESSION_ARN, f"arn:aws:iam::{OTHER_ACCOUNT}:user/u"]},
        {"Service": "lambda.amazonaws.com"},
        {"Federated": SAML_PROVIDER},
        {"CanonicalUser": "0" * 64},
    ],
)
def test_who_is_named_is_not_public(principal: object) -> None:
    assert not are_public(allow(Principal=principal))


def test_one_public_statement_is_enough() -> None:
    assert are_public(allow(Principal={"AWS": ACCOUNT}), allow())


def test_everyone_but_the_named_would_be_public() -> None:
    # No document can say so; see test_document.
    (denied,) = read(deny(NotPrincipal={"AWS": ACCOUNT})).statements
    policy = Policy((replace(denied, effect="Allow"),))

    assert is_public(policy, actions=ACTIONS, resource=SECRET_ARN)


def test_what_could_not_be_read_is_not_public() -> None:
    everything = read(allow(Action="*", Resource="*")).statements
    policy = Policy((*everything, *DENY_EVERYTHING.statements))

    assert not is_public(DENY_EVERYTHING, actions=ACTIONS, resource=SECRET_ARN)
    assert not is_public(policy, actions=ACTIONS, resource=SECRET_ARN)


def test_a_statement_without_principals_counts_for_everyone() -> None:
    policy = make_policy(make_statement(), kind="identity")

    assert is_public(policy, actions=ACTIONS, resource=SECRET_ARN)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"Action": "*"}, True),
        ({"Action": "secretsmanager:*"}, True),
        ({"Action": "SECRETSMANAGER:getsecretvalue"}, True),
        ({"Action": ["s3:*", "secretsmanager:Get*"]}, True),
        ({"Action": "s3:GetObject"}, False),
        ({"Action": "secretsmanager:NoSuchAction"}, False),
        ({"NotAction": "secretsmanager:Get*"}, True),
        ({"NotAction": "secretsmanager:*"}, False),
        ({"Resource": "*"}, True),
        ({"Resource": "arn:aws:secretsmanager:*:*:secret:prod/*"}, True),
        ({"Resource": SECRET_ARN + "x"}, False),
        ({"NotResource": SECRET_ARN}, False),
        ({"NotResource": SECRET_ARN + "x"}, True),
    ],
)
def test_only_what_can_be_asked_of_the_resource_counts(
    members: dict[str, Any], expected: bool
) -> None:
    assert are_public(allow(**members)) is expected


def test_without_actions_nothing_is_public() -> None:
    assert not is_public(read(allow()), actions=(), resource=SECRET_ARN)


FIXED = [
    ("StringEquals", "aws:PrincipalAccount", ACCOUNT),
    ("StringEquals", "aws:PrincipalAccount", [ACCOUNT, OTHER_ACCOUNT]),
    ("StringEquals", "aws:PrincipalAccount", 123456789012),
    ("StringLike", "aws:PrincipalOrgID", "o-a1b2c3"),
    ("StringEquals", "aws:PrincipalOrgPaths", "o-a1b2c3/r-ab12/"),
    ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", ["o-a1b2c3/*", "o-d4e5f6/r-ab12/*"]),
    ("StringEquals", "aws:PrincipalArn", ROLE_ARN),
    ("StringLike", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/*"),
    ("ArnEquals", "aws:PrincipalArn", ROLE_ARN),
    ("ArnLike", "aws:PrincipalArn", f"arn:*:iam::{ACCOUNT}:*"),
    ("StringEquals", "aws:PrincipalServiceName", "lambda.amazonaws.com"),
    ("StringEqualsIgnoreCase", "aws:userid", "AROAEXAMPLE:one"),
    ("StringEquals", "aws:SourceAccount", ACCOUNT),
    ("ForAnyValue:StringEquals", "aws:SourceAccount", ACCOUNT),
    ("ArnLike", "aws:SourceArn", SOURCE_ARN),
    ("ArnLike", "aws:SourceArn", f"arn:aws:*:*:{ACCOUNT}:*"),
    ("ArnLike", "aws:SourceArn", "arn:aws:s3:::bucket"),
    ("StringEquals", "aws:SourceOwner", ACCOUNT),
    ("StringEquals", "aws:SourceOrgID", "o-a1b2c3"),
    ("StringLike", "aws:SourceOrgPaths", "o-a1b2c3/*"),
    ("StringEquals", "aws:SourceVpc", "vpc-91237329"),
    ("StringEquals", "aws:SourceVpce", "vpce-1a2b3c4d"),
    ("IpAddress", "aws:SourceIp", "203.0.113.7"),
    ("IpAddress", "aws:SourceIp", ["11.0.0.0/8", "2001:db8::/32"]),
    ("IpAddress", "aws:VpcSourceIp", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]),
]

LOOSE = [
    # A wildcard or a policy variable, in one of the values.
    ("StringLike", "aws:PrincipalAccount", "*"),
    ("StringLike", "aws:PrincipalAccount", [ACCOUNT, "1234567890??"]),
    ("StringEquals", "aws:PrincipalAccount", "*"),
    ("StringEquals", "aws:PrincipalAccount", "${aws:PrincipalAccount}"),
    ("StringEquals", "aws:SourceAccount", ""),
    ("StringLike", "aws:PrincipalOrgID", "o-*"),
    ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-*/r-ab12/"),
    ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-a1b2c3*"),
    ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-a1b2c3/${aws:username}/*"),
    ("StringLike", "aws:SourceVpc", "vpc-*"),
    ("StringLike", "aws:userid", "AROAEXAMPLE:*"),
    ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/app"),
    ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::12345678901?:role/app"),
    ("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/${{aws:username}}"),
    ("ArnLike", "aws:SourceArn", "arn:aws:s3:::bucket*"),
    ("StringLike", "aws:PrincipalArn", f"arn:aws:iam::*:role/{ACCOUNT}:x"),
    ("StringLike", "aws:PrincipalArn", f"arn:*:iam::{ACCOUNT}:role/app"),
    # A network that is too broad.
    ("IpAddress", "aws:SourceIp", "0.0.0.0/0"),
    ("IpAddress", "aws:SourceIp", ["203.0.113.0/24", "10.0.0.0/7"]),
    ("IpAddress", "aws:SourceIp", "2001:db8::/31"),
    # A key that doesn't say who calls or from where, or isn't compared as what it is.
    ("StringEquals", "aws:username", "alice"),
    ("StringEquals", "aws:PrincipalTag/team", "red"),
    ("StringEquals", "aws:PrincipalType", "User"),
    ("StringEquals", "secretsmanager:VersionStage", "AWSCURRENT"),
    ("StringEquals", "aws:SourceIp", "203.0.113.7"),
    ("IpAddress", "aws:SourceVpc", "203.0.113.7"),
    ("ArnEquals", "aws:SourceAccount", ROLE_ARN),
    ("NumericEquals", "aws:SourceAccount", ACCOUNT),
]


def negated(operator: str) -> str:
    prefix, colon, name = operator.rpartition(":")
    if name == "IpAddress":
        return f"{prefix}{colon}NotIpAddress"
    return f"{prefix}{colon}" + name.replace("Equals", "NotEquals", 1).replace("Like", "NotLike")


@pytest.mark.parametrize(("operator", "key", "values"), FIXED)
def test_everyone_with_a_fixed_value_is_not_public(
    operator: str, key: str, values: object
) -> None:
    assert not are_public(allow_if(operator, key, values))


@pytest.mark.parametrize(("operator", "key", "values"), LOOSE)
def test_everyone_with_a_value_that_is_not_fixed_is_public(
    operator: str, key: str, values: object
) -> None:
    assert are_public(allow_if(operator, key, values))


@pytest.mark.parametrize(
    ("operator", "key", "values"),
    [
        ("StringEqualsIfExists", "aws:SourceAccount", ACCOUNT),
        ("ForAnyValue:StringEqualsIfExists", "aws:SourceAccount", ACCOUNT),
        ("ForAllValues:StringEquals", "aws:PrincipalOrgPaths", "o-a1b2c3/r-ab12/"),
        ("StringNotEquals", "aws:SourceAccount", ACCOUNT),
        ("ForAnyValue:StringNotEquals", "aws:SourceAccount", ACCOUNT),
        ("NotIpAddress", "aws:SourceIp", "203.0.113.7"),
        ("Null", "aws:SourceAccount", "false"),
        ("BinaryEquals", "aws:SourceAccount", "QQ=="),
        ("Bool", "aws:SecureTransport", "true"),
        ("DateLessThan", "aws:CurrentTime", "2026-01-14"),
    ],
)
def test_any_other_condition_bounds_no_allow(operator: str, key: str, values: object) -> None:
    assert are_public(allow_if(operator, key, values))


def test_neither_operators_nor_keys_are_case_sensitive() -> None:
    assert not are_public(allow_if("STRINGequals", "AWS:sourceACCOUNT", ACCOUNT))


def test_one_fixed_condition_of_several_bounds_an_allow() -> None:
    conditions = {
        "Bool": {"aws:SecureTransport": "true"},
        "StringEquals": {"aws:username": "alice", "aws:SourceAccount": ACCOUNT},
    }

    assert not are_public(allow(Condition=conditions))


def test_conditions_that_only_bound_together_leave_it_public() -> None:
    conditions = {
        "StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT},
        "Null": {"aws:SourceAccount": "false"},
    }

    assert are_public(allow(Condition=conditions))


def test_before_policy_variables_a_dollar_sign_shows_nothing() -> None:
    policy = read(allow_if("StringEquals", "aws:SourceVpc", "vpc-$"), version=None)

    assert is_public(policy, actions=ACTIONS, resource=SECRET_ARN)


@pytest.mark.parametrize(("version", "network"), [(4, "198.0.0.0"), (6, "2001:db8::")])
def test_a_network_may_be_as_broad_as_the_limit(version: int, network: str) -> None:
    bits = NETWORK_PREFIX_BITS_MIN[version]

    assert not are_public(allow_if("IpAddress", "aws:SourceIp", f"{network}/{bits}"))
    assert are_public(allow_if("IpAddress", "aws:SourceIp", f"{network}/{bits - 1}"))


@pytest.mark.parametrize(("operator", "key", "values"), FIXED)
def test_a_deny_of_all_but_fixed_values_bounds_an_allow(
    operator: str, key: str, values: object
) -> None:
    everybody_else = deny_if(negated(operator.removeprefix("ForAnyValue:")), key, values)

    assert not are_public(allow(), everybody_else)


@pytest.mark.parametrize(("operator", "key", "values"), LOOSE)
def test_a_deny_of_all_but_values_that_are_not_fixed_leaves_it_public(
    operator: str, key: str, values: object
) -> None:
    everybody_else = deny_if(negated(operator.removeprefix("ForAnyValue:")), key, values)

    assert are_public(allow(), everybody_else)


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringNotEquals", False),
        ("StringNotEqualsIfExists", False),
        ("ForAllValues:StringNotEquals", False),
        ("ForAnyValue:StringNotEqualsIfExists", False),
        ("ForAnyValue:StringNotEquals", True),
        ("StringEquals", True),
        ("StringEqualsIfExists", True),
        ("ForAllValues:StringEquals", True),
    ],
)
def test_a_deny_must_hold_without_the_key_too(operator: str, expected: bool) -> None:
    assert are_public(allow(), deny_if(operator, "aws:SourceAccount", ACCOUNT)) is expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, False),
        ({"StringNotEquals": {"aws:SourceAccount": ACCOUNT, "aws:SourceVpc": "vpc-1"}}, False),
        ({"StringNotEquals": {"aws:SourceAccount": ACCOUNT, "aws:username": "alice"}}, True),
        (
            {
                "StringNotEquals": {"aws:SourceAccount": ACCOUNT},
                "Bool": {"aws:SecureTransport": "false"},
            },
            True,
        ),
        ({"Bool": {"aws:SecureTransport": "false"}}, True),
        ({"Null": {"aws:SourceAccount": "true"}}, True),
    ],
)
def test_every_condition_of_a_deny_must_hold_for_strangers(
    conditions: dict[str, Any], expected: bool
) -> None:
    assert are_public(allow(), deny(Condition=conditions)) is expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"Principal": {"AWS": "*"}}, False),
        ({"Principal": {"AWS": ACCOUNT}}, True),
        ({"Principal": {"Federated": "graph.facebook.com"}}, True),
        ({"NotPrincipal": {"AWS": [ROLE_ARN, ROOT_ARN]}}, False),
        ({"NotPrincipal": {"Service": "lambda.amazonaws.com"}}, False),
        ({"NotPrincipal": {"Federated": SAML_PROVIDER}}, False),
        ({"NotPrincipal": {"Federated": "graph.facebook.com"}}, True),
        ({"NotPrincipal": "*"}, True),
        (
            {
                "NotPrincipal": {"AWS": ROOT_ARN},
                "Condition": {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}},
            },
            False,
        ),
        (
            {
                "NotPrincipal": {"AWS": ROOT_ARN},
                "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            },
            True,
        ),
    ],
)
def test_a_deny_must_be_for_all_strangers(members: dict[str, Any], expected: bool) -> None:
    assert are_public(allow(), deny(**members)) is expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"Action": "*"}, False),
        ({"Action": "secretsmanager:get*"}, False),
        ({"Action": OTHER_ACTION}, True),
        ({"NotAction": ACTION}, True),
        ({"NotAction": OTHER_ACTION}, False),
        ({"Resource": "*"}, False),
        ({"Resource": SECRET_ARN + "x"}, True),
        ({"NotResource": SECRET_ARN}, True),
        ({"NotResource": SECRET_ARN + "x"}, False),
    ],
)
def test_a_deny_must_be_about_what_is_allowed(members: dict[str, Any], expected: bool) -> None:
    assert are_public(allow(), deny(**members)) is expected


def test_every_action_that_is_allowed_must_be_denied() -> None:
    allowed = allow(Action=[ACTION, OTHER_ACTION])

    assert are_public(allowed, deny(Action=ACTION))
    assert not are_public(allowed, deny(Action=ACTION), deny(Action=OTHER_ACTION))


VARIABLE = "arn:aws:secretsmanager:*:*:secret:${aws:PrincipalTag/stage}/*"
WITH_DEFAULT = "arn:aws:secretsmanager:*:*:secret:${aws:PrincipalTag/stage, 'prod'}/*"
WITH_OTHER_DEFAULT = "arn:aws:secretsmanager:*:*:secret:${aws:PrincipalTag/stage, 'test'}/*"


@pytest.mark.parametrize("resource", [VARIABLE, WITH_DEFAULT, WITH_OTHER_DEFAULT])
@pytest.mark.parametrize("name", ["Resource", "NotResource"])
def test_a_resource_that_requests_choose_may_be_allowed_and_need_not_be_denied(
    name: str, resource: str
) -> None:
    assert are_public(allow(**{name: resource}))
    assert are_public(allow(), deny(**{name: resource}))


def test_a_resource_that_is_named_besides_a_variable_is_settled() -> None:
    assert not are_public(allow(), deny(Resource=[VARIABLE, SECRET_ARN]))
    assert not are_public(allow(NotResource=[VARIABLE, SECRET_ARN]))


MINE = {
    "aws:PrincipalAccount": ACCOUNT,
    "aws:PrincipalArn": ROLE_ARN,
    "aws:PrincipalOrgPaths": "o-mine/r-ab12/",
    "aws:SourceIp": "10.0.0.0/8",
    "aws:username": "alice",
}
STRANGERS = {
    "aws:PrincipalAccount": OTHER_ACCOUNT,
    "aws:PrincipalArn": f"arn:aws:iam::{OTHER_ACCOUNT}:role/x:iam::{ACCOUNT}:role/app",
    "aws:PrincipalOrgPaths": "o-other/r-ab12/",
    "aws:SourceIp": "203.0.113.7",
    "aws:username": "alice",
}
PATTERNS = {
    "aws:PrincipalAccount": ["*", "${aws:PrincipalAccount}"],
    "aws:PrincipalArn": [
        "arn:aws:iam::*:role/app",
        f"arn:*:iam::{ACCOUNT}:role/app",
        f"arn:aws:iam::{ACCOUNT}:*",
    ],
    "aws:PrincipalOrgPaths": ["o-mine/*", "o-*"],
    "aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"],
    "aws:username": ["a*"],
}
STRANGER_ARN = f"arn:aws:iam::{OTHER_ACCOUNT}:role/x"
STRANGER = Asker(kind="AWS", names=(STRANGER_ARN,), account=OTHER_ACCOUNT)
OWN_POLICY = make_policy(make_statement(Action="*", Resource="*"))


@st.composite
def conditions(draw: st.DrawFn) -> Statement:
    key = draw(st.sampled_from(sorted(MINE)))
    names = ["IpAddress"] if key == "aws:SourceIp" else ["StringEquals", "StringLike"]
    if key == "aws:PrincipalArn":
        names.append("ArnLike")
    name = draw(st.sampled_from(names))
    name = negated(name) if draw(st.booleans()) else name
    prefix = draw(st.sampled_from(["", "ForAnyValue:", "ForAllValues:"]))
    suffix = draw(st.sampled_from(["", "IfExists"]))
    value = st.sampled_from([MINE[key], *PATTERNS[key]])
    others = st.sampled_from(
        [{"Null": {key: "true"}}, {"Null": {key: "false"}}, {"Bool": {"aws:x": "true"}}]
    )
    compared = {prefix + name + suffix: {key: draw(st.lists(value, min_size=1, max_size=2))}}
    return draw(st.sampled_from([compared, compared, compared, draw(others)]))


@st.composite
def statements(draw: st.DrawFn, effect: str | None = None) -> Statement:
    effect = effect or draw(st.sampled_from(["Allow", "Deny"]))
    principal = draw(st.sampled_from(["*", {"AWS": [ROLE_ARN, "*"]}, {"AWS": ACCOUNT}]))
    is_negated = effect == "Deny" and draw(st.booleans())
    members = {
        "NotPrincipal" if is_negated else "Principal": principal,
        "Action": draw(st.sampled_from([ACTION, "secretsmanager:*", OTHER_ACTION])),
        "Resource": draw(st.sampled_from(["*", SECRET_ARN, VARIABLE, SECRET_ARN + "x"])),
        "Condition": {
            operator: keys
            for condition in draw(st.lists(conditions(), max_size=2))
            for operator, keys in condition.items()
        },
    }
    return make_statement(effect, **members)


@st.composite
def strangers_questions(draw: st.DrawFn) -> Question:
    present = draw(st.sets(st.sampled_from(sorted(STRANGERS))))
    return Question(
        asker=STRANGER,
        action=ACTION,
        resource=SECRET_ARN,
        resource_account=ACCOUNT,
        context={
            "aws:principaltag/stage": (draw(st.sampled_from(["prod", "test"])),),
            **{key.lower(): (STRANGERS[key],) for key in present},
        },
    )


@settings(max_examples=500)
@given(st.lists(statements(), min_size=1, max_size=2), strangers_questions())
def test_a_policy_that_is_not_public_lets_in_no_stranger(
    given_statements: list[Statement], question: Question
) -> None:
    policy = read(*given_statements)

    decision = decide(question, identity_policies=[OWN_POLICY], resource_policy=policy)

    assert is_public(policy, actions=ACTIONS, resource=SECRET_ARN) or not decision.is_allowed


@given(st.lists(statements(), max_size=3))
def test_a_deny_of_everything_makes_any_policy_not_public(
    given_statements: list[Statement],
) -> None:
    assert not are_public(*given_statements, deny(Action="*", Resource="*"))


@given(st.lists(statements(effect="Allow"), max_size=3))
def test_an_allow_for_everyone_makes_any_policy_without_deny_public(
    given_statements: list[Statement],
) -> None:
    assert are_public(*given_statements, allow())


@given(st.lists(statements(), max_size=2), statements(effect="Allow"), st.data())
def test_a_condition_fewer_on_an_allow_never_makes_it_less_public(
    others: list[Statement], allowed: Statement, data: st.DataObject
) -> None:
    before = dict(allowed["Condition"])
    assume(before)
    removed = data.draw(st.sampled_from(sorted(before)))
    after = {operator: keys for operator, keys in before.items() if operator != removed}

    assert are_public(*others, allowed) <= are_public(*others, {**allowed, "Condition": after})


@given(st.lists(statements(), max_size=3), statements())
def test_a_further_allow_never_makes_less_public_and_a_further_deny_never_more(
    given_statements: list[Statement], further: Statement
) -> None:
    before = are_public(*given_statements, allow(Action="s3:*"))

    after = are_public(*given_statements, allow(Action="s3:*"), further)

    assert before <= after if further["Effect"] == "Allow" else after <= before
