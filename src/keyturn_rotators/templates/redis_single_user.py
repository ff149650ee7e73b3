"""Redis and Valkey, single user: the user in the secret gets another password.

It changes itself if it may; else the admin secret of ``masterarn`` does.
"""

from collections.abc import Mapping
import os

from keyturn_rotators.engines.redis import Redis
from keyturn_rotators.handler import rotate
from keyturn_rotators.strategies import SingleUser


def lambda_handler(event: Mapping[str, str], _context: object) -> None:
    """Do one step of a rotation."""
    rotate(event, SingleUser(Redis(ca_file=os.environ.get("TLS_CA_FILE"))))
