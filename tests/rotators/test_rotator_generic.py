"""A function of one's own: packaged with what it imports, and run by Lambda's runtime client."""

import json
from pathlib import Path
import subprocess
import sys
from zipfile import ZipFile

from typer.testing import CliRunner

from keyturn.cli.function import app
from keyturn_rotators.steps import Step
from support.emulator import Emulator
from support.kits import generic
from support.simulated_secretsmanager import SimulatedSecretsManager

RUNNER = CliRunner()
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"


def packaged(file: Path, zipped: Path, *options: str) -> str:
    arguments = ["package-file", str(file), "-o", str(zipped), *options]
    done = RUNNER.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_example_is_packaged_and_rotates_by_lambdas_runtime_client_alone(
    secrets_manager: SimulatedSecretsManager, tmp_path: Path
) -> None:
    zipped, folder = tmp_path / "fn.zip", tmp_path / "function"
    told = packaged(generic.EXAMPLE, zipped, "--json", "--runtime", VERSION)
    with ZipFile(zipped) as archive:
        archive.extractall(folder)
        names = archive.namelist()
    with generic.start(tmp_path) as kit:
        kit.make_user("app", kit.first_password)
        arn = secrets_manager.create(kit.document("app", kit.first_password))
        variables = {
            "AWS_ACCESS_KEY_ID": "AKIDSIMULATED",
            "AWS_SECRET_ACCESS_KEY": "simulated",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "SECRETS_MANAGER_ENDPOINT": secrets_manager.endpoint,
        }
        with Emulator.run(folder, variables) as emulator:
            for _ in range(3):
                token = secrets_manager.begin_rotation(arn)
                for step in Step:
                    event = {"Step": step, "SecretId": arn, "ClientRequestToken": token}
                    assert emulator.invoke(event) is None

                current = secrets_manager.document(arn)
                assert kit.accepts(current["username"], current["password"])

    assert json.loads(told)["CodeSize"] == zipped.stat().st_size
    assert "keyturn_rotators/engines/json_http.py" in names
    assert [name for name in names if "postgres" in name] == []


def test_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    packaged(generic.EXAMPLE, first)
    packaged(generic.EXAMPLE, second)

    assert first.read_bytes() == second.read_bytes()


def test_file_that_lambda_could_not_call_is_refused(tmp_path: Path) -> None:
    for text, said in (("def handler(): ...", "lambda_handler"), ("def", "no Python")):
        file = tmp_path / "own.py"
        file.write_text(text)

        done = RUNNER.invoke(app, ["package-file", str(file)])

        assert done.exit_code == 2
        assert said in " ".join(done.output.split())


def test_what_a_lock_file_pins_comes_with_it(tmp_path: Path) -> None:
    lock_file = Path(generic.EXAMPLE.parents[1], "src/keyturn_rotators/engines/mysql.lock")
    zipped = tmp_path / "fn.zip"

    packaged(generic.EXAMPLE, zipped, "--lock", str(lock_file))

    with ZipFile(zipped) as archive:
        assert "pymysql/__init__.py" in archive.namelist()


def test_example_imports_nothing_but_the_library_and_python() -> None:
    code = (
        "import sys; sys.path.insert(0, 'examples'); import own_engine; "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'keyturn', 'tests'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=generic.EXAMPLE.parents[1],
        capture_output=True,
        check=True,
    )

    assert done.stdout.decode().strip() == "[]"
