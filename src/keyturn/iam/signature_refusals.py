"""Why a request isn't proven to come from anyone.

* SignatureError (keyturn.model.errors)
  + MissingSignatureError      there is no signature at all
  + IncompleteSignatureError   there is one, but a part of it is missing or malformed
  + SignatureMismatchError     it isn't the signature of this request under this key
  + SignatureExpiredError      it was right, and is too old
  + SignatureNotYetValidError  its date lies ahead
"""

from datetime import datetime

from keyturn.model.errors import SignatureError


class MissingSignatureError(SignatureError):
    """The request isn't signed."""


class IncompleteSignatureError(SignatureError):
    """A part of the signature is missing or malformed; ``reason`` says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SignatureMismatchError(SignatureError):
    """The signature isn't this request's under this key, or doesn't cover what it must."""


class SignatureExpiredError(SignatureError):
    """The signature is too old."""

    def __init__(self, signed_at: datetime, oldest: datetime, now: datetime) -> None:
        super().__init__(signed_at, oldest, now)
        self.signed_at = signed_at
        self.oldest = oldest
        self.now = now


class SignatureNotYetValidError(SignatureError):
    """The signature's date lies too far ahead."""

    def __init__(self, signed_at: datetime, newest: datetime, now: datetime) -> None:
        super().__init__(signed_at, newest, now)
        self.signed_at = signed_at
        self.newest = newest
        self.now = now
