"""Db2 on RDS, alternating users: two users with the same rights take turns.

The admin secret of ``masterarn`` makes the second one, and keeps the two alike.
"""

from collections.abc import Mapping
import os
from typing import Any

from keyturn_rotators.engines.db2 import Db2
from keyturn_rotators.handler import rotate
from keyturn_rotators.strategies import AlternatingUsers


def lambda_handler(event: Mapping[str, str], _context: object) -> dict[str, Any] | None:
    """Do one step of a rotation."""
    return rotate(event, AlternatingUsers(Db2(ca_file=os.environ.get("TLS_CA_FILE"))))
