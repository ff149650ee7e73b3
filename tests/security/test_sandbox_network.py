"""A function in a sandbox reaches servers, and neither the machine's metadata nor what is local.

What the connector decides, call by call, is in tests/functions/test_connector.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
import json
import os
from pathlib import Path
import re
import secrets
import shutil
import socket
import subprocess
import sys
import threading
from typing import Final

import pytest
from structlog.testing import capture_logs

from keyturn.functions.execution.isolation import Wanted
from support.sandbox_attacks import Attacker
from support.waiting import until

# In a network of its own, with what a cloud answers its machines at.
CLOUD: Final = """
import json, socket, sys, threading
from pathlib import Path
from keyturn.functions.execution.isolation import Wanted
from keyturn.model.function import Function
from support.sandbox_attacks import Attacker
def answer(listening):
    while True:
        accepted, _ = listening.accept()
        accepted.sendall(b"credentials")
        accepted.close()
for host in ("169.254.169.254", "fd00:ec2::254"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, 80), family=family)
    threading.Thread(target=answer, args=(listening,), daemon=True).start()
source = '''
def asked(spelling):
    with socket.create_connection((spelling, 80), 5) as made:
        return made.recv(100).decode()
found = {}
for spelling in spellings:
    try:
        found[spelling] = asked(spelling)
    except OSError as error:
        found[spelling] = errno.errorcode.get(error.errno, str(error))
'''
with Attacker.open(Path(sys.argv[1]), Wanted(sys.argv[2])) as attacker:
    print(json.dumps(attacker.finds(source, spellings=json.loads(sys.argv[3]))), file=sys.stderr)
"""
SPELLINGS: Final = (
    *("169.254.169.254", "::ffff:169.254.169.254", "0xa9fea9fe", "2852039166", "169.254.43518"),
    *(
        "0251.0376.0251.0376",
        "fd00:ec2::254",
        "fd00:0ec2:0:0::00fe:254".replace("00fe:254", "254"),
    ),
)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make a network")
@pytest.mark.parametrize(
    ("wanted", "answer"), [(Wanted.NONE, "credentials"), (Wanted.BUBBLEWRAP, "EACCES")]
)
def test_the_metadata_of_the_machine_is_kept_from_a_sandbox(
    sandboxed: Attacker, tmp_path: Path, wanted: Wanted, answer: str
) -> None:
    del sandboxed  # Only where there are sandboxes.
    if shutil.which("ip") is None:
        pytest.skip("needs iproute2")
    setting = (
        "ip link set lo up && ip address add 169.254.169.254/32 dev lo && "
        'ip -6 address add fd00:ec2::254/128 dev lo nodad && exec "$@"'
    )

    done = subprocess.run(
        [
            *("unshare", "--net", "sh", "-c", setting, "sh"),
            *(sys.executable, "-c", CLOUD, str(tmp_path), wanted, json.dumps(SPELLINGS)),
        ],
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.defpath + ":/usr/sbin:/sbin"},
        capture_output=True,
        check=False,
        timeout=60,
    )

    said = done.stderr.decode()
    assert done.returncode == 0, said[-2000:]
    assert json.loads(said.splitlines()[-1]) == dict.fromkeys(SPELLINGS, answer)


@pytest.mark.parametrize("kind", ["abstract", "path"])
def test_the_machines_unix_sockets_are_not_there(
    sandboxed: Attacker, bare: Attacker, tmp_path: Path, kind: str
) -> None:
    source = """
found = outcome_of(socket.socket(socket.AF_UNIX).connect, name.replace("@", "\\0", 1))
"""
    name = f"@{secrets.token_hex(8)}" if kind == "abstract" else str(tmp_path / "engine.sock")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(name.replace("@", "\0", 1))
        listening.listen()

        assert bare.finds(source, name=name) == "done"
        assert sandboxed.finds(source, name=name) in {"ECONNREFUSED", "ENOENT"}
        if kind == "path":
            assert sandboxed.finds(source, name="../../.." + name) == "ENOENT"


def test_what_it_is_refused_again_and_again_is_one_line_in_the_log(sandboxed: Attacker) -> None:
    # Never sent: a multicast address is refused like the machine's metadata.
    source = """
