"""Invoking a function, and saying who may.

AWS: Lambda API reference, Invoke, AddPermission, RemovePermission, GetPolicy.
"""

import base64
from dataclasses import replace

import msgspec

from keyturn.api.calls import AuthorisedCall
from keyturn.api.lambda_.functions import reference_of
from keyturn.api.operation import Output
from keyturn.functions import permission, registry
from keyturn.functions.invocation import Invoker
from keyturn.functions.names import LATEST
from keyturn.functions.refusals import ParameterError, PayloadNotJsonError, PolicyNotFoundError
from keyturn.model.ids import new_uuid
from keyturn.store import functions as rows
from keyturn.store.database import Database


class Invoking:
    """The operations that run functions or decide who may."""

    def __init__(self, database: Database, invoker: Invoker) -> None:
        self._database = database
        self._invoker = invoker

    def invoke(self, call: AuthorisedCall) -> Output:
        kind = call.params.get("InvocationType", "RequestResponse")
        reference = reference_of(call)
        with self._database.read() as connection:
            # AWS: here alone, "not found" names the version that is meant.
            asked = replace(reference, qualifier=reference.qualifier or LATEST)
            function = registry.find(connection, asked)
        if kind == "DryRun":
            return {"StatusCode": 204}
        if kind == "Event":
            raise ParameterError("InvocationType Event isn't served; use RequestResponse.")
        payload = call.params.get("Payload") or b"{}"
        _check_json(payload)
        invocation = self._invoker.invoke(function.arn, payload)
        wants_log = call.params.get("LogType") == "Tail"
        return {
            "StatusCode": 200,
            "FunctionError": invocation.function_error,
            "LogResult": base64.b64encode(invocation.log_tail).decode() if wants_log else None,
            "Payload": invocation.payload,
            "ExecutedVersion": invocation.executed_version,
        }

    def add_permission(self, call: AuthorisedCall) -> Output:
        reference = reference_of(call)
        registry.refuse_qualifier(reference)
        with self._database.write() as connection:
            function = registry.find(connection, reference)
            registry.check_revision(function, call.params.get("RevisionId"))
            statement = permission.add(connection, function, call.params)
            rows.save(connection, function.id, revision_id=new_uuid())
        return {"Statement": statement}

    def remove_permission(self, call: AuthorisedCall) -> Output:
        reference = reference_of(call)
        registry.refuse_qualifier(reference)
        with self._database.write() as connection:
            function = registry.find(connection, reference)
            registry.check_revision(function, call.params.get("RevisionId"))
            permission.remove(connection, function, call.params["StatementId"])
            rows.save(connection, function.id, revision_id=new_uuid())
        return {}

    def get_policy(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            function = registry.find(connection, reference_of(call))
            policy = permission.policy_of(connection, function)
        if policy is None:
            raise PolicyNotFoundError
        return {"Policy": policy, "RevisionId": function.revision_id}


def _check_json(payload: bytes) -> None:
    try:
        msgspec.json.decode(payload, type=msgspec.Raw)
    except msgspec.DecodeError:
        # Not chained: the error could quote the event.
        raise PayloadNotJsonError from None
