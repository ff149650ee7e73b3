"""``keyturn``, ``keyturn serve`` and ``keyturn env``: what they say and how they end."""

from collections.abc import Callable
import json
import os
from pathlib import Path
import signal
import socket
import subprocess
import time

import pytest

from support.account import client
from support.keyturn_server import KeyturnServer
from support.polling import wait_until

pytestmark = pytest.mark.server

Run = Callable[..., "subprocess.CompletedProcess[str]"]
STOP_SECONDS_MAX = 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], ["serve", "env", "account", "function", "clock"]),
        (
            ["serve", "--help"],
            ["--port", "--data-dir", "--account-id", "--virtual-clock", "SIGTERM"],
        ),
        (["env", "--help"], ["--json", "--region", "--data-dir", "eval"]),
        (["function", "package", "--help"], ["--output"]),
        (["clock", "advance", "--help"], ["--json", "--data-dir", "1d12h", "3650d"]),
    ],
)
def test_help_names_what_there_is(keyturn: Run, arguments: list[str], words: list[str]) -> None:
    done = keyturn(*arguments)

    assert done.returncode == 0
    assert not [word for word in words if word not in done.stdout]


def test_version_is_shown(keyturn: Run) -> None:
    done = keyturn("--version")

    assert (done.returncode, done.stdout.split()[0]) == (0, "keyturn")


@pytest.mark.parametrize(
    "arguments",
    [[], ["coffee"], ["serve", "--port", "many"], ["serve", "--what"], ["env", "too", "many"]],
    ids=str,
)
def test_wrong_command_ends_with_2(keyturn: Run, arguments: list[str]) -> None:
    assert keyturn(*arguments).returncode == 2


def assert_refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """Check for one clear line, and no traceback."""
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("keyturn: ")
    assert len(done.stderr.splitlines()) == 1
    assert not [word for word in words if word not in done.stderr]


def test_env_where_no_server_ran_says_how_to_start_one(keyturn: Run, tmp_path: Path) -> None:
    folder = tmp_path / "nothing"

    done = keyturn("env", "--data-dir", str(folder))

    assert_refused(done, str(folder), "keyturn serve --data-dir")
    assert not folder.exists()


@pytest.mark.parametrize("account", ["", "12345678901", "1234567890123", "12345678901x", "٣" * 12])
def test_account_that_is_not_12_digits_is_refused(
    keyturn: Run, tmp_path: Path, account: str
) -> None:
    folder = tmp_path / "data"

    done = keyturn("serve", "--port", "0", "--data-dir", str(folder), "--account-id", account)

    assert_refused(done, "account id", "12 digits")
    assert not folder.exists()


def test_port_that_none_can_be_is_refused(keyturn: Run, tmp_path: Path) -> None:
    done = keyturn("serve", "--port", "65536", "--data-dir", str(tmp_path / "data"))

    assert_refused(done, "port", "65535")


def test_port_in_use_is_refused_by_its_number(keyturn: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])

        done = keyturn("serve", "--port", port, "--data-dir", str(tmp_path / "data"))

    assert_refused(done, port, "Address already in use", "--port")


def test_half_an_administrator_key_is_refused(keyturn: Run, tmp_path: Path) -> None:
    done = keyturn(
        *("serve", "--port", "0", "--data-dir", str(tmp_path / "data")),
        environment={"KEYTURN_ADMIN_SECRET_ACCESS_KEY": "hunter2"},
    )

    assert_refused(done, "KEYTURN_ADMIN_ACCESS_KEY_ID", "both")
    assert "hunter2" not in done.stderr


def test_data_dir_that_others_may_enter_is_refused(keyturn: Run, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)

    done = keyturn("serve", "--port", "0", "--data-dir", str(folder))

    assert_refused(done, f"chmod 700 {folder}")


def a_data_dir_with_master_key(tmp_path: Path, content: bytes, mode: int) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    key = folder / "master.key"
    key.write_bytes(content)
    key.chmod(mode)
    return folder


def test_master_key_that_others_can_read_is_refused(keyturn: Run, tmp_path: Path) -> None:
    folder = a_data_dir_with_master_key(tmp_path, b"A" * 43 + b"=\n", 0o644)

    done = keyturn("serve", "--port", "0", "--data-dir", str(folder))

    assert_refused(done, f"chmod 600 {folder}/master.key")


@pytest.mark.parametrize("content", [b"", b"not base64", b"QUFBQQ==", b"\xff" * 44])
def test_master_key_file_without_a_key_is_refused(
    keyturn: Run, tmp_path: Path, content: bytes
) -> None:
    folder = a_data_dir_with_master_key(tmp_path, content, 0o600)

    done = keyturn("serve", "--port", "0", "--data-dir", str(folder))

    assert_refused(done, "master.key", "backup")


def test_master_key_that_is_a_folder_is_refused(keyturn: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "master.key").mkdir(parents=True)
    folder.chmod(0o700)

    done = keyturn("serve", "--port", "0", "--data-dir", str(folder))

    assert_refused(done, "master.key", "can't be read")


