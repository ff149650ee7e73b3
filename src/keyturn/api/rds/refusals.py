"""Why RDS and Redshift refuse."""

from keyturn.model.errors import InvalidInputError, NotFoundError
from keyturn.model.target import TargetKind


class UnknownTargetError(NotFoundError):
    """The operator has named no such database."""

    def __init__(self, kind: TargetKind, identifier: str) -> None:
        super().__init__(kind, identifier)
        self.kind = kind
        self.identifier = identifier


class InvalidIdentifierError(InvalidInputError):
    """No database can be called that."""

    def __init__(self, member: str) -> None:
        super().__init__(member)
        self.member = member


class PageLengthError(InvalidInputError):
    """A page can't have that many records."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


class InvalidMarkerError(InvalidInputError):
    """The marker isn't one that an earlier page ended with."""


class UnknownFilterError(InvalidInputError):
    """The operation has no such filter."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class IdentifierWithMarkerError(InvalidInputError):
    """One cluster comes in no pages."""