found = [outcome_of(socket.socket().connect, ("224.0.0.1", 80)) for _ in range(500)]
"""
    with capture_logs() as lines:
        found = sandboxed.finds(source, by=sandboxed.another())

    assert found == ["EACCES"] * 500
    assert [line.get("address") for line in lines].count("224.0.0.1") == 1


def test_no_datagram_reaches_the_machine(sandboxed: Attacker, bare: Attacker) -> None:
    source = """
found = outcome_of(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto, b"x", tuple(to))
"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(0)
        to = listening.getsockname()

        bare.finds(source, to=to)
        from_bare = listening.recv(10)
        sandboxed.finds(source, to=to)

        assert from_bare == b"x"
        with pytest.raises(BlockingIOError):
            listening.recv(10)


def test_what_it_listens_on_is_in_no_other_functions_network(sandboxed: Attacker) -> None:
    listen = """
made = socket.create_server(("127.0.0.1", 0))
unix = socket.socket(socket.AF_UNIX)
unix.bind("\\0" + name)
unix.listen()
found = made.getsockname()[1]
sys.modules["kept"] = [made, unix]
"""
    connect = """
found = [outcome_of(socket.create_connection, ("127.0.0.1", port)),
         outcome_of(socket.socket(socket.AF_UNIX).connect, "\\0" + name)]
"""
    name = secrets.token_hex(8)
    port = sandboxed.finds(listen, name=name)

    found = sandboxed.finds(connect, by=sandboxed.another(), name=name, port=port)

    assert found == ["ECONNREFUSED", "ECONNREFUSED"]


