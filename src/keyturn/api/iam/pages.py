"""Long lists, one page at a time.

A marker is the last key of the page before it, which AWS's clients hand back unread. Whatever
comes or goes between two pages, nothing that stays is left out or listed twice.

AWS: API reference, "Marker", "MaxItems" and "IsTruncated".
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from keyturn.api.operation import Output
from keyturn.model.errors import InvalidInputError

MAX_ITEMS_DEFAULT: Final = 100

_Item = TypeVar("_Item")


class InvalidMarkerError(InvalidInputError):
    """The marker isn't one that an earlier page ended with."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is asked for: at most ``most`` items whose keys sort behind ``after``."""

    after: str
    most: int

    @property
    def enough(self) -> int:
        """How many items to look up: one more than fit tells that there is another page."""
        return self.most + 1


def read_page_request(params: Mapping[str, Any]) -> PageRequest:
    """Return the page that a request asks for.

    Raises:
        InvalidMarkerError: the marker isn't one of ours.
    """
    marker = params.get("Marker")
    after = "" if marker is None else _key_of(marker)
    return PageRequest(after, params.get("MaxItems", MAX_ITEMS_DEFAULT))


def behind(
    request: PageRequest, items: Iterable[_Item], key_of: Callable[[_Item], str]
) -> list[_Item]:
    """Return the items behind the request's marker, sorted by their keys."""
    return sorted((item for item in items if key_of(item) > request.after), key=key_of)


def page_members(
    name: str,
    request: PageRequest,
    found: Sequence[_Item],
    *,
    key_of: Callable[[_Item], str],
    shape: Callable[[_Item], Any],
) -> Output:
    """Return the members of an answer that carries a page.

    Args:
        name: the list's member name.
        found: the items behind the marker, in the order of their keys, one more than fit if
            there are more.
    """
    page = found[: request.most]
    answer = {name: [shape(item) for item in page], "IsTruncated": len(found) > len(page)}
    if len(found) > len(page):
        answer["Marker"] = _marker_of(key_of(page[-1]))
    return answer


def _marker_of(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _key_of(marker: str) -> str:
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidMarkerError from None
