"""A packaged function, a real PostgreSQL, and an admin secret as RDS makes them.

Everything is real but RDS: the operator has named the database, and this server tells of it.
"""

from collections.abc import Iterator
import json
from pathlib import Path
import subprocess
import sys
from typing import Any, Final

import pytest

from support.account import client, make_rotation_function
from support.keyturn_server import KeyturnServer
from support.polling import wait_until
from support.postgres_server import PostgresServer, installed_programs

pytestmark = [
    pytest.mark.server,
    pytest.mark.engine,
    pytest.mark.skipif(not installed_programs(), reason="NO POSTGRESQL SERVER HERE"),
]

ADMIN: Final = {"username": "rds_admin", "password": "password-of-an-administrator"}
APP: Final = {"username": "app", "password": "first-password"}
ROTATE: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "rds:DescribeDBInstances", "Resource": "*"},
    ],
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[PostgresServer]:
    with PostgresServer.start(tmp_path / "postgres") as started:
        started.make_role(ADMIN["username"], ADMIN["password"], "CREATEROLE")
        started.make_role(APP["username"], APP["password"])
        started.execute("GRANT app TO rds_admin WITH ADMIN OPTION")
        yield started


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KeyturnServer]:
    with KeyturnServer.start(tmp_path / "keyturn", arguments=("--api-processes", "1")) as started:
        yield started


class Operator:
    """Who names databases on the server's machine, and has an administrator's access key."""

    def __init__(self, server: KeyturnServer, database: PostgresServer, folder: Path) -> None:
        self._server = server
        self._variables = server.environment()
        self._port = database.port
        self._folder = folder
        self.secrets = client(self._variables, "secretsmanager")

    def target(self, *arguments: str) -> None:
        command = (*("target", *arguments), "--data-dir", str(self._server.data_dir))
        subprocess.run([sys.executable, "-m", "keyturn", *command], check=True)

    def name(self, name: str, host: str, *arguments: str) -> None:
        endpoint = ("--engine", "postgres", "--host", host, "--port", str(self._port))
        self.target("add", name, *endpoint, *arguments)

    def make_function(self, *, may_ask_rds: bool = True) -> str:
        package = self._folder / "function.zip"
        command = ("function", "package", "postgres", "alternating-users", "-o", str(package))
        subprocess.run([sys.executable, "-m", "keyturn", *command], check=True)
        arn = make_rotation_function(self._variables, "rotate", package.read_bytes())
        if may_ask_rds:
            client(self._variables, "iam").put_role_policy(
                RoleName="rotate", PolicyName="rotate", PolicyDocument=json.dumps(ROTATE)
            )
        return arn

    def make_secrets(self, host: str | None, database: PostgresServer) -> None:
        """Make the secret ``app``, and ``admin``, which is linked to the target ``orders``."""
        admin = self.secrets.create_secret(Name="admin", SecretString=json.dumps(ADMIN))
        place = {} if host is None else {"engine": "postgres", "host": host, "port": database.port}
        value = {**APP, **place, "ssl": False, "masterarn": admin["ARN"]}
        self.secrets.create_secret(Name="app", SecretString=json.dumps(value))
        self.target("link", "admin", "orders")

    def rotate(self, function: str) -> str:
        answer = self.secrets.rotate_secret(
            SecretId="app",
            RotationLambdaARN=function,
            RotationRules={"AutomaticallyAfterDays": 30},
        )
        return str(answer["VersionId"])

    def wait_until_rotated(self, version_id: str) -> None:
        def stages() -> list[str]:
            described = self.secrets.describe_secret(SecretId="app")["VersionIdsToStages"]
            labels: list[str] = described.get(version_id, [])
            return labels

        wait_until(lambda: stages() == ["AWSCURRENT"], what="the rotation", seconds_max=60)

    def value(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(
            self.secrets.get_secret_value(SecretId="app")["SecretString"]
        )
        return value

    def latest(self) -> dict[str, Any]:
        shown = subprocess.run(
            [
                *(sys.executable, "-m", "keyturn", "rotation", "history", "app", "--json"),
                *("--data-dir", str(self._server.data_dir)),
            ],
            check=True,
            capture_output=True,
        )
        record: dict[str, Any] = json.loads(shown.stdout)[0]
        return record


@pytest.fixture
def operator(server: KeyturnServer, database: PostgresServer, tmp_path: Path) -> Operator:
    return Operator(server, database, tmp_path)


def assert_rotated(operator: Operator, database: PostgresServer, username: str) -> None:
    value = operator.value()
    assert value["username"] == username
    assert database.accepts(username, value["password"])


def test_users_alternate_with_an_admin_secret_of_username_and_password(
    operator: Operator, database: PostgresServer
) -> None:
    operator.name("orders", database.host)
    operator.make_secrets(database.host, database)
    function = operator.make_function()

    operator.wait_until_rotated(operator.rotate(function))
    assert_rotated(operator, database, "app_clone")
    operator.wait_until_rotated(operator.rotate(function))

    assert_rotated(operator, database, "app")
    assert not database.accepts("app", APP["password"])


def test_secret_that_names_no_host_is_rotated_where_its_tag_leads(
    operator: Operator, database: PostgresServer
) -> None:
    operator.name("orders", database.host)
    operator.make_secrets(None, database)
    operator.target("link", "app", "orders")

    operator.wait_until_rotated(operator.rotate(operator.make_function()))

    assert_rotated(operator, database, "app_clone")
    assert operator.value().keys() == {"username", "password", "ssl", "masterarn"}


def test_users_of_a_replica_are_changed_on_its_primary(
    operator: Operator, database: PostgresServer
) -> None:
    # One server by two names: what it takes at the one is there at the other.
    operator.name("orders", database.host)
    operator.name("localhost", "localhost", "--replica-of", "orders")
    operator.make_secrets("localhost", database)

    operator.wait_until_rotated(operator.rotate(operator.make_function()))

    assert_rotated(operator, database, "app_clone")


def test_function_that_may_not_ask_rds_says_so(
    operator: Operator, database: PostgresServer
) -> None:
    operator.name("orders", database.host)
    operator.make_secrets(database.host, database)

    operator.rotate(operator.make_function(may_ask_rds=False))
    wait_until(lambda: operator.latest()["Cause"], what="a failure", seconds_max=60)

    reason = operator.latest()["Reason"]
    assert "AdminSecretError" in reason
    assert "rds:DescribeDBInstances" in reason
    assert operator.value()["password"] == APP["password"]
