"""Rotation functions that misbehave, in real processes of a real server.

Each misbehaviour ends as a failure with a name, or in what the labels say, with AWSCURRENT intact.
A failed attempt is followed by another one after a pause, which these tests don't wait for.
"""

from collections.abc import Iterator
import json
import os
from pathlib import Path
import secrets
import signal
from typing import Any
from urllib.parse import quote

import pytest

from keyturn.functions.output.lines import CUT
from keyturn.rotation.failure import REASON_LETTERS_MAX
from keyturn.store import events
from keyturn.store.database import Database
from support.keyturn_server import KeyturnServer
from support.live_api import Caller, LiveApi, unique_region
from support.live_rotation import Bench
from support.misbehaving import MisbehaviourBench, misbehaving
from support.polling import wait_until

pytestmark = pytest.mark.server

CREATE, SET, TEST, FINISH = "createSecret", "setSecret", "testSecret", "finishSecret"
STEPS = [CREATE, SET, TEST, FINISH]
FAILED_AFTER = {CREATE: 1, SET: 2, TEST: 3, FINISH: 4}
#: What a secret may look like, and what quoting changes.
PASSWORD = "p\"a/ss wörd\\%&<\n>'qzuw7"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyturnServer]:
    folder = tmp_path_factory.mktemp("misbehaving") / "data"
    with KeyturnServer.start(folder, arguments=("--api-processes", "1")) as started:
        yield started


@pytest.fixture(scope="module")
def administrator(server: KeyturnServer) -> Caller:
    variables = server.environment()
    return Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])


@pytest.fixture
def bench(server: KeyturnServer, administrator: Caller) -> Iterator[MisbehaviourBench]:
    with_secret = bench_on(server, administrator)
    yield with_secret
    with_secret.api.close()


def bench_on(server: KeyturnServer, administrator: Caller) -> MisbehaviourBench:
    api = LiveApi(server.endpoint, administrator, unique_region())
    made = api.secrets.create_secret(Name="a", SecretString="old")
    return MisbehaviourBench(Bench(api, made["VersionId"]), server.data_dir)


def assert_fails(bench: MisbehaviourBench, token: str, step: str, cause: str, *words: str) -> None:
    """Check the first attempt: which step failed, why, what follows, and that no harm was done."""
    failure = bench.first_failure(token)
    rotation = bench.rotation(token)
    assert (failure["Step"], failure["Cause"]) == (step, cause), failure
    assert [word for word in words if word not in failure["Reason"]] == [], failure
    assert [each["Outcome"] for each in rotation["Steps"]] == [
        *["succeeded"] * (FAILED_AFTER[step] - 1),
        cause,
    ]
    assert (rotation["State"], rotation["Cause"]) == ("running", cause)
    assert rotation["NextAttemptAt"] > rotation["Steps"][-1]["EndedAt"]
    bench.assert_live_value_is_intact(token)


# What a function answers with.


@pytest.mark.parametrize(
    "statement",
    [
        "return rotate(event, context) or 7",
        "return rotate(event, context) or {'statusCode': 500, 'errorType': 'Error'}",
        "return rotate(event, context) or [[[None]], 'x' * (6 << 20)]",
        "return rotate(event, context) or float('nan')",
        r"return rotate(event, context) or '\ud800'",
    ],
)
def test_result_of_a_step_that_succeeds_is_ignored(
    bench: MisbehaviourBench, statement: str
) -> None:
    token = bench.rotate(SET, statement)

    assert bench.end_of(token)["State"] == "succeeded"
    assert bench.bench.stages()[token] == ["AWSCURRENT"]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("return object()", "Runtime.MarshalError: Unable to marshal response"),
        ("return {1, 2}", "is not JSON serializable"),
        ("return 'x' * (7 << 20)", "Response payload size exceeded maximum allowed payload size"),
    ],
)
def test_result_that_can_not_be_sent_is_a_broken_function(
    bench: MisbehaviourBench, statement: str, words: str
) -> None:
    token = bench.rotate(SET, statement)

    assert_fails(bench, token, SET, "function_broken", words)


# What a function raises.


@pytest.mark.parametrize("step", STEPS)
def test_exception_ends_the_attempt_at_its_step(bench: MisbehaviourBench, step: str) -> None:
    token = bench.rotate(step, "raise RuntimeError('the database is away')")

    name = f"function:{bench.api.functions.list_functions()['Functions'][0]['FunctionName']}"
    said = "RuntimeError: the database is away"
    assert_fails(bench, token, step, "unknown", f"{name} failed during {step}: {said}")


