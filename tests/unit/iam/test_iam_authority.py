"""What is allowed, decided on real rows."""

from datetime import timedelta
import json
from pathlib import Path

import pytest

from keyturn.iam import policies, roles, users
from keyturn.iam.principal import Principal
from keyturn.iam.session import principal_of
from keyturn.model.errors import NotAllowedError
from keyturn.store import identities, identity_policies
from support.iam_bench import ACCOUNT, START, IamBench, policy

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf"
OTHERS_SECRET = "arn:aws:secretsmanager:us-east-1:999999999999:secret:db-AbCdEf"
GET = "secretsmanager:GetSecretValue"


@pytest.fixture
def bench(tmp_path: Path) -> IamBench:
    return IamBench(tmp_path)


def refusal(bench: IamBench, who: Principal, action: str, resource: str) -> NotAllowedError:
    with pytest.raises(NotAllowedError) as refused:
        bench.authority.require(who, action, resource)
    return refused.value


def resource_policy(effect: str, arn: str) -> str:
    statement = {"Effect": effect, "Principal": {"AWS": arn}, "Action": GET, "Resource": "*"}
    return json.dumps({"Statement": [statement]})


def test_a_user_without_policies_may_do_nothing(bench: IamBench) -> None:
    ann = bench.principal(bench.user("ann"))

    refused = refusal(bench, ann, GET, SECRET)

    assert refused.principal_arn == "arn:aws:iam::123456789012:user/ann"
    assert (refused.action, refused.resource) == (GET, SECRET)
    assert refused.reason == f"because no identity-based policy allows the {GET} action"


def test_an_inline_policy_allows_what_it_says_and_no_more(bench: IamBench) -> None:
    ann = bench.principal(bench.user("ann", policy(GET, resource=SECRET)))

    bench.authority.require(ann, GET, SECRET)

    refusal(bench, ann, "secretsmanager:PutSecretValue", SECRET)
    refusal(bench, ann, GET, SECRET + "x")


