"""Invoke a function on this machine: find it, have it run, and say how it ended. Read downwards.

    find     the function, as it is stored now
    prepare  an environment of it: a warm one, or code, credentials and a process
    run      give it the event, wait, log
    answer   in AWS's words

AWS: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
import secrets
import time

from keyturn.functions import variables
from keyturn.functions.execution.answer import answer_of
from keyturn.functions.execution.code_cache import CodeCache
from keyturn.functions.execution.environment import Blueprint, Ending, Environment
from keyturn.functions.execution.pool import Key, Pool, Slot
from keyturn.functions.execution.process_variables import SessionKeys, of_process
from keyturn.functions.execution.runtime_api import Event
from keyturn.functions.execution.sandbox import Confines
from keyturn.functions.execution.transcript import Transcript
from keyturn.functions.invocation import PAYLOAD_BYTES_MAX, Invocation
from keyturn.functions.output.log_writer import LogWriter
from keyturn.functions.permission import unqualified
from keyturn.functions.refusals import (
    ExecutionRoleError,
    FunctionNotFoundError,
    PayloadTooLargeError,
)
from keyturn.functions.runtimes import own_interpreter
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import Clock, to_epoch_ms
from keyturn.model.errors import NotAllowedError
from keyturn.model.function import Function
from keyturn.model.ids import new_uuid
from keyturn.store import functions as rows
from keyturn.store.database import Database

IssueSession = Callable[[Function], SessionKeys]
"""Returns a session of a function's role, if that trusts Lambda."""


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
        self._code = CodeCache(database, place.code)
        self.pool = Pool()

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        """Invoke a function; see ``keyturn.functions.invocation.Invoker``."""
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise PayloadTooLargeError(len(payload))
        function = self._function(function_arn)
        key = Key(function.arn, function.revision_id)
        invocation = None
        while invocation is None:
            with self.pool.environment(key, lambda: self._blueprint(function)) as slot:
                invocation = self._run(function, slot, payload)
        return invocation

    def _function(self, function_arn: str) -> Function:
        with self._database.read() as connection:
            function = rows.find_by_arn(connection, unqualified(function_arn))
        if function is None:
            raise FunctionNotFoundError(function_arn)
        return function

    def _run(self, function: Function, slot: Slot, payload: bytes) -> Invocation | None:
        """Return how it went; None for a warm process that was gone before it got the event."""
        environment = slot.environment
        stream = environment.blueprint.log_stream
        transcript = Transcript(self._logs, function, stream, new_uuid())
        if not slot.is_warm:
            transcript.write_init()
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
        return _invocation(ending, transcript)

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
        session = self._session(function)
        folders = (self._code.folder_of(function), self._place.runtime, self._temporary())
        stream = f"{self._clock.now():%Y/%m/%d}/[$LATEST]{secrets.token_hex(16)}"
        return Blueprint(
            interpreter=str(own_interpreter()),
            task_root=folders[0],
            runtime_dir=folders[1],
            temporary=folders[2],
            handler=function.handler,
            log_stream=stream,
            confines=Confines(memory_mb=function.memory_mb, storage_mb=function.storage_mb),
            variables=of_process(
                function,
                variables.unseal(self._keyring, function),
                session,
                endpoint=self._place.endpoint,
                log_stream=stream,
                folders=folders,
            ),
        )

    def _session(self, function: Function) -> SessionKeys:
        try:
            return self._issue_session(function)
        except NotAllowedError as error:
            raise ExecutionRoleError(function.role_arn) from error

    def _temporary(self) -> Path:
        folder = self._place.temporary / secrets.token_hex(8)
        folder.mkdir(mode=0o700, parents=True)
        return folder


def _invocation(ending: Ending, transcript: Transcript) -> Invocation:
    function_error, payload = answer_of(ending, transcript.request_id)
    return Invocation(
        request_id=transcript.request_id,
        function_error=function_error,
        payload=payload,
        log_tail=transcript.tail(),
    )
