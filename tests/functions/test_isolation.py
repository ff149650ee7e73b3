"""What a function's process has of ours: nothing but what Lambda gives."""

import os
from pathlib import Path
import secrets
import sys

import pytest

from keyturn.functions.runtimes import OWN_PYTHON
from support.function_bench import ENDPOINT, REGION, SESSION_SECRET, FunctionBench
from support.waiting import until

ENVIRONMENT = """
import os

def lambda_handler(event, context):
    return dict(os.environ)
"""
# What awslambdaric and Python set by themselves.
OWN = {"_X_AMZN_TRACE_ID", "LC_CTYPE"}


def test_the_environment_is_lambdas_and_nothing_else(
    bench: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYTURN_ADMIN_SECRET_ACCESS_KEY", "of the server")
    function = bench.create(
        ENVIRONMENT, Environment={"Variables": {"EXCLUDE_CHARACTERS": "/@", "TZ": "Asia/Tokyo"}}
    )

    found = bench.answer(function)

    assert found.keys() - OWN == {
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ENDPOINT_URL", "SECRETS_MANAGER_ENDPOINT"),
        *("AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME"),
        *("AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE"),
        *("AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API"),
        *("EXCLUDE_CHARACTERS", "HOME", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "LANG"),
        *("LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR", "TZ", "_HANDLER"),
    }
    assert found["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{OWN_PYTHON}"
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == REGION
    assert found["AWS_ENDPOINT_URL"] == found["SECRETS_MANAGER_ENDPOINT"] == ENDPOINT
    assert found["AWS_LAMBDA_LOG_GROUP_NAME"] == f"/aws/lambda/{function.name}"
    assert found["EXCLUDE_CHARACTERS"] == "/@"
    assert found["TZ"] == "Asia/Tokyo"


def test_a_function_may_choose_its_own_endpoint(bench: FunctionBench) -> None:
    chosen = "https://secretsmanager.example.com"
    variables = {"Variables": {"SECRETS_MANAGER_ENDPOINT": chosen}}
    function = bench.create(ENVIRONMENT, Environment=variables)

    found = bench.answer(function)

    assert found["SECRETS_MANAGER_ENDPOINT"] == chosen
    assert found["AWS_ENDPOINT_URL"] == ENDPOINT


def test_no_secret_is_in_the_arguments(bench: FunctionBench) -> None:
    function = bench.create(
        "def lambda_handler(event, context): return open('/proc/self/cmdline').read()"
    )

    arguments = bench.answer(function).split("\0")

    assert Path(arguments[0]).name.startswith("python")
    assert SESSION_SECRET not in " ".join(arguments)


def test_nothing_of_ours_is_open_or_can_be_read_from_the_terminal(bench: FunctionBench) -> None:
    function = bench.create(
        """
import os, sys

def lambda_handler(event, context):
    files = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
             if os.path.exists(f"/proc/self/fd/{fd}")]
    return [sys.stdin.read(), os.getsid(0) in (1, os.getpid()), files]
"""
    )

    typed, leads_session, files = bench.answer(function)

    assert (typed, leads_session) == ("", True)
    assert not [file for file in files if str(bench.folder) in file]


def test_keyturn_and_what_it_needs_can_not_be_imported(bench: FunctionBench) -> None:
    function = bench.create(
        """
import importlib

def lambda_handler(event, context):
    missing = []
    for name in event:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            missing.append(name)
    return missing
"""
    )
    ours = ["keyturn", "sqlalchemy", "cryptography", "structlog", "psycopg", "pytest"]

    assert bench.answer(function, ours) == ours
    assert bench.answer(function, ["boto3", "botocore", "urllib3", "dateutil"]) == []


def test_a_python_that_the_function_starts_has_boto3_and_nothing_of_ours(
    bench: FunctionBench,
) -> None:
    function = bench.create(
        """
import subprocess, sys

def lambda_handler(event, context):
    code = "import boto3, importlib.util as u; print(u.find_spec('sqlalchemy'))"
    return subprocess.run([sys.executable, "-S", "-c", code], capture_output=True).stdout.decode()
"""
    )

    assert bench.answer(function) == "None\n"


def test_boto3_finds_the_server_and_the_session_by_itself(bench: FunctionBench) -> None:
    function = bench.create(
        """
import boto3

def lambda_handler(event, context):
    client = boto3.client("secretsmanager")
    keys = boto3.Session().get_credentials()
    return [client.meta.endpoint_url, client.meta.region_name, keys.access_key, keys.token]
"""
    )

    assert bench.answer(function) == [ENDPOINT, REGION, "ASIAEXAMPLE", "token"]


def test_code_is_where_the_process_is_and_files_go_with_it(bench: FunctionBench) -> None:
    function = bench.create(
        """
import os, pathlib, tempfile

def lambda_handler(event, context):
    made = pathlib.Path(tempfile.mkdtemp(), "file")
    made.write_text("x")
    mode = oct(made.stat().st_mode & 0o777)
    return [os.getcwd() == os.environ["LAMBDA_TASK_ROOT"], mode, str(made)]

def exit_handler(event, context):
    os._exit(1)
"""
    )

    is_there, mode, made = bench.answer(function)
    bench.update_code(
        function,
        "import os\ndef lambda_handler(event, context): return os.path.exists(event)",
    )

    assert (is_there, mode) == (True, "0o600")
    assert not bench.answer(function, made)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("CORE", 0), ("DATA", (256 + 512) << 20), ("FSIZE", 512 << 20), ("NOFILE", 1024)],
)
def test_a_process_has_limits_that_it_can_not_raise(
    bench: FunctionBench, name: str, wanted: int
) -> None:
    function = bench.create(
        f"import resource\n"
        f"def lambda_handler(event, context): return resource.getrlimit(resource.RLIMIT_{name})",
        MemorySize=256,
    )

    assert bench.answer(function) == [wanted, wanted]


