"""Versions of a function: frozen copies of its code and configuration, each with a number.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from keyturn.functions import registry, variables
from keyturn.functions.names import LATEST, FunctionRef
from keyturn.functions.package import base64_of
from keyturn.functions.refusals import ParameterError, VersionInUseError
from keyturn.keys.keyring import Keyring
from keyturn.model.function import Function
from keyturn.model.ids import new_uuid
from keyturn.store import (
    event_invoke_configs,
    function_aliases,
    function_permissions,
    functions as rows,
)
from keyturn.store.database import Connection


def publish(
    connection: Connection,
    keyring: Keyring,
    function: Function,
    now: datetime,
    description: str | None = None,
) -> Function:
    """Return a new version of the function as it is now; the last one if nothing changed since.

    Args:
        description: the version's own; None for the function's.
    """
    last = rows.last_version(connection, function.id)
    if last is not None and _has_same_content(keyring, last, function):
        return last
    number = rows.insert_version(
        connection,
        function,
        description=function.description if description is None else description,
        modified_at=now,
        revision_id=new_uuid(),
    )
    published = rows.find_version(connection, function.arn, number)
    assert published is not None
    return published


def check_expected(function: Function, request: Mapping[str, Any]) -> None:
    """Refuse to publish what isn't what the caller looked at.

    Raises:
        ParameterError: it has other code.
        RevisionMismatchError: it was changed since.
    """
    actual = base64_of(function.code_sha256)
    expected = request.get("CodeSha256") or actual
    if expected != actual:
        raise ParameterError(
            f"CodeSHA256 ({expected}) is different from current CodeSHA256 in {LATEST} "
            f"({actual}). Please try again with the CodeSHA256 in {LATEST}."
        )
    registry.check_revision(function.revision_id, request.get("RevisionId"))


def delete(connection: Connection, reference: FunctionRef) -> None:
    """Delete a function with all its versions; or, with a qualifier, that version.

    A version that there isn't is as good as deleted, as on AWS.

    Raises:
        FunctionNotFoundError: there is no such function.
        VersionInUseError: an alias leads to the version.
        ParameterError: the qualifier isn't a version's number.
    """
    function = registry.find(connection, replace(reference, qualifier=None))
    qualifier = reference.qualifier
    if qualifier is None:
        rows.delete_function(connection, function)
        return
    if qualifier == LATEST:
        raise ParameterError(f"{LATEST} version cannot be deleted without deleting the function.")
    if not qualifier.isdecimal():
        raise ParameterError("Deletion of aliases is not currently supported.")
    using = function_aliases.of_version(connection, function.id, qualifier)
    if using:
        raise VersionInUseError([alias.name for alias in using])
    version = registry.version_of(connection, function, qualifier)
    if version is not None:
        rows.delete_version(connection, version)
        forget_qualifier(connection, function, qualifier)


def forget_qualifier(connection: Connection, function: Function, qualifier: str) -> None:
    """Delete what belongs to a version or alias that is gone: another may get its name."""
    function_permissions.delete_policy(connection, function.id, qualifier)
    event_invoke_configs.delete_config(connection, function.id, qualifier)


def _has_same_content(keyring: Keyring, version: Function, function: Function) -> bool:
    # Descriptions and what is the function's alone aren't what a version is published for.
    alike = replace(
        version,
        version=function.version,
        description=function.description,
        modified_at=function.modified_at,
        revision_id=function.revision_id,
        sealed_environment=function.sealed_environment,
    )
    # Sealed values differ each time they are sealed.
    return alike == function and variables.unseal(keyring, version) == variables.unseal(
        keyring, function
    )
