"""What every process of a server is built on.

There are two times. They are one, unless the server's clock is virtual (``keyturn serve
--virtual-clock``):

* *The machine's*, for what clients, functions and operators bring along: signatures, sessions and
  conditions on the time; the deadlines and logs of functions; users, roles and functions.
* *The secrets'*, for what a test of a rotation schedule is about: the dates of secrets and
  versions, windows, attempts, recovery windows.
"""

from dataclasses import dataclass

from keyturn.data_dir import DataDir
from keyturn.engine.virtual_clock import VirtualClock
from keyturn.iam.authority import Authority
from keyturn.keys import master_key
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import Clock, SystemClock
from keyturn.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The store, the keys to it, the time, and who may do what.

    Attributes:
        clock: the machine's time.
        virtual_clock: the secrets' time, where it is another.
    """

    database: Database
    keyring: Keyring
    clock: Clock
    authority: Authority
    virtual_clock: VirtualClock | None = None

    @property
    def secrets_clock(self) -> Clock:
        """The time that secrets and rotations live in."""
        return self.clock if self.virtual_clock is None else self.virtual_clock


def open_core(data_dir: DataDir) -> Core:
    """Open the store and the keys of a data directory. Only after a fork, never before.

    Raises:
        MasterKeyError: the master key is missing or can't be used.
        DamagedClockError: there is a virtual clock, and it can't be read.
    """
    keyring = Keyring(master_key.load(data_dir.master_key))
    database, clock = Database(data_dir.database), SystemClock()
    authority = Authority(database, clock)
    return Core(
        database=database,
        keyring=keyring,
        clock=clock,
        authority=authority,
        virtual_clock=VirtualClock(data_dir.clock, clock) if data_dir.has_virtual_clock else None,
    )
