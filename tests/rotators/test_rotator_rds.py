"""Secrets that name no host, and administrators of a replica's primary; RDS is a fake."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError
import pytest
from types_boto3_secretsmanager import SecretsManagerClient

from keyturn_rotators.credential import Credential
from keyturn_rotators.engines.postgres import Postgres
from keyturn_rotators.errors import (
    AdminSecretError,
    MissingKeyError,
    SecretValueError,
    WrongEngineError,
)
from keyturn_rotators.rds import Described, Endpoint, Rds, RdsError
from keyturn_rotators.versions import SecretVersions
from support.simulated_secretsmanager import SimulatedSecretsManager

ARN = "arn:aws:rds:us-east-1:123456789012"
INSTANCE_TAG, CLUSTER_TAG = "aws:rds:primaryDBInstanceArn", "aws:rds:primaryDBClusterArn"
LOGIN = {"username": "app", "password": "first"}
SUFFIX = "abc.us-east-1.rds.amazonaws.com"


def instance(name: str, **members: Any) -> dict[str, Any]:  # noqa: ANN401 - as RDS has them
    endpoint = {"Address": f"{name}.{SUFFIX}", "Port": 5432}
    return {"Endpoint": endpoint, "Engine": "postgres", **members}


SHOP: dict[str, Any] = {
    "Endpoint": f"shop.cluster-{SUFFIX}",
    "ReaderEndpoint": f"shop.cluster-ro-{SUFFIX}",
    "Port": 5432,
    "Engine": "aurora-postgresql",
    "DBClusterMembers": [
        {"DBInstanceIdentifier": "shop-1", "IsClusterWriter": True},
        {"DBInstanceIdentifier": "shop-2", "IsClusterWriter": False},
    ],
}
INSTANCES = {
    "orders": instance("orders"),
    "copy": instance("copy", ReadReplicaSourceDBInstanceIdentifier="orders"),
    "orphan": instance("orphan", ReadReplicaSourceDBInstanceIdentifier="gone"),
    "shop-1": instance("shop-1", DBClusterIdentifier="shop"),
    "shop-2": instance("shop-2", DBClusterIdentifier="shop"),
    "unborn": {"Engine": "postgres"},
}


@dataclass
class FakeRds:
    """What is asked of boto3's client, answered from what the test says there is.

    Attributes:
        refusal: raised instead of an answer.
        asked: every identifier that was asked for.
    """

    instances: dict[str, Any] = field(default_factory=lambda: dict(INSTANCES))
    clusters: dict[str, Any] = field(default_factory=lambda: {"shop": SHOP})
    refusal: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def describe_db_instances(self, **members: str) -> Described:
        found = self._find(self.instances, members["DBInstanceIdentifier"], "DBInstanceNotFound")
        return {"DBInstances": [found]}

    def describe_db_clusters(self, **members: str) -> Described:
        identifier = members["DBClusterIdentifier"]
        found = self._find(self.clusters, identifier, "DBClusterNotFoundFault")
        return {"DBClusters": [found]}

    def _find(self, among: dict[str, Any], identifier: str, code: str) -> object:
        self.asked.append(identifier)
        if self.refusal is not None:
            raise self.refusal
        name = identifier.rpartition(":")[2]
        if name not in among:
            raise ClientError({"Error": {"Code": code, "Message": "not found"}}, "Describe")
        return among[name]


@pytest.fixture
def fake() -> FakeRds:
    return FakeRds()


Read = Callable[..., SecretVersions]


@pytest.fixture
def read(
    fake: FakeRds, secrets_manager: SimulatedSecretsManager, client: SecretsManagerClient
) -> Read:
    """Return the versions of a new secret of this value, with these tags."""

    def versions(document: dict[str, Any], **tags: str) -> SecretVersions:
        arn = secrets_manager.create(document)
        secrets_manager.secrets[arn].tags.update(tags)
        return SecretVersions(
            client=client,
            secret_id=arn,
            token=secrets_manager.begin_rotation(arn),
            rotation_token=None,
            defaults=Postgres().defaults,
            rds=Rds(lambda: fake),
        )

    return versions


def denied() -> ClientError:
    return ClientError(
        {"Error": {"Code": "AccessDenied", "Message": "not authorized to perform: rds:Describe"}},
        "DescribeDBInstances",
    )


def at(host: str, port: int = 5432) -> Endpoint:
    return Endpoint(f"{host}.{SUFFIX}", port)


@pytest.mark.parametrize("tag", [INSTANCE_TAG, INSTANCE_TAG.lower()])
def test_secret_without_a_place_is_for_the_instance_of_its_tag(
    read: Read, fake: FakeRds, tag: str
) -> None:
    current = read(LOGIN, **{tag: f"{ARN}:db:orders"}).current()

    assert current.where == f"orders.{SUFFIX}:5432"
    assert fake.asked == [f"{ARN}:db:orders"]


def test_secret_without_a_place_is_for_the_cluster_of_its_tag(read: Read) -> None:
    current = read(LOGIN, **{CLUSTER_TAG: f"{ARN}:cluster:shop"}).current()

    assert current.where == f"shop.cluster-{SUFFIX}:5432"


def test_place_is_not_written_into_the_value(
    read: Read, secrets_manager: SimulatedSecretsManager
) -> None:
    versions = read({**LOGIN, "team": "a"}, **{INSTANCE_TAG: f"{ARN}:db:orders"})

    versions.store_pending(versions.current().with_password("second"))

    stored = secrets_manager.document(versions.secret_id, "AWSPENDING")
    assert stored == {"username": "app", "password": "second", "team": "a"}
    pending = versions.pending()
    assert pending is not None
    assert pending.where == versions.current().where


@pytest.mark.parametrize("key", ["engine", "host", "port"])
def test_secret_that_names_part_of_a_place_gets_no_other(
    read: Read, fake: FakeRds, key: str
) -> None:
    versions = read({**LOGIN, key: "postgres"}, **{INSTANCE_TAG: f"{ARN}:db:orders"})

    with pytest.raises(MissingKeyError):
        versions.current()

    assert fake.asked == []


def test_secret_with_neither_place_nor_tag_lacks_a_key(read: Read, fake: FakeRds) -> None:
    with pytest.raises(MissingKeyError, match="engine"):
        read(LOGIN, team="a").current()

    assert fake.asked == []


def test_database_of_another_engine_is_refused(read: Read, fake: FakeRds) -> None:
    fake.instances = {"orders": instance("orders", Engine="mysql")}

    with pytest.raises(WrongEngineError):
        read(LOGIN, **{INSTANCE_TAG: f"{ARN}:db:orders"}).current()


@pytest.mark.parametrize(
    ("name", "refusal", "why"),
    [
        ("orders", denied(), "AccessDenied.*rds:Describe"),
        ("orders", EndpointConnectionError(endpoint_url="http://x"), "RDS can't be asked"),
        ("nothing", None, "RDS has no .*:db:nothing"),
        ("unborn", None, "no endpoint yet"),
    ],
)
def test_why_a_place_is_not_known_is_told(
    read: Read, fake: FakeRds, name: str, refusal: Exception | None, why: str
) -> None:
    fake.refusal = refusal

    with pytest.raises(SecretValueError, match=f"The AWSCURRENT version can't be used.*{why}"):
        read(LOGIN, **{INSTANCE_TAG: f"{ARN}:db:{name}"}).current()


def with_admin(read: Read, name: str, **admin: Any) -> tuple[SecretVersions, Credential]:  # noqa: ANN401 - a value's keys
    """Return a secret's versions and its AWSCURRENT, at an instance; its admin is like this."""
    tags = admin.pop("tags", {})
    masterarn = read({"username": "master", "password": "m", **admin}, **tags).secret_id
    place = {"engine": "postgres", "host": f"{name}.{SUFFIX}", "port": 5432}
    versions = read({**LOGIN, **place, "masterarn": masterarn})
    return versions, versions.current()


