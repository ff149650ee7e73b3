"""What a listing of secrets is asked for, and as much of a secret as it looks at. No IO."""

from dataclasses import dataclass
from typing import Literal

from keyturn.model.secret import CrossAccountStatus, Tags, primary_region_of

SortKey = Literal["created-date", "last-accessed-date", "last-changed-date", "name"]
"""What ListSecrets calls ``SortBy``."""


@dataclass(frozen=True, slots=True)
class Order:
    """The order that secrets are listed in; those that are equal in it go by their numbers."""

    key: SortKey = "created-date"
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where a secret stands in an order: what it is ordered by, and our number for it.

    Attributes:
        value: a name, or milliseconds since the epoch; 0 for a secret that was never accessed.
    """

    value: int | str
    secret_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A secret as far as a listing must look at it, to tell whether it is one of those asked for.

    Attributes:
        position: where it stands in the order that is asked for.
    """

    position: Position
    name: str
    is_deleted: bool = False
    description: str | None = None
    tags: Tags | None = None
    owning_service: str | None = None
    primary_arn: str | None = None
    cross_account_status: CrossAccountStatus | None = None

    @property
    def primary_region(self) -> str | None:
        """The region of the primary, for a secret that other regions hold too."""
        return primary_region_of(self.primary_arn, self.cross_account_status)
