"""Two engine processes on one store: each secret is rotated once, whoever does it."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
import os
from pathlib import Path
import subprocess
import sys
from typing import Any

from sqlalchemy import func, insert, select

from keyturn.model.clock import to_epoch_ms
from keyturn.model.plaintext import Plaintext
from keyturn.model.rotation import State
from keyturn.model.secret import AWSCURRENT
from keyturn.rotation.moment import moment_in
from keyturn.rotation.schedule import next_window, parse
from keyturn.store import secret_versions as version_rows
from keyturn.store.database import Database
from keyturn.store.rotations import rotations
from rotation.scripted_engine import KEYRING, STARTS_AT
from support.secret_rows import insert_secrets
from support.store import make_database

SECRETS = 10_000
HOSTS = 50
ENGINES = 2
STEPS = 4
SCRIPT = Path(__file__).parent / "scripted_engine.py"
RULES = parse(
    automatically_after_days=None, schedule_expression="cron(0 8 * * ? *)", duration="1h"
)
BEFORE = STARTS_AT - timedelta(hours=1)
WINDOW = next_window(RULES, last_valid_rotation_at=None, now=BEFORE)

Row = dict[str, Any]


def secret_row(number: int) -> Row:
    """Return a secret whose window has opened in this hour."""
    arn = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:s{number}-abcdef"
    return {
        "id": number,
        "account": "123456789012",
        "region": "us-east-1",
        "name": f"s{number}",
        "arn": arn,
        "rotation_enabled": True,
        "rotation_lambda_arn": "arn:aws:lambda:us-east-1:123456789012:function:rotate",
        "automatically_after_days": RULES.automatically_after_days,
        "schedule_expression": RULES.schedule_expression,
        "duration": RULES.duration,
        "window_opens_at": to_epoch_ms(WINDOW.opens_at),
        "window_closes_at": to_epoch_ms(WINDOW.closes_at),
        "rotates_at": to_epoch_ms(moment_in(WINDOW, arn, now=BEFORE)),
    }


def version_row(secret: Row) -> Row:
    """Return the secret's current version: a credential for one of a few hosts."""
    number, version_id = secret["id"], f"{secret['id']:032}"
    text = f'{{"host":"db{number % HOSTS}","username":"u{number}","password":"first"}}'
    context = {"SecretARN": secret["arn"], "SecretVersionId": version_id}
    return {
        "secret_id": number,
        "version_id": version_id,
        "created_at": 0,
        "kind": "string",
        "sealed": KEYRING.seal(Plaintext(text.encode()), context),
    }


def stage_row(version: Row) -> Row:
    return {
        "secret_id": version["secret_id"],
        "stage": AWSCURRENT,
        "version_id": version["version_id"],
    }


def fill(database: Database) -> None:
    secrets = [secret_row(number) for number in range(1, SECRETS + 1)]
    versions = [version_row(secret) for secret in secrets]
    insert_secrets(database, secrets)
    with database.write() as connection:
        connection.execute(insert(version_rows.versions), versions)
        connection.execute(insert(version_rows.stages), [stage_row(each) for each in versions])


def run_engines(path: Path) -> list[list[str]]:
    """Run engines until all is done; return the calls that each made of the function."""
    tests = str(Path(__file__).parents[1])
    folder = path.parent
    engines = []
    for number in range(ENGINES):
        with (
            (folder / f"out-{number}").open("w") as out,
            (folder / f"log-{number}").open("w") as log,
        ):
            engine = subprocess.Popen(
                [sys.executable, str(SCRIPT), str(path)],
                stdout=out,
                stderr=log,
                env={**os.environ, "PYTHONPATH": tests},  # noqa: TID251 - as this process has it
            )
        engines.append(engine)
    for number, engine in enumerate(engines):
        assert engine.wait() == 0, (folder / f"log-{number}").read_text()[-2000:]
    return [(folder / f"out-{number}").read_text().splitlines() for number in range(ENGINES)]


def ended(database: Database) -> Sequence[tuple[str, int, int]]:
    """Return how many rotations, of how many secrets, ended in each state."""
    secrets = func.count(rotations.c.secret_id.distinct())
    counted = select(rotations.c.state, func.count(), secrets).group_by(rotations.c.state)
    with database.read() as connection:
        return [(state, count, of) for state, count, of in connection.execute(counted)]


def test_ten_thousand_secrets_due_in_one_hour_are_each_rotated_once(store_folder: Path) -> None:
    store = make_database(store_folder)
    fill(store)

    calls = run_engines(store_folder / "keyturn.db")

    assert ended(store) == [(State.SUCCEEDED.value, SECRETS, SECRETS)]
    called = Counter(line for each in calls for line in each)
    assert len(called) == STEPS * SECRETS
    assert set(called.values()) == {1}
    # Both had their share, or this would be a test of one.
    assert all(calls)
    store.close()
