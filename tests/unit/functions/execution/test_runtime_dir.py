from pathlib import Path
import sys

import boto3
import pytest

from keyturn.functions.execution.processes import Processes
from keyturn.functions.execution.runtime_dir import NODE_CLIENT, RuntimeDirs
from keyturn.functions.runtimes import OWN_PYTHON, PROVIDED, Kind, Runtime, Runtimes

#: Not this one, as far as the engine is told.
OTHER_PYTHON = Runtime("python3.99", Kind.PYTHON, Path(sys.executable), "3.99.0")
UNABLE_PYTHON = Runtime("python3.98", Kind.PYTHON, Path("/bin/false"), "3.98.0")


@pytest.fixture
def dirs(tmp_path: Path) -> RuntimeDirs:
    return RuntimeDirs(tmp_path, Processes())


def test_what_an_engine_left_half_made_is_removed(tmp_path: Path) -> None:
    half_made = tmp_path / "half-made"
    half_made.mkdir()
    (half_made / "boto3").symlink_to("/nowhere")

    made = RuntimeDirs(tmp_path, Processes()).own

    assert list(tmp_path.iterdir()) == [made.parent]
    assert (made / "boto3" / "__init__.py").exists()


def test_modules_are_linked_anew(tmp_path: Path) -> None:
    (RuntimeDirs(tmp_path, Processes()).own / "stale").touch()

    made = RuntimeDirs(tmp_path, Processes()).own

    assert not (made / "stale").exists()
    assert (made / "boto3" / "__init__.py").exists()


def test_this_python_has_the_modules_themselves(dirs: RuntimeDirs) -> None:
    parts = dict(dirs.parts(Runtimes().find(OWN_PYTHON)))

    assert parts[Path("boto3")] == Path(boto3.__file__).parent.resolve()


def test_another_python_has_bytecode_of_its_own_and_what_the_modules_read(
    dirs: RuntimeDirs,
) -> None:
    folder = dirs.of(OTHER_PYTHON)

    compiled = [path.name for path in (folder / "boto3" / "__pycache__").iterdir()]
    assert compiled
    assert all(name.endswith(f".{sys.implementation.cache_tag}.pyc") for name in compiled)
    assert list((folder / "botocore" / "data" / "secretsmanager").rglob("service-2.json.gz"))
    assert not list(folder.rglob("*.so"))


def test_a_folder_is_made_once(dirs: RuntimeDirs) -> None:
    (dirs.of(OTHER_PYTHON) / "mark").touch()

    assert (dirs.of(OTHER_PYTHON) / "mark").exists()


def test_modules_that_cannot_be_compiled_are_there_all_the_same(dirs: RuntimeDirs) -> None:
    assert (dirs.of(UNABLE_PYTHON) / "boto3" / "__init__.py").exists()


def test_node_has_its_client_and_no_module_of_python(dirs: RuntimeDirs, tmp_path: Path) -> None:
    client = tmp_path / "client"
    client.mkdir()
    node = Runtime("nodejs22.x", Kind.NODE, Path("/bin/node"), "22.14.0", client)

    assert list(dirs.parts(node)) == [(NODE_CLIENT, client)]
    assert (dirs.of(node) / NODE_CLIENT).resolve() == client


def test_what_is_its_own_program_has_no_folder_of_its_own(dirs: RuntimeDirs) -> None:
    assert dirs.of(PROVIDED) == dirs.own
