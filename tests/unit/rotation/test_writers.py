from datetime import UTC, datetime

import pytest

from keyturn.keys.keyring import Keyring
from keyturn.model.plaintext import Plaintext
from keyturn.model.rotation import Kind, Position, Rotation, State, Step, Target
from keyturn.rotation.writers import (
    Change,
    CurrentMovedElsewhereError,
    OtherFunctionError,
    PendingMovedElsewhereError,
    PromotedTooEarlyError,
    PromotionOfTestError,
    RotationTokenError,
    WriterError,
    require_rotation_token,
    require_writer,
    rotation_token,
)

NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
KEYRING = Keyring(Plaintext(b"k" * 32))
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:rotate"
STRANGERS = [
    "arn:aws:lambda:us-east-1:123456789012:function:rotate2",
    "arn:aws:lambda:eu-west-1:123456789012:function:rotate",
    "arn:aws:lambda:us-east-1:210987654321:function:rotate",
]
PENDING, STARTED_FROM, OTHER = "pending", "started-from", "other"
BEFORE_FINISH = [Step.CREATE, Step.SET, Step.TEST]

ROTATED: list[Change] = [
    Change.storing(PENDING),
    Change.storing(PENDING, ["AWSPENDING"]),
    Change.storing(PENDING, ["mine"]),
    Change.storing(OTHER, ["AWSPENDING"]),
    Change.moving("AWSPENDING", PENDING),
    Change.moving("AWSPENDING", OTHER),
    Change.moving("AWSPENDING", None),
    Change.moving("AWSCURRENT", PENDING),
]
NOT_ROTATED: list[Change] = [
    Change.storing(OTHER),
    Change.storing(OTHER, ["AWSCURRENT", "mine"]),
    Change.storing(OTHER, ["mine"]),
    Change.moving("AWSCURRENT", OTHER),
    Change.moving("AWSCURRENT", STARTED_FROM),
    Change.moving("AWSPREVIOUS", PENDING),
    Change.moving("mine", PENDING),
]
HARMLESS: list[Change] = [
    Change.storing(PENDING, ["AWSPENDING"]),
    Change.storing(OTHER, ["mine"]),
    Change.moving("AWSPENDING", PENDING),
    Change.moving("AWSPENDING", None),
    Change.moving("AWSCURRENT", STARTED_FROM),
    Change.moving("AWSPREVIOUS", OTHER),
    Change.moving("mine", OTHER),
]
PROMOTING: list[Change] = [
    Change.moving("AWSCURRENT", PENDING),
    Change.storing(PENDING),
    Change.storing(PENDING, ["AWSPENDING", "AWSCURRENT"]),
]
ELSEWHERE: list[Change] = [
    Change.moving("AWSCURRENT", OTHER),
    Change.storing(OTHER),
    Change.storing(OTHER, ["AWSCURRENT", "mine"]),
    # A value isn't gone back to by storing it.
    Change.storing(STARTED_FROM),
]


def rotation(
    step: Step = Step.CREATE,
    *,
    kind: Kind = Kind.ROTATION,
    started_from: str | None = STARTED_FROM,
) -> Rotation:
    return Rotation(
        id=1,
        secret_id=1,
        token=PENDING,
        started_from=started_from,
        position=Position(kind, step, 1),
        state=State.RUNNING,
        due_at=NOW,
        retry_until=NOW,
        started_at=NOW,
        target=Target(),
        may_be_set=False,
        fence=1,
    )


def configuration_test() -> Rotation:
    return rotation(Step.TEST, kind=Kind.TEST)


def require(under_way: Rotation, source: str | None, change: Change) -> None:
    require_writer(under_way, called=FUNCTION, source=source, change=change)


@pytest.mark.parametrize("under_way", [*map(rotation, Step), configuration_test()], ids=str)
@pytest.mark.parametrize("change", [*ROTATED, *NOT_ROTATED], ids=str)
def test_whoever_is_no_function_may_change_everything(under_way: Rotation, change: Change) -> None:
    require(under_way, None, change)


@pytest.mark.parametrize("under_way", [*map(rotation, Step), configuration_test()], ids=str)
@pytest.mark.parametrize("source", STRANGERS)
@pytest.mark.parametrize("change", ROTATED, ids=str)
def test_another_function_may_not_rotate(under_way: Rotation, source: str, change: Change) -> None:
    with pytest.raises(OtherFunctionError) as refused:
        require(under_way, source, change)

    assert (refused.value.step, refused.value.source_function_arn) == (under_way.step, source)


@pytest.mark.parametrize("source", STRANGERS)
@pytest.mark.parametrize("change", NOT_ROTATED, ids=str)
def test_another_function_may_change_what_is_not_the_rotations(
    source: str, change: Change
) -> None:
    require(rotation(), source, change)


@pytest.mark.parametrize("called", [FUNCTION, f"{FUNCTION}:$LATEST"])
@pytest.mark.parametrize("under_way", [*map(rotation, Step), configuration_test()], ids=str)
@pytest.mark.parametrize("change", HARMLESS, ids=str)
def test_the_rotation_function_may_write_its_version_and_go_back_at_any_step(
    under_way: Rotation, called: str, change: Change
) -> None:
    require_writer(under_way, called=called, source=FUNCTION, change=change)


