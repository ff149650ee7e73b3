"""A function in a sandbox neither sees nor touches what it isn't given.

Each attack succeeds where nothing keeps it from succeeding: in a bare process, or as a program of
this machine. The other attacks are in test_sandbox_network.py, test_sandbox_exhaustion.py and
test_sandbox_start.py.
"""

from collections.abc import Iterator
import json
import os
from pathlib import Path
import secrets
import subprocess
from typing import Final

import pytest

import keyturn
from keyturn.functions.runtimes import OWN_PYTHON
from support.function_bench import zipped
from support.keyturn_server import KeyturnServer
from support.live_api import Caller, LiveApi, allow, policy, unique, unique_region
from support.processes import is_running
from support.sandbox_attacks import ATTACKED, Attacker, outside

READ: Final = "found = seen(path)"
CANARY: Final = "KEYTURN_CANARY"
PAGE: Final = "page = ctypes.create_string_buffer(4096)\n"

# By number; with arguments that do nothing where the call isn't refused.
REFUSED_CALLS: Final = {
    # Namespaces and mounts.
    "unshare a user namespace": "[272, 0x10000000]",
    "unshare mounts": "[272, 0x20000]",
    "clone": "[56, 0x10000000 | 0x200, 0, 0, 0, 0]",
    "clone3": "[435, page, 1]",
    "setns": "[308, os.open('/proc/self/ns/uts', os.O_RDONLY), 0]",
    "mount": "[165, b'none', b'/nowhere', b'tmpfs', 0, 0]",
    "fsopen": "[430, b'tmpfs', 0]",
    "open_tree": "[428, -100, b'/nowhere', 0]",
    "move_mount": "[429, -100, b'/nowhere', -100, b'/nowhere', 0]",
    "pivot_root": "[155, b'/nowhere', b'/nowhere']",
    "chroot": "[161, b'/nowhere']",
    "open_by_handle_at": "[304, -100, page, 0]",
    # Other processes.
    "ptrace": "[101, 16, 0, 0, 0]",
    "process_vm_readv": "[310, os.getpid(), page, 1, page, 1, 0]",
    "process_vm_writev": "[311, os.getpid(), page, 1, page, 1, 0]",
    "pidfd_getfd": "[438, os.pidfd_open(os.getpid()), 0, 0]",
    "kcmp": "[312, os.getpid(), os.getpid(), 0, 0, 0]",
    "userfaultfd": "[323, 1]",
    # What the kernel does for those whom it trusts.
    "io_uring_setup": "[425, 1, page]",
    "bpf": "[321, 0, page, 64]",
    "perf_event_open": "[298, page, 0, -1, -1, 0]",
    "keyctl": "[250, 0, -3, 1]",
    "add_key": "[248, b'user', b'name', b'value', 5, -2]",
    "fanotify_init": "[300, 0, 0]",
    "finit_module": "[313, 0, b'', 0]",
    "kexec_load": "[246, 0, 0, 0, 0xFFFF]",
    "swapon": "[167, b'/nowhere', 0]",
    "syslog": "[103, 10, 0, 0]",
}
# Of x86_64; syscall_filter's own tests are about both machines.
needs_x86_64 = pytest.mark.skipif(os.uname().machine != "x86_64", reason="needs x86_64")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    """A file that anybody may read: what keeps a function from it are no permissions."""
    tmp_path.chmod(0o755)
    file = tmp_path / "master.key"
    file.write_text(secrets.token_hex(16))
    file.chmod(0o644)
    return file


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """A process of this machine that no engine has started."""
    variables = {"PATH": os.defpath, CANARY: "of the host"}
    with subprocess.Popen(["/bin/sleep", "600"], env=variables, start_new_session=True) as process:
        yield process
        process.kill()


def test_a_file_of_the_host_is_not_there(
    sandboxed: Attacker, bare: Attacker, secret_file: Path
) -> None:
    path = str(secret_file)

    assert bare.finds(READ, path=path) == secret_file.read_text()
    assert sandboxed.finds(READ, path=path) == "ENOENT"


