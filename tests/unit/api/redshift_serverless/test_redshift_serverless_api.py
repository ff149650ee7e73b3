"""Redshift Serverless's table: what each operation tells, whom, and how it refuses."""

from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from keyturn.api.redshift_serverless.table import redshift_serverless_api
from keyturn.iam.principal import Principal
from keyturn.secrets import targets
from support.iam_bench import IamBench, policy
from support.target_words import warehouse, workgroup

SERVICE = "redshift-serverless"
OPERATIONS = {
    "ListNamespaces": ("namespaces", "namespaceName"),
    "ListWorkgroups": ("workgroups", "workgroupName"),
}


@pytest.fixture
def bench(tmp_path: Path) -> IamBench:
    bench = IamBench(tmp_path)
    bench.services[SERVICE] = redshift_serverless_api(bench.database)
    return bench


@pytest.fixture
def ann(bench: IamBench) -> Principal:
    return bench.principal(bench.user("ann", policy(f"{SERVICE}:*")))


def add(bench: IamBench, *names: str, **fields: Any) -> None:  # noqa: ANN401 - a target's fields
    with bench.database.write() as connection:
        for name in names:
            targets.add(connection, workgroup(name, **fields))


def test_target_is_a_namespace_and_its_workgroup(bench: IamBench, ann: Principal) -> None:
    add(bench, "visits")
    arn = workgroup().arn

    assert bench.call(ann, "ListNamespaces")["namespaces"] == [
        {"namespaceArn": arn, "namespaceName": "visits", "status": "AVAILABLE"}
    ]
    assert bench.call(ann, "ListWorkgroups")["workgroups"] == [
        {
            "workgroupArn": arn.replace("namespace/", "workgroup/"),
            "workgroupName": "visits",
            "namespaceName": "visits",
            "status": "AVAILABLE",
            "endpoint": {"address": "visits.db.internal", "port": 5439},
            "port": 5439,
        }
    ]


@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_of_another_kind_account_or_region_is_listed(
    bench: IamBench, ann: Principal, name: str
) -> None:
    add(bench, "a", region="eu-west-1")
    add(bench, "b", account="210987654321")
    with bench.database.write() as connection:
        targets.add(connection, warehouse())

    assert bench.call(ann, name)[OPERATIONS[name][0]] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_pages_leave_nothing_out(bench: IamBench, ann: Principal, name: str) -> None:
    listed, member = OPERATIONS[name]
    expected = [f"t{number}" for number in range(5)]
    add(bench, *expected)

    pages: list[list[str]] = []
    token: dict[str, str] = {}
    while not pages or token:
        answer = bench.call(ann, name, maxResults=2, **token)
        pages.append([each[member] for each in answer[listed]])
        token = {"nextToken": answer["nextToken"]} if "nextToken" in answer else {}

    assert list(map(len, pages)) == [2, 2, 1]
    assert list(chain.from_iterable(pages)) == expected


def test_page_has_100_unless_fewer_are_asked_for(bench: IamBench, ann: Principal) -> None:
    add(bench, *(f"t{number:03}" for number in range(101)))

    assert len(bench.call(ann, "ListNamespaces")["namespaces"]) == 100
    assert bench.fault(ann, "ListNamespaces", maxResults=101)[:2] == ("ValidationException", 400)


def test_token_that_no_page_ended_with_is_refused(bench: IamBench, ann: Principal) -> None:
    refused = bench.fault(ann, "ListWorkgroups", nextToken="no/token")

    assert refused[:2] == ("ValidationException", 400)


def test_another_account_shares_no_workgroup(bench: IamBench, ann: Principal) -> None:
    add(bench, "visits")

    assert bench.call(ann, "ListWorkgroups", ownerAccount="210987654321")["workgroups"] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_who_may_do_all_else_may_not_do_this(bench: IamBench, name: str) -> None:
    deny = policy(f"{SERVICE}:{name}", effect="Deny")
    ann = bench.principal(bench.user("ann", policy("*"), deny))

    assert bench.fault(ann, name)[:2] == ("AccessDeniedException", 400)
