"""Functions in sandboxes of their own, whose only way to the network is the engine's connector."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from ipaddress import ip_address
import json
import os
from pathlib import Path
import select
import shutil
import signal
import socket
import subprocess
import threading
from typing import Any, Final

import pytest

from keyturn.functions.execution import egress, notifications, syscall_filter
from keyturn.functions.execution.connector import Allows, Connector, _Attempt
from keyturn.functions.execution.egress import IPAddress
from support.waiting import until

BWRAP: Final = shutil.which("bwrap")
PYTHON: Final = "/usr/bin/python3"
#: A user that is nobody else, as a server that is root gives each sandbox one.
OTHER_USER: Final = 60_899
ANSWER_SECONDS_MAX: Final = 60
#: How long what never comes is waited for.
TURN_SECONDS_MAX: Final = 20

pytestmark = pytest.mark.skipif(
    BWRAP is None or not Path(PYTHON).exists(), reason="needs bubblewrap and a Python in /usr"
)

# What a launcher does; then it becomes the function.
BEGINNING = """
import ctypes, errno, json, os, signal, socket, struct, sys, threading, time

def install_filter(program, wants_listener):
    libc = ctypes.CDLL(None, use_errno=True)
    instructions = ctypes.create_string_buffer(program, len(program))
    sock_fprog = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    number = {"x86_64": 317, "aarch64": 277}[os.uname().machine]
    # SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
    flags = (8 | 32) if wants_listener else 0
    returned = libc.syscall(number, 1, flags, sock_fprog)  # SECCOMP_SET_MODE_FILTER
    if returned < 0:
        raise OSError(ctypes.get_errno(), "no filter")
    return returned if wants_listener else None

control = socket.socket(fileno=int(sys.argv[1]))
if sys.argv[2] != "0":
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
listener = install_filter(control.recv(1 << 16), True)
socket.send_fds(control, [b"."], [listener])
os.close(listener)
ARGUMENTS = json.loads(control.recv(1 << 16))
control.close()
libc = ctypes.CDLL(None, use_errno=True)

def error_of(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]

def raw_connect(descriptor, address, length):
    ctypes.set_errno(0)
    libc.connect(descriptor, address, length)
    return errno.errorcode.get(ctypes.get_errno())

def address(host, port):
    port = struct.pack("!H", port)
    return struct.pack("=H", socket.AF_INET) + port + socket.inet_aton(host) + bytes(8)

def stream(family=socket.AF_INET):
    return socket.socket(family, socket.SOCK_STREAM)

"""


class Bench:
    """Runs functions, each in a sandbox of its own, by one connector."""

    def __init__(self, connector: Connector, refused: list[tuple[str, IPAddress, int]]) -> None:
        self.connector = connector
        self.refused = refused
        #: What a sandbox sees of this machine as /shown.
        self.shown = Path("/usr")

    def start(
        self,
        source: str,
        *,
        allows: Allows = egress.is_allowed,
        user_id: int = 0,
        **arguments: Any,  # noqa: ANN401 - whatever it is to know
    ) -> "subprocess.Popen[str]":
        """Start a function, whose name is its label; it prints what it found as JSON."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = subprocess.Popen(
                [
                    *_sandbox(self.shown, user_id),
                    *(PYTHON, "-I", "-S", "-c", BEGINNING + source),
                    *(str(theirs.fileno()), str(user_id)),
                ],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            theirs.close()
            ours.settimeout(ANSWER_SECONDS_MAX)
            ours.sendall(syscall_filter.program(os.uname().machine, hands_over_connect=True))
            _, [listener], _, _ = socket.recv_fds(ours, 1, 1)
            self.connector.add(listener, label="function", allows=allows)
            ours.sendall(json.dumps(arguments).encode())
        return process

    @contextmanager
    def started(
        self,
        source: str,
        **arguments: Any,  # noqa: ANN401 - of start
    ) -> "Iterator[subprocess.Popen[str]]":
        """Start a function, and end it."""
        with self.start(source, **arguments) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(
        self,
        source: str,
        **arguments: Any,  # noqa: ANN401 - of start
    ) -> Any:  # noqa: ANN401 - whatever it printed
        """Run a function to its end, and return what it found."""
        with self.started(source, **arguments) as process:
            printed, _ = process.communicate(timeout=ANSWER_SECONDS_MAX)
        assert process.returncode == 0
        return json.loads(printed)


