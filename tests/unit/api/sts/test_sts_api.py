"""Who a caller is, and who may become whom, through STS's table."""

from datetime import timedelta
from pathlib import Path
import re
from typing import Any

import pytest

from keyturn.iam.principal import Principal
from keyturn.iam.roles import NewRole, create
from keyturn.iam.session import SessionPrincipal, principal_of
from keyturn.model.errors import NotAllowedError
from keyturn.model.identity import Role
from support.iam_bench import ACCOUNT, LAMBDA_TRUST, START, IamBench, policy, trust

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
OTHERS = "999999999999"
R = f"arn:aws:iam::{ACCOUNT}:role/r"


@pytest.fixture
def bench(tmp_path: Path) -> IamBench:
    return IamBench(tmp_path)


def assume(bench: IamBench, caller: Principal, **params: object) -> dict[str, Any]:
    members = {"RoleArn": R, "RoleSessionName": "session", **params}
    return bench.call(caller, "AssumeRole", **members)


def refused(bench: IamBench, caller: Principal, **params: object) -> tuple[str, int, str]:
    members = {"RoleArn": R, "RoleSessionName": "session", **params}
    return bench.fault(caller, "AssumeRole", **members)


def session(bench: IamBench, answer: dict[str, Any]) -> Principal:
    given = answer["Credentials"]
    return bench.credentials.find(given["AccessKeyId"], given["SessionToken"])[0]


def test_a_user_learns_who_it_is(bench: IamBench) -> None:
    ann = bench.principal(bench.user("ann", policy("*", effect="Deny")))

    assert bench.call(ann, "GetCallerIdentity") == {
        "UserId": ann.unique_id,
        "Account": ACCOUNT,
        "Arn": ANN,
    }


def test_a_session_learns_who_it_is(bench: IamBench) -> None:
    caller = principal_of(bench.role("r"), "s1", None)

    assert bench.call(caller, "GetCallerIdentity") == {
        "UserId": caller.unique_id,
        "Account": ACCOUNT,
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s1",
    }


def test_assuming_a_role_gives_credentials_that_are_the_session(bench: IamBench) -> None:
    role = bench.role("r", trust(ANN))
    ann = bench.principal(bench.user("ann"))

    answer = assume(bench, ann)

    given = answer["Credentials"]
    assert re.fullmatch(r"ASIA[A-Z2-7]{16}", given["AccessKeyId"])
    assert given["Expiration"] == START + timedelta(hours=1)
    assert answer["AssumedRoleUser"] == {
        "AssumedRoleId": f"{role.unique_id}:session",
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/r/session",
    }
    principal, secret = bench.credentials.find(given["AccessKeyId"], given["SessionToken"])
    assert principal == principal_of(role, "session", None)
    assert secret.reveal().decode() == given["SecretAccessKey"]


def test_a_session_arn_has_no_path(bench: IamBench) -> None:
    new = NewRole(account=ACCOUNT, name="deep", path="/a/b/", trust_policy=trust(ANN))
    with bench.database.write() as connection:
        role = create(connection, new, START)
    ann = bench.principal(bench.user("ann"))

    answer = assume(bench, ann, RoleArn=role.arn)

    assert role.arn == f"arn:aws:iam::{ACCOUNT}:role/a/b/deep"
    assert answer["AssumedRoleUser"]["Arn"].endswith(":assumed-role/deep/session")


MAY = policy("sts:AssumeRole")
MAY_NOT = policy("sts:AssumeRole", effect="Deny")
ASSUMED = policy("s3:*")


