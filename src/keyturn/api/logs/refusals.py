"""Why CloudWatch Logs refuses."""

from keyturn.model.errors import ConflictError, NotFoundError


class GroupNotFoundError(NotFoundError):
    """There is no such log group."""


class StreamNotFoundError(NotFoundError):
    """There is no such log stream."""


class GroupExistsError(ConflictError):
    """There is a log group of that name."""
