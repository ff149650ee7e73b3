"""RabbitMQ, single user: an administrator gives the user in the secret another password.

The admin secret is that of ``masterarn``; a user that is an administrator changes itself.
"""

from collections.abc import Mapping
import os

from keyturn_rotators.engines.rabbitmq import Rabbitmq
from keyturn_rotators.handler import rotate
from keyturn_rotators.strategies import SingleUser


def lambda_handler(event: Mapping[str, str], _context: object) -> None:
    """Do one step of a rotation."""
    rotate(event, SingleUser(Rabbitmq(ca_file=os.environ.get("TLS_CA_FILE"))))
