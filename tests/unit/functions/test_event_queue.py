from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from keyturn.functions.event_queue import (
    EVENT_AGE_SECONDS_MAX,
    is_too_old,
    next_after_failure,
    next_after_refusal,
)
from keyturn.model.asynchronous import AcceptedEvent, EventInvokeConfig, WaitingEvent

NOW = datetime(2026, 1, 2, tzinfo=UTC)
EVENT = WaitingEvent(
    id=1,
    accepted=AcceptedEvent(
        request_id="r", function_id=1, function_arn="a", qualifier="$LATEST", accepted_at=NOW
    ),
    failures=0,
    refusals=0,
    lease_until=NOW + timedelta(minutes=20),
)


def config(
    *, retry_attempts_max: int | None = None, event_age_seconds_max: int | None = None
) -> EventInvokeConfig:
    return EventInvokeConfig(
        qualifier="$LATEST",
        retry_attempts_max=retry_attempts_max,
        event_age_seconds_max=event_age_seconds_max,
        modified_at=NOW,
    )


@pytest.mark.parametrize(
    ("failures", "minutes"),
    [(0, 1), (1, 2), (2, None)],
)
def test_a_function_that_fails_gets_its_event_after_one_minute_and_after_two(
    failures: int, minutes: int | None
) -> None:
    due_at = next_after_failure(replace(EVENT, failures=failures), None, NOW)

    assert due_at == (None if minutes is None else NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize(("attempts", "failures"), [(0, 0), (1, 1), (2, 2)])
def test_settings_say_how_often_an_event_is_tried_again(attempts: int, failures: int) -> None:
    settings = config(retry_attempts_max=attempts)

    assert next_after_failure(replace(EVENT, failures=failures), settings, NOW) is None
    if failures:
        before = replace(EVENT, failures=failures - 1)
        assert next_after_failure(before, settings, NOW) is not None


def test_an_event_that_can_not_be_given_is_tried_ever_more_seldom() -> None:
    pauses = [
        (next_after_refusal(replace(EVENT, refusals=refusals), None, NOW) or NOW) - NOW
        for refusals in (0, 1, 2, 8, 9, 1_000_000)
    ]

    assert [pause.total_seconds() for pause in pauses] == [1, 2, 4, 256, 300, 300]


def test_an_event_that_would_be_too_old_by_then_is_not_tried_again() -> None:
    late = NOW + timedelta(seconds=EVENT_AGE_SECONDS_MAX)

    assert next_after_refusal(EVENT, None, late) is None
    assert next_after_failure(EVENT, None, late - timedelta(seconds=59)) is None
    assert next_after_failure(EVENT, None, late - timedelta(seconds=60)) == late


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        (None, EVENT_AGE_SECONDS_MAX),
        (config(), EVENT_AGE_SECONDS_MAX),
        (config(event_age_seconds_max=60), 60),
    ],
)
def test_an_event_is_too_old_one_moment_after_its_age(
    settings: EventInvokeConfig | None, seconds: int
) -> None:
    last = NOW + timedelta(seconds=seconds)

    assert not is_too_old(EVENT, settings, last)
    assert is_too_old(EVENT, settings, last + timedelta(milliseconds=1))
