"""From a refusal to Secrets Manager's error. Every client error is HTTP 400, "not found" too.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html
"""

from keyturn.api.secretsmanager import (
    listing_faults,
    policy_faults,
    replica_faults,
    rotation_faults,
    token_texts,
)
from keyturn.keys.envelope import DecryptionError
from keyturn.model.errors import ServiceError
from keyturn.model.limits import (
    SECRET_VALUE_BYTES_MAX,
    SECRETS_PER_REGION_MAX,
    STAGES_PER_SECRET_MAX,
    TAGS_PER_SECRET_MAX,
    VERSIONS_PER_SECRET_MAX,
)
from keyturn.secrets import names, password, refusals, stages
from keyturn.wire.fault import Fault

_EXISTS = "ResourceExistsException"
_NOT_FOUND = "ResourceNotFoundException"
_PARAMETER = "InvalidParameterException"
_REQUEST = "InvalidRequestException"
_LIMIT = "LimitExceededException"
_VALIDATION = "ValidationException"

_INVALID_NAME = (
    "Invalid name. Must be a valid name containing alphanumeric characters, or any of the "
    "following: -/_+=.@!"
)
_DELETED = "You can't perform this operation on the secret because it was marked for deletion."
_NAME_DELETED = (
    "You can't create this secret because a secret with this name is already scheduled for "
    "deletion."
)
_TWO_VALUES = (
    "You can't specify both a binary secret value and a string secret value in the same secret."
)
_CURRENT_REMOVED = (
    "You can only move staging label AWSCURRENT to a different secret version. It can\u2019t be "
    "completely removed."
)

_PLAIN: dict[type[ServiceError], tuple[str, str]] = {
    refusals.SecretNotFoundError: (
        _NOT_FOUND,
        "Secrets Manager can't find the specified secret.",
    ),
    refusals.StageVersionMismatchError: (
        _REQUEST,
        "You provided a VersionStage that is not associated to the provided VersionId.",
    ),
    refusals.ScheduledForDeletionError: (_REQUEST, _DELETED),
    refusals.NameScheduledForDeletionError: (_REQUEST, _NAME_DELETED),
    refusals.TokenMissingError: (_REQUEST, token_texts.NO_TOKEN),
    refusals.ValueMissingError: (
        _REQUEST,
        "You must provide either SecretString or SecretBinary.",
    ),
    refusals.TwoValuesError: (
        _PARAMETER,
        _TWO_VALUES,
    ),
    refusals.ValueTooLongError: (
        _PARAMETER,
        f"The secret value can't be longer than {SECRET_VALUE_BYTES_MAX} bytes.",
    ),
    refusals.ForceWithRecoveryWindowError: (
        _PARAMETER,
        "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
    ),
    refusals.RecoveryWindowError: (
        _PARAMETER,
        "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
    ),
    refusals.EitherListOrFiltersError: (
        _PARAMETER,
        "Either 'SecretIdList' or 'Filters' must be provided, but not both.",
    ),
    refusals.MostWithoutFiltersError: (
        _PARAMETER,
        "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.",
    ),
    refusals.TooManyVersionsError: (
        _LIMIT,
        f"A secret can't have more than {VERSIONS_PER_SECRET_MAX} versions within a day.",
    ),
    refusals.TooManySecretsError: (
        _LIMIT,
        f"An account can't have more than {SECRETS_PER_REGION_MAX} secrets in a Region.",
    ),
    refusals.TooManyTagsError: (
        _PARAMETER,
        f"A secret can't have more than {TAGS_PER_SECRET_MAX} tags.",
    ),
    refusals.TagKeyMissingError: (_PARAMETER, "Every tag must have a key."),
    refusals.ReservedTagError: (
        _PARAMETER,
        "Tag keys that begin with aws: are reserved for AWS use.",
    ),
    names.InvalidNameError: (_VALIDATION, _INVALID_NAME),
    stages.TooManyStagesError: (
        _LIMIT,
        f"A secret can't have more than {STAGES_PER_SECRET_MAX} staging labels.",
    ),
    stages.NoStageChangeError: (
        _PARAMETER,
        "You must provide a RemoveFromVersionId, a MoveToVersionId, or both.",
    ),
    stages.CurrentStageRemovedError: (
        _PARAMETER,
        _CURRENT_REMOVED,
    ),
    password.PasswordTooShortError: (
        _PARAMETER,
        "Password length is too short based on the required types.",
    ),
    password.NoCharactersLeftError: (
        _PARAMETER,
        "Every character is excluded, so there is none to make a password of.",
    ),
    DecryptionError: (
        "DecryptionFailure",
        "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
    ),
}


def fault_of(error: ServiceError) -> Fault | None:
    """Return the error that AWS gives for a refusal; None for one that isn't this service's."""
    plain = _PLAIN.get(type(error))
    if plain is not None:
        code, text = plain
        return Fault(code, text)
    return (
        _with_names(error)
        or listing_faults.fault_of(error)
        or replica_faults.fault_of(error)
        or policy_faults.fault_of(error)
        or rotation_faults.fault_of(error)
    )


def _with_names(error: ServiceError) -> Fault | None:
    match error:
        case refusals.StageNotFoundError(stage=stage):
            return _value_not_found(f"staging label: {stage}")
        case refusals.VersionNotFoundError() | refusals.UnknownVersionError():
            return _value_not_found(f"VersionId: {error.version_id}")
        case refusals.NameTakenError() | refusals.TokenReusedError():
            return Fault(_EXISTS, _exists_text(error))
        case stages.StageElsewhereError() | stages.StageNotOnVersionError():
            return Fault(_PARAMETER, _stage_text(error))
        case _:
            return None


def _exists_text(error: refusals.NameTakenError | refusals.TokenReusedError) -> str:
    if isinstance(error, refusals.NameTakenError):
        return f"The operation failed because the secret {error.name} already exists."
    return token_texts.in_use(error.token, error.arn)


def _value_not_found(which: str) -> Fault:
    return Fault(_NOT_FOUND, f"Secrets Manager can't find the specified secret value for {which}")


def _stage_text(error: stages.StageElsewhereError | stages.StageNotOnVersionError) -> str:
    if isinstance(error, stages.StageElsewhereError) and error.removed_from is None:
        return (
            "The parameter RemoveFromVersionId can't be empty. Staging label "
            f"{error.stage} is currently attached to version {error.holder}, so you must "
            "explicitly reference that version in RemoveFromVersionId."
        )
    return (
        f"When you move staging label {error.stage}, if you specify RemoveFromVersionId, it must "
        f"be set to the version that currently has the staging label {error.stage}."
    )
