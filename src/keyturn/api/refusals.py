"""Requests that lead nowhere."""

from collections.abc import Iterable

from keyturn.model.errors import NotFoundError


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
