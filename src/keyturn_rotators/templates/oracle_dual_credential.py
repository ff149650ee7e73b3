"""Oracle, dual credential: the password that is replaced works for as long as the profile says.

The admin secret of ``masterarn`` ends a rollover that is still on when the next rotation begins.
"""

from collections.abc import Mapping
import os
from typing import Any

from keyturn_rotators.engines.oracle import Oracle
from keyturn_rotators.handler import rotate
from keyturn_rotators.strategies import DualCredential


def lambda_handler(event: Mapping[str, str], _context: object) -> dict[str, Any] | None:
    """Do one step of a rotation."""
    return rotate(event, DualCredential(Oracle(ca_file=os.environ.get("TLS_CA_FILE"))))
