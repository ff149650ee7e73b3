"""What a newcomer runs first: ``make demo``, against a real PostgreSQL."""

import os
from pathlib import Path
import subprocess
import sys

import pytest

ROOT = Path(__file__).parents[2]
CLAIMS = 5

pytestmark = [pytest.mark.server, pytest.mark.engine]


def test_the_demonstration_proves_each_of_its_claims(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "examples/demo.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": os.environ["PATH"],  # noqa: TID251 - where Debian's programs are
            "HOME": str(tmp_path),
            "PYTHONPATH": "tests",
        },
    )

    assert done.returncode == 0, done.stdout + done.stderr
    proof = done.stdout.partition("The proof")[2].split("\n")
    assert [line for line in proof if line.strip().startswith("yes")] == proof[1 : CLAIMS + 1]
