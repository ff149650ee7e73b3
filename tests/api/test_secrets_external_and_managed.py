"""Secrets that a partner of AWS holds, against a running server; and those that a service of AWS
made, which no request can make, on a store of their own.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/managed-external-secrets.html
and https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html
"""

from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any

import pytest

from keyturn.api.calls import AuthorisedCall
from keyturn.api.secretsmanager.batch import Batch
from keyturn.api.secretsmanager.catalogue import Catalogue
from keyturn.api.secretsmanager.listing import Listing
from keyturn.api.secretsmanager.policies import Policies
from keyturn.api.secretsmanager.replicas import Replication
from keyturn.api.secretsmanager.resources import SecretResources
from keyturn.api.secretsmanager.rotating import Rotating
from keyturn.api.secretsmanager.table import Parts, secrets_manager
from keyturn.api.secretsmanager.tags import Tagging
from keyturn.api.secretsmanager.values import Values
from keyturn.api.secretsmanager.version_ids import VersionIds
from keyturn.functions.permission import SecretsManagerGate
from keyturn.model.errors import ServiceError
from keyturn.model.plaintext import Plaintext
from keyturn.model.secret import SecretValue
from keyturn.secrets import lifecycle, versions
from support.iam_bench import ACCOUNT, IamBench
from support.live_api import LiveApi, Refusal, allow, policy, refusal, token
from support.live_rotation import Bench

PARTNER = "SalesforceClientSecret"
METADATA = [{"Key": "adminSecret", "Value": "of the shop"}, {"Key": "appId", "Value": "7"}]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/partner"
NO_PARTNER = (
    400,
    "InvalidParameterException",
    "Only a managed external secret, one with a Type, has external rotation settings.",
)


def described(api: LiveApi) -> dict[str, Any]:
    members = dict(api.secrets.describe_secret(SecretId="a"))
    del members["ResponseMetadata"]
    return members


def listed(api: LiveApi) -> dict[str, Any]:
    (entry,) = api.secrets.list_secrets()["SecretList"]
    return dict(entry)


def rotate(api: LiveApi, **members: Any) -> dict[str, Any]:  # noqa: ANN401 - as boto3 takes them
    newest: Any = api.secrets  # what botocore has, and its types don't yet
    answer: dict[str, Any] = newest.rotate_secret(SecretId="a", **members)
    del answer["ResponseMetadata"]
    return answer


def refused_rotation(api: LiveApi, **members: Any) -> Refusal:  # noqa: ANN401 - as boto3 takes them
    return refusal(lambda: rotate(api, **members))


def make_external(api: LiveApi) -> str:
    """Make a secret ``a`` that a partner holds, with the value ``x``; return its version's id."""
    newest: Any = api.secrets
    return str(newest.create_secret(Name="a", SecretString="x", Type=PARTNER)["VersionId"])


@pytest.mark.server
def test_partner_is_stored_and_shown(api: LiveApi) -> None:
    make_external(api)

    assert described(api)["Type"] == listed(api)["Type"] == PARTNER


@pytest.mark.server
@pytest.mark.parametrize("given", [{}, {"Type": ""}])
def test_secret_that_no_partner_holds_has_no_type(api: LiveApi, given: dict[str, str]) -> None:
    newest: Any = api.secrets
    newest.create_secret(Name="a", **given)

    assert "Type" not in described(api)
    assert "Type" not in listed(api)


@pytest.mark.server
def test_partner_is_set_changed_and_taken_away_without_a_new_version(api: LiveApi) -> None:
    created = api.secrets.create_secret(Name="a", SecretString="x")
    newest: Any = api.secrets
    seen = []

    for partner in (PARTNER, "Other", ""):
        answer = newest.update_secret(SecretId="a", Type=partner)
        seen.append((described(api).get("Type"), "VersionId" in answer))

    assert seen == [(PARTNER, False), ("Other", False), (None, False)]
    assert described(api)["VersionIdsToStages"] == {created["VersionId"]: ["AWSCURRENT"]}


@pytest.mark.server
def test_partner_s_name_of_257_characters_is_refused(api: LiveApi) -> None:
    newest: Any = api.secrets

    refused = refusal(lambda: newest.create_secret(Name="a", Type="t" * 257))
    newest.create_secret(Name="a", Type="t" * 256)

    assert refused[:2] == (400, "ValidationException")
    assert described(api)["Type"] == "t" * 256


@pytest.mark.server
def test_partner_decides_who_may_read(api: LiveApi) -> None:
    make_external(api)
    condition = {"StringEquals": {"secretsmanager:resource/Type": PARTNER}}
    reader = {**allow("secretsmanager:GetSecretValue"), "Condition": condition}
    user = api.user(policy(reader))
    api.secrets.create_secret(Name="b", SecretString="y")

    assert user.secrets.get_secret_value(SecretId="a")["SecretString"] == "x"
    assert refusal(user.secrets.get_secret_value, SecretId="b")[1] == "AccessDeniedException"


