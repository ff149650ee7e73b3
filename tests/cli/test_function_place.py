"""``keyturn function place``: rotations by functions that run elsewhere, on real servers."""

from collections.abc import Callable, Iterator
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from keyturn.functions.output.redaction import REDACTED
from support.emulator import Emulator
from support.keyturn_server import KeyturnServer
from support.live_api import Caller, LiveApi, policy, refusal, unique, unique_region
from support.live_rotation import ROTATES, TRUST, Bench
from support.polling import wait_until
from support.rotation_functions import FOUR_STEPS, zipped
from support.scripted_endpoint import closed_port

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.server

Run = Callable[..., "subprocess.CompletedProcess[str]"]

ABSENT = "arn:aws:lambda:eu-west-1:123456789012:function:absent"
#: A function that signs with a key of its own, at the server that holds the secret.
OF_ITS_OWN = FOUR_STEPS.replace(
    'boto3.client("secretsmanager")',
    'boto3.client("secretsmanager", endpoint_url=os.environ["NEAR_URL"], '
    'region_name=os.environ["NEAR_REGION"], aws_access_key_id=os.environ["NEAR_KEY_ID"], '
    'aws_secret_access_key=os.environ["NEAR_KEY"])',
).replace("import boto3", "import os, boto3")

TELLS_ALL = (
    OF_ITS_OWN
    + """
    if event["Step"] != "createSecret":
        value = client.get_secret_value(SecretId=secret, VersionId=token)["SecretString"]
        print("the value is", value)
        print("the event is", event)
"""
)


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyturnServer]:
    """Another server, in the place of AWS."""
    folder = tmp_path_factory.mktemp("far") / "data"
    with KeyturnServer.start(folder, arguments=("--api-processes", "1")) as started:
        yield started


@pytest.fixture(scope="module")
def near(far: KeyturnServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyturnServer]:
    """The server that holds secrets; it has credentials for the other one under ``far``."""
    folder, keys = tmp_path_factory.mktemp("near"), far.environment()
    (folder / "credentials").write_text(
        f"[far]\naws_access_key_id = {keys['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {keys['AWS_SECRET_ACCESS_KEY']}\n"
    )
    with KeyturnServer.start(
        folder / "data",
        arguments=("--api-processes", "1"),
        environment={
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
            # As in a shell that was pointed at this server.
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{closed_port()}",
        },
    ) as started:
        yield started


