"""MongoDB, single user: the user in the secret changes its own password."""

from collections.abc import Mapping
import os

from keyturn_rotators.engines.mongodb import Mongodb
from keyturn_rotators.handler import rotate
from keyturn_rotators.strategies import SingleUser


def lambda_handler(event: Mapping[str, str], _context: object) -> None:
    """Do one step of a rotation."""
    rotate(event, SingleUser(Mongodb(ca_file=os.environ.get("TLS_CA_FILE"))))