def _sandbox(shown: Path, user_id: int) -> Iterator[str]:
    assert BWRAP is not None
    yield from (BWRAP, "--die-with-parent", "--proc", "/proc", "--dev", "/dev")
    yield from ("--ro-bind", str(shown), "/shown")
    yield from ("--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib")
    yield from ("--symlink", "usr/lib64", "/lib64", "--perms", "1777", "--tmpfs", "/tmp")  # noqa: S108 - the sandbox's own
    yield from ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts")
    if user_id:
        yield from ("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
    else:
        yield from ("--unshare-user", "--disable-userns", "--uid", "993", "--gid", "990")
    yield "--"


@pytest.fixture
def bench() -> Iterator[Bench]:
    refused: list[tuple[str, IPAddress, int]] = []
    connector = Connector(lambda *what: refused.append(what))
    with closing(connector):
        yield Bench(connector, refused)


@pytest.fixture
def server() -> Iterator[tuple[str, int]]:
    """Yield the address of a server on this machine, which answers what it's sent."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        threading.Thread(target=_echo, args=(listening,), daemon=True).start()
        yield listening.getsockname()
        listening.shutdown(socket.SHUT_RDWR)


def _echo(listening: socket.socket) -> None:
    while True:
        try:
            accepted, _ = listening.accept()
        except OSError:
            return
        with accepted, suppress(ConnectionError):
            while received := accepted.recv(1024):
                accepted.sendall(received)


def _attempts(bench: Bench) -> list[_Attempt]:
    found = [list(each._attempts.values()) for each in list(bench.connector._sandboxes)]
    return [attempt for attempts in found for attempt in attempts]


@contextmanager
def _without_room() -> Iterator[tuple[str, int]]:
    """Yield the address of a server that lets whoever connects to it wait."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening, ExitStack() as stack:
        address = listening.getsockname()
        _fill(address, stack)
        yield address


def _fill(address: tuple[str, int], stack: ExitStack) -> None:
    for _ in range(8):
        waiting = stack.enter_context(socket.socket())
        waiting.settimeout(0)
        waiting.connect_ex(address)


TALK = """
made = stream()
made.settimeout(ARGUMENTS["timeout"])
made.connect(tuple(ARGUMENTS["server"]))
made.sendall(b"hello")
print(json.dumps([made.recv(5).decode(), made.getpeername()]))
"""


@pytest.mark.parametrize("timeout", [None, 30])
def test_a_function_talks_to_a_server_of_this_machine(
    bench: Bench, server: tuple[str, int], timeout: float | None
) -> None:
    assert bench.run(TALK, server=server, timeout=timeout) == ["hello", list(server)]


def test_a_server_that_is_root_has_functions_of_other_users_talk_too(
    bench: Bench, server: tuple[str, int]
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can start a sandbox as another user")

    found = bench.run(TALK, user_id=OTHER_USER, server=server, timeout=None)

    assert found == ["hello", list(server)]


def test_a_function_talks_over_ipv6(bench: Bench) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listening:
        threading.Thread(target=_echo, args=(listening,), daemon=True).start()
        source = TALK.replace("stream()", "stream(socket.AF_INET6)")

        wanted = listening.getsockname()
        found = bench.run(source, server=wanted, timeout=None)

        listening.shutdown(socket.SHUT_RDWR)
    assert found == ["hello", list(wanted)]


def test_what_is_not_handed_over_leads_nowhere(bench: Bench, server: tuple[str, int]) -> None:
    source = """
datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print(json.dumps([
    error_of(datagram.sendto, b"x", ("192.0.2.1", 53)),
    error_of(stream().sendto, b"x", 0x20000000, tuple(ARGUMENTS["server"])),
    [name for _, name in socket.if_nameindex()],
]))
"""
    found = bench.run(source, server=server)

    assert found == ["ENETUNREACH", "ENOTSUP", ["lo"]]


def test_this_kernel_keeps_to_the_filter(bench: Bench) -> None:
    source = """
def refused(returned):
    return errno.errorcode[ctypes.get_errno()] if returned < 0 else None
def nested():
    install_filter(struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000), True)
print(json.dumps([
    refused(libc.unshare(0x10000000)), refused(libc.syscall(425, 1, 0)), error_of(nested),
    error_of(socket.socket, 40, socket.SOCK_STREAM), refused(libc.syscall(9999)),
    error_of(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1),
    os.waitpid(os.fork() or os._exit(7), 0)[1],
]))
"""
    wanted = ["EPERM", "ENOSYS", "EPERM", "EAFNOSUPPORT", "ENOSYS", "EPERM", 7 << 8]

    assert bench.run(source) == wanted


CONNECT = (
    'print(json.dumps(error_of(stream(ARGUMENTS["family"]).connect, tuple(ARGUMENTS["to"]))))'
)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "169.254.170.2", "::ffff:169.254.169.254", "fd00:ec2::254"]
)
def test_the_metadata_of_the_machine_is_refused_and_reported(bench: Bench, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    found = bench.run(CONNECT, family=family, to=(address, 80))

    assert found == "EACCES"
    assert bench.refused == [("function", ip_address(address), 80)]


def test_each_function_has_its_own_rule(bench: Bench, server: tuple[str, int]) -> None:
    def only_others(address: IPAddress, port: int) -> bool:
        return (str(address), port) != server

    refused = bench.run(CONNECT, allows=only_others, family=socket.AF_INET, to=server)
    allowed = bench.run(CONNECT, family=socket.AF_INET, to=server)

    assert (refused, allowed) == ("EACCES", None)


def test_a_connection_that_is_refused_says_so(bench: Bench) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))

        found = bench.run(CONNECT, family=socket.AF_INET, to=unused.getsockname())

    assert found == "ECONNREFUSED"


