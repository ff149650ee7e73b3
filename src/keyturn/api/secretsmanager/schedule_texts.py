"""What Secrets Manager says about RotationRules that break a rule, word for word.

AWS documents none of these texts; they are what clients report of its answers. Two are ours, for
want of a report: AWS's front end answers before AFTER_DAYS could be broken, and NOT_NEITHER.
"""

from collections.abc import Mapping
from typing import Final

from keyturn.rotation.schedule import ScheduleRule

SCHEDULE_TEXTS: Final[Mapping[ScheduleRule, str]] = {
    ScheduleRule.NOT_NEITHER: "You must specify either rotation frequency or schedule expression.",
    ScheduleRule.NOT_BOTH: (
        "You cannot specify both rotation frequency and schedule expression together."
    ),
    ScheduleRule.AFTER_DAYS: "RotationRules.AutomaticallyAfterDays must be within 1-1000.",
    ScheduleRule.EXPRESSION: "Invalid schedule expression.",
    # AWS writes "should be least".
    ScheduleRule.RATE_HOURS: "Rate in hour should be least 4 and less than 24.",
    ScheduleRule.RATE_DAYS: "Rate in day should be greater than 0 and less than 1000.",
    ScheduleRule.DURATION: "Duration must be at least 1 hour, at most 24 hour.",
    ScheduleRule.DURATION_WITHIN_GAP: "Duration cannot be greater than Rate in hour.",
    ScheduleRule.DURATION_WITHIN_DAY: "Starting hour and duration must be within a day.",
}
