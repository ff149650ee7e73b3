"""A model's constraints on parameters, compiled, answered in AWS's own sentences.

* A path is lower-camel, with list indexes from 1: ``filters.1.member.key``.
* A value is never quoted when its shape is sensitive, a blob, or holds either.
* Strings count in characters, blobs in bytes.
* Only what the model says is held. A service's further rules are its handlers'.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from botocore.model import ListShape, MapShape, Shape, StructureShape

from keyturn.wire.constraint import Rule, is_plain, rules_of

VIOLATIONS_MAX: Final = 10
"""How many violations one answer lists. Checking stops there."""
QUOTED_CHARACTERS_MAX: Final = 4096
"""How much of one wrong value an answer repeats."""

Check = Callable[[Any, str, list[str]], None]
"""Checks a value at a path and appends a sentence for each violation."""


def structure_check(shape: StructureShape | None) -> Callable[[Mapping[str, Any]], str | None]:
    """Return a function from parameters to AWS's message, or to None when all is well."""
    if shape is None:
        return lambda _: None
    check = _Compiler().structure(shape)

    def message_of(params: Mapping[str, Any]) -> str | None:
        violations: list[str] = []
        check(params, "", violations)
        return _message(violations[:VIOLATIONS_MAX]) if violations else None

    return message_of


def _message(violations: Sequence[str]) -> str:
    errors = "error" if len(violations) == 1 else "errors"
    return f"{len(violations)} validation {errors} detected: {'; '.join(violations)}"


def _violation(quoted: str, path: str, sentence: str) -> str:
    return f"Value {quoted} at '{path}' failed to satisfy constraint: {sentence}"


class _Compiler:
    """Compiles shapes, each structure once, which is what lets a shape hold itself."""

    def __init__(self) -> None:
        self._structures: dict[str, Check] = {}

    def structure(self, shape: StructureShape) -> Check:
        if shape.name not in self._structures:
            members: list[tuple[str, str, Check]] = []
            required = [(name, _lower_camel(name)) for name in shape.required_members]
            # Known before its members are compiled, since one of them may be itself.
            self._structures[shape.name] = _structure_check(required, members)
            for name, member in shape.members.items():
                check = self._check(member)
                if check is not None:
                    members.append((name, _lower_camel(name), check))
        return self._structures[shape.name]

    def _check(self, shape: Shape) -> Check | None:
        """Return the check of a shape, or None when anything will do."""
        if isinstance(shape, StructureShape):
            return self.structure(shape)
        inner: Check | None = None
        if isinstance(shape, ListShape):
            inner = _each_item(self._inner(shape.member))
        elif isinstance(shape, MapShape):
            inner = _each_entry(self._inner(shape.value), is_key_shown=_is_shown(shape.key))
        return _all_of(rules_of(shape), inner, is_shown=_is_shown(shape))

    def _inner(self, shape: Shape) -> Check | None:
        return None if is_plain(shape) else self._check(shape)


def _structure_check(
    required: Sequence[tuple[str, str]], members: Sequence[tuple[str, str, Check]]
) -> Check:
    def check(value: Mapping[str, Any], path: str, violations: list[str]) -> None:
        prefix = path and path + "."
        for name, ending in required:
            if name not in value:
                violations.append(_violation("null", prefix + ending, "Member must not be null"))
        for name, ending, check_member in members:
            if name in value:
                check_member(value[name], prefix + ending, violations)

    return check


def _all_of(rules: Sequence[Rule], inner: Check | None, *, is_shown: bool) -> Check | None:
    if not rules:
        return inner

    def check(value: object, path: str, violations: list[str]) -> None:
        for holds, sentence in rules:
            if not holds(value):
                quoted = _quote(value) if is_shown else "'***'"
                violations.append(_violation(quoted, path, sentence))
        if inner is not None:
            inner(value, path, violations)

    return check


def _each_item(check_item: Check | None) -> Check | None:
    if check_item is None:
        return None

    def check(value: Sequence[object], path: str, violations: list[str]) -> None:
        for index, item in enumerate(value, start=1):
            if len(violations) < VIOLATIONS_MAX:
                check_item(item, f"{path}.{index}.member", violations)

    return check


def _each_entry(check_item: Check | None, *, is_key_shown: bool) -> Check | None:
    if check_item is None:
        return None

    def check(value: Mapping[str, object], path: str, violations: list[str]) -> None:
        for key, item in value.items():
            shown = _cut(key) if is_key_shown else "***"
            if len(violations) < VIOLATIONS_MAX:
                check_item(item, f"{path}.{shown}.member", violations)

    return check


def _is_shown(shape: Shape) -> bool:
    if shape.metadata.get("sensitive") or shape.type_name in {"blob", "structure"}:
        return False
    if isinstance(shape, ListShape):
        return _is_shown(shape.member)
    if isinstance(shape, MapShape):
        return _is_shown(shape.key) and _is_shown(shape.value)
    return True


def _quote(value: object) -> str:
    return f"'{_cut(_text_of(value))}'"


def _text_of(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_text_of, value))}]"
    if isinstance(value, dict):
        entries = (f"{_text_of(key)}={_text_of(item)}" for key, item in value.items())
        return f"{{{', '.join(entries)}}}"
    return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= QUOTED_CHARACTERS_MAX else text[:QUOTED_CHARACTERS_MAX] + "..."


def _lower_camel(name: str) -> str:
    return name[0].lower() + name[1:]
