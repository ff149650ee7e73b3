"""``keyturn clock``, with real servers: a month of rotations in seconds."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
import json
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
from typing import Any

import pytest

from support.account import client, make_rotation_function
from support.keyturn_server import KeyturnServer
from support.live_api import Caller, LiveApi, policy
from support.polling import wait_until
from support.rotation_function import RotationFunction
from support.rotation_functions import FOUR_STEPS, RAISES, zipped

pytestmark = pytest.mark.server

Run = Callable[..., "subprocess.CompletedProcess[str]"]

DAY = timedelta(days=1)
#: What passes by itself while a test runs, at the most.
A_WHILE = timedelta(minutes=5)
VIRTUAL = ("--virtual-clock", "--api-processes", "2")


class Bench:
    """A server whose time can be moved, and its administrator's clients."""

    def __init__(self, server: KeyturnServer, keyturn: Run) -> None:
        self.server = server
        self.variables = server.environment()
        self.secrets = client(self.variables, "secretsmanager")
        self._keyturn = keyturn

    def clock(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._keyturn("clock", *arguments, "--data-dir", str(self.server.data_dir))

    def advance(self, duration: str) -> dict[str, Any]:
        done = self.clock("advance", duration, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def now(self) -> datetime:
        return instant(json.loads(self.clock("show", "--json").stdout)["Time"])

    def rotate(self, name: str, code: str | bytes, *, days: int) -> None:
        """Make a secret that rotates every so many days, and wait for its first rotation."""
        package = code if isinstance(code, bytes) else zipped(code)
        arn = make_rotation_function(self.variables, name, package)
        self.secrets.create_secret(Name=name, SecretString="first")
        self.secrets.rotate_secret(
            SecretId=name,
            RotationLambdaARN=arn,
            RotationRules={"ScheduleExpression": f"rate({days} days)"},
        )
        wait_until(lambda: "LastRotatedDate" in self.described(name), what="the first rotation")

    def described(self, name: str) -> dict[str, Any]:
        description: dict[str, Any] = self.secrets.describe_secret(SecretId=name)
        return description


@pytest.fixture
def bench(tmp_path: Path, keyturn: Run) -> Iterator[Bench]:
    with KeyturnServer.start(tmp_path / "data", arguments=VIRTUAL) as server:
        yield Bench(server, keyturn)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def machine_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the machine's clock is what this is compared with


def is_about(at: datetime, expected: datetime) -> bool:
    return abs(at - expected) < A_WHILE


def assert_refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """Check for one clear line, and no traceback."""
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("keyturn: ")
    assert len(done.stderr.splitlines()) == 1
    assert not [word for word in words if word not in done.stderr]


def test_secret_of_ten_days_rotates_three_times_in_35(bench: Bench, tmp_path: Path) -> None:
    function = RotationFunction(tmp_path / "function")
    bench.rotate("db", function.package(), days=10)
    first = bench.described("db")

    arrived = bench.advance("35d")

    described = bench.described("db")
    finished = [step["step"] for step in function.steps()].count("finishSecret")
    assert finished == 1 + 3
    assert arrived["RotationsSucceeded"] == 3
    others = ("RotationsFailed", "RotationsAbandoned", "RotationsUnfinished")
    assert [arrived[name] for name in others] == [0, 0, 0]
    assert is_about(instant(arrived["Time"]), machine_now() + 35 * DAY)
    rotated_on = described["LastRotatedDate"].astimezone(UTC).date()
    assert rotated_on == first["LastRotatedDate"].astimezone(UTC).date() + 30 * DAY
    assert described["NextRotationDate"] - first["NextRotationDate"] == 30 * DAY
    value = bench.secrets.get_secret_value(SecretId="db")["SecretString"]
    assert value == function.target_password()


def test_deleted_secret_is_gone_after_its_recovery_window_and_not_before(bench: Bench) -> None:
    bench.secrets.create_secret(Name="a", SecretString="x")
    deleted = bench.secrets.delete_secret(SecretId="a", RecoveryWindowInDays=7)

    bench.advance("6d23h")
    is_listed_before = "DeletedDate" in bench.described("a")
    bench.advance("1h")

    assert is_about(deleted["DeletionDate"], machine_now() + 7 * DAY)
    assert is_listed_before
    with pytest.raises(bench.secrets.exceptions.ResourceNotFoundException):
        bench.described("a")


def test_secrets_live_in_virtual_time_and_callers_in_the_machine_s(bench: Bench) -> None:
    bench.rotate("db", FOUR_STEPS, days=10)
    session = take_on_a_role(bench)

    bench.advance("35d")

    bench.secrets.get_secret_value(SecretId="db")
    iam, logs = client(bench.variables, "iam"), client(bench.variables, "logs")
    made = bench.secrets.create_secret(Name="later", SecretString="x")["ARN"]
    user = iam.create_user(UserName="later")["User"]
    events = logs.filter_log_events(logGroupName="/aws/lambda/db")["events"]
    later = machine_now() + 35 * DAY
    assert is_about(bench.described(made)["CreatedDate"], later)
    assert is_about(user["CreateDate"], machine_now())
    # AWS: LastAccessedDate is a day, without its time.
    accessed = bench.described("db")["LastAccessedDate"]
    assert timedelta(0) <= later - accessed < DAY + A_WHILE
    assert events
    assert all(is_about(from_ms(event["timestamp"]), machine_now()) for event in events)
    # Signed with the machine's time, by a session of a quarter of an hour.
    assert session.sts.get_caller_identity()["Arn"].endswith("/a-session")
    session.close()


def take_on_a_role(bench: Bench) -> LiveApi:
    """Return the API for a session of a role."""
    iam, sts = client(bench.variables, "iam"), client(bench.variables, "sts")
    me = sts.get_caller_identity()["Arn"]
    trust = {"Effect": "Allow", "Principal": {"AWS": me}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="a", AssumeRolePolicyDocument=json.dumps(policy(trust)))
    key = sts.assume_role(
        RoleArn=role["Role"]["Arn"], RoleSessionName="a-session", DurationSeconds=900
    )["Credentials"]
    caller = Caller(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])
    return LiveApi(bench.server.endpoint, caller, "us-east-1")


def from_ms(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def test_failed_rotations_are_counted_and_the_command_ends_with_0(bench: Bench) -> None:
    bench.rotate("db", FOUR_STEPS, days=10)
    functions = client(bench.variables, "lambda")
    functions.update_function_code(FunctionName="db", ZipFile=zipped(RAISES))
    before = bench.described("db")["VersionIdsToStages"]

    done = bench.clock("advance", "12d")

    assert done.returncode == 0
    assert done.stderr == ""
    assert "0 succeeded, " in done.stdout
    assert ", 0 failed" not in done.stdout
    current = [v for v, stages in before.items() if "AWSCURRENT" in stages]
    after = bench.described("db")["VersionIdsToStages"]
    assert [v for v, stages in after.items() if "AWSCURRENT" in stages] == current


def test_engine_that_is_killed_on_the_way_is_replaced_and_the_journey_goes_on(
    bench: Bench, tmp_path: Path
) -> None:
    function = RotationFunction(tmp_path / "function")
    bench.rotate("db", function.package(), days=10)
    function.hold("setSecret")
    command = start_command(bench, "35d")
    wait_until(lambda: len(function.steps()) == 6, what="setSecret of the second rotation")

    os.kill(bench.server.child_pids()["keyturn-engine"], signal.SIGKILL)
    function.let_go("setSecret")
    told, _ = command.communicate(timeout=60)

    assert command.returncode == 0
    assert json.loads(told)["RotationsSucceeded"] == 3
    value = bench.secrets.get_secret_value(SecretId="db")["SecretString"]
    assert value == function.target_password()


def test_interrupted_command_leaves_the_server_sound_and_the_time_where_it_is(
    bench: Bench, tmp_path: Path
) -> None:
    function = RotationFunction(tmp_path / "function")
    bench.rotate("db", function.package(), days=10)
    function.hold("setSecret")
    command = start_command(bench, "35d")
    wait_until(lambda: len(function.steps()) == 6, what="setSecret of the second rotation")

    command.send_signal(signal.SIGINT)
    _, told = command.communicate(timeout=60)
    function.let_go("setSecret")
    wait_until(lambda: len(function.steps()) == 8, what="the end of the second rotation")

    assert command.returncode == 130
    assert told.startswith("keyturn: left off at ")
    assert bench.now() < machine_now() + 11 * DAY
    assert bench.advance("11d")["RotationsSucceeded"] >= 1


def test_command_does_not_wait_for_a_server_that_stops_meanwhile(
    bench: Bench, tmp_path: Path
) -> None:
    function = RotationFunction(tmp_path / "function")
    bench.rotate("db", function.package(), days=10)
    function.hold("setSecret")
    command = start_command(bench, "35d")
    wait_until(lambda: len(function.steps()) == 6, what="setSecret of the second rotation")

    children = bench.server.child_pids()
    bench.server.kill()
    for pid in children.values():
        os.kill(pid, signal.SIGKILL)
    told, error = command.communicate(timeout=60)

    assert (command.returncode, told) == (1, "")
    assert error.startswith("keyturn: The server stopped while its clock was being moved")


def test_second_command_at_once_is_refused(bench: Bench, tmp_path: Path) -> None:
    function = RotationFunction(tmp_path / "function")
    bench.rotate("db", function.package(), days=10)
    function.hold("setSecret")
    first = start_command(bench, "35d")
    wait_until(lambda: len(function.steps()) == 6, what="setSecret of the second rotation")

    second = bench.clock("advance", "1d")
    function.let_go("setSecret")
    first.communicate(timeout=60)

    assert_refused(second, "Another command is moving the clock", str(bench.server.data_dir))
    assert first.returncode == 0


def start_command(bench: Bench, duration: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [
            # A shell lets what it starts in the background ignore Ctrl-C, and so all below it.
            *("env", "--default-signal=INT"),
            *(sys.executable, "-m", "keyturn", "clock", "advance", duration, "--json"),
            *("--data-dir", str(bench.server.data_dir)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a stopped server whose time was moved by a day and a half."""
    folder = tmp_path_factory.mktemp("virtual") / "data"
    with KeyturnServer.start(folder, arguments=VIRTUAL):
        arguments = ("clock", "advance", "1d12h", "--data-dir", str(folder))
        subprocess.run([sys.executable, "-m", "keyturn", *arguments], check=True)
    return folder


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a stopped server that was started as usual."""
    folder = tmp_path_factory.mktemp("ordinary") / "data"
    with KeyturnServer.start(folder):
        return folder


def test_restarted_server_keeps_its_time(stopped: Path) -> None:
    with KeyturnServer.start(stopped, environment={"KEYTURN_VIRTUAL_CLOCK": "1"}) as again:
        secrets = client(again.environment(), "secretsmanager")
        made = secrets.create_secret(Name="a", SecretString="x")["ARN"]
        created_at = secrets.describe_secret(SecretId=made)["CreatedDate"]

    assert is_about(created_at, machine_now() + timedelta(hours=36))


def test_show_tells_the_time_also_of_a_server_that_is_stopped(keyturn: Run, stopped: Path) -> None:
    text = keyturn("clock", "show", "--data-dir", str(stopped)).stdout
    document = json.loads(keyturn("clock", "show", "--json", "--data-dir", str(stopped)).stdout)

    assert text.endswith("Z, 1d12h0m ahead of this machine's clock\n")
    assert is_about(instant(text.split(",")[0]), machine_now() + timedelta(hours=36))
    assert is_about(instant(document["Time"]), machine_now() + timedelta(hours=36))
    assert (
        timedelta(0)
        <= timedelta(hours=36) - timedelta(seconds=document["AheadSeconds"])
        < (timedelta(minutes=1))
    )


def test_clock_of_a_server_that_is_stopped_is_not_moved(keyturn: Run, stopped: Path) -> None:
    before = (stopped / "clock").read_bytes()

    done = keyturn("clock", "advance", "1d", "--data-dir", str(stopped))

    assert_refused(done, "No server is running", "keyturn serve --virtual-clock --data-dir")
    assert (stopped / "clock").read_bytes() == before


def test_start_warns_that_the_clock_is_virtual(stopped: Path) -> None:
    log = stopped.with_name("data.log").read_text()

    warning = next(line for line in log.splitlines() if "THE CLOCK IS VIRTUAL" in line)
    assert json.loads(warning)["level"] == "warning"


def test_server_without_the_option_refuses_a_virtual_directory(
    keyturn: Run, stopped: Path
) -> None:
    done = keyturn("serve", "--port", "0", "--data-dir", str(stopped))

    assert_refused(done, str(stopped), "made with --virtual-clock", "Start it with")


def test_damaged_clock_is_refused_with_the_remedy(
    keyturn: Run, stopped: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(stopped, folder, ignore=shutil.ignore_patterns("*.sock", "cache"))
    (folder / "clock").write_bytes(b"")

    done = keyturn("serve", "--port", "0", "--virtual-clock", "--data-dir", str(folder))

    assert_refused(done, f"{folder}/clock is damaged", "backup")


def test_server_with_the_option_refuses_another_directory_and_leaves_it_alone(
    keyturn: Run, ordinary: Path
) -> None:
    done = keyturn(
        *("serve", "--port", "0", "--data-dir", str(ordinary)),
        environment={"KEYTURN_VIRTUAL_CLOCK": "1"},
    )

    assert_refused(
        done, str(ordinary), "made without --virtual-clock", "choose an empty directory"
    )
    assert not (ordinary / "clock").exists()


@pytest.mark.parametrize("command", [("show",), ("advance", "1d")], ids=" ".join)
def test_clock_that_is_not_virtual_is_neither_moved_nor_shown(
    keyturn: Run, ordinary: Path, command: tuple[str, ...]
) -> None:
    done = keyturn("clock", *command, "--data-dir", str(ordinary))

    assert_refused(done, str(ordinary), "isn't virtual", "keyturn serve --virtual-clock")


@pytest.mark.parametrize("command", [("show",), ("advance", "1d")], ids=" ".join)
def test_clock_where_no_server_ran_says_how_to_start_one(
    keyturn: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    folder = tmp_path / "nothing"

    done = keyturn("clock", *command, "--data-dir", str(folder))

    assert_refused(done, "No server has run", f"keyturn serve --virtual-clock --data-dir {folder}")
    assert not folder.exists()


@pytest.mark.parametrize("duration", ["soon", "0d", "3651d"])
def test_what_is_no_duration_is_a_wrong_command(
    keyturn: Run, tmp_path: Path, duration: str
) -> None:
    done = keyturn("clock", "advance", duration, "--data-dir", str(tmp_path / "data"))

    assert (done.returncode, done.stdout) == (2, "")
    assert "DURATION" in done.stderr
