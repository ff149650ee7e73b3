"""A model's shapes written as XML text: one closure a shape, compiled once.

* Members that are None are left out.
* Characters that XML 1.0 can't hold, however escaped, become U+FFFD.

Smithy: https://smithy.io/2.0/spec/protocol-traits.html#xml-bindings
W3C: Extensible Markup Language (XML) 1.0, section 2.2.
"""

from collections.abc import Callable, Mapping
import re
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from keyturn.wire.text import text_writer

Write = Callable[[Any], str]
"""Turns a value into XML: whole elements, or text."""

_UNWRITABLE = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
# A reader turns a bare carriage return into a line feed, so it needs a reference too.
_SPECIAL = re.compile(r"[&<>\r]")
_REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}


def escape(text: str) -> str:
    """Return ``text`` as the content of an element."""
    text = _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    return _SPECIAL.sub(lambda match: _REFERENCES[match[0]], text)


def element(name: str, content: str) -> str:
    """Return one element around content that is XML already."""
    return f"<{name}>{content}</{name}>"


def xml_writer(shape: StructureShape) -> Write:
    """Return a function from an output to its members' elements."""
    return _Compiler().structure(shape)


class _Compiler:
    """Compiles shapes, each structure once, which is what lets a shape hold itself."""

    def __init__(self) -> None:
        self._structures: dict[str, Write] = {}

    def structure(self, shape: StructureShape) -> Write:
        if shape.name not in self._structures:
            writers: dict[str, Write] = {}
            # Known before its members are compiled, since one of them may be itself.
            self._structures[shape.name] = _structure_writer(writers)
            for name, member in shape.members.items():
                writers[name] = self._member(member.serialization.get("name", name), member)
        return self._structures[shape.name]

    def _member(self, name: str, shape: Shape) -> Write:
        """Return the writer of a member with its elements: one, or many when flattened."""
        is_flattened = shape.serialization.get("flattened", False)
        if isinstance(shape, ListShape):
            item_name = shape.member.serialization.get("name", name if is_flattened else "member")
            write = _list_writer(self._member(item_name, shape.member))
        elif isinstance(shape, MapShape):
            write = _map_writer(
                name if is_flattened else "entry",
                self._member(shape.key.serialization.get("name", "key"), shape.key),
                self._member(shape.value.serialization.get("name", "value"), shape.value),
            )
        else:
            write = self._content(shape)
        return write if is_flattened else _in_element(name, write)

    def _content(self, shape: Shape) -> Write:
        if isinstance(shape, StructureShape):
            return self.structure(shape)
        write_text = text_writer(shape, "iso8601")
        return lambda value: escape(write_text(value))


def _structure_writer(writers: Mapping[str, Write]) -> Write:
    def write(output: Mapping[str, Any]) -> str:
        return "".join(writers[name](item) for name, item in output.items() if item is not None)

    return write


def _list_writer(write_item: Write) -> Write:
    return lambda items: "".join(map(write_item, items))


def _map_writer(entry_name: str, write_key: Write, write_item: Write) -> Write:
    return lambda entries: "".join(
        element(entry_name, write_key(key) + write_item(item)) for key, item in entries.items()
    )


def _in_element(name: str, write: Write) -> Write:
    return lambda value: element(name, write(value))
