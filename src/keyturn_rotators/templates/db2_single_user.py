"""Db2 on RDS, single user: the administrator of ``masterarn`` changes the password."""

from collections.abc import Mapping
import os
from typing import Any

from keyturn_rotators.engines.db2 import Db2
from keyturn_rotators.handler import rotate
from keyturn_rotators.strategies import SingleUser


def lambda_handler(event: Mapping[str, str], _context: object) -> dict[str, Any] | None:
    """Do one step of a rotation."""
    return rotate(event, SingleUser(Db2(ca_file=os.environ.get("TLS_CA_FILE"))))
