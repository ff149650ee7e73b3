"""A function's only way to the network: the engine connects for it.

A function's processes have a network of their own that leads nowhere. Each ``connect`` of theirs
is handed to the engine (``syscall_filter``), which decides, connects a socket of *its* network,
and puts that in the place of theirs. So it needs neither root nor rules of a firewall.

The rules, which every caller may rely on:

* What is decided is what is done: an address is read once, and connected from the engine's copy.
  No call of a function goes on by itself (``notifications``): not even for a Unix socket, since
  another thread could change which socket and which address it means by then.
* A socket of the engine's network does nothing in a function's hands but talk to the one address
  that it was connected to: to connect it again comes here again, and to listen on it is refused.
* An address that isn't allowed is refused at once (EACCES), and reported. AWS drops such packets,
  so that a connect takes until its time is over; a quick answer says more.
* Streams only. A datagram socket has no way out (ENETUNREACH): names are resolved over TCP.
* A Unix socket is reached at its path, as the function sees it, if it is of the function's own
  user. Who accepts there sees the engine as its peer (SO_PEERCRED).
* Nothing that a function does holds up another's connect: each has a thread of the engine's that
  waits for it alone. What the kernel is asked about a function waits for the function: to put a
  socket in its place, for the thread that called to have run (SECCOMP_IOCTL_NOTIF_ADDFD); to read
  a call or memory, for whoever holds a lock there. A thread of the lowest priority beside many
  that spin runs after many seconds.
* A function has ``PENDING_MAX`` connects that wait at once; one more fails (EAGAIN).

What differs from a network: what a function listens on in its own network isn't reached at
127.0.0.1, which is the machine's; and a socket that is watched (epoll) before it is connected is
watched no more, since another takes its place. A signal in the moment before the engine takes a
call up ends it (EINTR); from then on, only one that kills does.

What isn't closed: a function that had a connection fail can occupy (bind) a port of the machine
that needs no privilege, and doesn't answer there; and it can ask a socket of ours which addresses
the machine has.

Linux: seccomp_unotify(2), connect(2), pidfd_getfd(2). Needs 5.11, and 5.19 for a call to wait
through a signal (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV).
"""

from collections.abc import Callable
from ctypes import c_int
from dataclasses import dataclass
import errno
from fcntl import F_SETFD, FD_CLOEXEC, fcntl
import os
import select
import signal
import threading
import time
from typing import Final

from keyturn.functions.execution import caller, destination, notifications, outgoing
from keyturn.functions.execution.destination import Disconnect, Internet
from keyturn.functions.execution.egress import IPAddress
from keyturn.functions.execution.notifications import Notification
from keyturn.functions.execution.outgoing import Outgoing
from keyturn.functions.execution.syscall_numbers import NUMBERS

#: Connects of one function that wait at once.
PENDING_MAX: Final = 64
#: Longer than the kernel tries by default: tcp(7), tcp_syn_retries.
CONNECT_SECONDS_MAX: Final = 130
#: How often a Unix socket without room is tried: the kernel doesn't say when it has some.
RETRY_SECONDS: Final = 0.02
_WOULD_WAIT: Final = {errno.EINPROGRESS, errno.EAGAIN}
_HAS_SOCKET: Final = {0, errno.EINPROGRESS}
_INT_MASK: Final = 0xFFFFFFFF
_MILLISECONDS: Final = 1_000