def test_an_address_that_changes_after_it_was_read_changes_nothing(
    bench: Bench, server: tuple[str, int]
) -> None:
    # Another thread writes the metadata address over it, again and again.
    source = """
good, bad = address(*ARGUMENTS["server"]), address("169.254.169.254", 80)
memory = ctypes.create_string_buffer(good, 16)
is_over = False
def change():
    while not is_over:
        ctypes.memmove(memory, bad, 16)
        ctypes.memmove(memory, good, 16)
thread = threading.Thread(target=change)
thread.start()
ended = []
for _ in range(300):
    with stream() as made:
        error = raw_connect(made.fileno(), memory, 16)
        ended.append([error, None if error else list(made.getpeername())])
is_over = True
thread.join()
print(json.dumps(ended))
"""
    found = bench.run(source, server=server)

    reached = {tuple(peer) for error, peer in found if error is None}
    assert reached == {server}
    assert {error for error, _ in found} - {None} == ({"EACCES"} if bench.refused else set())


def test_a_socket_in_the_place_of_another_keeps_its_flags_and_options(
    bench: Bench, server: tuple[str, int]
) -> None:
    source = """
import fcntl
options = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.SOL_SOCKET, socket.SO_RCVBUF, 20000),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 7), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 12345), (socket.IPPROTO_IP, socket.IP_TOS, 16),
]
times = [socket.SO_RCVTIMEO, socket.SO_SNDTIMEO]
def state(made):
    flags = [fcntl.fcntl(made, fcntl.F_GETFD), fcntl.fcntl(made, fcntl.F_GETFL) & os.O_NONBLOCK]
    numbers = [made.getsockopt(level, name) for level, name, _ in options]
    return flags + numbers + [made.getsockopt(1, name, 16).hex() for name in times]
found = []
for inheritable, timeout in [(True, None), (False, None), (False, 0)]:
    made = stream()
    made.settimeout(timeout)
    made.set_inheritable(inheritable)
    for option in options:
        made.setsockopt(*option)
    for name in times:
        made.setsockopt(1, name, struct.pack("@qq", 9, 0))
    before = state(made)
    made.connect_ex(tuple(ARGUMENTS["server"]))
    found.append([before, state(made)])
print(json.dumps(found))
"""
    found = bench.run(source, server=server)

    assert all(before == after for before, after in found)
    assert [before[:2] for before, _ in found] == [[0, 0], [1, 0], [1, os.O_NONBLOCK]]


