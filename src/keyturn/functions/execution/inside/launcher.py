"""Makes a sandbox a function's: this file runs inside, before any of the function's code.

It is run as a script by a bare interpreter (``-S -s``: no site-packages), of any version that a
function may ask for, and knows nothing of Keyturn. Read it downwards:

    shed      become a user of its own, if it is root's to choose; gain no rights from here on
    preload   if it is to wait: import what most functions need, so that they needn't
    wait      until the engine says which function this is, over a socket that is then closed
    confine   limits of memory, processes and files; system calls that a function needn't make
    fork      where it is a sandbox's first process: that one stays, and reaps
    become    the runtime client of Python, or the program of another runtime

Until then nothing is read that a function has a say in. What a new Python reads of its variables
(PYTHONPATH, LD_PRELOAD) one reads that is started anew for it, where it can't do more than the
function itself: launcher.py HANDLER_AND_PATH.

Usage: launcher.py CONTROL_FD PARENT_PID USER_ID PRELOADS
PARENT_PID, 0 for nobody, is the process with which this one dies. USER_ID 0 is nobody else.
PRELOADS is 0 or 1.
"""

import base64
import ctypes
import importlib
import json
import os
import resource
import runpy
import signal
import site
import socket
import struct
import sys
import time
from typing import Any, Final, NoReturn
from urllib.request import Request, urlopen

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_SET_MODE_FILTER: Final = 1
_SECCOMP_FILTER_FLAG_NEW_LISTENER: Final = 1 << 3
_SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: Final = 1 << 5
_SYS_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
_INSTRUCTION_BYTES: Final = 8
_MESSAGE_BYTES_MAX: Final = 1 << 20
_ARGUMENTS: Final = 5
_ARGUMENTS_ANEW: Final = 2
# How AWS's client talks to the runtime API: in front of its own, which is for one Python.
_BESIDE_US: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python")
_PRELOADED: Final = (
    "awslambdaric.bootstrap",
    "boto3.session",
    "botocore.client",
    "botocore.httpsession",
    "http.client",
)
_READY: Final = b"ready"
_SIGNALLED: Final = 128
# Of -1000 to 1000: when the machine is out of memory, functions go before the server.
_ENDED_BEFORE_OTHERS: Final = "500"
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> None:
    """Prepare the process, and become the function's."""
    if len(arguments) == _ARGUMENTS_ANEW:
        _run_python(*json.loads(arguments[1]))
    if len(arguments) != _ARGUMENTS:
        sys.exit(__doc__)
    control_fd, parent_pid, user_id, preloads = map(int, arguments[1:])
    _shed(parent_pid, user_id)
    if preloads:
        _preload()
    control = socket.socket(fileno=control_fd)
    assignment = json.loads(control.recv(_MESSAGE_BYTES_MAX) or "null")
    if assignment is None:
        # The engine doesn't need this sandbox any more.
        sys.exit()
    _confine(assignment["limits"])
    _take_variables(assignment["variables"])
    os.chdir(assignment["task_root"])
    _filter_system_calls(assignment["filter"], control)
    control.close()
    if os.getpid() == 1:
        _stand_before()
    if assignment["program"] is not None:
        _run_program(**assignment["program"])
    what = [assignment["handler"], assignment["function_path"]]
    if assignment["starts_anew"]:
        command = [sys.executable, "-S", "-s", os.path.abspath(__file__), json.dumps(what)]
        os.execve(sys.executable, command, os.environ)
    _run_python(*what)


def _shed(parent_pid: int, user_id: int) -> None:
    if user_id:
        os.setgroups([])
        os.setresgid(user_id, user_id, user_id)
        os.setresuid(user_id, user_id, user_id)
        # Or /proc/self would be root's.
        _prctl(_PR_SET_DUMPABLE, 1)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    # Again, since it is forgotten when a process becomes another user.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.umask(0o077)
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write(_ENDED_BEFORE_OTHERS)
    if parent_pid:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        # The parent may have died before the kernel was told.
        if os.getppid() != parent_pid:
            sys.exit("the engine is gone")


def _preload() -> None:
    own_path = list(sys.path)
    sys.path[:0] = [_BESIDE_US, os.environ["LAMBDA_RUNTIME_DIR"]]
    for name in _PRELOADED:
        importlib.import_module(name)
    # What is found from now on is the function's own, before what Lambda brings.
    sys.path[:] = own_path


