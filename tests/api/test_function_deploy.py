"""``keyturn function deploy`` against a running server, as it is typed."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from keyturn.cli.function import app
from support.live_api import LiveApi, unique
from support.live_rotation import Bench

pytestmark = pytest.mark.server


class Deployment:
    """A function's name, and the command that deploys it."""

    def __init__(self, api: LiveApi, bench: Bench) -> None:
        self.api = api
        self.name = unique("deployed")
        self.role = bench.make_role()

    def run(self, *options: str, strategy: str = "single-user") -> tuple[int, str, str]:
        result = CliRunner().invoke(
            app,
            ["deploy", "postgres", strategy, self.name, *options],
            env={
                "AWS_ENDPOINT_URL": self.api.endpoint,
                "AWS_ACCESS_KEY_ID": self.api.caller.access_key_id,
                "AWS_SECRET_ACCESS_KEY": self.api.caller.secret_access_key,
                "AWS_DEFAULT_REGION": self.api.region,
                "COLUMNS": "200",
                "NO_COLOR": "1",
            },
        )
        return result.exit_code, result.stdout, result.stderr

    def done(self, *options: str, strategy: str = "single-user") -> list[str]:
        code, output, error = self.run(*options, "--json", strategy=strategy)
        assert code == 0, error
        told: dict[str, Any] = json.loads(output)
        assert told["FunctionArn"].endswith(f":function:{self.name}")
        assert told["CodeSha256"] == self.configuration()["CodeSha256"]
        done: list[str] = told["Done"]
        return done

    def configuration(self) -> dict[str, Any]:
        return dict(self.api.functions.get_function_configuration(FunctionName=self.name))


@pytest.fixture
def deployment(api: LiveApi, bench: Bench) -> Deployment:
    return Deployment(api, bench)


def test_function_is_made_once_and_then_left_alone(deployment: Deployment) -> None:
    first = deployment.done("--role", deployment.role, "--variable", "PASSWORD_LENGTH=40")
    second = deployment.done()

    assert first == ["made", "allowed to Secrets Manager"]
    assert second == []
    configuration = deployment.configuration()
    assert configuration["Environment"]["Variables"] == {"PASSWORD_LENGTH": "40"}
    assert (configuration["Timeout"], configuration["MemorySize"]) == (30, 256)
    policy = json.loads(
        deployment.api.functions.get_policy(FunctionName=deployment.name)["Policy"]
    )
    (statement,) = policy["Statement"]
    assert statement["Principal"] == {"Service": "secretsmanager.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {
        "AWS:SourceAccount": configuration["FunctionArn"].split(":")[4]
    }


def test_what_differs_is_changed_and_the_rest_stays(deployment: Deployment) -> None:
    deployment.done("--role", deployment.role, "--variable", "PASSWORD_LENGTH=40")

    done = deployment.done("--timeout", "60", "--variable", "EXCLUDE_NUMBERS=true")

    assert done == ["changed in Environment, Timeout"]
    configuration = deployment.configuration()
    assert configuration["Timeout"] == 60
    assert configuration["MemorySize"] == 256
    assert configuration["Environment"]["Variables"] == {
        "PASSWORD_LENGTH": "40",
        "EXCLUDE_NUMBERS": "true",
    }


def test_another_strategy_is_new_code(deployment: Deployment) -> None:
    deployment.done("--role", deployment.role)

    done = deployment.done(strategy="alternating-users")

    assert done == ["given new code", "changed in Description"]
    assert deployment.done(strategy="alternating-users") == []


def test_deployment_is_told_for_people_too(deployment: Deployment) -> None:
    code, output, _ = deployment.run("--role", deployment.role)

    assert code == 0
    assert output.startswith(f"{deployment.name}: made, allowed to Secrets Manager\n  arn:aws:")
    assert "is up to date" in deployment.run()[1]


def test_new_function_without_a_role_is_a_wrong_command(deployment: Deployment) -> None:
    code, _, error = deployment.run()

    assert code == 2
    assert "--role" in error


def test_refusal_of_lambda_is_told_in_its_words(deployment: Deployment) -> None:
    code, _, error = deployment.run("--role", deployment.role, "--timeout", "901")

    assert code == 1
    assert error.startswith(f"keyturn: {deployment.name} couldn't be deployed: ")
    assert "timeout" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("variable", ["PASSWORD_LENGTH", "=40", ""])
def test_variable_without_name_and_value_is_a_wrong_command(
    deployment: Deployment, variable: str
) -> None:
    code, _, error = deployment.run("--role", deployment.role, "--variable", variable)

    assert code == 2
    assert "NAME=VALUE" in error
