"""Query parameters as a tree, and the tree read as a model's shapes.

``Tags.member.1.Key=a`` is one leaf; the tree is what shapes are read from:

* A structure's members are children by name; a list's are its indexes, from 1, in numeric order
  with any gaps closed; a map's are entries with a key and a value.
* An empty value where a list or a map is expected is an empty one, which is how SDKs send it.
* A name given twice, or used both as a value and as a prefix, is refused: two readers might pick
  different ones.

AWS: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from collections.abc import Callable, Mapping, Sequence
import re
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from keyturn.wire.malformed import NESTING_MAX, MalformedError, nesting_error
from keyturn.wire.text import text_reader

Node = str | dict[str, "Node"]
"""A value, or children by name."""
ReadStructure = Callable[[Node], dict[str, Any]]

_Read = Callable[[Node], object]

_INDEX = re.compile(r"[1-9][0-9]{0,8}")


def form_tree(fields: Sequence[tuple[str, str]]) -> dict[str, Node]:
    """Return the tree that dotted names make.

    Raises:
        MalformedError: a name is given twice, or is too deep.
    """
    root: dict[str, Node] = {}
    for name, text in fields:
        *branches, leaf = name.split(".")
        if len(branches) > NESTING_MAX:
            raise nesting_error()
        node = root
        for branch in branches:
            child = node.setdefault(branch, {})
            if isinstance(child, str):
                raise _ambiguous()
            node = child
        if leaf in node:
            raise _ambiguous()
        node[leaf] = text
    return root


def form_reader(shape: StructureShape | None) -> ReadStructure:
    """Compile how a tree is read as ``shape``."""
    return _Compiler().structure({} if shape is None else shape.members)


def _ambiguous() -> MalformedError:
    return MalformedError("A parameter is given twice")


class _Compiler:
    """Compiles shapes, each structure once, which is what lets a shape hold itself."""

    def __init__(self) -> None:
        self._structures: dict[str, _Read] = {}

    def structure(self, members: Mapping[str, Shape]) -> ReadStructure:
        readers: dict[str, tuple[str, _Read]] = {}
        read = _structure_reader(readers)
        self._fill(readers, members)
        return read

    def _fill(self, readers: dict[str, tuple[str, _Read]], members: Mapping[str, Shape]) -> None:
        for name, shape in members.items():
            readers[_wire_name(name, shape)] = (name, self._reader(shape))

    def _reader(self, shape: Shape) -> _Read:
        if isinstance(shape, StructureShape):
            return self._named_structure(shape)
        if isinstance(shape, ListShape):
            return _list_reader(_items_name(shape), self._reader(shape.member))
        if isinstance(shape, MapShape):
            return _map_reader(shape, self._reader(shape.key), self._reader(shape.value))
        return _leaf_reader(shape)

    def _named_structure(self, shape: StructureShape) -> _Read:
        if shape.name not in self._structures:
            readers: dict[str, tuple[str, _Read]] = {}
            # Known before its members are compiled, since one of them may be itself.
            self._structures[shape.name] = _structure_reader(readers)
            self._fill(readers, shape.members)
        return self._structures[shape.name]


def _wire_name(name: str, shape: Shape) -> str:
    if isinstance(shape, ListShape) and shape.serialization.get("flattened"):
        name = shape.serialization.get("name", name)
        return str(shape.member.serialization.get("name", name))
    return str(shape.serialization.get("name", name))


def _items_name(shape: ListShape) -> str | None:
    if shape.serialization.get("flattened"):
        return None
    return str(shape.member.serialization.get("name", "member"))


def _structure_reader(readers: Mapping[str, tuple[str, _Read]]) -> ReadStructure:
    def read(node: Node) -> dict[str, Any]:
        if isinstance(node, str):
            raise MalformedError("Value found where a structure is expected")
        params: dict[str, Any] = {}
        for key, child in node.items():
            if key in readers:
                name, read_child = readers[key]
                params[name] = read_child(child)
        return params

    return read


def _list_reader(items_name: str | None, read_item: _Read) -> _Read:
    return lambda node: [read_item(item) for item in _items(node, items_name)]


def _map_reader(shape: MapShape, read_key: _Read, read_item: _Read) -> _Read:
    entries_name = None if shape.serialization.get("flattened") else "entry"
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")

    def read(node: Node) -> dict[object, object]:
        entries: dict[object, object] = {}
        for entry in _items(node, entries_name):
            if isinstance(entry, str) or not {key_name, value_name} <= entry.keys():
                raise MalformedError("A map's entry has a key and a value")
            entries[read_key(entry[key_name])] = read_item(entry[value_name])
        return entries

    return read


def _items(node: Node, items_name: str | None) -> list[Node]:
    """Return what a list or a map has, in the order of its indexes."""
    if node == "":
        return []
    if items_name is not None:
        node = node.get(items_name, "") if isinstance(node, dict) else node
    if isinstance(node, str) or not all(map(_INDEX.fullmatch, node)):
        raise MalformedError("A list's items are numbered from 1")
    return [node[index] for index in sorted(node, key=int)]


def _leaf_reader(shape: Shape) -> _Read:
    read_text = text_reader(shape, "iso8601")

    def read(node: Node) -> object:
        if isinstance(node, str):
            return read_text(node)
        raise MalformedError("Start of structure or map found where not expected.")

    return read
