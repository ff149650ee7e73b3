"""GetRandomPassword.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html
"""

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output
from keyturn.secrets.password import PasswordRules, generate


def get_random_password(call: AuthorisedCall) -> Output:
    """Return a fresh password; nothing of it is kept."""
    params = call.params
    rules = PasswordRules(
        length=params.get("PasswordLength", 32),
        exclude_characters=params.get("ExcludeCharacters", ""),
        exclude_numbers=params.get("ExcludeNumbers", False),
        exclude_punctuation=params.get("ExcludePunctuation", False),
        exclude_uppercase=params.get("ExcludeUppercase", False),
        exclude_lowercase=params.get("ExcludeLowercase", False),
        include_space=params.get("IncludeSpace", False),
        require_each_included_type=params.get("RequireEachIncludedType", True),
    )
    return {"RandomPassword": generate(rules).reveal().decode()}
