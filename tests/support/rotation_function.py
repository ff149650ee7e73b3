"""A rotation function of a few lines, for tests that need to hold it at a step.

It does the four steps on a secret whose "target" is a file: the password that the file holds is
the one that the target takes. Before each step it notes the step in ``steps`` and, if a file
``hold-<step>`` exists, waits until that is gone.
"""

import io
import json
from pathlib import Path
import zipfile

from support.shared_folder import SharedFolder

_SOURCE = """
import json, time
import boto3

def lambda_handler(event, context):
    step, arn, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
    FOLDER.append("steps", json.dumps({"step": step, "token": token}) + "\\n")
    while FOLDER.has(f"hold-{step}"):
        time.sleep(0.005)
    client = boto3.client("secretsmanager")
    versions = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    if "AWSCURRENT" in versions[token]:
        return
    globals()[step](client, arn, token, versions)

def createSecret(client, arn, token, versions):
    try:
        client.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
    except client.exceptions.ResourceNotFoundException:
        value = client.get_random_password(ExcludePunctuation=True)["RandomPassword"]
        client.put_secret_value(
            SecretId=arn, ClientRequestToken=token, SecretString=value,
            VersionStages=["AWSPENDING"],
        )

def setSecret(client, arn, token, versions):
    pending = client.get_secret_value(SecretId=arn, VersionStage="AWSPENDING")
    FOLDER.write("target", pending["SecretString"])

def testSecret(client, arn, token, versions):
    pending = client.get_secret_value(SecretId=arn, VersionStage="AWSPENDING")
    assert FOLDER.read("target") == pending["SecretString"]

def finishSecret(client, arn, token, versions):
    current = next(v for v, stages in versions.items() if "AWSCURRENT" in stages)
    client.update_secret_version_stage(
        SecretId=arn, VersionStage="AWSCURRENT",
        MoveToVersionId=token, RemoveFromVersionId=current,
    )
"""


class RotationFunction:
    """The function, and the folder through which a test talks to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shared = SharedFolder(folder)

    def package(self) -> bytes:
        """Return the function as a ZIP."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("lambda_function.py", self._shared.client + _SOURCE)
        return buffer.getvalue()

    def hold(self, step: str) -> None:
        """Have the function wait at the beginning of a step."""
        (self._folder / f"hold-{step}").touch()

    def let_go(self, step: str) -> None:
        """Let the function go on."""
        (self._folder / f"hold-{step}").unlink()

    def steps(self) -> list[dict[str, str]]:
        """Return the steps that were begun, with their tokens."""
        noted = self._folder / "steps"
        if not noted.exists():
            return []
        return [json.loads(line) for line in noted.read_text().splitlines()]

    def target_password(self) -> str:
        """Return the password that the target takes."""
        return (self._folder / "target").read_text()
