"""Tiny rotation functions for secrets without a database, each as a ZIP."""

import io
from typing import Final
import zipfile

#: The four steps on a secret alone, as AWS's template has them.
FOUR_STEPS: Final = """
import boto3

def lambda_handler(event, context):
    secret, token = event["SecretId"], event["ClientRequestToken"]
    print("step", event["Step"])
    client = boto3.client("secretsmanager")
    if event["Step"] == "createSecret":
        try:
            client.get_secret_value(SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
        except client.exceptions.ResourceNotFoundException:
            value = client.get_random_password(ExcludePunctuation=True)["RandomPassword"]
            client.put_secret_value(SecretId=secret, ClientRequestToken=token,
                                    SecretString=value, VersionStages=["AWSPENDING"])
    elif event["Step"] == "testSecret":
        client.get_secret_value(SecretId=secret, VersionStage="AWSPENDING")
    elif event["Step"] == "finishSecret":
        stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
        current = next((v for v, s in stages.items() if "AWSCURRENT" in s), None)
        client.update_secret_version_stage(SecretId=secret, VersionStage="AWSCURRENT",
                                           MoveToVersionId=token, RemoveFromVersionId=current)
"""

#: Says what it was called with and what it saw under AWSPENDING, without changing anything.
LOOKS_ONLY: Final = """
import boto3

def lambda_handler(event, context):
    client = boto3.client("secretsmanager")
    seen = client.get_secret_value(SecretId=event["SecretId"], VersionStage="AWSPENDING")
    current = client.get_secret_value(SecretId=event["SecretId"])
    is_copy = seen["SecretString"] == current["SecretString"]
    is_other = seen["VersionId"] != current["VersionId"]
    print("step", event["Step"], "copy", is_copy, "other version", is_other)
"""

NO_OP: Final = """
def lambda_handler(event, context):
    print("step", event["Step"])
"""

RAISES: Final = """
def lambda_handler(event, context):
    raise RuntimeError("the database is away")
"""

EXITS: Final = """
import os

def lambda_handler(event, context):
    os._exit(3)
"""

HANGS: Final = """
import threading

def lambda_handler(event, context):
    threading.Event().wait()
"""

CAN_NOT_BE_IMPORTED: Final = "import nothing_of_that_name"


def zipped(code: str) -> bytes:
    """Return a package with this code as ``lambda_function.py``."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("lambda_function.py", code)
    return target.getvalue()
