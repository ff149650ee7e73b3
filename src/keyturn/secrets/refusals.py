"""Why Secrets Manager refuses, one class a reason.

The reasons that belong to one rule alone stand beside that rule (``stages``, ``names``,
``password``); these are shared.
"""

from keyturn.model.errors import ConflictError, InvalidInputError, LimitError, NotFoundError


class SecretNotFoundError(NotFoundError):
    """There is no secret that the ``SecretId`` refers to."""


class StageNotFoundError(NotFoundError):
    """No version with a value carries the label."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


class VersionNotFoundError(NotFoundError):
    """There is no such version, or it has no value yet."""

    def __init__(self, version_id: str) -> None:
        super().__init__(version_id)
        self.version_id = version_id


class UnknownVersionError(InvalidInputError):
    """A label can't go to a version that doesn't exist."""

    def __init__(self, version_id: str) -> None:
        super().__init__(version_id)
        self.version_id = version_id


class StageVersionMismatchError(ConflictError):
    """The request names a version and a label that is not on it."""


class ScheduledForDeletionError(ConflictError):
    """The secret is scheduled for deletion, so this can't be done with it."""


class NameScheduledForDeletionError(ConflictError):
    """The name belongs to a secret that is scheduled for deletion."""


class NameTakenError(ConflictError):
    """The name belongs to another secret."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class TokenReusedError(ConflictError):
    """The token already names a version that holds another value."""

    def __init__(self, token: str, arn: str) -> None:
        super().__init__(token, arn)
        self.token = token
        self.arn = arn


class TokenMissingError(InvalidInputError):
    """A write without ClientRequestToken: it could not be told from its repetition."""


class ValueMissingError(InvalidInputError):
    """Neither SecretString nor SecretBinary."""


class TwoValuesError(InvalidInputError):
    """Both SecretString and SecretBinary."""


class ValueTooLongError(LimitError):
    """The value has more bytes than a version may hold."""


class ForceWithRecoveryWindowError(InvalidInputError):
    """A deletion at once can't also have a recovery window."""


class RecoveryWindowError(InvalidInputError):
    """The recovery window is shorter or longer than AWS allows."""


class TooManyVersionsError(LimitError):
    """The secret has as many versions as it may have, and none that can be given up."""


class TooManySecretsError(LimitError):
    """The account has as many secrets in the region as it may have."""


class TooManyTagsError(LimitError):
    """More tags than a secret may have."""


class TagKeyMissingError(InvalidInputError):
    """A tag without a key."""


class EitherListOrFiltersError(InvalidInputError):
    """A batch is asked for by a list of secrets or by filters: by one of them."""


class MostWithoutFiltersError(InvalidInputError):
    """Only what filters find comes in pages."""


class ReplicaMemberError(InvalidInputError):
    """A replica of another account's secret is made without this member."""

    def __init__(self, member: str) -> None:
        super().__init__(member)
        self.member = member


class ReservedTagError(InvalidInputError):
    """Tag keys that begin with ``aws:`` are AWS's own."""