def test_an_attached_policy_allows_what_it_says_and_no_more(bench: IamBench) -> None:
    user = bench.user("ann")
    with bench.database.write() as connection:
        policies.attach(connection, user, "arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    ann = bench.principal(user)

    bench.authority.require(ann, "iam:GetRole", "arn:aws:iam::123456789012:role/r")

    refusal(bench, ann, "iam:DeleteRole", "arn:aws:iam::123456789012:role/r")


def test_a_deny_in_one_policy_beats_an_allow_in_another(bench: IamBench) -> None:
    user = bench.user("ann", policy("*"), policy(GET, effect="Deny"))

    refused = refusal(bench, bench.principal(user), GET, SECRET)

    assert refused.reason == "with an explicit deny in an identity-based policy"


def test_a_change_of_policies_counts_for_the_next_decision(bench: IamBench) -> None:
    user = bench.user("ann", policy(GET))
    ann = bench.principal(user)
    bench.authority.require(ann, GET, SECRET)

    with bench.database.write() as connection:
        policies.delete_inline(connection, user, "p0")

    refusal(bench, ann, GET, SECRET)


def test_a_resource_policy_allows_whom_the_identity_does_not(bench: IamBench) -> None:
    user = bench.user("ann")

    bench.authority.require(
        bench.principal(user), GET, SECRET, resource_policy=resource_policy("Allow", user.arn)
    )


def test_a_resource_policy_denies_whom_the_identity_allows(bench: IamBench) -> None:
    user = bench.user("ann", policy("*"))
    document = resource_policy("Deny", user.arn)

    with pytest.raises(NotAllowedError) as refused:
        bench.authority.require(bench.principal(user), GET, SECRET, resource_policy=document)

    assert refused.value.reason == "with an explicit deny in a resource-based policy"


def test_another_accounts_resource_needs_a_policy_on_both_sides(bench: IamBench) -> None:
    ann = bench.principal(bench.user("ann", policy("*")))
    document = resource_policy("Allow", ann.arn)

    bench.authority.require(ann, GET, OTHERS_SECRET, resource_policy=document)

    refusal(bench, ann, GET, OTHERS_SECRET)


def test_an_inline_policy_that_cannot_be_read_denies_everything(bench: IamBench) -> None:
    user = bench.user("ann", policy("*"))
    with bench.database.write() as connection:
        identity_policies.put_inline(connection, user.id, "broken", '{"Statement": [{"Effe')

    refused = refusal(bench, bench.principal(user), GET, SECRET)

    assert refused.reason == "with an explicit deny in an identity-based policy"


def test_an_attached_policy_that_is_not_known_denies_everything(bench: IamBench) -> None:
    user = bench.user("ann", policy("*"))
    with bench.database.write() as connection:
        identity_policies.attach(connection, user.id, "arn:aws:iam::aws:policy/Unheard")

    refusal(bench, bench.principal(user), GET, SECRET)


def test_a_resource_policy_that_cannot_be_read_denies_everything(bench: IamBench) -> None:
    ann = bench.principal(bench.user("ann", policy("*")))

    with pytest.raises(NotAllowedError):
        bench.authority.require(ann, GET, SECRET, resource_policy="{")


def test_a_principal_whose_user_is_gone_may_do_nothing(bench: IamBench) -> None:
    user = bench.user("ann", policy("*"))
    ann = bench.principal(user)
    document = resource_policy("Allow", ann.arn)

    with bench.database.write() as connection:
        policies.delete_inline(connection, user, "p0")
        users.delete(connection, ACCOUNT, "ann")

    with pytest.raises(NotAllowedError):
        bench.authority.require(ann, GET, SECRET, resource_policy=document)


def test_a_principal_has_none_of_the_rights_of_a_later_user_of_its_name(bench: IamBench) -> None:
    earlier = bench.principal(bench.user("ann"))
    with bench.database.write() as connection:
        users.delete(connection, ACCOUNT, "ann")
    later = bench.principal(bench.user("ann", policy("*")))

    bench.authority.require(later, GET, SECRET)

    refusal(bench, earlier, GET, SECRET)


def test_a_session_has_its_roles_policies(bench: IamBench) -> None:
    session = principal_of(bench.role("r", documents=(policy(GET),)), "s", None)

    bench.authority.require(session, GET, SECRET)

    refusal(bench, session, "secretsmanager:PutSecretValue", SECRET)


@pytest.mark.parametrize("named", ["session", "role"])
def test_a_resource_policy_can_name_a_session_or_its_role(bench: IamBench, named: str) -> None:
    session = principal_of(bench.role("r"), "s", None)
    arn = session.arn if named == "session" else session.identity_arn

    bench.authority.require(session, GET, SECRET, resource_policy=resource_policy("Allow", arn))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("aws:PrincipalArn", "arn:aws:iam::123456789012:user/team/ann"),
        ("aws:PrincipalAccount", ACCOUNT),
        ("aws:PrincipalType", "User"),
        ("aws:username", "ann"),
        ("aws:PrincipalIsAWSService", "false"),
    ],
)
def test_policies_can_ask_who_the_principal_is(bench: IamBench, key: str, value: str) -> None:
    document = policy(GET, StringEquals={key: value})
    ann = bench.principal(bench.user("ann", document, path="/team/"))
    bob = bench.principal(bench.user("bob", policy(GET, StringEquals={key: value + "x"})))

    bench.authority.require(ann, GET, SECRET)

    refusal(bench, bob, GET, SECRET)


def test_policies_can_ask_for_the_tags_of_the_principal(bench: IamBench) -> None:
    document = policy(GET, StringEquals={"aws:PrincipalTag/Team": "data"})
    with bench.database.write() as connection:
        user = users.create(connection, ACCOUNT, "ann", path="/", tags={"Team": "data"}, now=START)
        policies.put_inline(connection, user, "p", document)

    bench.authority.require(bench.principal(user), GET, SECRET)

    refusal(bench, bench.principal(bench.user("bob", document)), GET, SECRET)