@pytest.mark.server
def test_settings_of_a_partner_s_rotation_are_kept_and_shown(api: LiveApi) -> None:
    version_id = make_external(api)

    answer = rotate(
        api,
        ExternalSecretRotationMetadata=METADATA,
        ExternalSecretRotationRoleArn=ROLE,
        RotationRules={"ScheduleExpression": "rate(10 days)", "Duration": "3h"},
        RotateImmediately=False,
    )

    assert answer == {"ARN": described(api)["ARN"], "Name": "a"}
    for shown in (described(api), listed(api)):
        assert shown["ExternalSecretRotationMetadata"] == METADATA
        assert shown["ExternalSecretRotationRoleArn"] == ROLE
        assert shown["RotationEnabled"] is False
        assert shown["RotationRules"]["ScheduleExpression"] == "rate(10 days)"
        assert shown["RotationRules"]["Duration"] == "3h"
        assert not {"RotationLambdaARN", "NextRotationDate", "LastRotatedDate"} & set(shown)
    assert described(api)["VersionIdsToStages"] == {version_id: ["AWSCURRENT"]}


@pytest.mark.server
def test_settings_that_are_not_given_stay_as_they_are(api: LiveApi) -> None:
    make_external(api)
    rotate(
        api,
        ExternalSecretRotationMetadata=METADATA,
        ExternalSecretRotationRoleArn=ROLE,
        RotationRules={"AutomaticallyAfterDays": 10},
        RotateImmediately=False,
    )

    rotate(api, ExternalSecretRotationRoleArn=f"{ROLE}-2", RotateImmediately=False)
    rotate(api, RotateImmediately=False)

    shown = described(api)
    assert shown["ExternalSecretRotationMetadata"] == METADATA
    assert shown["ExternalSecretRotationRoleArn"] == f"{ROLE}-2"
    assert shown["RotationRules"] == {"AutomaticallyAfterDays": 10}


@pytest.mark.server
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"RotateImmediately": True},
        {"RotationRules": {"AutomaticallyAfterDays": 10}},
        {"ExternalSecretRotationMetadata": METADATA, "ExternalSecretRotationRoleArn": ROLE},
    ],
    ids=["nothing", "immediately", "rules", "settings"],
)
def test_rotation_at_the_partner_s_is_refused_in_words_and_stores_nothing(
    api: LiveApi, given: dict[str, Any]
) -> None:
    make_external(api)
    before = described(api)

    assert refused_rotation(api, **given) == (
        400,
        "InvalidRequestException",
        f"Keyturn can't rotate a secret of type {PARTNER}.",
    )
    assert described(api) == before


@pytest.mark.server
@pytest.mark.parametrize("is_immediate", [False, True])
@pytest.mark.parametrize(
    "given",
    [
        {"ExternalSecretRotationMetadata": METADATA},
        {"ExternalSecretRotationMetadata": []},
        {"ExternalSecretRotationRoleArn": ROLE},
    ],
    ids=["metadata", "no metadata", "role"],
)
def test_settings_for_a_secret_that_no_partner_holds_are_refused(
    api: LiveApi, given: dict[str, Any], is_immediate: bool
) -> None:
    api.secrets.create_secret(Name="a", SecretString="x")
    before = described(api)

    assert refused_rotation(api, RotateImmediately=is_immediate, **given) == NO_PARTNER
    assert described(api) == before


@pytest.mark.server
@pytest.mark.parametrize(
    ("given", "code"),
    [
        (
            {"RotationRules": {"AutomaticallyAfterDays": 1, "ScheduleExpression": "rate(1 day)"}},
            "InvalidParameterException",
        ),
        ({"RotationRules": {"ScheduleExpression": "rate(1 hour)"}}, "InvalidParameterException"),
        ({"ExternalSecretRotationRoleArn": "role"}, "ValidationException"),
        (
            {"ExternalSecretRotationMetadata": [{"Key": "k", "Value": "v" * 2_049}]},
            "ValidationException",
        ),
        ({"ExternalSecretRotationMetadata": [{"Key": "", "Value": "v"}]}, "ValidationException"),
    ],
    ids=["both rules", "too often", "short role", "long value", "empty key"],
)
def test_bad_settings_are_refused_and_nothing_is_stored(
    api: LiveApi, given: dict[str, Any], code: str
) -> None:
    make_external(api)
    before = described(api)
    settings = {"ExternalSecretRotationMetadata": METADATA, **given, "RotateImmediately": False}

    assert refused_rotation(api, **settings)[:2] == (400, code)
    assert described(api) == before


