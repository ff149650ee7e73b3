"""``keyturn rotation retry`` on a real server."""

from collections.abc import Callable
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.account import client, make_rotation_function
from support.keyturn_server import KeyturnServer
from support.polling import wait_until
from support.rotation_function import RotationFunction

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.server

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_rotation_goes_on_at_once_when_what_it_failed_for_is_repaired(
    tmp_path: Path, keyturn: Run
) -> None:
    folder, data = tmp_path / "function", ("--data-dir", str(tmp_path / "data"))
    function = RotationFunction(folder)
    # Where the function writes its target's password, it can't.
    (folder / "target").mkdir()

    def latest() -> dict[str, Any]:
        shown = keyturn("rotation", "history", "db", "--last", "1", "--json", *data)
        record: dict[str, Any] = json.loads(shown.stdout)[0]
        return record

    with KeyturnServer.start(tmp_path / "data") as server:
        variables = server.environment()
        secrets = client(variables, "secretsmanager")
        arn = make_rotation_function(variables, "rotate", function.package())
        secrets.create_secret(Name="db", SecretString="first")
        token = secrets.rotate_secret(SecretId="db", RotationLambdaARN=arn)["VersionId"]
        wait_until(lambda: latest()["NextAttemptAt"] and latest()["Cause"], what="a failure")
        (folder / "target").rmdir()

        done = keyturn("rotation", "retry", "db", *data)

        wait_until(lambda: latest()["State"] == "succeeded", what="the end of the rotation")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"The rotation of db to version {token} goes on now.\n"
        assert secrets.get_secret_value(SecretId="db")["VersionId"] == token
        again = keyturn("rotation", "retry", "db", *data)
        assert (again.returncode, again.stdout) == (1, "")
        assert "No rotation of db has failed or waits" in again.stderr

    stopped = keyturn("rotation", "retry", "db", *data)
    assert stopped.returncode == 1
    assert f"keyturn serve --data-dir {tmp_path / 'data'}" in stopped.stderr


def test_there_is_nobody_to_retry_where_no_server_runs(tmp_path: Path, keyturn: Run) -> None:
    done = keyturn("rotation", "retry", "db", "--data-dir", str(tmp_path / "nothing"))

    assert done.returncode == 1
    assert "server" in done.stderr
