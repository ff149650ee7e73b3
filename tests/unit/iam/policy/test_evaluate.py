from typing import Any

from hypothesis import given, strategies as st
import pytest

from keyturn.iam.policy.document import DENY_EVERYTHING, Policy
from keyturn.iam.policy.evaluate import Asker, Question, Verdict, decide
from support.policies import (
    ACCOUNT,
    ACTION,
    OTHER_ACCOUNT,
    ROLE_ARN,
    ROOT_ARN,
    SECRET_ARN,
    SERVICE,
    SESSION,
    SESSION_ARN,
    make_policy,
    make_question,
    make_statement,
)

STRANGER = Asker(
    kind="AWS", names=(f"arn:aws:iam::{OTHER_ACCOUNT}:user/u",), account=OTHER_ACCOUNT
)
ROOT = Asker(kind="AWS", names=(ROOT_ARN,), account=ACCOUNT)
ALLOW, DENY = make_policy(make_statement()), make_policy(make_statement("Deny"))


def verdict(question: Question, *identity: Policy, resource: Policy | None = None) -> Verdict:
    return decide(question, identity_policies=identity, resource_policy=resource).verdict


def on_resource(effect: str = "Allow", **members: object) -> Policy:
    return make_policy(make_statement(effect, **members), kind="resource")


@pytest.mark.parametrize(
    ("identity", "resource", "reason"),
    [
        ([ALLOW], None, ""),
        ([], None, f"because no identity-based policy allows the {ACTION} action"),
        ([ALLOW, DENY], None, "with an explicit deny in an identity-based policy"),
        (
            [ALLOW],
            on_resource("Deny", Principal="*"),
            "with an explicit deny in a resource-based policy",
        ),
    ],
)
def test_a_denial_ends_aws_sentence(
    identity: list[Policy], resource: Policy | None, reason: str
) -> None:
    decision = decide(make_question(), identity_policies=identity, resource_policy=resource)

    assert decision.is_allowed is (reason == "")
    assert decision.reason == reason


def test_a_service_that_nothing_allows_misses_a_resource_based_policy() -> None:
    decision = decide(make_question(SERVICE), identity_policies=[ALLOW])

    assert decision.reason == f"because no resource-based policy allows the {ACTION} action"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, True),
        ({"Action": "SecretsManager:getsecretvalue"}, True),
        ({"Action": "secretsmanager:Get*"}, True),
        ({"Action": "*"}, True),
        ({"Action": ["iam:*", "secretsmanager:*"]}, True),
        ({"Action": "secretsmanager:Put*"}, False),
        ({"NotAction": "secretsmanager:Put*"}, True),
        ({"NotAction": ["secretsmanager:Put*", "secretsmanager:Get*"]}, False),
        ({"Resource": "*"}, True),
        ({"Resource": SECRET_ARN[:-6] + "??????"}, True),
        ({"Resource": "arn:aws:secretsmanager:*:secret:prod/*"}, True),
        ({"Resource": SECRET_ARN.replace("prod", "PROD")}, False),
        ({"NotResource": SECRET_ARN}, False),
        ({"NotResource": SECRET_ARN + "x"}, True),
    ],
)
def test_elements_say_what_a_statement_is_about(members: dict[str, Any], expected: bool) -> None:
    policy = make_policy(make_statement(**members))

    assert (verdict(make_question(), policy) is Verdict.ALLOWED) is expected


VARIABLE = "arn:aws:secretsmanager:*:*:secret:${aws:PrincipalTag/stage}/*"


