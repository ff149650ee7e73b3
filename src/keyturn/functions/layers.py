"""Layers: versions of code that functions can have laid under theirs, and who else may use them.

* A version never changes. Its number is never given again.
* A function keeps the code of its layers, also when the versions are deleted.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
import json
import re
from typing import Any, Final

from keyturn.functions import policy_text
from keyturn.functions.package import UNZIPPED_BYTES_MAX, Checked
from keyturn.functions.refusals import (
    LayerPolicyNotFoundError,
    LayerVersionGoneError,
    LayerVersionNotFoundError,
    ParameterError,
    PolicyTooLongError,
    StatementExistsError,
    StatementNotFoundError,
)
from keyturn.model.arn import Arn, partition_of
from keyturn.model.function import Function, FunctionLayer
from keyturn.model.ids import new_uuid
from keyturn.model.layer import LayerVersion
from keyturn.store import functions as codes, layers as rows
from keyturn.store.database import Connection

LAYERS_PER_FUNCTION_MAX: Final = 5
GET_LAYER_VERSION: Final = "lambda:GetLayerVersion"

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,140}")
_ARN: Final = re.compile(
    r"arn:[a-z-]+:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):layer:"
    r"(?P<name>[A-Za-z0-9_-]{1,140})(?::(?P<version>\d{1,9}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRef:
    """A layer, or a version of one, that a request refers to."""

    region: str
    account: str
    name: str
    version: int | None = None

    @property
    def layer_arn(self) -> str:
        """The ARN of the layer, without the version."""
        partition = partition_of(self.region)
        return str(Arn(partition, "lambda", self.region, self.account, f"layer:{self.name}"))

    @property
    def arn(self) -> str:
        """The ARN of what is meant: of the version, or of the layer."""
        return self.layer_arn if self.version is None else f"{self.layer_arn}:{self.version}"


def read_reference(
    text: str, *, region: str, account: str, version: int | None = None
) -> LayerRef:
    """Return the layer that ``text`` names, by its name or its ARN.

    Raises:
        ParameterError: it names none.
    """
    if _NAME.fullmatch(text):
        return LayerRef(region=region, account=account, name=text, version=version)
    match = _ARN.fullmatch(text)
    if match is None:
        raise ParameterError(f"{text[:140]} is not a layer's name or ARN.")
    stated = match["version"]
    return LayerRef(
        region=match["region"],
        account=match["account"],
        name=match["name"],
        version=version if stated is None else int(stated),
    )


def zip_to_publish(request: Mapping[str, Any]) -> bytes:
    """Return the ZIP of a new version of a layer, for ``package.check``.

    Raises:
        ParameterError: there is none.
    """
    zipped = request["Content"].get("ZipFile")
    if not zipped:
        raise ParameterError(
            "Please provide a ZIP file (ZipFile): code in Amazon S3 isn't served here."
        )
    assert isinstance(zipped, bytes)
    return zipped


def publish(
    connection: Connection,
    reference: LayerRef,
    request: Mapping[str, Any],
    code: Checked,
    now: datetime,
) -> LayerVersion:
    """Store a new version of a layer, which may be its first."""
    codes.put_code(connection, code.sha256, code.zipped, code.unzipped_bytes)
    layer_id, number = rows.next_version(
        connection,
        account=reference.account,
        region=reference.region,
        name=reference.name,
        arn=reference.layer_arn,
    )
    rows.insert_version(
        connection,
        layer_id,
        number,
        created_at=now,
        runtimes=request.get("CompatibleRuntimes", []),
        architectures=request.get("CompatibleArchitectures", []),
        description=request.get("Description", ""),
        license_info=request.get("LicenseInfo"),
        code_sha256=code.sha256,
        code_bytes=len(code.zipped),
        revision_id=new_uuid(),
    )
    published = rows.find_version(connection, reference.layer_arn, number)
    assert published is not None
    return published


def find(connection: Connection, reference: LayerRef) -> LayerVersion:
    """Return a version of a layer.

    Raises:
        LayerVersionNotFoundError: there is none.
        ParameterError: no version has that number.
    """
    if reference.version is None or reference.version < 1:
        raise ParameterError("Layer Version Cannot be less than 1.")
    found = rows.find_version(connection, reference.layer_arn, reference.version)
    if found is None:
        raise LayerVersionNotFoundError(reference.arn)
    return found


def delete(connection: Connection, reference: LayerRef) -> None:
    """Delete a version; one that there isn't is as good as deleted, as on AWS.

    Raises:
        ParameterError: no version has that number.
    """
    try:
        version = find(connection, reference)
    except LayerVersionNotFoundError:
        return
    rows.delete_version(connection, version.id)
    codes.forget_unused_code(connection, version.code_sha256)


def for_function(
    connection: Connection, arns: Sequence[str], region: str, kept: Sequence[FunctionLayer] = ()
) -> tuple[FunctionLayer, ...]:
    """Return the layers that a function is to have, the first lowest.

    Args:
        kept: those that it has: they stay when their versions are gone.

    Raises:
        ParameterError: there are too many, or two of the same layer, or one can't be used.
    """
    if len(arns) > LAYERS_PER_FUNCTION_MAX:
        raise ParameterError(f"Cannot reference more than {LAYERS_PER_FUNCTION_MAX} layers.")
    seen: dict[str, str] = {}
    for arn in arns:
        reference = read_reference(arn, region="", account="")
        if reference.region != region:
            raise ParameterError(
                "Layers are not in the same region as the function. Layers are expected to be in "
                f"region {region}."
            )
        if reference.layer_arn in seen:
            raise ParameterError(
                "Two different versions of the same layer are not allowed to be referenced in the "
                f"same function. {seen[reference.layer_arn]} and {arn}."
            )
        seen[reference.layer_arn] = arn
    of_function = {layer.arn: layer for layer in kept}
    return tuple(of_function.get(arn) or _new_layer(connection, arn) for arn in arns)


def check_unzipped_size(
    connection: Connection, own_bytes: int, layers: Sequence[FunctionLayer]
) -> None:
    """Refuse code of so many bytes that would be too long together with its layers, unpacked.

    Raises:
        ParameterError: it would.
    """
    length = own_bytes + sum(codes.unzipped_bytes(connection, layer.sha256) for layer in layers)
    if length > UNZIPPED_BYTES_MAX:
        raise ParameterError(
            "Function code combined with layers exceeds the maximum allowed size of "
            f"{UNZIPPED_BYTES_MAX} bytes. The actual size is {length} bytes."
        )


def policy_of(connection: Connection, version: LayerVersion) -> str | None:
    """Return the policy of a layer version as a JSON text; None when it has none."""
    statements = rows.statements_of(connection, version.id)
    return policy_text.document(*statements.values()) if statements else None


def policy_at(connection: Connection, reference: LayerRef) -> str | None:
    """Return the policy of the version that is meant; None when it has none, or isn't there."""
    found = rows.find_version(connection, reference.layer_arn, reference.version or 0)
    return None if found is None else policy_of(connection, found)