def test_more_memory_than_the_function_has_is_an_error_of_the_function(
    bench: FunctionBench,
) -> None:
    function = bench.create(
        "def lambda_handler(event, context): return len(bytearray(event << 20))", MemorySize=128
    )

    assert bench.error(function, 1024)["errorType"] == "MemoryError"
    assert bench.answer(function, 64) == 64 << 20


def test_a_process_gains_no_rights(bench: FunctionBench) -> None:
    function = bench.create(
        "def lambda_handler(event, context): return open('/proc/self/status').read()"
    )

    assert "NoNewPrivs:\t1\n" in bench.answer(function)


def test_what_a_function_starts_ends_with_it(bench: FunctionBench) -> None:
    mark = f"600.{secrets.randbelow(10**9)}"
    function = bench.create(
        f"""
import os, subprocess

def lambda_handler(event, context):
    if event == "exit":
        os._exit(1)
    subprocess.Popen(["sleep", "{mark}"])
"""
    )
    bench.answer(function)
    until(lambda: _is_running(mark), "the child's beginning")

    bench.error(function, "exit")

    until(lambda: not _is_running(mark), "the child's end")


def test_another_process_that_finds_the_port_gets_no_event(bench: FunctionBench) -> None:
    function = bench.create(
        """
import os, urllib.error, urllib.request

def lambda_handler(event, context):
    address = os.environ["AWS_LAMBDA_RUNTIME_API"].partition("/")[0]
    answers = []
    for path in ("", "/" + "0" * 32):
        url = f"http://{address}{path}/2018-06-01/runtime/invocation/next"
        try:
            urllib.request.urlopen(url, timeout=5)
        except urllib.error.HTTPError as error:
            answers.append(error.code)
    return answers
"""
    )

    assert bench.answer(function) == [404, 404]


def test_the_interpreter_is_the_one_outside_our_virtual_environment(bench: FunctionBench) -> None:
    function = bench.create(
        "import sys\ndef lambda_handler(event, context): return [sys.executable, sys.prefix]"
    )

    executable, prefix = bench.answer(function)

    assert os.path.realpath(executable) == executable
    assert prefix == sys.base_prefix


def _is_running(argument: str) -> bool:
    wanted = f"sleep\0{argument}\0".encode()
    return any(_command(process) == wanted for process in Path("/proc").glob("[0-9]*"))


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
