"""JSON values read as a model's shapes: one closure a shape, compiled once.

* A wrong JSON type is refused, in words close to AWS's, which never quote the value.
* Unknown members are left out; a null member is an absent one.
* Blobs come out as bytes, timestamps as aware datetimes.

Constraints (lengths, patterns, what is required) are ``keyturn.wire.validate``'s.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from keyturn.wire.malformed import MalformedError
from keyturn.wire.text import read_blob
from keyturn.wire.timestamp import from_epoch_seconds, parse_timestamp

Read = Callable[[object], object]
ReadStructure = Callable[[object], dict[str, Any]]


def structure_reader(members: Mapping[str, Shape]) -> ReadStructure:
    """Return a reader of JSON objects that have these members."""
    return _Compiler().structure_of(members)


class _Compiler:
    """Compiles shapes, each structure once, which is what lets a shape hold itself."""

    def __init__(self) -> None:
        self._structures: dict[str, ReadStructure] = {}

    def structure_of(self, members: Mapping[str, Shape]) -> ReadStructure:
        readers: dict[object, tuple[str, Read]] = {}
        read = _structure_reader(readers)
        self._fill(readers, members)
        return read

    def _fill(self, readers: dict[object, tuple[str, Read]], members: Mapping[str, Shape]) -> None:
        for name, shape in members.items():
            readers[shape.serialization.get("name", name)] = (name, self._reader(shape))

    def _reader(self, shape: Shape) -> Read:
        if isinstance(shape, StructureShape):
            return self._structure(shape)
        if isinstance(shape, ListShape):
            return _list_reader(self._reader(shape.member))
        if isinstance(shape, MapShape):
            return _map_reader(self._reader(shape.key), self._reader(shape.value))
        if shape.type_name == "timestamp":
            return _timestamp_reader(shape.serialization.get("timestampFormat", "unixTimestamp"))
        return _SCALARS[shape.type_name]

    def _structure(self, shape: StructureShape) -> Read:
        if shape.name not in self._structures:
            readers: dict[object, tuple[str, Read]] = {}
            # Known before its members are compiled, since one of them may be itself.
            self._structures[shape.name] = _structure_reader(readers)
            self._fill(readers, shape.members)
        return self._structures[shape.name]


def _structure_reader(readers: Mapping[object, tuple[str, Read]]) -> ReadStructure:
    def read(value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _mismatch(value, "Expected null")
        params: dict[str, Any] = {}
        for key, item in value.items():
            if item is not None and key in readers:
                name, read_item = readers[key]
                params[name] = read_item(item)
        return params

    return read


def _list_reader(read_item: Read) -> Read:
    def read(value: object) -> list[object]:
        if not isinstance(value, list):
            raise _mismatch(value, "Expected list or null")
        return [read_item(item) for item in value]

    return read


def _map_reader(read_key: Read, read_item: Read) -> Read:
    def read(value: object) -> dict[object, object]:
        if not isinstance(value, dict):
            raise _mismatch(value, "Expected null")
        return {read_key(key): read_item(item) for key, item in value.items() if item is not None}

    return read


def _read_string(value: object) -> str:
    if isinstance(value, str):
        return value
    raise _mismatch(value, "{} can not be converted to a String")


def _read_boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _mismatch(value, "{} can not be converted to a Boolean")


def _integer_reader(bits: int, refusal: str) -> Read:
    low, high = -(1 << (bits - 1)), 1 << (bits - 1)

    def read(value: object) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value < high:
            return value
        raise _mismatch(value, refusal)

    return read


def _read_number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(OverflowError):
            return float(value)
    raise _mismatch(value, "{} can not be converted to a Double")


def _read_blob(value: object) -> bytes:
    if isinstance(value, str):
        return read_blob(value)
    raise _mismatch(value, "{} can not be converted to a Blob")


def _timestamp_reader(timestamp_format: str) -> Read:
    def read_number(value: object) -> datetime:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return from_epoch_seconds(value)
        raise _mismatch(value, "{} can not be converted to a Timestamp")

    def read_text(value: object) -> datetime:
        if isinstance(value, str):
            return parse_timestamp(value, timestamp_format)
        raise _mismatch(value, "{} can not be converted to a Timestamp")

    return read_number if timestamp_format == "unixTimestamp" else read_text


_SCALARS: dict[str, Read] = {
    "string": _read_string,
    "character": _read_string,
    "boolean": _read_boolean,
    "integer": _integer_reader(32, "{} can not be converted to an Integer"),
    "long": _integer_reader(64, "{} can not be converted to a Long"),
    "float": _read_number,
    "double": _read_number,
    "blob": _read_blob,
}


def _mismatch(value: object, scalar_refusal: str) -> MalformedError:
    if isinstance(value, dict):
        return MalformedError("Start of structure or map found where not expected.")
    if isinstance(value, list):
        return MalformedError("Start of list found where not expected")
    if value is None:
        return MalformedError("NULL_VALUE found where not expected")
    return MalformedError(scalar_refusal.format(_token_of(value)))


def _token_of(value: object) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    return "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"
