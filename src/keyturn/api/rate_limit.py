"""Holds each principal to a rate of requests, over all API processes of a server together.

* **Who.** A user, with all its access keys; a role, with all its sessions, because whoever may
  take on a role could otherwise have a fresh limit with every session. Only callers whose
  signature is proven are counted, so that nobody can use up another's limit.
* **Where.** One theoretical arrival time (``keyturn.api.request_rate``) a principal, in a fixed
  table in memory that is made before the supervisor forks and that all its processes share. A
  process that is started again finds it as it was; with the server it is gone.
* **Bounded.** A principal's slot is a keyed hash of its ARN, so the table never grows, whatever
  callers there are, and nobody can choose a name to meet another's slot. Principals that meet by
  chance share one limit: both are refused sooner, neither is admitted more often. With a thousand
  of them one in a thousand meets somebody.
* **Exact.** Reading and writing a slot is one step: a lock keeps out the other threads, a record
  lock on the slot's bytes the other processes. The kernel lets go of a record lock when its
  process dies, however it dies; a semaphore in shared memory would stay shut for ever.
* **Time** is CLOCK_MONOTONIC, which is one for all processes of a machine and never set back.

Several servers don't share a limit. Linux: fcntl_locking(2), memfd_create(2), clock_gettime(2).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import fcntl
from hashlib import blake2b
import mmap
import os
from secrets import token_bytes
from threading import Lock
from typing import Final

from keyturn.api.refusals import ThrottledError
from keyturn.api.request_rate import RequestRate

#: 8 MiB, of which only pages with a principal on them are ever in memory.
SLOTS: Final = 1_048_576

_SLOT_BYTES: Final = 8
_HASH_KEY_BYTES: Final = 16


class RateLimit:
    """Admits requests; to be made before the fork, and used after it."""

    def __init__(
        self, rate: RequestRate, monotonic_ns: Callable[[], int], slots: int = SLOTS
    ) -> None:
        self._rate = rate
        self._monotonic_ns = monotonic_ns
        self._hash_key = token_bytes(_HASH_KEY_BYTES)
        # A file in memory, and not an anonymous map: only a file's bytes can be locked.
        self._file = os.memfd_create("keyturn-rate-limit")
        os.ftruncate(self._file, slots * _SLOT_BYTES)
        self._arrivals_ns = memoryview(mmap.mmap(self._file, slots * _SLOT_BYTES)).cast("q")
        # One for all slots: a record lock belongs to the process, so that a thread which let go
        # of its own would let go of another's, and threads that wait for two look like a deadlock.
        self._lock = Lock()

    def admit(self, principal_arn: str) -> None:
        """Charge a request to a principal, given by the ARN that all its sessions share.

        Raises:
            ThrottledError: it is one too many, and not charged.
        """
        slot = self._slot_of(principal_arn)
        with self._holding(slot):
            charged_ns = self._rate.charged(self._arrivals_ns[slot], self._monotonic_ns())
            if charged_ns is None:
                raise ThrottledError(principal_arn)
            self._arrivals_ns[slot] = charged_ns

    def _slot_of(self, principal_arn: str) -> int:
        digest = blake2b(principal_arn.encode(), digest_size=8, key=self._hash_key).digest()
        return int.from_bytes(digest, "big") % len(self._arrivals_ns)

    @contextmanager
    def _holding(self, slot: int) -> Iterator[None]:
        start = slot * _SLOT_BYTES
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX, _SLOT_BYTES, start)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, _SLOT_BYTES, start)
