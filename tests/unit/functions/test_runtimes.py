"""Which runtimes a machine is found to have, with programs that say what interpreters say."""

from pathlib import Path

import pytest

from keyturn.functions.refusals import UnknownRuntimeError
from keyturn.functions.runtimes import (
    CLIENT_MODULE,
    OWN_PYTHON,
    RUNTIMES,
    Kind,
    Runtimes,
    own_interpreter,
)

NODE = "nodejs22.x"


def test_the_pythons_that_aws_has_are_known() -> None:
    pythons = [name for name in RUNTIMES if name.startswith(Kind.PYTHON)]

    assert pythons == [f"python3.{minor}" for minor in range(10, 15)]


def test_this_python_needs_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    found = Runtimes().find(OWN_PYTHON)

    assert found.interpreter == own_interpreter()


def test_a_program_is_the_runtime_that_it_says_it_is(tmp_path: Path) -> None:
    real = tmp_path / "real"
    shim = _program(tmp_path / "shim", "python3.12", "3.12.7", str(real))

    found = Runtimes({"python3.12": shim}).find("python3.12")

    assert (found.kind, found.version, found.interpreter) == (Kind.PYTHON, "3.12.7", real)


def test_a_program_that_is_another_runtime_is_none(tmp_path: Path) -> None:
    program = _program(tmp_path / "python", "python3.13", "3.13.1", "/real")

    missing = _missing(Runtimes({"python3.12": program}), "python3.12")

    assert missing == (
        f"{program} is of version 3.13.1: it runs python3.13. Install it, or name it with "
        "keyturn serve --interpreter python3.12=PATH"
    )


def test_a_program_that_says_nothing_is_none(tmp_path: Path) -> None:
    missing = _missing(Runtimes({"python3.12": _program(tmp_path / "python")}), "python3.12")

    assert missing is not None
    assert missing.startswith(f"{tmp_path / 'python'} doesn't run.")


def test_what_is_not_on_the_path_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    assert _missing(Runtimes(), NODE) == (
        "There is no node on the server's path. Install it, or name it with keyturn serve "
        "--interpreter nodejs22.x=PATH"
    )


def test_an_ended_runtime_is_refused_with_the_reason() -> None:
    assert _missing(Runtimes(), "python3.9") == (
        "AWS ended it in December 2025, and boto3 needs Python 3.10 or newer."
    )


def test_nothing_is_missing_for_what_is_no_runtime() -> None:
    assert _missing(Runtimes(), "cobol85") is None


def test_what_is_its_own_program_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    assert Runtimes().available() == ["provided.al2023", OWN_PYTHON]


def test_the_client_is_found_beside_node(tmp_path: Path) -> None:
    node = _node(tmp_path / "bin" / "node")
    client = _client(tmp_path / "lib" / "node_modules" / "aws-lambda-ric")

    assert Runtimes({NODE: node}).find(NODE).client == client


def test_a_named_client_is_the_one(tmp_path: Path) -> None:
    node = _node(tmp_path / "bin" / "node")
    _client(tmp_path / "lib" / "node_modules" / "aws-lambda-ric")
    named = _client(tmp_path / "named")

    assert Runtimes({NODE: node}, named).find(NODE).client == named


def test_node_without_the_client_is_refused_with_what_installs_it(tmp_path: Path) -> None:
    runtimes = Runtimes({NODE: _node(tmp_path / "node")}, tmp_path / "nowhere")

    assert _missing(runtimes, NODE) == (
        "Node.js 22.14.0 is here, but not AWS's runtime client for it. Install that with npm "
        "install --global --ignore-scripts aws-lambda-ric@3.3.0, or name its folder with keyturn "
        "serve --node-client FOLDER"
    )
    assert NODE not in runtimes.available()


def test_what_is_installed_later_is_found(tmp_path: Path) -> None:
    runtimes = Runtimes({NODE: _node(tmp_path / "node")}, tmp_path / "client")
    assert NODE not in runtimes.available()

    _client(tmp_path / "client")

    assert NODE in runtimes.available()


def _missing(runtimes: Runtimes, name: str) -> str | None:
    with pytest.raises(UnknownRuntimeError) as caught:
        runtimes.find(name)
    return caught.value.missing


def _node(path: Path) -> Path:
    return _program(path, NODE, "22.14.0", str(path))


def _client(folder: Path) -> Path:
    module = folder / CLIENT_MODULE
    module.parent.mkdir(parents=True)
    module.touch()
    return folder


def _program(path: Path, *lines: str) -> Path:
    """Return a program that answers every question with these lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
    path.chmod(0o700)
    return path
