"""Tables of what an operation answers: a row is a claim, what was done before, and one request.

    Row("the last tag may go", ("TagResource", {...}), {"TagKeys": ["k"]}, members=set())

* ``before`` are calls of the administrator's, by operation and members, in order.
* Texts such as ``{arn}`` and ``{version}`` stand for the ARN and VersionId of the first answer
  that had one, ``{arn:-7}`` for an ARN without its suffix, ``{region2}`` for another region.
* ``members`` are all that the answer has; ``contains`` is what some of them must be.
* ``refused`` is the error's code, and the text or its beginning.

Requests go through boto3, over HTTP, with nothing checked or repeated by the client.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
import re
from typing import Any

from botocore.exceptions import ClientError

from support.live_api import LiveApi, token, unique_region

Members = Mapping[str, Any]
Call = tuple[str, Members]

_SUFFIX_LETTERS = 7


@dataclass(frozen=True)
class Row:
    """One row of an operation's table."""

    claim: str
    before: tuple[Call, ...] = ()
    request: Members = field(default_factory=dict)
    members: frozenset[str] | None = None
    contains: Members = field(default_factory=dict)
    refused: tuple[str, str] | None = None


def row(
    claim: str,
    *before: Call,
    request: Members,
    members: set[str] | None = None,
    contains: Members | None = None,
    refused: tuple[str, str] | None = None,
) -> Row:
    """Return a row."""
    shown = None if members is None else frozenset(members)
    return Row(claim, before, request, shown, contains or {}, refused)


class Scene:
    """What one row's calls have made."""

    def __init__(self, api: LiveApi) -> None:
        self._api = api
        self._known = {"region2": unique_region(), "token": token()}

    def call(self, operation: str, members: Members) -> dict[str, Any]:
        """Call an operation and return what it answers."""
        method = getattr(self._api.secrets, _method(operation))
        answer: dict[str, Any] = method(**self.filled(members))
        answer.pop("ResponseMetadata")
        for name, member in (("arn", "ARN"), ("version", "VersionId")):
            if member in answer:
                self._known.setdefault(name, answer[member])
        self._known.setdefault("arn:-7", self._known.get("arn", "")[:-_SUFFIX_LETTERS])
        return answer

    def filled(self, value: Any) -> Any:  # noqa: ANN401 - whatever a member may be
        """Return a value with what its texts stand for."""
        if isinstance(value, str):
            return re.sub(r"\{([a-z0-9:-]+)\}", lambda found: self._known[found[1]], value)
        if isinstance(value, Mapping):
            return {self.filled(key): self.filled(item) for key, item in value.items()}
        return [self.filled(item) for item in value] if isinstance(value, list) else value


def check(api: LiveApi, operation: str, row: Row) -> None:
    """Play one row."""
    scene = Scene(api)
    for before in row.before:
        scene.call(*before)
    if row.refused is not None:
        code, text = row.refused
        assert _refusal(scene, operation, row.request) == (400, code, scene.filled(text))
        return
    answer = scene.call(operation, row.request)
    assert row.members is None or set(answer) == row.members
    expected = scene.filled(row.contains)
    assert {name: answer.get(name) for name in expected} == expected


def _refusal(scene: Scene, operation: str, request: Members) -> tuple[int, str, str]:
    try:
        answer = scene.call(operation, request)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status, error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError(f"it was not refused, but answered with {sorted(answer)}")


def _method(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
