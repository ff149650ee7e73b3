import pytest

from keyturn.api.secretsmanager.schedule_texts import SCHEDULE_TEXTS
from keyturn.rotation.schedule import ScheduleRule


def test_every_rule_has_a_text() -> None:
    assert set(SCHEDULE_TEXTS) == set(ScheduleRule)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            ScheduleRule.NOT_BOTH,
            "You cannot specify both rotation frequency and schedule expression together.",
        ),
        (ScheduleRule.EXPRESSION, "Invalid schedule expression."),
        (ScheduleRule.RATE_HOURS, "Rate in hour should be least 4 and less than 24."),
        (ScheduleRule.RATE_DAYS, "Rate in day should be greater than 0 and less than 1000."),
        (ScheduleRule.DURATION, "Duration must be at least 1 hour, at most 24 hour."),
        (ScheduleRule.DURATION_WITHIN_GAP, "Duration cannot be greater than Rate in hour."),
        (ScheduleRule.DURATION_WITHIN_DAY, "Starting hour and duration must be within a day."),
    ],
)
def test_texts_are_what_aws_was_seen_to_say(rule: ScheduleRule, text: str) -> None:
    assert SCHEDULE_TEXTS[rule] == text