def test_a_buffer_that_was_not_set_is_left_to_the_kernel(
    bench: Bench, server: tuple[str, int]
) -> None:
    source = """
made = stream()
made.connect(tuple(ARGUMENTS["server"]))
print(made.getsockopt(1, 72))  # SO_BUF_LOCK
"""
    assert bench.run(source, server=server) == 0


def test_a_connect_that_need_not_wait_goes_on_by_itself(bench: Bench) -> None:
    source = """
import select
made = stream()
made.setblocking(False)
first = made.connect_ex(tuple(ARGUMENTS["server"]))
second = made.connect_ex(tuple(ARGUMENTS["server"]))
with select.epoll() as epoll:
    epoll.register(made, select.EPOLLOUT)
    epoll.poll(30)
made.setblocking(True)
print(json.dumps([errno.errorcode.get(each) for each in (
    first, second, made.getsockopt(1, socket.SO_ERROR),
    made.connect_ex(tuple(ARGUMENTS["server"])),
)]))
"""
    with _without_room() as full, closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        waits = bench.run(source.replace("epoll.poll(30)", "0"), server=full)
        refused = bench.run(source, server=unused.getsockname())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = bench.run(source, server=listening.getsockname())

    assert waits == ["EINPROGRESS", "EALREADY", None, "EALREADY"]
    # Told once; then it's tried again.
    assert refused[0] in {"ECONNREFUSED", "EINPROGRESS"}
    assert "ECONNREFUSED" in refused[1:]
    assert made[0] in {None, "EINPROGRESS"}
    assert made[1:] == ["EISCONN", None, "EISCONN"]


def test_a_connect_that_waits_ends_when_its_time_is_over(bench: Bench) -> None:
    with _without_room() as full, closing(Connector(_ignore, connect_seconds_max=0.1)) as short:
        bench.connector, own = short, bench.connector
        found = bench.run(CONNECT, family=socket.AF_INET, to=full)
        bench.connector = own

    assert found == "ETIMEDOUT"


def test_a_connect_waits_as_long_as_its_socket_says(bench: Bench) -> None:
    source = """
made = stream()
made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@qq", 0, 50000))
first = errno.errorcode.get(made.connect_ex(tuple(ARGUMENTS["server"])))
print(json.dumps([first, errno.errorcode.get(made.connect_ex(tuple(ARGUMENTS["server"])))]))
"""
    with _without_room() as full:
        assert bench.run(source, server=full) == ["EINPROGRESS", "EALREADY"]


def test_a_function_has_only_so_many_connects_that_wait(bench: Bench) -> None:
    source = """
import queue
ended = queue.Queue()
def wait():
    ended.put(error_of(stream().connect, tuple(ARGUMENTS["full"])))
for _ in range(5):
    threading.Thread(target=wait, daemon=True).start()
print(json.dumps(ended.get()), flush=True)
os._exit(0)
"""
    with _without_room() as full, closing(Connector(_ignore, pending_max=4)) as few:
        bench.connector, own = few, bench.connector
        found = bench.run(source, full=full)
        bench.connector = own

    assert found == "EAGAIN"


def test_a_function_that_waits_holds_up_no_other(bench: Bench, server: tuple[str, int]) -> None:
    with _without_room() as full:
        with bench.started(CONNECT, family=socket.AF_INET, to=full) as waiting:
            until(lambda: len(_attempts(bench)) == 1, "the connect that waits")

            found = bench.run(TALK, server=server, timeout=None)

            still_waits = waiting.poll() is None
        until(lambda: not bench.connector._sandboxes, "the end of both")
    assert found == ["hello", list(server)]
    assert still_waits


