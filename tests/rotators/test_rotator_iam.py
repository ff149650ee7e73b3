"""IAM users' access keys: whose they are, who may make them, and what comes late."""

from dataclasses import replace
import json
from typing import Any

import pytest

from keyturn.functions.deployment import Wanted, deploy
from keyturn.functions.packaging import build, find_template
from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines.iam import Iam
from keyturn_rotators.errors import (
    AdminSecretError,
    LoginRefusedError,
    MissingKeyError,
    MissingRightError,
    UnreachableError,
)
from keyturn_rotators.strategies import IssuedCredential
from support.given_versions import GivenVersions
from support.kits.iam import OWN_KEYS, REGION, document
from support.live_api import Caller, LiveApi, allow, policy, unique
from support.live_fixtures import administrator, api, other, other_administrator, server
from support.live_rotation import Bench
from support.platform_here import HERE

__all__ = ["administrator", "api", "other", "other_administrator", "server"]

pytestmark = pytest.mark.server


@pytest.fixture
def engine(api: LiveApi) -> Iam:
    return Iam(endpoint_url=api.endpoint, region=REGION, pauses_seconds=())


@pytest.fixture
def user(api: LiveApi) -> str:
    """A user who may do nothing."""
    name = unique("app")
    api.iam.create_user(UserName=name)
    return name


def key_of(api: LiveApi, name: str) -> Caller:
    key = api.iam.create_access_key(UserName=name)["AccessKey"]
    return Caller(key["AccessKeyId"], key["SecretAccessKey"])


def credential(name: str, caller: Caller, **keys: str) -> Credential:
    value = {**document(name, caller), **keys}
    return parse(json.dumps(value), "AWSCURRENT", Iam().defaults)


def keys_of(api: LiveApi, name: str) -> set[str]:
    listed = api.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    return {key["AccessKeyId"] for key in listed}


def propose(engine: Iam, current: Credential, admin: Credential | None = None) -> Credential:
    versions = GivenVersions(now=current, admin=admin or current)
    return IssuedCredential(engine).propose(current, lambda: "", versions)


def test_administrator_makes_the_key_of_a_user_who_may_not(
    api: LiveApi, engine: Iam, user: str
) -> None:
    current = credential(user, key_of(api, user), masterarn="arn:admin")
    admin = credential("admin", api.caller)

    pending = propose(engine, current, admin)

    assert keys_of(api, user) == {current.username, pending.username}
    with engine.login(pending):
        pass


def test_user_who_may_not_and_names_no_administrator_is_told_what_to_allow(
    api: LiveApi, engine: Iam, user: str
) -> None:
    current = credential(user, key_of(api, user))

    with pytest.raises(MissingRightError, match="iam:CreateAccessKey"):
        propose(engine, current)

    assert keys_of(api, user) == {current.username}


def test_administrator_of_another_account_makes_no_key_for_a_user_of_the_same_name(
    api: LiveApi, other: LiveApi, engine: Iam, user: str
) -> None:
    other.iam.create_user(UserName=user)
    current = credential(user, key_of(api, user), masterarn="arn:admin")
    admin = credential("admin", other.caller)

    with pytest.raises(AdminSecretError, match="another account"):
        propose(engine, current, admin)

    assert keys_of(other, user) == set()


def test_key_of_another_user_than_the_secret_says_is_refused(
    api: LiveApi, engine: Iam, user: str
) -> None:
    mine = unique("mine")
    api.iam.create_user(UserName=mine)

    with (
        pytest.raises(LoginRefusedError, match=f"is of user/{mine}"),
        engine.login(credential(user, key_of(api, mine))),
    ):
        pass


def test_user_below_a_path_is_known_by_its_name(api: LiveApi, engine: Iam) -> None:
    name = unique("app+=,.@-")
    api.iam.create_user(UserName=name, Path="/apps/billing/")

    with engine.login(credential(name, key_of(api, name))) as issuer:
        issuer.probe()


@pytest.mark.parametrize("is_active", [True, False])
def test_wrong_secret_and_inactive_key_are_refused_without_being_shown(
    api: LiveApi, engine: Iam, user: str, *, is_active: bool
) -> None:
    key = key_of(api, user)
    secret = "canary-wrong" if is_active else key.secret_access_key
    if not is_active:
        api.iam.update_access_key(UserName=user, AccessKeyId=key.access_key_id, Status="Inactive")

    with (
        pytest.raises(LoginRefusedError, match="AWSCURRENT") as caught,
        engine.login(credential(user, replace(key, secret_access_key=secret))),
    ):
        pass

    assert secret not in str(caught.value)


def test_secret_without_a_user_name_is_named(api: LiveApi, engine: Iam, user: str) -> None:
    value = document(user, key_of(api, user))
    del value["userName"]

    with (
        pytest.raises(MissingKeyError, match="userName"),
        engine.login(parse(json.dumps(value), "AWSCURRENT", engine.defaults)),
    ):
        pass


def test_key_that_is_known_late_is_waited_for(api: LiveApi, engine: Iam, user: str) -> None:
    current, fresh = (credential(user, key_of(api, user)) for _ in range(2))
    status: dict[str, Any] = {"UserName": user, "AccessKeyId": fresh.username}
    api.iam.update_access_key(**status, Status="Inactive")
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            api.iam.update_access_key(**status, Status="Active")

    late = replace(engine, pauses_seconds=(1.0, 2.0, 4.0))
    IssuedCredential(late, sleep=wait).apply(fresh, GivenVersions(now=current, admin=current))

    assert waited == [1.0, 2.0]


def test_key_that_never_is_known_is_given_up(api: LiveApi, engine: Iam, user: str) -> None:
    current = credential(user, key_of(api, user))
    fresh = replace(current, username="AKIANEVERKNOWN123456")
    waited: list[float] = []

    with pytest.raises(LoginRefusedError):
        IssuedCredential(replace(engine, pauses_seconds=(1.0, 2.0)), sleep=waited.append).apply(
            fresh, GivenVersions(now=current, admin=current)
        )

    assert waited == [1.0, 2.0]


def test_endpoint_that_does_not_answer_is_named(api: LiveApi, user: str) -> None:
    engine = Iam(endpoint_url="http://127.0.0.1:1", region=REGION)

    with (
        pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"),
        engine.login(credential(user, key_of(api, user))),
    ):
        pass


def test_package_rotates_in_the_sandbox_of_the_server_whose_users_they_are(
    api: LiveApi, user: str
) -> None:
    arn = api.iam.get_user(UserName=user)["User"]["Arn"]
    own = json.dumps(policy(allow(OWN_KEYS, arn)))
    api.iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=own)
    value = json.dumps(document(user, key_of(api, user)))
    live = Bench(api, api.secrets.create_secret(Name="a", SecretString=value)["VersionId"])
    function = deploy(
        api.functions,
        Wanted(
            name=unique("packaged"),
            zipped=build(find_template("iam", "dual-credential"), HERE),
            runtime=HERE.runtime,
            architecture=HERE.architecture,
            description="",
            role_arn=live.make_role(),
        ),
        lambda _: None,
    ).arn
    for _ in range(3):
        live.rotate_to_the_end(function)

    current = json.loads(live.current())
    caller = api.acting_as(Caller(current["accessKeyId"], current["secretAccessKey"]))
    assert caller.sts.get_caller_identity()["Arn"] == arn
    assert len(keys_of(api, user)) == 2
