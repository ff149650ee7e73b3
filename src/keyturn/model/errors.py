"""The roots of everything that a caller may be told about.

* ServiceError
  + NotFoundError        no such thing, or none the caller may know of
  + ConflictError        the thing's state, or another thing, is in the way
  + InvalidInputError    the request says something that no state could allow
  + LimitError           a named limit was reached
  + NotAllowedError      the caller may not do this
  + SignatureError       the request isn't proven to come from anyone (``keyturn.iam.sigv4``)

A package that refuses for a reason of its own subclasses the root that fits, with names and
numbers as attributes, never secret values and never wire texts. ``keyturn.api`` turns each
subclass into one AWS error, per service; whatever is not a ``ServiceError`` is our own fault and
leaves the server as an internal failure with no detail.
"""


class ServiceError(Exception):
    """Something that is refused on purpose."""


class NotFoundError(ServiceError):
    """No such resource, or none the caller may know of."""


class ConflictError(ServiceError):
    """The resource's state, or another resource, is in the way."""


class InvalidInputError(ServiceError):
    """The request says something that no state could allow."""


class LimitError(ServiceError):
    """A named limit was reached."""


class SignatureError(ServiceError):
    """The request isn't proven to come from anyone."""


class NotAllowedError(ServiceError):
    """A principal may not perform an action on a resource.

    Attributes:
        principal_arn: who asked.
        action: the IAM action, such as ``secretsmanager:GetSecretValue``.
        resource: what the action was about: an ARN, a name, or ``*``; empty for nothing.
        reason: the end of AWS's sentence, with the word that begins it, such as ``because no
            identity-based policy allows the secretsmanager:GetSecretValue action`` or ``with an
            explicit deny in a resource-based policy``.
    """

    def __init__(self, *, principal_arn: str, action: str, resource: str, reason: str) -> None:
        super().__init__(principal_arn, action, resource, reason)
        self.principal_arn = principal_arn
        self.action = action
        self.resource = resource
        self.reason = reason

    def about(self, resource: str) -> "NotAllowedError":
        """Return the same refusal with the resource named otherwise."""
        return NotAllowedError(
            principal_arn=self.principal_arn,
            action=self.action,
            resource=resource,
            reason=self.reason,
        )