@pytest.mark.parametrize(
    ("trust_policy", "own_policies", "is_allowed"),
    [
        (trust(ANN), (), True),
        (trust(ANN), (MAY,), True),
        (trust("*"), (), True),
        (trust(ROOT), (MAY,), True),
        (trust(ACCOUNT), (MAY,), True),
        (trust(ROOT), (), False),
        (trust(ROOT), (ASSUMED,), False),
        (trust(f"arn:aws:iam::{OTHERS}:root"), (MAY,), False),
        (trust(ANN + "a"), (MAY,), False),
        (LAMBDA_TRUST, (MAY,), False),
        (trust(ANN), (MAY_NOT,), False),
        (trust(ROOT), (MAY, MAY_NOT), False),
        (trust(ANN, effect="Deny"), (MAY,), False),
        (trust(ROOT, effect="Deny"), (MAY,), False),
        (trust(ANN, actions=("sts:TagSession",)), (MAY,), False),
    ],
)
def test_trust_and_the_callers_own_policies_decide_together(
    bench: IamBench, trust_policy: str, own_policies: tuple[str, ...], *, is_allowed: bool
) -> None:
    bench.role("r", trust_policy)
    ann = bench.principal(bench.user("ann", *own_policies))

    if is_allowed:
        assume(bench, ann)
    else:
        code, status, text = refused(bench, ann)
        assert (code, status) == ("AccessDenied", 403)
        assert text.startswith(
            f"User: {ANN} is not authorized to perform: sts:AssumeRole on resource: {R} "
        )


@pytest.mark.parametrize("named", [f"arn:aws:iam::{OTHERS}:root", f"arn:aws:iam::{OTHERS}:user/o"])
@pytest.mark.parametrize("own_policies", [(), (MAY,)])
def test_across_accounts_both_sides_must_allow(
    bench: IamBench, named: str, own_policies: tuple[str, ...]
) -> None:
    bench.role("r", trust(named))
    other = bench.principal(bench.user("o", *own_policies, account=OTHERS))

    if own_policies:
        assert session(bench, assume(bench, other)).account == ACCOUNT
    else:
        assert refused(bench, other)[0] == "AccessDenied"


def test_a_role_that_there_is_not_is_refused_as_one_that_trusts_others(bench: IamBench) -> None:
    bench.role("r")
    administrator = bench.principal(bench.user("ann", policy("*")))

    there = refused(bench, administrator)
    not_there = refused(bench, administrator, RoleArn=R + "2")

    assert there[:2] == not_there[:2] == ("AccessDenied", 403)
    assert there[2].replace(R, R + "2") == not_there[2]


@pytest.mark.parametrize(
    ("condition", "params", "is_allowed"),
    [
        ({"sts:ExternalId": "e-1"}, {"ExternalId": "e-1"}, True),
        ({"sts:ExternalId": "e-1"}, {"ExternalId": "e-2"}, False),
        ({"sts:ExternalId": "e-1"}, {}, False),
        ({"sts:RoleSessionName": "session"}, {}, True),
        ({"sts:RoleSessionName": "session"}, {"RoleSessionName": "other"}, False),
        ({"aws:username": "ann"}, {}, True),
        ({"aws:username": "bob"}, {}, False),
    ],
)
def test_a_trust_policy_can_ask_for_what_the_request_says(
    bench: IamBench, condition: dict[str, str], params: dict[str, object], *, is_allowed: bool
) -> None:
    bench.role("r", trust(ANN, StringEquals=condition))
    ann = bench.principal(bench.user("ann"))

    if is_allowed:
        assume(bench, ann, **params)
    else:
        with pytest.raises(NotAllowedError):
            assume(bench, ann, **params)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (899, "ValidationError"),
        (900, None),
        (7200, None),
        (7201, "ValidationError"),
        (43_201, "ValidationError"),
    ],
)
def test_a_session_lasts_as_long_as_the_role_allows(
    bench: IamBench, seconds: int, code: str | None
) -> None:
    new = NewRole(account=ACCOUNT, name="r", trust_policy=trust(ANN), max_session_seconds=7200)
    with bench.database.write() as connection:
        create(connection, new, START)
    ann = bench.principal(bench.user("ann"))

    if code is None:
        given = assume(bench, ann, DurationSeconds=seconds)["Credentials"]
        assert given["Expiration"] == START + timedelta(seconds=seconds)
    else:
        assert refused(bench, ann, DurationSeconds=seconds)[0] == code