@pytest.mark.parametrize("step", BEFORE_FINISH)
@pytest.mark.parametrize("change", PROMOTING, ids=str)
def test_an_untested_value_does_not_become_current(step: Step, change: Change) -> None:
    with pytest.raises(PromotedTooEarlyError) as refused:
        require(rotation(step), FUNCTION, change)

    assert refused.value.step is step


@pytest.mark.parametrize("called", [FUNCTION, f"{FUNCTION}:$LATEST"])
@pytest.mark.parametrize("change", PROMOTING, ids=str)
def test_the_rotations_version_becomes_current_during_finish_secret(
    called: str, change: Change
) -> None:
    require_writer(rotation(Step.FINISH), called=called, source=FUNCTION, change=change)


@pytest.mark.parametrize("change", PROMOTING, ids=str)
def test_the_version_of_a_test_never_becomes_current(change: Change) -> None:
    with pytest.raises(PromotionOfTestError):
        require(configuration_test(), FUNCTION, change)
    with pytest.raises(OtherFunctionError):
        require(configuration_test(), STRANGERS[0], change)


@pytest.mark.parametrize("under_way", [*map(rotation, Step), configuration_test()], ids=str)
@pytest.mark.parametrize("change", ELSEWHERE, ids=str)
def test_the_rotation_function_makes_nothing_else_current(
    under_way: Rotation, change: Change
) -> None:
    with pytest.raises(CurrentMovedElsewhereError) as refused:
        require(under_way, FUNCTION, change)

    assert refused.value.step is under_way.step


@pytest.mark.parametrize(
    "change", [Change.storing(OTHER, ["AWSPENDING"]), Change.moving("AWSPENDING", OTHER)]
)
def test_a_late_call_of_an_earlier_rotation_does_not_take_the_pending_label(
    change: Change,
) -> None:
    with pytest.raises(PendingMovedElsewhereError):
        require(rotation(), FUNCTION, change)


def test_a_rotation_that_started_from_no_version_has_none_to_go_back_to() -> None:
    under_way = rotation(Step.FINISH, started_from=None)

    with pytest.raises(CurrentMovedElsewhereError):
        require(under_way, FUNCTION, Change.moving("AWSCURRENT", STARTED_FROM))


def test_that_current_can_not_be_taken_away_is_left_to_the_rules_of_labels() -> None:
    require(rotation(), FUNCTION, Change.moving("AWSCURRENT", None))


@pytest.mark.parametrize("source", [FUNCTION, STRANGERS[0]])
@pytest.mark.parametrize("change", PROMOTING, ids=str)
def test_no_refusal_names_a_version(source: str, change: Change) -> None:
    with pytest.raises(WriterError) as refused:
        require(rotation(), source, change)

    assert not {PENDING, STARTED_FROM, OTHER} & set(map(str, refused.value.args))


def require_token(
    given: str, under_way: Rotation | None, change: Change, *, secret_arn: str = SECRET
) -> None:
    require_rotation_token(given, KEYRING, secret_arn, under_way, change)


def test_the_rotation_token_of_the_rotation_under_way_is_taken() -> None:
    given = rotation_token(KEYRING, SECRET, PENDING)

    require_token(given, rotation(), Change.storing(PENDING, ["AWSPENDING"]))


@pytest.mark.parametrize(
    "given",
    [
        rotation_token(KEYRING, SECRET, OTHER),
        rotation_token(KEYRING, SECRET + "2", PENDING),
        rotation_token(Keyring(Plaintext(b"x" * 32)), SECRET, PENDING),
        rotation_token(KEYRING, SECRET, PENDING)[:-1],
        rotation_token(KEYRING, SECRET, PENDING).upper(),
        PENDING,
        "",
        "na\N{LATIN SMALL LETTER I WITH DIAERESIS}ve",
    ],
)
def test_any_other_rotation_token_is_refused(given: str) -> None:
    with pytest.raises(RotationTokenError):
        require_token(given, rotation(), Change.storing(PENDING, ["AWSPENDING"]))


def test_the_rotation_token_of_a_rotation_that_is_over_is_refused() -> None:
    given, change = rotation_token(KEYRING, SECRET, OTHER), Change.storing(OTHER, ["AWSPENDING"])

    with pytest.raises(RotationTokenError):
        require_token(given, None, change)
    with pytest.raises(RotationTokenError):
        require_token(given, rotation(), change)


def test_a_rotation_token_with_another_version_is_refused() -> None:
    given = rotation_token(KEYRING, SECRET, PENDING)

    with pytest.raises(RotationTokenError):
        require_token(given, rotation(), Change.storing(OTHER, ["AWSPENDING"]))
    with pytest.raises(RotationTokenError):
        require_token(given, rotation(), Change.moving("AWSPENDING", PENDING))


def test_a_refused_rotation_token_is_not_repeated() -> None:
    given = "a-rotation-token-that-nobody-was-given"

    with pytest.raises(RotationTokenError) as refused:
        require_token(given, rotation(), Change.storing(PENDING))

    assert given not in f"{refused.value!r}{refused.value}"
    assert refused.value.__cause__ is None
