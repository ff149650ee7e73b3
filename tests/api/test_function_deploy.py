"""``keyturn function deploy`` against a running server, as it is typed."""

import json
from pathlib import Path
import re
from typing import Any

import pytest
from typer.testing import CliRunner

from keyturn.cli.function import app
from keyturn.functions.deployment import ChangedMeanwhileError, Wanted, deploy
from keyturn.functions.packaging import HANDLER, find_template
from support.live_api import ACCOUNT, OTHER_ACCOUNT, LiveApi, allow, policy, unique
from support.live_rotation import Bench
from support.rotation_functions import FOUR_STEPS, zipped

SUMMARY = find_template("postgres", "single-user").summary
SECRETS_MANAGER = "secretsmanager.amazonaws.com"

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

    def revision_id(self) -> str:
        revision_id: str = self.configuration()["RevisionId"]
        return revision_id

    def vpc_ids(self) -> tuple[list[str], list[str]]:
        vpc_config = self.configuration()["VpcConfig"]
        return vpc_config["SubnetIds"], vpc_config["SecurityGroupIds"]

    def statement_ids(self) -> list[str]:
        policy = json.loads(self.api.functions.get_policy(FunctionName=self.name)["Policy"])
        return [statement["Sid"] for statement in policy["Statement"]]

    def make_otherwise(self, handler: str, description: str) -> None:
        """Make a function of that name by other means."""
        self.api.functions.create_function(
            FunctionName=self.name,
            Runtime="python3.11",
            Role=self.role,
            Handler=handler,
            Description=description,
            Code={"ZipFile": zipped(FOUR_STEPS)},
        )

    def permit(self, statement_id: str, **members: Any) -> None:  # noqa: ANN401 - as boto3's
        statement = {
            "Action": "lambda:InvokeFunction",
            "Principal": SECRETS_MANAGER,
            "SourceAccount": ACCOUNT,
        }
        self.api.functions.add_permission(
            FunctionName=self.name, StatementId=statement_id, **{**statement, **members}
        )


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


@pytest.mark.parametrize(
    ("handler", "description"), [("billing.run", SUMMARY), (HANDLER, "Invoices"), (HANDLER, "")]
)
def test_function_that_is_none_of_these_is_overwritten_only_on_demand(
    deployment: Deployment, handler: str, description: str
) -> None:
    deployment.make_otherwise(handler, description)
    revision_id = deployment.revision_id()

    code, _, error = deployment.run()

    assert code == 1
    assert f"its handler is {handler!r}, its runtime 'python3.11'" in error
    assert f"its description {description!r}" in error
    assert "--replace" in error
    assert deployment.revision_id() == revision_id
    assert deployment.done("--replace")[0] == "given new code"
    assert deployment.done() == []


def test_subnets_and_security_groups_are_changed_apart(deployment: Deployment) -> None:
    deployment.done("--role", deployment.role, "--subnet", "subnet-1", "--security-group", "sg-1")

    subnets = deployment.done("--subnet", "subnet-2", "--subnet", "subnet-3")
    groups = deployment.done("--security-group", "sg-2")

    assert subnets == groups == ["changed in VpcConfig"]
    assert deployment.vpc_ids() == (["subnet-2", "subnet-3"], ["sg-2"])
    assert deployment.done("--subnet", "subnet-3", "--subnet", "subnet-2") == []
    assert deployment.done() == []


@pytest.mark.parametrize("option", [("--subnet", "subnet-1"), ("--security-group", "sg-1")])
def test_vpc_of_a_new_function_needs_both_of_its_parts(
    deployment: Deployment, option: tuple[str, str]
) -> None:
    code, _, error = deployment.run("--role", deployment.role, *option)

    assert code == 2
    assert "neither subnets nor security groups" in error
    with pytest.raises(deployment.api.functions.exceptions.ResourceNotFoundException):
        deployment.configuration()


def test_function_outside_a_vpc_needs_both_parts_of_one(deployment: Deployment) -> None:
    deployment.done("--role", deployment.role)
    revision_id = deployment.revision_id()

    code, _, error = deployment.run("--subnet", "subnet-1", strategy="alternating-users")

    assert code == 2
    assert "neither subnets nor security groups" in error
    assert deployment.revision_id() == revision_id


