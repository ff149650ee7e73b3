"""RDS's and Redshift's tables: what each operation tells, whom, and how it refuses."""

from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from keyturn.api.rds.table import rds_api
from keyturn.api.redshift.table import redshift_api
from keyturn.iam.principal import Principal
from keyturn.model.errors import NotAllowedError
from keyturn.model.target import Target
from keyturn.secrets import targets
from support.iam_bench import ACCOUNT, IamBench, policy
from support.target_words import REGION, cluster, member, target, warehouse

INSTANCES, CLUSTERS = "DescribeDBInstances", "DescribeDBClusters"
ORDERS = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:orders"
INVALID = (
    "is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII "
    "letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive "
    "hyphens."
)
# Each operation, the member that names a database, and that of its list.
OPERATIONS = {
    INSTANCES: ("DBInstanceIdentifier", "DBInstances", "rds", "db"),
    CLUSTERS: ("DBClusterIdentifier", "DBClusters", "rds", "cluster"),
    "DescribeClusters": ("ClusterIdentifier", "Clusters", "redshift", "cluster"),
}
MADE = {INSTANCES: target, CLUSTERS: cluster, "DescribeClusters": warehouse}


class RdsBench(IamBench):
    """RDS and Redshift beside IAM."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.services["rds"] = rds_api(self.database)
        self.services["redshift"] = redshift_api(self.database)

    def add(self, *wanted: Target) -> None:
        with self.database.write() as connection:
            for each in wanted:
                targets.add(connection, each)

    def who_may(self, *actions: str, resource: str = "*") -> Principal:
        return self.principal(self.user("ann", policy(*actions, resource=resource)))


@pytest.fixture
def bench(tmp_path: Path) -> RdsBench:
    return RdsBench(tmp_path)


@pytest.fixture
def ann(bench: RdsBench) -> Principal:
    return bench.who_may("rds:*", "redshift:*")


def names(found: dict[str, Any]) -> list[str]:
    return [each["DBInstanceIdentifier"] for each in found["DBInstances"]]


def filtered(name: str, *values: str) -> dict[str, Any]:
    return {"Filters": [{"Name": name, "Values": list(values)}]}


def test_instance_is_told_as_aws_functions_read_it(bench: RdsBench, ann: Principal) -> None:
    bench.add(target(), target("copy", replica_of="orders"))

    answer = bench.call(ann, INSTANCES, DBInstanceIdentifier="orders")

    [told] = answer["DBInstances"]
    assert told == {
        "DBInstanceIdentifier": "orders",
        "DBInstanceArn": ORDERS,
        "DBInstanceStatus": "available",
        "Engine": "postgres",
        "Endpoint": {"Address": "orders.db.internal", "Port": 5432},
        "ReadReplicaDBInstanceIdentifiers": ["copy"],
    }


def test_replica_names_its_source(bench: RdsBench, ann: Principal) -> None:
    bench.add(target(), target("copy", replica_of="orders"))

    [told] = bench.call(ann, INSTANCES, DBInstanceIdentifier="copy")["DBInstances"]

    assert told["ReadReplicaSourceDBInstanceIdentifier"] == "orders"


def test_cluster_is_told_with_its_endpoints_and_members(bench: RdsBench, ann: Principal) -> None:
    bench.add(cluster(), member("shop-1", is_writer=True), member("shop-2"))

    [told] = bench.call(ann, CLUSTERS, DBClusterIdentifier="shop")["DBClusters"]

    assert told == {
        "DBClusterIdentifier": "shop",
        "DBClusterArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:shop",
        "Status": "available",
        "Engine": "aurora-postgresql",
        "Endpoint": "shop.db.internal",
        "ReaderEndpoint": "shop-ro.db.internal",
        "Port": 5432,
        "DBClusterMembers": [
            {"DBInstanceIdentifier": "shop-1", "IsClusterWriter": True},
            {"DBInstanceIdentifier": "shop-2", "IsClusterWriter": False},
        ],
    }
    [first] = bench.call(ann, INSTANCES, DBInstanceIdentifier="shop-1")["DBInstances"]
    assert first["DBClusterIdentifier"] == "shop"


def test_cluster_of_redshift_is_told_with_its_endpoint(bench: RdsBench, ann: Principal) -> None:
    bench.add(warehouse())

    answer = bench.call(ann, "DescribeClusters", ClusterIdentifier="facts")

    assert answer["Clusters"][0]["Endpoint"] == {"Address": "facts.db.internal", "Port": 5439}


@pytest.mark.parametrize("identifier", ["ORDERS", ORDERS, ORDERS.replace("orders", "Orders")])
def test_instance_is_named_by_identifier_or_arn_in_any_case(
    bench: RdsBench, ann: Principal, identifier: str
) -> None:
    bench.add(target())

    assert names(bench.call(ann, INSTANCES, DBInstanceIdentifier=identifier)) == ["orders"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_list_has_all_of_a_kind_in_the_account_and_region(
    bench: RdsBench, ann: Principal, name: str
) -> None:
    member_name, listed, *_ = OPERATIONS[name]
    make = MADE[name]
    bench.add(
        *(make("b"), make("a"), make("c", region="eu-west-1"), make("d", account="210987654321"))
    )

    answer = bench.call(ann, name)

    assert [each[member_name] for each in answer[listed]] == ["a", "b"]
    assert "Marker" not in answer


@pytest.mark.parametrize("name", OPERATIONS)
def test_list_comes_in_pages_of_which_none_leaves_a_database_out(
    bench: RdsBench, ann: Principal, name: str
) -> None:
    member_name, listed, *_ = OPERATIONS[name]
    expected = [f"t{number:02}" for number in range(45)]
    bench.add(*map(MADE[name], expected))

    pages: list[list[str]] = []
    marker: dict[str, str] = {}
    while not pages or marker:
        answer = bench.call(ann, name, MaxRecords=20, **marker)
        pages.append([each[member_name] for each in answer[listed]])
        marker = {"Marker": answer["Marker"]} if "Marker" in answer else {}

    assert list(map(len, pages)) == [20, 20, 5]
    assert list(chain.from_iterable(pages)) == expected


def test_page_has_100_records_unless_fewer_are_asked_for(bench: RdsBench, ann: Principal) -> None:
    bench.add(*(target(f"t{number:03}") for number in range(101)))

    answer = bench.call(ann, INSTANCES)

    assert (len(answer["DBInstances"]), answer["Marker"]) == (100, "t099")


@pytest.mark.parametrize("most", [19, 101])
def test_page_of_another_length_is_refused(bench: RdsBench, ann: Principal, most: int) -> None:
    assert bench.fault(ann, INSTANCES, MaxRecords=most) == (
        "InvalidParameterValue",
        400,
        f"Invalid value {most} for MaxRecords. Must be between 20 and 100",
    )


def test_marker_that_no_page_ended_with_is_refused(bench: RdsBench, ann: Principal) -> None:
    assert bench.fault(ann, INSTANCES, Marker="no/marker")[:2] == ("InvalidParameterValue", 400)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (INSTANCES, ("DBInstanceNotFound", 404, "DBInstance nothing not found.")),
        (CLUSTERS, ("DBClusterNotFoundFault", 404, "DBCluster nothing not found.")),
        ("DescribeClusters", ("ClusterNotFound", 404, "Cluster nothing not found.")),
    ],
)
def test_database_that_nobody_named_is_not_found(
    bench: RdsBench, ann: Principal, name: str, expected: tuple[str, int, str]
) -> None:
    assert bench.fault(ann, name, **{OPERATIONS[name][0]: "nothing"}) == expected


def test_arn_of_another_region_is_not_found(bench: RdsBench, ann: Principal) -> None:
    bench.add(target(), target(region="eu-west-1"))
    arn = ORDERS.replace(REGION, "eu-west-1")

    assert bench.fault(ann, INSTANCES, DBInstanceIdentifier=arn)[0] == "DBInstanceNotFound"


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize(
    "identifier", ["", "a_b", "a--b", "*", "arn:aws:rds:us-east-1:123456789012:og:a", f"{ORDERS}:"]
)
def test_identifier_that_none_can_have_is_refused(
    bench: RdsBench, ann: Principal, name: str, identifier: str
) -> None:
    member_name = OPERATIONS[name][0]

    assert bench.fault(ann, name, **{member_name: identifier}) == (
        "InvalidParameterValue",
        400,
        f"The parameter {member_name} {INVALID}",
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (
            filtered("db-instance-id", "orders", ORDERS.replace("orders", "copy")),
            ["copy", "orders"],
        ),
        (filtered("db-cluster-id", "shop"), ["shop-1"]),
        (filtered("engine", "postgres"), ["copy", "orders"]),
        (filtered("domain", "d-1"), []),
        ({"DBInstanceIdentifier": "orders", **filtered("engine", "mysql")}, []),
    ],
)
def test_filters_let_through_what_has_one_of_their_values(
    bench: RdsBench, ann: Principal, asked: dict[str, Any], expected: list[str]
) -> None:
    bench.add(cluster(), member("shop-1"), target(), target("copy", replica_of="orders"))

    assert names(bench.call(ann, INSTANCES, **asked)) == expected


def test_clusters_are_filtered_too(bench: RdsBench, ann: Principal) -> None:
    bench.add(cluster(), cluster("till", engine="aurora-mysql"))

    by_engine = bench.call(ann, CLUSTERS, **filtered("engine", "aurora-mysql"))
    by_group = bench.call(ann, CLUSTERS, **filtered("clone-group-id", "x"))

    assert [each["DBClusterIdentifier"] for each in by_engine["DBClusters"]] == ["till"]
    assert by_group["DBClusters"] == []


def test_unknown_filter_is_refused(bench: RdsBench, ann: Principal) -> None:
    assert bench.fault(ann, INSTANCES, **filtered("colour", "red")) == (
        "InvalidParameterValue",
        400,
        "Unrecognized filter name: colour",
    )


def test_redshift_s_identifier_does_not_go_with_a_marker(bench: RdsBench, ann: Principal) -> None:
    asked = {"ClusterIdentifier": "facts", "Marker": "a"}

    assert bench.fault(ann, "DescribeClusters", **asked)[0] == "InvalidParameterCombination"


def test_clusters_of_redshift_have_no_tags(bench: RdsBench, ann: Principal) -> None:
    bench.add(warehouse())

    assert bench.call(ann, "DescribeClusters", TagKeys=["team"])["Clusters"] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_who_may_describe_one_database_may_describe_no_other_and_no_list(
    bench: RdsBench, name: str
) -> None:
    member_name, listed, service, word = OPERATIONS[name]
    bench.add(MADE[name]("mine"), MADE[name]("other"))
    prefix = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{word}:"
    ann = bench.who_may(f"{service}:{name}", resource=f"{prefix}mine")

    assert len(bench.call(ann, name, **{member_name: "mine"})[listed]) == 1
    for asked, resource in (({member_name: "other"}, "other"), ({}, "*")):
        with pytest.raises(NotAllowedError) as refused:
            bench.call(ann, name, **asked)
        assert refused.value.resource == f"{prefix}{resource}"


@pytest.mark.parametrize("name", OPERATIONS)
def test_who_may_do_all_else_may_not_do_this(bench: RdsBench, name: str) -> None:
    service = OPERATIONS[name][2]
    deny = policy(f"{service}:{name}", effect="Deny")
    ann = bench.principal(bench.user("ann", policy("*"), deny))

    assert bench.fault(ann, name)[:2] == ("AccessDenied", 403)


def test_database_of_another_account_is_nobody_s_to_describe(
    bench: RdsBench, ann: Principal
) -> None:
    bench.add(target(account="210987654321"))
    arn = ORDERS.replace(ACCOUNT, "210987654321")

    with pytest.raises(NotAllowedError):
        bench.call(ann, INSTANCES, DBInstanceIdentifier=arn)
