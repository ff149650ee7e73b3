"""Roles, through IAM's table."""

from pathlib import Path
import re
from urllib.parse import unquote

import pytest

from keyturn.iam.principal import Principal
from keyturn.iam.roles import TRUST_POLICY_CHARACTERS_MAX
from keyturn.model.errors import NotAllowedError
from support.iam_bench import ACCOUNT, LAMBDA_TRUST, START, IamBench, policy


@pytest.fixture
def bench(tmp_path: Path) -> IamBench:
    return IamBench(tmp_path)


@pytest.fixture
def admin(bench: IamBench) -> Principal:
    return bench.administrator()


def test_a_role_is_made_and_found(bench: IamBench, admin: Principal) -> None:
    made = bench.call(
        admin,
        "CreateRole",
        RoleName="rotator",
        AssumeRolePolicyDocument=LAMBDA_TRUST,
        Path="/service/",
        Description="Rotates.",
        MaxSessionDuration=7200,
    )

    role = made["Role"]
    assert bench.call(admin, "GetRole", RoleName="rotator")["Role"] == role
    assert re.fullmatch(r"AROA[A-Z2-7]{17}", role.pop("RoleId"))
    assert role == {
        "RoleName": "rotator",
        "Path": "/service/",
        "Arn": "arn:aws:iam::123456789012:role/service/rotator",
        "CreateDate": START,
        "AssumeRolePolicyDocument": role["AssumeRolePolicyDocument"],
        "Description": "Rotates.",
        "MaxSessionDuration": 7200,
    }


def test_a_role_without_options_has_awss_defaults(bench: IamBench, admin: Principal) -> None:
    made = bench.call(admin, "CreateRole", RoleName="r", AssumeRolePolicyDocument=LAMBDA_TRUST)[
        "Role"
    ]

    assert (made["Path"], made["MaxSessionDuration"]) == ("/", 3600)
    assert not {"Description", "Tags"} & made.keys()


def test_documents_are_percent_encoded_in_answers(bench: IamBench, admin: Principal) -> None:
    bench.role("r")

    document = bench.call(admin, "GetRole", RoleName="r")["Role"]["AssumeRolePolicyDocument"]

    assert document.startswith("%7B%22Version%22%3A%20%222012-10-17%22%2C%20%22Statement%22%3A")
    assert unquote(document) == LAMBDA_TRUST


def test_a_role_that_there_is_not_is_not_found(bench: IamBench, admin: Principal) -> None:
    expected = ("NoSuchEntity", 404, "The role with name r cannot be found.")

    for name in ("GetRole", "DeleteRole", "ListRolePolicies", "ListAttachedRolePolicies"):
        assert bench.fault(admin, name, RoleName="r") == expected
    changed = {"RoleName": "r", "PolicyDocument": LAMBDA_TRUST}
    assert bench.fault(admin, "UpdateAssumeRolePolicy", **changed) == expected


@pytest.mark.parametrize("name", ["r", "R"])
def test_a_name_is_taken_in_whatever_case(bench: IamBench, admin: Principal, name: str) -> None:
    bench.role("r")

    assert bench.fault(
        admin, "CreateRole", RoleName=name, AssumeRolePolicyDocument=LAMBDA_TRUST
    ) == ("EntityAlreadyExists", 409, f"Role with name {name} already exists.")


def test_a_user_and_a_role_may_have_the_same_name(bench: IamBench, admin: Principal) -> None:
    bench.user("same")

    bench.call(admin, "CreateRole", RoleName="same", AssumeRolePolicyDocument=LAMBDA_TRUST)


@pytest.mark.parametrize("name", ["CreateRole", "UpdateAssumeRolePolicy"])
@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("{", "This policy contains invalid Json"),
        (policy("sts:AssumeRole"), "Syntax errors in policy: a trust policy has no Resource."),
    ],
    ids=["no-json", "no-trust-policy"],
)
def test_what_is_no_trust_policy_is_refused(
    bench: IamBench, admin: Principal, name: str, document: str, text: str
) -> None:
    member = "AssumeRolePolicyDocument" if name == "CreateRole" else "PolicyDocument"
    role_name = "new" if name == "CreateRole" else bench.role("r").name

    refused = bench.fault(admin, name, RoleName=role_name, **{member: document})

    assert refused == ("MalformedPolicyDocument", 400, text)


def test_a_trust_policy_may_be_so_long_and_no_longer(bench: IamBench, admin: Principal) -> None:
    def with_length(characters: int) -> str:
        bare = LAMBDA_TRUST.replace('"Version"', '"Id": "", "Version"')
        missing = characters - len("".join(bare.split()))
        return bare.replace('"Id": ""', f'"Id": "{"x" * missing}"')

    fits = with_length(TRUST_POLICY_CHARACTERS_MAX)
    bench.call(admin, "CreateRole", RoleName="r", AssumeRolePolicyDocument=fits)

    assert bench.fault(
        admin,
        "UpdateAssumeRolePolicy",
        RoleName="r",
        PolicyDocument=with_length(TRUST_POLICY_CHARACTERS_MAX + 1),
    ) == ("LimitExceeded", 409, "Cannot exceed quota for ACLSizePerRole: 2048")


