from pathlib import Path
from typing import Any

import pytest

from keyturn.model.target import Target, TargetKind
from keyturn.secrets import targets
from keyturn.secrets.targets import (
    TARGETS_PER_REGION_MAX,
    AmbiguousTargetError,
    TargetError,
    TargetExistsError,
    TargetInUseError,
    TargetNotFoundError,
    TooManyTargetsError,
)
from keyturn.store import targets as rows
from keyturn.store.database import Database
from support.iam_bench import ACCOUNT
from support.store import make_database
from support.target_words import REGION, cluster, member, target, warehouse, workgroup


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return make_database(tmp_path)


def add(database: Database, *wanted: Target, is_replacing: bool = False) -> None:
    with database.write() as connection:
        for each in wanted:
            targets.add(connection, each, is_replacing=is_replacing)


def remove(database: Database, wanted: Target) -> None:
    with database.write() as connection:
        targets.remove(connection, wanted)


def find(database: Database, name: str, kind: TargetKind | None = None) -> Target:
    with database.read() as connection:
        return targets.find(connection, ACCOUNT, REGION, name, kind)


def everywhere(database: Database) -> list[Target]:
    with database.read() as connection:
        return rows.everywhere(connection)


def test_target_is_found_as_it_was_added(database: Database) -> None:
    add(database, cluster(), member("shop-1", is_writer=True), target(), warehouse())

    assert find(database, "shop") == cluster()
    assert find(database, "Shop-1") == member("shop-1", is_writer=True)
    assert find(database, "orders", TargetKind.DB_INSTANCE) == target()
    assert find(database, "facts") == warehouse()


def test_each_kind_has_its_own_arn() -> None:
    assert [each.arn for each in (target(), cluster(), warehouse(), workgroup())] == [
        f"arn:aws:rds:{REGION}:{ACCOUNT}:db:orders",
        f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:shop",
        f"arn:aws:redshift:{REGION}:{ACCOUNT}:cluster:facts",
        f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:namespace/visits",
    ]


def test_ipv6_address_is_shown_in_brackets() -> None:
    assert [each.where for each in (target(host="::1"), target(host="h"))] == [
        "[::1]:5432",
        "h:5432",
    ]


def test_target_is_found_in_its_own_account_and_region_alone(database: Database) -> None:
    add(database, target(region="eu-west-1"), target(account="210987654321"))

    with pytest.raises(TargetNotFoundError, match="There is no target orders"):
        find(database, "orders")


def test_name_of_two_kinds_must_be_told_apart(database: Database) -> None:
    add(database, cluster(), target("shop"))

    assert find(database, "shop", TargetKind.DB_CLUSTER).kind is TargetKind.DB_CLUSTER
    with pytest.raises(AmbiguousTargetError, match="--kind"):
        find(database, "shop")


@pytest.mark.parametrize("name", ["a", "a1", "a-b-1", "a" * 63])
def test_names_of_rds_are_taken(name: str) -> None:
    targets.check(target(name, host="h"))


@pytest.mark.parametrize(
    "name", ["", "1a", "-a", "a-", "a--b", "a_b", "a.b", "A", "ä", "a\n", "a" * 64]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(TargetError, match="can't be the name"):
        targets.check(target(name, host="h"))


@pytest.mark.parametrize("host", ["db", "a.b-c.example", "10.0.0.1", "::1", "UPPER", "h" * 63])
def test_hosts_are_names_or_addresses(host: str) -> None:
    targets.check(target(host=host))


@pytest.mark.parametrize("host", ["", "a b", "http://a", "a:5432", "fe80::1%eth0", "a" * 254, "-"])
def test_other_hosts_are_refused(host: str) -> None:
    with pytest.raises(TargetError, match="IP address"):
        targets.check(target(host=host))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"port": 0}, "isn't a port"),
        ({"port": 65_536}, "isn't a port"),
        ({"engine": "Post gres"}, "isn't the name of an engine"),
        ({"engine": "redshift"}, "hasn't the engine redshift"),
        ({"reader_host": "ro"}, "Only a db-cluster"),
        ({"is_writer": True}, "--cluster"),
        ({"cluster": "shop", "replica_of": "orders"}, "no replica"),
        ({"replica_of": "orders"}, "itself"),
    ],
)
def test_instance_that_can_not_be_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(TargetError, match=why):
        targets.check(target(**fields))


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (cluster(reader_host="a b"), "IP address"),
        (cluster(cluster="other"), "Only a db-instance"),
        (cluster(replica_of="other"), "Only a db-instance"),
        (warehouse(engine="postgres"), "hasn't the engine postgres"),
        (warehouse(reader_host="ro"), "Only a db-cluster"),
        (workgroup(engine="postgres"), "hasn't the engine postgres"),
    ],
)
def test_cluster_that_can_not_be_is_refused(wanted: Target, why: str) -> None:
    with pytest.raises(TargetError, match=why):
        targets.check(wanted)


