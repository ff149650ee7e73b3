from datetime import timedelta

import pytest

from keyturn.cli.duration import ADVANCE_DAYS_MAX, DurationError, read_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("90m", timedelta(minutes=90)),
        ("45s", timedelta(seconds=45)),
        ("1d12h", timedelta(days=1, hours=12)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("1d1s", timedelta(days=1, seconds=1)),
        ("0d1s", timedelta(seconds=1)),
        ("007d", timedelta(days=7)),
        (f"{ADVANCE_DAYS_MAX}d", timedelta(days=ADVANCE_DAYS_MAX)),
        (f"{ADVANCE_DAYS_MAX * 24}h", timedelta(days=ADVANCE_DAYS_MAX)),
    ],
)
def test_days_hours_minutes_and_seconds_are_read_in_this_order(
    text: str, duration: timedelta
) -> None:
    assert read_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "d", "30", "30 d", " 30d", "30d ", "30d\n", "-1d", "+1d", "1.5d", "1w", "1M"),
        *("30D", "12h1d", "1d1d", "1d,12h", "P30D", "٣d", "1e3d", "0x1d", "9" * 10 + "s", "1d12"),
    ],
)
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(DurationError, match=r"is no duration\. .*30d, 12h, 90m or 45s.*1d12h"):
        read_duration(text)


@pytest.mark.parametrize("text", ["0d", "0s", "0d0h0m0s", "000h"])
def test_nothing_is_refused(text: str) -> None:
    with pytest.raises(DurationError, match="by nothing"):
        read_duration(text)


@pytest.mark.parametrize(
    "text", [f"{ADVANCE_DAYS_MAX}d1s", f"{ADVANCE_DAYS_MAX + 1}d", f"{'9' * 9}d", f"{'9' * 9}h"]
)
def test_more_than_the_limit_is_refused_by_its_figure(text: str) -> None:
    with pytest.raises(DurationError, match=f"{ADVANCE_DAYS_MAX} days at once"):
        read_duration(text)
