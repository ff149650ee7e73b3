"""Who may write to a rotation's version, and what the rotation function may make AWSCURRENT.

The rules, which every caller may rely on:

* Of Lambda functions, only the one that was called for the rotation may store the value of its
  version, or move AWSPENDING, or make the version AWSCURRENT.
* That one may make it AWSCURRENT during finishSecret alone: testSecret has accepted the value by
  then. The version of a test of the configuration never becomes AWSCURRENT.
* That one may make nothing else AWSCURRENT while the rotation is under way but the version that
  the rotation started from, which is how a function goes back; and it may make no other version
  the pending one, as the late call of an earlier rotation would.
* A rotation is under way from when it is asked for until the engine closes it.
* Whoever isn't a function may do what policies allow: somebody must be able to take AWSPENDING
  away. A role that a function has taken on isn't a function either, unless it shows the rotation's
  RotationToken.

Pure: no clock, no store. Whether policies allow the request isn't asked here.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html,
"The rotation function can't call another Lambda function to rotate the secret"; RotationToken in
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import hmac
from typing import Self

from keyturn.functions.permission import unqualified
from keyturn.keys.keyring import Keyring
from keyturn.model.errors import ConflictError, InvalidInputError
from keyturn.model.rotation import Kind, Rotation, Step
from keyturn.model.secret import AWSCURRENT, AWSPENDING


class RotationTokenError(InvalidInputError):
    """The RotationToken isn't that of the rotation under way, or its version is another."""


class WriterError(ConflictError):
    """A function may not make this change while the rotation is at this step."""

    def __init__(self, step: Step) -> None:
        super().__init__(step)
        self.step = step


class OtherFunctionError(WriterError):
    """The change is the rotation function's to make, and another one asks for it."""

    def __init__(self, step: Step, source_function_arn: str) -> None:
        super().__init__(step)
        self.source_function_arn = source_function_arn


class PromotedTooEarlyError(WriterError):
    """The rotation's version would be AWSCURRENT before its value is tested."""


class PromotionOfTestError(WriterError):
    """The version of a test would be AWSCURRENT; it is removed when the test is over."""


class PendingMovedElsewhereError(WriterError):
    """AWSPENDING would be on a version that isn't the rotation's."""


class CurrentMovedElsewhereError(WriterError):
    """AWSCURRENT would be on a version that isn't the rotation's, nor what it started from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a request would change.

    Attributes:
        moved: each label that it names, and the version that the label goes to; None for none.
        stored: the version that it stores a value for.
    """

    moved: Mapping[str, str | None]
    stored: str | None = None

    @classmethod
    def storing(cls, version_id: str, stages: Sequence[str] | None = None) -> Self:
        """Return the change that PutSecretValue or UpdateSecret makes.

        Args:
            stages: None for ``[AWSCURRENT]``, as AWS takes it.
        """
        wanted = (AWSCURRENT,) if stages is None else stages
        return cls(moved=dict.fromkeys(wanted, version_id), stored=version_id)

    @classmethod
    def moving(cls, stage: str, move_to: str | None) -> Self:
        """Return the change that UpdateSecretVersionStage makes."""
        return cls(moved={stage: move_to})

    def touches(self, version_id: str) -> bool:
        """Return whether it writes to a rotation's version, or says which one that is."""
        return (
            self.stored == version_id
            or AWSPENDING in self.moved
            or self.moved.get(AWSCURRENT) == version_id
        )


def rotation_token(keyring: Keyring, secret_arn: str, version_id: str) -> str:
    """Return the RotationToken of the events of one rotation: nothing is stored to know it again.

    Args:
        version_id: the ClientRequestToken of the same events.
    """
    return keyring.mark("rotation", secret_arn, version_id)


def require_rotation_token(
    given: str, keyring: Keyring, secret_arn: str, rotation: Rotation | None, change: Change
) -> None:
    """Return if ``given`` is the RotationToken of the rotation under way.

    Args:
        rotation: the secret's rotation under way, if there is one.

    Raises:
        RotationTokenError: it is another rotation's, or nobody's; the rotation is over; or the
            request stores another version than the rotation's.
    """
    if rotation is None or change.stored != rotation.token:
        raise RotationTokenError
    expected = rotation_token(keyring, secret_arn, rotation.token)
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise RotationTokenError


def require_writer(rotation: Rotation, *, called: str, source: str | None, change: Change) -> None:
    """Return if whoever asks may make ``change`` while ``rotation`` is under way.

    Args:
        called: the ARN of the function that the secret names for its rotation.
        source: the ARN of the function that asks; None for anybody else.

    Raises:
        OtherFunctionError: only the function that was called may make it.
        PromotedTooEarlyError, PromotionOfTestError, CurrentMovedElsewhereError: that one may not
            make this version AWSCURRENT now.
        PendingMovedElsewhereError: nor make this one the pending version.
    """
    if source is None:
        return
    if unqualified(source) == unqualified(called):
        if change.moved.get(AWSPENDING) not in (None, rotation.token):
            raise PendingMovedElsewhereError(rotation.step)
        _require_tested(rotation, change)
    elif change.touches(rotation.token):
        raise OtherFunctionError(rotation.step, source)


def _require_tested(rotation: Rotation, change: Change) -> None:
    # That AWSCURRENT can't go to no version at all is a rule of ``keyturn.secrets.stages``.
    current = change.moved.get(AWSCURRENT)
    if current is None:
        return
    if current != rotation.token:
        is_going_back = change.stored is None and current == rotation.started_from
        if not is_going_back:
            raise CurrentMovedElsewhereError(rotation.step)
    elif rotation.kind is Kind.TEST:
        raise PromotionOfTestError(rotation.step)
    elif rotation.step is not Step.FINISH:
        raise PromotedTooEarlyError(rotation.step)
