"""Rotate a real PostgreSQL password with the AWS CLI, step by step, and prove it.

The five steps are those of AWS's guide "Set up automatic rotation using the AWS CLI"; the
commands are the guide's own. Everything runs on this machine, in a temporary folder, on free
loopback ports.

    make demo           walks through it and cleans up
    make demo KEEP=1    leaves the servers running and prints the export lines
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
import json
from pathlib import Path
import signal
import sys
import tempfile
from typing import Any

import psycopg

from support.keyturn_server import KeyturnServer
from support.postgres_server import PostgresServer, wheel_programs
from support.terminal import Terminal

ACCOUNT = "123456789012"
REGION = "us-east-1"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:my-rotation-function"
ROLE = "rotation-lambda-role"
RULES = '{"ScheduleExpression": "cron(0 16 1,15 * ? *)", "Duration": "2h"}'
ROTATION_SECONDS_MAX = 30

TRUST_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def main() -> None:
    """Walk the five steps, show the proof, and clean up."""
    keep = "--keep" in sys.argv[1:]
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="keyturn-demo-")))
        terminal = Terminal(folder)
        terminal.title("Starting a PostgreSQL and a Keyturn server on this machine")
        programs = wheel_programs()
        database = cleanup.enter_context(
            PostgresServer.start(folder / "postgres", programs=programs)
        )
        server = cleanup.enter_context(KeyturnServer.start(folder / "keyturn"))
        terminal.environment.update(server.environment("--region", REGION))
        terminal.say(f"PostgreSQL {database.version} on port {database.port}; {server.endpoint}")
        walk(terminal, database)
        if keep:
            stay(terminal, server)


def walk(terminal: Terminal, database: PostgresServer) -> None:
    """Do the guide's five steps and prove what they did."""
    first_password = "first-password-of-the-demo"
    secret_arn = step_1_the_secret(terminal, database, first_password)
    step_2_the_function(terminal)
    step_3_the_role(terminal, secret_arn)
    step_4_the_network(terminal, database)
    token = step_5_rotation(terminal)
    prove(terminal, database, first_password, token)


def step_1_the_secret(terminal: Terminal, database: PostgresServer, password: str) -> str:
    """Make a database user, and the secret that holds its password."""
    terminal.title("Step 1: choose a strategy, and store the secret  (single user)")
    database.execute(f"CREATE ROLE app LOGIN PASSWORD '{password}'")
    credential = {
        "engine": "postgres",
        "host": database.host,
        "port": database.port,
        "dbname": "postgres",
        "username": "app",
        "password": password,
        "ssl": False,
    }
    terminal.write("secret.json", credential)
    answer = terminal.aws(
        "secretsmanager create-secret --name MySecret --secret-string file://secret.json"
    )
    return str(answer["ARN"])


def step_2_the_function(terminal: Terminal) -> None:
    """Package a rotation function, with everything it needs, as AWS Lambda takes it."""
    terminal.title("Step 2: write the rotation function  (ours, for PostgreSQL)")
    terminal.run("keyturn function package postgres single-user -o my-function.zip")