def _confine(limits: dict[str, Any]) -> None:
    wanted = {
        resource.RLIMIT_CORE: 0,
        # Not RLIMIT_AS, which counts what is only mapped: what can be written counts here.
        resource.RLIMIT_DATA: limits["memory_bytes"],
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NOFILE: limits["open_files"],
    }
    if limits["processes"] is not None:
        wanted[resource.RLIMIT_NPROC] = limits["processes"]
    for kind, most in wanted.items():
        _, hard = resource.getrlimit(kind)
        lowest = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (lowest, lowest))


def _take_variables(variables: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()


def _filter_system_calls(wanted: dict[str, Any] | None, control: socket.socket) -> None:
    """Install the filter, and send the engine what it needs to answer calls handed to it."""
    listener = None
    if wanted is not None:
        listener = _install(base64.b64decode(wanted["program"]), hands_over=wanted["hands_over"])
    if not listener:
        control.send(_READY)
        return
    socket.send_fds(control, [_READY], [listener])
    os.close(listener)


def _install(program: bytes, *, hands_over: bool) -> int:
    # seccomp(2), struct sock_fprog: a count, padding, and where the instructions are.
    instructions = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(program) // _INSTRUCTION_BYTES, ctypes.addressof(instructions))
    )
    number = _SYS_SECCOMP[os.uname().machine]
    # A call that is handed over waits through signals, but one that kills.
    handing = _SECCOMP_FILTER_FLAG_NEW_LISTENER | _SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
    flags = handing if hands_over else 0
    listener = _LIBC.syscall(number, _SECCOMP_SET_MODE_FILTER, flags, header)
    if listener < 0:
        raise OSError(ctypes.get_errno(), "the filter of system calls can't be installed")
    return int(listener)


def _stand_before() -> None:
    """Return in a process of the function's; stay here as the one with which all others end.

    A sandbox's first process (pid_namespaces(7)) is confined like the function, which can neither
    signal it nor, since it isn't dumpable, look into it or write to its memory.
    """
    _prctl(_PR_SET_DUMPABLE, 0)
    function = os.fork()
    if not function:
        _prctl(_PR_SET_DUMPABLE, 1)
        return
    while True:
        pid, status = os.wait()
        if pid == function:
            code = os.waitstatus_to_exitcode(status)
            # As a shell says that a signal ended it.
            os._exit(_SIGNALLED - code if code < 0 else code)


def _run_python(handler: str, function_path: list[str]) -> NoReturn:
    for builtin in (site.setquit, site.setcopyright, site.sethelper):
        # What the module site gives interactive and plain programs alike: exit, quit, help.
        builtin()
    sys.path[0:1] = [*function_path, _BESIDE_US, os.environ["LAMBDA_RUNTIME_DIR"]]
    _let_address_have_a_path()
    sys.argv = ["awslambdaric", handler]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
    # It runs until it is killed.
    sys.exit()


def _run_program(candidates: list[str], arguments: list[str]) -> NoReturn:
    program = next(filter(os.path.isfile, candidates), None)
    if program is None:
        # AWS's words, these and the others.
        reason = f"Couldn't find valid bootstrap(s): [{' '.join(candidates)}]"
    else:
        for number in signal.valid_signals():
            # By Python, or by whoever started the server; a program would inherit that.
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        try:
            os.execve(program, [program, *arguments], os.environ)
        except OSError as error:
            reason = f"fork/exec {program}: {str(error.strerror).lower()}"
    os.write(sys.stdout.fileno(), f"{reason}\n".encode())
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    document = {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": reason}
    url = f"http://{address}/2018-06-01/runtime/init/error"
    urlopen(Request(url, json.dumps(document).encode(), method="POST")).close()
    sys.exit(1)


def _let_address_have_a_path() -> None:
    # The runtime API's address has a secret path. AWS's client takes one but for the call that
    # reports a failed start, which it makes with a connection of its own.
    from awslambdaric import lambda_runtime_client as client

    address = os.environ["AWS_LAMBDA_RUNTIME_API"]

    def call_rapid(
        self: object,
        http_method: str,
        endpoint: str,
        expected_http_code: int,
        payload: object = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        del self, expected_http_code
        url = f"http://{address}{endpoint}"
        body = json.dumps(payload).encode()
        request = Request(url, body, headers or {}, method=http_method)
        urlopen(request).close()

    client.BaseLambdaRuntimeClient.call_rapid = call_rapid


def _prctl(option: int, value: int) -> None:
    _LIBC.prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(sys.argv)