def add_statement(
    connection: Connection, version: LayerVersion, request: Mapping[str, Any]
) -> tuple[str, str]:
    """Store the statement that the request asks for; return it and the new revision.

    Raises:
        StatementExistsError: there is a statement of that id.
        PolicyTooLongError: the policy would be longer than one may be.
        PrincipalInvalidError: the principal can't be one.
        ParameterError: the statement would be of a kind that isn't served.
    """
    statement_id = request["StatementId"]
    statements = rows.statements_of(connection, version.id)
    if statement_id in statements:
        raise StatementExistsError(statement_id)
    if request.get("OrganizationId"):
        raise ParameterError("Organizations aren't served here: leave OrganizationId out.")
    text = json.dumps(_statement(version, request), separators=(",", ":"))
    policy_text.check_statement(text)
    document = policy_text.document(*statements.values(), text)
    if len(document.encode()) > policy_text.POLICY_BYTES_MAX:
        raise PolicyTooLongError(policy_text.POLICY_BYTES_MAX)
    rows.insert_statement(connection, version.id, statement_id, text)
    revision_id = new_uuid()
    rows.save_revision(connection, version.id, revision_id)
    return text, revision_id


def remove_statement(connection: Connection, version: LayerVersion, statement_id: str) -> None:
    """Remove a statement from a version's policy.

    Raises:
        LayerPolicyNotFoundError: it has none.
        StatementNotFoundError: its policy has no such statement.
    """
    statements = rows.statements_of(connection, version.id)
    if not statements:
        raise LayerPolicyNotFoundError
    if statement_id not in statements:
        raise StatementNotFoundError(statement_id)
    rows.delete_statement(connection, version.id, statement_id)
    rows.save_revision(connection, version.id, new_uuid())


def new_of(function: Function, arns: Sequence[str]) -> list[str]:
    """Return those layer versions that a function doesn't have yet."""
    kept = {layer.arn for layer in function.layers}
    return [arn for arn in arns if arn not in kept]


def _new_layer(connection: Connection, arn: str) -> FunctionLayer:
    reference = read_reference(arn, region="", account="")
    found = rows.find_version(connection, reference.layer_arn, reference.version or 0)
    if found is None:
        raise LayerVersionGoneError(arn)
    return FunctionLayer(arn=found.arn, sha256=found.code_sha256, code_bytes=found.code_bytes)


def _statement(version: LayerVersion, request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": policy_text.principal_of(request["Principal"]),
        "Action": request["Action"],
        "Resource": version.arn,
    }
