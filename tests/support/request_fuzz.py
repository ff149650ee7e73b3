"""Bodies of Secrets Manager's requests, for hypothesis: well formed, or with one flaw.

They are drawn from an operation's botocore shape. About half are as the model wants them and name
what the store under test holds, so that they get as far as a handler. The others have one flaw
each: in a member at any depth, in which members there are, or in the text itself.

* What the model calls sensitive holds ``CANARY``.
* ``{{arn:live}}`` and the like stand for what only the store under test knows.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
import json
from typing import Any, Final

from botocore.model import ListShape, OperationModel, Shape, StringShape, StructureShape
from hypothesis import strategies as st
from typing_extensions import override

# A multiple of three bytes: at the beginning of a value it also begins the value's base64.
CANARY: Final = "canary-3f90c6d17a"
CANARY_BASE64: Final = base64.b64encode(CANARY.encode()).decode()
SECRET_NAMES: Final = (
    *("live", "binary", "empty", "gone", "rotating", "cancelled", "crowded"),
    *("partner", "replicated", "copy", "linked", "mirror"),
)
FUNCTION_NAMES: Final = ("permitted", "unpermitted")
LABEL: Final = "blue"
FILE_BYTES: Final = 3_000_000

Values = st.SearchStrategy[Any]
Known = Mapping[str, object]
Pairs = list[tuple["str | Verbatim", object]]
Break = Callable[[Known, str, object], Pairs]
TextBreak = Callable[[bytes, int], bytes]


def token(number: int) -> str:
    """Return one of the ClientRequestTokens that are used, and so one of the versions' ids."""
    return f"version-{number:032}"


