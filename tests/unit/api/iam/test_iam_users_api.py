"""Users and access keys, through IAM's table."""

from datetime import timedelta
from pathlib import Path
import re

import pytest

from keyturn.iam.principal import Principal
from keyturn.iam.session import principal_of
from keyturn.model.errors import NotAllowedError
from support.iam_bench import ACCOUNT, START, IamBench, policy


@pytest.fixture
def bench(tmp_path: Path) -> IamBench:
    return IamBench(tmp_path)


@pytest.fixture
def admin(bench: IamBench) -> Principal:
    return bench.administrator()


def test_a_user_is_made_and_found(bench: IamBench, admin: Principal) -> None:
    made = bench.call(
        admin,
        "CreateUser",
        UserName="ann",
        Path="/team/",
        Tags=[{"Key": "k", "Value": "v"}],
    )

    user = made["User"]
    assert re.fullmatch(r"AIDA[A-Z2-7]{17}", user.pop("UserId"))
    assert user == {
        "UserName": "ann",
        "Path": "/team/",
        "Arn": "arn:aws:iam::123456789012:user/team/ann",
        "CreateDate": START,
        "Tags": [{"Key": "k", "Value": "v"}],
    }
    assert bench.call(admin, "GetUser", UserName="ann")["User"]["Arn"] == user["Arn"]


def test_a_user_that_there_is_not_is_not_found(bench: IamBench, admin: Principal) -> None:
    for name in ("GetUser", "DeleteUser"):
        assert bench.fault(admin, name, UserName="ann") == (
            "NoSuchEntity",
            404,
            "The user with name ann cannot be found.",
        )


@pytest.mark.parametrize("name", ["ann", "ANN"])
def test_a_name_is_taken_in_whatever_case(bench: IamBench, admin: Principal, name: str) -> None:
    bench.user("ann")

    assert bench.fault(admin, "CreateUser", UserName=name) == (
        "EntityAlreadyExists",
        409,
        f"User with name {name} already exists.",
    )


def test_a_name_is_free_in_another_account(bench: IamBench, admin: Principal) -> None:
    bench.user("ann", account="999999999999")

    assert bench.fault(admin, "GetUser", UserName="ann")[0] == "NoSuchEntity"
    bench.call(admin, "CreateUser", UserName="ann")


def test_a_permissions_boundary_is_refused_rather_than_ignored(
    bench: IamBench, admin: Principal
) -> None:
    boundary = "arn:aws:iam::aws:policy/IAMFullAccess"

    code, status, text = bench.fault(
        admin, "CreateUser", UserName="ann", PermissionsBoundary=boundary
    )

    assert (code, status) == ("ValidationError", 400)
    assert "PermissionsBoundary" in text


def test_tag_keys_that_differ_in_case_alone_are_refused(bench: IamBench, admin: Principal) -> None:
    tags = [{"Key": "k", "Value": "1"}, {"Key": "K", "Value": "2"}]

    assert bench.fault(admin, "CreateUser", UserName="ann", Tags=tags)[0] == "InvalidInput"


def test_who_names_no_user_means_the_caller(bench: IamBench) -> None:
    ann = bench.user("ann", policy("iam:*"), path="/team/")

    found = bench.call(bench.principal(ann), "GetUser")

    assert found["User"]["Arn"] == ann.arn


def test_a_session_must_name_a_user(bench: IamBench) -> None:
    session = principal_of(bench.role("r", documents=(policy("iam:*"),)), "s", None)

    assert bench.fault(session, "GetUser") == (
        "ValidationError",
        400,
        "Must specify userName when calling with non-User credentials",
    )


def test_users_are_listed_page_by_page(bench: IamBench, admin: Principal) -> None:
    for name in ("cid", "ann", "bob"):
        bench.user(name)

    first = bench.call(admin, "ListUsers", MaxItems=2)
    second = bench.call(admin, "ListUsers", MaxItems=2, Marker=first["Marker"])

    assert [user["UserName"] for user in first["Users"]] == ["administrator", "ann"]
    assert [user["UserName"] for user in second["Users"]] == ["bob", "cid"]
    assert first["IsTruncated"] is True
    assert second["IsTruncated"] is False
    assert "Marker" not in second


def test_users_are_listed_below_a_path(bench: IamBench, admin: Principal) -> None:
    for name, path in (("ann", "/team/"), ("bob", "/TEAM/"), ("cid", "/t%/")):
        bench.user(name, path=path)

    def names(prefix: str) -> list[str]:
        return [u["UserName"] for u in bench.call(admin, "ListUsers", PathPrefix=prefix)["Users"]]

    assert names("/team/") == ["ann"]
    assert names("/t") == ["ann", "cid"]
    assert names("/t%") == ["cid"]


@pytest.mark.parametrize("marker", ["!", "YQ", "/w=="])
def test_a_marker_that_no_page_ended_with_is_refused(
    bench: IamBench, admin: Principal, marker: str
) -> None:
    assert bench.fault(admin, "ListUsers", Marker=marker)[0] == "ValidationError"


