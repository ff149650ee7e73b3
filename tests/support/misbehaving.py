"""Rotation functions that misbehave at one step, and a secret for each of them to harm.

    bench = MisbehaviourBench(live_rotation_bench, data_dir)
    token = bench.rotate("setSecret", "os._exit(3)")
    failure = bench.first_failure(token)

The misbehaviour is statements that see ``event``, ``secret``, ``token`` and ``client``. What
is behind them, unless they return or end the process, is the step as AWS's template has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
import json
from pathlib import Path
from textwrap import indent
from typing import Any

from typer.testing import CliRunner

from keyturn.cli.main import app
from support.live_api import LiveApi
from support.live_rotation import TRUST, Bench
from support.polling import wait_until
from support.rotation_functions import FOUR_STEPS

_SOURCE = (
    "import json, os, signal, subprocess, sys, threading, time\n"
    + FOUR_STEPS.replace("def lambda_handler(", "def rotate(")
    + """
def lambda_handler(event, context):
    if event["Step"] == {step!r}:
        secret, token = event["SecretId"], event["ClientRequestToken"]
        client = boto3.client("secretsmanager")
{statements}
    return rotate(event, context)
"""
)
ENDED = ("succeeded", "failed", "abandoned", "cancelled")
WAIT_SECONDS_MAX = 20


def misbehaving(step: str, statements: str) -> str:
    """Return a rotation function that does this at a step."""
    return _SOURCE.format(step=step, statements=indent(statements.strip("\n"), " " * 8))


@dataclass(frozen=True)
class MisbehaviourBench:
    """A secret ``a`` with the value ``old``, and what a person sees of its rotations."""

    bench: Bench
    data_dir: Path

    @property
    def api(self) -> LiveApi:
        return self.bench.api

    def rotate(self, step: str, statements: str, **settings: Any) -> str:  # noqa: ANN401 - boto3's
        """Begin to rotate with a function that does this at a step; return the version's id."""
        return self.rotate_with(misbehaving(step, statements), **settings)

    def rotate_with(self, code: str, **settings: Any) -> str:  # noqa: ANN401 - boto3's
        """Begin to rotate with a function of this code; return the version's id."""
        arn = self.bench.make_function(
            code, role=self._role(), timeout=settings.pop("Timeout", 30)
        )
        if settings:
            self.api.functions.update_function_configuration(FunctionName=arn, **settings)
        return self.bench.rotate(arn)

    def history(self, name: str = "a") -> list[dict[str, Any]]:
        """Return what ``keyturn rotation history --json`` says of a secret."""
        arguments = ["rotation", "history", name, "--json", "--region", self.api.region]
        done = CliRunner().invoke(app, [*arguments, "--data-dir", str(self.data_dir)])
        assert done.exit_code == 0, done.output
        records: list[dict[str, Any]] = json.loads(done.stdout)
        return records

    def rotation(self, token: str) -> dict[str, Any]:
        """Return what the history says of a rotation."""
        return next(record for record in self.history() if record["VersionId"] == token)

    def first_failure(self, token: str) -> Mapping[str, str]:
        """Wait for the end of the first attempt; return the step that failed, with its reason."""

        def failed() -> list[Mapping[str, str]]:
            return [step for step in self.rotation(token)["Steps"] if step["Cause"] is not None]

        wait_until(failed, what="a failed step", seconds_max=WAIT_SECONDS_MAX)
        return failed()[0]

    def end_of(self, token: str) -> dict[str, Any]:
        """Wait until a rotation is over; return it."""
        wait_until(
            lambda: self.rotation(token)["State"] in ENDED,
            what="the rotation's end",
            seconds_max=WAIT_SECONDS_MAX,
        )
        return self.rotation(token)

    def assert_live_value_is_intact(self, token: str) -> None:
        """The old value is the one AWSCURRENT, and the rotation's version isn't."""
        stages = self.bench.stages()
        current = [version for version, labels in stages.items() if "AWSCURRENT" in labels]
        assert self.bench.current() == "old"
        assert current == [self.bench.version_id]
        assert token not in current

    def assert_others_rotate(self) -> None:
        """Another secret rotates with a function that does what it should."""
        healthy = self.begin_healthy_rotation()
        wait_until(lambda: self.history("healthy")[0]["State"] == "succeeded", what="another one")
        assert self.api.secrets.get_secret_value(SecretId="healthy")["VersionId"] == healthy

    def begin_healthy_rotation(self) -> str:
        self.api.secrets.create_secret(Name="healthy", SecretString="old")
        arn = self.bench.make_function()
        answer = self.api.secrets.rotate_secret(SecretId="healthy", RotationLambdaARN=arn)
        return answer["VersionId"]

    def log(self) -> str:
        """Return the server's own log."""
        return self.data_dir.with_name(self.data_dir.name + ".log").read_text()

    def _role(self) -> str:
        # A function may ask for anything: what is refused is refused to the rotation function.
        role = self.bench.make_role(trust=TRUST)
        self.api.iam.attach_role_policy(
            RoleName=role.rpartition("/")[2],
            PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess",
        )
        return role
