"""Aliases: names that lead to a version of a function, or to two by shares.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
"""

from collections.abc import Mapping
from typing import Any, Final

from keyturn.functions import registry
from keyturn.functions.names import LATEST
from keyturn.functions.refusals import (
    AliasExistsError,
    AliasNotFoundError,
    FunctionNotFoundError,
    ParameterError,
)
from keyturn.functions.versions import forget_qualifier
from keyturn.model.function import Alias, Function
from keyturn.model.ids import new_uuid
from keyturn.store import function_aliases as rows
from keyturn.store.database import Connection

ADDITIONAL_VERSIONS_MAX: Final = 1


def find(connection: Connection, function: Function, name: str) -> Alias:
    """Return a function's alias.

    Raises:
        AliasNotFoundError: it has none of that name.
    """
    alias = rows.find(connection, function.id, name)
    if alias is None:
        raise AliasNotFoundError(f"{function.arn}:{name}")
    return alias


def create(connection: Connection, function: Function, request: Mapping[str, Any]) -> Alias:
    """Store an alias.

    Raises:
        AliasExistsError: the function has one of that name.
        FunctionNotFoundError: it has no such version.
        ParameterError: the shares can't be.
    """
    alias = Alias(
        function_id=function.id,
        name=request["Name"],
        version=request["FunctionVersion"],
        description=request.get("Description", ""),
        weights=_weights(request),
        revision_id=new_uuid(),
    )
    _check(connection, function, alias)
    if rows.find(connection, function.id, alias.name) is not None:
        raise AliasExistsError(f"{function.arn}:{alias.name}")
    rows.insert_alias(connection, alias)
    return alias


def update(connection: Connection, function: Function, request: Mapping[str, Any]) -> Alias:
    """Change what the request names.

    Raises:
        AliasNotFoundError: the function has no such alias.
        RevisionMismatchError: it was changed since the caller looked.
        FunctionNotFoundError: the function has no such version.
        ParameterError: the shares can't be.
    """
    found = find(connection, function, request["Name"])
    registry.check_revision(found.revision_id, request.get("RevisionId"))
    alias = Alias(
        function_id=function.id,
        name=found.name,
        version=request.get("FunctionVersion", found.version),
        description=request.get("Description", found.description),
        weights=_weights(request) if "RoutingConfig" in request else found.weights,
        revision_id=new_uuid(),
    )
    _check(connection, function, alias)
    rows.save(connection, alias)
    return alias


def delete(connection: Connection, function: Function, name: str) -> None:
    """Delete an alias; one that there isn't is as good as deleted, as on AWS."""
    if rows.find(connection, function.id, name) is not None:
        rows.delete_alias(connection, function.id, name)
        forget_qualifier(connection, function, name)


def _weights(request: Mapping[str, Any]) -> Mapping[str, float]:
    weights: Mapping[str, float] = request.get("RoutingConfig", {}).get(
        "AdditionalVersionWeights", {}
    )
    return weights


def _check(connection: Connection, function: Function, alias: Alias) -> None:
    if len(alias.weights) > ADDITIONAL_VERSIONS_MAX:
        raise ParameterError(
            "Number of items in AdditionalVersionWeights cannot be greater than "
            f"{ADDITIONAL_VERSIONS_MAX}"
        )
    if alias.weights and alias.version == LATEST:
        raise ParameterError(
            f"{LATEST} is not supported for an alias pointing to more than 1 version"
        )
    if alias.version in alias.weights:
        raise ParameterError(
            f"Invalid function version {alias.version}. Function version {alias.version} is "
            "already included in routing configuration."
        )
    for version in (alias.version, *alias.weights):
        if registry.version_of(connection, function, version) is None:
            raise FunctionNotFoundError(f"{function.arn}:{version}")