def administrator(server: KeyturnServer) -> Caller:
    keys = server.environment()
    return Caller(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"])


@pytest.fixture
def api(near: KeyturnServer) -> Iterator[LiveApi]:
    live = LiveApi(near.endpoint, administrator(near), unique_region())
    yield live
    live.close()


@pytest.fixture
def bench(api: LiveApi) -> Bench:
    return Bench(api, api.secrets.create_secret(Name="a", SecretString="old")["VersionId"])


class Operator:
    """The command line on the machine of the server that holds secrets."""

    def __init__(self, run: Run, server: KeyturnServer, api: LiveApi) -> None:
        self._run = run
        self._where = ("--data-dir", str(server.data_dir))
        self._region = ("--region", api.region)

    def place(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._run("function", "place", *arguments, *self._region, *self._where)

    def placed(self, *arguments: str) -> str:
        done = self.place(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def places(self) -> list[dict[str, Any]]:
        done = self._run("function", "places", "--json", *self._where)
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


@pytest.fixture
def operator(keyturn: Run, near: KeyturnServer, api: LiveApi) -> Operator:
    return Operator(keyturn, near, api)


def own_key(bench: Bench) -> Caller:
    """Return the access key of a user who may rotate."""
    return bench.api.user(policy(ROTATES)).caller


def function_arn(api: LiveApi, name: str) -> str:
    return api.functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"]


def test_secret_is_rotated_by_a_container_that_signs_with_a_user_s_key(
    bench: Bench, operator: Operator, tmp_path: Path
) -> None:
    name, key = unique("rotator"), own_key(bench)
    variables = {
        "AWS_ENDPOINT_URL": bench.api.endpoint,
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        "AWS_DEFAULT_REGION": bench.api.region,
        "AWS_REGION": bench.api.region,
    }
    with Emulator.open(tmp_path / "code", FOUR_STEPS, variables) as emulator:
        told = operator.placed(name, "--url", emulator.url, "--role", bench.make_role())
        arn = function_arn(bench.api, name)
        assert told == f"{arn} runs at {emulator.url}/2015-03-31/functions/function/invocations.\n"
        bench.permit(name)

        bench.wait_until_rotated(bench.rotate(arn))

        assert emulator.events == 4
    assert bench.current() != "old"
    bench.wait_for_log(arn, "REPORT RequestId")


def test_nothing_is_asked_of_a_container_without_the_function_s_permission(
    bench: Bench, operator: Operator, tmp_path: Path
) -> None:
    name, role = unique("rotator"), bench.make_role()
    with Emulator.open(tmp_path / "code", FOUR_STEPS, {}) as emulator:
        operator.placed(name, "--url", emulator.url, "--role", role)
        arn = function_arn(bench.api, name)

        refused = refusal(bench.rotate, function=arn)
        stranger = refusal(bench.api.user().functions.invoke, FunctionName=name)

        assert (refused[1], stranger[1]) == ("AccessDeniedException", "AccessDeniedException")
        assert emulator.events == 0


def far_function(far: KeyturnServer, bench: Bench, code: str) -> str:
    """Make a function on the other server, which calls this one with a key of its own."""
    api, key, name = LiveApi(far.endpoint, administrator(far), "eu-west-1"), own_key(bench), "far"
    role = unique("role")
    role_arn = api.iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))[
        "Role"
    ]["Arn"]
    made = api.functions.create_function(
        FunctionName=unique(name),
        Runtime="python3.11",
        Role=role_arn,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": zipped(code)},
        Timeout=30,
        Environment={
            "Variables": {
                "NEAR_URL": bench.api.endpoint,
                "NEAR_KEY_ID": key.access_key_id,
                "NEAR_KEY": key.secret_access_key,
                "NEAR_REGION": bench.api.region,
            }
        },
    )
    api.close()
    return made["FunctionArn"]


def test_secret_is_rotated_by_a_function_of_another_lambda_whose_log_tells_no_value(
    bench: Bench, far: KeyturnServer, operator: Operator
) -> None:
    there, name = far_function(far, bench, TELLS_ALL), unique("rotator")
    operator.placed(
        *(name, "--lambda-arn", there, "--profile", "far", "--endpoint-url", far.endpoint),
        *("--role", bench.make_role()),
    )
    arn = function_arn(bench.api, name)
    bench.permit(name)

    bench.wait_until_rotated(bench.rotate(arn))

    bench.wait_for_log(arn, "step finishSecret")
    bench.wait_for_log(arn, "the value is")
    log, current = bench.log(arn), bench.current()
    assert current != "old"
    assert current not in log
    assert f"the value is {REDACTED}" in log
    assert f"'RotationToken': '{REDACTED}'" in log


def test_place_is_told_and_taken_back(bench: Bench, operator: Operator) -> None:
    made = bench.make_function()
    told = operator.placed(made, "--lambda-arn", ABSENT)

    listed = [each for each in operator.places() if each["FunctionArn"] == made]

    assert told == f"{made} runs at {ABSENT}.\n"
    assert listed == [
        {"FunctionArn": made, "LambdaArn": ABSENT, "Profile": None, "EndpointUrl": None}
    ]
    assert operator.placed(made, "--here") == f"{made} runs here.\n"
    assert made not in {each["FunctionArn"] for each in operator.places()}
    bench.wait_until_rotated(bench.rotate(made))


def test_rotation_whose_container_is_away_fails_and_names_the_place(
    bench: Bench, operator: Operator, keyturn: Run, near: KeyturnServer
) -> None:
    made, url = bench.make_function(), f"http://127.0.0.1:{closed_port()}"
    operator.placed(made, "--url", url)
    bench.rotate(made)

    def latest() -> dict[str, Any]:
        described = bench.described()["ARN"]
        shown = keyturn(
            *("rotation", "history", described, "--json", "--data-dir", str(near.data_dir))
        )
        record: dict[str, Any] = json.loads(shown.stdout)[0]
        return record

    wait_until(lambda: latest()["Cause"], what="a failure")
    record = latest()
    assert record["Cause"] == "function_unavailable"
    assert url in record["Reason"]
    assert bench.current() == "old"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--here", "--url", "http://a"),
        ("--url", "http://a", "--lambda-arn", ABSENT),
        ("--url", "http://a", "--profile", "p"),
        ("--here", "--endpoint-url", "http://a"),
        ("--url", "ftp://a"),
        ("--lambda-arn", "absent"),
    ],
)
def test_command_that_says_no_place_or_two_is_wrong(
    operator: Operator, arguments: tuple[str, ...]
) -> None:
    done = operator.place("rotator", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert "Error" in done.stderr


def test_function_that_is_not_there_is_made_only_with_a_role_that_trusts_lambda(
    bench: Bench, operator: Operator
) -> None:
    untrusting = bench.make_role(trust=policy({**TRUST["Statement"][0], "Effect": "Deny"}))

    missing = operator.place("rotator", "--url", "http://a")
    refused = operator.place("rotator", "--url", "http://a", "--role", untrusting)

    assert (missing.returncode, refused.returncode) == (1, 1)
    assert "There is no function rotator in account 123456789012" in missing.stderr
    assert f"The role {untrusting} can't be a function's" in refused.stderr
    assert refusal(bench.api.functions.get_function, FunctionName="rotator")[0] == 404


def test_function_that_was_made_for_elsewhere_says_so_when_it_runs_here(
    bench: Bench, operator: Operator
) -> None:
    name = unique("rotator")
    operator.placed(name, "--url", "http://a", "--role", bench.make_role())
    operator.placed(name, "--here")

    answer = bench.api.functions.invoke(FunctionName=name)

    assert answer["FunctionError"] == "Unhandled"
    assert b"keyturn function place" in answer["Payload"].read()


def test_nobody_places_functions_where_no_server_has_run(keyturn: Run, tmp_path: Path) -> None:
    done = keyturn("function", "places", "--data-dir", str(tmp_path / "none"))

    assert done.returncode == 1
    assert "No server has run" in done.stderr
