"""``keyturn rotation history``, on a store with simulated rotations and on a real server."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from keyturn.cli.main import app
from keyturn.data_dir import DataDir
from keyturn.model.limits import ATTEMPTS_PER_ROTATION_KEPT, ROTATIONS_PER_SECRET_KEPT
from keyturn.model.plaintext import Plaintext
from keyturn.model.rotation import Step
from keyturn.model.secret import SecretValue
from keyturn.rotation import begin, request
from keyturn.secrets import lifecycle, replication, versions
from keyturn.store import rotation_steps, rotations
from rotation.simulator import (
    ACCOUNT,
    FIRST,
    FUNCTION,
    NOW,
    REGION,
    TOKEN,
    PowerCutError,
    Simulation,
    Stumble,
)
from support.keyturn_server import KeyturnServer
from support.live_api import OTHER_ACCOUNT, Caller, LiveApi
from support.live_rotation import Bench
from support.polling import wait_until
from support.rotation_functions import FOUR_STEPS

if TYPE_CHECKING:
    import subprocess

Run = Callable[..., "subprocess.CompletedProcess[str]"]

STEPS = [step.value for step in Step]
COLUMNS = 80
CUT_OFF, UNDER_WAY = "cut off", "under way"


class Desk:
    """A simulated secret in a data directory, and the command on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        DataDir(folder).describe(endpoint="http://127.0.0.1:8585", account=ACCOUNT)
        self.simulation = Simulation(folder)

    def history(self, *arguments: str, name: str | None = None) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = json.loads(self.text("--json", *arguments, name=name))
        return records

    def text(self, *arguments: str, name: str | None = None) -> str:
        command = ["rotation", "history", name or self.simulation.name, *arguments]
        done = CliRunner().invoke(app, [*command, "--data-dir", str(self.folder)])
        assert done.exit_code == 0, done.output
        return done.stdout

    def one(self) -> dict[str, Any]:
        (record,) = self.history()
        return record


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.simulation.database.close()


def outcomes(record: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(step["Attempt"], step["Step"], step["Outcome"]) for step in record["Steps"]]


def test_rotation_that_succeeded_has_four_steps_and_no_failure(desk: Desk) -> None:
    desk.simulation.rotate()
    desk.simulation.run_to_the_end()

    record = desk.one()

    assert outcomes(record) == [(1, step, "succeeded") for step in STEPS]
    next_rotation_at = record.pop("NextRotationAt")
    steps = record.pop("Steps")
    assert record == {
        "VersionId": TOKEN,
        "Kind": "rotation",
        "State": "succeeded",
        "StartedAt": "2026-01-14T10:30:00.000Z",
        "EndedAt": "2026-01-14T10:30:00.000Z",
        "NextAttemptAt": None,
        "TargetMayHaveValue": False,
        "Cause": None,
        "Reason": None,
    }
    assert next_rotation_at.startswith("2026-01-24T")
    assert steps[0] == {
        "Attempt": 1,
        "Step": "createSecret",
        "StartedAt": "2026-01-14T10:30:00.000Z",
        "EndedAt": "2026-01-14T10:30:00.000Z",
        "Outcome": "succeeded",
        "RequestId": "request",
        "Cause": None,
        "Reason": None,
    }


def test_steps_last_as_long_as_the_function_ran(desk: Desk) -> None:
    desk.simulation.script.before_step = lambda _step: desk.simulation.clock.advance(
        timedelta(milliseconds=1250)
    )
    desk.simulation.rotate()
    desk.simulation.run_to_the_end()

    text = desk.text()

    assert "  10:30:00 createSecret   1.25 s succeeded request\n" in text
    assert "  10:30:03 finishSecret   1.25 s succeeded request\n" in text
    assert desk.one()["EndedAt"] == "2026-01-14T10:30:05.000Z"


