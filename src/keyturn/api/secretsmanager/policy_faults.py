"""From a refusal of a resource policy to Secrets Manager's error.

The texts of ``PolicySyntaxError`` and ``UnsupportedPrincipalError`` are AWS's own.
"""

from keyturn.model.errors import ServiceError
from keyturn.secrets import resource_policy
from keyturn.wire.fault import Fault

_MALFORMED = "MalformedPolicyDocumentException"
_INVALID_SYNTAX = (_MALFORMED, "This policy has invalid syntax.")

_PLAIN: dict[type[ServiceError], tuple[str, str]] = {
    resource_policy.PolicySyntaxError: _INVALID_SYNTAX,
    resource_policy.PolicyNotJsonError: _INVALID_SYNTAX,
    resource_policy.UnsupportedPrincipalError: (
        _MALFORMED,
        "This resource policy contains an unsupported principal.",
    ),
    resource_policy.PublicPolicyError: (
        "PublicPolicyException",
        "This resource policy allows broad access to the secret, and BlockPublicPolicy is set.",
    ),
    resource_policy.LockedOutError: (
        "InvalidRequestException",
        "This resource policy would keep you from calling PutResourcePolicy on the secret again.",
    ),
    resource_policy.PolicyNameError: (
        "InvalidParameterException",
        "You can only change the resource policy that is called default.",
    ),
}


def fault_of(error: ServiceError) -> Fault | None:
    """Return the error that AWS gives; None for a refusal that isn't about a policy."""
    if isinstance(error, resource_policy.PolicyNotFoundError):
        text = f"The secret has no resource policy that is called {error.name}."
        return Fault("ResourceNotFoundException", text)
    plain = _PLAIN.get(type(error))
    return None if plain is None else Fault(*plain)
