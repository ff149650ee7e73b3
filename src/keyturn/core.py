"""What every process of a server is built on."""

from dataclasses import dataclass

from keyturn.data_dir import DataDir
from keyturn.iam.authority import Authority
from keyturn.keys import master_key
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import Clock, SystemClock
from keyturn.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The store, the keys to it, the time, and who may do what."""

    database: Database
    keyring: Keyring
    clock: Clock
    authority: Authority


def open_core(data_dir: DataDir) -> Core:
    """Open the store and the keys of a data directory. Only after a fork, never before.

    Raises:
        MasterKeyError: the master key is missing or can't be used.
    """
    keyring = Keyring(master_key.load(data_dir.master_key))
    database, clock = Database(data_dir.database), SystemClock()
    authority = Authority(database, clock)
    return Core(database=database, keyring=keyring, clock=clock, authority=authority)
