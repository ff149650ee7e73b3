"""Values of a model's shapes, for hypothesis: of the right type, whatever the constraints say."""

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape
from hypothesis import strategies as st

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = st.integers(0, 4_102_444_800)

# XML 1.0 can hold these and give them back as they were.
_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), max_size=20)
_HEADER_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
_LABEL_TEXT = _TEXT.filter(bool)
_PAYLOAD = st.binary(min_size=1, max_size=20)

_PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "string": _TEXT,
    "boolean": st.booleans(),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.integers(-1000, 1000).map(lambda n: n / 8),
    "double": st.integers(-1000, 1000).map(lambda n: n / 8),
    "blob": st.binary(max_size=20),
    "timestamp": _SECONDS.map(lambda seconds: _EPOCH + timedelta(seconds=seconds)),
}
_LOCATED: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "header": {"string": _HEADER_TEXT},
    "uri": {"string": _LABEL_TEXT},
    "statusCode": {"integer": st.integers(200, 299)},
}


@st.composite
def structures(draw: st.DrawFn, shape: StructureShape, *, depth: int = 4) -> dict[str, Any]:
    """Draw some of a structure's members, at least one, and all that a path or a body needs."""
    named, payload = shape.members, shape.serialization.get("payload")
    needed = [
        name
        for name, member in named.items()
        if member.serialization.get("location") == "uri"
        or (name == payload and member.type_name == "structure")
    ]
    optional = sorted(named.keys() - needed)
    chosen = draw(st.lists(st.sampled_from(optional), unique=True)) if optional else []
    names = needed + chosen or optional[:1]
    return {name: draw(_member(named[name], depth, is_payload=name == payload)) for name in names}


def _member(shape: Shape, depth: int, *, is_payload: bool = False) -> st.SearchStrategy[Any]:
    if is_payload and shape.type_name == "blob":
        return _PAYLOAD
    located = _LOCATED.get(shape.serialization.get("location", ""), {})
    if shape.type_name in located:
        return located[shape.type_name]
    return _values(shape, depth)


def _values(shape: Shape, depth: int) -> st.SearchStrategy[Any]:
    if isinstance(shape, StructureShape):
        return structures(shape, depth=depth - 1) if depth and shape.members else st.just({})
    if isinstance(shape, ListShape):
        return st.lists(_values(shape.member, depth), min_size=1, max_size=3)
    if isinstance(shape, MapShape):
        keys, items = _values(shape.key, depth), _values(shape.value, depth)
        return st.dictionaries(keys, items, min_size=1, max_size=3)
    return _PLAIN[shape.type_name]
