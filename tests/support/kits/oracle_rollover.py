"""Oracle, simulated, whose users have a profile with a rollover: two passwords at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typing_extensions import override

from support.kits.kit import StrategyName
from support.kits.oracle import OracleKit, missing, started

__all__ = ["KIT", "missing", "start"]


@contextmanager
def start(_folder: Path) -> Iterator["OracleRolloverKit"]:
    """Run the simulation until the end of the block."""
    with started() as server:
        yield OracleRolloverKit(server)


class OracleRolloverKit(OracleKit):
    """A running simulation; see ``Kit``."""

    strategies = (StrategyName.DUAL_CREDENTIAL,)
    profile = "ROLLING"
    # The user itself may not end a rollover, and each is in one from its beginning.
    changed_by_admin = (StrategyName.DUAL_CREDENTIAL,)

    @override
    def make_user(self, username: str, password: str) -> None:
        super().make_user(username, password)
        self.server.world.users[username.upper()].former = "of the rollover that is on"


KIT = OracleRolloverKit