def test_a_function_that_the_engine_waits_for_holds_up_no_other(
    bench: Bench, server: tuple[str, int]
) -> None:
    is_waited_for, may_go_on = threading.Event(), threading.Event()

    def waits(_address: IPAddress, _port: int) -> bool:
        is_waited_for.set()
        return may_go_on.wait(TURN_SECONDS_MAX)

    with bench.started(TALK, allows=waits, server=server, timeout=None) as slow:
        assert is_waited_for.wait(ANSWER_SECONDS_MAX)

        found = bench.run(TALK, server=server, timeout=None)

        may_go_on.set()
        printed, _ = slow.communicate(timeout=ANSWER_SECONDS_MAX)
    assert found == ["hello", list(server)]
    # Refused, had the other been served only once this one wasn't waited for any more.
    assert json.loads(printed) == ["hello", list(server)]


STARVED = """
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
for _ in range(16):
    if os.fork() == 0:
        while True:
            pass
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
for _ in sys.stdin:
    stream().connect(tuple(ARGUMENTS["server"]))
    print("connected", flush=True)
"""
FOLLOWING = """
for _ in sys.stdin:
    stream().connect(tuple(ARGUMENTS["server"]))
    print("connected", flush=True)
"""


def test_a_function_that_is_kept_from_running_holds_up_no_other(
    bench: Bench, server: tuple[str, int]
) -> None:
    with (
        bench.started(STARVED, server=server) as starved,
        bench.started(FOLLOWING, server=server) as other,
    ):
        # It may get its turn at once; it can't get it each time.
        until(lambda: _is_overtaken(starved, other), "a connect that another overtakes")


def _is_overtaken(starved: "subprocess.Popen[str]", other: "subprocess.Popen[str]") -> bool:
    """Have one connect; return whether another does while the first one's thread has no turn."""
    _go_on(starved)
    while not _is_handing_over() and not _has_printed(starved, 0):
        pass
    _go_on(other)
    _connected(other)
    if _is_handing_over():
        return True
    _connected(starved)
    return False


def _go_on(function: "subprocess.Popen[str]") -> None:
    assert function.stdin is not None
    function.stdin.write("\n")
    function.stdin.flush()


def _connected(function: "subprocess.Popen[str]") -> None:
    assert _has_printed(function, ANSWER_SECONDS_MAX)
    assert function.stdout is not None
    assert function.stdout.readline() == "connected\n"


def _has_printed(function: "subprocess.Popen[str]", seconds: float) -> bool:
    assert function.stdout is not None
    return function.stdout in select.select([function.stdout], [], [], seconds)[0]


def _is_handing_over() -> bool:
    """Return whether a thread of the connector's waits for a socket to be in its place."""
    connectors = [each for each in threading.enumerate() if each.name == "connector"]
    return any(_ioctl_of(each) == notifications._ADDFD for each in connectors)


def _ioctl_of(thread: threading.Thread) -> int:
    # proc(5), /proc/pid/syscall: its number and its arguments, or what else the thread does.
    with suppress(FileNotFoundError):
        called = Path(f"/proc/self/task/{thread.native_id}/syscall").read_text().split()
        return int(called[2], 16) if len(called) > 2 else 0
    return 0


