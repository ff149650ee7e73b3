"""Input that can't be read as its shape: the wrong type, the wrong syntax, too deep.

A text names types only, never the value, which may be a secret.
"""

from typing import Final

NESTING_MAX: Final = 64
"""How many levels of lists, maps and structures a request may hold: shapes can recurse."""


class MalformedError(Exception):
    """The request can't be read as the model's shape. The protocol gives it its AWS code."""


def nesting_error() -> MalformedError:
    """Return the refusal of what is nested more than ``NESTING_MAX`` levels deep."""
    return MalformedError(f"The request is nested more than {NESTING_MAX} levels deep")
