"""The tokens that lead from page to page: a place in an order, spelt out.

A token holds nothing that its reader may not know, and is looked up within what a call is allowed
on only, so it isn't sealed. One that we didn't give is refused.

AWS: CloudWatch Logs API reference, GetLogEvents, "If you have reached the end of the stream, it
returns the same token you passed in."
"""

from typing import Final

from keyturn.functions.refusals import ParameterError
from keyturn.model.clock import to_epoch_ms
from keyturn.store.log_tables import Stream
from keyturn.store.logs import LogEvent

FORWARD, BACKWARD = "f", "b"
_BY_NAME, _BY_TIME = "n", "t"
# Whatever a token of ours holds fits into the store's integers.
_DIGITS_MAX: Final = 18

Place = tuple[int, int]


def event_token(direction: str, event: LogEvent) -> str:
    """Return the token that leads on from an event."""
    return f"{direction}/{to_epoch_ms(event.at)}/{event.id}"


def event_place(token: str | None) -> tuple[Place | None, bool]:
    """Return the place that a token names, and whether it leads backward from there.

    Raises:
        ParameterError: it is none of ours.
    """
    if token is None:
        return None, False
    direction, _, rest = token.partition("/")
    if direction not in (FORWARD, BACKWARD):
        raise _wrong_token()
    return _numbers(rest), direction == BACKWARD


def page_tokens(
    found: list[LogEvent], place: Place | None, *, is_backward: bool
) -> dict[str, str]:
    """Return the tokens on either side of a page of events."""
    if found:
        forward, backward = event_token(FORWARD, found[-1]), event_token(BACKWARD, found[0])
    else:
        # At either end the same token comes back. The other leads back over what was seen, the
        # event at this place with it.
        at, number = place or (0, 1)
        forward = f"{FORWARD}/{at}/{number - is_backward}"
        backward = f"{BACKWARD}/{at}/{number + (not is_backward)}"
    return {"nextForwardToken": forward, "nextBackwardToken": backward}


def stream_token(stream: Stream, *, is_by_time: bool) -> str:
    """Return the token that leads on from a stream."""
    if not is_by_time:
        return f"{_BY_NAME}/{stream.name}"
    last_ms = 0 if stream.last_at is None else to_epoch_ms(stream.last_at)
    return f"{_BY_TIME}/{last_ms}/{stream.id}"


def stream_place(token: str | None, *, is_by_time: bool) -> str | Place | None:
    """Return the place that a token names in an order of streams.

    Raises:
        ParameterError: it is none of ours, or of another order.
    """
    if token is None:
        return None
    order, _, rest = token.partition("/")
    if order != (_BY_TIME if is_by_time else _BY_NAME):
        raise _wrong_token()
    return _numbers(rest) if is_by_time else rest


def _numbers(text: str) -> Place:
    at, _, number = text.partition("/")
    for digits in (at, number):
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS_MAX):
            raise _wrong_token()
    return int(at), int(number)


def _wrong_token() -> ParameterError:
    return ParameterError("The specified nextToken is invalid.")