@dataclass(frozen=True, slots=True)
class Verbatim:
    """JSON text that no value stands for, or a value too long to show."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Members:
    """A JSON object whose keys may repeat."""

    pairs: tuple[tuple["str | Verbatim", object], ...]


def written(value: object, *, ensure_ascii: bool) -> str:
    """Return JSON text; a lone surrogate is escaped in it, or left as it is."""
    match value:
        case Verbatim(text):
            return text
        case Members(pairs):
            entries = (
                f"{written(key, ensure_ascii=ensure_ascii)}:"
                f"{written(item, ensure_ascii=ensure_ascii)}"
                for key, item in pairs
            )
            return f"{{{','.join(entries)}}}"
        case list():
            items = (written(item, ensure_ascii=ensure_ascii) for item in value)
            return f"[{','.join(items)}]"
        case _:
            return json.dumps(value, ensure_ascii=ensure_ascii)


def nested(levels: int, core: str = "0", opening: str = "[", closing: str = "]") -> Verbatim:
    """Return a value that many levels deep."""
    return Verbatim(opening * levels + core + closing * levels)


# --- what a store may hold ---------------------------------------------------------------------

_ARN: Final = "arn:aws:secretsmanager:us-east-1:123456789012:secret"
_FUNCTION: Final = "arn:aws:lambda:us-east-1:123456789012:function"
_SECRET_IDS: Final = (
    *["live"] * 6,
    *SECRET_NAMES * 2,
    *(f"{{{{arn:{name}}}}}" for name in SECRET_NAMES),
    *(f"{_ARN}:{name}" for name in SECRET_NAMES[:3]),
    "missing",
    "name-ABCdef",
    f"{_ARN}:missing-ABCdef",
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:live-ABCdef",
    "arn:aws:secretsmanager:us-east-1:999999999999:secret:live",
)
_WORDS: Final = ("live", "a", "!b", "env", "prod", "", "us-east-1", "a b", "x/y", "LIVE")


def _policies() -> Values:
    root = {"AWS": "arn:aws:iam::123456789012:root"}
    statement = st.fixed_dictionaries(
        {
            "Effect": st.sampled_from(["Allow", "Allow", "Allow", "Deny", "allow"]),
            "Principal": st.sampled_from([root, root, root, "*", {"AWS": ["*"]}, {"X": "y"}]),
            "Action": st.sampled_from(["secretsmanager:Get*", ["secretsmanager:*"], "*", "x"]),
            "Resource": st.sampled_from(["*", "*", "{{arn:live}}", []]),
        },
        optional={
            "Sid": st.sampled_from(["a", "b"]),
            "Condition": st.sampled_from(
                [{"StringEquals": {"aws:PrincipalAccount": "123456789012"}}, {"Maybe": {}}]
            ),
        },
    )
    document = st.fixed_dictionaries(
        {
            "Version": st.sampled_from(["2012-10-17", "2012-10-17", "2008-10-17", "2030-01-01"]),
            "Statement": statement | st.lists(statement, max_size=2),
        },
        optional={"Id": st.text(max_size=12)},
    )
    broken = st.sampled_from(["{", "{}", "[]", "null", " ", '{"a":1,"a":2}', "[" * 5000])
    return document.map(json.dumps) | broken


def _schedules() -> Values:
    rate = st.tuples(
        st.sampled_from(["1", "4", "10", "999", "0", "-1", "99999999999999999999"]),
        st.sampled_from(["day", "days", "hour", "hours", "minutes"]),
    ).map(" ".join)
    fields = st.tuples(
        st.sampled_from(["0", "0", "*", "30"]),
        st.sampled_from(["8", "0/4", "*", "22-3", "2/0", "/8", "99"]),
        st.sampled_from(["?", "1", "L", "30", "*", "31-1", "SUNL"]),
        st.sampled_from(["*", "2", "JAN-MAR", "1/3", "13"]),
        st.sampled_from(["?", "?", "MON", "2#5", "SAT-SUN", "L", "#", "1,2,"]),
        st.sampled_from(["*", "*", "2026"]),
    ).map(" ".join)
    return rate.map("rate({})".format) | fields.map("cron({})".format)


_RULES: Final = (
    *({"AutomaticallyAfterDays": days} for days in (1, 30, 1000)),
    *({"ScheduleExpression": f"rate({gap})"} for gap in ("4 hours", "10 days")),
    *({"ScheduleExpression": f"cron(0 {at})"} for at in ("8 1 * ? *", "/8 ? 2 2#5 *")),
)

_KNOWN: Final[Mapping[str, Values]] = {
    "SecretIdType": st.sampled_from(_SECRET_IDS),
    "NameType": st.sampled_from(["new", "path/to_new+=.@!-", "name-ABCdef", *SECRET_NAMES[:4]]),
    "ClientRequestTokenType": st.integers(0, 15).map(token),
    "SecretVersionIdType": st.sampled_from([0, 0, 0, 1, 1, 2, 3]).map(token),
    "SecretVersionStageType": st.sampled_from(
        ["AWSCURRENT", "AWSPREVIOUS", "AWSPENDING", LABEL, LABEL, "green", "\N{KEY}"]
    ),
    "SecretStringType": st.text(max_size=20).map(CANARY.__add__),
    "SecretBinaryType": st.binary(max_size=20).map(
        lambda rest: base64.b64encode(CANARY.encode() + rest).decode()
    ),
    "RotationTokenType": st.sampled_from([CANARY * 2, "{{rotation-token}}"]),
    "RotationLambdaARNType": st.sampled_from(
        [
            *[f"{_FUNCTION}:{name}" for name in (*FUNCTION_NAMES, "permitted", "missing")],
            f"{_FUNCTION}:permitted:$LATEST",
            f"{_FUNCTION}:permitted:1",
            "arn:aws:lambda:eu-west-1:123456789012:function:permitted",
            "permitted",
            "",
        ]
    ),
    "RotationRulesType": st.sampled_from(_RULES),
    "AutomaticallyRotateAfterDaysType": st.sampled_from([1, 2, 30, 1000]),
    "DurationType": st.sampled_from(["1h", "4h", "24h", "0h", "99h", "01h"]),
    "ScheduleExpressionType": _schedules(),
    "RecoveryWindowInDaysType": st.sampled_from([7, 30, 7, 30, 6, 31, 0]),
    "NextTokenType": st.sampled_from(
        ["{{next:secrets}}", "{{next:versions}}", "{{next:values}}", "AAAA", "x"]
    ),
    "KmsKeyIdType": st.sampled_from(
        ["", "alias/aws/secretsmanager", "alias/other", "alias/other"]
    ),
    "RegionType": st.sampled_from(["eu-west-1", "us-west-2", "us-east-1", "nowhere-1"]),
    "PasswordLengthType": st.sampled_from([1, 4, 8, 32, 4096]),
    "ExcludeCharactersType": st.text(max_size=20) | st.just("".join(map(chr, range(32, 127)))),
    "TagKeyType": st.sampled_from(["env", "Env", "tag-0", "tag-1", "\N{KEY}", "aws:x"]),
    "FilterValueStringType": st.sampled_from(_WORDS),
    "NonEmptyResourcePolicyType": _policies(),
    "ResourcePolicyNameType": st.just("default"),
    "MedeaTypeType": st.sampled_from(["", "SalesforceClientSecret"]),
    "SecretARNType": st.sampled_from(
        [
            *["{{arn:waiting}}", "{{arn:theirs}}"] * 2,
            *("{{arn:linked-there}}", "{{arn:live}}", f"{_ARN}:missing-ABCdef", "x" * 20),
        ]
    ),
    "RoleARNType": st.sampled_from(["arn:aws:iam::123456789012:role/r", "x" * 20]),
}
"""Values by the names of their shapes, for those that aren't merely of a type and a length."""
_SELDOM: Final = {
    *("AddReplicaRegions", "CrossAccountPrimaryARN", "Type", "ForceOverwriteReplicaSecret"),
    *("ExternalSecretRotationMetadata", "ExternalSecretRotationRoleArn", "RotationToken"),
}
"""Members that most requests do without, and that few secrets can take."""
_WHOLE: Final = {"Tag", "Filter", "ReplicaRegionType"}
"""Shapes that are seldom of use without all their members, though the model requires none."""

