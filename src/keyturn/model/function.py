"""A Lambda function, as every package above the store sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function's configuration.

    Attributes:
        id: the store's own number for it; never leaves the server.
        code_sha256: the hexadecimal SHA-256 of the ZIP.
        sealed_environment: the environment variables, sealed; None when there are none.
        revision_id: changes with every change.
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
