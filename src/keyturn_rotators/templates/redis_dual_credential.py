"""Redis and Valkey, dual credential: one user with two passwords, the former works on.

It changes itself if it may; else the admin secret of ``masterarn`` does.
"""

from collections.abc import Mapping
import os

from keyturn_rotators.engines.redis import Redis
from keyturn_rotators.handler import rotate
from keyturn_rotators.strategies import DualCredential


def lambda_handler(event: Mapping[str, str], _context: object) -> None:
    """Do one step of a rotation."""
    rotate(event, DualCredential(Redis(ca_file=os.environ.get("TLS_CA_FILE"))))