@pytest.mark.parametrize(
    ("exception", "words"),
    [
        ("RuntimeError()", "failed during setSecret: RuntimeError"),
        ("RuntimeError({'code': 17}, ['list'])", "RuntimeError: ({'code': 17}, ['list'])"),
        ("RuntimeError('1819 ' * 200_000)", "RuntimeError: 1819 1819"),
        (r"RuntimeError('\x1b[2Jbefore\x00\r\nafter\u202e')", "\ufffd[2Jbefore\ufffd after\ufffd"),
        (r"type('\x1b[2J', (Exception,), {})('kind')", "\ufffd[2J: kind"),
        ("Exception(b'\\xff')", r"Exception: b'\xff'"),
    ],
)
def test_message_of_any_kind_becomes_one_printable_line(
    bench: MisbehaviourBench, exception: str, words: str
) -> None:
    token = bench.rotate(SET, f"raise {exception}")

    assert_fails(bench, token, SET, "unknown", words)
    reason = bench.first_failure(token)["Reason"]
    assert reason.isprintable()
    assert len(reason) < REASON_LETTERS_MAX + 200


def test_message_with_half_of_a_letter_is_told_all_the_same(bench: MisbehaviourBench) -> None:
    # AWS's runtime client can't print it, and ends; an error document of one's own can hold it.
    posted = r"""
from urllib.request import Request, urlopen
address = os.environ["AWS_LAMBDA_RUNTIME_API"]
url = f"http://{address}/2018-06-01/runtime/invocation/{context.aws_request_id}/error"
document = rb'{"errorType": "Odd", "errorMessage": "half \ud800 of it"}'
urlopen(Request(url, document, method="POST")).close()
threading.Event().wait()
"""

    token = bench.rotate(SET, posted)

    assert_fails(bench, token, SET, "unknown", "Odd: half \ufffd of it")


@pytest.mark.parametrize(
    "document", [b"", b"{", b"null", b'["errorMessage"]', b"\xff\xfe", b"[" * 100_000]
)
def test_error_document_that_is_none_is_a_failure_without_a_reason(
    bench: MisbehaviourBench, document: bytes
) -> None:
    posted = f"""
from urllib.request import Request, urlopen
address = os.environ["AWS_LAMBDA_RUNTIME_API"]
url = f"http://{{address}}/2018-06-01/runtime/invocation/{{context.aws_request_id}}/error"
urlopen(Request(url, {document[:9]!r} * {max(len(document) // 9, 1)}, method="POST")).close()
threading.Event().wait()
"""

    token = bench.rotate(CREATE, posted)

    assert_fails(bench, token, CREATE, "unknown", "the function failed without saying why")


def raises_with(spelling: str) -> str:
    return f"""
import base64, urllib.parse
pending = client.get_secret_value(SecretId=secret, VersionStage="AWSPENDING")["SecretString"]
current = client.get_secret_value(SecretId=secret)["SecretString"]
for value in (current, pending):
    password = json.loads(value)["password"]
    print("told", {spelling})
raise RuntimeError("no login with " + {spelling} + " at db.example.com")
"""


@pytest.mark.parametrize(
    "spelling",
    [
        "password",
        "json.dumps(password)",
        "json.dumps(value)",
        "json.dumps(json.dumps(value))",
        "json.dumps(json.loads(value), ensure_ascii=False)",
        "urllib.parse.quote(password, safe='')",
        "urllib.parse.quote_plus(password)",
        "urllib.parse.urlencode({'password': password})",
        "repr(json.loads(value))",
        "repr(password.encode())",
        "'x' * 900 + password",
    ],
)
def test_password_in_a_message_is_told_nowhere(bench: MisbehaviourBench, spelling: str) -> None:
    value = {"engine": "postgres", "host": "db.example.com", "password": PASSWORD}
    live = bench.api.secrets.put_secret_value(SecretId="a", SecretString=json.dumps(value))
    code = json_steps(SET, raises_with(spelling))

    token = bench.rotate_with(code)

    failure = bench.first_failure(token)
    assert "RuntimeError: no login with " in failure["Reason"]
    assert "***" in failure["Reason"]
    told = json.dumps(bench.history()) + bench.log() + told_in_events(bench)
    assert [form for form in forms(PASSWORD) if form in told] == []
    # The reason is a JSON string inside a JSON document.
    assert "qzuw7" not in told
    stages = bench.bench.stages()
    assert stages[live["VersionId"]] == ["AWSCURRENT"]
    assert json.loads(bench.bench.current())["password"] == PASSWORD