@pytest.mark.parametrize(
    ("operation", "is_new_code"),
    [("UpdateFunctionCode", True), ("UpdateFunctionConfiguration", False)],
)
def test_change_by_somebody_else_is_never_overwritten(
    deployment: Deployment, operation: str, *, is_new_code: bool
) -> None:
    deployment.make_otherwise(HANDLER, SUMMARY)
    deployment.permit("Own")
    other = deployment.api.client("lambda")
    client = deployment.api.client("lambda")
    client.meta.events.register(
        f"before-parameter-build.lambda.{operation}",
        lambda **_: other.update_function_configuration(
            FunctionName=deployment.name, Environment={"Variables": {"THEIRS": "1"}}
        ),
    )
    code = zipped(FOUR_STEPS + "\n") if is_new_code else zipped(FOUR_STEPS)
    sha256 = deployment.configuration()["CodeSha256"]
    wanted = Wanted(
        name=deployment.name,
        zipped=code,
        runtime="python3.11",
        architecture="x86_64",
        description=SUMMARY,
        variables={"OURS": "1"},
    )

    with pytest.raises(ChangedMeanwhileError, match=r"changed by somebody else.*deploy again"):
        deploy(client, wanted, lambda _: None)

    assert deployment.configuration()["CodeSha256"] == sha256
    assert deployment.configuration()["Environment"]["Variables"] == {"THEIRS": "1"}


@pytest.mark.parametrize("action", ["lambda:InvokeFunction", "lambda:*"])
def test_statement_of_any_id_that_lets_secrets_manager_in_is_enough(
    deployment: Deployment, action: str
) -> None:
    deployment.make_otherwise(HANDLER, SUMMARY)
    deployment.permit("Own", Action=action)

    done = deployment.done()

    assert done == ["given new code"]
    assert deployment.statement_ids() == ["Own"]


OTHER_STATEMENTS = [
    {"Principal": "events.amazonaws.com"},
    {"Action": "lambda:GetFunction"},
    {"SourceAccount": OTHER_ACCOUNT},
    {"SourceArn": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:one-AbCdEf"},
]


@pytest.mark.parametrize("members", OTHER_STATEMENTS)
def test_statement_that_does_not_let_secrets_manager_in_is_left_beside_the_one_that_does(
    deployment: Deployment, members: dict[str, str]
) -> None:
    deployment.make_otherwise(HANDLER, SUMMARY)
    deployment.permit("Own", **members)

    done = deployment.done()

    assert done == ["given new code", "allowed to Secrets Manager"]
    assert sorted(deployment.statement_ids()) == ["Own", "SecretsManagerInvokes"]


@pytest.mark.parametrize("members", OTHER_STATEMENTS)
def test_other_statement_of_the_needed_id_is_told_before_anything_is_changed(
    deployment: Deployment, members: dict[str, str]
) -> None:
    deployment.make_otherwise(HANDLER, SUMMARY)
    deployment.permit("SecretsManagerInvokes", **members)
    revision_id = deployment.revision_id()

    code, _, error = deployment.run()

    assert code == 1
    assert "has a statement SecretsManagerInvokes that isn't the one" in error
    assert deployment.revision_id() == revision_id


def test_documented_rights_are_all_that_deploying_takes(api: LiveApi, bench: Bench) -> None:
    page = Path(__file__).parents[2] / "docs" / "functions" / "README.md"
    *_, after = page.read_text().partition("Whoever deploys needs")
    rights = re.findall("`((?:lambda|iam):[A-Za-z]+)`", after.partition("\n\n")[0])
    deployment = Deployment(api.user(policy(allow(rights))), bench)

    made = deployment.done("--role", deployment.role)
    changed = deployment.done("--variable", "PASSWORD_LENGTH=40", strategy="alternating-users")

    assert made == ["made", "allowed to Secrets Manager"]
    assert changed
    for right in rights:
        others = [each for each in rights if each != right]
        lesser = Deployment(api.user(policy(allow(others))), bench)
        codes = [
            lesser.run(*options, strategy=strategy)[0]
            for options, strategy in (
                (("--role", lesser.role), "single-user"),
                (("--variable", "PASSWORD_LENGTH=40"), "alternating-users"),
            )
        ]
        assert any(codes), right
