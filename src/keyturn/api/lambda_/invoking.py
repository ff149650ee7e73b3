"""Invoking a function, now or later.

AWS: Lambda API reference, Invoke.
"""

import base64
from collections.abc import Callable
from dataclasses import replace

import msgspec

from keyturn.api.calls import AuthorisedCall
from keyturn.api.lambda_.functions import reference_of
from keyturn.api.operation import Output
from keyturn.functions import event_queue, registry
from keyturn.functions.invocation import Invoker
from keyturn.functions.names import LATEST, FunctionRef
from keyturn.functions.refusals import (
    ParameterError,
    PayloadNotJsonError,
    ReservedConcurrencyError,
)
from keyturn.keys.keyring import Keyring
from keyturn.model.asynchronous import AcceptedEvent
from keyturn.model.function import Function
from keyturn.store.database import Database

_UNSERVED = ("DurableExecutionName", "TenantId", "ClientContext")


class Invoking:
    """The operation that runs functions.

    ``wake`` tells the engine that an event waits.
    """

    def __init__(
        self, database: Database, keyring: Keyring, invoker: Invoker, wake: Callable[[], None]
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._invoker = invoker
        self._wake = wake

    def invoke(self, call: AuthorisedCall) -> Output:
        _refuse_unserved(call)
        kind = call.params.get("InvocationType", "RequestResponse")
        reference = reference_of(call)
        # AWS: here alone, "not found" names the version that is meant.
        asked = replace(reference, qualifier=reference.qualifier or LATEST)
        with self._database.read() as connection:
            function = registry.find(connection, asked)
        if kind == "DryRun":
            return {"StatusCode": 204}
        payload = call.params.get("Payload") or b"{}"
        _check_json(payload)
        if kind == "Event":
            return self._accept(call, asked, payload)
        return self._run(call, reference, function, payload)

    def _run(
        self, call: AuthorisedCall, reference: FunctionRef, function: Function, payload: bytes
    ) -> Output:
        if function.reserved_concurrency == 0:
            raise ReservedConcurrencyError
        invocation = self._invoker.invoke(reference.asked_arn, payload)
        wants_log = call.params.get("LogType") == "Tail"
        return {
            "StatusCode": 200,
            "FunctionError": invocation.function_error,
            "LogResult": base64.b64encode(invocation.log_tail).decode() if wants_log else None,
            "Payload": invocation.payload,
            "ExecutedVersion": invocation.executed_version,
        }

    def _accept(self, call: AuthorisedCall, asked: FunctionRef, payload: bytes) -> Output:
        with self._database.write() as connection:
            # Another may have its name since it was looked up.
            function = registry.find(connection, asked)
            event = AcceptedEvent(
                request_id=call.request_id,
                function_id=function.id,
                function_arn=asked.asked_arn,
                qualifier=asked.qualifier or LATEST,
                accepted_at=call.received_at,
            )
            event_queue.accept(connection, self._keyring, event, payload)
        self._wake()
        return {"StatusCode": 202}


def _refuse_unserved(call: AuthorisedCall) -> None:
    for member in _UNSERVED:
        if call.params.get(member):
            raise ParameterError(f"{member} isn't served here; leave it out.")


def _check_json(payload: bytes) -> None:
    try:
        payload.decode()
        msgspec.json.decode(payload, type=msgspec.Raw)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        # Not chained: the error could quote the event.
        raise PayloadNotJsonError from None
