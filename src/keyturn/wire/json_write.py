"""A model's shapes written as JSON: one closure a shape, compiled once.

A closure turns an output into what msgspec encodes as it should: members that are None are left
out, timestamps become numbers with three fraction digits. Where a shape needs neither there is no
closure, and the value goes as it is; msgspec itself writes bytes as base64.

An output that isn't of its shape is a defect of ours, and raises whatever it raises.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape
import msgspec

from keyturn.wire.timestamp import format_timestamp, to_epoch_seconds

Write = Callable[[Any], object]
WriteStructure = Callable[[Mapping[str, Any]], dict[str, object]]

_Members = dict[str, tuple[str, Write | None]]

write_json = msgspec.json.Encoder().encode


def structure_writer(members: Mapping[str, Shape]) -> WriteStructure:
    """Return a function from an output with these members to what ``write_json`` takes."""
    return _Compiler().structure_of(members)


class _Compiler:
    """Compiles shapes, each structure once, which is what lets a shape hold itself."""

    def __init__(self) -> None:
        self._structures: dict[str, WriteStructure] = {}

    def structure_of(self, members: Mapping[str, Shape]) -> WriteStructure:
        writers: _Members = {}
        write = _structure_writer(writers)
        self._fill(writers, members)
        return write

    def _fill(self, writers: _Members, members: Mapping[str, Shape]) -> None:
        for name, shape in members.items():
            writers[name] = (shape.serialization.get("name", name), self._writer(shape))

    def _writer(self, shape: Shape) -> Write | None:
        """Return the writer of a shape, or None when its values go as they are."""
        if isinstance(shape, StructureShape):
            return self._structure(shape)
        if isinstance(shape, ListShape):
            return _list_writer(self._writer(shape.member))
        if isinstance(shape, MapShape):
            return _map_writer(self._writer(shape.value))
        if shape.type_name == "timestamp":
            return _timestamp_writer(shape.serialization.get("timestampFormat", "unixTimestamp"))
        return None

    def _structure(self, shape: StructureShape) -> WriteStructure:
        if shape.name not in self._structures:
            writers: _Members = {}
            # Known before its members are compiled, since one of them may be itself.
            self._structures[shape.name] = _structure_writer(writers)
            self._fill(writers, shape.members)
        return self._structures[shape.name]


def _structure_writer(writers: _Members) -> WriteStructure:
    def write(output: Mapping[str, Any]) -> dict[str, object]:
        members: dict[str, object] = {}
        for name, item in output.items():
            if item is not None:
                wire_name, write_item = writers[name]
                members[wire_name] = item if write_item is None else write_item(item)
        return members

    return write


def _list_writer(write_item: Write | None) -> Write | None:
    if write_item is None:
        return None
    return lambda items: [write_item(item) for item in items]


def _map_writer(write_item: Write | None) -> Write | None:
    if write_item is None:
        return None
    return lambda entries: {key: write_item(item) for key, item in entries.items()}


def _timestamp_writer(timestamp_format: str) -> Write:
    if timestamp_format == "unixTimestamp":
        return _write_epoch_seconds
    return lambda at: format_timestamp(at, timestamp_format)


def _write_epoch_seconds(at: datetime) -> msgspec.Raw:
    # Raw, because a float would drop the zeros that end its fraction.
    return msgspec.Raw(to_epoch_seconds(at).encode())
