"""Which passwords a function makes: its environment says, Secrets Manager makes them.

The variables are those of AWS's functions. A value that isn't understood is an error: a misspelt
EXCLUDE_PUNCTUATION would otherwise show only when the target refuses a password.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_available-rotation-templates.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keyturn_rotators.errors import SettingError

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_secretsmanager.type_defs import GetRandomPasswordRequestTypeDef

LENGTH_DEFAULT: Final = 32
LENGTH_MAX: Final = 4096
# They end a name or begin a part in the connection URLs that applications build.
EXCLUDED_DEFAULT: Final = ":/@\"'\\"
_TRUE: Final = {"true", "1", "y", "yes"}
_FALSE: Final = {"false", "0", "n", "no", ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordPolicy:
    """What a fresh password is made of."""

    length: int = LENGTH_DEFAULT
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

    def make(self, client: "SecretsManagerClient") -> str:
        """Return a fresh password."""
        return client.get_random_password(**self._request())["RandomPassword"]

    def _request(self) -> "GetRandomPasswordRequestTypeDef":
        return {
            "PasswordLength": self.length,
            "ExcludeCharacters": self.exclude_characters,
            "ExcludeNumbers": self.exclude_numbers,
            "ExcludePunctuation": self.exclude_punctuation,
            "ExcludeUppercase": self.exclude_uppercase,
            "ExcludeLowercase": self.exclude_lowercase,
            "RequireEachIncludedType": self.require_each_included_type,
        }


def _length(environment: Mapping[str, str]) -> int:
    digits = environment.get("PASSWORD_LENGTH", str(LENGTH_DEFAULT))
    is_number = digits.isascii() and digits.isdigit()
    if not is_number or not 0 < int(digits) <= LENGTH_MAX:
        raise SettingError("PASSWORD_LENGTH", f"a number from 1 to {LENGTH_MAX}")
    return int(digits)


def _flag(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    word = environment.get(name, str(default)).lower()
    if word not in _TRUE | _FALSE:
        raise SettingError(name, "true or false")
    return word in _TRUE
