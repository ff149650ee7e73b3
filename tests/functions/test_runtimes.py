"""Real functions on every runtime that this machine has."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
import io
import re
from typing import Final
import zipfile

import pytest

from keyturn.functions.execution.memory import ALLOWANCE_MB
from keyturn.functions.runtimes import PROVIDED, RUNTIMES, Kind
from keyturn.model.function import Function
from support.function_bench import FunctionBench
from support.interpreters import all_runtimes

HANDLER: Final = "index.handler"
LARGE_BYTES: Final = 5_000_000
MEMORY_MB: Final = 128
# What it takes where the interpreter, and boto3 for it, are read for the first time.
SECONDS_MAX: Final = 20

BOOTSTRAP: Final = """\
#!/usr/bin/perl
use strict;
use IO::Socket::INET;

$| = 1;
my ($host, $path) = $ENV{AWS_LAMBDA_RUNTIME_API} =~ m{^([^/]+)(.*)$};

sub request {
    my ($method, $endpoint, $body) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => $host) or die "unreachable";
    my $head = join "\\r\\n", "$method $path/2018-06-01/runtime/$endpoint HTTP/1.1",
        "Host: $host", "Connection: close", "Content-Length: " . length $body;
    print $socket "$head\\r\\n\\r\\n$body";
    local $/;
    return split /\\r\\n\\r\\n/, <$socket>, 2;
}

while (1) {
    my ($head, $event) = request("GET", "invocation/next", "");
    my ($id) = $head =~ /^lambda-runtime-aws-request-id: *(\\S+)/im;
    print "got $event\\n";
    request("POST", "invocation/$id/response", $event);
}
"""

MACHINE: Final = all_runtimes()
AVAILABLE: Final = MACHINE.available()


def _here(kind: Kind) -> Sequence[object]:
    """Return the runtimes of a kind that this machine has; one that is skipped if it has none."""
    skipped = pytest.param(f"{kind}", marks=pytest.mark.skip(f"no {kind} is on this machine"))
    return [name for name in AVAILABLE if name.startswith(kind)] or [skipped]


def _every(kind: Kind) -> Sequence[object]:
    """Return all runtimes of a kind; those that this machine hasn't are skipped."""
    names = [name for name in RUNTIMES if name.startswith(kind)]
    return [pytest.param(name, marks=_skipped_without(name)) for name in names]


def _skipped_without(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(name not in AVAILABLE, reason=f"{name} can't be used here")


each_python = pytest.mark.parametrize("runtime", _here(Kind.PYTHON))
each_node = pytest.mark.parametrize("runtime", _here(Kind.NODE))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionBench]:
    folder = tmp_path_factory.mktemp("runtimes")
    with FunctionBench.open(folder, runtimes=MACHINE) as opened:
        yield opened


@pytest.mark.parametrize("runtime", _every(Kind.PYTHON))
def test_a_python_finds_boto3_compiled_for_it(bench: FunctionBench, runtime: str) -> None:
    function = bench.create(
        """
import os, sys
import boto3.session

def lambda_handler(event, context):
    boto3.client("secretsmanager")
    return ["python%d.%d" % sys.version_info[:2], os.path.exists(boto3.session.__cached__)]
""",
        Runtime=runtime,
        Timeout=SECONDS_MAX,
    )

    assert bench.answer(function) == [runtime, True]


@each_python
def test_a_pythons_errors_are_told(bench: FunctionBench, runtime: str) -> None:
    raising = bench.create("def lambda_handler(event, context): return 1 / 0", Runtime=runtime)
    unloadable = bench.create("import nowhere", Runtime=runtime)

    assert bench.error(raising)["errorType"] == "ZeroDivisionError"
    assert bench.error(unloadable)["errorType"] == "Runtime.ImportModuleError"


@each_python
def test_a_second_function_of_a_python_has_nothing_of_the_first(
    bench: FunctionBench, runtime: str
) -> None:
    source = """
import builtins

def lambda_handler(event, context):
    seen, builtins.seen = getattr(builtins, "seen", False), True
    return seen
"""
    first = bench.create(source, Runtime=runtime)
    assert [bench.answer(first), bench.answer(first)] == [False, True]

    assert bench.answer(bench.create(source, Runtime=runtime)) is False


@each_python
def test_the_log_names_the_pythons_version(bench: FunctionBench, runtime: str) -> None:
    function = bench.create("def lambda_handler(event, context): pass", Runtime=runtime)

    tail = bench.invoke(function).log_tail.decode()

    version = MACHINE.find(runtime).version
    assert tail.startswith(f"INIT_START Runtime Version: python:{version}\n")