@pytest.mark.server
def test_rotation_at_the_partner_s_is_turned_off_like_any_other(api: LiveApi) -> None:
    make_external(api)
    rotate(api, ExternalSecretRotationMetadata=METADATA, RotateImmediately=False)

    answer = api.post("CancelRotateSecret", {"SecretId": "a"}).document

    assert set(answer) == {"ARN", "Name"}
    assert described(api)["RotationEnabled"] is False
    assert described(api)["ExternalSecretRotationMetadata"] == METADATA


@pytest.mark.server
def test_partner_and_function_together_are_refused_and_nothing_is_stored(api: LiveApi) -> None:
    make_external(api)
    before = described(api)

    refused = refused_rotation(
        api,
        RotationLambdaARN=f"arn:aws:lambda:{api.region}:{ACCOUNT}:function:rotate",
        ExternalSecretRotationMetadata=[{"Key": "k", "Value": "v"}],
        RotateImmediately=False,
    )

    assert refused == (
        400,
        "InvalidParameterException",
        "You can't use RotationLambdaARN in conjunction with external secret rotation settings.",
    )
    assert described(api) == before


@pytest.mark.server
def test_role_for_a_partner_must_be_one_that_the_caller_may_pass(api: LiveApi) -> None:
    make_external(api)
    role = f"arn:aws:iam::{ACCOUNT}:role/partner"
    user = api.user(policy(allow("secretsmanager:*")))

    refused = refused_rotation(user, ExternalSecretRotationRoleArn=role, RotateImmediately=False)

    assert refused[:2] == (400, "AccessDeniedException")
    assert f"is not authorized to perform: iam:PassRole on resource: {role}" in refused[2]
    assert "ExternalSecretRotationRoleArn" not in described(api)


@pytest.mark.server
def test_partner_that_is_taken_away_takes_its_settings_with_it(api: LiveApi) -> None:
    make_external(api)
    rotate(
        api,
        ExternalSecretRotationMetadata=[{"Key": "k", "Value": "v"}],
        RotateImmediately=False,
    )

    api.secrets.update_secret(SecretId="a", Type="")

    assert not {"Type", "ExternalSecretRotationMetadata"} & set(described(api))


@pytest.mark.server
def test_settings_need_the_permission_to_rotate(api: LiveApi) -> None:
    make_external(api)
    user = api.user(policy(allow("secretsmanager:DescribeSecret")))

    answer = refused_rotation(
        user, ExternalSecretRotationMetadata=METADATA, RotateImmediately=False
    )

    assert answer[1] == "AccessDeniedException"
    assert "ExternalSecretRotationMetadata" not in described(api)


@pytest.mark.server
def test_partner_s_secret_with_a_function_rotates_like_any_other_until_its_partner_shall(
    api: LiveApi,
) -> None:
    version_id = api.secrets.create_secret(Name="a", SecretString="old", **_type())["VersionId"]
    bench = Bench(api, version_id)

    announced = bench.rotate(bench.make_function())
    bench.wait_until_rotated(announced)
    again = rotate(api)["VersionId"]
    bench.wait_until_rotated(again)
    rotated = described(api)
    rotate(api, ExternalSecretRotationMetadata=METADATA, RotateImmediately=False)

    assert rotated["Type"] == PARTNER
    assert rotated["RotationEnabled"] is True
    assert rotated["VersionIdsToStages"] == {announced: ["AWSPREVIOUS"], again: ["AWSCURRENT"]}
    assert described(api)["RotationEnabled"] is False
    assert "NextRotationDate" not in described(api)
    assert described(api)["VersionIdsToStages"] == rotated["VersionIdsToStages"]


def _type() -> Any:  # noqa: ANN401 - a member that boto3's types don't have yet
    return {"Type": PARTNER}


@pytest.mark.server
def test_no_request_can_name_an_owning_service(api: LiveApi) -> None:
    body = {"Name": "a", "ClientRequestToken": token(), "OwningService": "rds"}

    api.post("CreateSecret", body)

    assert "OwningService" not in described(api)


NAME = "rds!db-1"
MANAGED = (
    "InvalidRequestException",
    (
        "You can't perform this operation on the secret because it is managed by rds. Use that "
        "service to change it."
    ),
)


