"""URI templates of REST operations: ``/2015-03-31/functions/{FunctionName}/policy?find=x``.

* A label stands for one segment, a greedy one (``{Path+}``) for one or more.
* Segments are told apart before they are percent-decoded, so that an encoded slash or colon in a
  name stays the name's.
* A query string in a template must be in the request too.

Smithy: https://smithy.io/2.0/spec/http-bindings.html#uri
"""

from collections.abc import Collection
import re
from urllib.parse import parse_qsl, unquote

from keyturn.wire.malformed import MalformedError

_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")


class UriTemplate:
    """One operation's template.

    Attributes:
        precedence: sorts templates so that the first that matches is the most specific.
    """

    def __init__(self, uri: str) -> None:
        path, _, query = uri.partition("?")
        segments = _trimmed(path).split("/")
        labels = [label for label in map(_LABEL.fullmatch, segments) if label]
        self._names = [label[1] for label in labels]
        self._query = frozenset(parse_qsl(query, keep_blank_values=True))
        self._pattern = re.compile("/".join(map(_segment_pattern, segments)))
        self.precedence = (len(labels) - len(segments), -len(self._query), "+}" in path)

    def matches(self, path: str, fields: Collection[tuple[str, str]]) -> bool:
        """Tell whether a request with this path and this query string is meant."""
        is_path = self._pattern.fullmatch(_trimmed(path)) is not None
        return is_path and self._query.issubset(fields)

    def labels_of(self, path: str) -> dict[str, str]:
        """Return what a path that matches has for each label.

        Raises:
            MalformedError: a label isn't UTF-8.
        """
        match = self._pattern.fullmatch(_trimmed(path))
        raw_texts = match.groups() if match else ()
        try:
            texts = [unquote(raw, errors="strict") for raw in raw_texts]
        except UnicodeDecodeError:
            raise MalformedError("The path is not UTF-8") from None
        return dict(zip(self._names, texts, strict=False))


def _trimmed(path: str) -> str:
    # Old models end their paths with a slash, which AWS doesn't insist on.
    return path.removeprefix("/").removesuffix("/")


def _segment_pattern(segment: str) -> str:
    label = _LABEL.fullmatch(segment)
    if label is None:
        return re.escape(segment)
    return "(.+)" if label[2] else "([^/]+)"
