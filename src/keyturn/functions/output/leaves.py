"""Which parts of a secret's value are secret. Pure.

* A JSON document is secret in its members, also where a member is such a document again. Members
  that name the target aren't secret: without them no message would help anybody.
* Any other value is secret as a whole, what is no text included.
* An ARN is a name, wherever it stands.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
"""

from collections.abc import Iterator
import json
import re
from typing import Final

_NOT_SECRET: Final = {
    "engine",
    "host",
    "port",
    "dbname",
    "username",
    "ssl",
    "masterarn",
    "dbinstanceidentifier",
    "dbclusteridentifier",
}
_ARN: Final = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:\S+")


def leaves_of(value: bytes) -> Iterator[str]:
    """Yield each part of a value that is secret, as a text."""
    # A list and no recursion: a value may be as deep as it is long.
    nodes: list[object] = [_text_of(value)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, str):
            document = _document(node)
            if document is not None:
                nodes.append(document)
            elif _ARN.fullmatch(node) is None:
                yield node
        elif isinstance(node, dict):
            secret = [each for key, each in node.items() if key.lower() not in _NOT_SECRET]
            nodes.extend(reversed(secret))
        elif isinstance(node, list):
            nodes.extend(reversed(node))


def _text_of(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        # Latin-1 has a character for each byte.
        return value.decode("latin-1")


def _document(text: str) -> dict[str, object] | list[object] | None:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        # Numbers stay as they are written: a function prints the text.
        document = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict | list) else None