def test_failed_attempt_says_what_failed_why_and_what_follows(desk: Desk) -> None:
    desk.simulation.rotate()
    desk.simulation.script.failures[Step.SET] = 1
    desk.simulation.runner().run_next()

    record, text = desk.one(), desk.text()

    assert outcomes(record) == [
        (1, "createSecret", "succeeded"),
        (1, "setSecret", "statement_failed"),
    ]
    assert (record["State"], record["Cause"]) == ("running", "statement_failed")
    assert record["Reason"].endswith(
        "function:rotate failed during setSecret: StatementFailedError: no"
    )
    assert "2026-01-14T10:31:00" <= record["NextAttemptAt"] <= "2026-01-14T10:31:15"
    assert f"Attempt 2 begins by itself at {record['NextAttemptAt']}. It may succeed" in text
    assert "running: statement_failed\n" in text
    assert "  10:30:00 setSecret      0.00 s failed    request\n    statement_failed: arn:" in text


def test_failure_that_only_a_person_can_end_says_so(desk: Desk) -> None:
    desk.simulation.rotate()
    desk.simulation.script.stumbles[Step.TEST] = [Stumble("MissingRightError")]
    desk.simulation.runner().run_next()

    text = " ".join(desk.text().split())

    assert "It fails again until that is repaired." in text
    assert "The target may have the new value already" in text
    assert desk.one()["TargetMayHaveValue"] is True


def test_attempts_follow_each_other_in_their_order(desk: Desk) -> None:
    desk.simulation.rotate()
    desk.simulation.script.failures = {Step.CREATE: 1, Step.TEST: 1}
    desk.simulation.run_to_the_end()

    text = desk.text()

    assert outcomes(desk.one()) == [
        (1, "createSecret", "statement_failed"),
        *((2, step, "succeeded") for step in STEPS[:2]),
        (2, "testSecret", "statement_failed"),
        *((3, step, "succeeded") for step in STEPS),
    ]
    headings = [line for line in text.splitlines() if line.startswith("  attempt ")]
    assert headings == [f"  attempt {number}, 2026-01-14" for number in (1, 2, 3)]


def test_step_that_a_crash_cut_off_has_no_end_and_is_repeated(desk: Desk) -> None:
    desk.simulation.rotate()
    desk.simulation.script.cuts_power = (2, False)
    desk.simulation.run_to_the_end()

    record, text = desk.one(), desk.text()

    repeated = [step for step in record["Steps"] if step["Step"] == "setSecret"]
    assert [step["Outcome"] for step in repeated] == [CUT_OFF, "succeeded"]
    assert [step["EndedAt"] is None for step in repeated] == [True, False]
    assert [step["RequestId"] for step in repeated] == [None, "request"]
    assert "  10:30:00 setSecret             cut off\n" in text


def test_step_that_runs_is_under_way(desk: Desk) -> None:
    seen: list[tuple[dict[str, Any], str]] = []

    def look(step: Step) -> None:
        if step is Step.TEST:
            seen.append((desk.one(), desk.text()))

    desk.simulation.script.before_step = look
    desk.simulation.rotate()
    desk.simulation.run_to_the_end()

    ((record, text),) = seen
    assert outcomes(record)[-1] == (1, "testSecret", UNDER_WAY)
    assert (record["State"], record["NextAttemptAt"]) == ("running", None)
    assert "  testSecret is under way since 2026-01-14T10:30:00.000Z.\n" in text


def test_rotation_that_waits_for_its_first_step_says_when_it_begins(desk: Desk) -> None:
    desk.simulation.rotate()

    assert desk.one()["Steps"] == []
    assert "Attempt 1 begins by itself at 2026-01-14T10:30:00.000Z." in desk.text()


def test_rotation_that_was_given_up_says_when_the_next_one_begins(desk: Desk) -> None:
    desk.simulation.rotate()
    desk.simulation.script.failures[Step.SET] = 1000
    desk.simulation.run_to_the_end()

    record, text = desk.one(), desk.text()

    assert (record["State"], record["NextAttemptAt"]) == ("failed", None)
    assert record["TargetMayHaveValue"] is False
    next_rotation_at = record["NextRotationAt"]
    assert f"  The secret's next rotation begins at {next_rotation_at}.\n" in text
    assert "failed: statement_failed\n" in text


