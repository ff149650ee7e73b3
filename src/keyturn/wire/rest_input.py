"""REST-JSON requests, read as an operation's parameters: where each member comes from."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from keyturn.model.http import HttpRequest
from keyturn.wire.fields import parse_fields
from keyturn.wire.json_body import parse_object
from keyturn.wire.json_read import structure_reader
from keyturn.wire.location import members_at
from keyturn.wire.malformed import MalformedError
from keyturn.wire.protocol import Decode
from keyturn.wire.text import ReadText, text_reader
from keyturn.wire.uri import UriTemplate

_ReadTexts = Callable[[list[str]], object]


def input_decoder(shape: StructureShape | None, template: UriTemplate) -> Decode:
    """Compile how a request is read as ``shape``."""
    if shape is None:
        return lambda _: {}
    read_labels = _label_reader(members_at(shape, "uri"), template)
    read_query = _query_reader(members_at(shape, "querystring"))
    read_headers = _header_reader(members_at(shape, "header"))
    read_body = _body_reader(shape)

    def decode(request: HttpRequest) -> dict[str, Any]:
        return {
            **read_body(request.body),
            **read_headers(request.headers),
            **read_query(request.query),
            **read_labels(request.path),
        }

    return decode


def _label_reader(
    members: Mapping[str, Shape], template: UriTemplate
) -> Callable[[str], dict[str, Any]]:
    readers = _text_readers(members, "iso8601")

    def read(path: str) -> dict[str, Any]:
        labels = template.labels_of(path)
        return {readers[label][0]: readers[label][1](text) for label, text in labels.items()}

    return read


def _header_reader(members: Mapping[str, Shape]) -> Callable[[Mapping[str, str]], dict[str, Any]]:
    readers = {
        header.lower(): reader for header, reader in _text_readers(members, "rfc822").items()
    }

    def read(headers: Mapping[str, str]) -> dict[str, Any]:
        return {
            name: read_text(headers[header])
            for header, (name, read_text) in readers.items()
            if header in headers
        }

    return read


def _query_reader(members: Mapping[str, Shape]) -> Callable[[str], dict[str, Any]]:
    readers = {
        shape.serialization.get("name", name): (name, _texts_reader(shape))
        for name, shape in members.items()
    }

    def read(query: str) -> dict[str, Any]:
        texts: dict[str, list[str]] = {}
        for field, text in parse_fields(query):
            texts.setdefault(field, []).append(text)
        return {
            name: read_texts(texts[field])
            for field, (name, read_texts) in readers.items()
            if field in texts
        }

    return read


def _texts_reader(shape: Shape) -> _ReadTexts:
    if isinstance(shape, ListShape):
        read_item = text_reader(shape.member, "iso8601")
        return lambda texts: [read_item(text) for text in texts]
    read_text = text_reader(shape, "iso8601")

    def read(texts: list[str]) -> object:
        if len(texts) > 1:
            raise MalformedError("A parameter of the query string is given twice")
        return read_text(texts[0])

    return read


def _text_readers(
    members: Mapping[str, Shape], timestamp_format: str
) -> dict[str, tuple[str, ReadText]]:
    return {
        shape.serialization.get("name", name): (name, text_reader(shape, timestamp_format))
        for name, shape in members.items()
    }


def _body_reader(shape: StructureShape) -> Callable[[bytes], dict[str, Any]]:
    payload = shape.serialization.get("payload")
    if payload is not None:
        return _payload_reader(payload, shape.members[payload])
    members = members_at(shape, None)
    if not members:
        return lambda _: {}
    read = structure_reader(members)
    return lambda body: read(parse_object(body))


def _payload_reader(name: str, shape: Shape) -> Callable[[bytes], dict[str, Any]]:
    if isinstance(shape, StructureShape):
        read = structure_reader(shape.members)
        return lambda body: {name: read(parse_object(body))} if body else {}
    if shape.type_name == "blob":
        return lambda body: {name: body} if body else {}
    raise NotImplementedError(f"{shape.type_name} as a whole body")
