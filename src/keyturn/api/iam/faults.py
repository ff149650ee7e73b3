"""From a refusal to IAM's error.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""

from keyturn.api.iam.bad_values import bad_value, validation_error
from keyturn.api.iam.pages import InvalidMarkerError
from keyturn.iam import access_keys, policies, refusals, roles, tags
from keyturn.iam.policy.document import MalformedPolicyError, NotJsonError
from keyturn.model.errors import ServiceError
from keyturn.wire.fault import Fault

_CONFLICT = 409
_NOT_FOUND = 404

_INVALID: dict[type[ServiceError], str] = {
    refusals.InvalidPathError: (
        "The specified value for path is invalid. It must begin and end with / and contain only "
        "alphanumeric characters and/or / characters."
    ),
    refusals.MalformedArnError: "Invalid ARN:  Could not be parsed!",
    refusals.UserNameMissingError: "Must specify userName when calling with non-User credentials",
    refusals.AccessKeyStatusError: (
        "The status of an access key can only be set to Active or Inactive."
    ),
    InvalidMarkerError: "Invalid Marker.",
}

_QUOTAS: dict[type[ServiceError], tuple[str, int]] = {
    refusals.TooManyAccessKeysError: ("AccessKeysPerUser", access_keys.ACCESS_KEYS_PER_USER_MAX),
    refusals.TrustPolicyTooLongError: ("ACLSizePerRole", roles.TRUST_POLICY_CHARACTERS_MAX),
    refusals.TooManyTagsError: ("TagsPerResource", tags.TAGS_MAX),
}

_IN_USE = {
    "policies": "Cannot delete entity, must remove referenced objects first.",
    "access keys": "Cannot delete entity, must delete access keys first.",
}


def fault_of(error: ServiceError) -> Fault | None:
    """Return the error that AWS gives for a refusal; None for one that isn't this service's."""
    text = _INVALID.get(type(error))
    if text is not None:
        return validation_error(text)
    quota = _QUOTAS.get(type(error))
    if quota is not None:
        return _quota(*quota)
    return _not_found(error) or _conflict(error) or _unfit(error) or bad_value(error)


def _not_found(error: ServiceError) -> Fault | None:
    match error:
        case refusals.IdentityNotFoundError(kind=kind, name=name):
            text = f"The {kind} with name {name} cannot be found."
        case refusals.InlinePolicyNotFoundError(kind=kind, policy_name=name):
            text = f"The {kind} policy with name {name} cannot be found."
        case refusals.AccessKeyNotFoundError(access_key_id=access_key_id):
            text = f"The Access Key with id {access_key_id} cannot be found."
        case refusals.PolicyNotFoundError(policy_arn=arn):
            text = f"Policy {arn} does not exist or is not attachable."
        case refusals.PolicyVersionNotFoundError(policy_arn=arn, version_id=version_id):
            text = f"Policy {arn} version {version_id} does not exist or is not attachable."
        case refusals.PolicyNotAttachedError(policy_arn=arn):
            text = f"Policy {arn} was not found."
        case _:
            return None
    return Fault("NoSuchEntity", text, _NOT_FOUND)


def _conflict(error: ServiceError) -> Fault | None:
    match error:
        case refusals.IdentityExistsError(kind=kind, name=name):
            text = f"{kind.capitalize()} with name {name} already exists."
            return Fault("EntityAlreadyExists", text, _CONFLICT)
        case refusals.IdentityInUseError(left=left):
            return Fault("DeleteConflict", _IN_USE[left], _CONFLICT)
        case _:
            return None


def _unfit(error: ServiceError) -> Fault | None:
    match error:
        case NotJsonError():
            return Fault("MalformedPolicyDocument", "This policy contains invalid Json")
        case MalformedPolicyError(reason=reason):
            return Fault("MalformedPolicyDocument", f"Syntax errors in policy: {reason}.")
        case refusals.TooManyAttachedPoliciesError(kind=kind):
            return _quota(f"PoliciesPer{kind.capitalize()}", policies.ATTACHED_POLICIES_MAX)
        case refusals.InlinePoliciesTooLongError(kind=kind, name=name, characters_max=most):
            text = f"Maximum policy size of {most} bytes exceeded for {kind} {name}"
            return Fault("LimitExceeded", text, _CONFLICT)
        case refusals.DuplicateTagError():
            text = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
            return Fault("InvalidInput", text)
        case _:
            return None


def _quota(name: str, most: int) -> Fault:
    return Fault("LimitExceeded", f"Cannot exceed quota for {name}: {most}", _CONFLICT)
