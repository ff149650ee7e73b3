"""The handlers of a rotation's writes, at each step of a rotation and before it is claimed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from keyturn.api.calls import AuthorisedCall
from keyturn.api.secretsmanager.faults import fault_of
from keyturn.api.secretsmanager.values import Values
from keyturn.iam.principal import Principal
from keyturn.iam.session import SessionPrincipal
from keyturn.model.errors import ServiceError
from keyturn.model.rotation import Step
from keyturn.rotation.writers import rotation_token
from rotation.simulator import ACCOUNT, FIRST, FUNCTION, NOW, REGION, TOKEN, Simulation

ROLE = f"arn:aws:iam::{ACCOUNT}:role/rotate"
OTHER_FUNCTION = f"{FUNCTION}-another"
OTHER = "22222222-2222-4222-8222-222222222222"
BEFORE_FINISH = [Step.CREATE, Step.SET, Step.TEST]


def session_of(function: str | None) -> Principal:
    """A session of the role: a function's, or one that somebody took on."""
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/rotate/s"
    return SessionPrincipal("assumed-role", ACCOUNT, arn, "AROA:s", ROLE, None, function)


USER = Principal("user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDA", "ann")
OWN, OTHERS, TAKEN_ON = map(session_of, (FUNCTION, OTHER_FUNCTION, None))