def test_no_way_of_writing_a_path_leads_out(
    sandboxed: Attacker, bare: Attacker, secret_file: Path
) -> None:
    source = """
os.symlink(path, f"/tmp/{mark}")
os.symlink("../" * 30 + path, f"/tmp/{mark}up")
ways = [
    "/.." * 30 + path, "/proc/self/root" + path, "/proc/1/root" + path,
    "/proc/self/cwd/../.." + path,
    f"/tmp/{mark}", f"/tmp/{mark}up", f"/proc/self/fd/0/../../..{path}",
]
found = [seen(way) for way in ways]
for way in (f"/tmp/{mark}", f"/tmp/{mark}up"):
    os.unlink(way)
"""
    path, mark = str(secret_file), secrets.token_hex(8)

    assert secret_file.read_text() in bare.finds(source, path=path, mark=mark)
    assert set(sandboxed.finds(source, path=path, mark=mark)) <= {"ENOENT", "EACCES", "ENOTDIR"}


def test_the_store_and_the_code_of_other_functions_are_not_there(
    sandboxed: Attacker, bare: Attacker
) -> None:
    def attacked(attacker: Attacker) -> set[str]:
        # Its code is unpacked when it first runs.
        assert attacker.finds("found = 1") == 1
        code = list(attacker.bench.code.rglob("*.py"))
        store = list(attacker.bench.folder.glob("*.db"))
        assert code
        assert store
        return {attacker.finds(READ, path=str(path))[:8] for path in (*code, *store)}

    assert "SQLite f" in attacked(bare)
    assert attacked(sandboxed) == {"ENOENT"}


@pytest.mark.parametrize(
    "folder",
    ["/home", "/srv", "/mnt", "/sys", "/run", "/var/lib", "/var/log"],
)
def test_a_folder_of_the_host_is_not_there(
    sandboxed: Attacker, bare: Attacker, folder: str
) -> None:
    if not Path(folder).is_dir():
        pytest.skip(f"this machine has no {folder}")
    source = "found = outcome_of(os.listdir, path)"

    assert bare.finds(source, path=folder) == "done"
    assert sandboxed.finds(source, path=folder) == "ENOENT"


@needs_root
@pytest.mark.parametrize("path", ["/etc/shadow", "/etc/gshadow"])
def test_what_is_roots_is_roots(sandboxed: Attacker, bare: Attacker, path: str) -> None:
    source = "found = outcome_of(os.open, path, os.O_RDONLY)"

    assert bare.finds(source, path=path) == "done"
    assert sandboxed.finds(source, path=path) in {"ENOENT", "EACCES"}


def test_keyturns_own_code_is_not_there(sandboxed: Attacker, bare: Attacker) -> None:
    path = str(next(iter(keyturn.__path__))) + "/app.py"

    assert len(bare.finds(READ, path=path)) > len("ENOENT")
    assert sandboxed.finds(READ, path=path) == "ENOENT"


def test_the_processes_of_the_host_are_not_there(
    sandboxed: Attacker, bare: Attacker, victim: "subprocess.Popen[bytes]"
) -> None:
    source = """
processes = [name for name in os.listdir("/proc") if name.isdigit()]
found = [len(processes), [name for name in processes if canary in seen(f"/proc/{name}/environ")]]
"""
    _, seen_bare = bare.finds(source, canary=CANARY)
    count, seen_here = sandboxed.finds(source, canary=CANARY)

    assert str(victim.pid) in seen_bare
    # The first of its namespace, and the function.
    assert (count, seen_here) == (2, [])


def test_no_process_of_the_host_can_be_signalled(
    sandboxed: Attacker, bare: Attacker, victim: "subprocess.Popen[bytes]"
) -> None:
    # The engine's process is this one.
    source = "found = [outcome_of(os.kill, pid, number) for pid in pids]"
    pids = [victim.pid, os.getpid(), os.getppid()]

    assert bare.finds(source, pids=pids, number=0) == ["done", "done", "done"]
    assert sandboxed.finds(source, pids=pids, number=9) == ["ESRCH", "ESRCH", "ESRCH"]
    assert is_running(victim.pid)


def test_killing_everybody_kills_nobody_else(
    sandboxed: Attacker, victim: "subprocess.Popen[bytes]"
) -> None:
    source = """
for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM):
    for process in (-1, 1, *range(3, 3000)):
        outcome_of(os.kill, process, number)
found = "still here"
"""
    assert sandboxed.finds(source) == "still here"
    assert is_running(victim.pid)


