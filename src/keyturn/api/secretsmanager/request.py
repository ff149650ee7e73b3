"""Members of requests that several operations share, and AWS's rules on them.

AWS: API reference, CreateSecret, PutSecretValue and UpdateSecret.
"""

from collections.abc import Mapping
from typing import Any

from keyturn.model.plaintext import Plaintext
from keyturn.model.secret import SecretValue
from keyturn.secrets.refusals import (
    TokenMissingError,
    TwoValuesError,
    ValueMissingError,
)


def required_token(params: Mapping[str, Any]) -> str:
    """Return the ClientRequestToken. AWS asks for it before it looks for the secret."""
    token = params.get("ClientRequestToken")
    if not token:
        raise TokenMissingError
    return str(token)


def required_value(params: Mapping[str, Any]) -> SecretValue:
    """Return the one value that the request must hold."""
    value = optional_value(params)
    if value is None:
        raise ValueMissingError
    return value


def optional_value(params: Mapping[str, Any]) -> SecretValue | None:
    """Return the value that the request holds, if any."""
    text, binary = params.get("SecretString"), params.get("SecretBinary")
    if text is not None and binary is not None:
        raise TwoValuesError
    if text is not None:
        return SecretValue("string", Plaintext(text.encode()))
    return None if binary is None else SecretValue("binary", Plaintext(binary))
