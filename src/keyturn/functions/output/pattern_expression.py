"""Conditions joined by ``&&``, ``||`` and parentheses, as filter patterns have them. Pure.

``&&`` binds closer than ``||``. Parentheses may be ``DEPTH_MAX`` deep: how deep a reader's own
stack goes isn't for a pattern to decide.
"""

from collections.abc import Callable
from typing import Any, Final

from keyturn.functions.output.pattern_reader import PatternReader

DEPTH_MAX: Final = 50

Condition = Callable[[Any], bool]
ReadCondition = Callable[[PatternReader], Condition]


def read_expression(
    reader: PatternReader, read_condition: ReadCondition, depth: int = 0
) -> Condition:
    """Return the condition that an expression means.

    Args:
        read_condition: reads one condition, without any of what joins them.
        depth: in how many parentheses it is.

    Raises:
        ParameterError: it means nothing.
    """
    choices = [_conjunction(reader, read_condition, depth)]
    while reader.take("||"):
        choices.append(_conjunction(reader, read_condition, depth))
    if len(choices) == 1:
        return choices[0]
    return lambda subject: any(choice(subject) for choice in choices)


def _conjunction(reader: PatternReader, read_condition: ReadCondition, depth: int) -> Condition:
    parts = [_operand(reader, read_condition, depth)]
    while reader.take("&&"):
        parts.append(_operand(reader, read_condition, depth))
    if len(parts) == 1:
        return parts[0]
    return lambda subject: all(part(subject) for part in parts)


def _operand(reader: PatternReader, read_condition: ReadCondition, depth: int) -> Condition:
    if not reader.take("("):
        return read_condition(reader)
    if depth == DEPTH_MAX:
        raise reader.refusal(f"parentheses may be {DEPTH_MAX} deep")
    inner = read_expression(reader, read_condition, depth + 1)
    reader.expect(")")
    return inner
