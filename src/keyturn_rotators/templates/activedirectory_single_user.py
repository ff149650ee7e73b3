"""Active Directory, single user: the user in the secret changes its own password."""

from collections.abc import Mapping
import os
from typing import Any

from keyturn_rotators.engines.activedirectory import ActiveDirectory
from keyturn_rotators.handler import rotate
from keyturn_rotators.strategies import SingleUser


def lambda_handler(event: Mapping[str, str], _context: object) -> dict[str, Any] | None:
    """Do one step of a rotation."""
    return rotate(event, SingleUser(ActiveDirectory(ca_file=os.environ.get("TLS_CA_FILE"))))