def test_policies_can_ask_for_a_sessions_source_identity(bench: IamBench) -> None:
    role = bench.role("r", documents=(policy(GET, StringEquals={"aws:SourceIdentity": "ann"}),))

    bench.authority.require(principal_of(role, "s", "ann"), GET, SECRET)

    refusal(bench, principal_of(role, "s", None), GET, SECRET)


def test_policies_can_ask_what_time_it_is(bench: IamBench) -> None:
    until = (START + timedelta(hours=1)).isoformat()
    ann = bench.principal(bench.user("ann", policy(GET, DateLessThan={"aws:CurrentTime": until})))
    bench.authority.require(ann, GET, SECRET)

    bench.clock.advance(timedelta(hours=2))

    refusal(bench, ann, GET, SECRET)


def test_nobody_can_say_for_themselves_who_they_are(bench: IamBench) -> None:
    ann = bench.principal(bench.user("ann", policy(GET, StringEquals={"aws:username": "bob"})))

    with pytest.raises(NotAllowedError):
        bench.authority.require(ann, GET, SECRET, context={"aws:UserName": ("bob",)})


def test_the_actions_own_condition_keys_are_looked_at_in_whatever_case(bench: IamBench) -> None:
    document = policy(GET, StringEquals={"secretsmanager:VersionStage": "AWSCURRENT"})
    ann = bench.principal(bench.user("ann", document))

    bench.authority.require(
        ann, GET, SECRET, context={"SecretsManager:versionstage": ("AWSCURRENT",)}
    )

    refusal(bench, ann, GET, SECRET)


def test_passing_a_role_needs_pass_role_for_that_role_and_service(bench: IamBench) -> None:
    role = "arn:aws:iam::123456789012:role/r"
    document = policy(
        "iam:PassRole",
        resource=role,
        StringEquals={"iam:PassedToService": "lambda.amazonaws.com"},
    )
    ann = bench.principal(bench.user("ann", document))

    bench.authority.require_pass_role(ann, role, "lambda.amazonaws.com")

    with pytest.raises(NotAllowedError):
        bench.authority.require_pass_role(ann, role, "ec2.amazonaws.com")
    with pytest.raises(NotAllowedError):
        bench.authority.require_pass_role(ann, role + "2", "lambda.amazonaws.com")


def test_everybody_may_ask_who_they_are_also_when_a_policy_denies_it(bench: IamBench) -> None:
    ann = bench.principal(bench.user("ann", policy("sts:*", effect="Deny")))

    bench.authority.require(ann, "sts:GetCallerIdentity", "*")


def test_a_stored_trust_policy_that_cannot_be_read_trusts_nobody(bench: IamBench) -> None:
    role = bench.role("r")
    with bench.database.write() as connection:
        identities.save_trust_policy(connection, role.id, "{}")

    with pytest.raises(NotAllowedError):
        bench.authority.assumable_by_service("lambda.amazonaws.com", role.arn)


def test_a_service_may_take_on_a_role_that_names_it(bench: IamBench) -> None:
    role = bench.role("r")

    assert bench.authority.assumable_by_service("lambda.amazonaws.com", role.arn) == role

    with pytest.raises(NotAllowedError) as refused:
        bench.authority.assumable_by_service("ec2.amazonaws.com", role.arn)
    assert refused.value.principal_arn == "ec2.amazonaws.com"


def test_a_change_of_trust_counts_for_the_next_decision(bench: IamBench) -> None:
    role = bench.role("r")
    bench.authority.assumable_by_service("lambda.amazonaws.com", role.arn)

    with bench.database.write() as connection:
        other = role.trust_policy.replace("lambda", "ec2")
        roles.change_trust(connection, ACCOUNT, "r", other)

    with pytest.raises(NotAllowedError):
        bench.authority.assumable_by_service("lambda.amazonaws.com", role.arn)


def test_no_service_may_take_on_a_role_that_there_is_not(bench: IamBench) -> None:
    with pytest.raises(NotAllowedError):
        bench.authority.assumable_by_service(
            "lambda.amazonaws.com", "arn:aws:iam::123456789012:role/none"
        )
