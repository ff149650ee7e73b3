"""Pages of a listing. A NextToken is sealed: it can't be read, forged or used elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keyturn.api.operation import Output
from keyturn.keys.envelope import DecryptionError
from keyturn.keys.keyring import Keyring
from keyturn.model.errors import InvalidInputError
from keyturn.model.limits import LIST_PAGE_MAX


class NextTokenError(InvalidInputError):
    """The NextToken isn't one that we gave for this listing."""


Position = tuple[int, int]
"""Where an entry stands in its listing: what it is ordered by, and what tells equals apart."""

_BEGINNING: Final[Position] = (0, 0)


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of which listing is asked for: ``most`` entries after the position ``after``."""

    listing: str
    after: Position
    most: int


def read_page(keyring: Keyring, params: Mapping[str, Any], listing: str) -> Page:
    """Return the page that a request asks for.

    Raises:
        NextTokenError: the token isn't one of this listing's.
    """
    token = params.get("NextToken")
    most = params.get("MaxResults", LIST_PAGE_MAX)
    return Page(listing, _BEGINNING if token is None else _position(keyring, token, listing), most)


def page_of(
    keyring: Keyring,
    page: Page,
    member: str,
    entries: Sequence[Output],
    positions: Sequence[Position],
) -> Output:
    """Return one page, given up to one entry more than fits, and each entry's position."""
    if len(entries) <= page.most:
        return {member: list(entries)}
    claims = {"listing": page.listing, "after": positions[page.most - 1]}
    return {member: list(entries[: page.most]), "NextToken": keyring.seal_token(claims)}


def _position(keyring: Keyring, token: str, listing: str) -> Position:
    try:
        claims = keyring.open_token(token)
    except DecryptionError:
        raise NextTokenError from None
    if claims.get("listing") != listing:
        raise NextTokenError
    ordered_by, row = claims["after"]
    return int(ordered_by), int(row)
