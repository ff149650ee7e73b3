"""IAM users' access keys, dual credential: the key that is replaced works until the next rotation.

The user makes its next key itself, or the administrator whose secret ``masterarn`` names does.
"""

from collections.abc import Mapping
import os
from typing import Any

from keyturn_rotators.engines.iam import Iam
from keyturn_rotators.handler import rotate
from keyturn_rotators.strategies import IssuedCredential


def lambda_handler(event: Mapping[str, str], _context: object) -> dict[str, Any] | None:
    """Do one step of a rotation."""
    return rotate(event, IssuedCredential(Iam(ca_file=os.environ.get("TLS_CA_FILE"))))
