"""An HTTP request and an HTTP response, as values.

What they hold may be secret, so neither shows its body, its query or its headers in a repr.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request as it came off the connection.

    ``path`` and ``query`` are raw: percent-encoded, exactly as on the request line, since
    SigV4 signs those bytes. Header names are lower-case; a header sent more than once has
    its values joined with ``,`` in the order they came.
    """

    method: str
    path: str
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One answer, complete."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
