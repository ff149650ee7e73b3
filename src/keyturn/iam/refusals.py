"""Why IAM and STS refuse, one class a reason.

Why a policy can't be read is in ``keyturn.iam.policy.document``, and why nobody is believed to
have sent a request in ``keyturn.iam.sigv4`` and ``keyturn.iam.credentials``.
"""

from typing import Literal

from keyturn.model.errors import ConflictError, InvalidInputError, LimitError, NotFoundError
from keyturn.model.identity import IdentityKind


class IdentityNotFoundError(NotFoundError):
    """There is no user or role of that name."""

    def __init__(self, kind: IdentityKind, name: str) -> None:
        super().__init__(kind, name)
        self.kind = kind
        self.name = name


class InlinePolicyNotFoundError(NotFoundError):
    """The identity has no inline policy of that name."""

    def __init__(self, kind: IdentityKind, policy_name: str) -> None:
        super().__init__(kind, policy_name)
        self.kind = kind
        self.policy_name = policy_name


class PolicyNotFoundError(NotFoundError):
    """There is no managed policy with that ARN."""

    def __init__(self, policy_arn: str) -> None:
        super().__init__(policy_arn)
        self.policy_arn = policy_arn


class PolicyVersionNotFoundError(NotFoundError):
    """The managed policy has no such version."""

    def __init__(self, policy_arn: str, version_id: str) -> None:
        super().__init__(policy_arn, version_id)
        self.policy_arn = policy_arn
        self.version_id = version_id


class PolicyNotAttachedError(NotFoundError):
    """The managed policy isn't attached to the identity."""

    def __init__(self, policy_arn: str) -> None:
        super().__init__(policy_arn)
        self.policy_arn = policy_arn


class AccessKeyNotFoundError(NotFoundError):
    """The user has no access key with that id."""

    def __init__(self, access_key_id: str) -> None:
        super().__init__(access_key_id)
        self.access_key_id = access_key_id


class IdentityExistsError(ConflictError):
    """Another user or role has that name, in whatever case."""

    def __init__(self, kind: IdentityKind, name: str) -> None:
        super().__init__(kind, name)
        self.kind = kind
        self.name = name


class IdentityInUseError(ConflictError):
    """Access keys or policies belong to the identity; it can't be deleted before them."""

    def __init__(self, left: Literal["access keys", "policies"]) -> None:
        super().__init__(left)
        self.left = left


class InvalidNameError(InvalidInputError):
    """A name has characters that it may not have.

    Attributes:
        member: which name, such as ``roleName``.
    """

    def __init__(self, member: str) -> None:
        super().__init__(member)
        self.member = member


class InvalidPathError(InvalidInputError):
    """A path doesn't begin and end with ``/``, or has characters that it may not have."""


class OutOfRangeError(InvalidInputError):
    """A number, or the length of a text, is outside its limits.

    Attributes:
        member: what is, such as ``durationSeconds``.
        value: what it is.
        bound: the limit that it passes.
    """

    def __init__(self, member: str, value: int, bound: int) -> None:
        super().__init__(member, value, bound)
        self.member = member
        self.value = value
        self.bound = bound


class MalformedArnError(InvalidInputError):
    """What should be an ARN isn't one."""


class DuplicateTagError(InvalidInputError):
    """Two tags have the same key, in whatever case."""


class UserNameMissingError(InvalidInputError):
    """A session of a role has no user of its own, so the request must name one."""


class AccessKeyStatusError(InvalidInputError):
    """An access key can be made active or inactive, nothing else."""


class UnsupportedMemberError(InvalidInputError):
    """The request asks for something that isn't done here, and must not be left out silently."""

    def __init__(self, member: str) -> None:
        super().__init__(member)
        self.member = member


class SessionTooLongError(InvalidInputError):
    """The session would last longer than the role allows."""


class ChainedSessionTooLongError(InvalidInputError):
    """A session that is begun from another session would last longer than an hour."""


class SourceIdentityChangedError(InvalidInputError):
    """A session keeps the source identity that it began with, through whatever roles."""


class TooManyAccessKeysError(LimitError):
    """The user has as many access keys as a user may have."""


class TooManyAttachedPoliciesError(LimitError):
    """The identity has as many managed policies as may be attached to one."""

    def __init__(self, kind: IdentityKind) -> None:
        super().__init__(kind)
        self.kind = kind


class InlinePoliciesTooLongError(LimitError):
    """The identity's inline policies together would be longer than they may be."""

    def __init__(self, kind: IdentityKind, name: str, characters_max: int) -> None:
        super().__init__(kind, name, characters_max)
        self.kind = kind
        self.name = name
        self.characters_max = characters_max


class TrustPolicyTooLongError(LimitError):
    """The trust policy is longer than one may be."""


class TooManyTagsError(LimitError):
    """More tags than an identity may have."""