@pytest.mark.parametrize(
    ("members", "context", "allowed", "denied"),
    [
        ({"Resource": VARIABLE}, {"aws:principaltag/stage": ("prod",)}, True, True),
        ({"Resource": VARIABLE}, {"aws:principaltag/stage": ("test",)}, False, False),
        ({"Resource": VARIABLE}, {"aws:principaltag/stage": ("*",)}, False, False),
        ({"Resource": VARIABLE}, {}, False, True),
        ({"Resource": [VARIABLE, SECRET_ARN]}, {}, True, True),
        ({"NotResource": VARIABLE}, {"aws:principaltag/stage": ("test",)}, True, True),
        ({"NotResource": VARIABLE}, {"aws:principaltag/stage": ("prod",)}, False, False),
        ({"NotResource": VARIABLE}, {}, False, True),
        ({"NotResource": [VARIABLE, SECRET_ARN]}, {}, False, False),
    ],
)
def test_a_variable_without_a_value_opens_no_door(
    members: dict[str, Any], context: dict[str, tuple[str, ...]], allowed: bool, denied: bool
) -> None:
    question = make_question(context=context)

    allow = verdict(question, make_policy(make_statement(**members)))
    deny = verdict(question, ALLOW, make_policy(make_statement("Deny", **members)))

    assert (allow is Verdict.ALLOWED) is allowed
    assert (deny is Verdict.DENIED_BY_IDENTITY_POLICY) is denied


def test_before_policy_variables_a_dollar_was_a_dollar() -> None:
    resource = "arn:aws:s3:::bucket/${aws:username}"
    statement = make_statement(Resource="arn:aws:s3:::*/${aws:username}")
    old = make_policy(statement, version="2008-10-17")
    unversioned = make_policy(statement, version=None)
    question = make_question(resource=resource)

    assert verdict(question, old) is Verdict.ALLOWED
    assert verdict(question, unversioned) is Verdict.ALLOWED
    assert verdict(question, make_policy(statement)) is not Verdict.ALLOWED


@pytest.mark.parametrize(
    ("condition", "allowed", "denied"),
    [
        ({"StringEquals": {"aws:key": "a"}}, True, True),
        ({"StringEquals": {"aws:key": "b"}}, False, False),
        ({"StringEquals": {"aws:key": "a", "aws:other": "c"}}, False, False),
        ({"NumericEquals": {"aws:key": 1}}, False, True),
        # What fails for certain outweighs what can't be told.
        ({"NumericEquals": {"aws:key": 1}, "StringEquals": {"aws:key": "b"}}, False, False),
        ({"StringEquals": {"aws:key": "a"}, "NumericEquals": {"aws:key": 1}}, False, True),
        ({"Bool": {"aws:flag": True}}, True, True),
        ({}, True, True),
    ],
)
def test_what_can_not_be_compared_never_opens_a_door(
    condition: dict[str, Any], allowed: bool, denied: bool
) -> None:
    question = make_question(context={"aws:key": ("a",), "aws:flag": ("true",)})

    allow = verdict(question, make_policy(make_statement(Condition=condition)))
    deny = verdict(question, ALLOW, make_policy(make_statement("Deny", Condition=condition)))

    assert (allow is Verdict.ALLOWED) is allowed
    assert (deny is Verdict.DENIED_BY_IDENTITY_POLICY) is denied