def test_a_process_of_the_host_is_not_found_by_pidfd_either(
    sandboxed: Attacker, bare: Attacker, victim: "subprocess.Popen[bytes]"
) -> None:
    source = "found = outcome_of(os.pidfd_open, pid)"

    assert bare.finds(source, pid=victim.pid) == "done"
    assert sandboxed.finds(source, pid=victim.pid) == "ESRCH"


def test_only_its_temporary_folder_can_be_written_to(sandboxed: Attacker) -> None:
    source = """
found = []
for at, folders, _ in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(at, name) != "/proc"]
    try:
        made = f"{at}/attack"
        os.close(os.open(made, os.O_CREAT | os.O_WRONLY))
        os.unlink(made)
        found.append(at)
    except OSError:
        pass
"""
    assert sandboxed.finds(source) == ["/tmp"]  # noqa: S108 - the sandbox's own


def test_no_setting_of_the_machine_can_be_written(sandboxed: Attacker) -> None:
    # Not every one that is the namespace's own: an engine that isn't root gives those away.
    source = """
found = {path: outcome_of(os.open, path, os.O_WRONLY) for path in paths}
"""
    paths = [
        *("/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory"),
        *("/proc/sys/kernel/hostname", "/proc/sys/fs/file-max", "/proc/sysrq-trigger"),
        *("/sys/fs/cgroup/cgroup.procs", "/sys/kernel/mm/transparent_hugepage/enabled"),
    ]

    assert set(sandboxed.finds(source, paths=paths).values()) <= {"EACCES", "ENOENT", "EROFS"}


def test_its_own_code_can_not_be_changed(sandboxed: Attacker, bare: Attacker) -> None:
    # Where it waits ready, its code is the very file of the cache (a hard link).
    source = """
path = os.path.join(os.environ["LAMBDA_TASK_ROOT"], "lambda_function.py")
found = [
    outcome_of(os.chmod, path, 0o777), outcome_of(os.utime, path),
    outcome_of(os.open, path, os.O_RDWR), outcome_of(os.truncate, path, os.stat(path).st_size),
    outcome_of(os.link, path, path + "x"), outcome_of(os.unlink, path + "x"),
    outcome_of(os.mkdir, os.path.dirname(path) + "/__pycache__"),
]
"""
    function = bare.another()

    assert "EROFS" not in bare.finds(source, by=function)
    assert set(sandboxed.finds(source)) <= {"EROFS", "EPERM", "EACCES"}


@needs_x86_64
@pytest.mark.parametrize("name", REFUSED_CALLS)
def test_a_system_call_that_it_need_not_make_is_refused(sandboxed: Attacker, name: str) -> None:
    source = PAGE + f"found = system_call(*{REFUSED_CALLS[name]})"
    refusal = "ENOSYS" if name in {"clone3", "io_uring_setup"} else "EPERM"
    if outside(source) == refusal:
        pytest.skip(f"whoever runs this test is refused {name} too")
    assert sandboxed.finds(source) == refusal


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("raw", (2, 3, 1)),
        ("ping", (2, 2, 1)),
        ("packet", (17, 3, 0)),
        ("vsock", (40, 1, 0)),
        ("alg", (38, 5, 0)),
        ("netlink audit", (16, 3, 9)),
        ("netlink generic", (16, 3, 16)),
        ("mptcp", (2, 1, 262)),
    ],
)
def test_sockets_of_other_kinds_can_not_be_made(
    sandboxed: Attacker, name: str, arguments: tuple[int, int, int]
) -> None:
    source = "found = outcome_of(socket.socket, *arguments)"
    if outside(source, arguments=arguments) != "done":
        pytest.skip(f"this machine makes no sockets of the kind {name}")

    assert sandboxed.finds(source, arguments=arguments) in {
        *("EPERM", "EAFNOSUPPORT", "EPROTONOSUPPORT"),
    }


def test_its_network_interfaces_can_not_be_changed(sandboxed: Attacker) -> None:
    # RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK; the answer is an error of the kernel's.
    source = """
made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
made.send(struct.pack("=IHHIIBxHiII", 32, 16, 5, 1, 0, 0, 0, 1, 1, 1))
found = errno.errorcode[-struct.unpack_from("=i", made.recv(4096), 16)[0]]
"""
    assert sandboxed.finds(source) == "EPERM"


