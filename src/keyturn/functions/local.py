"""Invoke a function on this machine: find it, have it run, and say how it ended in AWS's words.

AWS: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from collections.abc import Callable
from dataclasses import dataclass
import json
import math
from pathlib import Path
import secrets
import time
from typing import Final

from keyturn.functions import package, runtime_dir, variables
from keyturn.functions.environment import Blueprint, Died, Ending, TimedOut
from keyturn.functions.invocation import Invocation
from keyturn.functions.log_writer import LogWriter
from keyturn.functions.permission import unqualified
from keyturn.functions.pool import Pool, Slot
from keyturn.functions.refusals import (
    FunctionNotFoundError,
    FunctionUnavailableError,
    PayloadTooLargeError,
)
from keyturn.functions.runtime_api import RESPONSE_BYTES_MAX, Answered, Event, Raised, TooLarge
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import Clock, to_epoch_ms
from keyturn.model.errors import NotAllowedError
from keyturn.model.function import Function
from keyturn.model.ids import new_uuid
from keyturn.store import functions as rows
from keyturn.store.database import Database

PAYLOAD_BYTES_MAX: Final = 6_291_456
LOG_TAIL_BYTES_MAX: Final = 4096

IssueSession = Callable[[str, str], variables.SessionKeys]
"""Returns a session of a role (ARN) that trusts Lambda, under a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where functions live on this machine.

    Attributes:
        endpoint: our URL.
        runtime: the modules that Lambda brings.
        code: where packages are unpacked.
        temporary: where each environment gets a folder to write to.
    """

    endpoint: str
    runtime: Path
    code: Path
    temporary: Path


class LocalInvoker:
    """Runs functions as processes of this one."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        clock: Clock,
        logs: LogWriter,
        issue_session: IssueSession,
        place: Place,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._logs = logs
        self._issue_session = issue_session
        self._place = place
        self.pool = Pool()

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        """Invoke a function; see ``keyturn.functions.invocation.Invoker``."""
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise PayloadTooLargeError
        function = self._function(function_arn)
        key = f"{function.arn} {function.revision_id}"
        with self.pool.environment(key, lambda: self._blueprint(function)) as slot:
            return self._run(function, slot, payload)

    def _function(self, function_arn: str) -> Function:
        arn = unqualified(function_arn)
        with self._database.read() as connection:
            function = rows.find_by_arn(connection, arn)
        if function is None:
            raise FunctionNotFoundError(function_arn)
        return function

    def _run(self, function: Function, slot: Slot, payload: bytes) -> Invocation:
        request_id = new_uuid()
        transcript = Transcript(self._logs, function, slot.environment.blueprint.log_stream)
        transcript.write(f"START RequestId: {request_id} Version: $LATEST")
        event = Event(
            request_id=request_id,
            function_arn=function.arn,
            deadline_ms=to_epoch_ms(self._clock.now()) + function.timeout_seconds * 1000,
            payload=payload,
        )
        began = time.monotonic()
        ending = slot.environment.invoke(event, function.timeout_seconds, transcript.write)
        milliseconds = (time.monotonic() - began) * 1000
        slot.is_spent = not isinstance(ending, Answered | Raised | TooLarge)
        error, answer = _answer(ending, request_id, function.timeout_seconds)
        if isinstance(ending, TimedOut):
            transcript.write(f"{self._moment()} {request_id} {_timed_out(function)}")
        transcript.write(f"END RequestId: {request_id}")
        transcript.write(_report(function, request_id, milliseconds))
        return Invocation(
            request_id=request_id,
            function_error=error,
            payload=answer,
            log_tail=transcript.tail(),
        )

    def _blueprint(self, function: Function) -> Blueprint:
        session = self._session(function)
        folders = (self._code(function), self._place.runtime, self._temporary())
        stream = f"{self._clock.now():%Y/%m/%d}/[$LATEST]{secrets.token_hex(16)}"
        return Blueprint(
            interpreter=runtime_dir.interpreter(),
            task_root=folders[0],
            runtime_dir=folders[1],
            temporary=folders[2],
            handler=function.handler,
            log_stream=stream,
            variables=variables.of_process(
                function,
                variables.unseal(self._keyring, function),
                session,
                endpoint=self._place.endpoint,
                log_stream=stream,
                folders=folders,
            ),
        )

    def _session(self, function: Function) -> variables.SessionKeys:
        try:
            return self._issue_session(function.role_arn, _session_name(function.name))
        except NotAllowedError as error:
            raise FunctionUnavailableError(
                f"The role {function.role_arn} can't be assumed by Lambda: it is gone, or its "
                "trust policy doesn't name lambda.amazonaws.com."
            ) from error

    def _code(self, function: Function) -> Path:
        folder = self._place.code / function.code_sha256
        if not folder.is_dir():
            with self._database.read() as connection:
                zipped = rows.read_code(connection, function.code_sha256)
            if zipped is None:
                raise FunctionNotFoundError(function.arn)
            package.unpack(zipped, folder)
        return folder

    def _temporary(self) -> Path:
        folder = self._place.temporary / secrets.token_hex(8)
        folder.mkdir(mode=0o700, parents=True)
        return folder

    def _moment(self) -> str:
        return self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Transcript:
    """What one invocation logs, on its way to the log and to the caller who asks for its tail."""

    def __init__(self, logs: LogWriter, function: Function, stream: str) -> None:
        self._logs = logs
        self._function = function
        self._stream = stream
        self._tail = b""

    def write(self, message: str) -> None:
        """Log one event."""
        self._logs.write(self._function, self._stream, message)
        self._tail = (self._tail + message.encode() + b"\n")[-LOG_TAIL_BYTES_MAX:]

    def tail(self) -> bytes:
        """Return the end of what was logged."""
        return self._tail


def _answer(ending: Ending, request_id: str, timeout_seconds: int) -> tuple[str | None, bytes]:
    match ending:
        case Answered(payload):
            return None, payload
        case Raised(payload):
            return "Unhandled", payload
        case TooLarge():
            text = (
                "Response payload size exceeded maximum allowed payload size "
                f"({RESPONSE_BYTES_MAX} bytes)."
            )
            return "Unhandled", _error("Function.ResponseSizeTooLarge", text)
        case TimedOut():
            text = f"Task timed out after {timeout_seconds:.2f} seconds"
            return "Unhandled", _error(
                "Sandbox.Timedout", f"RequestId: {request_id} Error: {text}"
            )
        case Died(status):
            text = f"RequestId: {request_id} Error: Runtime exited {_exit_reason(status)}"
            return "Unhandled", _error("Runtime.ExitError", text)


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def _exit_reason(status: int) -> str:
    if status == 0:
        return "without providing a reason"
    return f"with error: {'signal' if status < 0 else 'exit status'} {abs(status)}"


def _timed_out(function: Function) -> str:
    return f"Task timed out after {function.timeout_seconds:.2f} seconds"


def _report(function: Function, request_id: str, milliseconds: float) -> str:
    return (
        f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
        f"Billed Duration: {math.ceil(milliseconds)} ms\tMemory Size: {function.memory_mb} MB"
    )


def _session_name(function_name: str) -> str:
    # AWS: a session's name has two characters at least.
    return function_name if len(function_name) > 1 else f"{function_name}@lambda_function"