def test_a_user_with_policies_or_keys_is_not_deleted(bench: IamBench, admin: Principal) -> None:
    ann = bench.user("ann", policy("iam:*"))
    key = bench.key(ann)

    assert bench.fault(admin, "DeleteUser", UserName="ann") == (
        "DeleteConflict",
        409,
        "Cannot delete entity, must remove referenced objects first.",
    )
    bench.call(admin, "DeleteUserPolicy", UserName="ann", PolicyName="p0")
    assert bench.fault(admin, "DeleteUser", UserName="ann") == (
        "DeleteConflict",
        409,
        "Cannot delete entity, must delete access keys first.",
    )
    bench.call(admin, "DeleteAccessKey", UserName="ann", AccessKeyId=key.access_key_id)
    bench.call(admin, "DeleteUser", UserName="ann")

    assert bench.fault(admin, "GetUser", UserName="ann")[0] == "NoSuchEntity"


def test_an_access_key_is_shown_whole_once(bench: IamBench, admin: Principal) -> None:
    ann = bench.user("ann")

    made = bench.call(admin, "CreateAccessKey", UserName="ann")["AccessKey"]
    (listed,) = bench.call(admin, "ListAccessKeys", UserName="ann")["AccessKeyMetadata"]

    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", made["AccessKeyId"])
    assert len(made["SecretAccessKey"]) == 40
    assert listed == {name: made[name] for name in made if name != "SecretAccessKey"}
    assert listed["Status"] == "Active"
    principal, secret = bench.credentials.find(made["AccessKeyId"], None)
    assert principal == bench.principal(ann)
    assert secret.reveal().decode() == made["SecretAccessKey"]


def test_a_user_has_two_access_keys_at_most(bench: IamBench, admin: Principal) -> None:
    bench.user("ann")
    bench.call(admin, "CreateAccessKey", UserName="ann")
    bench.call(admin, "CreateAccessKey", UserName="ann")

    assert bench.fault(admin, "CreateAccessKey", UserName="ann") == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )


def test_access_keys_are_listed_page_by_page(bench: IamBench, admin: Principal) -> None:
    ann = bench.user("ann")
    ids = {bench.key(ann).access_key_id, bench.key(ann).access_key_id}

    first = bench.call(admin, "ListAccessKeys", UserName="ann", MaxItems=1)
    second = bench.call(
        admin, "ListAccessKeys", UserName="ann", MaxItems=1, Marker=first["Marker"]
    )

    pages = [*first["AccessKeyMetadata"], *second["AccessKeyMetadata"]]
    assert {key["AccessKeyId"] for key in pages} == ids
    assert second["IsTruncated"] is False


def test_an_access_key_is_switched_off_and_on(bench: IamBench, admin: Principal) -> None:
    ann = bench.user("ann")
    key_id = bench.key(ann).access_key_id

    def status() -> str:
        (key,) = bench.call(admin, "ListAccessKeys", UserName="ann")["AccessKeyMetadata"]
        return str(key["Status"])

    for wanted in ("Inactive", "Active"):
        bench.call(admin, "UpdateAccessKey", UserName="ann", AccessKeyId=key_id, Status=wanted)
        assert status() == wanted


def test_an_access_key_cannot_be_made_expired(bench: IamBench, admin: Principal) -> None:
    key_id = bench.key(bench.user("ann")).access_key_id

    code, _, _ = bench.fault(
        admin, "UpdateAccessKey", UserName="ann", AccessKeyId=key_id, Status="Expired"
    )

    assert code == "ValidationError"


def test_another_users_access_key_is_not_found(bench: IamBench, admin: Principal) -> None:
    key_id = bench.key(bench.user("ann")).access_key_id
    bench.user("bob")

    for name, more in (("DeleteAccessKey", {}), ("UpdateAccessKey", {"Status": "Inactive"})):
        assert bench.fault(admin, name, UserName="bob", AccessKeyId=key_id, **more) == (
            "NoSuchEntity",
            404,
            f"The Access Key with id {key_id} cannot be found.",
        )


def test_whoever_may_manage_their_own_keys_may_not_make_anothers(bench: IamBench) -> None:
    own = f"arn:aws:iam::{ACCOUNT}:user/ann"
    ann = bench.principal(bench.user("ann", policy("iam:*AccessKey*", resource=own)))
    bench.user("bob", policy("*"))

    bench.call(ann, "CreateAccessKey")

    with pytest.raises(NotAllowedError):
        bench.call(ann, "CreateAccessKey", UserName="bob")


def test_who_may_not_ask_is_not_told_whether_there_is_such_a_user(bench: IamBench) -> None:
    ann = bench.principal(bench.user("ann"))
    bench.user("bob")

    there = bench.fault(ann, "GetUser", UserName="bob")
    not_there = bench.fault(ann, "GetUser", UserName="bo6")

    assert there[:2] == not_there[:2] == ("AccessDenied", 403)
    assert there[2].replace("bob", "bo6") == not_there[2]


def test_a_denial_is_told_in_awss_words(bench: IamBench) -> None:
    ann = bench.principal(bench.user("ann"))

    assert bench.fault(ann, "ListUsers")[2] == (
        "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: iam:ListUsers on "
        "resource: arn:aws:iam::123456789012:user/ because no identity-based policy allows the "
        "iam:ListUsers action"
    )


def test_dates_are_those_of_the_requests(bench: IamBench, admin: Principal) -> None:
    bench.clock.advance(timedelta(days=1))

    made = bench.call(admin, "CreateUser", UserName="ann")

    assert made["User"]["CreateDate"] == START + timedelta(days=1)