@each_node
@pytest.mark.parametrize(
    "files",
    [
        {"index.js": "exports.handler = async (event) => ({ got: event });"},
        {"index.mjs": "export const handler = async (event) => ({ got: event });"},
        {"index.cjs": "exports.handler = async (event) => ({ got: event });"},
        {
            "index.js": "export const handler = async (event) => ({ got: event });",
            "package.json": '{"type": "module"}',
        },
        {"index.js": "exports.handler = (event, _, answer) => answer(null, { got: event });"},
        {"index.js": "exports.handler = (event, context) => context.succeed({ got: event });"},
        {
            "index.js": "exports.handler = require('./other').handler;",
            "other.js": "exports.handler = async (event) => ({ got: event });",
        },
    ],
    ids=["commonjs", "mjs", "cjs", "module", "callback", "succeed", "required"],
)
def test_a_handler_answers(bench: FunctionBench, runtime: str, files: Mapping[str, str]) -> None:
    function = _node(bench, runtime, files)

    assert bench.answer(function, {"a": "é\u2028😀"}) == {"got": {"a": "é\u2028😀"}}


@pytest.mark.parametrize("runtime", _every(Kind.NODE))
def test_a_node_is_warm_for_the_next_event(bench: FunctionBench, runtime: str) -> None:
    source = "let count = 0; exports.handler = async () => { count += 1; return count; };"
    function = _node(bench, runtime, {"index.js": source})

    assert [bench.answer(function) for _ in range(3)] == [1, 2, 3]


@each_node
def test_a_large_event_and_answer_pass(bench: FunctionBench, runtime: str) -> None:
    function = _node(bench, runtime, {"index.js": "exports.handler = async (event) => event;"})
    event = "x" * LARGE_BYTES

    assert bench.answer(function, event) == event
    assert bench.answer(function, "small") == "small"


@each_node
def test_what_a_node_logs_names_the_request(bench: FunctionBench, runtime: str) -> None:
    source = "exports.handler = async () => { console.log('one\\ntwo'); console.error('bad'); };"
    function = _node(bench, runtime, {"index.js": source})

    invocation = bench.invoke(function)

    lines = invocation.log_tail.decode().splitlines()
    version = MACHINE.find(runtime).version
    assert lines[0] == f"INIT_START Runtime Version: nodejs:{version}"
    logged = [line.split("\t")[1:] for line in lines if f"\t{invocation.request_id}\t" in line]
    assert logged == [
        [invocation.request_id, "INFO", "one"],
        [invocation.request_id, "ERROR", "bad"],
    ]
    assert "two" in lines


@each_node
@pytest.mark.parametrize(
    ("source", "error_type", "message"),
    [
        ("exports.handler = async () => { throw new RangeError('no'); };", "RangeError", "no"),
        ("exports.handler = () => { throw new RangeError('no'); };", "RangeError", "no"),
        ("exports.handler = (e, c, done) => done(new RangeError('no'));", "RangeError", "no"),
        ("exports.handler = async () => { throw 'text'; };", "string", "text"),
        (
            "exports.handler = () => new Promise(() => { Promise.reject(new Error('no')); });",
            "Runtime.UnhandledPromiseRejection",
            "Error: no",
        ),
        (
            "exports.handler = () => new Promise(() => setTimeout(() => { throw Error('no') }));",
            "Error",
            "no",
        ),
        ("exports.other = 1;", "Runtime.HandlerNotFound", "undefined or not exported"),
        ("require('nowhere');", "Runtime.ImportModuleError", "Cannot find module 'nowhere'"),
        ("exports.handler = (", "Runtime.UserCodeSyntaxError", "SyntaxError"),
        ("throw new RangeError('early');", "RangeError", "early"),
    ],
)
def test_a_nodes_errors_are_told(
    bench: FunctionBench, runtime: str, source: str, error_type: str, message: str
) -> None:
    error = bench.error(_node(bench, runtime, {"index.js": source}))

    assert error["errorType"] == error_type
    assert message in error["errorMessage"]


@each_node
def test_a_node_that_exits_is_told(bench: FunctionBench, runtime: str) -> None:
    function = _node(bench, runtime, {"index.js": "exports.handler = () => process.exit(7);"})

    error = bench.error(function)

    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("Runtime exited with error: exit status 7")


@each_node
def test_an_answer_has_arrived_before_the_function_can_exit(
    bench: FunctionBench, runtime: str
) -> None:
    source = "exports.handler = (event, context) => { context.succeed(event); process.exit(); };"
    function = _node(bench, runtime, {"index.js": source})
    event = "x" * LARGE_BYTES

    assert bench.answer(function, event) == event


