"""Which passwords a function makes: its environment and the secret say, the API makes them.

* The environment's variables are those of AWS's functions.
* A secret's own ``passwordPolicy``, an object with members of GetRandomPassword such as
  PasswordLength, comes before them, member by member.
* What the engine can't take is left out whatever they say.
* A value that isn't understood is an error: a misspelt EXCLUDE_PUNCTUATION would otherwise show
  only when the target refuses a password.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_available-rotation-templates.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.errors import SecretValueError, SettingError

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_secretsmanager.type_defs import GetRandomPasswordRequestTypeDef

LENGTH_MAX: Final = 4096
# They end a name or begin a part in the connection URLs that applications build.
EXCLUDED_DEFAULT: Final = ":/@\"'\\"
_TRUE: Final = {"true", "1", "y", "yes"}
_FALSE: Final = {"false", "0", "n", "no", ""}
_MEMBERS: Final = {
    "PasswordLength": "length",
    "ExcludeCharacters": "exclude_characters",
    "ExcludeNumbers": "exclude_numbers",
    "ExcludePunctuation": "exclude_punctuation",
    "ExcludeUppercase": "exclude_uppercase",
    "ExcludeLowercase": "exclude_lowercase",
    "RequireEachIncludedType": "require_each_included_type",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordPolicy:
    """What a fresh password is made of.

    Attributes:
        length: None for the engine's own (``Defaults.password_length``).
    """

    length: int | None = None
    exclude_characters: str = EXCLUDED_DEFAULT
    exclude_numbers: bool = False
    exclude_punctuation: bool = False
    exclude_uppercase: bool = False
    exclude_lowercase: bool = False
    require_each_included_type: bool = True

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "PasswordPolicy":
        """Read the policy from a function's environment variables.

        Raises:
            SettingError: a variable's value can't be understood.
        """
        return cls(
            length=_length(environment),
            exclude_characters=environment.get("EXCLUDE_CHARACTERS", EXCLUDED_DEFAULT),
            exclude_numbers=_flag(environment, "EXCLUDE_NUMBERS", default=False),
            exclude_punctuation=_flag(environment, "EXCLUDE_PUNCTUATION", default=False),
            exclude_uppercase=_flag(environment, "EXCLUDE_UPPERCASE", default=False),
            exclude_lowercase=_flag(environment, "EXCLUDE_LOWERCASE", default=False),
            require_each_included_type=_flag(
                environment, "REQUIRE_EACH_INCLUDED_TYPE", default=True
            ),
        )

    def of_secret(self, own: object) -> "PasswordPolicy":
        """Return this policy with what a secret's ``passwordPolicy`` says in its place.

        Args:
            own: the member's value; None if the secret has none.

        Raises:
            SecretValueError: it isn't an object of members that there are, with their types.
        """
        if own is None:
            return self
        if not isinstance(own, Mapping):
            raise _unusable(f"an object with members of: {', '.join(_MEMBERS)}")
        members: dict[str, Any] = {_field(name): _checked(name, own[name]) for name in own}
        return replace(self, **members)

    def make_for(
        self, current: Credential, defaults: Defaults, client: "SecretsManagerClient"
    ) -> str:
        """Return what a login like this one is to be proved with: a fresh password, or the like.

        Raises:
            SecretValueError: the secret's own ``passwordPolicy`` can't be understood.
        """
        if defaults.make_password is not None:
            return defaults.make_password()
        policy = self.of_secret(current.document.get("passwordPolicy"))
        return policy.make(defaults, client)

    def make(self, defaults: Defaults, client: "SecretsManagerClient") -> str:
        """Return a fresh password that the engine takes."""
        return client.get_random_password(**self._request(defaults))["RandomPassword"]

    def _request(self, defaults: Defaults) -> "GetRandomPasswordRequestTypeDef":
        return {
            "PasswordLength": self.length or defaults.password_length,
            "ExcludeCharacters": self.exclude_characters + defaults.unusable_letters,
            "ExcludeNumbers": self.exclude_numbers,
            "ExcludePunctuation": self.exclude_punctuation,
            "ExcludeUppercase": self.exclude_uppercase,
            "ExcludeLowercase": self.exclude_lowercase,
            "RequireEachIncludedType": self.require_each_included_type,
        }


def _length(environment: Mapping[str, str]) -> int | None:
    digits = environment.get("PASSWORD_LENGTH")
    if digits is None:
        return None
    is_number = digits.isascii() and digits.isdigit()
    if not is_number or not 0 < int(digits) <= LENGTH_MAX:
        raise SettingError("PASSWORD_LENGTH", f"a number from 1 to {LENGTH_MAX}")
    return int(digits)


def _flag(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    word = environment.get(name, str(default)).lower()
    if word not in _TRUE | _FALSE:
        raise SettingError(name, "true or false")
    return word in _TRUE


def _field(name: str) -> str:
    if name not in _MEMBERS:
        raise _unusable(f"an object with no other members than: {', '.join(_MEMBERS)}")
    return _MEMBERS[name]


def _checked(name: str, value: object) -> object:
    match name:
        case "PasswordLength":
            is_right = type(value) is int and 0 < value <= LENGTH_MAX
            rule = f"a number from 1 to {LENGTH_MAX}"
        case "ExcludeCharacters":
            is_right, rule = isinstance(value, str), "a text"
        case _:
            is_right, rule = isinstance(value, bool), "true or false"
    if not is_right:
        raise _unusable(f"right: {name} must be {rule}")
    return value


def _unusable(rule: str) -> SecretValueError:
    return SecretValueError(
        f'The secret\'s "passwordPolicy" must be {rule}. '
        "Correct it with: aws secretsmanager put-secret-value."
    )