_AIMS: Final[Mapping[str, Sequence[Mapping[str, object]]]] = {
    "CancelRotateSecretRequest": [{"SecretId": "rotating"}],
    "CreateSecretRequest": [
        {"Name": "new", "KmsKeyId": "alias/ours", "CrossAccountPrimaryARN": "{{arn:theirs}}"}
    ],
    "DisassociateCrossAccountReplicaRequest": [
        {"SecretId": "linked", "CrossAccountReplicaARN": "{{arn:linked-there}}"}
    ],
    "RemoveRegionsFromReplicationRequest": [
        {"SecretId": "replicated", "RemoveReplicaRegions": ["us-west-2"]}
    ],
    "RotateSecretRequest": [
        {"SecretId": "binary", "RotationLambdaARN": f"{_FUNCTION}:permitted"},
        {"SecretId": "partner", "RotateImmediately": False},
    ],
    "StopReplicationToReplicaRequest": [{"SecretId": "copy"}, {"SecretId": "mirror"}],
    "TagResourceRequest": [{"SecretId": "crowded"}],
    "UpdateSecretVersionStageRequest": [
        {"SecretId": "live", "RemoveFromVersionId": token(1), "MoveToVersionId": token(0)},
        {"SecretId": "live", "VersionStage": LABEL, "RemoveFromVersionId": token(0)},
    ],
}
"""Members that belong together, by the shape of the request: by chance they seldom would."""


def shapes_without_values(operation: OperationModel) -> list[str]:
    """Return the shapes of an operation's input that have a pattern and no known value."""
    return sorted(_without_values(operation.input_shape))


def _without_values(shape: Shape | None) -> set[str]:
    match shape:
        case StructureShape():
            return set[str]().union(*map(_without_values, shape.members.values()))
        case ListShape():
            return _without_values(shape.member)
        case _:
            known = shape is None or shape.name in _KNOWN or not shape.metadata.get("pattern")
            return set() if known or shape is None else {shape.name}


# --- well-formed values ------------------------------------------------------------------------


