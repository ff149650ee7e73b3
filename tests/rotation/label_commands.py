"""What a client may ask about one secret's versions and labels, and hypothesis's ways to ask it.

A command is what a request says; ``request`` has AWS's names for it. Those that hypothesis makes
may name a version by its place (``NTH``) or by its label (``HOLDER``): which one that is, is known
only when the command is done.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from hypothesis import strategies as st

CURRENT: Final = "AWSCURRENT"
PENDING: Final = "AWSPENDING"
PREVIOUS: Final = "AWSPREVIOUS"

HOLDER: Final = "the version that carries the label"
NTH: Final = ("the first version", "the second version", "the third version", "the last version")
TOKENS: Final = tuple(f"version-{number}".ljust(32, "-") for number in range(4))
UNKNOWN: Final = "no-such-version".ljust(32, "-")
#: Two fewer than a secret may have.
CROWD: Final = tuple(f"label-{number}" for number in range(18))

#: For so long a rotation that was asked for is tried again.
AN_HOUR: Final = timedelta(hours=1)

FUNCTIONS: Final = {
    name: f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    for name in ("permitted", "forbidden")
}

Value = tuple[str, str | bytes]
"""``SecretString`` or ``SecretBinary``, and what it holds."""

Request = tuple[str, Mapping[str, object]]
"""An operation and its members; one that is None is left out."""


@dataclass(frozen=True)
class Get:
    version_id: str | None = None
    stage: str | None = None

    @property
    def request(self) -> Request:
        return "GetSecretValue", {"VersionId": self.version_id, "VersionStage": self.stage}


@dataclass(frozen=True)
class Put:
    token: str
    value: Value
    stages: tuple[str, ...] | None = None

    @property
    def request(self) -> Request:
        members = {"ClientRequestToken": self.token, "VersionStages": self.stages}
        return "PutSecretValue", {**members, **dict([self.value])}


@dataclass(frozen=True)
class Update:
    token: str
    value: Value | None

    @property
    def request(self) -> Request:
        value = dict([self.value] if self.value else [])
        return "UpdateSecret", {"ClientRequestToken": self.token, **value}


@dataclass(frozen=True)
class Move:
    stage: str
    remove_from: str | None = None
    move_to: str | None = None

    @property
    def request(self) -> Request:
        return "UpdateSecretVersionStage", {
            "VersionStage": self.stage,
            "RemoveFromVersionId": self.remove_from,
            "MoveToVersionId": self.move_to,
        }


@dataclass(frozen=True)
class Rotate:
    token: str
    is_immediate: bool
    function: Literal["permitted", "forbidden"] | None

    @property
    def request(self) -> Request:
        return "RotateSecret", {
            "ClientRequestToken": self.token,
            "RotateImmediately": self.is_immediate,
            "RotationLambdaARN": FUNCTIONS[self.function] if self.function else None,
        }


@dataclass(frozen=True)
class Cancel:
    request: Request = ("CancelRotateSecret", {})


@dataclass(frozen=True)
class Delete:
    recovery_days: int | None = None

    @property
    def request(self) -> Request:
        return "DeleteSecret", {"RecoveryWindowInDays": self.recovery_days}


@dataclass(frozen=True)
class Restore:
    request: Request = ("RestoreSecret", {})


Command = Get | Put | Update | Move | Rotate | Cancel | Delete | Restore


@dataclass(frozen=True)
class StepScript:
    """What the rotation function does in one step, and what somebody else does just before."""

    behaviour: Literal["works", "works and tidies up", "idles", "fails"]
    interference: Command | None = None


tokens = st.sampled_from(TOKENS)
values = st.sampled_from([("SecretString", "a"), ("SecretString", "b"), ("SecretBinary", b"a")])
stages = st.sampled_from([CURRENT, PENDING, PREVIOUS, "blue", "AWSGREEN"])
version_ids = st.sampled_from([*NTH, *NTH, UNKNOWN, None])
stage_lists = (
    st.lists(stages, min_size=1, max_size=3, unique=True)
    # AWS doesn't say which of the two a new version then has.
    .filter(lambda wanted: not {CURRENT, PREVIOUS} <= set(wanted))
    .map(tuple)
)

gets = st.builds(Get, version_ids, st.none() | stages)
puts = st.builds(Put, tokens, values, st.sampled_from([None, (CURRENT,), CROWD]) | stage_lists)
updates = st.builds(Update, tokens, st.none() | values)
moves = st.builds(Move, stages, st.just(HOLDER) | version_ids, version_ids)
rotates = st.builds(
    Rotate,
    tokens,
    is_immediate=st.sampled_from([True, True, False]),
    function=st.sampled_from(["permitted", "permitted", "permitted", None, "forbidden"]),
)
deletes = st.builds(Delete, st.sampled_from([None, 7, 30]))
others = st.one_of(gets, gets, gets, rotates, rotates, st.just(Cancel()), deletes)
commands = st.one_of(puts, updates, moves, rotates, others, st.just(Restore()))
scripts = st.lists(
    st.builds(
        StepScript,
        st.sampled_from([*["works"] * 4, "works and tidies up", "idles", "fails", "fails"]),
        st.one_of(*[st.none()] * 4, commands),
    ),
    max_size=4,
)
waits = st.sampled_from([AN_HOUR, AN_HOUR / 60, timedelta(0), timedelta(days=1)])
