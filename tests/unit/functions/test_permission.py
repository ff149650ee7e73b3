from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from keyturn.functions import aliases, permission
from keyturn.functions.permission import SecretsManagerGate
from keyturn.model.function import Function
from keyturn.model.secret import Secret
from keyturn.store import functions as rows
from keyturn.store.database import Database
from support.store import make_database

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ARN = "arn:aws:lambda:us-east-1:123456789012:function:rotate"
SECRET_ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-abcdef"


@dataclass
class Bench:
    """A store with one function, and who may invoke it."""

    database: Database

    @property
    def function(self) -> Function:
        with self.database.read() as connection:
            function = rows.find_by_arn(connection, ARN)
        assert function is not None
        return function

    def publish(self) -> None:
        with self.database.write() as connection:
            rows.insert_version(connection, self.function)

    def alias(self, name: str, version: str) -> None:
        request = {"Name": name, "FunctionVersion": version}
        with self.database.write() as connection:
            aliases.create(connection, self.function, request)

    def permit(self, qualifier: str | None = None, **params: Any) -> None:  # noqa: ANN401 - AWS's members
        request = {
            "StatementId": f"s{len(params)}",
            "Action": "lambda:InvokeFunction",
            "Principal": "secretsmanager.amazonaws.com",
            **params,
        }
        with self.database.write() as connection:
            permission.add(connection, self.function, request, qualifier)

    def may_invoke(self, function_arn: str = ARN, **of_secret: str) -> bool:
        secret = make_secret(**of_secret)
        return SecretsManagerGate(self.database).may_invoke(function_arn, secret)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    database = make_database(tmp_path)
    with database.write() as connection:
        rows.insert_function(
            connection,
            account="123456789012",
            region="us-east-1",
            name="rotate",
            arn=ARN,
            runtime="python3.11",
            handler="a.b",
            role_arn="r",
            description="",
            timeout_seconds=3,
            memory_mb=128,
            storage_mb=512,
            architecture="x86_64",
            code_sha256="0",
            code_bytes=0,
            modified_at=NOW,
            revision_id="r",
        )
    return Bench(database)


def make_secret(*, arn: str = SECRET_ARN, account: str = "123456789012") -> Secret:
    return Secret(
        id=1,
        account=account,
        region="us-east-1",
        name="db",
        arn=arn,
        description=None,
        kms_key_id=None,
        created_at=NOW,
        last_changed_at=NOW,
    )


def test_a_function_without_a_policy_may_not_be_invoked(bench: Bench) -> None:
    assert not bench.may_invoke()


def test_a_function_that_does_not_exist_may_not_be_invoked(bench: Bench) -> None:
    bench.permit()

    assert not bench.may_invoke(ARN.replace("rotate", "absent"))


def test_a_statement_for_secrets_manager_lets_it_invoke(bench: Bench) -> None:
    bench.permit()

    assert bench.may_invoke()
    assert bench.may_invoke(f"{ARN}:$LATEST")
    assert not bench.may_invoke(f"{ARN}:3")


def test_a_qualified_function_needs_the_permission_on_that_qualifier(bench: Bench) -> None:
    bench.publish()
    bench.permit()
    without = bench.may_invoke(f"{ARN}:1")

    bench.permit("1")

    assert not without
    assert bench.may_invoke(f"{ARN}:1")


def test_a_permission_on_a_qualifier_is_for_no_other(bench: Bench) -> None:
    bench.publish()
    bench.permit("1")

    assert not bench.may_invoke()
    assert not bench.may_invoke(f"{ARN}:$LATEST")
    assert not bench.may_invoke(f"{ARN}:2")


def test_a_permission_on_an_alias_is_none_on_its_version(bench: Bench) -> None:
    bench.publish()
    bench.alias("live", "1")
    bench.permit("live")

    assert bench.may_invoke(f"{ARN}:live")
    assert not bench.may_invoke(f"{ARN}:1")


def test_a_qualifier_that_does_not_exist_may_not_be_invoked(bench: Bench) -> None:
    bench.permit("7")

    assert not bench.may_invoke(f"{ARN}:7")


@pytest.mark.parametrize("arn", ["", "rotate", f"{ARN}:", f"{ARN}:a:b", "arn:aws:s3:::bucket"])
def test_what_is_no_function_s_arn_may_not_be_invoked(bench: Bench, arn: str) -> None:
    bench.permit()

    assert not bench.may_invoke(arn)


@pytest.mark.parametrize(
    "params",
    [
        {"Principal": "events.amazonaws.com"},
        {"Principal": "123456789012"},
        {"Action": "lambda:GetFunction"},
        {"SourceAccount": "210987654321"},
        {"SourceArn": SECRET_ARN.replace("db", "other")},
    ],
)
def test_a_statement_for_something_else_does_not(bench: Bench, params: dict[str, str]) -> None:
    bench.permit(**params)

    assert not bench.may_invoke()


@pytest.mark.parametrize(
    "params",
    [
        {"SourceAccount": "123456789012"},
        {"SourceArn": SECRET_ARN},
        {"SourceArn": SECRET_ARN.replace("db-abcdef", "*")},
        {"Action": "lambda:*"},
        {"Principal": "*"},
    ],
)
def test_a_statement_that_fits_the_secret_does(bench: Bench, params: dict[str, str]) -> None:
    bench.permit(**params)

    assert bench.may_invoke()


def test_the_secret_s_account_keeps_others_from_using_the_permission(bench: Bench) -> None:
    bench.permit(SourceAccount="123456789012")

    assert not bench.may_invoke(account="210987654321")


def test_a_removed_statement_counts_no_more(bench: Bench) -> None:
    bench.permit(StatementId="s")

    with bench.database.write() as connection:
        permission.remove(connection, bench.function, "s")

    assert not bench.may_invoke()
