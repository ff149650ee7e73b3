"""Functions come to be, change and go.

A ZIP is checked between two transactions: ``zip_to_create`` and ``zip_to_update`` refuse what can
be refused without looking into it, so that nobody has it looked into for nothing. ``create`` and
``update_code`` begin with the same once more, since things may have changed since.

AWS: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
import platform
import secrets
from typing import Any, Final

from keyturn.functions import layers, tagging, unserved, variables
from keyturn.functions.names import LATEST, FunctionRef, read_arn
from keyturn.functions.package import Checked
from keyturn.functions.refusals import (
    FunctionExistsError,
    FunctionNotFoundError,
    ParameterError,
    RevisionMismatchError,
)
from keyturn.keys.keyring import Keyring
from keyturn.model.function import Alias, Function, FunctionLayer
from keyturn.model.ids import new_uuid
from keyturn.store import function_aliases as aliases, functions as rows
from keyturn.store.database import Connection

# AWS's defaults.
TIMEOUT_SECONDS_DEFAULT: Final = 3
TIMEOUT_SECONDS_MAX: Final = 900
MEMORY_MB_DEFAULT: Final = 128
MEMORY_MB_MAX: Final = 10_240
STORAGE_MB_DEFAULT: Final = 512
STORAGE_MB_MAX: Final = 10_240
#: More than any function will have; the store's numbers are not longer.
VERSION_DIGITS_MAX: Final = 9
#: AWS's names for processors, by Linux's.
_ARCHITECTURES: Final = {"aarch64": "arm64"}


def find(connection: Connection, reference: FunctionRef) -> Function:
    """Return the function, or its version if one is meant; an alias gives what it points to.

    Raises:
        FunctionNotFoundError: there is none.
    """
    qualifier = reference.qualifier or LATEST
    function = rows.find_by_arn(connection, reference.arn)
    if function is not None and qualifier != LATEST:
        alias = aliases.find(connection, function.id, qualifier)
        function = version_of(connection, function, qualifier if alias is None else alias.version)
    if function is None:
        raise FunctionNotFoundError(reference.asked_arn)
    return function


def resolve(connection: Connection, asked_arn: str) -> Function:
    """Return the function that an invocation of this ARN runs.

    The ARN may have a qualifier. Of an alias that has shares for other versions, one is drawn.

    Raises:
        FunctionNotFoundError: there is none.
    """
    reference = read_arn(asked_arn)
    if reference is None:
        raise FunctionNotFoundError(asked_arn)
    function = rows.find_by_arn(connection, reference.arn)
    if function is not None and reference.qualifier not in (None, LATEST):
        assert reference.qualifier is not None
        alias = aliases.find(connection, function.id, reference.qualifier)
        drawn = reference.qualifier if alias is None else _drawn(alias)
        function = version_of(connection, function, drawn)
    if function is None:
        raise FunctionNotFoundError(asked_arn)
    return function


def has_qualifier(connection: Connection, function: Function, reference: FunctionRef) -> bool:
    """Return whether a function has what the reference's qualifier names."""
    qualifier = reference.qualifier or LATEST
    return (
        version_of(connection, function, qualifier) is not None
        or aliases.find(connection, function.id, qualifier) is not None
    )


def version_of(connection: Connection, function: Function, version: str) -> Function | None:
    """Return a version of a function by ``$LATEST`` or its number; None when there is none."""
    if version == LATEST:
        return function
    # A number that is longer than any that is given isn't one that the store can look for. Nor is
    # one that is written in another way: policies and aliases know a version by its text.
    if not version.isdecimal() or len(version) > VERSION_DIGITS_MAX:
        return None
    if version != str(int(version)):
        return None
    return rows.find_version(connection, function.arn, int(version))


def zip_to_create(
    connection: Connection, reference: FunctionRef, request: Mapping[str, Any]
) -> bytes:
    """Return the ZIP of a function that may be made, for ``package.check``.

    Raises:
        FunctionExistsError: the name is taken.
        ParameterError: it can't run so, whatever is in the ZIP.
    """
    if rows.find_by_arn(connection, reference.arn) is not None:
        raise FunctionExistsError(reference.name)
    unserved.refuse_unserved(request)
    zipped = _zip_of(request.get("Code", {}))
    _check_package_type(request)
    variables.check(_variables_of(request))
    layers.for_function(connection, request.get("Layers", []), reference.region)
    return zipped


