"""Requests that are turned away before any operation: they lead nowhere, or are one too many."""

from collections.abc import Iterable

from keyturn.model.errors import LimitError, NotFoundError


class ServiceNotServedError(NotFoundError):
    """The request is signed for a service that isn't served here."""

    def __init__(self, service: str, served: Iterable[str]) -> None:
        super().__init__(service)
        self.service = service
        self.served = sorted(served)


class OperationNotServedError(NotFoundError):
    """AWS has the operation; this server doesn't."""

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.operation = operation


class ThrottledError(LimitError):
    """A principal sends more requests than the server's rate limit allows it."""

    def __init__(self, principal_arn: str) -> None:
        super().__init__(principal_arn)
        self.principal_arn = principal_arn