def test_rotation_that_was_cancelled_has_nothing_to_follow(desk: Desk) -> None:
    desk.simulation.rotate()
    with desk.simulation.plain.write() as connection:
        request.cancel(connection, desk.simulation.secret(connection), NOW)

    record = desk.one()

    assert record["State"] == "cancelled"
    assert (record["NextAttemptAt"], record["NextRotationAt"]) == (None, None)
    assert "begins" not in desk.text()


def test_rotation_of_a_secret_that_is_deleted_waits_for_it(desk: Desk) -> None:
    desk.simulation.rotate()
    with desk.simulation.plain.write() as connection:
        secret = desk.simulation.secret(connection)
        lifecycle.schedule_deletion(connection, secret, recovery_days=7, now=NOW)

    text = " ".join(desk.text().split())

    assert "It goes on when the secret is restored." in text
    assert "begins" not in text


def test_refused_value_shows_as_two_rotations(desk: Desk) -> None:
    desk.simulation.rotate()
    desk.simulation.script.refuses = 1
    desk.simulation.run_to_the_end()

    latest, first = desk.history()

    assert (first["State"], first["Cause"]) == ("failed", "value_refused")
    assert first["NextRotationAt"] is None
    assert (latest["State"], latest["Steps"][0]["Attempt"]) == ("succeeded", 2)
    assert latest["VersionId"] != first["VersionId"]


def test_test_of_the_configuration_is_called_one(desk: Desk) -> None:
    desk.simulation.rotate(is_immediate=False)
    desk.simulation.run_to_the_end()

    record = desk.one()

    assert (record["Kind"], record["State"]) == ("test", "succeeded")
    assert outcomes(record) == [(1, "testSecret", "succeeded")]
    assert "  test succeeded\n" in desk.text()


def test_no_line_is_wider_than_a_terminal_but_for_what_can_not_be_broken(desk: Desk) -> None:
    desk.simulation.rotate()
    desk.simulation.script.failures = {Step.CREATE: 1, Step.TEST: 2}
    desk.simulation.run_until(NOW + timedelta(minutes=2))
    with desk.simulation.plain.write() as connection:
        widest = rotation_steps.steps.update().values(
            request_id="4f2c6f0e-0000-4000-8000-000000000000",
            ended_at=rotation_steps.steps.c.began_at + 900_000,
        )
        connection.execute(widest)

    lines = desk.text().splitlines()

    too_wide = [line for line in lines if len(line) > COLUMNS]
    assert [line for line in too_wide if " " in line.strip()] == []
    assert any(len(line) == COLUMNS - 1 and "900.00 s" in line for line in lines)


def test_as_many_are_shown_as_asked_for_the_latest_first(desk: Desk) -> None:
    for _ in range(7):
        rotate_again(desk.simulation)

    every, few = desk.history("--last", "100"), desk.history("--last", "2")

    assert len(every) == 7
    assert few == every[:2]
    assert len(desk.history()) == 5
    assert [record["StartedAt"] for record in every] == sorted(
        (record["StartedAt"] for record in every), reverse=True
    )


def rotate_again(simulation: Simulation) -> None:
    """Begin and finish a rotation, a second later."""
    simulation.clock.advance(timedelta(seconds=1))
    now = simulation.clock.now()
    with simulation.plain.write() as connection:
        secret = simulation.secret(connection)
        begin.configure(connection, secret, FUNCTION, simulation.rules, now)
        begin.rotation(
            connection,
            simulation.keyring,
            secret,
            str(now.timestamp()).ljust(32, "-"),
            now,
            retry_until=now + timedelta(days=1),
        )
    simulation.run_to_the_end()


@pytest.mark.parametrize("last", ["0", str(ROTATIONS_PER_SECRET_KEPT + 1), "many"])
def test_number_that_can_not_be_shown_is_a_wrong_command(desk: Desk, last: str) -> None:
    arguments = ["rotation", "history", "db", "--last", last, "--data-dir", str(desk.folder)]

    done = CliRunner().invoke(app, arguments)

    assert done.exit_code == 2


