"""InfluxDB 2's tokens, dual credential: the token that is replaced works until the next rotation.

The token makes the next one itself, or the administrator's whose secret ``masterarn`` names does.
"""

from collections.abc import Mapping
import os
from typing import Any

from keyturn_rotators.engines.influxdb_tokens import InfluxdbTokens
from keyturn_rotators.handler import rotate
from keyturn_rotators.strategies import IssuedCredential


def lambda_handler(event: Mapping[str, str], _context: object) -> dict[str, Any] | None:
    """Do one step of a rotation."""
    return rotate(event, IssuedCredential(InfluxdbTokens(ca_file=os.environ.get("TLS_CA_FILE"))))