class Desk:
    """Secrets Manager's handlers on a simulation's store, as one caller or another."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._values = Values(simulation.plain, simulation.keyring)
        with simulation.plain.read() as connection:
            self._secret = simulation.secret(connection)

    def put(self, caller: Principal, token: str, value: str = "v", **members: object) -> None:
        params = {"ClientRequestToken": token, "SecretString": value, **members}
        self._values.put_secret_value(self._call(caller, params))

    def update(self, caller: Principal, token: str, **members: object) -> None:
        params = {"ClientRequestToken": token, "SecretString": "v", **members}
        self._values.update_secret(self._call(caller, params))

    def describe(self, caller: Principal) -> None:
        """UpdateSecret without a value."""
        params = {"ClientRequestToken": TOKEN, "Description": "d"}
        self._values.update_secret(self._call(caller, params))

    def move(
        self, caller: Principal, stage: str, to: str | None, *, off: str | None = None
    ) -> None:
        params = {"VersionStage": stage, "MoveToVersionId": to, "RemoveFromVersionId": off}
        given = {name: value for name, value in params.items() if value is not None}
        self._values.update_secret_version_stage(self._call(caller, given))

    def promote(self, caller: Principal) -> None:
        self.move(caller, "AWSCURRENT", TOKEN, off=FIRST)

    def refused(self, call: Callable[..., None], *arguments: object, **members: object) -> str:
        """Return how a call is refused; nothing may have been changed by it."""
        before = self._dump()
        try:
            call(*arguments, **members)
        except ServiceError as error:
            fault = fault_of(error)
            assert fault is not None
            assert self._dump() == before
            return f"{fault.code}: {fault.message}"
        raise AssertionError("the call was not refused")

    def rotation_token(self, version_id: str = TOKEN) -> str:
        return rotation_token(self._simulation.keyring, self._secret.arn, version_id)

    def _call(self, caller: Principal, params: dict[str, Any]) -> AuthorisedCall:
        return AuthorisedCall(
            caller=caller,
            region=REGION,
            request_id="r",
            received_at=NOW,
            source_ip="127.0.0.1",
            params={"SecretId": self._secret.arn, **params},
        )

    def _dump(self) -> list[Any]:
        with self._simulation.plain.read() as connection:
            return [
                connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY 1, 2").all()  # noqa: S608
                for table in ("secrets", "secret_versions", "secret_stages", "rotations")
            ]


@pytest.fixture
def simulation(tmp_path: Path) -> Simulation:
    return Simulation(tmp_path)


@pytest.fixture
def desk(simulation: Simulation) -> Desk:
    return Desk(simulation)


def during(simulation: Simulation, step: Step, act: Callable[[], None]) -> None:
    """Rotate, and do something just before the function does ``step``."""
    done: list[Step] = []

    def interfere(begun: Step) -> None:
        if begun is step and not done:
            done.append(begun)
            act()

    simulation.script.before_step = interfere
    simulation.run_to_the_end()
    assert done == [step]


@contextmanager
def looks_for_rotations(simulation: Simulation) -> Iterator[list[tuple[str, Any]]]:
    """Collect the SQL about rotations, with its parameters, of writes while the block runs."""
    seen: list[tuple[str, Any]] = []

    def note(
        _connection: object, _cursor: object, sql: str, parameters: object, *_: object
    ) -> None:
        if "rotations" in sql:
            seen.append((sql, parameters))

    engine = simulation.plain._writers
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("step", BEFORE_FINISH)
def test_the_function_can_not_promote_before_finish_secret(
    simulation: Simulation, desk: Desk, step: Step
) -> None:
    refusals: list[str] = []
    simulation.rotate()

    during(simulation, step, lambda: refusals.append(desk.refused(desk.promote, OWN)))

    assert refusals == [
        (
            "InvalidRequestException: A rotation function can't make the new version AWSCURRENT "
            f"during {step.value}, because testSecret has to accept it first. Store it with the "
            "VersionStages AWSPENDING, and move AWSCURRENT to it during finishSecret."
        )
    ]
    simulation.assert_sound()


def test_the_function_promotes_during_finish_secret(simulation: Simulation, desk: Desk) -> None:
    simulation.rotate()

    during(simulation, Step.FINISH, lambda: desk.promote(OWN))

    assert simulation.stages() == {"AWSCURRENT": TOKEN, "AWSPREVIOUS": FIRST}
    simulation.assert_sound()


def test_a_function_that_forgets_the_stage_stores_no_current(
    simulation: Simulation, desk: Desk
) -> None:
    refusals: list[str] = []
    simulation.rotate()

    def forget() -> None:
        refusals.append(desk.refused(desk.put, OWN, TOKEN))
        refusals.append(desk.refused(desk.update, OWN, TOKEN))

    during(simulation, Step.CREATE, forget)

    assert len(refusals) == 2
    assert all("because testSecret has to accept it first" in refusal for refusal in refusals)
    simulation.assert_sound()


@pytest.mark.parametrize("step", list(Step))
def test_the_function_makes_nothing_else_current_at_any_step(
    simulation: Simulation, desk: Desk, step: Step
) -> None:
    refusals: list[str] = []
    desk.put(USER, OTHER, VersionStages=["mine"])
    simulation.rotate()

    def slip() -> None:
        refusals.append(desk.refused(desk.move, OWN, "AWSCURRENT", OTHER, off=FIRST))
        refusals.append(desk.refused(desk.put, OWN, "3" * 32))
        refusals.append(desk.refused(desk.update, OWN, "3" * 32, Description="not stored"))

    during(simulation, step, slip)

    assert len(refusals) == 3
    for refusal in refusals:
        assert refusal.startswith(
            f"InvalidRequestException: While the secret is being rotated ({step.value} is under "
            "way), its rotation function can make no version AWSCURRENT but the new one"
        )
    simulation.assert_sound()


def test_the_function_goes_back_to_what_the_rotation_started_from(
    simulation: Simulation, desk: Desk
) -> None:
    simulation.rotate()

    def go_back() -> None:
        desk.promote(OWN)
        desk.move(OWN, "AWSCURRENT", FIRST, off=TOKEN)

    during(simulation, Step.FINISH, go_back)

    simulation.assert_sound()


ROTATES: list[tuple[str, Callable[[Desk, Principal], None]]] = [
    ("put", lambda desk, caller: desk.put(caller, TOKEN, VersionStages=["AWSPENDING"])),
    ("put as current", lambda desk, caller: desk.put(caller, TOKEN)),
    ("put other", lambda desk, caller: desk.put(caller, OTHER, VersionStages=["AWSPENDING"])),
    ("update", lambda desk, caller: desk.update(caller, TOKEN)),
    ("take away", lambda desk, caller: desk.move(caller, "AWSPENDING", None, off=TOKEN)),
    ("move", lambda desk, caller: desk.move(caller, "AWSPENDING", FIRST, off=TOKEN)),
    ("promote", lambda desk, caller: desk.promote(caller)),
]
rotates = pytest.mark.parametrize(
    "rotate", [act for _, act in ROTATES], ids=[name for name, _ in ROTATES]
)


@rotates
def test_another_function_may_not_rotate_before_the_rotation_is_claimed(
    simulation: Simulation, desk: Desk, rotate: Callable[[Desk, Principal], None]
) -> None:
    simulation.rotate()

    assert desk.refused(rotate, desk, OTHERS) == (
        f"InvalidRequestException: You can't use the Lambda function {OTHER_FUNCTION} to rotate "
        "the secret: while it is being rotated (createSecret is under way), of all functions only "
        "its own rotation function can store the new version, move AWSPENDING or make the new "
        "version AWSCURRENT. Make this request in the rotation function itself."
    )


@pytest.mark.parametrize("step", list(Step))
def test_another_function_may_not_rotate_at_any_step(
    simulation: Simulation, desk: Desk, step: Step
) -> None:
    refusals: list[str] = []
    simulation.rotate()

    def rotate_for_another() -> None:
        refusals.extend(desk.refused(act, desk, OTHERS) for _, act in ROTATES)

    during(simulation, step, rotate_for_another)

    assert len(refusals) == len(ROTATES)
    assert all(f"({step.value} is under way)" in refusal for refusal in refusals)
    simulation.assert_sound()


@rotates
@pytest.mark.parametrize("caller", [USER, TAKEN_ON], ids=["user", "role"])
def test_whoever_is_no_function_may_do_what_policies_allow(
    simulation: Simulation,
    desk: Desk,
    caller: Principal,
    rotate: Callable[[Desk, Principal], None],
) -> None:
    simulation.rotate()

    rotate(desk, caller)


def test_another_function_may_write_other_versions(simulation: Simulation, desk: Desk) -> None:
    simulation.rotate()

    desk.put(OTHERS, OTHER, VersionStages=["mine"])
    desk.move(OTHERS, "mine", FIRST, off=OTHER)
    desk.describe(OTHERS)
    desk.put(OTHERS, "3" * 32)

    assert simulation.stages()["AWSCURRENT"] == "3" * 32


def test_the_version_of_a_test_is_promoted_by_no_function(
    simulation: Simulation, desk: Desk
) -> None:
    version_id = simulation.rotate(is_immediate=False)

    own = desk.refused(desk.move, OWN, "AWSCURRENT", version_id, off=FIRST)
    other = desk.refused(desk.move, OTHERS, "AWSCURRENT", version_id, off=FIRST)

    assert own == (
        "InvalidRequestException: A rotation function can't make the version that it is tested "
        "with AWSCURRENT. Only testSecret is under way, to try the configuration; call "
        "RotateSecret to rotate the secret."
    )
    assert f"You can't use the Lambda function {OTHER_FUNCTION} to rotate the secret" in other


def test_the_rotation_token_of_the_event_is_taken_from_any_role(
    simulation: Simulation, desk: Desk
) -> None:
    simulation.rotate()

    def store() -> None:
        given = simulation.script.events[-1]["RotationToken"]
        desk.put(TAKEN_ON, TOKEN, VersionStages=["AWSPENDING"], RotationToken=given)

    during(simulation, Step.CREATE, store)

    assert simulation.current_value() == "v"
    simulation.assert_sound()


def test_who_shows_the_rotation_token_is_the_rotation_function(
    simulation: Simulation, desk: Desk
) -> None:
    simulation.rotate()
    given = desk.rotation_token()

    early = desk.refused(desk.put, TAKEN_ON, TOKEN, RotationToken=given)
    other = desk.refused(
        desk.put, OTHERS, TOKEN, VersionStages=["AWSPENDING"], RotationToken=given
    )

    assert "because testSecret has to accept it first" in early
    assert f"You can't use the Lambda function {OTHER_FUNCTION}" in other


@pytest.mark.parametrize("caller", [USER, TAKEN_ON, OWN], ids=["user", "role", "own"])
def test_a_wrong_rotation_token_is_refused_whoever_gives_it(
    simulation: Simulation, desk: Desk, caller: Principal
) -> None:
    given = desk.rotation_token(OTHER)
    for _ in range(2):
        refusal = desk.refused(
            desk.put, caller, TOKEN, VersionStages=["AWSPENDING"], RotationToken=given
        )

        assert refusal == (
            "InvalidParameterException: The RotationToken isn't valid. Use the RotationToken and "
            "the ClientRequestToken of the event that Secrets Manager invoked the rotation "
            "function with, and only while that rotation is under way."
        )
        if simulation.running() is None:
            simulation.rotate()


def test_the_rotation_token_of_a_rotation_that_is_over_is_refused(
    simulation: Simulation, desk: Desk
) -> None:
    simulation.rotate()
    simulation.run_to_the_end()
    given = simulation.script.events[-1]["RotationToken"]

    refusal = desk.refused(
        desk.put, OWN, TOKEN, f"made-for-{TOKEN}", VersionStages=["mine"], RotationToken=given
    )

    assert refusal.startswith("InvalidParameterException: The RotationToken isn't valid.")
    assert given not in refusal


def test_a_write_by_nobodys_function_looks_for_no_rotation(
    simulation: Simulation, desk: Desk
) -> None:
    simulation.rotate()

    with looks_for_rotations(simulation) as seen:
        desk.put(USER, OTHER, VersionStages=["mine"])
        desk.move(TAKEN_ON, "mine", FIRST, off=OTHER)

    assert seen == []


def test_a_functions_write_looks_for_the_rotation_once_by_an_index(
    simulation: Simulation, desk: Desk
) -> None:
    with looks_for_rotations(simulation) as seen:
        desk.put(OWN, OTHER, VersionStages=["mine"])

    assert len(seen) == 1
    sql, parameters = seen[0]
    with simulation.plain.read() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).all()
    assert ["USING INDEX" in step.detail for step in plan] == [True]