class ManagedBench:
    """Secrets Manager's handlers on a store of their own, asked by the administrator."""

    def __init__(self, folder: Path) -> None:
        self._iam = IamBench(folder)
        self._api = secrets_manager(_parts(self._iam))
        self._operations = {operation.name: operation for operation in self._api.operations}
        self._caller = self._iam.administrator()
        self._make_managed()

    def ask(self, name: str, **members: Any) -> dict[str, Any]:  # noqa: ANN401 - as boto3 takes them
        """Return the members of the answer; a refusal is raised."""
        call = AuthorisedCall(
            caller=self._caller,
            region="us-east-1",
            request_id="request",
            received_at=self._iam.clock.now(),
            source_ip="127.0.0.1",
            params=members,
        )
        answer = self._operations[name].handler(call)
        return {name: member for name, member in answer.items() if member is not None}

    def refused(self, name: str, **members: Any) -> tuple[str, str]:  # noqa: ANN401 - as boto3 takes them
        """Return the code and the text of the error that a call meets."""
        with pytest.raises(ServiceError) as caught:
            self.ask(name, SecretId=NAME, **members)
        fault = self._api.fault_of(caught.value)
        assert fault is not None
        return fault.code, fault.message

    def described(self) -> dict[str, Any]:
        return self.ask("DescribeSecret", SecretId=NAME)

    def close(self) -> None:
        self._iam.database.close()

    def _make_managed(self) -> None:
        value = SecretValue("string", Plaintext(b"x"))
        new = lifecycle.NewSecret(
            account=ACCOUNT,
            region="us-east-1",
            name=NAME,
            first_version=versions.NewVersion(token=token(), value=value),
            description="of a database",
            kms_key_id=None,
            tags=None,
            owning_service="rds",
        )
        with self._iam.database.write() as connection:
            lifecycle.create(connection, self._iam.keyring, new, self._iam.clock.now())


def _parts(iam: IamBench) -> Parts:
    database, keyring, authority = iam.database, iam.keyring, iam.authority
    resources, values = SecretResources(database), Values(database, keyring)
    listing, gate = Listing(database, keyring), SecretsManagerGate(database)
    return Parts(
        resources=resources,
        batch=Batch(values, listing, resources, authority),
        catalogue=Catalogue(database, keyring, authority),
        listing=listing,
        policies=Policies(database, keyring, authority),
        replication=Replication(database, keyring, authority),
        rotating=Rotating(database, keyring, authority, gate, lambda: None),
        tagging=Tagging(database, authority),
        values=values,
        version_ids=VersionIds(database, keyring),
    )


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[ManagedBench]:
    bench = ManagedBench(tmp_path)
    yield bench
    bench.close()


def test_managed_secret_shows_who_manages_it(managed: ManagedBench) -> None:
    filters = [{"Key": "owning-service", "Values": ["rds"]}]

    (entry,) = managed.ask("ListSecrets", Filters=filters)["SecretList"]

    assert managed.described()["OwningService"] == entry["OwningService"] == "rds"


def test_managed_secret_is_read_like_any_other(managed: ManagedBench) -> None:
    assert managed.ask("GetSecretValue", SecretId=NAME)["SecretString"] == "x"


WRITES: dict[str, dict[str, Any]] = {
    "PutSecretValue": {"SecretString": "y"},
    "UpdateSecret with SecretString": {"SecretString": "y"},
    "UpdateSecret with SecretBinary": {"SecretBinary": b"y"},
    "UpdateSecret with Description": {"Description": "y"},
    "UpdateSecret with KmsKeyId": {"KmsKeyId": "alias/y"},
    "UpdateSecret with Type": {"Type": PARTNER},
    "UpdateSecretVersionStage": {"VersionStage": "blue", "MoveToVersionId": token()},
    "RotateSecret": {
        "RotationLambdaARN": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f",
    },
    "CancelRotateSecret": {},
    "DeleteSecret": {},
    "DeleteSecret by force": {"ForceDeleteWithoutRecovery": True},
}


@pytest.mark.parametrize("name", WRITES)
def test_managed_secret_is_its_service_s_to_change(managed: ManagedBench, name: str) -> None:
    before = managed.described()
    operation, members = name.split(maxsplit=1)[0], dict(WRITES[name])
    if operation in ("PutSecretValue", "UpdateSecret", "RotateSecret"):
        members["ClientRequestToken"] = token()

    assert managed.refused(operation, **members) == MANAGED
    assert managed.described() == before


def test_tags_and_policy_of_a_managed_secret_are_its_account_s(managed: ManagedBench) -> None:
    statement = {**allow("secretsmanager:GetSecretValue"), "Principal": {"AWS": ACCOUNT}}
    document = json.dumps(policy(statement))

    managed.ask("TagResource", SecretId=NAME, Tags=[{"Key": "Team", "Value": "shop"}])
    managed.ask("PutResourcePolicy", SecretId=NAME, ResourcePolicy=document)

    assert managed.described()["Tags"] == [{"Key": "Team", "Value": "shop"}]
    shown = managed.ask("GetResourcePolicy", SecretId=NAME)["ResourcePolicy"]
    assert json.loads(shown) == json.loads(document)
