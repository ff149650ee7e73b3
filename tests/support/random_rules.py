"""RotationRules at random: in every form that AWS's grammar has, and just beside it.

Whether a text is legal is not decided here: ``legal_rules`` may break a rule by chance, as when a
list has hours that are too close.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random  # noqa: TID251 - it comes in with its seed, so that a failure repeats

from support.schedule_oracle import HOURS, MONTH_DAYS, MONTHS, WEEKDAYS, Field, Rules

MakeItem = Callable[[Random], str]

#: Days that few months or years have, and one that none has.
_RARE_DAYS = ["29 2", "29 FEB", "31 *", "30,31 /2", "L 2", "29-1 2-3", "31 4-5", "1,L */3", "30 2"]

_BESIDE = {
    "minute": ["5", "00", "*", "/30", "?", "", "0,30", "-0"],
    "hour": ["24", "-1", "*", "/3", "/24", "20,23", "1/7", "8-9", "L", "?", "", "2/", "/", "4/0"],
    "month day": ["0", "32", "W", "15W", "L-3", "15-L", "1L", "SUN", "SUN#1", "5/32", "1-", "*L"],
    "month": ["0", "13", "JANUARY", "?", "L", "JAN#1", "1/13", "JAN-", "JA", "1//2", ",1", "FEBL"],
    "weekday": ["0", "8", "XYZ", "XYZL", "XYZ#1", "MON#0", "MON#6", "MON#", "#1", "LL", "L#1"],
    "year": ["2026", "?", "*/2", "", "**"],
}
_RATES = ["0 day", "1000 days", "999 days", "3 hours", "4 hour", "23 hours", "24 hours", "-1 days"]
_UNITS = ["minute", "weeks", "dayss", "Day", "HOURS", ""]
_DURATIONS = [
    "",
    "0h",
    "00h",
    "1h",
    "01h",
    "23h",
    "24h",
    "25h",
    "99h",
    "h",
    "3",
    "3H",
    "3hh",
    "-1h",
]
_CHARACTERS = "0123456789LWh#?*/,- ()SUNMOFEBratecdy"


def legal_rules(random: Random) -> Rules:
    """Return rules that mostly keep to the grammar."""
    kind = random.choices(["after days", "rate in days", "rate in hours", "cron"], [1, 1, 1, 9])[0]
    days = random.choice([random.randint(1, 30), random.randint(1, 90), random.randint(1, 1000)])
    match kind:
        case "after days":
            rules = Rules(days=days)
        case "rate in days":
            rules = Rules(expression=f"rate({min(days, 999)} {random.choice(['day', 'days'])})")
        case "rate in hours":
            hours = random.randint(4, 23)
            rules = Rules(expression=f"rate({hours} {random.choice(['hour', 'hours'])})")
        case _:
            rules = Rules(expression=cron(random))
    longest = random.choice([4, 8, 24])
    return replace(rules, duration=random.choice([None, f"{random.randint(1, longest)}h"]))


def cron(random: Random) -> str:
    """Return an expression that mostly keeps to the grammar."""
    months = random.choice(["*", listed(random, lambda _: field_item(random, MONTHS))])
    [days_and_months] = random.choices(
        [
            f"? {months} {listed(random, weekday_item)}",
            f"{listed(random, month_day_item)} {months} ?",
            f"{random.choice(_RARE_DAYS)} ?",
        ],
        [8, 8, 1],
    )
    text = f"0 {hours_field(random)} {days_and_months} *"
    return f"cron({random.choice([text, text, text.lower()])})"


def hours_field(random: Random) -> str:
    """Return hours; those that any item could stand for are too close to each other mostly."""
    first = random.randint(0, 23)
    return random.choice(
        [
            str(first),
            f"{first:02}",
            f"{random.choice(['', '*'])}/{random.randint(4, 23)}",
            f"{first}/{random.randint(4, 23)}",
            f"{first}-{random.randint(0, 23)}/{random.randint(4, 23)}",
            f"{random.randint(0, 5)},{random.randint(9, 14)},{random.randint(18, 20)}",
            f"{random.randint(0, 9)},{random.randint(13, 20)}",
            field_item(random, HOURS),
        ]
    )


def month_day_item(random: Random) -> str:
    weekday = random.choice(WEEKDAYS.names.split())
    return random.choice([*[field_item(random, MONTH_DAYS)] * 4, "L", f"{weekday}L"])


def weekday_item(random: Random) -> str:
    weekday = random.choice([*WEEKDAYS.names.split(), *"1234567"])
    special = ["L", f"{weekday}L", f"{weekday}#{random.randint(1, 5)}"]
    return random.choice([*[field_item(random, WEEKDAYS)] * 4, *special])


def listed(random: Random, make_item: MakeItem) -> str:
    return ",".join(make_item(random) for _ in range(random.choice([1, 1, 2, 3])))


def field_item(random: Random, field: Field) -> str:
    """Return a number, a range that may wrap around, or either of them with an increment."""
    first, last = word(random, field), word(random, field)
    step = random.randint(1, field.high)
    return random.choice(
        [
            *[first] * 3,
            f"{first}-{last}",
            f"{first}/{step}",
            f"{first}-{last}/{step}",
            f"{random.choice(['', '*'])}/{step}",
        ]
    )


def word(random: Random, field: Field) -> str:
    number = random.randint(field.low, field.high)
    names = field.names.split()
    return random.choice([names[number - field.low] if names else f"{number:02}", str(number)])


def rules_beside(random: Random) -> Rules:
    """Return rules with at most one thing changed, which makes them illegal mostly."""
    rules = legal_rules(random)
    if random.random() < 0.3:
        return random.choice(
            [
                rules,
                replace(rules, duration=random.choice(_DURATIONS)),
                replace(rules, days=None, expression=None),
                replace(rules, days=random.randint(1, 30)),
                replace(rules, days=random.choice([-1, 0, 1, 1000, 1001]), expression=None),
            ]
        )
    return replace(rules, days=None, expression=expression_beside(random, rules.expression))


def expression_beside(random: Random, expression: str | None) -> str:
    if expression is None or (expression.startswith("rate") and random.random() < 0.7):
        count = random.choice(_RATES)
        return f"rate({random.choice([count, count.split()[0] + ' ' + random.choice(_UNITS)])})"
    if expression.startswith("rate") or random.random() < 0.4:
        return changed(random, expression)
    words = expression.removeprefix("cron(").removesuffix(")").split(" ")
    place = random.choice(list(enumerate(_BESIDE.values())))
    if random.random() < 0.2:
        return f"cron({' '.join(random.choice([words[1:], [*words, '*'], words[::-1]]))})"
    words[place[0]] = random.choice(place[1])
    return f"cron({' '.join(words)})"


def changed(random: Random, text: str) -> str:
    """Return ``text`` with one character more, fewer, or another one."""
    at = random.randrange(len(text))
    added = random.choice(["", random.choice(_CHARACTERS), random.choice(_CHARACTERS)])
    return text[:at] + added + text[at + random.choice([0, 1]) :]