def test_admin_secret_that_rds_made_is_of_the_place_of_its_tag(read: Read) -> None:
    tags = {INSTANCE_TAG: f"{ARN}:db:orders"}
    versions, current = with_admin(read, "orders", tags=tags)

    admin = versions.administrator(current)

    assert admin is not None
    assert (admin.username, admin.where) == ("master", current.where)


def test_admin_of_the_primary_is_the_replica_s(read: Read) -> None:
    tags = {INSTANCE_TAG: f"{ARN}:db:orders"}
    versions, current = with_admin(read, "copy", tags=tags)

    admin = versions.administrator(current)

    assert admin is not None
    assert admin.where == f"orders.{SUFFIX}:5432"


@pytest.mark.parametrize("refusal", [denied(), EndpointConnectionError(endpoint_url="http://x")])
def test_why_an_admin_s_place_is_not_known_is_told(
    read: Read, fake: FakeRds, refusal: Exception
) -> None:
    versions, current = with_admin(read, "orders", tags={INSTANCE_TAG: f"{ARN}:db:orders"})
    fake.refusal = refusal

    with pytest.raises(AdminSecretError, match="where its system tag leads isn't known"):
        versions.administrator(current)


def test_why_it_is_not_known_whether_a_host_is_a_replica_is_told(
    read: Read, fake: FakeRds
) -> None:
    place = {"engine": "postgres", "host": f"orders.{SUFFIX}"}
    versions, current = with_admin(read, "copy", **place)
    fake.refusal = denied()

    with pytest.raises(AdminSecretError, match=r"whether that is its replica isn't known.*Denied"):
        versions.administrator(current)