@pytest.mark.parametrize(
    ("principal", "is_allowed"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": ROLE_ARN}, True),
        ({"AWS": [STRANGER.names[0], SESSION_ARN]}, True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"}, False),
        ({"Service": "secretsmanager.amazonaws.com"}, False),
        ({"Federated": "cognito-identity.amazonaws.com"}, False),
        # Left to the account's own policies, which say nothing.
        ({"AWS": ACCOUNT}, False),
        ({"AWS": ROOT_ARN}, False),
    ],
)
def test_a_resource_policy_allows_whom_it_names(principal: object, is_allowed: bool) -> None:
    resource = on_resource(Principal=principal)

    assert (verdict(make_question(), resource=resource) is Verdict.ALLOWED) is is_allowed


@pytest.mark.parametrize(
    "principal", ["*", {"AWS": ACCOUNT}, {"AWS": ROOT_ARN}, {"AWS": ROLE_ARN}]
)
def test_a_resource_policy_denies_all_whom_it_means(principal: object) -> None:
    resource = on_resource("Deny", Principal=principal)

    found = verdict(make_question(), ALLOW, resource=resource)

    assert found is Verdict.DENIED_BY_RESOURCE_POLICY


@pytest.mark.parametrize(
    ("named", "is_spared"),
    [
        ({"AWS": [SESSION_ARN, ROLE_ARN, ROOT_ARN]}, True),
        ({"AWS": [SESSION_ARN, ROLE_ARN, ACCOUNT, OTHER_ACCOUNT]}, True),
        ({"AWS": "*"}, True),
        ({"AWS": [SESSION_ARN, ROLE_ARN]}, False),
        ({"AWS": [ROLE_ARN, ROOT_ARN]}, False),
        ({"AWS": ROOT_ARN}, False),
        ({"Service": "secretsmanager.amazonaws.com"}, False),
    ],
)
def test_not_principal_spares_whom_it_names_in_full(named: object, is_spared: bool) -> None:
    resource = on_resource("Deny", NotPrincipal=named)

    found = verdict(make_question(), ALLOW, resource=resource)

    assert (found is Verdict.ALLOWED) is is_spared


@pytest.mark.parametrize(
    ("service", "is_spared"), [("secretsmanager.amazonaws.com", True), ("a.amazonaws.com", False)]
)
def test_not_principal_spares_services(service: str, is_spared: bool) -> None:
    resource = make_policy(
        make_statement(Principal="*"),
        make_statement("Deny", NotPrincipal={"Service": service}),
        kind="resource",
    )

    found = verdict(make_question(SERVICE), resource=resource)

    assert (found is Verdict.ALLOWED) is is_spared


@pytest.mark.parametrize("principal", ["*", {"AWS": OTHER_ACCOUNT}, {"AWS": STRANGER.names[0]}])
def test_across_accounts_both_sides_must_allow(principal: object) -> None:
    question, resource = make_question(STRANGER), on_resource(Principal=principal)

    assert verdict(question, ALLOW) is Verdict.NOT_ALLOWED_BY_RESOURCE_POLICY
    assert verdict(question, resource=resource) is Verdict.NOT_ALLOWED_BY_IDENTITY_POLICY
    assert verdict(question, ALLOW, resource=resource) is Verdict.ALLOWED


def test_root_needs_no_policy_in_its_account_and_obeys_the_resources() -> None:
    assert verdict(make_question(ROOT)) is Verdict.ALLOWED

    denied = verdict(make_question(ROOT), resource=on_resource("Deny", Principal={"AWS": ACCOUNT}))
    assert denied is Verdict.DENIED_BY_RESOURCE_POLICY


def test_root_of_another_account_needs_the_resources_consent() -> None:
    root = Asker(kind="AWS", names=(f"arn:aws:iam::{OTHER_ACCOUNT}:root",), account=OTHER_ACCOUNT)
    resource = on_resource(Principal={"AWS": OTHER_ACCOUNT})

    assert verdict(make_question(root)) is Verdict.NOT_ALLOWED_BY_RESOURCE_POLICY
    assert verdict(make_question(root), resource=resource) is Verdict.ALLOWED


SOURCE = {
    "StringEquals": {"AWS:SourceAccount": ACCOUNT},
    "ArnLike": {"AWS:SourceArn": f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:*"},
}


@pytest.mark.parametrize(
    ("account", "arn", "expected"),
    [
        (ACCOUNT, SECRET_ARN, True),
        (OTHER_ACCOUNT, SECRET_ARN, False),
        (ACCOUNT, SECRET_ARN.replace(ACCOUNT, OTHER_ACCOUNT), False),
        (ACCOUNT, None, False),
        (None, SECRET_ARN, False),
    ],
)
def test_a_service_is_let_in_for_the_source_that_the_statement_names(
    account: str | None, arn: str | None, expected: bool
) -> None:
    permission = on_resource(
        Principal={"Service": "secretsmanager.amazonaws.com"}, Condition=SOURCE
    )
    sources = {"aws:sourceaccount": account, "aws:sourcearn": arn}
    context = {key: (value,) for key, value in sources.items() if value is not None}

    found = verdict(make_question(SERVICE, context=context), resource=permission)

    assert (found is Verdict.ALLOWED) is expected


@pytest.mark.parametrize(
    ("service", "expected"), [("lambda.amazonaws.com", True), ("ec2.amazonaws.com", False)]
)
def test_a_trust_policy_lets_the_service_in_that_it_names(service: str, expected: bool) -> None:
    trust = make_policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
        kind="trust",
    )
    asker = Asker(kind="Service", names=(service,), account="")
    question = make_question(asker, action="sts:AssumeRole", resource=ROLE_ARN)

    assert (verdict(question, resource=trust) is Verdict.ALLOWED) is expected


def test_a_policy_that_can_not_be_read_denies_everything() -> None:
    assert verdict(make_question(), ALLOW, DENY_EVERYTHING) is Verdict.DENIED_BY_IDENTITY_POLICY
    found = verdict(make_question(SERVICE), resource=DENY_EVERYTHING)
    assert found is Verdict.DENIED_BY_RESOURCE_POLICY


CONDITIONS = [
    {"StringEquals": {"aws:key": "a"}},
    {"StringNotEquals": {"aws:key": "a"}},
    {"NumericLessThan": {"aws:key": 1}},
    {"StringLike": {"aws:key": "${aws:username}"}},
]
elements = {
    "Effect": st.sampled_from(["Allow", "Deny"]),
    "Action": st.sampled_from([ACTION, "secretsmanager:*", "iam:*", "*"]),
    "Resource": st.sampled_from([SECRET_ARN, "*", SECRET_ARN + "x", VARIABLE]),
}
statements = st.fixed_dictionaries(elements, optional={"Condition": st.sampled_from(CONDITIONS)})
resource_statements = st.fixed_dictionaries(
    {
        **elements,
        "Principal": st.sampled_from(
            ["*", *({"AWS": name} for name in (ROLE_ARN, ACCOUNT, OTHER_ACCOUNT))]
        ),
    },
    optional={"Condition": st.sampled_from(CONDITIONS)},
)
askers = st.sampled_from([SESSION, STRANGER, SERVICE, ROOT])
contexts = st.fixed_dictionaries(
    {}, optional={"aws:key": st.sampled_from([("a",), ("1",), ("a", "b"), ()])}
)
questions = st.builds(
    lambda asker, context: make_question(asker, context=context), askers, contexts
)


def is_allowed(
    question: Question, identity: list[dict[str, Any]], resource: list[dict[str, Any]]
) -> bool:
    found = verdict(
        question,
        *([make_policy(*identity)] if identity else []),
        resource=make_policy(*resource, kind="resource") if resource else None,
    )
    return found is Verdict.ALLOWED


@given(
    questions,
    st.lists(statements, max_size=3),
    st.lists(resource_statements, max_size=3),
    statements | resource_statements,
)
def test_a_further_deny_never_allows_and_a_further_allow_never_denies(
    question: Question,
    identity: list[dict[str, Any]],
    resource: list[dict[str, Any]],
    further: dict[str, Any],
) -> None:
    before = is_allowed(question, identity, resource)

    if "Principal" in further:
        after = is_allowed(question, identity, [*resource, further])
    else:
        after = is_allowed(question, [*identity, further], resource)

    assert after <= before if further["Effect"] == "Deny" else before <= after


@given(questions.filter(lambda question: question.asker != ROOT))
def test_nobody_but_root_may_do_what_nothing_allows(question: Question) -> None:
    assert not is_allowed(question, [], [])


actions = st.lists(st.sampled_from([ACTION, "secretsmanager:P*", "iam:*", "*"]), min_size=1)
resources = st.lists(st.sampled_from([SECRET_ARN, SECRET_ARN + "*", "arn:a*", "*"]), min_size=1)


@given(actions, resources)
def test_a_negated_element_is_about_the_rest(names: list[str], arns: list[str]) -> None:
    about = is_allowed(make_question(), [make_statement(Action=names)], [])
    not_about = is_allowed(make_question(), [make_statement(NotAction=names)], [])
    on = is_allowed(make_question(), [make_statement(Resource=arns)], [])
    not_on = is_allowed(make_question(), [make_statement(NotResource=arns)], [])

    assert about is not not_about
    assert on is not not_on
