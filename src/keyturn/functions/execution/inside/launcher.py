"""Starts a function: this file runs inside the function's process, before any of its code.

It is run as a script by a bare interpreter (``-I -S``: no site-packages, no PYTHON* variables)
and knows nothing of Keyturn. It gives the process what Lambda gives, and takes from it what it
needn't have:

* it dies with the engine, so that a killed server leaves no function running;
* what its children leave running is its own, so that it can be found and ended with it;
* it gains no rights from a program that it starts, and leaves no core file, in which a secret
  could be found;
* it has as much memory, and as long files, as ``keyturn.functions.execution.sandbox`` says;
* it sees the function's own modules first, then those that Lambda brings (boto3), then Python's.

Usage: launcher.py PARENT_PID MEMORY_BYTES FILE_BYTES TASK_ROOT RUNTIME_DIR HANDLER
"""

import ctypes
import json
import os
import resource
import runpy
import signal
import site
import sys
from urllib.request import Request, urlopen

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
# AWS: "Lambda quotas", file descriptors of an execution environment.
_OPEN_FILES_MAX = 1024
_ARGUMENTS = 7


def main(arguments: list[str]) -> None:
    """Prepare the process, and become AWS's runtime client."""
    if len(arguments) != _ARGUMENTS:
        sys.exit(__doc__)
    _, parent_pid, memory_bytes, file_bytes, task_root, runtime_dir, handler = arguments
    _die_with(int(parent_pid))
    _adopt_orphans()
    _confine(int(memory_bytes), int(file_bytes))
    _restore_builtins()
    sys.path[:0] = [task_root, runtime_dir]
    os.chdir(task_root)
    _let_address_have_a_path()
    sys.argv = ["awslambdaric", handler]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


def _die_with(parent_pid: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before the kernel was told.
    if os.getppid() != parent_pid:
        sys.exit("the engine is gone")


def _adopt_orphans() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _confine(memory_bytes: int, file_bytes: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    limits = {
        resource.RLIMIT_CORE: 0,
        # Not RLIMIT_AS, which counts what is only mapped: what can be written counts here.
        resource.RLIMIT_DATA: memory_bytes,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_NOFILE: _OPEN_FILES_MAX,
    }
    for kind, wanted in limits.items():
        _, most = resource.getrlimit(kind)
        lowest = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(kind, (lowest, lowest))
    os.umask(0o077)


def _let_address_have_a_path() -> None:
    # The runtime API's address has a secret path. AWS's client takes one but for the call that
    # reports a failed start, which it makes with a connection of its own.
    from awslambdaric import lambda_runtime_client as client  # noqa: PLC0415 - needs sys.path

    address = os.environ["AWS_LAMBDA_RUNTIME_API"]  # noqa: TID251 - this isn't our process

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
        urlopen(request).close()  # noqa: S310 - always http

    client.BaseLambdaRuntimeClient.call_rapid = call_rapid


def _restore_builtins() -> None:
    # What the module site gives interactive and plain programs alike: exit, quit, help.
    site.setquit()
    site.setcopyright()
    site.sethelper()


if __name__ == "__main__":
    main(sys.argv)