def test_a_function_that_is_stopped_is_given_its_connection_and_holds_up_no_other(
    bench: Bench, server: tuple[str, int]
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening, ExitStack() as stack:
        address = listening.getsockname()
        _fill(address, stack)
        with bench.started(TALK, server=address, timeout=None) as function:
            [attempt] = until(lambda: _attempts(bench), "the connect that waits")
            os.kill(attempt.notification.thread_id, signal.SIGSTOP)

            threading.Thread(target=_echo, args=(listening,), daemon=True).start()
            stack.close()
            until(lambda: not _attempts(bench), "the end of the connect")
            found = bench.run(TALK, server=server, timeout=None)

            os.kill(attempt.notification.thread_id, signal.SIGCONT)
            printed, _ = function.communicate(timeout=ANSWER_SECONDS_MAX)
        listening.shutdown(socket.SHUT_RDWR)
    assert found == ["hello", list(server)]
    assert json.loads(printed) == ["hello", list(address)]


def test_a_signal_does_not_break_a_connect_that_waits(bench: Bench) -> None:
    source = "signal.signal(signal.SIGUSR1, lambda *_: None)\n" + TALK
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening, ExitStack() as stack:
        address = listening.getsockname()
        _fill(address, stack)
        with bench.started(source, server=address, timeout=None) as function:
            until(lambda: len(_attempts(bench)) == 1, "the connect that waits")
            [attempt] = _attempts(bench)

            for _ in range(100):
                os.kill(attempt.notification.thread_id, signal.SIGUSR1)
            threading.Thread(target=_echo, args=(listening,), daemon=True).start()
            stack.close()
            printed, _ = function.communicate(timeout=ANSWER_SECONDS_MAX)

        listening.shutdown(socket.SHUT_RDWR)
    assert json.loads(printed) == ["hello", list(address)]


def _ignore(*_: object) -> None:
    pass


def test_what_no_kernel_takes_is_answered_as_the_kernel_does(
    bench: Bench, server: tuple[str, int]
) -> None:
    source = """
good = address(*ARGUMENTS["server"])
made, datagram = stream(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
unix, ipv6 = stream(socket.AF_UNIX), stream(socket.AF_INET6)
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
readable, _ = os.pipe()
huge = (1 << 64) - 4096
names = {
    "null": (made.fileno(), None, 16), "odd": (made.fileno(), ctypes.c_void_p(huge), 16),
    "unmapped": (made.fileno(), ctypes.c_void_p(8), 16),
    "empty": (made.fileno(), good, 0), "short": (made.fileno(), good, 15),
    "negative": (made.fileno(), good, -1), "long": (made.fileno(), bytes(200), 129),
    "closed": (999, good, 16), "none": (-1, good, 16), "pipe": (readable, good, 16),
    "family": (made.fileno(), struct.pack("=H", socket.AF_INET6) + bytes(26), 28),
    "ipv6": (ipv6.fileno(), good, 16),
    "datagram": (datagram.fileno(), good, 16), "unix": (unix.fileno(), good, 16),
    "netlink": (netlink.fileno(), good, 16),
    "disconnect": (made.fileno(), bytes(16), 16), "resolver": (datagram.fileno(), bytes(16), 16),
    "abstract": (unix.fileno(), struct.pack("=H", socket.AF_UNIX) + b"\\0name", 7),
    "missing": (unix.fileno(), struct.pack("=H", socket.AF_UNIX) + b"/no/such", 10),
    "file": (unix.fileno(), struct.pack("=H", socket.AF_UNIX) + b"/usr", 6),
}
found = {name: raw_connect(*arguments) for name, arguments in names.items()}
found["still"] = raw_connect(made.fileno(), good, 16)
print(json.dumps(found))
"""
    assert bench.run(source, server=server) == {
        **dict.fromkeys(("null", "odd", "unmapped"), "EFAULT"),
        **dict.fromkeys(("empty", "short", "negative", "long", "unix"), "EINVAL"),
        **dict.fromkeys(("closed", "none"), "EBADF"),
        "pipe": "ENOTSOCK",
        **dict.fromkeys(("family", "ipv6"), "EAFNOSUPPORT"),
        "datagram": "ENETUNREACH",
        "netlink": "ENOTSUP",
        **dict.fromkeys(("disconnect", "resolver", "still")),
        "missing": "ENOENT",
        **dict.fromkeys(("abstract", "file"), "ECONNREFUSED"),
    }


def test_nothing_that_a_function_calls_with_stops_the_connector(
    bench: Bench, server: tuple[str, int]
) -> None:
    source = """
import random
generator = random.Random(ARGUMENTS["seed"])
families = [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX]
for _ in range(3000):
    made = socket.socket(generator.choice(families), generator.choice([1, 2]))
    made.setblocking(False)
    family = generator.choice([0, 1, 2, 10, 16, generator.getrandbits(16)])
    length = generator.randrange(140)
    sockaddr = (struct.pack("=H", family) + generator.randbytes(140))[:140]
    raw_connect(generator.choice([made.fileno(), generator.randrange(-9, 99)]), sockaddr, length)
    if generator.random() < 0.2:
        libc.listen(made.fileno(), generator.getrandbits(32))
    made.close()
print(json.dumps("done"))
"""

    # Nothing random is to leave this machine.
    def only_loopback(address: IPAddress, port: int) -> bool:
        return egress.reached(address).is_loopback and port == server[1]

    found = [bench.run(source, allows=only_loopback, seed=seed) for seed in range(2)]

    assert found == ["done", "done"]
    assert bench.run(TALK, server=server, timeout=None) == ["hello", list(server)]


def test_ten_thousand_connects_leave_nothing_open(bench: Bench) -> None:
    source = """
for _ in range(10000):
    with stream() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 600))
        made.connect(tuple(ARGUMENTS["server"]))
print(json.dumps(len(os.listdir("/proc/self/fd"))))
"""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        thread = threading.Thread(target=_accept, args=(listening,), daemon=True)
        thread.start()
        before = _open_files()

        bench.run(source, server=listening.getsockname())

        until(lambda: not bench.connector._sandboxes, "the end of the function")
        after = _open_files()
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert after <= before


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _accept(listening: socket.socket) -> None:
    while True:
        try:
            accepted, _ = listening.accept()
        except OSError:
            return
        accepted.close()


def test_threads_that_end_while_they_connect_leave_nothing_behind(bench: Bench) -> None:
    source = """
def children():
    for _ in range(20):
        child = os.fork()
        if not child:
            for _ in range(4):
                threading.Thread(target=lambda: stream().connect(tuple(ARGUMENTS["full"]))).start()
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
children()
print(json.dumps("done"))
"""
    with _without_room() as full:
        before = _open_files()

        assert bench.run(source, full=full) == "done"

        until(lambda: not bench.connector._sandboxes, "the end of the function")
        assert _open_files() <= before


def test_descriptors_that_change_meanwhile_change_nothing(
    bench: Bench, server: tuple[str, int]
) -> None:
    # One thread connects a Unix socket and the metadata address; another puts a connected socket
    # of the machine's network into the descriptor, or nothing at all.
    source = """
listening = stream(socket.AF_UNIX)
listening.bind("/tmp/here")
listening.listen(100)
ours = stream()
ours.connect(tuple(ARGUMENTS["server"]))
place = stream(socket.AF_UNIX).detach()
is_over = False
def change():
    while not is_over:
        os.dup2(ours.fileno(), place)
        unix = stream(socket.AF_UNIX)
        os.dup2(unix.fileno(), place)
        unix.close()
thread = threading.Thread(target=change)
thread.start()
unix = struct.pack("=H", socket.AF_UNIX) + b"/tmp/here"
found = set()
for _ in range(300):
    found.add(raw_connect(place, unix + bytes(20), len(unix) + 1))
    found.add(raw_connect(place, address("169.254.169.254", 80), 16))
    libc.listen(place, 5)
is_over = True
thread.join()
ours.sendall(b"hello")
print(json.dumps([ours.recv(5).decode(), list(ours.getpeername())]))
"""
    assert bench.run(source, server=server) == ["hello", list(server)]


def test_a_socket_of_the_machine_is_never_listened_on(
    bench: Bench, server: tuple[str, int]
) -> None:
    source = """
own = stream()
own.bind(("127.0.0.1", 0))
ours = stream()
ours.connect(tuple(ARGUMENTS["server"]))
raw_connect(ours.fileno(), bytes(16), 16)
ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    ours.setsockopt(socket.SOL_SOCKET, 44, 0)  # SO_LOCK_FILTER
except PermissionError:
    pass
print(json.dumps([error_of(own.listen, 5), error_of(ours.listen, 5)]))
"""
    assert bench.run(source, server=server) == [None, "EPERM"]


def test_a_disconnected_socket_comes_to_the_connector_again(
    bench: Bench, server: tuple[str, int]
) -> None:
    source = """
made = stream()
made.connect(tuple(ARGUMENTS["server"]))
good, bad = address(*ARGUMENTS["server"]), address("169.254.169.254", 80)
print(json.dumps([
    raw_connect(made.fileno(), good, 16), raw_connect(made.fileno(), bytes(16), 16),
    raw_connect(made.fileno(), bad, 16), error_of(made.sendto, b"x", 0x20000000, ("1.2.3.4", 5)),
    raw_connect(made.fileno(), good, 16),
]))
"""
    found = bench.run(source, server=server)

    assert found == ["EISCONN", None, "EACCES", "ENOTSUP", None]


UNIX = """
os.mkdir("/tmp/folder")
os.symlink("/tmp/folder/here", "/tmp/folder/link")
listening = stream(socket.AF_UNIX)
listening.bind("/tmp/folder/here")
listening.listen(1)
os.chdir("/tmp/folder")
for path in ("/tmp/folder/here", "here", "../folder/here", "link"):
    made = stream(socket.AF_UNIX)
    made.connect(path)
    accepted, _ = listening.accept()
    accepted.sendall(path.encode())
    assert made.recv(100).decode() == path
    assert error_of(made.connect, path) == "EISCONN"
print(json.dumps("done"))
"""


def test_a_function_talks_to_itself_over_a_unix_socket(bench: Bench) -> None:
    assert bench.run(UNIX) == "done"


def test_so_does_a_function_of_another_user(bench: Bench) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can start a sandbox as another user")

    assert bench.run(UNIX, user_id=OTHER_USER) == "done"


def test_a_unix_socket_without_room_is_waited_for(bench: Bench) -> None:
    source = """
listening = stream(socket.AF_UNIX)
listening.bind("/tmp/here")
listening.listen(0)
waiting = [stream(socket.AF_UNIX) for _ in range(3)]
for made in waiting[:-1]:
    made.setblocking(False)
    last = errno.errorcode.get(made.connect_ex("/tmp/here"))
thread = threading.Thread(target=waiting[-1].connect, args=("/tmp/here",))
thread.start()
listening.accept()
thread.join()
listening.accept()[0].sendall(b"room")
print(json.dumps([last, waiting[-1].recv(4).decode()]))
"""
    assert bench.run(source) == ["EAGAIN", "room"]


def test_a_link_out_of_the_sandbox_is_followed_inside(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "here"
    source = """
os.symlink(ARGUMENTS["path"], "/tmp/link")
os.symlink("../" * 20 + ARGUMENTS["path"], "/tmp/up")
paths = [ARGUMENTS["path"], "/tmp/link", "/tmp/up", "/proc/1/root" + ARGUMENTS["path"]]
print(json.dumps([error_of(stream(socket.AF_UNIX).connect, path) for path in paths]))
"""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(5)

        found = bench.run(source, path=str(path))

    assert set(found[:3]) == {"ENOENT"}
    assert found[3] in {"ELOOP", "EXDEV", "EACCES", "ENOENT"}


def test_a_unix_socket_of_another_user_is_refused(bench: Bench, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can start a sandbox as another user")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "here"))
        listening.listen(5)
        (tmp_path / "here").chmod(0o777)
        bench.shown = tmp_path

        found = bench.run(
            'print(json.dumps(error_of(stream(socket.AF_UNIX).connect, "/shown/here")))',
            user_id=OTHER_USER,
        )

    assert found == "EACCES"


def test_a_descriptor_that_is_no_listener_is_refused(bench: Bench) -> None:
    reading, writing = os.pipe()
    os.close(writing)

    with pytest.raises(ValueError, match="listener"):
        bench.connector.add(reading, label="function", allows=egress.is_allowed)


def test_a_function_whose_connector_is_closed_is_told_at_once(
    bench: Bench, server: tuple[str, int]
) -> None:
    source = """
raw_connect(stream().fileno(), address(*ARGUMENTS["server"]), 16)
print("[", flush=True, end="")
sys.stdin.read()
print(json.dumps(raw_connect(stream().fileno(), address(*ARGUMENTS["server"]), 16)), "]")
"""
    with closing(Connector(_ignore)) as closed:
        bench.connector, own = closed, bench.connector
        function = bench.start(source, server=server)
        assert function.stdout is not None
        begun = function.stdout.read(1)
    bench.connector = own

    printed, _ = function.communicate("", timeout=ANSWER_SECONDS_MAX)

    assert json.loads(begun + printed) == ["ENOSYS"]
