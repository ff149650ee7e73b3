"""Functions come to be, change and go.

AWS: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
import platform
from typing import Any, Final

from keyturn.functions import package, unserved, variables
from keyturn.functions.names import LATEST, FunctionRef
from keyturn.functions.refusals import (
    FunctionExistsError,
    FunctionNotFoundError,
    ParameterError,
    QualifierNotServedError,
    RevisionMismatchError,
)
from keyturn.keys.keyring import Keyring
from keyturn.model.function import Function
from keyturn.model.ids import new_uuid
from keyturn.store import functions as rows
from keyturn.store.database import Connection

# AWS's defaults.
TIMEOUT_SECONDS_DEFAULT: Final = 3
TIMEOUT_SECONDS_MAX: Final = 900
MEMORY_MB_DEFAULT: Final = 128
MEMORY_MB_MAX: Final = 10_240
STORAGE_MB_DEFAULT: Final = 512
STORAGE_MB_MAX: Final = 10_240
#: AWS's names for processors, by Linux's.
_ARCHITECTURES: Final = {"aarch64": "arm64"}


def find(connection: Connection, reference: FunctionRef) -> Function:
    """Return the function.

    Raises:
        FunctionNotFoundError: there is none, or a version or an alias is meant.
    """
    function = rows.find_by_arn(connection, reference.arn)
    if function is None or reference.qualifier not in (None, LATEST):
        raise FunctionNotFoundError(reference.asked_arn)
    return function


def create(
    connection: Connection,
    keyring: Keyring,
    reference: FunctionRef,
    request: Mapping[str, Any],
    now: datetime,
) -> Function:
    """Store a function and its code.

    Raises:
        FunctionExistsError: the name is taken.
        ParameterError, UnzipError, PackageTooLargeError: it can't run so.
    """
    if rows.find_by_arn(connection, reference.arn) is not None:
        raise FunctionExistsError(reference.name)
    unserved.refuse_unserved(reference.name, request)
    zipped = _zip_of(request.get("Code", {}))
    _check_package_type(request)
    own = request.get("Environment", {}).get("Variables", {})
    variables.check(own)
    sha256 = _put_code(connection, zipped)
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
        code_sha256=sha256,
        code_bytes=len(zipped),
        modified_at=now,
        revision_id=new_uuid(),
        vpc_config=request.get("VpcConfig"),
        tags=request.get("Tags"),
        sealed_environment=variables.seal(keyring, reference.arn, own),
    )
    return find(connection, reference)


def update_code(
    connection: Connection, function: Function, request: Mapping[str, Any], now: datetime
) -> None:
    """Give a function other code.

    Raises:
        RevisionMismatchError: it was changed since the caller looked.
        ParameterError, UnzipError, PackageTooLargeError: the code can't be used.
    """
    check_revision(function, request.get("RevisionId"))
    unserved.refuse_unserved(function.name, request)
    _architecture(request.get("Architectures"))
    zipped = _zip_of(request)
    if request.get("DryRun"):
        package.check(zipped)
        return
    sha256 = _put_code(connection, zipped)
    rows.save(
        connection,
        function.id,
        code_sha256=sha256,
        code_bytes=len(zipped),
        modified_at=now,
        revision_id=new_uuid(),
    )
    if sha256 != function.code_sha256:
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
    check_revision(function, request.get("RevisionId"))
    unserved.refuse_unserved(function.name, request)
    changes: dict[str, Any] = {"modified_at": now, "revision_id": new_uuid()}
    for member, (column, read) in _CHANGEABLE.items():
        if member in request:
            changes[column] = read(request[member])
    if "Environment" in request:
        own = request["Environment"].get("Variables", {})
        variables.check(own)
        changes["sealed_environment"] = variables.seal(keyring, function.arn, own)
    rows.save(connection, function.id, **changes)


def check_revision(function: Function, revision_id: str | None) -> None:
    """Refuse a change by somebody who looked at an older function.

    Raises:
        RevisionMismatchError: it was changed since.
    """
    if revision_id is not None and revision_id != function.revision_id:
        raise RevisionMismatchError


def refuse_qualifier(reference: FunctionRef) -> None:
    """Refuse a qualifier where only the function itself is meant.

    Raises:
        QualifierNotServedError: ``$LATEST``.
        FunctionNotFoundError: a version or an alias, of which there are none.
    """
    if reference.qualifier == LATEST:
        raise QualifierNotServedError
    if reference.qualifier is not None:
        raise FunctionNotFoundError(reference.asked_arn)


def _put_code(connection: Connection, zipped: bytes) -> str:
    package.check(zipped)
    sha256 = package.sha256_of(zipped)
    rows.put_code(connection, sha256, zipped)
    return sha256


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


def _as_it_is(value: Any) -> Any:  # noqa: ANN401 - it is the wire's value
    return value


_CHANGEABLE: Final[Mapping[str, tuple[str, Any]]] = {
    "Description": ("description", _as_it_is),
    "EphemeralStorage": ("storage_mb", _storage),
    "Handler": ("handler", _handler),
    "MemorySize": ("memory_mb", _memory),
    "Role": ("role_arn", _as_it_is),
    "Runtime": ("runtime", _runtime),
    "Timeout": ("timeout_seconds", _timeout),
    "VpcConfig": ("vpc_config", _as_it_is),
}