def test_only_the_last_rotations_are_kept_with_their_steps(desk: Desk) -> None:
    for _ in range(ROTATIONS_PER_SECRET_KEPT + 2):
        rotate_again(desk.simulation)

    every = desk.history("--last", str(ROTATIONS_PER_SECRET_KEPT))

    assert len(every) == ROTATIONS_PER_SECRET_KEPT
    assert every[-1]["StartedAt"] == "2026-01-14T10:30:03.000Z"
    assert all(len(record["Steps"]) == 4 for record in every)
    with desk.simulation.plain.read() as connection:
        count = rotations.rotations.select()
        assert len(connection.execute(count).all()) == ROTATIONS_PER_SECRET_KEPT
        left = connection.execute(rotation_steps.steps.select()).all()
    assert len(left) == 4 * ROTATIONS_PER_SECRET_KEPT


def test_what_is_forgotten_of_one_secret_is_kept_of_another(desk: Desk) -> None:
    other = Simulation(desk.simulation.plain)
    other.rotate()
    other.run_to_the_end()

    for _ in range(ROTATIONS_PER_SECRET_KEPT):
        rotate_again(desk.simulation)

    (record,) = desk.history(name=other.name)
    assert outcomes(record) == [(1, step, "succeeded") for step in STEPS]


def test_only_the_last_attempts_of_a_rotation_are_kept(desk: Desk) -> None:
    simulation = desk.simulation
    simulation.rotate()
    # Once the target may have the value, attempts go on for ever.
    simulation.script.failures[Step.TEST] = ATTEMPTS_PER_ROTATION_KEPT + 3
    simulation.run_to_the_end()

    attempts = [step["Attempt"] for step in desk.one()["Steps"]]

    last = ATTEMPTS_PER_ROTATION_KEPT + 4
    assert sorted(set(attempts)) == list(range(last - ATTEMPTS_PER_ROTATION_KEPT + 1, last + 1))
    assert attempts == sorted(attempts)


def test_secret_that_never_rotated_says_so(desk: Desk) -> None:
    assert desk.text() == f"{desk.simulation.name} has never been rotated.\n"
    assert desk.history() == []


def test_secrets_of_one_name_are_told_apart_by_account_and_region(desk: Desk) -> None:
    desk.simulation.rotate()
    with desk.simulation.plain.write() as connection:
        for account, region in ((OTHER_ACCOUNT, REGION), (ACCOUNT, "eu-west-1")):
            new = lifecycle.NewSecret(
                account=account,
                region=region,
                name=desk.simulation.name,
                first_version=None,
                description=None,
                kms_key_id=None,
                tags=None,
            )
            lifecycle.create(connection, desk.simulation.keyring, new, NOW)

    assert desk.history("--account-id", OTHER_ACCOUNT) == []
    assert desk.history("--region", "eu-west-1") == []
    assert len(desk.history("--account-id", ACCOUNT, "--region", REGION)) == 1


def test_replica_shows_the_rotations_of_its_primary(desk: Desk) -> None:
    desk.simulation.rotate()
    desk.simulation.run_to_the_end()
    with desk.simulation.plain.write() as connection:
        replication.replicate(
            connection,
            desk.simulation.secret(connection),
            [replication.NewReplica(region="eu-west-1", kms_key_id=None)],
            is_forced=False,
            now=NOW,
        )

    assert desk.history("--region", "eu-west-1") == desk.history("--region", REGION)


def test_arn_says_its_region_and_account_itself(desk: Desk) -> None:
    desk.simulation.rotate()
    with desk.simulation.plain.read() as connection:
        arn = desk.simulation.secret(connection).arn

    shown = desk.history("--region", "eu-west-1", name=arn)

    assert [record["VersionId"] for record in shown] == [TOKEN]


