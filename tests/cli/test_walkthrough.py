"""AWS's guide "Set up automatic rotation using the AWS CLI", with the AWS CLI, end to end.

The commands are the guide's own, against a live server and a real PostgreSQL.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
import json
import os
from pathlib import Path
import shlex
import subprocess
import sys
from typing import Any

import pytest

from support.keyturn_server import KeyturnServer
from support.polling import wait_until
from support.postgres_server import PostgresServer, installed_programs

pytestmark = [
    pytest.mark.server,
    pytest.mark.engine,
    pytest.mark.skipif(not installed_programs(), reason="NO POSTGRESQL SERVER HERE"),
]

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/rotation-lambda-role"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:my-rotation-function"
RULES = '{"ScheduleExpression": "cron(0 16 1,15 * ? *)", "Duration": "2h"}'
OLD_PASSWORD = "first-password"
PROGRAMS = Path(sys.executable).parent
COMMAND_SECONDS_MAX = 120


@dataclass(frozen=True)
class Shell:
    """A shell in a folder, after ``eval "$(keyturn env)"``."""

    folder: Path
    variables: Mapping[str, str]

    def run(self, command: str, *, code: int = 0) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            shlex.split(command),
            cwd=self.folder,
            env={
                **os.environ,  # noqa: TID251
                **self.variables,
                "PATH": f"{PROGRAMS}:{os.environ['PATH']}",  # noqa: TID251
                "AWS_PAGER": "",
                "HOME": str(self.folder),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS_MAX,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def aws(self, command: str) -> dict[str, Any]:
        answer = self.run(f"aws {command}").stdout
        document: dict[str, Any] = json.loads(answer) if answer.strip() else {}
        return document

    def write(self, name: str, document: object) -> None:
        (self.folder / name).write_text(json.dumps(document))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with PostgresServer.start(tmp_path_factory.mktemp("postgres") / "cluster") as started:
        started.make_role("app", OLD_PASSWORD)
        yield started


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with KeyturnServer.start(tmp_path / "keyturn") as server:
        yield Shell(tmp_path, server.environment())


def test_guide_s_five_steps_rotate_a_real_password(shell: Shell, database: PostgresServer) -> None:
    secret_arn = store_the_secret(shell, database)
    make_the_role(shell, secret_arn)
    make_the_function(shell)

    token = turn_rotation_on(shell)
    wait_until(lambda: is_rotated(shell, token), what="the rotation", seconds_max=60)

    described = shell.aws("secretsmanager describe-secret --secret-id MySecret")
    current, previous = value_of(shell, "AWSCURRENT"), value_of(shell, "AWSPREVIOUS")
    assert database.accepts("app", current["password"])
    assert not database.accepts("app", OLD_PASSWORD)
    assert previous["password"] == OLD_PASSWORD
    assert {key: current[key] for key in current if key != "password"} == {
        key: previous[key] for key in previous if key != "password"
    }
    assert described["VersionIdsToStages"][token] == ["AWSCURRENT"]
    assert described["RotationRules"] == {**json.loads(RULES), "AutomaticallyAfterDays": 14}
    assert instant(described["NextRotationDate"]) == end_of_next_window(
        instant(described["LastRotatedDate"])
    )
    assert_log_has_no_password(shell, OLD_PASSWORD, current["password"])


def test_refused_command_fails_with_aws_s_text(shell: Shell) -> None:
    # The exit code is that of CLI v1; v2 ends with 254.
    done = shell.run("aws secretsmanager describe-secret --secret-id nothing", code=255)

    assert (
        "An error occurred (ResourceNotFoundException) when calling the DescribeSecret operation: "
        "Secrets Manager can't find the specified secret." in done.stderr
    )


def store_the_secret(shell: Shell, database: PostgresServer) -> str:
    credential = {
        "engine": "postgres",
        "host": database.host,
        "port": database.port,
        "dbname": "postgres",
        "username": "app",
        "password": OLD_PASSWORD,
        "ssl": False,
    }
    shell.write("secret.json", credential)
    command = "secretsmanager create-secret --name MySecret --secret-string file://secret.json"
    return str(shell.aws(command)["ARN"])


def make_the_role(shell: Shell, secret_arn: str) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    on_the_secret = ["DescribeSecret", "GetSecretValue", "PutSecretValue"]
    actions = [f"secretsmanager:{name}" for name in (*on_the_secret, "UpdateSecretVersionStage")]
    password = {"Action": "secretsmanager:GetRandomPassword", "Resource": "*"}
    statements = [
        {"Effect": "Allow", "Action": actions, "Resource": secret_arn},
        {"Effect": "Allow", **password},
    ]
    trust_statement = {**trust, "Action": "sts:AssumeRole"}
    shell.write("trust-policy.json", {"Version": "2012-10-17", "Statement": [trust_statement]})
    shell.write("rotation-policy.json", {"Version": "2012-10-17", "Statement": statements})
    role = "--role-name rotation-lambda-role"
    shell.aws(f"iam create-role {role} --assume-role-policy-document file://trust-policy.json")
    shell.aws(
        f"iam attach-role-policy {role} "
        "--policy-arn arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    )
    shell.aws(
        f"iam put-role-policy {role} --policy-name rotate "
        "--policy-document file://rotation-policy.json"
    )


def make_the_function(shell: Shell) -> None:
    shell.run("keyturn function package postgres single-user -o my-function.zip")
    shell.aws(
        "lambda create-function --function-name my-rotation-function --runtime python3.11 "
        "--zip-file fileb://my-function.zip --handler lambda_function.lambda_handler "
        f"--role {ROLE} --timeout 30"
    )
    shell.aws(
        "lambda add-permission --function-name my-rotation-function "
        "--action lambda:InvokeFunction --statement-id SecretsManager "
        f"--principal secretsmanager.amazonaws.com --source-account {ACCOUNT}"
    )


def turn_rotation_on(shell: Shell) -> str:
    answer = shell.aws(
        "secretsmanager rotate-secret --secret-id MySecret "
        f"--rotation-lambda-arn {FUNCTION} --rotation-rules '{RULES}'"
    )
    return str(answer["VersionId"])


def is_rotated(shell: Shell, token: str) -> bool:
    described = shell.aws("secretsmanager describe-secret --secret-id MySecret")
    stages = described["VersionIdsToStages"].get(token, [])
    return stages == ["AWSCURRENT"] and "LastRotatedDate" in described


def value_of(shell: Shell, stage: str) -> dict[str, Any]:
    answer = shell.aws(
        f"secretsmanager get-secret-value --secret-id MySecret --version-stage {stage}"
    )
    value: dict[str, Any] = json.loads(answer["SecretString"])
    return value


def assert_log_has_no_password(shell: Shell, *passwords: str) -> None:
    log = shell.run(
        "aws logs filter-log-events --log-group-name /aws/lambda/my-rotation-function"
    ).stdout
    assert "REPORT RequestId" in log
    assert not [password for password in passwords if password in log]


def instant(member: float | str) -> datetime:
    """Read a date as the CLI prints it: v1 a number, v2 a text."""
    if isinstance(member, str):
        return datetime.fromisoformat(member).astimezone(UTC)
    return datetime.fromtimestamp(member, UTC)


def end_of_next_window(rotated_at: datetime) -> datetime:
    """Return the last second of the next window of RULES, worked out by hand."""
    windows = [
        datetime(year, month, day, 16, tzinfo=UTC)
        for year in (rotated_at.year, rotated_at.year + 1)
        for month in range(1, 13)
        for day in (1, 15)
    ]
    opens_at = next(window for window in windows if window > rotated_at)
    return opens_at.replace(hour=17, minute=59, second=59)
