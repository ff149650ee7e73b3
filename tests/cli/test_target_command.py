"""``keyturn target``: what the operator names, boto3 and the AWS CLI read from a live server."""

from collections.abc import Callable, Iterator
import json
import os
from pathlib import Path
import subprocess
import sys
from typing import Any

import pytest

from support.keyturn_server import KeyturnServer
from support.live_api import ACCOUNT, Caller, LiveApi, allow, policy, refusal, unique_region

pytestmark = pytest.mark.server

Run = Callable[..., "subprocess.CompletedProcess[str]"]

AWS = Path(sys.executable).with_name("aws")
COMMAND_SECONDS_MAX = 120
ORDERS = ("orders", "--engine", "postgres", "--host", "db.internal", "--port", "5432")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyturnServer]:
    folder = tmp_path_factory.mktemp("targets") / "data"
    with KeyturnServer.start(folder, arguments=("--api-processes", "1")) as started:
        yield started


@pytest.fixture
def api(server: KeyturnServer) -> Iterator[LiveApi]:
    keys = server.environment()
    caller = Caller(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"])
    live = LiveApi(server.endpoint, caller, unique_region())
    yield live
    live.close()


class Operator:
    """The command line on the server's machine, in a region of its own."""

    def __init__(self, run: Run, server: KeyturnServer, region: str) -> None:
        self._run = run
        self._where = ("--data-dir", str(server.data_dir))
        self.region = region

    def target(self, verb: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._run("target", verb, *arguments, "--region", self.region, *self._where)

    def done(self, verb: str, *arguments: str) -> str:
        done = self.target(verb, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def listed(self, *arguments: str) -> str:
        return self._run("target", "list", *arguments, *self._where).stdout

    def documents(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.listed("--json"))
        return [each for each in found if self.region in each["Arn"]]


@pytest.fixture
def operator(keyturn: Run, server: KeyturnServer, api: LiveApi) -> Operator:
    return Operator(keyturn, server, api.region)


def arn(operator: Operator, name: str, word: str = "db") -> str:
    return f"arn:aws:rds:{operator.region}:{ACCOUNT}:{word}:{name}"


def tags_of(api: LiveApi, secret: str) -> dict[str, str]:
    tags = api.secrets.describe_secret(SecretId=secret).get("Tags", [])
    return {tag["Key"]: tag["Value"] for tag in tags}


def test_instance_that_is_added_is_described_at_once(api: LiveApi, operator: Operator) -> None:
    told = operator.done("add", *ORDERS)

    rds = api.client("rds")
    assert told == f"{arn(operator, 'orders')} is at db.internal:5432.\n"
    for identifier in ("orders", "ORDERS", arn(operator, "orders")):
        [found] = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
        assert found["Endpoint"] == {"Address": "db.internal", "Port": 5432}
        assert found["Engine"] == "postgres"
    with pytest.raises(rds.exceptions.DBInstanceNotFoundFault):
        rds.describe_db_instances(DBInstanceIdentifier="nothing")


def test_cluster_is_described_with_its_members(api: LiveApi, operator: Operator) -> None:
    aurora = ("--engine", "aurora-mysql", "--port", "3306", "--host")
    operator.done(
        *("add", "Shop", "--kind", "db-cluster", *aurora, "shop.db", "--reader-host", "shop-ro.db")
    )
    operator.done("add", "shop-1", *aurora, "one.db", "--cluster", "SHOP", "--writer")
    operator.done("add", "shop-2", *aurora, "two.db", "--cluster", "shop")

    [found] = api.client("rds").describe_db_clusters(DBClusterIdentifier="shop")["DBClusters"]

    assert (found["Endpoint"], found["ReaderEndpoint"]) == ("shop.db", "shop-ro.db")
    members = {
        each["DBInstanceIdentifier"]: each["IsClusterWriter"] for each in found["DBClusterMembers"]
    }
    assert members == {"shop-1": True, "shop-2": False}


def test_boto3_pages_through_all_instances(api: LiveApi, operator: Operator) -> None:
    for number in range(3):
        operator.done("add", f"t{number}", *ORDERS[1:])
    rds = api.client("rds")

    pages = rds.get_paginator("describe_db_instances").paginate()

    names = [each["DBInstanceIdentifier"] for page in pages for each in page["DBInstances"]]
    assert names == ["t0", "t1", "t2"]


def test_cluster_of_redshift_is_described(api: LiveApi, operator: Operator) -> None:
    operator.done(
        *("add", "facts", "--kind", "redshift-cluster", "--engine", "redshift"),
        *("--host", "facts.db", "--port", "5439"),
    )

    found = api.client("redshift").describe_clusters(ClusterIdentifier="facts")

    assert found["Clusters"][0]["Endpoint"] == {"Address": "facts.db", "Port": 5439}


def test_workgroup_of_redshift_is_found_by_its_namespace(api: LiveApi, operator: Operator) -> None:
    operator.done(
        *("add", "visits", "--kind", "redshift-serverless", "--engine", "redshift"),
        *("--host", "visits.db", "--port", "5439"),
    )
    api.secrets.create_secret(Name="admin")
    operator.done("link", "admin", "visits")
    redshift = api.client("redshift-serverless")

    [namespace] = redshift.list_namespaces(maxResults=100)["namespaces"]
    [workgroup] = redshift.list_workgroups(maxResults=100)["workgroups"]

    linked = {"aws:redshift-serverless:namespaceArn": namespace["namespaceArn"]}
    assert tags_of(api, "admin") == linked
    assert workgroup["namespaceName"] == namespace["namespaceName"]
    assert workgroup["endpoint"] == {"address": "visits.db", "port": 5439}


def test_aws_cli_reads_a_target(api: LiveApi, operator: Operator, tmp_path: Path) -> None:
    operator.done("add", *ORDERS)
    query = "DBInstances[].[DBInstanceIdentifier,Endpoint.Address,Endpoint.Port]"

    done = subprocess.run(
        [str(AWS), "rds", "describe-db-instances", "--query", query, "--output", "text"],
        env={
            **os.environ,  # noqa: TID251 - what a shell passes on
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": api.endpoint,
            "AWS_ACCESS_KEY_ID": api.caller.access_key_id,
            "AWS_SECRET_ACCESS_KEY": api.caller.secret_access_key,
            "AWS_DEFAULT_REGION": api.region,
            "AWS_PAGER": "",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS_MAX,
    )

    assert (done.returncode, done.stdout) == (0, "orders\tdb.internal\t5432\n"), done.stderr


def test_who_may_not_describe_is_told_the_arn(api: LiveApi, operator: Operator) -> None:
    operator.done("add", *ORDERS)
    mine = api.user(policy(allow("rds:DescribeDBInstances", arn(operator, "orders"))))
    rds = mine.client("rds")

    assert rds.describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"]
    status, code, text = refusal(rds.describe_db_instances)

    assert (status, code) == (403, "AccessDenied")
    assert f"rds:DescribeDBInstances on resource: {arn(operator, '*')}" in text


def test_operation_that_is_not_served_says_so(api: LiveApi) -> None:
    refused = refusal(api.client("rds").describe_db_snapshots)

    assert refused[1] == "UnknownOperationException"


def test_targets_are_listed_changed_and_removed(api: LiveApi, operator: Operator) -> None:
    operator.done("add", *ORDERS)
    operator.done("add", "copy", *ORDERS[1:4], "copy.db", *ORDERS[5:], "--replica-of", "Orders")

    exists = operator.target("add", *ORDERS)
    operator.done("add", *ORDERS[:4], "moved.db", *ORDERS[5:], "--replace")
    in_use = operator.target("remove", "orders")

    line = next(
        each.split() for each in operator.listed().splitlines() if f"{operator.region}  " in each
    )
    assert line == [
        *(ACCOUNT, operator.region, "db-instance", "copy", "postgres", "copy.db:5432"),
        *("replica", "of", "orders"),
    ]
    assert operator.documents()[1] == {
        "Arn": arn(operator, "orders"),
        "Kind": "db-instance",
        "Name": "orders",
        "Engine": "postgres",
        "Host": "moved.db",
        "Port": 5432,
        "ReaderHost": None,
        "Cluster": None,
        "Writer": False,
        "ReplicaOf": None,
    }
    assert (exists.returncode, in_use.returncode) == (1, 1)
    assert "--replace" in exists.stderr
    assert "copy says to be of it" in in_use.stderr
    assert operator.done("remove", "copy") == f"{arn(operator, 'copy')} is removed.\n"
    operator.done("remove", "ORDERS")
    assert api.client("rds").describe_db_instances()["DBInstances"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("a_b", *ORDERS[1:]),
        (*ORDERS[:-1], "70000"),
        (*ORDERS, "--writer"),
        (*ORDERS, "--kind", "table"),
        ORDERS[:-2],
    ],
)
def test_target_that_can_not_be_is_a_wrong_command(
    operator: Operator, arguments: tuple[str, ...]
) -> None:
    done = operator.target("add", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert operator.documents() == []


def test_secret_is_linked_by_a_system_tag_that_only_the_operator_sets(
    api: LiveApi, operator: Operator
) -> None:
    operator.done("add", *ORDERS)
    made = api.secrets.create_secret(Name="admin", Tags=[{"Key": "team", "Value": "a"}])

    told = operator.done("link", "admin", "orders")

    key, value = "aws:rds:primaryDBInstanceArn", arn(operator, "orders")
    assert told == f"{made['ARN']} is for {value}.\n"
    assert tags_of(api, "admin") == {"team": "a", key: value}
    forged = [{"Key": key, "Value": "arn:aws:rds:us-east-1:123456789012:db:mine"}]
    for refused in (
        refusal(api.secrets.tag_resource, SecretId="admin", Tags=forged),
        refusal(api.secrets.untag_resource, SecretId="admin", TagKeys=[key]),
        refusal(api.secrets.create_secret, Name="other", Tags=forged),
    ):
        assert refused[1] == "InvalidParameterException"
    api.secrets.untag_resource(SecretId="admin", TagKeys=["team"])
    assert tags_of(api, "admin") == {key: value}
    assert operator.done("unlink", "admin") == f"{made['ARN']} is for no target.\n"
    assert tags_of(api, "admin") == {}


def test_link_needs_a_secret_and_one_target(api: LiveApi, operator: Operator) -> None:
    operator.done("add", *ORDERS)
    operator.done("add", *ORDERS, "--kind", "db-cluster")
    api.secrets.create_secret(Name="admin")

    no_secret = operator.target("link", "nothing", "orders")
    no_target = operator.target("link", "admin", "nothing")
    ambiguous = operator.target("link", "admin", "orders")
    operator.done("link", "admin", "orders", "--kind", "db-cluster")

    assert [each.returncode for each in (no_secret, no_target, ambiguous)] == [1, 1, 1]
    assert "There is no secret nothing" in no_secret.stderr
    assert "There is no target nothing" in no_target.stderr
    assert "say which with --kind" in ambiguous.stderr
    assert tags_of(api, "admin") == {
        "aws:rds:primaryDBClusterArn": arn(operator, "orders", "cluster")
    }


def test_replica_s_link_is_its_primary_s(
    api: LiveApi, keyturn: Run, server: KeyturnServer
) -> None:
    far = Operator(keyturn, server, unique_region())
    far.done("add", *ORDERS)
    api.secrets.create_secret(
        Name="admin", SecretString="x", AddReplicaRegions=[{"Region": far.region}]
    )

    done = far.target("link", "admin", "orders")

    assert (done.returncode, done.stdout) == (1, "")
    assert "is a replica" in done.stderr


def test_nobody_names_targets_where_no_server_has_run(keyturn: Run, tmp_path: Path) -> None:
    done = keyturn("target", "add", *ORDERS, "--data-dir", str(tmp_path / "none"))

    assert done.returncode == 1
    assert "No server has run" in done.stderr