def _well_formed(shape: Shape) -> Values:
    if shape.name in _KNOWN:
        return _KNOWN[shape.name]
    if isinstance(shape, StructureShape):
        return _members_of(shape).map(lambda members: Members(tuple(members.items())))
    if isinstance(shape, ListShape):
        low, high = shape.metadata.get("min", 0), min(shape.metadata.get("max", 3), 3)
        return st.lists(_well_formed(shape.member), min_size=low, max_size=high)
    if isinstance(shape, StringShape) and shape.enum:
        return st.sampled_from(shape.enum)
    return _of_type(shape)


def _of_type(shape: Shape) -> Values:
    low = shape.metadata.get("min", 0)
    match shape.type_name:
        case "string":
            return st.text(min_size=low, max_size=low + 12)
        case "boolean":
            return st.booleans()
        case "integer" | "long":
            return st.integers(low, min(shape.metadata.get("max", 10), 10))
        case _:
            raise NotImplementedError(f"{shape.name}, a {shape.type_name}")


def _members_of(shape: StructureShape) -> st.SearchStrategy[dict[str, Any]]:
    values = {name: _well_formed(member) for name, member in shape.members.items()}
    # The SDKs fill in an idempotency token: without one, nothing is well formed.
    needed = {
        name: value
        for name, value in values.items()
        if name in shape.required_members or shape.members[name].metadata.get("idempotencyToken")
    }
    optional = {name: value for name, value in values.items() if name not in needed}
    usual = {name: value for name, value in optional.items() if name not in _SELDOM}
    if shape.name in _WHOLE:
        some = st.fixed_dictionaries({**needed, **usual})
    else:
        some = st.fixed_dictionaries(needed, optional=usual)
    aimed = [some.map(partial(_aimed, aim)) for aim in _AIMS.get(shape.name, ())]
    return st.one_of(some, some, some, st.fixed_dictionaries(needed, optional=optional), *aimed)


def _aimed(aim: Known, members: Known) -> dict[str, Any]:
    return {**members, **aim}


# --- values with a flaw ------------------------------------------------------------------------

_ANY_TEXT: Final = st.text(st.characters(exclude_categories=()), max_size=20)
_NUMBERS: Final = (
    *(0, -1, 1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 1.0, 1.5, -0.0, 5e-324, 1.7e308),
    *(Verbatim(text) for text in ("1e400", "NaN", "-Infinity", "01", "1" * 5000, "-", "1e5")),
)
_DEEP: Final = (nested(63), nested(65), nested(200), nested(50_000, "0", '{"a":', "}"))
_OTHER: Final[tuple[object, ...]] = (
    *(None, True, False, "true", "1", "", [], [[]], [None], [1, "a"], {}),
    *({"a": None}, {"Key": {"Key": []}}, Verbatim(f"[{'0,' * 5000}0]")),
)
_TEXTS: Final = (
    *("\x00", "live\x00", "live\n", " live", "\x7f\x1b[2J", "\r\nX-Injected: 1", "\ufeff"),
    *("\ud800", "\udfff\ud800", "live\udc00", "e\u0301" * 9, "\u202eevil\u2066", "\u2028"),
    *("\U0001f511", "\uffff", "\U0010ffff", "ﬁ", "İ", "'; DROP TABLE secrets; --", "%00%s{0}"),
    *("../../etc/passwd", "\\", '"', "*", "?", "arn:", "arn:aws:secretsmanager:::", "::::::"),
    *(f"{_ARN}:", f"{_ARN}:live:extra", f"{_ARN}:-ABCdef", "arn:aws:iam::123456789012:user/a"),
)
_NOT_BASE64: Final = ("=", "a", "a===", "YQ", "Y Q==", "YQ==\n", "____", "é", "YQ==YQ==", "\x00")


def _flawed(shape: Shape) -> Values:
    """Return values that the shape shouldn't have, or only just may have."""
    if shape.metadata.get("sensitive"):
        return _flawed_secret(shape)
    choices: list[Values] = [st.sampled_from((*_NUMBERS, *_OTHER, *_DEEP))]
    if shape.type_name in {"string", "blob"}:
        choices += [st.sampled_from(_TEXTS), _ANY_TEXT, _lengths(shape, "")]
    if shape.type_name in {"integer", "long"}:
        choices.append(st.sampled_from([*_edges(shape), *_NUMBERS]))
    if isinstance(shape, ListShape):
        choices += [_flawed_items(shape), _flawed_items(shape)]
    if isinstance(shape, StructureShape):
        choices += [_flawed_members(shape), _flawed_members(shape)]
    return st.one_of(choices)