def json_steps(step: str, statements: str) -> str:
    code = misbehaving(step, statements)
    made = 'value = client.get_random_password(ExcludePunctuation=True)["RandomPassword"]'
    assert made in code
    return code.replace(
        made,
        'value = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])\n'
        f'            value = json.dumps(dict(value, password="new" + {PASSWORD!r}))',
    )


def forms(password: str) -> set[str]:
    return {password, json.dumps(password)[1:-1], quote(password, safe=""), repr(password)[1:-1]}


def told_in_events(bench: MisbehaviourBench) -> str:
    database = Database(bench.data_dir / "keyturn.db")
    with database.read() as connection:
        told = [repr(each) for each in events.read_after(connection, 0, 10_000)]
    database.close()
    return "".join(told)


def test_password_of_the_secret_that_the_function_logs_in_with_is_told_nowhere(
    bench: MisbehaviourBench,
) -> None:
    admin_value = json.dumps({"username": "admin", "password": "of-the-admin-qzuw"})
    admin = bench.api.secrets.create_secret(Name="admin", SecretString=admin_value)["ARN"]
    value = json.dumps({"password": "old-3b7", "masterarn": admin})
    bench.api.secrets.put_secret_value(SecretId="a", SecretString=value)

    token = bench.rotate(CREATE, "raise RuntimeError('no login as admin with of-the-admin-qzuw')")

    assert bench.first_failure(token)["Reason"].endswith("no login as admin with ***")
    assert "qzuw" not in bench.log() + told_in_events(bench)


# A process that hangs, ends or uses up what it has.


def test_function_that_hangs_is_timed_out(bench: MisbehaviourBench) -> None:
    token = bench.rotate(SET, "threading.Event().wait()", Timeout=1)

    assert_fails(bench, token, SET, "function_timed_out", "Task timed out after 1.00 seconds")
    bench.assert_others_rotate()


def test_function_that_heeds_no_signal_is_timed_out(bench: MisbehaviourBench) -> None:
    deaf = """
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
while True:
    pass
"""

    token = bench.rotate(CREATE, deaf, Timeout=1)

    assert_fails(bench, token, CREATE, "function_timed_out", "Task timed out after 1.00 seconds")


@pytest.mark.parametrize(
    ("statement", "cause", "words"),
    [
        ("os._exit(3)", "function_crashed", "exit status 3"),
        ("os._exit(0)", "function_crashed", "Runtime exited without providing a reason"),
        ("raise SystemExit(5)", "function_crashed", "exit status 5"),
        ("raise KeyboardInterrupt", "function_crashed", "Runtime exited"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "function_crashed", "signal: killed"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "function_crashed", "segmentation fault"),
        ("os.abort()", "function_crashed", "signal: aborted"),
        ("len(bytearray(1 << 30))", "function_crashed", "MemoryError"),
        ("(lambda f: f(f))(lambda f: f(f))", "unknown", "RecursionError"),
    ],
)
def test_process_that_ends_or_runs_out_is_a_failure_with_a_name(
    bench: MisbehaviourBench, statement: str, cause: str, words: str
) -> None:
    token = bench.rotate(SET, statement)

    assert_fails(bench, token, SET, cause, words)


def test_function_that_gives_up_its_output_rotates(bench: MisbehaviourBench) -> None:
    redirect = "for number in (1, 2): os.dup2(os.open('/dev/null', os.O_WRONLY), number)"

    token = bench.rotate(CREATE, redirect)

    assert bench.end_of(token)["State"] == "succeeded"


def test_function_that_closes_its_output_crashes_when_it_prints(bench: MisbehaviourBench) -> None:
    token = bench.rotate(CREATE, "sys.stdout.close()")

    assert_fails(bench, token, CREATE, "function_crashed", "Runtime exited with error")


def test_function_that_opens_too_many_files_fails_and_harms_no_other(
    bench: MisbehaviourBench,
) -> None:
    token = bench.rotate(SET, "files = []\nwhile True:\n    files.append(open('/dev/null'))")

    assert_fails(bench, token, SET, "unknown", "Too many open files")
    bench.assert_others_rotate()


