"""Stores for simulations."""

from collections.abc import Iterator
from pathlib import Path
import tempfile

import pytest

from keyturn.store.database import Database
from support.store import make_database

_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux keeps files in memory


@pytest.fixture
def store_folder() -> Iterator[Path]:
    """A folder, in memory if possible: a power cut that is simulated needs no disk."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def store(store_folder: Path) -> Iterator[Database]:
    """An empty store."""
    database = make_database(store_folder)
    yield database
    database.close()
