"""What an HTTP API is like that makes keys: told once, by the function's environment.

Not by the secret: who may write a secret would then say what is sent with an administrator's key.

    {
      "authorization": {"header": "Authorization", "value": "Bearer {key}"},
      "test":     {"method": "GET", "path": "/v1/me", "owner": "user.id", "id": "key.id"},
      "list":     {"method": "GET", "path": "/v1/users/{owner}/keys",
                   "keys": "keys[].{id: id, mark: name}"},
      "issue":    {"method": "POST", "path": "/v1/users/{owner}/keys",
                   "body": {"name": "{mark}"}, "id": "id", "key": "secret"},
      "withdraw": {"method": "DELETE", "path": "/v1/users/{owner}/keys/{id}"}
    }

* In paths and in a body's texts ``{id}`` is a key's id, ``{mark}`` what a fresh one is to be
  called, and ``{owner}`` the secret's member of that name.
* What is read from an answer is said in JMESPath, the language of the AWS CLI's ``--query``.
* ``id`` may be left out of ``test``; where it is there, the answer must be the secret's key's.
* Who names an ``{owner}`` must let ``test`` say whose a key is: an administrator would otherwise
  make keys for whomever a secret names.

JMESPath: https://jmespath.org/specification.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
import json
import re
from typing import Any, Final
from urllib.parse import quote

import jmespath
from jmespath.exceptions import JMESPathError

from keyturn_rotators.errors import SettingError

VARIABLE: Final = "API_DESCRIPTION"
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_NEEDED: Final = {
    "test": (),
    "list": ("keys",),
    "issue": ("id", "key"),
    "withdraw": (),
}
_READ: Final = frozenset({"owner", "keys", "id", "key"})
_PLACE: Final = re.compile(r"\{(key|id|mark|owner)\}")
# One that begins a line, or another header, would be sent as such.
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[ -~]*\{key\}[ -~]*")


@dataclass(frozen=True, slots=True)
class Request:
    """One kind of request, and what is read from its answer."""

    method: str
    path: str
    body: Any
    read: Mapping[str, Any]

    def path_with(self, values: Mapping[str, str]) -> str:
        """Return the path, with the values in their places."""
        return _PLACE.sub(lambda place: quote(values[place[1]], safe=""), self.path)

    def body_with(self, values: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
        """Return the body, with the values in their places; None if there is none."""
        return _filled(self.body, values)

    def found(self, name: str, answer: object) -> Any:  # noqa: ANN401 - JSON
        """Return what an answer has at one of the places that are read; None for nothing."""
        return self.read[name].search(answer) if name in self.read else None

    def names(self, place: str) -> bool:
        """Return whether something is to be put in a place of this name."""
        return f"{{{place}}}" in json.dumps([self.path, self.body])


@dataclass(frozen=True, slots=True)
class ApiDescription:
    """An API's requests, and the header that a key is sent in."""

    header: str
    value: str
    test: Request
    list: Request
    issue: Request
    withdraw: Request

    @classmethod
    def from_text(cls, text: str) -> "ApiDescription":
        """Read a description.

        Raises:
            SettingError: it isn't one; the message says what is wrong in it.
        """
        try:
            document = json.loads(text)
        except ValueError:
            raise _wrong("a JSON object; see docs/functions/apikey.md") from None
        if not isinstance(document, dict) or set(document) != {"authorization", *_NEEDED}:
            raise _wrong(f"a JSON object of authorization, {', '.join(_NEEDED)}")
        header, value = _authorization(document["authorization"])
        requests = {name: _request(name, document[name]) for name in _NEEDED}
        if any(each.names("owner") for each in requests.values()) and not (
            requests["test"].read.get("owner")
        ):
            raise _wrong('such that "test" reads the "owner" which its paths name')
        return cls(header=header, value=value, **requests)

    def headers(self, key: str) -> Mapping[str, str]:
        """Return what a request is sent with."""
        return {self.header: self.value.replace("{key}", key)}

    @property
    def knows_owner(self) -> bool:
        """Whether an answer says whose a key is."""
        return "owner" in self.test.read


def _authorization(member: object) -> tuple[str, str]:
    if not isinstance(member, dict) or set(member) != {"header", "value"}:
        raise _wrong('such that "authorization" has a header and a value')
    header, value = str(member["header"]), str(member["value"])
    if not _HEADER.fullmatch(header) or not _VALUE.fullmatch(value):
        raise _wrong('such that "authorization" names a header, and {key} in its value')
    return header, value


def _request(name: str, member: object) -> Request:
    rule = f'such that "{name}" has a method and a path'
    if not isinstance(member, dict) or member.get("method") not in _METHODS:
        raise _wrong(f"{rule}; methods are {', '.join(sorted(_METHODS))}")
    path = member.get("path")
    if not isinstance(path, str) or not path.startswith("/") or not path.isascii():
        raise _wrong(f"{rule}, which begins with a slash")
    if lacking := [each for each in _NEEDED[name] if each not in member]:
        raise _wrong(f'such that "{name}" says where its {lacking[0]} is')
    if unknown := set(member) - {"method", "path", "body"} - _READ:
        raise _wrong(f'such that "{name}" has no {min(unknown)}')
    read = {each: _expression(name, member[each]) for each in sorted(_READ & set(member))}
    return Request(member["method"], path, member.get("body"), read)


def _expression(name: str, text: object) -> Any:  # noqa: ANN401 - the library is untyped
    try:
        return jmespath.compile(text)
    except (JMESPathError, TypeError, AttributeError):
        raise _wrong(f'such that "{name}" has JMESPath where something is read') from None


def _filled(part: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    match part:
        case str():
            return _PLACE.sub(lambda place: values[place[1]], part)
        case dict():
            return {name: _filled(value, values) for name, value in part.items()}
        case list():
            return [_filled(value, values) for value in part]
        case _:
            return part


def _wrong(rule: str) -> SettingError:
    return SettingError(VARIABLE, rule)
