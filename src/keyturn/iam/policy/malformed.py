"""Why a text isn't a policy document, and the little checks that find out.

None of the errors holds more of a document than a name in it.
"""

from collections.abc import Mapping
from typing import Any, Final

from keyturn.model.errors import InvalidInputError

QUOTED_CHARACTERS_MAX: Final = 64
"""How much of a document's own words an error holds."""


class MalformedPolicyError(InvalidInputError):
    """The text isn't a policy document.

    Attributes:
        place: where it goes wrong, such as ``Statement[0].Action``.
        problem: what is wrong there, in our own words, such as ``has no value``.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(place, problem)
        self.place = place
        self.problem = problem

    @property
    def reason(self) -> str:
        """Where it goes wrong and what is wrong there, as a sentence."""
        return f"{self.place} {self.problem}"


class NotJsonError(MalformedPolicyError):
    """The text isn't even JSON."""


class MalformedPrincipalError(MalformedPolicyError):
    """A statement names somebody whom no policy can name."""


def checked_object(value: object, place: str) -> dict[str, Any]:
    """Return ``value``, which must be a JSON object."""
    if not isinstance(value, dict):
        raise MalformedPolicyError(place, "must be a JSON object")
    return value


def as_list(value: object) -> list[Any]:
    """Return what an element has that may be one item or a list of them."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def refuse_unknown(members: Mapping[str, Any], known: frozenset[str], place: str) -> None:
    """Refuse members that nobody here would understand."""
    for name in members:
        if name not in known:
            quoted = name[:QUOTED_CHARACTERS_MAX]
            raise MalformedPolicyError(place, f"has an element that isn't known: {quoted}")
