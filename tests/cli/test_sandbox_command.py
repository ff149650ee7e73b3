"""``keyturn sandbox``, and what ``keyturn serve`` makes of a machine without sandboxes."""

from collections.abc import Callable, Mapping
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
from typing import Final

import pytest

from keyturn.functions.runtimes import OWN_PYTHON, RUNTIMES, Kind, own_interpreter
from support.account import TRUST, client
from support.function_bench import zipped
from support.interpreters import all_runtimes
from support.keyturn_server import KeyturnServer
from support.polling import wait_until

pytestmark = pytest.mark.server

Run = Callable[..., "subprocess.CompletedProcess[str]"]
MISSING: Final = "bubblewrap isn't installed: apt-get install bubblewrap"
REASON: Final = "bwrap: No permissions to create a new namespace"
LOUD: Final = "FUNCTIONS AREN'T ISOLATED"
BEGUN: Final = re.compile("FUNCTIONS AREN'T ISOLATED|functions run in sandboxes of bubblewrap")
VERSION: Final = """
import sys
def lambda_handler(event, context):
    return [f"python3.{sys.version_info.minor}", sys.executable]
"""

needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap")


@pytest.fixture
def without(tmp_path: Path) -> Mapping[str, str]:
    """The variables of a machine that has no bubblewrap."""
    folder = tmp_path / "nothing"
    folder.mkdir()
    return {"PATH": str(folder)}


@pytest.fixture
def failing(tmp_path: Path) -> Mapping[str, str]:
    """The variables of a machine whose bubblewrap fails, before any other that it may have."""
    folder = tmp_path / "failing"
    folder.mkdir()
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\necho '{REASON}' >&2\nexit 1\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.defpath}"}


@pytest.fixture(params=["without", "failing"])
def unable(request: pytest.FixtureRequest) -> tuple[Mapping[str, str], str]:
    """The variables of a machine that can't isolate, and why."""
    why = {"without": MISSING, "failing": REASON}[request.param]
    return request.getfixturevalue(request.param), why


@needs_bubblewrap
def test_where_functions_can_be_isolated_it_says_so_and_ends_with_0(keyturn: Run) -> None:
    said, told = keyturn("sandbox"), keyturn("sandbox", "--json")

    assert (said.returncode, told.returncode) == (0, 0)
    assert said.stdout == "Functions run in sandboxes of bubblewrap, isolated from this machine.\n"
    assert json.loads(told.stdout) == {"isolated": True, "reason": None}


def test_where_they_can_not_it_says_why_and_ends_with_1(
    keyturn: Run, unable: tuple[Mapping[str, str], str]
) -> None:
    variables, why = unable

    said = keyturn("sandbox", environment=variables)
    told = keyturn("sandbox", "--json", environment=variables)

    assert (said.returncode, told.returncode) == (1, 1)
    assert said.stdout == f"Functions can't be isolated here: {why}\n"
    assert json.loads(told.stdout) == {"isolated": False, "reason": why}


def test_a_server_that_must_have_a_sandbox_does_not_start_without(
    keyturn: Run, tmp_path: Path, unable: tuple[Mapping[str, str], str]
) -> None:
    variables, why = unable

    done = keyturn(
        *("serve", "--port", "0", "--data-dir", str(tmp_path / "data")),
        *("--sandbox", "bubblewrap"),
        environment=variables,
    )

    assert_refused(done, why)


@needs_bubblewrap
def test_a_server_that_must_have_a_sandbox_starts_with_it_and_says_so(tmp_path: Path) -> None:
    log = log_of(tmp_path, "bubblewrap", {})

    assert "functions run in sandboxes of bubblewrap" in log
    assert LOUD not in log


def test_a_server_that_may_do_without_starts_and_says_loudly_why(
    tmp_path: Path, unable: tuple[Mapping[str, str], str]
) -> None:
    variables, why = unable

    log = log_of(tmp_path, "auto", variables)

    assert LOUD in log
    assert why in log


def test_a_server_that_is_told_to_isolate_nothing_says_so_as_loudly(tmp_path: Path) -> None:
    log = log_of(tmp_path, "none", {})

    assert LOUD in log
    assert "it was switched off with --sandbox none" in log