def create(
    connection: Connection,
    keyring: Keyring,
    reference: FunctionRef,
    request: Mapping[str, Any],
    code: Checked,
    now: datetime,
) -> Function:
    """Store a function and its code.

    Raises:
        FunctionExistsError: the name is taken.
        ParameterError: it can't run so.
    """
    zip_to_create(connection, reference, request)
    found = layers.for_function(connection, request.get("Layers", []), reference.region)
    _put_code(connection, code, found)
    rows.insert_function(
        connection,
        account=reference.account,
        region=reference.region,
        name=reference.name,
        arn=reference.arn,
        runtime=_runtime(request.get("Runtime")),
        handler=_handler(request.get("Handler")),
        role_arn=request["Role"],
        description=request.get("Description", ""),
        timeout_seconds=_timeout(request.get("Timeout", TIMEOUT_SECONDS_DEFAULT)),
        memory_mb=_memory(request.get("MemorySize", MEMORY_MB_DEFAULT)),
        storage_mb=_storage(request.get("EphemeralStorage", {"Size": STORAGE_MB_DEFAULT})),
        architecture=_architecture(request.get("Architectures")),
        code_sha256=code.sha256,
        code_bytes=len(code.zipped),
        modified_at=now,
        revision_id=new_uuid(),
        vpc_config=request.get("VpcConfig"),
        layers=found,
        log_group=request.get("LoggingConfig", {}).get("LogGroup"),
        tags=tagging.with_tags(None, request["Tags"]) if request.get("Tags") else None,
        sealed_environment=variables.seal(keyring, reference.arn, _variables_of(request)),
    )
    return find(connection, replace(reference, qualifier=None))


def zip_to_update(function: Function, request: Mapping[str, Any]) -> bytes:
    """Return the ZIP that a function is to have, for ``package.check``.

    Raises:
        RevisionMismatchError: the function was changed since the caller looked.
        ParameterError: there is none, or it is for other machines.
    """
    check_revision(function.revision_id, request.get("RevisionId"))
    unserved.refuse_unserved(request)
    _architecture(request.get("Architectures"))
    return _zip_of(request)


def update_code(
    connection: Connection,
    function: Function,
    request: Mapping[str, Any],
    code: Checked,
    now: datetime,
) -> None:
    """Give a function other code; with ``DryRun``, say only whether that can be.

    Raises:
        RevisionMismatchError: it was changed since the caller looked.
        ParameterError: the code can't be used.
    """
    zip_to_update(function, request)
    if request.get("DryRun"):
        layers.check_unzipped_size(connection, code.unzipped_bytes, function.layers)
        return
    _put_code(connection, code, function.layers)
    rows.save(
        connection,
        function.id,
        code_sha256=code.sha256,
        code_bytes=len(code.zipped),
        modified_at=now,
        revision_id=new_uuid(),
    )
    rows.forget_unused_code(connection, function.code_sha256)


def update_configuration(
    connection: Connection,
    keyring: Keyring,
    function: Function,
    request: Mapping[str, Any],
    now: datetime,
) -> None:
    """Change what the request names.

    Raises:
        RevisionMismatchError: it was changed since the caller looked.
        ParameterError: it can't run so.
    """
    check_revision(function.revision_id, request.get("RevisionId"))
    unserved.refuse_unserved(request)
    changes: dict[str, Any] = {"modified_at": now, "revision_id": new_uuid()}
    for member, (column, read) in _CHANGEABLE.items():
        if member in request:
            changes[column] = read(request[member])
    if "Environment" in request:
        own = _variables_of(request)
        variables.check(own)
        changes["sealed_environment"] = variables.seal(keyring, function.arn, own)
    if "Layers" in request:
        changes["layers"] = _changed_layers(connection, function, request["Layers"])
    rows.save(connection, function.id, **changes)
    rows.forget_unused_code_of(connection, function)


def check_revision(actual: str, expected: str | None) -> None:
    """Refuse a change by somebody who looked at an older state.

    Raises:
        RevisionMismatchError: it was changed since.
    """
    if expected is not None and expected != actual:
        raise RevisionMismatchError