RUNTIME_API: Final = """
address, path = address_of_runtime_api()
def dial():
    return socket.create_connection(address, 10)
def post(length, headers=""):
    return (f"POST {path}/invocation/none/response HTTP/1.1\\r\\nHost: x\\r\\n"
            f"Content-Length: {length}\\r\\n{headers}\\r\\n").encode()
NEXT = f"GET {path}/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n".encode()
"""
GARBAGE: Final = {
    "nothing": "b''",
    "no HTTP": "os.urandom(4096)",
    "half a request": "post(100)[:-20]",
    "half a body": "post(100) + b'x'",
    "no number": "post('many')",
    "a huge number": "post(10 ** 30)",
    "chunks": "post(0, 'Transfer-Encoding: chunked\\r\\n') + b'5\\r\\nhello\\r\\n'",
    "many headers": "post(0, 'X: y\\r\\n' * 5000)",
    "a long header": "post(0, 'X: ' + 'y' * (4 << 20) + '\\r\\n')",
    "a long path": "b'GET /' + b'x' * (1 << 20) + b' HTTP/1.1\\r\\n\\r\\n'",
    "another method": "NEXT.replace(b'GET', b'DELETE')",
    "nobody's answer": "post(2).replace(b'none', b'../' * 9) + b'{}'",
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_for_the_runtime_api_disturbs_nobody(sandboxed: Attacker, kind: str) -> None:
    source = (
        RUNTIME_API
        + f"""
made = dial()
try:
    made.sendall({GARBAGE[kind]})
except OSError:
    pass
made.close()
found = "sent"
"""
    )
    function = sandboxed.another(Timeout=5)

    sandboxed.bench.invoke(function, {"source": source, "given": {}})

    assert sandboxed.neighbour_is_served()


def test_a_body_without_end_is_not_kept(victim: Attacker) -> None:
    source = (
        RUNTIME_API
        + """
made = dial()
made.sendall(post(-1))
try:
    for _ in range(100):
        made.sendall(bytes(1 << 20))
except OSError:
    pass
time.sleep(0.5)
os._exit(0)
"""
    )
    _forget_peak()
    before = _peak_mb()

    victim.fails(source, by=victim.another())

    assert _peak_mb() - before < 50


def test_answers_that_nobody_waits_for_are_not_kept(victim: Attacker) -> None:
    # None of them is over, so that none is dropped for having been read.
    source = (
        RUNTIME_API
        + """
held = [dial() for _ in range(30)]
for made in held:
    try:
        made.sendall(post(6_000_000) + bytes(5_000_000))
    except OSError:
        pass
found = "answered"
"""
    )
    _forget_peak()
    before = _peak_mb()

    assert victim.finds(source, by=victim.another()) == "answered"

    assert _peak_mb() - before < 50


def test_answers_that_come_at_once_are_kept_one_at_a_time(victim: Attacker) -> None:
    # Each as many chunks of two bytes, so that none is over.
    source = (
        RUNTIME_API
        + """
request_id = sys._getframe(2).f_locals["context"].aws_request_id
head = post(0, "Transfer-Encoding: chunked\\r\\n").replace(b"none", request_id.encode())
held = [dial() for _ in range(8)]
for made in held:
    made.setblocking(False)
    made.send(head)
sent = dict.fromkeys(held, 0)
chunks, quiet_until = b"2\\r\\n{}\\r\\n" * 20_000, time.monotonic() + 2
while time.monotonic() < quiet_until:
    for made in held:
        if sent[made] < 4_000_000:
            try:
                # From where the last chunk was cut off.
                sent[made] += made.send(chunks[sent[made] % 7:])
                quiet_until = time.monotonic() + 2
            except BlockingIOError:
                pass
os._exit(0)
"""
    )
    _forget_peak()
    before = _peak_mb()

    # What isn't read waits in the kernel's buffers, as far as it fits.
    assert victim.fails(source, by=victim.another())[0] == "Runtime.ExitError"
    assert _peak_mb() - before < 50


def test_whoever_waits_for_events_is_let_go_with_the_function(victim: Attacker) -> None:
    source = (
        RUNTIME_API
        + """
held = [dial() for _ in range(30)]
for made in held:
    made.sendall(NEXT)
time.sleep(0.5)
os._exit(0)
"""
    )
    before = threading.active_count()

    victim.fails(source, by=victim.another())

    with _seconds(5) as over:
        until(lambda: over.is_set() or threading.active_count() < before + 10, "their end")
    assert threading.active_count() < before + 10


FLOOD: Final = """
import resource, sys, threading
from pathlib import Path
from keyturn.functions.execution.isolation import Wanted
from support.sandbox_attacks import Attacker
from support.waiting import until
# What most machines give a process.
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))
with Attacker.open(Path(sys.argv[1]), Wanted.BUBBLEWRAP) as attacker:
    flood, another = attacker.another(MemorySize=1024), attacker.another()
    flooding = threading.Thread(target=attacker.fails, args=(sys.argv[2],), kwargs={"by": flood})
    flooding.start()
    until(lambda: attacker.bench.logged(flood)[2:], "the flood")
    assert attacker.finds("found = 'served'", by=another) == "served"
    flooding.join()
"""


def test_connections_of_one_function_leave_room_for_others(
    sandboxed: Attacker, tmp_path: Path
) -> None:
    del sandboxed  # Only where there are sandboxes.
    source = (
        RUNTIME_API
        + """
for _ in range(2):
    if os.fork() == 0:
        held = []
        while True:
            # Whatever becomes free is taken at once.
            try:
                held.append(socket.create_connection(address, 1))
            except OSError:
                pass
time.sleep(3)
print("flooded", flush=True)
time.sleep(4)
os._exit(0)
"""
    )

    done = _run_engine(FLOOD, str(tmp_path), source)

    assert done.returncode == 0, done.stderr.decode()[-2000:]


def _run_engine(program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a program with an engine of its own, with which all of that engine ends."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.defpath},
        capture_output=True,
        check=False,
        timeout=100,
    )


@contextmanager
def _seconds(count: float) -> Iterator[threading.Event]:
    """Yield an event that is set after a while."""
    over = threading.Event()
    timer = threading.Timer(count, over.set)
    timer.start()
    yield over
    timer.cancel()


def _forget_peak() -> None:
    # proc_pid_clear_refs(5): the peak is what there is now.
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> int:
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) // 1024
