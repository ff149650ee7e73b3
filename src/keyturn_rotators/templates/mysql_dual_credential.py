"""MySQL, dual credential: the user in the secret has two passwords, the one in use and the next.

The user needs APPLICATION_PASSWORD_ADMIN, or the admin secret of ``masterarn`` does it.
"""

from collections.abc import Mapping
import os

from keyturn_rotators.engines.mysql import Mysql
from keyturn_rotators.handler import rotate
from keyturn_rotators.strategies import DualCredential


def lambda_handler(event: Mapping[str, str], _context: object) -> None:
    """Do one step of a rotation."""
    rotate(event, DualCredential(Mysql(ca_file=os.environ.get("TLS_CA_FILE"))))
