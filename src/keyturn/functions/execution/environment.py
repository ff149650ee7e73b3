"""An execution environment: one process of a function, which takes one event at a time.

The rules, which every caller may rely on:

* The process has the variables that it is given and none of ours; no secret is in its arguments.
* It gets an event only while it waits for one: an event that was given is this invocation's.
* An invocation ends when the process answers, when it dies, or when its time is over; a process
  that didn't answer, or couldn't start, takes no other event.
* When an environment is closed, the process is killed with everything that it started.
* What the process prints until it answers belongs to the invocation, within the limits of
  ``keyturn.functions.output.lines``.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
import os
from pathlib import Path
import re
import selectors
import shutil
import time
from typing import Final

from keyturn.functions.execution.processes import Process, Processes
from keyturn.functions.execution.runtime_api import Channel, Event, Outcome, RuntimeApi
from keyturn.functions.execution.sandbox import Confines, command
from keyturn.functions.output.lines import Output, WriteLine

#: AWS: "The Init phase is limited to 10 seconds."
INIT_SECONDS_MAX: Final = 10
_PEAK: Final = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Died:
    """The process ended before it answered; a negative status is the signal that ended it."""

    status: int


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The process didn't answer in time."""

    seconds: float


Ending = Outcome | Died | TimedOut


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
    confines: Confines
    variables: Mapping[str, str] = field(repr=False)


class Environment:
    """One process, and its channel of the runtime API. Used by one thread at a time."""

    def __init__(self, blueprint: Blueprint, api: RuntimeApi, processes: Processes) -> None:
        self.blueprint = blueprint
        self.started_at = time.monotonic()
        self._is_spent = False
        self._api = api
        self._processes = processes
        self._channel = api.open_channel()
        try:
            self._process = _started(blueprint, self._channel, processes)
        except BaseException:
            api.close_channel(self._channel)
            raise
        self._pidfd = os.pidfd_open(self._process.pid)
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        os.set_blocking(self._output, False)

    @property
    def is_usable(self) -> bool:
        """Whether the process can take another event."""
        return not self._is_spent and self._process.poll() is None

    @property
    def peak_memory_mb(self) -> int | None:
        """The most memory that the process had; None when it is gone."""
        with suppress(OSError):
            status = Path(f"/proc/{self._process.pid}/status").read_text()
            found = _PEAK.search(status)
            return None if found is None else -(-int(found[1]) // 1024)
        return None

    def await_ready(self, write_line: WriteLine) -> Ending | None:
        """Wait until the process asks for an event; return None, or why it never will."""
        output = Output(self._output, write_line)
        ending = self._until(lambda: self._channel.is_waiting, INIT_SECONDS_MAX, output)
        self._is_spent = ending is not None
        output.finish()
        return ending

    def invoke(self, event: Event, seconds: float, write_line: WriteLine) -> Ending:
        """Have the process, which is ready, work on ``event`` for at most ``seconds``."""
        output = Output(self._output, write_line)
        self._channel.give(event)
        ending = self._until(lambda: False, seconds, output)
        assert ending is not None
        self._is_spent = isinstance(ending, Died | TimedOut)
        output.finish()
        return ending

    def close(self) -> None:
        """Kill the process with everything that it started, and free what belongs to it."""
        self._processes.end(self._process)
        self._api.close_channel(self._channel)
        os.close(self._pidfd)
        assert self._process.stdout is not None
        self._process.stdout.close()
        shutil.rmtree(self.blueprint.temporary, ignore_errors=True)

    def _until(
        self, is_reached: Callable[[], bool], seconds: float, output: Output
    ) -> Ending | None:
        """Return how the process ended or answered; None once ``is_reached``."""
        deadline = time.monotonic() + seconds
        while (outcome := self._channel.outcome()) is None:
            if is_reached():
                return None
            left = deadline - time.monotonic()
            if left <= 0:
                return TimedOut(seconds)
            if self._has_died(left, output):
                return self._channel.outcome() or Died(self._process.wait())
        return outcome

    def _has_died(self, seconds: float, output: Output) -> bool:
        """Wait until something happens, pass on what was printed, and say whether it died."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(self._pidfd, selectors.EVENT_READ)
            if not output.is_closed:
                selector.register(output, selectors.EVENT_READ)
            ready = {key.fd for key, _ in selector.select(seconds)}
        if self._channel.fileno() in ready:
            self._channel.clear()
        if output.fileno() in ready:
            output.read()
        return self._pidfd in ready


def _started(blueprint: Blueprint, channel: Channel, processes: Processes) -> Process:
    arguments = command(
        blueprint.interpreter,
        blueprint.task_root,
        blueprint.runtime_dir,
        blueprint.handler,
        blueprint.confines,
    )
    variables = {**blueprint.variables, "AWS_LAMBDA_RUNTIME_API": channel.address}
    return processes.start(arguments, variables)
