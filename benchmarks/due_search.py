"""What it costs the engine to find what is due, among few secrets and among very many.

    PYTHONPATH=tests .venv/bin/python benchmarks/due_search.py [secrets ...]

1000, 100000 and 1000000 secrets unless said. Each has a schedule and a past rotation; they are
written straight into a store in a temporary folder. Then 0, 10 and 1000 of them are due, and as
many rotations wait to be claimed. At last 1000 more wait that are due the longest, and all touch
one host, which has as many as it may have ("crowd").

Each look of one round of the engine is timed, in a transaction of its own as the engine does it,
and beside them the claim that a runner makes, without its commit. Milliseconds are the median and
the worst of ``ROUNDS`` times; a good part of them is SQLAlchemy's. "Steps" are instructions of
SQLite's virtual machine, which are the same in every run. Where they are equal among few secrets
and among many, and by the same query plans, the cost depends on what is due alone.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
import sys
import tempfile
from time import perf_counter
from typing import Final

from sqlalchemy import Connection

from keyturn.engine.rotations import ROTATIONS_AT_ONCE
from keyturn.rotation import due
from keyturn.store import rotation_claims
from keyturn.store.database import Database
from keyturn.store.migrate import migrate
from keyturn.store.tables import metadata
from support.query_plans import instructions_of, plans_of
from support.scheduled_secrets import CLAIMANT, NOW, begin_rotations, fill, hold, make_due

SECRETS = (1_000, 100_000, 1_000_000)
DUE = (0, 10, 1_000)
ROUNDS = 300
#: As many as the engine begins in one round.
BEGUN_AT_ONCE = 100

Look = Callable[[Connection], object]


def claim(connection: Connection) -> object:
    """Claim what has been due the longest."""
    until = NOW + timedelta(minutes=1)
    return rotation_claims.claim_due(connection, CLAIMANT, now=NOW, lease_until=until)


LOOKS: Final[Mapping[str, Look]] = {
    "due.secret_ids": lambda connection: due.secret_ids(connection, NOW, BEGUN_AT_ONCE),
    "count_claimable": lambda connection: rotation_claims.count_claimable(
        connection, CLAIMANT, now=NOW, most=ROTATIONS_AT_ONCE
    ),
    "due.next_moment": lambda connection: due.next_moment(connection, NOW),
}
EVERYTHING: Final[Mapping[str, Look]] = {**LOOKS, "claim_due": claim}


def main() -> None:
    """Measure with each number of secrets that the command line asks for."""
    plans = set()
    for count in [int(argument) for argument in sys.argv[1:]] or SECRETS:
        with tempfile.TemporaryDirectory(prefix="keyturn-benchmark-") as folder:
            database = Database(Path(folder) / "keyturn.db")
            migrate(database)
            began = perf_counter()
            fill(database, count)
            print(f"\n{count:,} scheduled secrets, stored in {perf_counter() - began:.0f} s\n")
            plans.add(measure_all(database, count))
            database.close()
    print(f"\nThe query plans, {len(plans)} for all stores:\n")
    print("\n\n".join(plans))


def measure_all(database: Database, count: int) -> str:
    """Print what each look costs, with nothing due and with ever more; return the plans."""
    print(f"{'due':>6}  {'':16} {'steps':>7} {'median':>11} {'worst':>11}")
    begun = 0
    for due_count in DUE:
        others = range(begun + 1, due_count + 1)
        make_due(database, others)
        begin_rotations(database, others)
        begun = due_count
        measure(database, f"{due_count:,}")
    plans = plans_in(database)
    crowd = range(begun + 1, 2 * begun + 1)
    if crowd[-1] <= count:
        begin_rotations(database, crowd, host="crowded", due_at=NOW - timedelta(days=1))
        hold(database, CLAIMANT.per_host_max)
        measure(database, "crowd")
    return plans


def measure(database: Database, label: str) -> None:
    """Print the costs of each look, of all looks of a round, and of a claim."""
    for name, look in EVERYTHING.items():
        print_costs(label, name, steps_in(database, look), list(timings_ms(database, look)))
    in_all = [timings_ms(database, look) for look in LOOKS.values()]
    print_costs(label, "a round's looks", "", [sum(each) for each in zip(*in_all, strict=True)])


def print_costs(label: str, name: str, steps: object, timings: list[float]) -> None:
    """Print one line."""
    costs = f"{median(timings):8.2f} ms {max(timings):8.2f} ms"
    print(f"{label:>6}  {name:16} {steps!s:>7} {costs}")


def steps_in(database: Database, look: Look) -> int:
    """Return how much SQLite does for ``look``."""
    with database.write() as connection, connection.begin_nested() as undone:
        steps = instructions_of(connection, partial(look, connection))
        undone.rollback()
    return steps


def timings_ms(database: Database, look: Look) -> Iterator[float]:
    """Yield how long ``look`` takes, ``ROUNDS`` times. What it writes is undone."""
    for _ in range(ROUNDS):
        if look is claim:
            with database.write() as connection, connection.begin_nested() as undone:
                began = perf_counter()
                look(connection)
                elapsed = perf_counter() - began
                undone.rollback()
        else:
            began = perf_counter()
            with database.read() as connection:
                look(connection)
            elapsed = perf_counter() - began
        yield elapsed * 1000


def plans_in(database: Database) -> str:
    """Return how SQLite goes about each look."""
    lines = []
    with database.write() as connection, connection.begin_nested() as undone:
        for name, look in EVERYTHING.items():
            plans = plans_of(connection, partial(look, connection))
            lines += [name, *(f"  {step}" for plan in plans for step in plan if is_of_note(step))]
        undone.rollback()
    return "\n".join(lines)


def is_of_note(step: str) -> bool:
    """Return whether a step of a plan touches a table or sorts; lists of values do neither."""
    return "TEMP B-TREE" in step or any(f" {table}" in step for table in metadata.tables)


if __name__ == "__main__":
    main()