def _flawed_secret(shape: Shape) -> Values:
    texts = [CANARY + text for text in (*_TEXTS, "a")] + [CANARY_BASE64 + t for t in _NOT_BASE64]
    wrong = [[CANARY], {CANARY: CANARY}, {"a": [CANARY]}, nested(80, f'"{CANARY}"')]
    return st.one_of(
        st.sampled_from(wrong),
        st.sampled_from(texts),
        _ANY_TEXT.map(CANARY.__add__),
        _lengths(shape, CANARY_BASE64 if shape.type_name == "blob" else CANARY),
    )


def _lengths(shape: Shape, start: str) -> Values:
    """Return texts about as short and as long as may be, and far longer, that begin alike."""
    counts = {max(edge, 0) for edge in (*_edges(shape), 100_000)}
    fills = ("a", "\N{KEY}", "\x00") if shape.type_name == "string" else ("a",)
    return st.sampled_from(
        [
            Verbatim(json.dumps(start + fill * (count - len(start))))
            for count in sorted(counts)
            for fill in fills
        ]
    )


def _edges(shape: Shape) -> list[int]:
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 10)
    # A blob's bytes are four thirds as many characters.
    return [low - 1, low, high, high + 1, *([high * 4 // 3] if shape.type_name == "blob" else [])]


def _flawed_items(shape: ListShape) -> Values:
    good, most = _well_formed(shape.member), shape.metadata.get("max", 60)
    return st.one_of(
        st.tuples(
            st.lists(good, max_size=2), _flawed(shape.member), st.lists(good, max_size=1)
        ).map(lambda parts: [*parts[0], parts[1], *parts[2]]),
        st.tuples(good, st.sampled_from([most, most + 1, 500])).map(
            lambda pair: [pair[0]] * pair[1]
        ),
        st.tuples(good, st.just(None)).map(list),
    )


def _flawed_members(shape: StructureShape) -> Values:
    """Return objects with one flaw each: a member's value, or which members there are."""
    flawed = {name: _flawed(member) for name, member in shape.members.items()}
    breaks = st.sampled_from(_BREAKS)

    @st.composite
    def one(draw: st.DrawFn) -> Members:
        good = draw(_members_of(shape))
        name = draw(st.sampled_from(sorted(flawed)))
        return Members(tuple(draw(breaks)(good, name, draw(flawed[name]))))

    return one()


def _with_value(good: Known, name: str, value: object) -> Pairs:
    return list({**good, name: value}.items())


def _without(good: Known, name: str, _value: object) -> Pairs:
    return [pair for pair in good.items() if pair[0] != name]


def _with_null(good: Known, name: str, _value: object) -> Pairs:
    return list({**good, name: None}.items())


def _twice(good: Known, name: str, value: object) -> Pairs:
    return [(name, value), *{name: value, **good}.items()]


def _twice_in_disguise(good: Known, name: str, value: object) -> Pairs:
    escaped = Verbatim(f'"\\u{ord(name[0]):04x}{name[1:]}"')
    return [*{name: value, **good}.items(), (escaped, value)]


def _misspelt(good: Known, name: str, value: object) -> Pairs:
    return [*good.items(), (name.lower(), value), ("", value)]


_BREAKS: Final[tuple[Break, ...]] = (
    *[_with_value] * 6,
    *(_without, _with_null, _twice, _twice_in_disguise, _misspelt),
)


# --- texts with a flaw -------------------------------------------------------------------------


def _cut(text: bytes, at: int) -> bytes:
    return text[: at % (len(text) + 1)]


def _with_inserted(inserted: bytes) -> TextBreak:
    def insert(text: bytes, at: int) -> bytes:
        place = at % (len(text) + 1)
        return text[:place] + inserted + text[place:]

    return insert


def _around(before: bytes, after: bytes) -> TextBreak:
    return lambda text, _at: before + text + after


_INSERTED: Final = (
    *(b"\x00", b"\n", b"\x1f", b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\\u", b'"', b"\\"),
    *(b",", b"}", b"[", b"0", b'"a":1,', b"/**/"),
)
_ENDS: Final = (
    *((b"\xef\xbb\xbf", b""), (b"[", b"]"), (b"", b"{}"), (b"", b"\x00")),
    *((b" \r\n\t", b"\n"), (b'{"a":', b"}"), (b"\x0b", b"")),
)
_TEXT_BREAKS: Final[tuple[TextBreak, ...]] = (
    *[_cut] * 3,
    *map(_with_inserted, _INSERTED),
    *(_around(before, after) for before, after in _ENDS),
    lambda text, _at: text.decode(errors="replace").encode("utf-16"),
    lambda text, at: text[:-1] + b',"' + b"a" * (at % 5) + b'":' + b"[" * 300 + b"]" * 300 + b"}",
)
_FILES: Final[tuple[TextBreak, ...]] = (
    _around(b" " * FILE_BYTES, b""),
    lambda text, _at: text[:-1] + b',"a":"' + b"a" * FILE_BYTES + b'"}',
    lambda text, _at: text[:-1] + b',"a":[' + b"0," * (FILE_BYTES // 2) + b"0]}",
    lambda _text, _at: b'{"a":' * (FILE_BYTES // 5),
    lambda text, at: b"\xff" * FILE_BYTES + text[at % 9 :],
)
_NOT_OBJECTS: Final = (
    *(b"", b"{}", b"null", b"[]", b'"a"', b"1", b"true", b" ", b"{", b"\x00"),
    b"[" * 100_000,
)


class Batch:
    """Operations and bodies, to be sent one after another; together too long to show."""

    def __init__(self, requests: Iterable[tuple[str, bytes]]) -> None:
        self.requests = tuple(requests)

    @override
    def __repr__(self) -> str:
        return f"<{len(self.requests)} requests>"


Batches = st.SearchStrategy[Batch]


def batches(operation: OperationModel, size: int) -> Batches:
    """Return requests for one operation, about half of them well formed."""
    good, flawed = _good(operation), _encoded(_flawed_members(_input(operation)))
    broken = st.builds(_broken, good, st.sampled_from(_TEXT_BREAKS), st.integers(0, 400))
    no_object = st.sampled_from(_NOT_OBJECTS) | st.binary(max_size=40)
    kinds = [*[good] * 10, *[flawed] * 7, *[broken] * 2, no_object]
    return _batches([(operation.name, kind) for kind in kinds], size)


def big_batches(operation: OperationModel) -> Batches:
    """Return one request with a body of some megabytes."""
    big = st.builds(_broken, _good(operation), st.sampled_from(_FILES), st.integers(0, 400))
    return _batches([(operation.name, big)], 1)


def mixed_batches(operations: Iterable[OperationModel], size: int) -> Batches:
    """Return well-formed requests for many operations."""
    return _batches([(operation.name, _good(operation)) for operation in operations], size)


def _batches(kinds: Sequence[tuple[str, st.SearchStrategy[bytes]]], size: int) -> Batches:
    @st.composite
    def some(draw: st.DrawFn) -> Batch:
        chosen = [draw(st.sampled_from(kinds)) for _ in range(size)]
        return Batch((name, draw(bodies)) for name, bodies in chosen)

    return some()


def _good(operation: OperationModel) -> st.SearchStrategy[bytes]:
    return _encoded(_well_formed(_input(operation)))


def _input(operation: OperationModel) -> StructureShape:
    assert isinstance(operation.input_shape, StructureShape)
    return operation.input_shape


def _broken(text: bytes, breaks: TextBreak, at: int) -> bytes:
    return breaks(text, at)


def _encoded(values: Values) -> st.SearchStrategy[bytes]:
    # A lone surrogate that isn't escaped is written as the bytes that UTF-8 forbids.
    return st.builds(
        lambda value, ensure_ascii: written(value, ensure_ascii=ensure_ascii).encode(
            errors="surrogatepass"
        ),
        values,
        st.booleans(),
    )
