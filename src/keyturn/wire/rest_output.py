"""REST-JSON answers, written from an operation's output: where each member goes.

An answer has a body where the output has members for one, and none otherwise.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.model import Shape, StructureShape

from keyturn.model.http import HttpResponse
from keyturn.wire.json_write import structure_writer, write_json
from keyturn.wire.location import members_at
from keyturn.wire.protocol import Encode, response
from keyturn.wire.text import WriteText, header_text, text_writer

CONTENT_TYPE: Final = "application/json"

_Headers = tuple[tuple[str, str], ...]


def output_encoder(shape: StructureShape | None, status: int) -> Encode:
    """Compile how an output is written as ``shape``; ``status`` is the model's."""
    if shape is None:
        return lambda _, request_id: response(status, CONTENT_TYPE, request_id, b"")
    status_member = next(iter(members_at(shape, "statusCode")), None)
    write_headers = _header_writer(members_at(shape, "header"))
    write_body = _body_writer(shape)

    def encode(output: Mapping[str, Any], request_id: str) -> HttpResponse:
        answered = status_member and output.get(status_member)
        headers, body = write_headers(output), write_body(output)
        return response(answered or status, CONTENT_TYPE, request_id, body, headers)

    return encode


def _header_writer(members: Mapping[str, Shape]) -> Callable[[Mapping[str, Any]], _Headers]:
    writers: list[tuple[str, str, WriteText]] = [
        (name, shape.serialization["name"], text_writer(shape, "rfc822"))
        for name, shape in members.items()
    ]

    def write(output: Mapping[str, Any]) -> _Headers:
        return tuple(
            (header, header_text(write_text(output[name])))
            for name, header, write_text in writers
            if output.get(name) is not None
        )

    return write


def _body_writer(shape: StructureShape) -> Callable[[Mapping[str, Any]], bytes]:
    payload = shape.serialization.get("payload")
    if payload is not None:
        return _payload_writer(payload, shape.members[payload])
    members = members_at(shape, None)
    if not members:
        return lambda _: b""
    elsewhere = shape.members.keys() - members.keys()
    write = structure_writer(members)
    return lambda output: write_json(
        write({name: item for name, item in output.items() if name not in elsewhere})
    )


def _payload_writer(name: str, shape: Shape) -> Callable[[Mapping[str, Any]], bytes]:
    if isinstance(shape, StructureShape):
        write = structure_writer(shape.members)
        return lambda output: write_json(write(output.get(name) or {}))
    if shape.type_name == "blob":
        return lambda output: output.get(name) or b""
    raise NotImplementedError(f"{shape.type_name} as a whole body")