def test_a_changed_trust_policy_is_found_again(bench: IamBench, admin: Principal) -> None:
    bench.role("r")
    other = LAMBDA_TRUST.replace("lambda", "ec2")

    bench.call(admin, "UpdateAssumeRolePolicy", RoleName="r", PolicyDocument=other)

    found = bench.call(admin, "GetRole", RoleName="r")["Role"]
    assert unquote(found["AssumeRolePolicyDocument"]) == other


def test_a_permissions_boundary_is_refused_rather_than_ignored(
    bench: IamBench, admin: Principal
) -> None:
    code, _, text = bench.fault(
        admin,
        "CreateRole",
        RoleName="r",
        AssumeRolePolicyDocument=LAMBDA_TRUST,
        PermissionsBoundary="arn:aws:iam::aws:policy/IAMFullAccess",
    )

    assert code == "ValidationError"
    assert "PermissionsBoundary" in text


@pytest.mark.parametrize(
    "params",
    [
        {"RoleName": "a b"},
        {"RoleName": "x" * 65},
        {"RoleName": "r", "Path": "no-slash"},
        {"RoleName": "r", "MaxSessionDuration": 3599},
        {"RoleName": "r", "MaxSessionDuration": 43_201},
        {"RoleName": "r", "Description": "x" * 1001},
    ],
)
def test_what_no_role_can_be_is_refused(
    bench: IamBench, admin: Principal, params: dict[str, object]
) -> None:
    refused = bench.fault(
        admin, "CreateRole", **{"AssumeRolePolicyDocument": LAMBDA_TRUST, **params}
    )

    assert refused[:2] == ("ValidationError", 400)


def test_roles_are_listed_page_by_page(bench: IamBench, admin: Principal) -> None:
    for name in ("c", "a", "b"):
        bench.role(name)

    first = bench.call(admin, "ListRoles", MaxItems=2)
    second = bench.call(admin, "ListRoles", MaxItems=2, Marker=first["Marker"])

    assert [role["RoleName"] for role in first["Roles"]] == ["a", "b"]
    assert [role["RoleName"] for role in second["Roles"]] == ["c"]
    assert (first["IsTruncated"], second["IsTruncated"]) == (True, False)


def test_a_role_that_comes_between_two_pages_moves_no_other(
    bench: IamBench, admin: Principal
) -> None:
    for name in ("b", "c", "d"):
        bench.role(name)
    first = bench.call(admin, "ListRoles", MaxItems=2)

    bench.role("a")

    second = bench.call(admin, "ListRoles", MaxItems=2, Marker=first["Marker"])
    assert [role["RoleName"] for role in second["Roles"]] == ["d"]


def test_a_role_with_policies_is_not_deleted(bench: IamBench, admin: Principal) -> None:
    bench.role("r")
    arn = "arn:aws:iam::aws:policy/AmazonRDSReadOnlyAccess"
    in_use = (
        "DeleteConflict",
        409,
        "Cannot delete entity, must remove referenced objects first.",
    )

    bench.call(admin, "AttachRolePolicy", RoleName="r", PolicyArn=arn)
    assert bench.fault(admin, "DeleteRole", RoleName="r") == in_use
    bench.call(admin, "DetachRolePolicy", RoleName="r", PolicyArn=arn)
    bench.call(admin, "DeleteRole", RoleName="r")

    assert bench.fault(admin, "GetRole", RoleName="r")[0] == "NoSuchEntity"


def test_a_role_of_a_later_day_has_another_unique_id(bench: IamBench, admin: Principal) -> None:
    earlier = bench.role("r")
    bench.call(admin, "DeleteRole", RoleName="r")

    assert bench.role("r").unique_id != earlier.unique_id


def test_whoever_may_make_roles_below_a_path_may_make_none_elsewhere(bench: IamBench) -> None:
    below = f"arn:aws:iam::{ACCOUNT}:role/team/*"
    ann = bench.principal(bench.user("ann", policy("iam:CreateRole", resource=below)))
    members = {"AssumeRolePolicyDocument": LAMBDA_TRUST}

    bench.call(ann, "CreateRole", RoleName="r1", Path="/team/", **members)

    with pytest.raises(NotAllowedError):
        bench.call(ann, "CreateRole", RoleName="r2", **members)


def test_a_roles_path_is_part_of_what_is_decided_on(bench: IamBench, admin: Principal) -> None:
    members = {"AssumeRolePolicyDocument": LAMBDA_TRUST}
    bench.call(admin, "CreateRole", RoleName="r", Path="/admins/", **members)
    plain = f"arn:aws:iam::{ACCOUNT}:role/r"
    ann = bench.principal(bench.user("ann", policy("iam:*", resource=plain)))

    with pytest.raises(NotAllowedError):
        bench.call(ann, "DeleteRole", RoleName="r")