def test_programs_of_other_users_give_it_nothing(sandboxed: Attacker) -> None:
    source = """
lines = read("/proc/self/status").splitlines()
status = dict(line.split(":\\t", 1) for line in lines if ":\\t" in line)
mounts = read("/proc/self/mountinfo").splitlines()
su = subprocess.run(["su", "-c", "id -u"], stdin=subprocess.DEVNULL, capture_output=True)
found = {
    "capabilities": {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapAmb")} == {0},
    "no new privileges": status["NoNewPrivs"] == "1",
    "filtered": status["Seccomp"] == "2",
    "become root": [outcome_of(os.setuid, 0), outcome_of(os.setgid, 0)],
    "no such programs": all("nosuid" in line.split()[5] for line in mounts),
    "su": su.stdout.decode(),
}
"""
    found = sandboxed.finds(source)

    assert set(found.pop("become root")) <= {"EPERM", "EINVAL"}
    assert found.pop("su").strip() != "0"
    assert all(found.values()), found


def test_no_device_can_be_made_or_opened(sandboxed: Attacker) -> None:
    source = """
found = [outcome_of(os.mknod, "/tmp/memory", 0o20666, os.makedev(1, 1)),
         sorted(set(os.listdir("/dev")) - set(usual))]
"""
    usual = [
        *("core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin"),
        *("stdout", "tty", "urandom", "zero", "console"),
    ]

    assert sandboxed.finds(source, usual=usual) == ["EPERM", []]


def test_nothing_of_the_launchers_is_open(sandboxed: Attacker) -> None:
    source = """
kinds = []
for name in os.listdir("/proc/self/fd"):
    try:
        kinds.append(os.readlink(f"/proc/self/fd/{name}").partition(":")[0])
    except FileNotFoundError:
        pass  # The folder that was listed.
found = sorted(kinds)
"""
    # Its input, its output twice, a connection to the runtime API.
    usual = ["/dev/null", "pipe", "pipe", "socket"]
    functions = [sandboxed.another(), sandboxed.another()]

    assert [sandboxed.finds(source, by=each) for each in functions] == [usual, usual]


def test_a_core_of_it_is_not_written(sandboxed: Attacker) -> None:
    source = """
child = os.fork()
if child == 0:
    os.chdir("/tmp")
    os.kill(os.getpid(), signal.SIGSEGV)
_, status = os.waitpid(child, 0)
found = [os.WCOREDUMP(status), [name for name in os.listdir("/tmp") if "core" in name]]
"""
    assert sandboxed.finds(source) == [False, []]


@pytest.mark.server
def test_a_function_of_a_server_touches_neither_its_files_nor_its_processes(
    sandboxed: Attacker, tmp_path: Path
) -> None:
    del sandboxed  # Only where there are sandboxes.
    arguments = ("--sandbox", "bubblewrap", "--api-processes", "1")
    with KeyturnServer.start(tmp_path / "data", arguments=arguments) as server:
        variables = server.environment()
        caller = Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
        api = LiveApi(server.endpoint, caller, unique_region())
        pids = [server.process.pid, *server.child_pids().values()]
        files = [str(path) for path in server.data_dir.iterdir()]
        source = """
found = [sorted({seen(path) for path in files}),
         sorted({outcome_of(os.kill, pid, 9) for pid in pids}),
         sorted({outcome_of(socket.socket(socket.AF_UNIX).connect, path) for path in files})]
"""
        event = {"source": source, "given": {"files": files, "pids": pids}}

        found = _invoked(api, event)
        again = _invoked(api, {"source": "found = 1", "given": {}})

        still = {server.process.pid, *server.child_pids().values()}
        api.close()
    assert {"master.key", "keyturn.db", "engine.sock"} <= {Path(file).name for file in files}
    assert found == [["ENOENT"], ["ESRCH"], ["ENOENT"]]
    assert (again, still) == (1, set(pids))


def _invoked(api: LiveApi, event: object) -> object:
    name = unique("attacker")
    trust = allow("sts:AssumeRole") | {"Principal": {"Service": "lambda.amazonaws.com"}}
    del trust["Resource"]
    role = api.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy(trust)))
    api.functions.create_function(
        FunctionName=name,
        Runtime=OWN_PYTHON,  # type: ignore[arg-type]
        Handler="lambda_function.lambda_handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": zipped({"lambda_function.py": ATTACKED})},
        Timeout=30,
    )
    answer = api.functions.invoke(FunctionName=name, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read())
