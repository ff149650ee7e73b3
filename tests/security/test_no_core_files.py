"""A core file of a process that holds keys would hold them too."""

from pathlib import Path

import pytest

from support.keyturn_server import KeyturnServer

pytestmark = pytest.mark.server


def test_no_process_of_a_server_leaves_a_core_file(tmp_path: Path) -> None:
    with KeyturnServer.start(tmp_path / "data") as server:
        pids = [server.process.pid, *server.child_pids().values()]
        limits = [Path(f"/proc/{pid}/limits").read_text().splitlines() for pid in pids]

    core_limits = {
        tuple(line.split()[4:6])
        for lines in limits
        for line in lines
        if line.startswith("Max core file size")
    }
    assert core_limits == {("0", "0")}