def refuse_qualifier(reference: FunctionRef) -> None:
    """Refuse a qualifier where only the function itself is meant.

    Raises:
        ParameterError: there is one.
    """
    if reference.qualifier is not None:
        raise ParameterError(
            "This operation is permitted on Lambda functions only. Aliases and versions do not "
            "support this operation. Please specify either a function name or an unqualified "
            "function ARN."
        )


def _drawn(alias: Alias) -> str:
    """Return the version that an invocation of an alias runs: each as often as its share says."""
    left = secrets.SystemRandom().random()
    for version, weight in alias.weights.items():
        if left < weight:
            return version
        left -= weight
    return alias.version


def _changed_layers(
    connection: Connection, function: Function, arns: Sequence[str]
) -> tuple[FunctionLayer, ...]:
    found = layers.for_function(connection, arns, function.region, function.layers)
    own_bytes = rows.unzipped_bytes(connection, function.code_sha256)
    layers.check_unzipped_size(connection, own_bytes, found)
    return found


def _put_code(connection: Connection, code: Checked, laid_under: Sequence[FunctionLayer]) -> None:
    layers.check_unzipped_size(connection, code.unzipped_bytes, laid_under)
    rows.put_code(connection, code.sha256, code.zipped, code.unzipped_bytes)


def _variables_of(request: Mapping[str, Any]) -> dict[str, str]:
    own: dict[str, str] = request.get("Environment", {}).get("Variables", {})
    return own


def _zip_of(request: Mapping[str, Any]) -> bytes:
    zipped = request.get("ZipFile")
    if not zipped:
        raise ParameterError(
            "Please provide a ZIP file (ZipFile): code in Amazon S3 and container images aren't "
            "served here."
        )
    assert isinstance(zipped, bytes)
    return zipped


def _check_package_type(request: Mapping[str, Any]) -> None:
    if request.get("PackageType", "Zip") != "Zip":
        raise ParameterError("Only functions of the package type Zip are served here.")


def _runtime(runtime: str | None) -> str:
    if runtime is None:
        raise ParameterError(
            "Runtime and Handler are mandatory parameters for functions created "
            "with deployment packages."
        )
    return runtime


def _handler(handler: str | None) -> str:
    if not handler:
        raise ParameterError(
            "Runtime and Handler are mandatory parameters for functions created "
            "with deployment packages."
        )
    if "\0" in handler:
        raise ParameterError("The handler can't have a NUL character.")
    return handler


def _timeout(seconds: int) -> int:
    return _at_most(TIMEOUT_SECONDS_MAX, "timeout", seconds)


def _memory(megabytes: int) -> int:
    return _at_most(MEMORY_MB_MAX, "memorySize", megabytes)


def _storage(storage: Mapping[str, int]) -> int:
    return _at_most(STORAGE_MB_MAX, "ephemeralStorage.size", storage["Size"])


def _at_most(most: int, member: str, value: int) -> int:
    # The service model's own limits are wider than Lambda's.
    if value > most:
        raise ParameterError(
            f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
            f"constraint: Member must have value less than or equal to {most}"
        )
    return value


def _architecture(wanted: Sequence[str] | None) -> str:
    machine = platform.machine()
    here = _ARCHITECTURES.get(machine, machine)
    if wanted is not None and wanted[0] != here:
        raise ParameterError(f"This machine runs {here} functions, not {wanted[0]} ones.")
    return here


def _log_group(config: Mapping[str, str]) -> str | None:
    return config.get("LogGroup")


def _as_it_is(value: Any) -> Any:  # noqa: ANN401 - it is the wire's value
    return value


_CHANGEABLE: Final[Mapping[str, tuple[str, Any]]] = {
    "Description": ("description", _as_it_is),
    "EphemeralStorage": ("storage_mb", _storage),
    "Handler": ("handler", _handler),
    "LoggingConfig": ("log_group", _log_group),
    "MemorySize": ("memory_mb", _memory),
    "Role": ("role_arn", _as_it_is),
    "Runtime": ("runtime", _runtime),
    "Timeout": ("timeout_seconds", _timeout),
    "VpcConfig": ("vpc_config", _as_it_is),
}