def test_admin_of_another_instance_is_refused(read: Read) -> None:
    versions, current = with_admin(read, "orders", engine="postgres", host=f"copy.{SUFFIX}")

    with pytest.raises(AdminSecretError, match=r"it is for copy\..* and the secret for orders\."):
        versions.administrator(current)


@pytest.mark.parametrize(
    ("replica", "primary", "expected"),
    [
        (at("copy"), at("orders"), True),
        (Endpoint(f"COPY.{SUFFIX}", 5432), at("orders"), True),
        (at("orders"), at("copy"), False),
        (at("copy", 5433), at("orders"), False),
        (at("copy"), at("orders", 5433), False),
        (at("shop-2"), at("shop-1"), True),
        (at("shop-2"), Endpoint(SHOP["Endpoint"], 5432), True),
        (at("shop-1"), at("shop-2"), False),
        (Endpoint(SHOP["ReaderEndpoint"], 5432), Endpoint(SHOP["Endpoint"], 5432), True),
        (Endpoint(SHOP["ReaderEndpoint"], 5432), at("shop-1"), True),
        (Endpoint(SHOP["ReaderEndpoint"], 5432), at("shop-2"), False),
        (Endpoint(SHOP["Endpoint"], 5432), at("orders"), False),
        (at("nothing"), at("orders"), False),
    ],
)
def test_replica_is_one_that_rds_says_is(
    fake: FakeRds, replica: Endpoint, primary: Endpoint, *, expected: bool
) -> None:
    assert Rds(lambda: fake).is_replica(replica, primary) is expected


def test_host_that_only_begins_like_a_replica_is_none(fake: FakeRds) -> None:
    # Whoever runs it lets any user in: the administrator would change whichever they name.
    assert not Rds(lambda: fake).is_replica(Endpoint("copy.evil.example", 5432), at("orders"))


def test_primary_that_only_begins_like_one_is_none(fake: FakeRds) -> None:
    assert not Rds(lambda: fake).is_replica(at("copy"), Endpoint("orders.evil.example", 5432))


@pytest.mark.parametrize("host", ["10.0.0.1", "::1", "a_b.example", "-", ""])
def test_host_that_can_be_none_of_rds_s_is_not_asked_for(fake: FakeRds, host: str) -> None:
    assert not Rds(lambda: fake).is_replica(Endpoint(host, 5432), at("orders"))
    assert fake.asked == []


def test_source_that_is_gone_is_told(fake: FakeRds) -> None:
    with pytest.raises(RdsError, match="RDS has no gone"):
        Rds(lambda: fake).is_replica(at("orphan"), at("orders"))
