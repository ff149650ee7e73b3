"""Real processes, killed with SIGKILL."""

import os
from pathlib import Path
import signal
from typing import Any

import pytest

from support.account import client, make_rotation_function
from support.keyturn_server import KeyturnServer
from support.rotation_function import RotationFunction
from support.waiting import until

pytestmark = pytest.mark.server

STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]


def is_rotated(secrets: Any, token: str) -> bool:  # noqa: ANN401 - boto3 makes the type
    description = secrets.describe_secret(SecretId="db")
    stages = description["VersionIdsToStages"].get(token, [])
    return "AWSCURRENT" in stages and "LastRotatedDate" in description


def begin_rotation(server: KeyturnServer, function: RotationFunction) -> tuple[Any, str]:
    variables = server.environment()
    secrets = client(variables, "secretsmanager")
    arn = make_rotation_function(variables, "rotate", function.package())
    secrets.create_secret(Name="db", SecretString="first")
    answer = secrets.rotate_secret(SecretId="db", RotationLambdaARN=arn)
    return secrets, answer["VersionId"]


@pytest.mark.parametrize("step", STEPS)
def test_an_engine_killed_during_a_step_is_replaced_and_the_rotation_completes(
    tmp_path: Path, step: str
) -> None:
    function = RotationFunction(tmp_path / "function")
    function.hold(step)
    with KeyturnServer.start(tmp_path / "data") as server:
        secrets, token = begin_rotation(server, function)
        until(lambda: step in [noted["step"] for noted in function.steps()], f"{step} begins")

        os.kill(server.child_pids()["keyturn-engine"], signal.SIGKILL)
        function.let_go(step)

        until(lambda: is_rotated(secrets, token), "the rotation completes")
        steps = function.steps()
        assert {noted["token"] for noted in steps} == {token}
        # The step that was cut off is repeated; none is skipped.
        assert [noted["step"] for noted in steps].count(step) == 2
        assert set(STEPS) == {noted["step"] for noted in steps}
        value = secrets.get_secret_value(SecretId="db")["SecretString"]
        assert value == function.target_password()
        previous = secrets.get_secret_value(SecretId="db", VersionStage="AWSPREVIOUS")
        assert previous["SecretString"] == "first"


def test_a_server_killed_as_a_whole_completes_the_rotation_when_it_starts_again(
    tmp_path: Path,
) -> None:
    function = RotationFunction(tmp_path / "function")
    function.hold("testSecret")
    server = KeyturnServer.launch(tmp_path / "data")
    _, token = begin_rotation(server, function)
    until(lambda: len(function.steps()) == 3, "testSecret begins")
    children = list(server.child_pids().values())

    server.kill()
    function.let_go("testSecret")

    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), "children end")
    with KeyturnServer.start(tmp_path / "data") as again:
        secrets = client(again.environment(), "secretsmanager")
        until(lambda: is_rotated(secrets, token), "the rotation completes")
        assert {noted["token"] for noted in function.steps()} == {token}


def test_an_api_process_that_is_killed_is_replaced(tmp_path: Path) -> None:
    with KeyturnServer.start(tmp_path / "data") as server:
        secrets = client(server.environment(), "secretsmanager")
        before = server.child_pids()
        for name, pid in before.items():
            if name.startswith("keyturn-api"):
                os.kill(pid, signal.SIGKILL)

        until(
            lambda: set(server.child_pids()) == set(before) and server.child_pids() != before,
            "new processes start",
        )

        secrets.create_secret(Name="db", SecretString="first")


def test_a_step_under_way_when_the_server_is_told_to_stop_is_finished_first(
    tmp_path: Path,
) -> None:
    function = RotationFunction(tmp_path / "function")
    function.hold("setSecret")
    server = KeyturnServer.launch(tmp_path / "data")
    secrets, token = begin_rotation(server, function)
    until(lambda: len(function.steps()) == 2, "setSecret begins")

    server.process.send_signal(signal.SIGTERM)
    function.let_go("setSecret")
    exit_code = server.stop()

    assert exit_code == 0
    assert function.target_password()
    with KeyturnServer.start(tmp_path / "data") as again:
        secrets = client(again.environment(), "secretsmanager")
        until(lambda: is_rotated(secrets, token), "the rotation completes")
        assert {noted["token"] for noted in function.steps()} == {token}
        value = secrets.get_secret_value(SecretId="db")["SecretString"]
        assert value == function.target_password()