def test_function_that_fills_its_storage_fails(bench: MisbehaviourBench) -> None:
    fill = """
import tempfile
with tempfile.TemporaryFile() as file:
    file.seek(600 << 20)
    file.write(b"x")
    file.flush()
"""

    token = bench.rotate(SET, fill)

    assert_fails(bench, token, SET, "unknown", "File too large")


# A function that floods its log.


def test_flooded_log_is_cut_and_holds_up_no_other_rotation(bench: MisbehaviourBench) -> None:
    flood = """
line = b"x" * 9_999 + b"\\n"
for _ in range(10_000):
    os.write(1, line)
"""

    token = bench.rotate(SET, flood, Timeout=60)
    bench.assert_others_rotate()

    assert bench.end_of(token)["State"] == "succeeded"
    requests = {each["Step"]: each["RequestId"] for each in bench.rotation(token)["Steps"]}
    name = bench.api.secrets.describe_secret(SecretId="a")["RotationLambdaARN"].rpartition(":")[2]

    def logged() -> list[str]:
        pages = bench.api.logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{name}"
        )
        return [event["message"] for page in pages for event in page["events"]]

    # What is searched for secret values first is stored a moment later.
    wait_until(lambda: CUT in logged(), what="the end of the flood in the log")
    told = logged()
    assert told.count(CUT) == 1
    assert any(requests[FINISH] in message for message in told)
    assert sum(map(len, told)) < 2 << 20


# A function that starts processes. They are found by a name that they give themselves: their ids
# are another namespace's.

DAEMONS = """
def named():
    found = 0
    for each in os.listdir("/proc"):
        try:
            found += each.isdigit() and open(f"/proc/{{each}}/comm").read() == "{name}\\n"
        except OSError:
            pass
    return found

for _ in range(10):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open("/proc/self/comm", "w").write("{name}")
            time.sleep(600)
        os._exit(0)
    os.wait()
while named() < 10:
    time.sleep(0.005)
"""


@pytest.fixture
def name() -> str:
    return f"kt{secrets.token_hex(6)}"


def processes_named(name: str) -> list[int]:
    """Return the processes of this machine that have a name."""
    return [int(each.name) for each in Path("/proc").glob("[0-9]*") if is_named(each, name)]


def is_named(process: Path, name: str) -> bool:
    # Other tests have processes whose names are no text.
    try:
        is_dead = b"State:\tZ" in (process / "status").read_bytes()
        return not is_dead and (process / "comm").read_bytes() == f"{name}\n".encode()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_children_that_outlive_their_step_do_not_disturb_the_next(
    bench: MisbehaviourBench,
) -> None:
    token = bench.rotate(
        CREATE, "subprocess.Popen(['sleep', '600'])\nos.fork() or time.sleep(600)"
    )

    assert bench.end_of(token)["State"] == "succeeded"


@pytest.mark.parametrize(
    ("ending", "cause"),
    [
        ("threading.Event().wait()", "function_timed_out"),
        ("os._exit(1)", "function_crashed"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "function_crashed"),
    ],
)
def test_daemons_of_a_function_end_with_its_environment(
    bench: MisbehaviourBench, name: str, ending: str, cause: str
) -> None:
    token = bench.rotate(SET, DAEMONS.format(name=name) + ending, Timeout=3)

    assert_fails(bench, token, SET, cause)
    wait_until(lambda: not processes_named(name), what="the daemons' end")
    bench.assert_others_rotate()


def test_processes_that_start_processes_end_with_the_function(
    bench: MisbehaviourBench, name: str
) -> None:
    # Each starts the next and ends: at no time is there one that was there a moment before.
    chain = f"""
while os.fork() == 0:
    os.setsid()
    open("/proc/self/comm", "w").write("{name}")
    time.sleep(0.001)
threading.Event().wait() if os.getpid() == int(os.environ.get("OWN", os.getpid())) else os._exit(0)
"""
    own = "os.environ['OWN'] = str(os.getpid())\n"

    token = bench.rotate(SET, own + chain, Timeout=1)

    assert_fails(bench, token, SET, "function_timed_out")
    wait_until(lambda: not processes_named(name), what="the end of the chain")


