"""Why CloudWatch Logs refuses."""

from keyturn.model.errors import ConflictError, LimitError, NotFoundError


class GroupNotFoundError(NotFoundError):
    """There is no such log group."""


class StreamNotFoundError(NotFoundError):
    """There is no such log stream."""


class GroupExistsError(ConflictError):
    """There is a log group of that name."""


class StreamExistsError(ConflictError):
    """There is a log stream of that name in the group."""


class TooManyTagsError(LimitError):
    """A group would have more tags than AWS allows."""

    def __init__(self, resource_arn: str) -> None:
        super().__init__(resource_arn)
        self.resource_arn = resource_arn
