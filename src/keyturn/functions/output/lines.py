"""What a process prints, cut into the events of a log.

* A line is an event. AWS's runtime client separates the lines of one event, such as a traceback,
  with CR.
* A line longer than ``LINE_BYTES_MAX`` becomes several. An invocation may log
  ``OUTPUT_BYTES_MAX``, each event with what AWS counts beside its text: behind that the log says
  once that it was cut, and what follows is read and dropped, so that the process isn't held up.
* Bytes that are no text are kept in an event as Python's ``surrogateescape`` keeps them, so that a
  value can be found in them; ``as_text`` puts a replacement character in their place.

AWS: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

from collections.abc import Callable
import os
import re
from typing import Final

from keyturn.store.logs import EVENT_OVERHEAD_BYTES

LINE_BYTES_MAX: Final = 65_536
OUTPUT_BYTES_MAX: Final = 1_048_576
CUT: Final = f"[output cut: an invocation may log {OUTPUT_BYTES_MAX} bytes]"
_READ_BYTES: Final = 65_536
#: How much is read at the end of an invocation: what the pipe holds, and no more.
_READS_AT_END: Final = 16
#: Halves of surrogate pairs that ``surrogateescape`` makes of no byte: JSON may hold them.
_HALF_CHARACTERS: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")

WriteLine = Callable[[str], None]


class Output:
    """What a process prints during one invocation, from a pipe that doesn't block.

    Attributes:
        is_closed: whether nobody can write to the pipe any more.
    """

    def __init__(self, descriptor: int, write_line: WriteLine) -> None:
        self.is_closed = False
        self._descriptor = descriptor
        self._write_line = write_line
        self._left_bytes = OUTPUT_BYTES_MAX
        self._partial = b""

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._descriptor

    def read(self) -> bool:
        """Pass on what has been printed; return whether there was anything."""
        try:
            chunk = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return False
        self.is_closed = not chunk
        if self._left_bytes <= 0:
            self._partial = b""
            return not self.is_closed
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        for line in lines:
            self._write(line)
        if len(self._partial) >= LINE_BYTES_MAX:
            self._write(self._partial)
            self._partial = b""
        return not self.is_closed

    def finish(self) -> None:
        """Pass on the rest: what is in the pipe, and a last line that isn't ended."""
        for _ in range(_READS_AT_END):
            if not self.read():
                break
        if self._partial:
            self._write(self._partial)
            self._partial = b""

    def _write(self, line: bytes) -> None:
        for start in range(0, len(line) or 1, LINE_BYTES_MAX):
            self._write_event(line[start : start + LINE_BYTES_MAX])

    def _write_event(self, event: bytes) -> None:
        if self._left_bytes <= 0:
            return
        self._left_bytes -= len(event) + EVENT_OVERHEAD_BYTES
        if self._left_bytes <= 0:
            self._write_line(CUT)
        else:
            text = event.decode(errors="surrogateescape").rstrip("\r").replace("\r", "\n")
            self._write_line(text)


def as_text(event: str) -> str:
    """Return an event, or any other text, as it is stored and shown."""
    whole = _HALF_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", event)
    return whole.encode(errors="surrogateescape").decode(errors="replace")