#: Says whether a function may connect to a port of an address.
Allows = Callable[[IPAddress, int], bool]
#: Called with a function's label, and the address and port that it was refused.
Refused = Callable[[str, IPAddress, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """What a function's connects may take: see ``PENDING_MAX``, ``CONNECT_SECONDS_MAX``."""

    pending_max: int
    connect_seconds_max: float


@dataclass(frozen=True, slots=True, eq=False)
class _Attempt:
    """A connect that is being made.

    Attributes:
        connection: what is to take the place of the thread's descriptor ``place``.
        flags: those of the thread's descriptor.
        late_error: what the thread is told at ``ends_at``.
    """

    notification: Notification
    connection: Outgoing
    place: int
    flags: int
    ends_at: float
    late_error: int


class Connector:
    """Connects for every function of this engine, for each in a thread of its own."""

    def __init__(
        self,
        refused: Refused,
        *,
        pending_max: int = PENDING_MAX,
        connect_seconds_max: float = CONNECT_SECONDS_MAX,
    ) -> None:
        """Connect for functions.

        Args:
            refused: called by several threads.
        """
        self._refused = refused
        self._limits = _Limits(pending_max=pending_max, connect_seconds_max=connect_seconds_max)
        self._sandboxes: dict[_Sandbox, threading.Thread] = {}
        self._lock = threading.Lock()
        self._is_over = False
        # Readable for every thread, from the end on.
        self._closing = os.eventfd(0, os.EFD_CLOEXEC)

    def add(self, listener: int, *, label: str, allows: Allows) -> None:
        """Connect for the processes that have a filter, until the last of them is gone.

        Args:
            listener: the filter's; this object's to close from now on.
            label: what the function is called where it is refused something.

        Raises:
            ValueError: it is no filter's listener.
            RuntimeError: this machine has no thread left for it; its connects fail (ENOSYS).
        """
        if not notifications.is_listener(listener):
            os.close(listener)
            raise ValueError("not the listener of a filter of system calls")
        fcntl(listener, F_SETFD, FD_CLOEXEC)
        sandbox = _Sandbox(listener, label, allows, self._refused, self._limits)
        thread = threading.Thread(target=self._run, args=(sandbox,), name="connector", daemon=True)
        with self._lock:
            if self._is_over:
                os.close(listener)
                return
            try:
                thread.start()
            except RuntimeError:
                os.close(listener)
                raise
            self._sandboxes[sandbox] = thread

    def close(self) -> None:
        """Connect for nobody any more: whatever connects from now on fails (ENOSYS)."""
        with self._lock:
            self._is_over = True
            threads = list(self._sandboxes.values())
        os.eventfd_write(self._closing, 1)
        for thread in threads:
            thread.join()
        os.close(self._closing)

    def _run(self, sandbox: "_Sandbox") -> None:
        # No call of this thread is to end because another has something to handle.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            sandbox.serve(self._closing)
        finally:
            # Also after a bug of ours: nobody must wait for what won't come.
            sandbox.close()
            with self._lock:
                del self._sandboxes[sandbox]


class _Sandbox:
    """One function's processes, by the listener of their filter. Used by one thread."""

    def __init__(
        self, listener: int, label: str, allows: Allows, refused: Refused, limits: _Limits
    ) -> None:
        self._listener = listener
        self._label = label
        self._allows = allows
        self._refused = refused
        self._limits = limits
        numbers = NUMBERS[os.uname().machine]
        self._calls = {numbers["connect"]: self._connect, numbers["listen"]: self._listen}
        self._attempts: dict[int, _Attempt] = {}
        self._poll = select.poll()
        self._poll.register(listener, select.POLLIN)

    def serve(self, closing: int) -> None:
        """Connect, until the processes are gone or ``closing`` is readable."""
        self._poll.register(closing, select.POLLIN)
        while True:
            events = dict(self._poll.poll(self._milliseconds_to_wait()))
            # Attempts first: a new one may get the descriptor of one that is over.
            for attempt in list(self._attempts.values()):
                if attempt.connection.fileno() in events:
                    self._finish(attempt, attempt.connection.error())
                else:
                    self._retry_or_give_up(attempt)
            calls = events.get(self._listener, 0)
            if calls & select.POLLIN:
                self._take_call()
            elif calls:
                return
            if closing in events:
                return

    def close(self) -> None:
        """Have what waits, and whatever connects from now on, fail (ENOSYS)."""
        for attempt in self._attempts.values():
            attempt.connection.close()
        os.close(self._listener)

    def _milliseconds_to_wait(self) -> float | None:
        attempts = self._attempts.values()
        if any(attempt.connection.must_be_retried for attempt in attempts):
            return RETRY_SECONDS * _MILLISECONDS
        ends_at = min((attempt.ends_at for attempt in attempts), default=None)
        return None if ends_at is None else max(0.0, ends_at - time.monotonic()) * _MILLISECONDS

    def _take_call(self) -> None:
        notification = notifications.receive(self._listener)
        if notification is None:
            return
        try:
            self._calls.get(notification.number, _refuse)(notification)
        except OSError as error:
            notifications.answer(self._listener, notification, error.errno or errno.EIO)

    def _listen(self, notification: Notification) -> None:
        place, backlog = map(_int, notification.arguments[:2])
        with caller.socket_at(notification.thread_id, place) as theirs:
            self._check_waits(notification)
            if outgoing.is_ours(theirs):
                raise outgoing.error_of(errno.EPERM)
            # Not let through: by then another thread could have put a socket of ours there.
            theirs.listen(backlog)
        notifications.answer(self._listener, notification, 0)

    def _connect(self, notification: Notification) -> None:
        thread_id, arguments = notification.thread_id, notification.arguments
        place, length = _int(arguments[0]), _int(arguments[2])
        with caller.socket_at(thread_id, place) as theirs:
            if not 0 <= length <= destination.ADDRESS_BYTES_MAX:
                raise outgoing.error_of(errno.EINVAL)
            flags = caller.flags(thread_id, place)
            sockaddr = caller.memory(thread_id, arguments[1], length)
            self._check_waits(notification)
            wanted = destination.read(sockaddr, theirs.family)
            if isinstance(wanted, Disconnect):
                caller.disconnect(theirs)
                notifications.answer(self._listener, notification, 0)
                return
            send_seconds = outgoing.send_seconds(theirs)
            if isinstance(wanted, Internet):
                self._check_allowed(wanted)
                connection = outgoing.to_internet(theirs, wanted)
            else:
                connection = outgoing.to_path(theirs, thread_id, wanted)
        self._begin(
            _Attempt(
                notification,
                connection,
                place,
                flags,
                ends_at=time.monotonic() + (send_seconds or self._limits.connect_seconds_max),
                late_error=connection.late_error if send_seconds else errno.ETIMEDOUT,
            )
        )

    def _check_waits(self, notification: Notification) -> None:
        """Check that all that was read of a thread was read of the one that waits."""
        if not notifications.is_valid(self._listener, notification):
            raise outgoing.error_of(errno.ESRCH)

    def _check_allowed(self, wanted: Internet) -> None:
        if not self._allows(wanted.address, wanted.port):
            self._refused(self._label, wanted.address, wanted.port)
            raise outgoing.error_of(errno.EACCES)

    def _begin(self, attempt: _Attempt) -> None:
        try:
            # What was found at a path was found for the thread that waits.
            self._check_waits(attempt.notification)
        except OSError:
            attempt.connection.close()
            raise
        error = attempt.connection.try_once()
        if error not in _WOULD_WAIT or attempt.flags & os.O_NONBLOCK:
            self._finish(attempt, error)
        elif len(self._attempts) >= self._limits.pending_max:
            self._finish(attempt, errno.EAGAIN)
        else:
            self._attempts[attempt.connection.fileno()] = attempt
            if not attempt.connection.must_be_retried:
                self._poll.register(attempt.connection.fileno(), select.POLLOUT)

    def _retry_or_give_up(self, attempt: _Attempt) -> None:
        if attempt.connection.must_be_retried:
            error = attempt.connection.try_once()
            if error not in _WOULD_WAIT:
                self._finish(attempt, error)
                return
        if time.monotonic() >= attempt.ends_at:
            self._finish(attempt, attempt.late_error)

    def _finish(self, attempt: _Attempt, error: int) -> None:
        """Tell the thread how its connect ended, with the socket in place if it has one now."""
        self._stop_waiting(attempt)
        connection, notification = attempt.connection, attempt.notification
        try:
            if error in _HAS_SOCKET:
                flags = connection.hand_over(attempt.flags)
                ours, place = connection.fileno(), attempt.place
                notifications.put_in_place(self._listener, notification, ours, place, flags)
        except OSError as failed:
            error = failed.errno or errno.EIO
        finally:
            connection.close()
        notifications.answer(self._listener, notification, error)

    def _stop_waiting(self, attempt: _Attempt) -> None:
        descriptor = attempt.connection.fileno()
        if self._attempts.pop(descriptor, None) and not attempt.connection.must_be_retried:
            self._poll.unregister(descriptor)


def _refuse(_notification: Notification) -> None:
    raise OSError(errno.ENOSYS, "a filter handed over another call than ours do")


def _int(argument: int) -> int:
    """Return what the kernel takes of an argument that is an int."""
    return c_int(argument & _INT_MASK).value