def test_a_sandbox_of_another_kind_is_refused(keyturn: Run) -> None:
    done = keyturn("serve", "--sandbox", "firecracker")

    assert done.returncode == 2
    assert "bubblewrap" in done.stderr


@pytest.mark.parametrize(
    "word",
    ["", "python3.12", "python3.12=", "python3.12=/no/python", "python3.12=/usr", "perl=/bin/sh"],
)
def test_what_names_no_interpreter_is_refused(keyturn: Run, tmp_path: Path, word: str) -> None:
    folder = tmp_path / "data"

    done = keyturn("serve", "--port", "0", "--data-dir", str(folder), "--interpreter", word)

    assert_refused(done, f"--interpreter {word} doesn't name an interpreter", "RUNTIME=PATH")
    assert not [name for name in RUNTIMES if name not in done.stderr]
    assert not folder.exists()


def test_a_named_interpreter_serves_its_runtime(
    tmp_path: Path, without: Mapping[str, str]
) -> None:
    runtimes = all_runtimes()
    others = [
        name
        for name in runtimes.available()
        if name.startswith(Kind.PYTHON) and name != OWN_PYTHON
    ]
    if not others:
        pytest.skip("needs another Python")
    path = runtimes.find(others[0]).interpreter

    arguments = ("--api-processes", "1", "--interpreter", f"{others[0]}={path}")
    with KeyturnServer.start(
        tmp_path / "data", arguments=arguments, environment=without
    ) as server:
        answer = answer_of(server.environment(), others[0])

    assert answer == [others[0], str(path)]


def test_one_of_another_version_is_not_taken_for_the_runtime(
    tmp_path: Path, without: Mapping[str, str]
) -> None:
    other = next(name for name in ("python3.12", "python3.13") if name != OWN_PYTHON)

    arguments = ("--api-processes", "1", "--interpreter", f"{other}={own_interpreter()}")
    with KeyturnServer.start(
        tmp_path / "data", arguments=arguments, environment=without
    ) as server:
        variables = server.environment()
        functions = client(variables, "lambda")
        with pytest.raises(
            functions.exceptions.InvalidParameterValueException, match=f"it runs {OWN_PYTHON}"
        ):
            answer_of(variables, other)


def assert_refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """Check for one clear line, and no traceback."""
    assert done.returncode == 1
    assert done.stderr.startswith("keyturn: ")
    assert len(done.stderr.splitlines()) == 1
    assert not [word for word in words if word not in done.stderr]


def log_of(folder: Path, sandbox: str, environment: Mapping[str, str]) -> str:
    """Return what a server logs until it says what functions run in."""
    arguments = ("--api-processes", "1", "--sandbox", sandbox)
    with KeyturnServer.start(
        folder / "data", arguments=arguments, environment=environment
    ) as server:
        wait_until(lambda: BEGUN.search(server.log.read_text()), what="what functions run in")
        return server.log.read_text()


def answer_of(variables: dict[str, str], runtime: str) -> object:
    """Make a function of a runtime, and return what it answers."""
    role = client(variables, "iam").create_role(
        RoleName=runtime, AssumeRolePolicyDocument=json.dumps(TRUST)
    )
    functions = client(variables, "lambda")
    functions.create_function(
        FunctionName="version",
        Runtime=runtime,
        Handler="lambda_function.lambda_handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": zipped({"lambda_function.py": VERSION})},
        Timeout=30,
    )
    return json.load(functions.invoke(FunctionName="version")["Payload"])


def test_nothing_in_the_folder_that_a_server_is_started_in_speaks_for_a_sandbox(
    tmp_path: Path, without: Mapping[str, str]
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    # Python's own module, if it were looked for here first.
    (here / "secrets.py").write_text("raise SystemExit(0)")

    refused = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "keyturn", "serve", "--port", "0"),
            *("--sandbox", "bubblewrap", "--data-dir", str(tmp_path / "data")),
        ],
        cwd=here,
        env={**without, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert refused.returncode == 1
    assert MISSING in refused.stderr
    assert not (tmp_path / "data").exists()