def test_target_is_replaced_only_on_demand(database: Database) -> None:
    add(database, target())
    moved = target(host="elsewhere")

    with pytest.raises(TargetExistsError, match=r"orders\.db\.internal:5432"):
        add(database, moved)
    add(database, moved, is_replacing=True)

    assert everywhere(database) == [moved]


@pytest.mark.parametrize("stray", [member("shop-1"), target("copy", replica_of="orders")])
def test_what_a_target_is_of_must_be_there(database: Database, stray: Target) -> None:
    with pytest.raises(TargetNotFoundError):
        add(database, stray)

    assert everywhere(database) == []


def test_what_a_target_is_of_has_the_same_engine(database: Database) -> None:
    add(database, target(), cluster())

    with pytest.raises(TargetError, match="postgres, and copy has mysql"):
        add(database, target("copy", engine="mysql", replica_of="orders"))
    with pytest.raises(TargetError, match="aurora-postgresql, and shop-1 has postgres"):
        add(database, member("shop-1", engine="postgres"))


def test_replicas_make_no_circle(database: Database) -> None:
    add(database, target("a"), target("b", replica_of="a"), target("c", replica_of="b"))

    with pytest.raises(TargetError, match="b is a replica of a itself"):
        add(database, target("a", replica_of="c"), is_replacing=True)


def test_cluster_has_one_writer(database: Database) -> None:
    add(database, cluster(), member("shop-1", is_writer=True), member("shop-2"))

    with pytest.raises(TargetError, match="a writer already, shop-1"):
        add(database, member("shop-2", is_writer=True), is_replacing=True)

    failed_over = (member("shop-1"), member("shop-2", is_writer=True))
    add(database, *failed_over, is_replacing=True)
    assert find(database, "shop-2").is_writer


def test_target_that_others_are_of_stays_and_keeps_its_engine(database: Database) -> None:
    add(database, cluster(), member("shop-1"), target(), target("copy", replica_of="orders"))

    with pytest.raises(TargetInUseError, match="shop-1"):
        remove(database, cluster())
    with pytest.raises(TargetInUseError, match="copy"):
        remove(database, target())
    with pytest.raises(TargetInUseError, match="another engine"):
        add(database, target(engine="mysql"), is_replacing=True)


def test_target_that_no_other_is_of_is_removed(database: Database) -> None:
    add(database, target(), warehouse(), workgroup())

    remove(database, target())
    remove(database, warehouse())
    remove(database, workgroup())

    assert everywhere(database) == []


def test_target_beyond_the_limit_of_a_region_is_refused(database: Database) -> None:
    with database.write() as connection:
        for number in range(TARGETS_PER_REGION_MAX):
            rows.put(connection, target(f"t{number}"))

    with pytest.raises(TooManyTargetsError, match="1000"):
        add(database, target())
    add(database, target("t1"), is_replacing=True)
    add(database, target(region="eu-west-1"))


def test_secret_is_linked_to_one_target_by_its_system_tag() -> None:
    linked = targets.linked({"team": "a"}, target())
    relinked = targets.linked(linked, cluster())

    assert linked == {"team": "a", "aws:rds:primaryDBInstanceArn": target().arn}
    assert relinked == {"team": "a", "aws:rds:primaryDBClusterArn": cluster().arn}
    assert targets.linked(relinked, None) == {"team": "a"}


def test_secret_that_was_never_tagged_stays_so_when_its_link_is_taken_back() -> None:
    assert targets.linked(None, None) is None
    assert targets.linked(None, warehouse()) == {"aws:redshift:primaryClusterArn": warehouse().arn}
    assert targets.linked(None, workgroup()) == {
        "aws:redshift-serverless:namespaceArn": workgroup().arn
    }
