"""Policy variables: ``${aws:username}`` stands for what the request has under that key.

* ``${aws:PrincipalTag/team, 'none'}`` has a default, for a request that lacks the key.
* A key that has no value, or several, leaves the text without a meaning.
* What a variable stands for is matched as it is: a ``*`` in it is no wildcard.
* ``${*}``, ``${?}`` and ``${$}`` are left to ``keyturn.iam.policy.match``.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from collections.abc import Mapping
import re
from typing import Final

from keyturn.iam.policy.match import escaped

_OPENING: Final = re.compile(r"\$\{(?![*?$]\})")
_VARIABLE: Final = re.compile(r"\$\{([^${}*?,']+)(?:, *'([^${}']*)')?\}")


class VariableError(ValueError):
    """A policy variable isn't one, or has no value to stand for."""


def has_variables(text: str) -> bool:
    """Return whether there is a variable in ``text``.

    Raises:
        VariableError: one is begun, and isn't one.
    """
    openings = len(_OPENING.findall(text))
    if openings != len(_VARIABLE.findall(text)):
        raise VariableError
    return openings > 0


def expanded(text: str, context: Mapping[str, tuple[str, ...]]) -> str:
    """Return the pattern that ``text`` is in this request.

    Raises:
        VariableError: that can't be told.
    """
    return _VARIABLE.sub(lambda variable: escaped(_value(variable, context)), text)


def _value(variable: re.Match[str], context: Mapping[str, tuple[str, ...]]) -> str:
    key, default = variable.groups()
    values = context.get(key.lower()) or (default,)
    if len(values) != 1 or values[0] is None:
        raise VariableError
    return values[0]
