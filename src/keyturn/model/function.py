"""A Lambda function, as every package above the store sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

LATEST: Final = "$LATEST"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionLayer:
    """A layer version that a function uses. Its code is kept as long as one does.

    Attributes:
        arn: the layer version's ARN.
        sha256: the hexadecimal SHA-256 of its ZIP.
    """

    arn: str
    sha256: str
    code_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function's configuration: the one that can be changed, or a published version's.

    Attributes:
        id: the store's own number for it, the same for all of its versions; never leaves the
            server.
        arn: its ARN without a qualifier.
        code_sha256: the hexadecimal SHA-256 of the ZIP.
        sealed_environment: the environment variables, sealed; None when there are none.
        revision_id: changes with every change.
        version: ``$LATEST``, or the number of a published version.
        layers: what is laid under its code, the first lowest.
        custom_log_group: the log group that its owner chose, if not Lambda's default.
        reserved_concurrency: how many of its invocations may run at once, of all versions
            together; None for what is left of the account's.
    """

    id: int
    account: str
    region: str
    name: str
    arn: str
    runtime: str
    handler: str
    role_arn: str
    description: str
    timeout_seconds: int
    memory_mb: int
    storage_mb: int
    architecture: str
    code_sha256: str
    code_bytes: int
    modified_at: datetime
    revision_id: str
    vpc_config: Mapping[str, list[str]] | None = None
    tags: Mapping[str, str] | None = None
    sealed_environment: bytes | None = field(default=None, repr=False)
    version: str = LATEST
    layers: tuple[FunctionLayer, ...] = ()
    custom_log_group: str | None = None
    reserved_concurrency: int | None = None

    @property
    def log_group(self) -> str:
        """The log group that it writes to."""
        return self.custom_log_group or f"/aws/lambda/{self.name}"

    @property
    def qualified_arn(self) -> str:
        """Its ARN with the version behind it, as AWS writes a version's."""
        return f"{self.arn}:{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A name for a version of a function, and perhaps for a share of another.

    Attributes:
        version: what it points to: ``$LATEST`` or a number.
        weights: the shares, from 0 to 1, that other versions have of its invocations.
    """

    function_id: int
    name: str
    version: str
    description: str
    weights: Mapping[str, float]
    revision_id: str
