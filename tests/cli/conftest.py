"""The command line, run as a person runs it."""

from collections.abc import Callable, Mapping
import os
from pathlib import Path
import subprocess
import sys

import pytest

COMMAND_SECONDS_MAX = 60

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def keyturn(tmp_path: Path) -> Run:
    """Run ``keyturn`` with a home of its own, and return how it ended."""

    def run(
        *arguments: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "keyturn", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS_MAX,
            env={**surroundings(), "HOME": str(tmp_path), **(environment or {})},
        )

    return run


def surroundings() -> dict[str, str]:
    """Return this process's environment without what would settle the outcome."""
    own = ("KEYTURN_", "AWS_", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}  # noqa: TID251
    return {**kept, "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "120"}
