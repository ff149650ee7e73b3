"""Users, roles and access keys, as every package above the store sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

IdentityKind = Literal["user", "role"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a user and a role have in common: policies are attached to either.

    Attributes:
        id: the store's own number for it; never leaves the server.
        path: begins and ends with ``/``.
        unique_id: never used again, also not for another identity of the same name.
    """

    kind: ClassVar[IdentityKind]

    id: int
    account: str
    name: str
    path: str
    arn: str
    unique_id: str
    created_at: datetime
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Identity):
    """An identity with access keys of its own."""

    kind: ClassVar[IdentityKind] = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role(Identity):
    """An identity that others take on for a while.

    Attributes:
        trust_policy: the document that says who may; AWS's AssumeRolePolicyDocument.
        max_session_seconds: how long a session may be at most.
    """

    kind: ClassVar[IdentityKind] = "role"

    trust_policy: str
    max_session_seconds: int
    description: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A user's access key, its secret half sealed."""

    access_key_id: str
    user_id: int
    is_active: bool
    created_at: datetime
    sealed_secret: bytes = field(repr=False)
