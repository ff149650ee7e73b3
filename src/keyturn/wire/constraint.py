"""What a model demands of one value, each demand with AWS's sentence for when it isn't met.

A list or a map of plain values is blamed as a whole for what it holds, as AWS does: ``Member must
satisfy constraint: [Member must have length less than or equal to 128, ...]``.
"""

from collections.abc import Callable, Iterable, Sequence
import operator
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from keyturn.wire.pattern import compile_pattern

Rule = tuple[Callable[[Any], bool], str]
"""What must hold of a value, and AWS's sentence for when it doesn't."""

_NUMBERS = frozenset({"integer", "long", "float", "double"})


def is_plain(shape: Shape) -> bool:
    """Tell whether a shape's values hold no further values."""
    return not isinstance(shape, StructureShape | ListShape | MapShape)


def rules_of(shape: Shape) -> list[Rule]:
    """Return the rules on a value, in the order in which AWS lists them."""
    rules = _range_rules(shape) if shape.type_name in _NUMBERS else _length_rules(shape)
    if isinstance(shape, ListShape):
        rules += _rules_on_each("Member", shape.member, iter)
    elif isinstance(shape, MapShape):
        rules += _rules_on_each("Map keys", shape.key, iter)
        rules += _rules_on_each("Map value", shape.value, operator.methodcaller("values"))
    elif isinstance(shape, StringShape):
        rules += _pattern_rules(shape) + _enum_rules(shape)
    return rules


def _length_rules(shape: Shape) -> list[Rule]:
    rules: list[Rule] = []
    high, low = shape.metadata.get("max"), shape.metadata.get("min")
    if high is not None:
        sentence = f"Member must have length less than or equal to {high}"
        rules.append((lambda value: len(value) <= high, sentence))
    if low:
        sentence = f"Member must have length greater than or equal to {low}"
        rules.append((lambda value: len(value) >= low, sentence))
    return rules


def _range_rules(shape: Shape) -> list[Rule]:
    rules: list[Rule] = []
    high, low = shape.metadata.get("max"), shape.metadata.get("min")
    if high is not None:
        sentence = f"Member must have value less than or equal to {high}"
        rules.append((lambda value: value <= high, sentence))
    if low is not None:
        sentence = f"Member must have value greater than or equal to {low}"
        rules.append((lambda value: value >= low, sentence))
    return rules


def _pattern_rules(shape: StringShape) -> list[Rule]:
    java = shape.metadata.get("pattern")
    pattern = None if java is None else compile_pattern(java)
    if pattern is None:
        return []
    sentence = f"Member must satisfy regular expression pattern: {java}"
    return [(lambda value: pattern.fullmatch(value) is not None, sentence)]


def _enum_rules(shape: StringShape) -> list[Rule]:
    if not shape.enum:
        return []
    sentence = f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    return [(frozenset(shape.enum).__contains__, sentence)]


def _rules_on_each(
    who: str, shape: Shape, items_of: Callable[[Any], Iterable[object]]
) -> list[Rule]:
    rules: Sequence[Rule] = rules_of(shape) if is_plain(shape) else ()
    if not rules:
        return []
    sentences = ", ".join(sentence for _, sentence in rules)

    def holds(value: object) -> bool:
        return all(holds(item) for item in items_of(value) for holds, _ in rules)

    return [(holds, f"{who} must satisfy constraint: [{sentences}]")]
