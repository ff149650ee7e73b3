"""An execution environment: one process of a function, which takes one event at a time.

The rules, which every caller may rely on:

* The process has the variables that it is given and none of ours; no secret is in its arguments.
* An invocation ends when the process answers, when it dies, or when its time is over; then the
  process is killed with everything that it started.
* What the process prints until it answers belongs to the invocation, line by line, within limits.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
import os
from pathlib import Path
import select
import selectors
import shutil
import signal
import subprocess
import time
from typing import Final

from keyturn.functions import launcher
from keyturn.functions.runtime_api import Event, Outcome, RuntimeApi

INIT_SECONDS_MAX: Final = 10
LINE_BYTES_MAX: Final = 65_536
OUTPUT_BYTES_MAX: Final = 1_048_576
_READ_BYTES: Final = 65_536
_CUT: Final = b"[output cut: an invocation may log 1048576 bytes]"


@dataclass(frozen=True, slots=True)
class Died:
    """The process ended before it answered."""

    status: int


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The process didn't answer in time, and was killed."""


Ending = Outcome | Died | TimedOut
WriteLine = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """What a process is started from.

    Attributes:
        temporary: a folder that the process may write to; it goes with the process.
        log_stream: where its output goes.
    """

    interpreter: str
    task_root: Path
    runtime_dir: Path
    temporary: Path
    handler: str
    log_stream: str
    variables: Mapping[str, str] = field(repr=False)


class Environment:
    """One process and the runtime API that it talks to. Used by one thread at a time."""

    def __init__(self, blueprint: Blueprint) -> None:
        self.blueprint = blueprint
        self._outcomes: deque[Outcome] = deque()
        self._signal = os.eventfd(0, os.EFD_CLOEXEC)
        self._is_ready = False
        self._api = RuntimeApi(on_outcome=self._note_outcome, on_ready=self._note_ready)
        self._process = self._start(blueprint)
        self._pidfd = os.pidfd_open(self._process.pid)
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        os.set_blocking(self._output, False)

    @property
    def is_alive(self) -> bool:
        """Whether the process can take another event."""
        return self._process.poll() is None

    def invoke(self, event: Event, seconds: float, write_line: WriteLine) -> Ending:
        """Have the process work on ``event``, for at most ``seconds`` once it is ready."""
        output = _Output(self._output, write_line)
        ending = self._until(lambda: self._is_ready, INIT_SECONDS_MAX, output)
        if ending is None:
            self._api.send(event)
            ending = self._until(lambda: False, seconds, output)
        assert ending is not None
        if isinstance(ending, TimedOut):
            self._kill()
        output.finish()
        return ending

    def close(self) -> None:
        """Kill the process with everything it started, and free what belongs to it."""
        self._kill()
        self._api.close()
        os.close(self._pidfd)
        os.close(self._signal)
        assert self._process.stdout is not None
        self._process.stdout.close()
        shutil.rmtree(self.blueprint.temporary, ignore_errors=True)

    def _start(self, blueprint: Blueprint) -> "subprocess.Popen[bytes]":
        arguments = (
            *(blueprint.interpreter, "-I", "-S", launcher.__file__),
            *(str(os.getpid()), str(blueprint.task_root), str(blueprint.runtime_dir)),
            blueprint.handler,
        )
        return subprocess.Popen(  # noqa: S603 - the interpreter and the launcher are ours
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**blueprint.variables, "AWS_LAMBDA_RUNTIME_API": self._api.address},
            close_fds=True,
            start_new_session=True,
        )

    def _until(
        self, is_reached: Callable[[], bool], seconds: float, output: "_Output"
    ) -> Ending | None:
        """Return how the process ended or answered; None once ``is_reached``."""
        deadline = time.monotonic() + seconds
        while not self._outcomes:
            if is_reached():
                return None
            left = deadline - time.monotonic()
            if left <= 0:
                return TimedOut()
            if self._has_died(left, output) and not self._outcomes:
                return Died(self._process.wait())
        return self._outcomes.popleft()

    def _has_died(self, seconds: float, output: "_Output") -> bool:
        """Wait until something happens, pass on what was printed, and say whether it died."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._signal, selectors.EVENT_READ)
            selector.register(self._pidfd, selectors.EVENT_READ)
            if not output.is_closed:
                selector.register(self._output, selectors.EVENT_READ)
            ready = {key.fd for key, _ in selector.select(seconds)}
        if self._signal in ready:
            os.eventfd_read(self._signal)
        if self._output in ready:
            output.read()
        return self._pidfd in ready

    def _note_outcome(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        os.eventfd_write(self._signal, 1)

    def _note_ready(self) -> None:
        if not self._is_ready:
            self._is_ready = True
            os.eventfd_write(self._signal, 1)

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class _Output:
    """What the process prints during one invocation: whole lines, up to a limit."""

    def __init__(self, descriptor: int, write_line: WriteLine) -> None:
        self.is_closed = False
        self._descriptor = descriptor
        self._write_line = write_line
        self._left_bytes = OUTPUT_BYTES_MAX
        self._partial = b""

    def read(self) -> None:
        """Pass on what has been printed so far."""
        try:
            chunk = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        self.is_closed = not chunk
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        for line in lines:
            self._write(line)
        if len(self._partial) > LINE_BYTES_MAX:
            self._write(self._partial)
            self._partial = b""

    def finish(self) -> None:
        """Pass on the rest: what is in the pipe now, and a last line that isn't ended."""
        # Bounded: a process that prints without end is read no further than the limit.
        while not self.is_closed and self._left_bytes > 0 and self._is_readable():
            self.read()
        if self._partial:
            self._write(self._partial)

    def _is_readable(self) -> bool:
        return bool(select.select([self._descriptor], [], [], 0)[0])

    def _write(self, line: bytes) -> None:
        if self._left_bytes <= 0:
            return
        self._left_bytes -= len(line) + 1
        text = line[:LINE_BYTES_MAX] if self._left_bytes > 0 else _CUT
        # AWS's runtime client separates the lines of one event, as of a traceback, with CR.
        self._write_line(text.decode(errors="replace").rstrip("\r").replace("\r", "\n"))
