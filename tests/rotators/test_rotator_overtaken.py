"""A run of a step died, and what it had asked for is done only while the next run is at it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from botocore.exceptions import ClientError
import psycopg
from psycopg import sql
import pytest

from keyturn_rotators.steps import Step
from support.polling import wait_until
from support.postgres_server import PostgresServer
from support.rotation_bench import FIRST_PASSWORD, Bench, Login

pytestmark = pytest.mark.engine


@contextmanager
def change_under_way(login: Login, password: str) -> Iterator[psycopg.Connection]:
    """Yield a connection that has changed its role's password, and not committed it."""
    with login.server.connect(login.username, FIRST_PASSWORD) as connection:
        connection.execute("BEGIN")
        statement = sql.SQL("ALTER ROLE SESSION_USER PASSWORD {}")
        connection.execute(statement.format(sql.Literal(password)))
        yield connection


def is_anybody_waiting(server: PostgresServer, username: str) -> bool:
    query = (
        b"SELECT FROM pg_stat_activity WHERE usename = %s AND wait_event_type = 'Lock' "
        b"AND application_name = 'keyturn-rotation'"
    )
    with server.connect() as connection:
        return connection.execute(query, [username]).fetchone() is not None


@pytest.mark.parametrize("ending", [b"COMMIT", b"ROLLBACK"])
def test_set_secret_that_waited_for_a_dead_run_of_it_succeeds(bench: Bench, ending: bytes) -> None:
    login = bench.login()
    token = bench.secrets_manager.begin_rotation(login.arn)
    bench.rotation(login.arn, token).run(Step.CREATE)
    pending = bench.secrets_manager.document(login.arn, "AWSPENDING")["password"]

    with ThreadPoolExecutor(1) as threads, change_under_way(login, pending) as dead:
        again = threads.submit(bench.rotation(login.arn, token).run, Step.SET)
        wait_until(lambda: is_anybody_waiting(login.server, login.username), what="the wait")
        dead.execute(ending)
        again.result()

    assert login.server.accepts(login.username, pending)
    assert not login.server.accepts(login.username, FIRST_PASSWORD)


def test_finish_secret_that_another_run_overtook_succeeds(bench: Bench) -> None:
    login = bench.login()
    token = bench.secrets_manager.begin_rotation(login.arn)
    for step in (Step.CREATE, Step.SET, Step.TEST):
        bench.rotation(login.arn, token).run(step)
    stages = bench.secrets_manager.secrets[login.arn].stages

    def overtake(**_event: object) -> None:
        stages.update(AWSPREVIOUS=stages["AWSCURRENT"], AWSCURRENT=token)
        stages.pop("AWSPENDING", None)
        events.unregister("before-send.secretsmanager.UpdateSecretVersionStage", overtake)

    events = bench.client.meta.events
    events.register("before-send.secretsmanager.UpdateSecretVersionStage", overtake)
    bench.rotation(login.arn, token).run(Step.FINISH)

    assert stages["AWSCURRENT"] == token
    assert bench.is_live(login.arn)


def test_finish_secret_fails_if_somebody_put_another_value_meanwhile(bench: Bench) -> None:
    login = bench.login()
    token = bench.secrets_manager.begin_rotation(login.arn)
    for step in (Step.CREATE, Step.SET, Step.TEST):
        bench.rotation(login.arn, token).run(step)
    stages = bench.secrets_manager.secrets[login.arn].stages

    def put_another_value(**_event: object) -> None:
        stages["AWSCURRENT"] = "another-version"

    events = bench.client.meta.events
    events.register("before-send.secretsmanager.UpdateSecretVersionStage", put_another_value)
    with pytest.raises(ClientError, match="InvalidParameterException"):
        bench.rotation(login.arn, token).run(Step.FINISH)