def test_values_are_in_no_form_of_the_history(desk: Desk) -> None:
    desk.simulation.rotate()
    desk.simulation.script.refuses = 1
    desk.simulation.run_to_the_end()

    shown = desk.text() + desk.text("--json")

    assert "made-for-" not in shown
    assert "first" not in shown.replace(desk.simulation.name, "")


def test_value_set_by_hand_shows_as_abandoned(desk: Desk) -> None:
    simulation = desk.simulation

    def put(step: Step) -> None:
        if step is not Step.SET:
            return
        value = SecretValue("string", Plaintext(b"by-hand"))
        new = versions.NewVersion(token="by-hand".ljust(32, "-"), value=value)
        with simulation.plain.write() as connection:
            secret = simulation.secret(connection)
            versions.store_value(connection, simulation.keyring, secret, new, NOW)

    simulation.script.before_step = put
    simulation.rotate()
    simulation.run_to_the_end()

    record = desk.one()

    assert (record["State"], record["Cause"]) == ("abandoned", None)
    assert outcomes(record)[-1] == (1, "setSecret", "succeeded")
    assert record["TargetMayHaveValue"] is True


def test_crash_before_the_first_step_leaves_a_rotation_without_steps(desk: Desk) -> None:
    desk.simulation.rotate()
    desk.simulation.database.crash_at = 1
    with pytest.raises(PowerCutError):
        desk.simulation.runner().run_next()

    assert desk.one()["Steps"] == []
    assert FIRST in desk.simulation.stages().values()


def assert_refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("keyturn: ")
    assert len(done.stderr.splitlines()) == 1
    assert [word for word in words if word not in done.stderr] == []


def test_data_dir_where_no_server_ran_says_how_to_start_one(keyturn: Run, tmp_path: Path) -> None:
    folder = tmp_path / "nothing"

    done = keyturn("rotation", "history", "db", "--data-dir", str(folder))

    assert_refused(done, "No server has run", f"keyturn serve --data-dir {folder}")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (("nothing",), f"no secret nothing in account {ACCOUNT}, region us-east-1"),
        (("db", "--region", "eu-west-1"), f"no secret db in account {ACCOUNT}, region eu-west-1"),
        (("db", "--account-id", OTHER_ACCOUNT), f"no secret db in account {OTHER_ACCOUNT}"),
    ],
)
def test_secret_that_there_is_not_names_the_place_that_was_looked_in(
    keyturn: Run, desk: Desk, arguments: tuple[str, ...], place: str
) -> None:
    done = keyturn("rotation", "history", *arguments, "--data-dir", str(desk.folder))

    assert_refused(done, place, "--account-id or --region")


@pytest.mark.server
def test_request_ids_are_found_in_the_function_s_log(keyturn: Run, tmp_path: Path) -> None:
    folder = str(tmp_path / "data")
    with KeyturnServer.start(tmp_path / "data", arguments=("--api-processes", "1")) as server:
        variables = server.environment()
        key = Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
        api = LiveApi(server.endpoint, key, "us-east-1")
        bench = Bench(api, api.secrets.create_secret(Name="a", SecretString="old")["VersionId"])
        function = bench.make_function(FOUR_STEPS)
        bench.wait_until_rotated(bench.rotate(function))
        while_running = keyturn("rotation", "history", "a", "--json", "--data-dir", folder).stdout

        (record,) = json.loads(while_running)
        group = f"/aws/lambda/{function.rpartition(':')[2]}"
        for step in record["Steps"]:
            wait_until(
                partial(lines_of, api, group, step["RequestId"]),
                what="the log of a step",
            )
        api.close()
    when_stopped = keyturn("rotation", "history", "a", "--json", "--data-dir", folder).stdout

    assert [step["Step"] for step in record["Steps"]] == STEPS
    assert when_stopped == while_running


def lines_of(api: LiveApi, group: str, request_id: str) -> list[str]:
    """Return what ``aws logs filter-log-events`` finds, as the command's help has it."""
    found = api.logs.filter_log_events(logGroupName=group, filterPattern=f'"{request_id}"')
    return [event["message"] for event in found["events"]]
