"""Promises about the source itself, which no single module can keep."""

import ast
from pathlib import Path
import re

SOURCE = Path(__file__).parents[2] / "src" / "keyturn"
TESTS = Path(__file__).parents[1]
DIVERGENCES = Path(__file__).parents[2] / "docs" / "aws-divergences.md"

# Where a secret value may be opened, and what for.
MAY_REVEAL = {
    "api/iam/users.py": "CreateAccessKey shows the secret half, once",
    "api/secretsmanager/password.py": "GetRandomPassword answers with it",
    "api/secretsmanager/values.py": "GetSecretValue answers with it",
    "api/sts/roles.py": "AssumeRole answers with the session's credentials",
    "app.py": "a function gets its session",
    "commands.py": "keyturn env prints the administrator's key",
    "engine/async_invocations.py": "an event that waited is given to its function",
    "functions/variables.py": "a function's process gets its own variables",
    "iam/session.py": "a session's secret travels sealed in its token",
    "iam/sigv4.py": "the signing key is derived from it",
    "keys/envelope.py": "to seal it",
    "keys/keyring.py": "to derive keys from the master key, and to read tokens",
    "rotation/event_values.py": "to take the values out of what code elsewhere logs",
    "rotation/failure.py": "to take the values out of a function's error message",
    "rotation/target.py": "to mark which host and user a rotation touches",
}
# The outermost edges, where every exception is caught.
MAY_CATCH_EVERYTHING = {
    "api/dispatch.py",
    "engine/loop.py",
    "functions/execution/pool.py",
    "functions/output/log_writer.py",
    "server/supervisor.py",
}
FUNCTION_LINES_MAX = 60
MODULE_LINES_MAX = 420


def modules() -> list[Path]:
    return [path for path in SOURCE.rglob("*.py") if "versions" not in path.parts]


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def trees() -> dict[str, ast.Module]:
    return {name_of(path): ast.parse(path.read_text()) for path in modules()}


def test_only_the_listed_modules_open_a_secret_value() -> None:
    opening = {
        name
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "reveal"
    }

    assert opening == set(MAY_REVEAL)


def test_only_the_outermost_edges_catch_every_exception() -> None:
    catching = {
        name
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) == "Exception")
    }

    assert catching == MAY_CATCH_EVERYTHING


def test_functions_and_modules_stay_short() -> None:
    long_modules = {
        name_of(path)
        for path in modules()
        if len(path.read_text().splitlines()) > MODULE_LINES_MAX
    }
    long_functions = {
        f"{name}:{node.name}"
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno > FUNCTION_LINES_MAX
    }

    assert (long_modules, long_functions) == (set(), set())


def test_every_divergence_names_a_test_that_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", DIVERGENCES.read_text())

    assert named
    for file, function in named:
        source = (TESTS.parent / file).read_text()
        assert f"def {function}(" in source, f"{file} has no {function}"
