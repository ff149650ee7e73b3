"""What makes a user the user it is, and what two users differ in.

An engine tells a user's rights as it finds them; what to do about a difference is the same for
every engine, and is decided here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Right:
    """One thing that a user may do, is a member of, or is limited to.

    Attributes:
        subject: what it is about, in the engine's own words; a user has one right to a subject.
        value: how the user has it, "" where there is one way only. A limit that isn't set is a
            right too, with the value that says so: then it is never taken away, but set.
        is_value_told: whether logs and reports may show the value.
        is_own: whether it is one user's alone: not passed on, and taken away from a follower.
    """

    subject: tuple[str, ...]
    value: str = field(default="", repr=False)
    is_value_told: bool = True
    is_own: bool = False

    def __str__(self) -> str:
        value = self.value if self.is_value_told else ""
        return " ".join((*self.subject, value)).strip()


@dataclass(frozen=True, slots=True)
class Drift:
    """What has to be done to a follower for it to have its model's rights.

    Attributes:
        missing: what it lacks, or has in another way; in the order in which to give it.
        surplus: what it has and its model hasn't; in the order in which to take it away.
    """

    missing: tuple[Right, ...] = ()
    surplus: tuple[Right, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.surplus)

    def __str__(self) -> str:
        lines = [f"- {right}" for right in self.surplus] + [f"+ {right}" for right in self.missing]
        return "; ".join(lines) or "none"


def compare(model: Sequence[Right], follower: Sequence[Right]) -> Drift:
    """Return how a follower's rights differ from its model's.

    Each is given in the order in which its rights can be given: a role before what needs it.
    """
    passed_on = [right for right in model if not right.is_own]
    wanted = {right.subject for right in passed_on}
    has = set(follower)
    return Drift(
        missing=tuple(right for right in passed_on if right not in has),
        surplus=tuple(right for right in reversed(follower) if right.subject not in wanted),
    )
