"""What AWS says of a ClientRequestToken, under one error or another, whoever asked for it.

AWS: recorded from the service; API reference, CreateSecret and RotateSecret.
"""

from typing import Final

NO_TOKEN: Final = "You must provide a ClientRequestToken value. We recommend a UUID-type value."
_IN_USE: Final = (
    "You can't use ClientRequestToken {token} because that value is already in use for a version "
    "of secret {arn}."
)


def in_use(token: str, arn: str) -> str:
    """Return that a token names a version of a secret already."""
    return _IN_USE.format(token=token, arn=arn)