@pytest.mark.parametrize("ending", ["return rotate(event, context)", "threading.Event().wait()"])
def test_server_that_stops_leaves_nothing_of_a_function_running(
    tmp_path: Path, name: str, ending: str
) -> None:
    with KeyturnServer.start(tmp_path / "data", arguments=("--api-processes", "1")) as server:
        variables = server.environment()
        key = Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
        bench = bench_on(server, key)
        bench.rotate(CREATE, DAEMONS.format(name=name) + ending, Timeout=4)
        wait_until(lambda: len(processes_named(name)) == 10, what="the daemons")
        bench.api.close()

    assert processes_named(name) == []


def test_an_engine_that_is_killed_leaves_nothing_of_a_function_running(
    tmp_path: Path, name: str
) -> None:
    with KeyturnServer.start(tmp_path / "data", arguments=("--api-processes", "1")) as server:
        variables = server.environment()
        key = Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
        bench = bench_on(server, key)
        bench.rotate(CREATE, DAEMONS.format(name=name) + "threading.Event().wait()", Timeout=60)
        wait_until(lambda: len(processes_named(name)) == 10, what="the daemons")
        left = processes_named(name)

        os.kill(server.child_pids()["keyturn-engine"], signal.SIGKILL)

        wait_until(lambda: not set(left) & set(processes_named(name)), what="the daemons' end")
        bench.api.close()


# A function that can't be loaded.


@pytest.mark.parametrize(
    ("code", "settings", "words"),
    [
        ("import nothing_of_that_name", {}, "No module named 'nothing_of_that_name'"),
        ("def lambda_handler(", {}, "Syntax error in module 'lambda_function'"),
        ("", {}, "Handler 'lambda_handler' missing on module 'lambda_function'"),
        ("", {"Handler": "elsewhere.handler"}, "Unable to import module 'elsewhere'"),
        ("raise ImportError('half installed')", {}, "half installed"),
    ],
)
def test_function_that_can_not_be_loaded_is_broken(
    bench: MisbehaviourBench, code: str, settings: dict[str, Any], words: str
) -> None:
    token = bench.rotate_with(code, **settings)

    assert_fails(bench, token, CREATE, "function_broken", words)


def test_module_that_ends_its_process_is_a_crash(bench: MisbehaviourBench) -> None:
    token = bench.rotate_with("import os\nos._exit(9)")

    assert_fails(bench, token, CREATE, "function_crashed", "exit status 9")


# A function that moves labels by itself.

PROMOTE_PENDING = """
rotate(event, context)
client.update_secret_version_stage(
    SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token,
    RemoveFromVersionId={version!r})
"""


@pytest.mark.parametrize("step", [CREATE, SET, TEST])
def test_function_that_promotes_too_early_is_refused(bench: MisbehaviourBench, step: str) -> None:
    statements = PROMOTE_PENDING.format(version=bench.bench.version_id)

    token = bench.rotate(step, statements)

    words = f"A rotation function can't make the new version AWSCURRENT during {step}"
    assert_fails(bench, token, step, "function_broken", words)


@pytest.mark.parametrize("step", STEPS)
def test_function_that_promotes_another_version_is_refused(
    bench: MisbehaviourBench, step: str
) -> None:
    other = bench.api.secrets.put_secret_value(
        SecretId="a", SecretString="other", VersionStages=["MINE"]
    )["VersionId"]
    moved = f"MoveToVersionId={other!r}, RemoveFromVersionId={bench.bench.version_id!r}"

    token = bench.rotate(
        step,
        f"client.update_secret_version_stage(SecretId=secret, VersionStage='AWSCURRENT', {moved})",
    )

    assert_fails(bench, token, step, "function_broken", "can make no version AWSCURRENT but")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("put_secret_value(SecretId=secret, SecretString='x')", "can make no version AWSCURRENT"),
        ("update_secret(SecretId=secret, SecretString='x')", "can make no version AWSCURRENT"),
        (
            "put_secret_value(SecretId=secret, SecretString='x', ClientRequestToken=token)",
            "Store it with the VersionStages AWSPENDING",
        ),
    ],
)
def test_function_that_stores_a_current_value_is_refused(
    bench: MisbehaviourBench, call: str, words: str
) -> None:
    token = bench.rotate(CREATE, f"client.{call}")

    assert_fails(bench, token, CREATE, "function_broken", words)