def test_env_after_the_master_key_was_lost_says_so(keyturn: Run, tmp_path: Path) -> None:
    with KeyturnServer.start(tmp_path / "data"):
        pass
    (tmp_path / "data" / "master.key").unlink()

    done = keyturn("env", "--data-dir", str(tmp_path / "data"))

    assert_refused(done, "master.key", "backup")


def test_second_server_on_a_data_dir_is_refused(keyturn: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with KeyturnServer.start(folder):
        done = keyturn("serve", "--port", "0", "--data-dir", str(folder))

    assert_refused(done, "Another server is running", str(folder))


def test_env_prints_lines_that_a_shell_takes(keyturn: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with KeyturnServer.start(folder) as server:
        lines = keyturn("env", "--data-dir", str(folder), "--region", "eu-west-1").stdout
        document = json.loads(keyturn("env", "--json", "--data-dir", str(folder)).stdout)
    shell = subprocess.run(
        ["/bin/sh", "-c", 'eval "$1"; env', "sh", lines],
        check=True,
        capture_output=True,
        text=True,
        env={"AWS_SESSION_TOKEN": "left over", "PATH": os.environ["PATH"]},  # noqa: TID251
    )

    variables = dict(line.split("=", 1) for line in shell.stdout.splitlines() if "=" in line)
    assert variables["AWS_ENDPOINT_URL"] == server.endpoint
    assert variables["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert "AWS_SESSION_TOKEN" not in variables
    assert document == {
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": variables["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": variables["AWS_SECRET_ACCESS_KEY"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }


def test_given_administrator_key_is_the_one_that_env_prints(keyturn: Run, tmp_path: Path) -> None:
    given = {
        "KEYTURN_ADMIN_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "KEYTURN_ADMIN_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    }
    folder = tmp_path / "data"
    with KeyturnServer.start(folder, environment=given):
        document = json.loads(keyturn("env", "--json", "--data-dir", str(folder)).stdout)

    assert document["AWS_ACCESS_KEY_ID"] == given["KEYTURN_ADMIN_ACCESS_KEY_ID"]
    assert document["AWS_SECRET_ACCESS_KEY"] == given["KEYTURN_ADMIN_SECRET_ACCESS_KEY"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_every_process_within_seconds_with_0(
    tmp_path: Path, number: signal.Signals
) -> None:
    server = KeyturnServer.launch(tmp_path / "data", arguments=("--api-processes", "2"))
    wait_until(lambda: len(server.child_pids()) == 3, what="two API processes and the engine")
    children = server.child_pids()
    began = time.monotonic()

    server.process.send_signal(number)
    code = server.process.wait(STOP_SECONDS_MAX)

    assert code == 0
    assert time.monotonic() - began < STOP_SECONDS_MAX
    assert not [pid for pid in children.values() if Path(f"/proc/{pid}").exists()]
    server.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_that_comes_with_the_first_sign_of_life_stops_the_server_with_0(
    tmp_path: Path, number: signal.Signals
) -> None:
    server = KeyturnServer.launch(tmp_path / "data")

    server.process.send_signal(number)

    assert server.process.wait(STOP_SECONDS_MAX) == 0
    server.stop()


def test_restarted_server_keeps_its_key_and_its_files_to_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with KeyturnServer.start(folder) as server:
        before = server.environment()
    with KeyturnServer.start(folder) as server:
        after = server.environment()

    # Sandboxes of other users read what is in the cache; nobody gets past the folder itself.
    files = [path for path in folder.rglob("*") if folder / "cache" not in path.parents]
    open_files = [path for path in files if path.lstat().st_mode & 0o077]
    assert after["AWS_SECRET_ACCESS_KEY"] == before["AWS_SECRET_ACCESS_KEY"]
    assert [path for path in open_files if not path.is_symlink()] == []


def test_further_account_has_an_administrator_of_its_own(keyturn: Run, tmp_path: Path) -> None:
    folder = str(tmp_path / "data")
    with KeyturnServer.start(tmp_path / "data") as server:
        made = keyturn("account", "create", "210987654321", "--data-dir", folder)
        other = json.loads(
            keyturn("env", "--json", "--account-id", "210987654321", "--data-dir", folder).stdout
        )

        assert made.returncode == 0
        assert other["AWS_ACCESS_KEY_ID"] != server.environment()["AWS_ACCESS_KEY_ID"]
        assert client(other, "sts").get_caller_identity()["Arn"] == (
            "arn:aws:iam::210987654321:user/administrator"
        )
        assert_refused(
            keyturn("account", "create", "210987654321", "--data-dir", folder),
            "210987654321 already",
        )


def test_account_that_none_can_have_is_refused(keyturn: Run, tmp_path: Path) -> None:
    folder = str(tmp_path / "data")

    assert_refused(keyturn("account", "create", "12345", "--data-dir", folder), "12 digits")


def test_env_of_an_account_that_there_is_not_says_how_to_make_it(
    keyturn: Run, tmp_path: Path
) -> None:
    folder = str(tmp_path / "data")
    with KeyturnServer.start(tmp_path / "data"):
        done = keyturn("env", "--account-id", "210987654321", "--data-dir", folder)

    assert_refused(done, "keyturn account create")
