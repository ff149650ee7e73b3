"""What a database's error codes mean to a rotation, for engines that tell errors by codes."""

from dataclasses import dataclass, field

from keyturn_rotators.errors import (
    ConnectionLostError,
    MissingRightError,
    PasswordRefusedError,
    ReadOnlyTargetError,
    StatementFailedError,
    TargetError,
)

Codes = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """The codes of each kind of refusal, as the vendor lists them."""

    login: Codes
    missing_right: Codes
    password: Codes
    read_only: Codes
    lost: Codes = field(default_factory=frozenset)

    def of_statement(self, code: str, said: str, where: str, advice: str) -> TargetError:
        """Return what a statement's refusal is to a rotation.

        Args:
            said: without values.
            advice: what to do about a missing right.
        """
        if code in self.missing_right:
            return MissingRightError(where, said, advice)
        if code in self.password:
            return PasswordRefusedError(where, said)
        if code in self.read_only:
            return ReadOnlyTargetError(where)
        if code in self.lost:
            return ConnectionLostError(where, said)
        return StatementFailedError(where, said)
