"""An error answer, before it has a protocol.

AWS: each service's API reference, "Common Errors".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

INTERNAL_FAILURE: Final = "InternalFailure"
"""Stands for each service's own name for its own failure; encoding a fault replaces it."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Fault(Exception):  # noqa: N818  AWS's word: it is an answer, not a defect
    """An error answer.

    Attributes:
        code: the error's name on the wire, such as ``ResourceNotFoundException``.
        message: what the caller reads. Never holds a secret value.
        status: the HTTP status.
        is_sender: whether the caller is to blame, rather than this server.
        members: further members of a modelled error, such as Lambda's ``{"Type": "User"}``.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        *,
        is_sender: bool = True,
        members: Mapping[str, Any] = _NOTHING,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.is_sender = is_sender
        self.members = members


def internal_failure() -> Fault:
    """Return the answer to whatever we can't explain; the service picks its name."""
    return Fault(
        INTERNAL_FAILURE,
        "The request could not be completed because of an internal failure.",
        500,
        is_sender=False,
    )
