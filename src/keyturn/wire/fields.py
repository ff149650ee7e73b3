"""``a=1&b=2``: the fields of forms and of query strings.

URL Standard, "application/x-www-form-urlencoded parsing".
"""

from typing import Final
from urllib.parse import parse_qsl

from keyturn.wire.malformed import MalformedError

FIELDS_MAX: Final = 10_000
"""How many fields one request may bring."""


def parse_fields(text: str) -> list[tuple[str, str]]:
    """Return the fields of a form or a query string, in order.

    Raises:
        MalformedError: there are too many, or they aren't UTF-8.
    """
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError:
        # Not chained: a decoding error quotes what it couldn't decode.
        raise MalformedError(
            f"The fields are not UTF-8, or more than {FIELDS_MAX} of them"
        ) from None
