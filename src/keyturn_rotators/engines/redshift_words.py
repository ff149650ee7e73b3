"""Redshift's own words: what its SQL says otherwise than PostgreSQL's. No driver is needed here.

* A password is sent as its md5 hash, which is what Redshift keeps of one that is sent as it is.
  Not as ``sha256|digest|salt``: to a user whose password is kept so Redshift sends a challenge
  (authentication method 13) that its own drivers alone can answer, and no libpq: every application
  with psycopg would be shut out, and this function.
* Names in double quotes are folded to lower case, users' names excepted, unless
  ``enable_case_sensitive_identifier`` is on: a right on "Sales" would be given on "sales".

Redshift: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html, r_ALTER_USER.html,
r_GRANT.html and r_enable_case_sensitive_identifier.html
"""

import hashlib
from typing import Final

_UNLIMITED: Final = "UNLIMITED"
_UNRESTRICTED: Final = "UNRESTRICTED"
_NO_TIMEOUT: Final = "0"


def attribute(name: str, value: str) -> str:
    """Return ALTER USER's words for an attribute, with ``{}`` where the value is to be quoted.

    The value is the catalogue's own: on or off, a number, a keyword, or a time.
    """
    match name, value:
        case _, "on":
            return name
        case _, "off":
            return f"NO{name}"
        case "CONNECTION LIMIT", _:
            return f"{name} {value if value == _UNLIMITED else int(value)}"
        case "SESSION TIMEOUT", _:
            return f"RESET {name}" if value == _NO_TIMEOUT else f"{name} {int(value)}"
        case "SYSLOG ACCESS", _:
            return f"{name} {value if value == _UNRESTRICTED else 'RESTRICTED'}"
        case _:
            return f"{name} {{}}"


def hash_of(password: str, username: str) -> str:
    """Return what Redshift keeps of a user's password."""
    digest = hashlib.md5(f"{password}{username}".encode(), usedforsecurity=False)
    return f"md5{digest.hexdigest()}"
