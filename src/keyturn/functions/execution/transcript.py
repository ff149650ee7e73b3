"""What one invocation logs: Lambda's own lines, and what the function prints between them.

Neither the log nor its tail holds a secret value that the function has seen
(``keyturn.functions.output.seen_values``). The tail is made at the end, when all are known.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

from collections import deque
from datetime import datetime
import math
import signal
from typing import Final

from keyturn.functions.execution.environment import Died, Ending, TimedOut
from keyturn.functions.output.lines import as_text
from keyturn.functions.output.log_writer import LogWriter
from keyturn.functions.runtimes import Runtime
from keyturn.model.function import Function

TAIL_BYTES_MAX: Final = 4096
#: What the tail is made of: values in it are longer than what replaces them.
_RECENT_CHARACTERS: Final = 4 * TAIL_BYTES_MAX
EXIT_ERROR: Final = "Runtime.ExitError"


class Transcript:
    """The log of one invocation, on its way to the store and to the caller who asks for its tail.

    Attributes:
        request_id: names the invocation.
    """

    def __init__(self, logs: LogWriter, function: Function, stream: str, request_id: str) -> None:
        self.request_id = request_id
        self._logs = logs
        self._function = function
        self._stream = stream
        self._recent: deque[str] = deque()
        self._recent_characters = 0

    def write(self, message: str) -> None:
        """Log one event."""
        self._logs.write(self._function, self._stream, message)
        self._recent.append(message)
        self._recent_characters += len(message) + 1
        while self._recent_characters > len(self._recent[0]) + 1 + _RECENT_CHARACTERS:
            self._recent_characters -= len(self._recent.popleft()) + 1

    def tail(self) -> bytes:
        """Return the end of what was logged."""
        lines = self._logs.redacted(self._function, [*self._recent])
        return "".join(f"{as_text(line)}\n" for line in lines).encode()[-TAIL_BYTES_MAX:]

    def write_init(self, runtime: Runtime) -> None:
        """Log that a process is started."""
        self.write(f"INIT_START Runtime Version: {runtime.kind}:{runtime.version}")

    def write_start(self) -> None:
        """Log that the function gets its event."""
        self.write(f"START RequestId: {self.request_id} Version: {self._function.version}")

    def write_end(self, ending: Ending, now: datetime) -> None:
        """Log that the function is done, and why if it didn't answer."""
        if isinstance(ending, TimedOut):
            moment = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            self.write(f"{moment} {self.request_id} {timed_out_text(ending)}")
        if isinstance(ending, Died):
            text = f"RequestId: {self.request_id} Error: {exited_text(ending)}"
            self.write(f"{text}\n{EXIT_ERROR}")
        self.write(f"END RequestId: {self.request_id}")

    def write_report(
        self, ending: Ending, seconds: float, init_seconds: float | None, peak_mb: int | None
    ) -> None:
        """Log what the invocation took, as its last line."""
        milliseconds = seconds * 1000
        parts = [
            f"REPORT RequestId: {self.request_id}",
            f"Duration: {milliseconds:.2f} ms",
            f"Billed Duration: {math.ceil(milliseconds)} ms",
            f"Memory Size: {self._function.memory_mb} MB",
        ]
        if peak_mb is not None:
            parts.append(f"Max Memory Used: {peak_mb} MB")
        if init_seconds is not None:
            parts.append(f"Init Duration: {init_seconds * 1000:.2f} ms")
        self.write("\t".join(parts + _status(ending)))
        self._logs.end(self._function, self._stream)


def timed_out_text(ending: TimedOut) -> str:
    """Return AWS's words for a function that took too long."""
    return f"Task timed out after {ending.seconds:.2f} seconds"


def exited_text(ending: Died) -> str:
    """Return AWS's words for a process that ended before it answered."""
    if ending.status == 0:
        return "Runtime exited without providing a reason"
    if ending.status > 0:
        return f"Runtime exited with error: exit status {ending.status}"
    name = signal.strsignal(-ending.status) or "unknown"
    return f"Runtime exited with error: signal: {name.lower()}"


def _status(ending: Ending) -> list[str]:
    match ending:
        case TimedOut():
            return ["Status: timeout"]
        case Died():
            return ["Status: error", f"Error Type: {EXIT_ERROR}"]
        case _:
            return []
