"""A sandbox by bubblewrap: a function sees what it is given, and nothing else of this machine.

It has namespaces of its own (mounts, processes, network, IPC, host name, control groups; users too
where this server isn't root), a root that it can't write to, and AWS's places in it. Where the
server is root, each sandbox runs as a user of its own, whom nobody else is.

* What it sees of the host: /usr, the interpreter, certificates; nothing else.
* Where it can write: /tmp, in memory, as much as its storage. Not even /dev/shm, as on AWS.
* Its network namespace has no way out; see ``keyturn.functions.execution.connector``.
* It dies with this engine, whole.

bubblewrap: https://github.com/containers/bubblewrap, bwrap(1)
AWS: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

from collections.abc import Iterator
from contextlib import ExitStack
import errno
from functools import partial
import os
from pathlib import Path
import secrets
import threading
from typing import Final

from keyturn.functions.execution.etc import Etc
from keyturn.functions.execution.processes import Processes
from keyturn.functions.execution.runtime_dir import RuntimeDirs
from keyturn.functions.execution.sandbox import (
    INSIDE,
    LAUNCHER,
    PROCESSES_MAX,
    Interior,
    Places,
    Sandbox,
    control_pair,
    launch_command,
    launch_variables,
    launcher_interpreter,
)

# AWS's place for what starts a runtime.
_RAPID: Final = Path("/var/rapid")
PLACES: Final = Places(
    task=Path("/var/task"),
    layers=Path("/opt"),
    runtime=Path("/var/runtime"),
    launcher=_RAPID / LAUNCHER,
    temporary=Path("/tmp"),  # noqa: S108 - the sandbox's own
)
# AWS: what `id` says in a function.
USER_ID: Final = 993
GROUP_ID: Final = 990
#: Users that systemd and Debian leave unused, one for each sandbox of a server that is root:
#: https://systemd.io/UIDS-GIDS
ROOTS_USER_IDS: Final = range(60_800, 61_056)
_MB: Final = 1 << 20
# With a merged /usr these are links into it; without, folders beside it.
_BESIDE_USR: Final = ("bin", "lib", "lib32", "lib64", "sbin")


class Bubblewrap:
    """Starts sandboxes by ``bwrap``."""

    is_complete: Final = True
    processes_max: Final = PROCESSES_MAX

    def __init__(
        self, program: str, processes: Processes, runtime_dirs: RuntimeDirs, etc: Etc
    ) -> None:
        self._program = program
        self._processes = processes
        self._runtime_dirs = runtime_dirs
        self._etc = etc
        self._users = _Users() if os.geteuid() == 0 else None

    def start(self, interior: Interior) -> Sandbox:
        """Start a sandbox; see ``keyturn.functions.execution.sandbox.Isolation``."""
        with ExitStack() as taken:
            user_id = 0 if self._users is None else self._users.take()
            free = partial(self._give_back, user_id)
            taken.callback(free)
            ours, theirs = control_pair()
            taken.callback(ours.close)
            with theirs:
                control = theirs.fileno()
                process = self._processes.start(
                    [
                        *self._wrapping(interior, user_id),
                        *launch_command(interior, PLACES, control, parent_pid=0, user_id=user_id),
                    ],
                    launch_variables(PLACES),
                    pass_fds=(control,),
                )
            # They are the sandbox's now.
            taken.pop_all()
        return Sandbox(process=process, control=ours, places=PLACES, free=free)

    def _wrapping(self, interior: Interior, user_id: int) -> Iterator[str]:
        yield self._program
        yield from _namespaces(user_id)
        yield from _system(self._etc)
        yield from _function(interior)
        # Last: an interpreter that lies in /tmp is shown in the function's own.
        yield from self._runtime(interior)
        yield from ("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--")

    def _runtime(self, interior: Interior) -> Iterator[str]:
        for program in {launcher_interpreter(interior.runtime), interior.runtime.interpreter}:
            if program is not None and not program.is_relative_to("/usr"):
                yield from _prefix(program.parent.parent)
        yield from _shown(INSIDE, _RAPID)
        yield from ("--dir", str(PLACES.runtime))
        for name, path in self._runtime_dirs.parts(interior.runtime):
            yield from _shown(path, PLACES.runtime / name)

    def _give_back(self, user_id: int) -> None:
        if self._users is not None:
            self._users.give_back(user_id)


class _Users:
    """The users that no sandbox is at the moment."""

    def __init__(self) -> None:
        # In no order: another engine of this machine hands out the same.
        self._free = secrets.SystemRandom().sample(ROOTS_USER_IDS, len(ROOTS_USER_IDS))
        self._lock = threading.Lock()

    def take(self) -> int:
        with self._lock:
            if not self._free:
                raise OSError(errno.EAGAIN, "every user that a sandbox can be is one")
            return self._free.pop()

    def give_back(self, user_id: int) -> None:
        with self._lock:
            self._free.append(user_id)


def _namespaces(user_id: int) -> Iterator[str]:
    yield from ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts")
    yield from ("--unshare-cgroup-try", "--hostname", "lambda", "--die-with-parent")
    yield "--new-session"
    if user_id:
        # To become that user, and nothing else; they are gone when it has.
        yield from ("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
    else:
        yield from ("--unshare-user", "--disable-userns")
        # Bubblewrap's own first process would be the function's user, and not confined.
        yield "--as-pid-1"
        yield from ("--uid", str(USER_ID), "--gid", str(GROUP_ID))


def _system(etc: Etc) -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev")
    yield from ("--ro-bind", "/proc/sys", "/proc/sys")
    for name in _BESIDE_USR:
        folder = Path("/", name)
        if folder.is_symlink():
            yield from ("--symlink", f"usr/{name}", f"/{name}")
        elif folder.is_dir():
            yield from ("--ro-bind", f"/{name}", f"/{name}")
    yield from ("--ro-bind", str(etc.folder()), "/etc")
    for path in etc.bound:
        yield from ("--ro-bind", str(path), str(path))


def _function(interior: Interior) -> Iterator[str]:
    yield from _shown(interior.task, PLACES.task)
    # Not the folder itself: an interpreter may lie in another part of /opt.
    yield from ("--dir", str(PLACES.layers))
    for part in [] if interior.layers is None else interior.layers.iterdir():
        yield from ("--ro-bind", str(part), str(PLACES.layers / part.name))
    yield from ("--perms", "1777", "--size", str(interior.storage_mb * _MB))
    yield from ("--tmpfs", str(PLACES.temporary))


def _prefix(prefix: Path) -> Iterator[str]:
    """Yield what shows an interpreter with its libraries, and nothing else that is there."""
    # It may lie in a home directory.
    for part in (prefix / name for name in ("bin", "lib", "lib64")):
        if part.is_dir() and not part.is_symlink():
            yield from _shown(part, part)
        elif part.is_symlink():
            yield from ("--symlink", str(part.readlink()), str(part))


def _shown(path: Path, place: Path) -> Iterator[str]:
    """Yield what shows a folder of the host, in folders that are open to all."""
    # Those that bubblewrap makes by itself on the way are root's alone.
    for above in reversed(place.parents[:-1]):
        yield from ("--dir", str(above))
    yield from ("--ro-bind", str(path), str(place))
