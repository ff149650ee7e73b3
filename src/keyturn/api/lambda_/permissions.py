"""Saying who may invoke a function, a version of it, or an alias.

AWS: Lambda API reference, AddPermission, RemovePermission, GetPolicy.
"""

from dataclasses import replace

from keyturn.api.calls import AuthorisedCall
from keyturn.api.lambda_.functions import reference_of
from keyturn.api.operation import Output
from keyturn.functions import permission, registry
from keyturn.functions.names import LATEST, FunctionRef
from keyturn.functions.refusals import (
    AliasNotFoundError,
    PolicyNotFoundError,
    QualifierNotServedError,
)
from keyturn.model.function import Alias, Function
from keyturn.model.ids import new_uuid
from keyturn.store import function_aliases, functions as rows
from keyturn.store.database import Connection, Database


class Permissions:
    """The operations on functions' policies."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_permission(self, call: AuthorisedCall) -> Output:
        reference = _changeable(call)
        with self._database.write() as connection:
            function, target = _target(connection, reference)
            registry.check_revision(target.revision_id, call.params.get("RevisionId"))
            statement = permission.add(connection, function, call.params, reference.qualifier)
            _note_change(connection, function, target)
        return {"Statement": statement}

    def remove_permission(self, call: AuthorisedCall) -> Output:
        reference = _changeable(call)
        with self._database.write() as connection:
            function, target = _target(connection, reference)
            registry.check_revision(target.revision_id, call.params.get("RevisionId"))
            permission.remove(
                connection, function, call.params["StatementId"], reference.qualifier
            )
            _note_change(connection, function, target)
        return {}

    def get_policy(self, call: AuthorisedCall) -> Output:
        reference = latest_unqualified(reference_of(call))
        with self._database.read() as connection:
            function, target = _target(connection, reference)
            policy = permission.policy_of(connection, function, reference.qualifier)
        if policy is None:
            raise PolicyNotFoundError
        return {"Policy": policy, "RevisionId": target.revision_id}


def latest_unqualified(reference: FunctionRef) -> FunctionRef:
    """Return the reference without ``$LATEST``, which is what a function is without one."""
    return replace(reference, qualifier=None) if reference.qualifier == LATEST else reference


def _changeable(call: AuthorisedCall) -> FunctionRef:
    reference = reference_of(call)
    if reference.qualifier == LATEST:
        raise QualifierNotServedError
    return reference


def _target(connection: Connection, reference: FunctionRef) -> tuple[Function, Function | Alias]:
    """Return the function, and what the policy is on: itself, a version or an alias."""
    function = registry.find(connection, replace(reference, qualifier=None))
    qualifier = reference.qualifier
    if qualifier is None:
        return function, function
    if qualifier.isdecimal():
        return function, registry.find(connection, reference)
    alias = function_aliases.find(connection, function.id, qualifier)
    if alias is None:
        raise AliasNotFoundError(reference.asked_arn)
    return function, alias


def _note_change(connection: Connection, function: Function, target: Function | Alias) -> None:
    changed = new_uuid()
    if isinstance(target, Alias):
        function_aliases.save(connection, replace(target, revision_id=changed))
    elif target.version == LATEST:
        rows.save(connection, function.id, revision_id=changed)
    else:
        rows.save_version(connection, function.id, int(target.version), revision_id=changed)
