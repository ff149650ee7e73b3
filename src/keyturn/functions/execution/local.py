"""Invoke a function on this machine: find it, have it run, and say how it ended. Read downwards.

    find     the function, as it is stored now; one whose code is elsewhere is run there
    prepare  an environment of it: a warm one, or code, credentials and a sandbox
    run      give it the event, wait, log
    answer   in AWS's words

AWS: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
import secrets
import time
from typing import Final

from keyturn.functions import registry, variables
from keyturn.functions.execution.answer import answer_of
from keyturn.functions.execution.code_cache import CodeCache
from keyturn.functions.execution.elsewhere import Elsewhere, NoteValues
from keyturn.functions.execution.environment import Blueprint, Ending, Environment
from keyturn.functions.execution.pool import Key, Pool, Slot
from keyturn.functions.execution.process_variables import Given, SessionKeys, of_process
from keyturn.functions.execution.runtime_api import Event
from keyturn.functions.execution.sandbox import Interior
from keyturn.functions.execution.transcript import Transcript
from keyturn.functions.invocation import PAYLOAD_BYTES_MAX, Invocation
from keyturn.functions.output.log_writer import LogWriter
from keyturn.functions.refusals import (
    ExecutionRoleError,
    FunctionUnavailableError,
    PayloadTooLargeError,
    UnknownRuntimeError,
)
from keyturn.functions.runtimes import Runtime, Runtimes
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import Clock, to_epoch_ms
from keyturn.model.errors import NotAllowedError
from keyturn.model.function import Function
from keyturn.model.ids import new_uuid
from keyturn.store import function_places, functions as rows
from keyturn.store.database import Database

IssueSession = Callable[[Function], SessionKeys]
"""Returns a session of a function's role, if that trusts Lambda."""

#: Variables that an interpreter or the system's loader reads when it starts, and never again.
_READ_AT_START: Final = ("LD_", "PYTHON", "NODE_", "MALLOC_", "GLIBC_", "LANG", "LC_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What functions are run with on this machine.

    Attributes:
        endpoint: our URL.
        note_values: called for functions that run elsewhere.
    """

    runtimes: Runtimes
    code: CodeCache
    pool: Pool
    endpoint: str
    note_values: NoteValues = lambda _function, _event: None


class LocalInvoker:
    """Runs functions in sandboxes of this machine."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        clock: Clock,
        logs: LogWriter,
        issue_session: IssueSession,
        means: Means,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._logs = logs
        self._issue_session = issue_session
        self._means = means
        self._elsewhere = Elsewhere(clock, logs, means.note_values)

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        """Invoke a function; see ``keyturn.functions.invocation.Invoker``."""
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise PayloadTooLargeError(len(payload))
        with self._database.read() as connection:
            function = registry.resolve(connection, function_arn)
            place = function_places.find(connection, function.id)
        if function.reserved_concurrency == 0:
            raise FunctionUnavailableError(
                f"{function.name} may not run: its reserved concurrency is 0."
            )
        if place is not None:
            return self._elsewhere.invoke(function, place, payload)
        key = Key(function.id, function.version, function.revision_id)
        invocation = None
        while invocation is None:
            environment = self._means.pool.environment(
                key, lambda: self._blueprint(function), self._reservations
            )
            with environment as slot:
                invocation = self._run(function, slot, payload)
        return invocation

    def _reservations(self) -> Mapping[int, int]:
        with self._database.read() as connection:
            return rows.reserved(connection)

    def _run(self, function: Function, slot: Slot, payload: bytes) -> Invocation | None:
        """Return how it went; None for a warm process that was gone before it got the event."""
        environment = slot.environment
        stream = environment.blueprint.log_stream
        transcript = Transcript(self._logs, function, stream, new_uuid())
        if not slot.is_warm:
            transcript.write_init(environment.blueprint.interior.runtime)
        failure = environment.await_ready(transcript.write)
        if failure is not None and slot.is_warm:
            return None
        began = time.monotonic()
        transcript.write_start()
        ending = failure or self._given(function, environment, payload, transcript)
        transcript.write_end(ending, self._clock.now())
        transcript.write_report(
            ending,
            time.monotonic() - began,
            None if slot.is_warm else began - environment.started_at,
            environment.peak_memory_mb,
        )
        return _invocation(function, ending, transcript)

    def _given(
        self, function: Function, environment: Environment, payload: bytes, transcript: Transcript
    ) -> Ending:
        seconds = function.timeout_seconds
        event = Event(
            request_id=transcript.request_id,
            function_arn=function.arn,
            deadline_ms=to_epoch_ms(self._clock.now()) + seconds * 1000,
            payload=payload,
        )
        return environment.invoke(event, seconds, transcript.write)

    def _blueprint(self, function: Function) -> Blueprint:
        runtime = self._runtime(function)
        code = self._means.code.code_of(function)
        own = variables.unseal(self._keyring, function)
        stream = f"{self._clock.now():%Y/%m/%d}/[{function.version}]{secrets.token_hex(16)}"
        return Blueprint(
            interior=Interior(
                runtime=runtime,
                task=code.task,
                layers=code.layers,
                storage_mb=function.storage_mb,
                variables=_read_at_start(own),
            ),
            label=function.qualified_arn,
            handler=function.handler,
            memory_mb=function.memory_mb,
            log_stream=stream,
            variables_at=partial(
                of_process,
                function,
                own,
                Given(
                    session=self._session(function),
                    endpoint=self._means.endpoint,
                    log_stream=stream,
                    interpreter=runtime.interpreter,
                ),
            ),
        )

    def _runtime(self, function: Function) -> Runtime:
        try:
            return self._means.runtimes.find(function.runtime)
        except UnknownRuntimeError as error:
            raise FunctionUnavailableError(
                f"The runtime {function.runtime} can't be used here any more: {error.missing}"
            ) from error

    def _session(self, function: Function) -> SessionKeys:
        try:
            return self._issue_session(function)
        except NotAllowedError as error:
            raise ExecutionRoleError(function.role_arn) from error


def _read_at_start(own: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in own.items() if name.startswith(_READ_AT_START)}


def _invocation(function: Function, ending: Ending, transcript: Transcript) -> Invocation:
    function_error, payload = answer_of(ending, transcript.request_id)
    return Invocation(
        request_id=transcript.request_id,
        function_error=function_error,
        payload=payload,
        log_tail=transcript.tail(),
        executed_version=function.version,
    )
