"""Inline and managed policies of users and roles, through IAM's table."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from keyturn.iam.policies import ROLE_INLINE_CHARACTERS_MAX, USER_INLINE_CHARACTERS_MAX
from keyturn.iam.principal import Principal
from keyturn.model.errors import NotAllowedError
from keyturn.store import identity_policies
from support.iam_bench import IamBench, policy

BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
RDS = "arn:aws:iam::aws:policy/AmazonRDSReadOnlyAccess"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def bench(tmp_path: Path) -> IamBench:
    return IamBench(tmp_path)


@pytest.fixture
def admin(bench: IamBench) -> Principal:
    return bench.administrator()


@pytest.fixture(params=["Role", "User"])
def word(bench: IamBench, admin: Principal, request: pytest.FixtureRequest) -> str:
    """Make a role or a user that is called ``x``."""
    del admin  # Before anyone else, since the store must be empty.
    word = str(request.param)
    if word == "Role":
        bench.role("x")
    else:
        bench.user("x")
    return word


def document(characters: int) -> str:
    bare = policy("s:*").replace('"Version"', '"Id": "", "Version"')
    missing = characters - len("".join(bare.split()))
    return bare.replace('"Id": ""', f'"Id": "{"x" * missing}"')


def test_an_inline_policy_is_put_found_listed_and_deleted(
    bench: IamBench, admin: Principal, word: str
) -> None:
    owner = {f"{word}Name": "x"}
    text = policy("s:Get*")

    bench.call(admin, f"Put{word}Policy", **owner, PolicyName="p", PolicyDocument=text)
    found = bench.call(admin, f"Get{word}Policy", **owner, PolicyName="p")
    listed = bench.call(admin, f"List{word}Policies", **owner)
    bench.call(admin, f"Delete{word}Policy", **owner, PolicyName="p")

    assert found == {**owner, "PolicyName": "p", "PolicyDocument": found["PolicyDocument"]}
    assert unquote(found["PolicyDocument"]) == text
    assert listed == {"PolicyNames": ["p"], "IsTruncated": False}
    assert bench.call(admin, f"List{word}Policies", **owner)["PolicyNames"] == []


def test_an_inline_policy_that_there_is_not_is_not_found(
    bench: IamBench, admin: Principal, word: str
) -> None:
    for name in (f"Get{word}Policy", f"Delete{word}Policy"):
        assert bench.fault(admin, name, **{f"{word}Name": "x"}, PolicyName="p") == (
            "NoSuchEntity",
            404,
            f"The {word.lower()} policy with name p cannot be found.",
        )


def test_an_inline_policy_replaces_the_one_of_its_name(
    bench: IamBench, admin: Principal, word: str
) -> None:
    owner = {f"{word}Name": "x", "PolicyName": "p"}
    for action in ("s:One", "s:Two"):
        bench.call(admin, f"Put{word}Policy", **owner, PolicyDocument=policy(action))

    found = bench.call(admin, f"Get{word}Policy", **owner)

    assert unquote(found["PolicyDocument"]) == policy("s:Two")


def test_inline_policies_together_may_be_so_long_and_no_longer(
    bench: IamBench, admin: Principal, word: str
) -> None:
    most = {"Role": ROLE_INLINE_CHARACTERS_MAX, "User": USER_INLINE_CHARACTERS_MAX}[word]
    put, owner = f"Put{word}Policy", {f"{word}Name": "x"}

    bench.call(admin, put, **owner, PolicyName="a", PolicyDocument=document(most - 200))
    bench.call(admin, put, **owner, PolicyName="b", PolicyDocument=document(200))
    bench.call(admin, put, **owner, PolicyName="b", PolicyDocument=document(200) + " \n")

    refused = bench.fault(admin, put, **owner, PolicyName="b", PolicyDocument=document(201))
    assert refused == (
        "LimitExceeded",
        409,
        f"Maximum policy size of {most} bytes exceeded for {word.lower()} x",
    )


def test_what_is_no_policy_is_refused_and_not_stored(
    bench: IamBench, admin: Principal, word: str
) -> None:
    put, owner = f"Put{word}Policy", {f"{word}Name": "x", "PolicyName": "p"}

    assert bench.fault(admin, put, **owner, PolicyDocument="[") == (
        "MalformedPolicyDocument",
        400,
        "This policy contains invalid Json",
    )
    code, status, _ = bench.fault(admin, put, **owner, PolicyDocument='{"Statement": []}')
    assert (code, status) == ("MalformedPolicyDocument", 400)
    listed = bench.call(admin, f"List{word}Policies", **{f"{word}Name": "x"})
    assert listed["PolicyNames"] == []


def test_inline_policies_are_listed_page_by_page(
    bench: IamBench, admin: Principal, word: str
) -> None:
    owner = {f"{word}Name": "x"}
    for name in ("c", "a", "b"):
        bench.call(
            admin, f"Put{word}Policy", **owner, PolicyName=name, PolicyDocument=policy("s:*")
        )

    first = bench.call(admin, f"List{word}Policies", **owner, MaxItems=2)
    second = bench.call(admin, f"List{word}Policies", **owner, Marker=first["Marker"])

    assert (first["PolicyNames"], first["IsTruncated"]) == (["a", "b"], True)
    assert (second["PolicyNames"], second["IsTruncated"]) == (["c"], False)


def test_a_managed_policy_is_attached_listed_and_detached(
    bench: IamBench, admin: Principal, word: str
) -> None:
    owner = {f"{word}Name": "x"}

    for arn in (RDS, BASIC, BASIC):
        bench.call(admin, f"Attach{word}Policy", **owner, PolicyArn=arn)
    listed = bench.call(admin, f"ListAttached{word}Policies", **owner)
    below = bench.call(admin, f"ListAttached{word}Policies", **owner, PathPrefix="/service-role/")
    bench.call(admin, f"Detach{word}Policy", **owner, PolicyArn=BASIC)

    assert listed["AttachedPolicies"] == [
        {"PolicyName": "AWSLambdaBasicExecutionRole", "PolicyArn": BASIC},
        {"PolicyName": "AmazonRDSReadOnlyAccess", "PolicyArn": RDS},
    ]
    assert [policy["PolicyArn"] for policy in below["AttachedPolicies"]] == [BASIC]
    assert bench.fault(admin, f"Detach{word}Policy", **owner, PolicyArn=BASIC) == (
        "NoSuchEntity",
        404,
        f"Policy {BASIC} was not found.",
    )


def test_attaching_what_is_no_policy_is_refused(
    bench: IamBench, admin: Principal, word: str
) -> None:
    owner = {f"{word}Name": "x"}
    none = "arn:aws:iam::aws:policy/Nothing"

    for name in (f"Attach{word}Policy", f"Detach{word}Policy"):
        assert bench.fault(admin, name, **owner, PolicyArn="longer-than-twenty-characters") == (
            "ValidationError",
            400,
            "Invalid ARN:  Could not be parsed!",
        )
    assert bench.fault(admin, f"Attach{word}Policy", **owner, PolicyArn=none) == (
        "NoSuchEntity",
        404,
        f"Policy {none} does not exist or is not attachable.",
    )


def test_ten_managed_policies_at_most_are_attached(
    bench: IamBench, admin: Principal, word: str
) -> None:
    with bench.database.write() as connection:
        for number in range(10):
            identity_policies.attach(connection, 2, f"arn:aws:iam::aws:policy/P{number}")

    refused = bench.fault(admin, f"Attach{word}Policy", **{f"{word}Name": "x"}, PolicyArn=BASIC)

    assert refused == ("LimitExceeded", 409, f"Cannot exceed quota for PoliciesPer{word}: 10")


def test_a_condition_on_the_policy_arn_holds(bench: IamBench, word: str) -> None:
    only_basic = policy(
        f"iam:Attach{word}Policy", effect="Deny", ArnNotEquals={"iam:PolicyARN": BASIC}
    )
    ann = bench.principal(bench.user("ann", policy("iam:*"), only_basic))
    attach, owner = f"Attach{word}Policy", {f"{word}Name": "x"}

    with pytest.raises(NotAllowedError):
        bench.call(ann, attach, **owner, PolicyArn=ADMINISTRATOR)


def test_who_may_attach_only_some_policies_cannot_attach_others(
    bench: IamBench, word: str
) -> None:
    but_not = policy(
        f"iam:Attach{word}Policy", effect="Deny", ArnEquals={"iam:PolicyARN": ADMINISTRATOR}
    )
    ann = bench.principal(bench.user("ann", policy("iam:*"), but_not))
    attach, owner = f"Attach{word}Policy", {f"{word}Name": "x"}

    bench.call(ann, attach, **owner, PolicyArn=BASIC)

    with pytest.raises(NotAllowedError):
        bench.call(ann, attach, **owner, PolicyArn=ADMINISTRATOR)


def test_a_managed_policy_can_be_read(bench: IamBench, admin: Principal) -> None:
    bench.role("r")
    bench.call(admin, "AttachRolePolicy", RoleName="r", PolicyArn=BASIC)

    found = bench.call(admin, "GetPolicy", PolicyArn=BASIC)["Policy"]
    version = bench.call(admin, "GetPolicyVersion", PolicyArn=BASIC, VersionId="v1")

    assert found["PolicyName"] == "AWSLambdaBasicExecutionRole"
    assert (found["Path"], found["DefaultVersionId"]) == ("/service-role/", "v1")
    assert (found["AttachmentCount"], found["IsAttachable"]) == (1, True)
    assert '"logs:PutLogEvents"' in unquote(version["PolicyVersion"]["Document"])
    assert version["PolicyVersion"]["IsDefaultVersion"] is True


def test_a_managed_policys_id_is_told_where_it_is_known(bench: IamBench, admin: Principal) -> None:
    unknown = "arn:aws:iam::aws:policy/service-role/AWSLambdaRole"

    assert bench.call(admin, "GetPolicy", PolicyArn=BASIC)["Policy"]["PolicyId"][:4] == "ANPA"
    assert "PolicyId" not in bench.call(admin, "GetPolicy", PolicyArn=unknown)["Policy"]


def test_a_managed_policy_that_there_is_not_is_not_found(
    bench: IamBench, admin: Principal
) -> None:
    none = "arn:aws:iam::aws:policy/Nothing"

    assert bench.fault(admin, "GetPolicy", PolicyArn=none)[:2] == ("NoSuchEntity", 404)
    assert bench.fault(admin, "GetPolicyVersion", PolicyArn=BASIC, VersionId="v2") == (
        "NoSuchEntity",
        404,
        f"Policy {BASIC} version v2 does not exist or is not attachable.",
    )