@each_node
def test_a_callbacks_answer_waits_for_what_is_left_to_do(
    bench: FunctionBench, runtime: str
) -> None:
    source = """
exports.handler = (event, context, callback) => {
  const answer = {};
  setTimeout(() => { answer.isDone = true; }, 50);
  callback(null, answer);
};
"""
    function = _node(bench, runtime, {"index.js": source})

    assert bench.answer(function) == {"isDone": True}
    assert bench.answer(function) == {"isDone": True}


@each_node
def test_a_handler_that_never_answers_ends_with_null(bench: FunctionBench, runtime: str) -> None:
    function = _node(bench, runtime, {"index.js": "exports.handler = () => {};"})

    assert [bench.answer(function), bench.answer(function)] == [None, None]


@each_node
def test_the_heap_is_bounded_by_the_memory(bench: FunctionBench, runtime: str) -> None:
    create = partial(_node, bench, runtime, {"index.js": HEAP_LIMIT}, MemorySize=MEMORY_MB)

    bounded = bench.answer(create())
    chosen = bench.answer(
        create(Environment={"Variables": {"NODE_OPTIONS": "--max-old-space-size=300"}})
    )

    # V8 adds to it what young objects may take.
    assert bounded < MEMORY_MB + ALLOWANCE_MB
    assert chosen > 300


HEAP_LIMIT: Final = """
const v8 = require("v8");
exports.handler = async () => v8.getHeapStatistics().heap_size_limit / 2 ** 20;
"""


@each_node
def test_a_node_finds_modules_where_aws_has_them(bench: FunctionBench, runtime: str) -> None:
    source = "exports.handler = async () => process.env;"
    function = _node(bench, runtime, {"index.js": source})

    variables = bench.answer(function)

    major = runtime.removeprefix("nodejs").removesuffix(".x")
    assert f"/nodejs/node{major}/node_modules:" in variables["NODE_PATH"]
    assert variables["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{runtime}"
    assert "PYTHONPATH" not in variables


def test_a_program_of_its_own_answers_every_event(bench: FunctionBench) -> None:
    function = _provided(bench, {"bootstrap": BOOTSTRAP})

    assert [bench.answer(function, n) for n in range(3)] == [0, 1, 2]
    tail = bench.invoke(function, 3).log_tail.decode()
    assert "got 3\n" in tail


def test_a_program_inherits_no_ignored_signal(bench: FunctionBench) -> None:
    source = "#!/bin/sh\ngrep SigIgn /proc/self/status\nexit 3\n"
    function = _provided(bench, {"bootstrap": source})

    ignored = re.search(r"SigIgn:\t([0-9a-f]+)\n", bench.invoke(function).log_tail.decode())

    # Those from 32 on are the C library's own, which no program can change.
    assert ignored is not None
    assert int(ignored[1], 16) & 0x7FFF_FFFF == 0


def test_a_function_without_a_program_is_told(bench: FunctionBench) -> None:
    function = _provided(bench, {"main": BOOTSTRAP})

    invocation = bench.invoke(function)

    error = bench.error(function)
    assert error["errorType"] == "Runtime.InvalidEntrypoint"
    assert " Error: Couldn't find valid bootstrap(s): [" in error["errorMessage"]
    assert error["errorMessage"].startswith("RequestId: ")
    assert invocation.request_id.encode() in invocation.payload
    assert "Couldn't find valid bootstrap(s): [" in invocation.log_tail.decode()


@pytest.mark.parametrize(
    ("source", "mode", "reason"),
    [
        (BOOTSTRAP, 0o644, "permission denied"),
        ("#!/nowhere/sh\n", 0o755, "no such file or directory"),
        ("\0neither a script nor a program", 0o755, "exec format error"),
    ],
)
def test_a_program_that_cannot_be_started_is_told(
    bench: FunctionBench, source: str, mode: int, reason: str
) -> None:
    function = _provided(bench, {"bootstrap": source}, mode)

    error = bench.error(function)

    assert error["errorType"] == "Runtime.InvalidEntrypoint"
    assert error["errorMessage"].endswith(f"/bootstrap: {reason}")


def _node(
    bench: FunctionBench, runtime: str, files: Mapping[str, str], **params: object
) -> Function:
    return bench.create(files, Runtime=runtime, Handler=HANDLER, Timeout=SECONDS_MAX, **params)


def _provided(bench: FunctionBench, files: Mapping[str, str], mode: int = 0o755) -> Function:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return bench.create(
        "", Runtime=PROVIDED.name, Code={"ZipFile": buffer.getvalue()}, Timeout=SECONDS_MAX
    )
