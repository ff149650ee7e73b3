"""``keyturn function``, as it is typed."""

from base64 import b64encode
import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from keyturn.cli.function import app


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1"})
    return result.exit_code, result.stdout, result.stderr


def test_package_writes_the_zip_and_says_what_lambda_will_say_of_it(tmp_path: Path) -> None:
    path = tmp_path / "my-function.zip"

    code, output, _ = run("package", "postgres", "single-user", "-o", str(path), "--json")

    made = json.loads(output)
    assert code == 0
    assert made == {
        "File": str(path),
        "Engine": "postgres",
        "Strategy": "single-user",
        "Runtime": "python3.11",
        "Architecture": "x86_64",
        "Handler": "lambda_function.lambda_handler",
        "CodeSize": path.stat().st_size,
        "CodeSha256": b64encode(hashlib.sha256(path.read_bytes()).digest()).decode(),
    }


def test_package_without_a_path_names_the_zip_after_the_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    code, output, _ = run("package", "postgres", "single-user")

    assert code == 0
    assert "lambda_function.lambda_handler" in output
    assert [file.name for file in tmp_path.iterdir()] == ["postgres-single-user.zip"]


def test_an_unknown_template_is_a_wrong_command(tmp_path: Path) -> None:
    code, _, error = run("package", "postgres", "nothing", "-o", str(tmp_path / "x.zip"))

    assert code == 2
    # In a frame, and broken wherever its line ends.
    assert "postgres single-user" in " ".join(error.replace("│", " ").split())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--runtime", "--arch"])
def test_an_unknown_platform_is_a_wrong_command(option: str) -> None:
    code, _, error = run("package", "postgres", "single-user", option, "pdp11")

    assert code == 2
    assert option in error


def test_a_folder_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "x.zip"

    code, _, error = run("package", "postgres", "single-user", "-o", str(path))

    assert code == 1
    assert error == f"keyturn: can't write {path}: No such file or directory\n"


def test_templates_are_listed() -> None:
    code, output, _ = run("list-templates")

    assert code == 0
    assert "\npostgres single-user  PostgreSQL, single user: " in f"\n{output}"


def test_templates_are_listed_as_json() -> None:
    _, output, _ = run("list-templates", "--json")

    rows = [(row["Engine"], row["Strategy"]) for row in json.loads(output)]
    assert {("postgres", "single-user"), ("postgres", "alternating-users")} <= set(rows)
