from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st

from keyturn.model.secret import Window
from keyturn.rotation.moment import moment_in

OPENS_AT = datetime(2026, 1, 14, 0, 0, tzinfo=UTC)
WINDOW = Window(opens_at=OPENS_AT, closes_at=OPENS_AT + timedelta(hours=24))
BEFORE = OPENS_AT - timedelta(days=3)


def arn(number: int) -> str:
    return f"arn:aws:secretsmanager:us-east-1:123456789012:secret:db-{number:06}"


@given(st.integers(0, 10**9), st.integers(1, 24), st.integers(-48, 48))
def test_the_moment_is_in_the_first_half_of_what_is_left_of_the_window(
    number: int, hours: int, ahead_hours: int
) -> None:
    window = Window(opens_at=OPENS_AT, closes_at=OPENS_AT + timedelta(hours=hours))
    now = min(OPENS_AT + timedelta(hours=ahead_hours), window.closes_at - timedelta(minutes=1))

    moment = moment_in(window, arn(number), now=now)

    begins_at = max(now, window.opens_at)
    assert begins_at <= moment <= begins_at + (window.closes_at - begins_at) / 2


def test_the_moment_is_the_same_whenever_it_is_planned_before_the_window() -> None:
    planned = {moment_in(WINDOW, arn(1), now=BEFORE + timedelta(hours=n)) for n in range(72)}

    assert len(planned) == 1


def test_many_secrets_of_one_window_are_spread_evenly() -> None:
    moments = [moment_in(WINDOW, arn(number), now=BEFORE) for number in range(12_000)]

    in_hour = [int((moment - OPENS_AT) / timedelta(hours=1)) for moment in moments]
    counts = [in_hour.count(hour) for hour in range(12)]
    # Four standard deviations of a binomial distribution with n = 12,000 and p = 1/12 are 121.
    assert sum(counts) == len(moments)
    assert all(abs(count - 1000) < 121 for count in counts)
