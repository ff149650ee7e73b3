"""What it costs to run a function: warm, cold, and beside a bare start of an interpreter.

    PYTHONPATH=tests .venv/bin/python benchmarks/invoke.py [auto|bubblewrap|none]

The kind of sandbox is the strongest that works unless said. Everything runs on this machine, in a
temporary folder, one invocation at a time:

* "python -S" and "boto3": how long an interpreter takes to start and end, and to import boto3 and
  make a client in it. Nothing of Keyturn; what the others are compared with.
* "warm": an empty handler whose environment waits for it, in the engine, and over HTTP by a signed
  request to a running server on a connection that is kept.
* "cold": the first invocation of a new function that makes a boto3 client when it is imported. A
  sandbox is ready for it, as after any function of the same runtime.
* "cold, none ready": the same, but nothing is prepared, as when several start at once.

Milliseconds are the median and the 99th percentile; ratios are of medians, to the bare start.
"""

from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
import subprocess
import sys
import tempfile
from threading import Event
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSRequest

from keyturn.functions.execution.isolation import Wanted
from keyturn.functions.registry import STORAGE_MB_DEFAULT
from keyturn.functions.runtimes import own_interpreter
from support.function_bench import REGION, FunctionBench
from support.keyturn_server import KeyturnServer
from support.live_api import Caller, LiveApi
from support.live_rotation import Bench

if TYPE_CHECKING:
    from keyturn.model.function import Function

WARM_ROUNDS: Final = 1_000
COLD_ROUNDS: Final = 20
#: Enough for the next sandbox to be ready.
REST_SECONDS: Final = 1
EMPTY: Final = "def lambda_handler(event, context): pass"
BOTO3: Final = (
    "import boto3\nclient = boto3.client('secretsmanager', region_name='us-east-1')\n" + EMPTY
)


def timed(rounds: int, act: Callable[[], object], prepare: Callable[[], object]) -> list[float]:
    """Return how many milliseconds each round took, without its preparation."""
    taken = []
    for _ in range(rounds):
        prepare()
        began = time.perf_counter()
        act()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def main(wanted: Wanted) -> None:
    """Measure everything, and print a line each as it is known."""
    print(f"{'':24}{'p50 ms':>10}{'p99 ms':>10}{'ratio':>8}")
    bare = report("python -S", started("pass"), None)
    report("boto3", started(BOTO3), bare)
    # Before this process has an engine's threads in it, which would compete with the client.
    with tempfile.TemporaryDirectory() as folder:
        report("warm, over HTTP", over_http(Path(folder), wanted), bare)
    with tempfile.TemporaryDirectory() as folder, FunctionBench.open(Path(folder), wanted) as own:
        report("warm, in the engine", warm(own), bare)
        report("cold", cold(own), bare)
        # No sandbox is kept ready with other storage than the default.
        unready = {"EphemeralStorage": {"Size": STORAGE_MB_DEFAULT + 1}}
        report("cold, none ready", cold(own, **unready), bare)


def report(what: str, taken: list[float], bare: float | None) -> float:
    """Print a line, and return the median."""
    middle = median(taken)
    ratio = "" if bare is None else f"{middle / bare:8.2f}"
    print(f"{what:24}{middle:10.2f}{quantiles(taken, n=100)[98]:10.2f}{ratio}", flush=True)
    return middle


def started(source: str) -> list[float]:
    """Time an interpreter that runs this and ends."""
    modules = str(Path(boto3.__file__).parents[1])
    program = f"import sys; sys.path.insert(0, {modules!r})\n{source}"
    command = [str(own_interpreter()), "-S", "-c", program]
    return timed(COLD_ROUNDS, lambda: subprocess.run(command, check=True), lambda: None)  # noqa: S603


def warm(own: FunctionBench) -> list[float]:
    """Time an empty handler whose environment waits."""
    function = own.create(EMPTY)
    own.answer(function)
    return timed(WARM_ROUNDS, lambda: own.answer(function), lambda: None)


def cold(own: FunctionBench, **settings: object) -> list[float]:
    """Time the first invocation of functions, each made when the one before it is done."""
    functions: list[Function] = []

    def prepare() -> None:
        functions.append(own.create(BOTO3, **settings))
        Event().wait(REST_SECONDS)

    return timed(COLD_ROUNDS, lambda: own.answer(functions[-1]), prepare)


def over_http(folder: Path, wanted: Wanted) -> list[float]:
    """Time an empty handler of a running server, by signed requests."""
    with KeyturnServer.start(folder / "data", arguments=("--sandbox", wanted)) as server:
        variables = server.environment()
        caller = Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
        api = LiveApi(server.endpoint, caller, REGION)
        name = Bench(api, "").make_function(EMPTY, is_permitted=False).rpartition(":")[2]
        connection = HTTPConnection(urlsplit(server.endpoint).netloc)
        signed: list[AWSRequest] = []

        def prepare() -> None:
            url = f"{server.endpoint}/2015-03-31/functions/{name}/invocations"
            signed.append(api.sign("lambda", AWSRequest(method="POST", url=url, data=b"{}")))

        def invoke() -> None:
            request = signed[-1]
            connection.request(
                "POST", urlsplit(str(request.url)).path, b"{}", dict(request.headers)
            )
            answer = connection.getresponse()
            assert answer.read() == b"null"

        prepare()
        invoke()
        return timed(WARM_ROUNDS, invoke, prepare)


if __name__ == "__main__":
    main(Wanted(sys.argv[1]) if len(sys.argv) > 1 else Wanted.AUTO)
