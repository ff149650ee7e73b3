"""Random passwords, as GetRandomPassword makes them. Pure but for the CSPRNG.

The rules, which every caller may rely on:

* Every password that the rules allow is equally likely. Whole passwords are drawn character by
  character and thrown away unless they hold every required type; putting the required types in
  first and shuffling would make some passwords likelier than others.
* Each included type is required: lower-case and upper-case letters, digits, punctuation. A space
  may be included but is never required, as AWS's documentation has it.
* A type whose every character is excluded is not included, so it isn't required either.
* The work has a bound. The rarest case, four characters that must be the only letter left of
  each case, the only digit and any punctuation mark, with spaces allowed, accepts one draw in
  2187; on average that costs as much as a few passwords of the greatest length. ``_DRAWS_MAX``
  draws all fail with a probability below 1e-39, which only a broken source of randomness reaches.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html
"""

from collections.abc import Callable
from dataclasses import dataclass, field
import secrets
import string
from typing import Final

from keyturn.model.errors import InvalidInputError
from keyturn.model.plaintext import Plaintext

PASSWORD_LENGTH_MIN: Final = 1
PASSWORD_LENGTH_MAX: Final = 4096
PASSWORD_LENGTH_DEFAULT: Final = 32

_DRAWS_MAX: Final = 200_000

Choose = Callable[[str], str]
"""Picks one character of a text, each with the same probability."""


class NoCharactersLeftError(InvalidInputError):
    """Everything is excluded."""


class PasswordTooShortError(InvalidInputError):
    """The password has no room for one character of each required type."""

    def __init__(self, length: int, required_types: int) -> None:
        super().__init__(length, required_types)
        self.length = length
        self.required_types = required_types


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRules:
    """What GetRandomPassword was told, with AWS's defaults. The wire checks ``length``."""

    length: int = PASSWORD_LENGTH_DEFAULT
    exclude_characters: str = field(default="", repr=False)
    exclude_numbers: bool = False
    exclude_punctuation: bool = False
    exclude_uppercase: bool = False
    exclude_lowercase: bool = False
    include_space: bool = False
    require_each_included_type: bool = True

    def __post_init__(self) -> None:
        assert PASSWORD_LENGTH_MIN <= self.length <= PASSWORD_LENGTH_MAX


def generate(rules: PasswordRules, *, choose: Choose = secrets.choice) -> Plaintext:
    """Return a password that keeps to ``rules``, in UTF-8.

    Raises:
        NoCharactersLeftError: the rules leave no character to choose from.
        PasswordTooShortError: there are more required types than characters.
    """
    types = _included_types(rules)
    alphabet = "".join(types) + _left_of(" " if rules.include_space else "", rules)
    if not alphabet:
        raise NoCharactersLeftError
    required = [frozenset(type_) for type_ in types] if rules.require_each_included_type else []
    if rules.length < len(required):
        raise PasswordTooShortError(rules.length, len(required))
    for _ in range(_DRAWS_MAX):
        password = "".join(choose(alphabet) for _ in range(rules.length))
        if not any(type_.isdisjoint(password) for type_ in required):
            return Plaintext(password.encode())
    raise RuntimeError("the source of randomness is broken")


def _included_types(rules: PasswordRules) -> list[str]:
    types = (
        (string.ascii_lowercase, rules.exclude_lowercase),
        (string.ascii_uppercase, rules.exclude_uppercase),
        (string.digits, rules.exclude_numbers),
        (string.punctuation, rules.exclude_punctuation),
    )
    included = [_left_of(type_, rules) for type_, is_excluded in types if not is_excluded]
    return [type_ for type_ in included if type_]


def _left_of(characters: str, rules: PasswordRules) -> str:
    return "".join(c for c in characters if c not in rules.exclude_characters)
