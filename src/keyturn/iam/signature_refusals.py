"""Why a request isn't proven to come from anyone.

* SignatureError (keyturn.model.errors)
  + MissingSignatureError         there is no signature at all
  + IncompleteSignatureError      there is one, but a part of it can't be read
    - MissingPartError
    - MalformedPartError
    - UnsupportedAlgorithmError
    - MalformedCredentialError
    - MalformedDateError
    - ExpiresOutOfRangeError
  + SignatureMismatchError        it isn't the signature of this request under this key
    - UnsignedHeaderError
    - ScopeMismatchError
    - BodyMismatchError
  + SignatureExpiredError         it was right, and is too old
  + SignatureNotYetValidError     its date lies ahead

None quotes an Authorization header: what a client sends there by mistake may be a secret.
"""

from datetime import datetime
from typing import Final, Literal

from keyturn.model.errors import SignatureError

QUOTED_CHARACTERS_MAX: Final = 128
"""How much of what a client sent an error holds."""

Place = Literal["header", "query"]


class MissingSignatureError(SignatureError):
    """The request isn't signed."""


class IncompleteSignatureError(SignatureError):
    """A part of the signature is missing or can't be read."""


class MissingPartError(IncompleteSignatureError):
    """Parts of the signature are missing.

    Attributes:
        place: where they should be, in the Authorization header or in the query string.
        names: which are, as AWS spells them.
        authorization_digest: the SHA-256 of the header, which is all that AWS repeats of it.
    """

    def __init__(self, place: Place, names: tuple[str, ...], authorization_digest: bytes) -> None:
        super().__init__(place, names)
        self.place = place
        self.names = names
        self.authorization_digest = authorization_digest


class MalformedPartError(IncompleteSignatureError):
    """A part isn't ``name=value``, or is given twice: two readers might pick different ones."""

    def __init__(self, place: Place, authorization_digest: bytes) -> None:
        super().__init__(place)
        self.place = place
        self.authorization_digest = authorization_digest


class _QuotingError(IncompleteSignatureError):
    """A part that can't be read, of which the error holds the beginning."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text[:QUOTED_CHARACTERS_MAX]


class UnsupportedAlgorithmError(_QuotingError):
    """The signature is of another algorithm than AWS4-HMAC-SHA256."""


class MalformedCredentialError(IncompleteSignatureError):
    """The credential isn't an access key id, a date, a region, a service and a terminator.

    Attributes:
        elements: how many it has. Which they are isn't said: who mixes up the halves of an access
            key sends the secret one here.
    """

    def __init__(self, elements: int) -> None:
        super().__init__(elements)
        self.elements = elements


class MalformedDateError(_QuotingError):
    """The date isn't one."""


class ExpiresOutOfRangeError(_QuotingError):
    """A presigned URL isn't good for between a second and a week."""


class SignatureMismatchError(SignatureError):
    """The signature isn't this request's under this key, or doesn't cover what it must."""


class UnsignedHeaderError(SignatureMismatchError):
    """A header isn't signed that has to be."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name[:QUOTED_CHARACTERS_MAX]


class ScopeMismatchError(SignatureMismatchError):
    """The credential's scope isn't that of the request.

    Attributes:
        part: which part of the scope is off.
        expected: what the request says; empty where more than one would do.
        stated: what the scope says.
    """

    def __init__(
        self, part: Literal["date", "region", "terminator"], expected: str, stated: str
    ) -> None:
        super().__init__(part, expected)
        self.part = part
        self.expected = expected
        self.stated = stated[:QUOTED_CHARACTERS_MAX]


class BodyMismatchError(SignatureMismatchError):
    """The body isn't the one whose hash was signed."""


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
