"""A rotation function may die at any call; the next attempt has to end right."""

from itertools import count

import pytest

from keyturn_rotators.engines.postgres import Postgres
from keyturn_rotators.steps import Step
from keyturn_rotators.strategies import SingleUser
from support.crashes import Crash, CrashingEngine, CrashPoint, watch_client
from support.rotation_bench import FIRST_PASSWORD, Bench

pytestmark = pytest.mark.engine


def test_a_rotation_that_died_anywhere_and_is_resumed_ends_right(bench: Bench) -> None:
    point = CrashPoint()
    watch_client(bench.client, point)
    strategy = SingleUser(CrashingEngine(Postgres(), point))

    for place in count():
        login = bench.login()
        token = bench.secrets_manager.begin_rotation(login.arn)
        point.arm(place)
        try:
            for step in Step:
                bench.rotation(login.arn, token, strategy).run(step)
        except Crash:
            point.arm(None)
        else:
            break

        # The gap of a single user is the only time when AWSCURRENT may be refused.
        assert bench.is_live(login.arn) or _pending_is_live(bench, login.arn)

        bench.rotate(login.arn, token)

        assert bench.is_live(login.arn)
        stages = bench.secrets_manager.secrets[login.arn].stages
        assert stages["AWSCURRENT"] == token
        assert stages.get("AWSPENDING") in {None, token}
        assert bench.secrets_manager.document(login.arn, "AWSPREVIOUS")["password"] == (
            FIRST_PASSWORD
        )

    # Twice for each of 16 calls to the API, twice for each of 4 to the database.
    assert place == 40


def test_every_step_may_be_done_twice(bench: Bench) -> None:
    login = bench.login()
    token = bench.secrets_manager.begin_rotation(login.arn)

    for step in Step:
        bench.rotation(login.arn, token).run(step)
        bench.rotation(login.arn, token).run(step)

    assert bench.is_live(login.arn)
    assert bench.secrets_manager.secrets[login.arn].stages["AWSCURRENT"] == token


def _pending_is_live(bench: Bench, arn: str) -> bool:
    pending = bench.secrets_manager.document(arn, "AWSPENDING")
    return bench.server.accepts(pending["username"], pending["password"])
