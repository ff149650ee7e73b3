"""SSH keys, dual credential: the key that is replaced works until the next rotation."""

from collections.abc import Mapping
from typing import Any

from keyturn_rotators.engines.ssh import Ssh
from keyturn_rotators.handler import rotate
from keyturn_rotators.strategies import DualCredential


def lambda_handler(event: Mapping[str, str], _context: object) -> dict[str, Any] | None:
    """Do one step of a rotation."""
    return rotate(event, DualCredential(Ssh()))
