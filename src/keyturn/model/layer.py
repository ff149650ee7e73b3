"""A version of a Lambda layer, as every package above the store sees it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerVersion:
    """Code that functions can have laid under theirs. It never changes.

    Attributes:
        id: the store's own number for it; never leaves the server.
        layer_arn: the ARN of the layer, without the version.
        code_sha256: the hexadecimal SHA-256 of the ZIP.
        revision_id: changes with its policy.
    """

    id: int
    account: str
    region: str
    name: str
    layer_arn: str
    version: int
    description: str
    license_info: str | None
    runtimes: tuple[str, ...]
    architectures: tuple[str, ...]
    code_sha256: str
    code_bytes: int
    created_at: datetime
    revision_id: str

    @property
    def arn(self) -> str:
        """The version's own ARN."""
        return f"{self.layer_arn}:{self.version}"