def step_3_the_role(terminal: Terminal, secret_arn: str) -> None:
    """Make the function's execution role and the function, and let Secrets Manager invoke it."""
    terminal.title("Step 3: the function and its execution role")
    terminal.write("trust-policy.json", TRUST_POLICY)
    terminal.write("rotation-policy.json", rotation_policy(secret_arn))
    terminal.aws(
        f"iam create-role --role-name {ROLE} "
        "--assume-role-policy-document file://trust-policy.json"
    )
    terminal.aws(
        f"iam attach-role-policy --role-name {ROLE} "
        "--policy-arn arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    )
    terminal.aws(
        f"iam put-role-policy --role-name {ROLE} --policy-name rotate "
        "--policy-document file://rotation-policy.json"
    )
    terminal.aws(
        "lambda create-function --function-name my-rotation-function --runtime python3.11 "
        "--zip-file fileb://my-function.zip --handler lambda_function.lambda_handler "
        f"--role arn:aws:iam::{ACCOUNT}:role/{ROLE} --timeout 30"
    )
    terminal.aws(
        "lambda add-permission --function-name my-rotation-function "
        "--action lambda:InvokeFunction --statement-id SecretsManager "
        f"--principal secretsmanager.amazonaws.com --source-account {ACCOUNT}"
    )


def step_4_the_network(terminal: Terminal, database: PostgresServer) -> None:
    """Say what the function must reach."""
    terminal.title("Step 4: network access")
    terminal.say(
        "The function must reach Secrets Manager "
        f"({terminal.environment['AWS_ENDPOINT_URL']}) and the database "
        f"({database.host}:{database.port}). Both are on this machine."
    )


def step_5_rotation(terminal: Terminal) -> str:
    """Turn rotation on; return the token of the rotation that begins at once."""
    terminal.title("Step 5: turn rotation on")
    answer = terminal.aws(
        "secretsmanager rotate-secret --secret-id MySecret "
        f"--rotation-lambda-arn {FUNCTION_ARN} --rotation-rules '{RULES}'"
    )
    token = str(answer["VersionId"])
    with terminal.waiting("rotating"), deadline(ROTATION_SECONDS_MAX):
        while not is_rotated(terminal.client("secretsmanager"), token):
            continue
    terminal.aws("secretsmanager describe-secret --secret-id MySecret")
    terminal.aws(
        "logs filter-log-events --log-group-name /aws/lambda/my-rotation-function "
        "--query 'events[].[message]' --output text"
    )
    return token


def prove(terminal: Terminal, database: PostgresServer, first_password: str, token: str) -> None:
    """Check every claim against the database and the API; exit with an error if one fails."""
    terminal.title("The proof")
    client = terminal.client("secretsmanager")
    current = value_of(client, "AWSCURRENT")
    description = client.describe_secret(SecretId="MySecret")
    due = description["NextRotationDate"].astimezone(UTC)
    terminal.claim("the new password logs in", logs_in(database, current["password"]))
    terminal.claim("the old password is refused", not logs_in(database, first_password))
    terminal.claim(
        "AWSPREVIOUS holds the old value",
        value_of(client, "AWSPREVIOUS")["password"] == first_password,
    )
    terminal.claim(
        "AWSCURRENT is the version that rotate-secret announced",
        "AWSCURRENT" in description["VersionIdsToStages"][token],
    )
    terminal.claim(
        f"NextRotationDate is the window's last second ({due:%Y-%m-%d %H:%M:%S} UTC)",
        due == expected_next_rotation(datetime.now(UTC)),
    )
    terminal.finish()


def rotation_policy(secret_arn: str) -> dict[str, Any]:
    """Return the execution role's policy, as AWS's guide writes it for a single user."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [
                    "secretsmanager:DescribeSecret",
                    "secretsmanager:GetSecretValue",
                    "secretsmanager:PutSecretValue",
                    "secretsmanager:UpdateSecretVersionStage",
                ],
                "Resource": secret_arn,
            },
            {
                "Effect": "Allow",
                "Action": "secretsmanager:GetRandomPassword",
                "Resource": "*",
            },
        ],
    }


def is_rotated(client: Any, token: str) -> bool:
    """Return whether the rotation is over: AWSCURRENT on its version, and its date set."""
    description = client.describe_secret(SecretId="MySecret")
    stages = description["VersionIdsToStages"].get(token, [])
    return "AWSCURRENT" in stages and "LastRotatedDate" in description


def value_of(client: Any, stage: str) -> dict[str, Any]:
    """Return the credential that a label names."""
    answer = client.get_secret_value(SecretId="MySecret", VersionStage=stage)
    credential: dict[str, Any] = json.loads(answer["SecretString"])
    return credential


def logs_in(database: PostgresServer, password: str) -> bool:
    """Return whether the database accepts the password."""
    try:
        with psycopg.connect(
            host=database.host,
            port=database.port,
            user="app",
            password=password,
            dbname="postgres",
        ):
            return True
    except psycopg.OperationalError:
        return False


def expected_next_rotation(now: datetime) -> datetime:
    """Return the end of the next window of cron(0 16 1,15 * ? *) with 2h, worked out by hand."""
    for months_ahead in range(3):
        month = now.month + months_ahead
        year, month = now.year + (month - 1) // 12, (month - 1) % 12 + 1
        for day in (1, 15):
            opens_at = datetime(year, month, day, 16, tzinfo=UTC)
            # A window that is open now was just used.
            if opens_at > now:
                return opens_at.replace(hour=17, minute=59, second=59)
    raise AssertionError("a window opens every month")


@contextmanager
def deadline(seconds: int) -> Iterator[None]:
    """End the demonstration with an error when the block takes too long."""

    def give_up(_number: int, _frame: object) -> None:
        raise TimeoutError(f"the rotation didn't finish within {seconds} s; see the log above")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def stay(terminal: Terminal, server: KeyturnServer) -> None:
    """Leave the servers running until Ctrl-C."""
    terminal.title("Everything is left running; press Ctrl-C to clean up")
    for name, value in server.environment("--region", REGION).items():
        terminal.say(f"export {name}={value}")
    try:
        signal.pause()
    except KeyboardInterrupt:
        terminal.say("cleaning up")


if __name__ == "__main__":
    main()