def test_function_that_asks_for_a_rotation_is_refused(bench: MisbehaviourBench) -> None:
    token = bench.rotate(SET, "client.rotate_secret(SecretId=secret)")

    assert_fails(bench, token, SET, "unknown", "A previous rotation isn't complete")


TAKES_PENDING_OFF = """
client.update_secret_version_stage(
    SecretId=secret, VersionStage="AWSPENDING", RemoveFromVersionId=token)
"""
MOVES_PENDING = """
client.update_secret_version_stage(
    SecretId=secret, VersionStage="AWSPENDING", RemoveFromVersionId=token,
    MoveToVersionId={current!r})
"""
CANCELS = "client.cancel_rotate_secret(SecretId=secret)"


@pytest.mark.parametrize("step", [CREATE, SET, TEST])
@pytest.mark.parametrize(
    ("statements", "state"),
    [(TAKES_PENDING_OFF, "abandoned"), (CANCELS, "cancelled")],
    ids=["takes AWSPENDING off", "cancels"],
)
def test_function_that_draws_back_ends_its_rotation(
    bench: MisbehaviourBench, step: str, statements: str, state: str
) -> None:
    token = bench.rotate(step, f"{statements}\nreturn")

    rotation = bench.end_of(token)
    assert rotation["State"] == state
    assert [each["Step"] for each in rotation["Steps"]] == STEPS[: FAILED_AFTER[step]]
    bench.assert_live_value_is_intact(token)


def test_function_that_takes_pending_off_and_promotes_has_rotated(
    bench: MisbehaviourBench,
) -> None:
    # AWS: a rotation is complete when AWSPENDING is on no version.
    token = bench.rotate(FINISH, TAKES_PENDING_OFF)

    assert bench.end_of(token)["State"] == "succeeded"
    assert bench.bench.stages()[token] == ["AWSCURRENT"]


@pytest.mark.parametrize("step", [SET, FINISH])
def test_function_that_moves_pending_elsewhere_is_refused(
    bench: MisbehaviourBench, step: str
) -> None:
    token = bench.rotate(step, MOVES_PENDING.format(current=bench.bench.version_id))

    assert_fails(bench, token, step, "function_broken", "can't move AWSPENDING to another version")


def test_function_that_deletes_its_secret_is_called_no_more(bench: MisbehaviourBench) -> None:
    token = bench.rotate(SET, "client.delete_secret(SecretId=secret)")

    wait_until(
        lambda: [each["Outcome"] for each in bench.rotation(token)["Steps"]] == ["succeeded"] * 2,
        what="the end of setSecret",
    )
    bench.assert_others_rotate()
    bench.api.secrets.restore_secret(SecretId="a")
    assert [each["Step"] for each in bench.rotation(token)["Steps"]] == [CREATE, SET]
    assert bench.rotation(token)["State"] == "running"
    bench.assert_live_value_is_intact(token)


def test_function_that_deletes_its_secret_for_good_harms_no_other(
    bench: MisbehaviourBench,
) -> None:
    bench.rotate(SET, "client.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)")

    def is_gone() -> bool:
        return not bench.api.secrets.list_secrets()["SecretList"]

    wait_until(is_gone, what="the secret's end")
    bench.assert_others_rotate()


def test_function_that_does_not_promote_is_not_believed(bench: MisbehaviourBench) -> None:
    token = bench.rotate(FINISH, "return")

    wait_until(lambda: bench.rotation(token)["Cause"], what="the attempt's end")

    rotation = bench.rotation(token)
    assert (rotation["State"], rotation["Cause"]) == ("running", "labels_not_moved")
    assert "finishSecret must move AWSCURRENT to the new version" in rotation["Reason"]
    assert "UpdateSecretVersionStage" in rotation["Reason"]
    assert [each["Outcome"] for each in rotation["Steps"]] == ["succeeded"] * 4
    assert rotation["NextAttemptAt"] is not None
    bench.assert_live_value_is_intact(token)


def test_function_that_goes_back_at_the_end_is_not_believed(bench: MisbehaviourBench) -> None:
    back = f"""
rotate(event, context)
client.update_secret_version_stage(
    SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId={bench.bench.version_id!r},
    RemoveFromVersionId=token)
return
"""

    token = bench.rotate(FINISH, back)

    wait_until(lambda: bench.rotation(token)["Cause"], what="the attempt's end")
    assert bench.rotation(token)["Cause"] == "labels_not_moved"
    bench.assert_live_value_is_intact(token)
