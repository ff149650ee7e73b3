"""An execution environment: a function in a sandbox, which takes one event at a time.

The rules, which every caller may rely on:

* The process has the variables that it is given and none of ours; no secret is in its arguments.
* It gets an event only while it waits for one: an event that was given is this invocation's.
* An invocation ends when the process answers, when it dies, or when its time is over; a process
  that didn't answer, or couldn't start, takes no other event.
* A process that takes too much memory, with all that it started, is killed.
* When an environment is closed, the process is killed with everything that it started.
* What the process prints until it answers belongs to the invocation, within the limits of
  ``keyturn.functions.output.lines``.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
import os
import selectors
import socket
import time
from typing import Final

from keyturn.functions.execution import memory
from keyturn.functions.execution.assignment import Assignment, encoded
from keyturn.functions.execution.processes import descendants_of, is_there
from keyturn.functions.execution.runtime_api import Event, Outcome, RuntimeApi
from keyturn.functions.execution.sandbox import Interior, Places
from keyturn.functions.execution.sandboxes import Sandboxes
from keyturn.functions.output.lines import Output, WriteLine

#: AWS: "The Init phase is limited to 10 seconds."
INIT_SECONDS_MAX: Final = 10
#: What a shell, and so bubblewrap, adds to the number of the signal that ended a process.
_SIGNALLED: Final = 128
_KILLED: Final = -9
_LOOKING_SHARE: Final = 20
_READY_BYTES: Final = 16


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
    """What an environment is made from.

    Attributes:
        label: what the function is called where it is refused something.
        log_stream: where its output goes.
        variables_at: its variables, by where its sandbox shows it things.
    """

    interior: Interior
    label: str
    handler: str
    memory_mb: int
    log_stream: str
    variables_at: Callable[[Places], Mapping[str, str]] = field(repr=False)


class Environment:
    """One process, and its channel of the runtime API. Used by one thread at a time."""

    def __init__(self, blueprint: Blueprint, api: RuntimeApi, sandboxes: Sandboxes) -> None:
        """Start it.

        Raises:
            OSError: it can't be started on this machine.
        """
        self.blueprint = blueprint
        self.started_at = time.monotonic()
        self._is_spent = False
        self._sandboxes = sandboxes
        self._is_taken_up = False
        self._own_processes: tuple[int, ...] = ()
        self._frozen: set[int] = set()
        # Freed in turn from the last, each whatever becomes of the others.
        with ExitStack() as taken:
            self._channel = api.open_channel()
            taken.callback(api.close_channel, self._channel)
            self._sandbox = sandboxes.take(blueprint.interior)
            taken.callback(sandboxes.end, self._sandbox)
            self._process = self._sandbox.process
            self._pidfd = os.pidfd_open(self._process.pid)
            taken.callback(os.close, self._pidfd)
            assert self._process.stdout is not None
            self._output = self._process.stdout.fileno()
            os.set_blocking(self._output, False)
            self._assign()
            self._taken = taken.pop_all()

    @property
    def is_usable(self) -> bool:
        """Whether the process can take another event."""
        if self._is_spent or self._process.poll() is not None:
            return False
        # What was killed while all were stopped: its parent, stopped too, can't have noticed.
        return all(map(is_there, self._frozen.union(self._own_processes)))

    @property
    def peak_memory_mb(self) -> int | None:
        """The most memory that the process had; None when it is gone."""
        return memory.peak_mb(self._own_processes)

    @property
    def has_too_much(self) -> bool:
        """Whether its processes have more memory than they may."""
        return memory.has_too_much(self._process.pid, self.blueprint.memory_mb)

    def freeze(self) -> None:
        """Stop everything in it, until it is thawed.

        Raises:
            OSError: not everything could be stopped in time, or looked at.
        """
        self._frozen = self._sandboxes.processes.freeze(self._process)

    def thaw(self) -> None:
        """Let everything in it go on."""
        self._frozen = set()
        self._sandboxes.processes.thaw(self._process)

    def await_ready(self, write_line: WriteLine) -> Ending | None:
        """Wait until the process asks for an event; return None, or why it never will."""
        output = Output(self._output, write_line)
        ending = self._until(lambda: self._channel.is_waiting, INIT_SECONDS_MAX, output)
        self._is_spent = ending is not None
        output.finish()
        if not self._own_processes:
            # Its sandbox's and its own, before it starts any: asked once, since asking takes long.
            pid = self._process.pid
            self._own_processes = (pid, *descendants_of(pid))
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
        self._taken.close()

    def _assign(self) -> None:
        blueprint, places = self.blueprint, self._sandbox.places
        assignment = Assignment(
            handler=blueprint.handler,
            memory_mb=blueprint.memory_mb,
            processes_max=self._sandboxes.isolation.processes_max,
            system_calls=self._sandboxes.system_calls,
            variables={
                **blueprint.variables_at(places),
                "AWS_LAMBDA_RUNTIME_API": self._channel.address,
            },
        )
        # One that died already is found when it is waited for.
        with suppress(ConnectionError):
            self._sandbox.control.send(encoded(assignment, blueprint.interior, places))

    def _until(
        self, is_reached: Callable[[], bool], seconds: float, output: Output
    ) -> Ending | None:
        """Return how the process ended or answered; None once ``is_reached``."""
        deadline = time.monotonic() + seconds
        look_at = time.monotonic() + memory.EVERY_SECONDS
        while (outcome := self._channel.outcome()) is None:
            if is_reached():
                return None
            now = time.monotonic()
            if now >= deadline:
                return TimedOut(seconds)
            if now >= look_at:
                if self.has_too_much:
                    return Died(_KILLED)
                # What looks for long, among many processes, looks seldom: others have a turn.
                took = time.monotonic() - now
                look_at = now + max(memory.EVERY_SECONDS, _LOOKING_SHARE * took)
            if self._has_died(min(deadline, look_at) - now, output):
                return self._channel.outcome() or Died(_status(self._process.wait()))
        return outcome

    def _has_died(self, seconds: float, output: Output) -> bool:
        """Wait until something happens, pass on what was printed, and say whether it died."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(self._pidfd, selectors.EVENT_READ)
            if not output.is_closed:
                selector.register(output, selectors.EVENT_READ)
            if not self._is_taken_up:
                selector.register(self._sandbox.control, selectors.EVENT_READ)
            ready = {key.fd for key, _ in selector.select(max(seconds, 0))}
        if self._channel.fileno() in ready:
            self._channel.clear()
        if output.fileno() in ready:
            output.read()
        if self._sandbox.control.fileno() in ready:
            self._take_up()
        return self._pidfd in ready

    def _take_up(self) -> None:
        """Take what the launcher sends when the sandbox has become the function's."""
        self._is_taken_up = True
        with suppress(ConnectionError):
            _, listeners, _, _ = socket.recv_fds(self._sandbox.control, _READY_BYTES, 1)
            for listener in listeners:
                self._sandboxes.answer(listener, self.blueprint.label)


def _status(code: int) -> int:
    return _SIGNALLED - code if code > _SIGNALLED else code
