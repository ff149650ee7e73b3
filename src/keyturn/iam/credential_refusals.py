"""Why an access key, or the token that comes with it, is nobody's.

* SignatureError (keyturn.model.errors)
  + UnknownAccessKeyError   there is no such access key
  + InactiveAccessKeyError  it is switched off
  + InvalidTokenError       the session token isn't ours, or not this key's, or its role is gone
  + ExpiredTokenError       the session is over
"""

from keyturn.model.errors import SignatureError


class UnknownAccessKeyError(SignatureError):
    """There is no such access key."""


class InactiveAccessKeyError(SignatureError):
    """The access key is switched off."""


class InvalidTokenError(SignatureError):
    """The session token isn't one that we made for this access key, or its role is gone."""


class ExpiredTokenError(SignatureError):
    """The session is over."""
