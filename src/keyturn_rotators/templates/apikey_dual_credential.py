"""Keys of an HTTP API, dual credential: the key that is replaced works until the next rotation.

API_DESCRIPTION says what the API is like, whichever it is.
"""

from collections.abc import Mapping
import os
from typing import Any

from keyturn_rotators.engines.apikey import ApiKey
from keyturn_rotators.engines.apikey_description import VARIABLE, ApiDescription
from keyturn_rotators.handler import rotate
from keyturn_rotators.strategies import IssuedCredential


def lambda_handler(event: Mapping[str, str], _context: object) -> dict[str, Any] | None:
    """Do one step of a rotation."""
    description = ApiDescription.from_text(os.environ.get(VARIABLE, ""))
    engine = ApiKey(description=description, ca_file=os.environ.get("TLS_CA_FILE"))
    return rotate(event, IssuedCredential(engine))