def chained(bench: IamBench) -> tuple[Role, SessionPrincipal]:
    """Return a role of twelve hours that trusts another role, and a session of that one."""
    first = principal_of(bench.role("first"), "s1", None)
    new = NewRole(
        account=ACCOUNT,
        name="r",
        trust_policy=trust(first.identity_arn),
        max_session_seconds=43_200,
    )
    with bench.database.write() as connection:
        return create(connection, new, START), first


def test_a_session_becomes_another_role_for_an_hour_at_most(bench: IamBench) -> None:
    _, first = chained(bench)

    assert session(bench, assume(bench, first, DurationSeconds=3600)).arn.endswith("/r/session")

    code, _, text = refused(bench, first, DurationSeconds=3601)
    assert code == "ValidationError"
    assert text == (
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
        "chaining."
    )


def test_a_session_may_not_do_what_its_role_was_before(bench: IamBench) -> None:
    role = bench.role("r", trust(ANN), (policy("iam:GetUser"),))
    ann = bench.principal(bench.user("ann", policy("iam:ListUsers")))

    become = session(bench, assume(bench, ann))

    assert become.identity_arn == role.arn
    bench.call(become, "GetUser", UserName="ann")
    with pytest.raises(NotAllowedError):
        bench.call(become, "ListUsers")


SETS_SOURCE = ("sts:AssumeRole", "sts:SetSourceIdentity")


def test_a_source_identity_needs_its_own_permission(bench: IamBench) -> None:
    bench.role("r", trust(ANN))
    bench.role("q", trust(ANN, actions=SETS_SOURCE))
    ann = bench.principal(bench.user("ann"))

    with pytest.raises(NotAllowedError) as not_allowed:
        assume(bench, ann, SourceIdentity="ann.b")
    assert not_allowed.value.action == "sts:SetSourceIdentity"

    answer = assume(bench, ann, RoleArn=R[:-1] + "q", SourceIdentity="ann.b")
    assert answer["SourceIdentity"] == "ann.b"
    begun = session(bench, answer)
    assert isinstance(begun, SessionPrincipal)
    assert begun.source_identity == "ann.b"


def test_a_source_identity_goes_along_and_does_not_change(bench: IamBench) -> None:
    first = principal_of(bench.role("first"), "s1", "ann")
    bench.role("r", trust(first.identity_arn, actions=SETS_SOURCE))

    assert assume(bench, first)["SourceIdentity"] == "ann"
    assert assume(bench, first, SourceIdentity="ann")["SourceIdentity"] == "ann"
    assert refused(bench, first, SourceIdentity="bob")[0] == "ValidationError"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("Policy", policy("s3:Get*")),
        ("PolicyArns", [{"arn": "arn:aws:iam::aws:policy/IAMReadOnlyAccess"}]),
        ("Tags", [{"Key": "k", "Value": "v"}]),
        ("SerialNumber", "arn:aws:iam::123456789012:mfa/ann"),
        ("TokenCode", "123456"),
    ],
)
def test_what_would_make_a_session_less_is_refused_rather_than_ignored(
    bench: IamBench, member: str, value: object
) -> None:
    bench.role("r", trust(ANN))
    ann = bench.principal(bench.user("ann"))

    code, status, text = refused(bench, ann, **{member: value})

    assert (code, status) == ("ValidationError", 400)
    assert member in text


def test_the_credentials_of_a_service_are_its_roles(bench: IamBench) -> None:
    role = bench.role("r")

    issued = bench.assumption.issue_service_session(role.arn, "fn")

    assert issued.principal.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/r/fn"
    assert issued.expires_at == START + timedelta(hours=1)


@pytest.mark.parametrize("trust_policy", [trust(ROOT), LAMBDA_TRUST.replace("lambda", "ec2")])
def test_a_service_that_the_role_does_not_trust_gets_no_credentials(
    bench: IamBench, trust_policy: str
) -> None:
    role = bench.role("r", trust_policy)

    with pytest.raises(NotAllowedError):
        bench.assumption.issue_service_session(role.arn, "fn")
