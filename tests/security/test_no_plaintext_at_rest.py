"""Values that are marked, and a search for the marks everywhere they must not be."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from keyturn.functions.distributions import Architecture, Platform, Runtime
from keyturn.functions.packaging import build, find_template
from support.account import client, make_rotation_function
from support.keyturn_server import KeyturnServer
from support.postgres_server import PostgresServer
from support.waiting import until

pytestmark = [pytest.mark.server, pytest.mark.engine]

PLATFORM = Platform(runtime=Runtime.PYTHON_3_11, architecture=Architecture.X86_64)
FIRST = "first-canary-4f1d9c"
BINARY = b"binary-canary-\x00-77ab02"
VARIABLE = "variable-canary-c0ffee"


def bytes_of(folder: Path) -> bytes:
    """Return what every file below a folder holds."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return b"\n".join(path.read_bytes() for path in files)


def spellings(value: bytes) -> list[bytes]:
    return [value, base64.b64encode(value), value.hex().encode()]


def rotate(secrets: Any, arn: str) -> None:  # noqa: ANN401 - boto3 makes the type
    token = secrets.rotate_secret(SecretId="db", RotationLambdaARN=arn)["VersionId"]

    def is_done() -> bool:
        description = secrets.describe_secret(SecretId="db")
        stages = description["VersionIdsToStages"].get(token, [])
        return "AWSCURRENT" in stages and "AWSPENDING" not in stages

    until(is_done, "the rotation completes")


def test_no_value_old_or_new_is_in_the_data_directory_or_in_any_log(tmp_path: Path) -> None:
    with (
        PostgresServer.start(tmp_path / "postgres") as database,
        KeyturnServer.start(tmp_path / "data") as server,
    ):
        database.make_role("app", FIRST)
        variables = server.environment()
        secrets = client(variables, "secretsmanager")
        package = build(
            find_template("postgres", "single-user"),
            PLATFORM,
        )
        arn = make_rotation_function(variables, "rotate", package)
        client(variables, "lambda").update_function_configuration(
            FunctionName="rotate", Environment={"Variables": {"CANARY": VARIABLE}}
        )
        credential = {
            "engine": "postgres",
            "host": database.host,
            "port": database.port,
            "username": "app",
            "password": FIRST,
            "ssl": False,
        }
        secrets.create_secret(Name="db", SecretString=json.dumps(credential))
        secrets.create_secret(Name="binary", SecretBinary=BINARY)
        rotate(secrets, arn)
        rotate(secrets, arn)
        values = [
            json.loads(secrets.get_secret_value(SecretId="db", VersionStage=stage)["SecretString"])
            for stage in ("AWSCURRENT", "AWSPREVIOUS")
        ]
        arguments = [
            Path(f"/proc/{pid}/cmdline").read_bytes() for pid in server.child_pids().values()
        ]
        running = bytes_of(tmp_path / "data")
        assert database.accepts("app", values[0]["password"])

    at_rest = [running, bytes_of(tmp_path / "data"), server.log.read_bytes(), *arguments]
    passwords = [value["password"] for value in values]
    secret_key = variables["AWS_SECRET_ACCESS_KEY"]
    for value in (*passwords, FIRST, "binary-canary", VARIABLE, secret_key):
        for spelling in spellings(value.encode()):
            assert not any(spelling in place for place in at_rest)
    # PostgreSQL logs every statement here: the new passwords aren't in any.
    statements = (tmp_path / "postgres" / "log").read_text()
    assert all(password not in statements for password in passwords)


def test_the_search_would_find_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\x00\x01" + FIRST.encode() + b"\x02")

    assert FIRST.encode() in bytes_of(tmp_path)


def test_everything_in_the_data_directory_is_its_owners_alone(tmp_path: Path) -> None:
    with KeyturnServer.start(tmp_path / "data") as server:
        client(server.environment(), "secretsmanager").create_secret(Name="a", SecretString="b")
        files = [
            path
            for path in (tmp_path / "data", *(tmp_path / "data").rglob("*"))
            # Sandboxes of other users read what is in these; nobody gets past the folder above.
            if not path.is_symlink() and not {"runtimes", "sandboxes", "code"} & set(path.parts)
        ]

        open_to_others = [path for path in files if path.stat().st_mode & 0o077]

        assert open_to_others == []
        assert tmp_path / "data" / "cache" in files
