"""What invoking a function gives, and the one door through which it is done."""

from dataclasses import dataclass, field
from typing import Final, Protocol

#: AWS: "Lambda quotas", the payload of a synchronous invocation.
PAYLOAD_BYTES_MAX: Final = 6_291_456


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One finished invocation, whether the function succeeded or not.

    Attributes:
        request_id: names the invocation in the function's log.
        function_error: ``Unhandled`` when the function failed, else None. AWS answers both with
            HTTP 200.
        payload: the function's answer, or the JSON document that describes its error.
        log_tail: the last 4 KiB of what this invocation logged.
        executed_version: ``$LATEST``, or the version that ran.
    """

    request_id: str
    function_error: str | None
    payload: bytes = field(repr=False)
    log_tail: bytes = field(repr=False)
    executed_version: str = "$LATEST"


class Invoker(Protocol):
    """Runs a function to its end and says how it ended."""

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        """Invoke a function synchronously.

        Who may invoke it is decided before: this is not a place where anything is allowed.

        Raises:
            FunctionNotFoundError: there is no such function.
            FunctionUnavailableError: it can't be run here now; the message says why.
            PayloadTooLargeError: the event is longer than ``PAYLOAD_BYTES_MAX``.
        """
        ...
