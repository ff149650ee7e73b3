"""The job that gives waiting events to their functions: asynchronous invocations.

One thread looks; up to ``EVENTS_AT_ONCE`` others run, and at most half of them for one function;
the last quarter takes events of functions alone of which no other runs: several slow ones leave
that to the others. It looks when an API process taps, when one of them is done, and every second
in any case. What an engine that died was at is taken up again by the next one: its function gets
the event once more.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
import threading
from typing import Final

import structlog

from keyturn.engine.loop import run_rounds, succeeds
from keyturn.functions import event_queue, registry
from keyturn.functions.invocation import Invoker
from keyturn.functions.refusals import FunctionNotFoundError
from keyturn.keys.keyring import Keyring
from keyturn.model.asynchronous import EventInvokeConfig, WaitingEvent
from keyturn.model.clock import Clock
from keyturn.model.errors import ServiceError
from keyturn.store import asynchronous_invocations as rows, event_invoke_configs
from keyturn.store.database import Database

_log = structlog.get_logger(__name__)

EVENTS_AT_ONCE: Final = 8
EVENTS_OF_ONE_FUNCTION_AT_ONCE: Final = EVENTS_AT_ONCE // 2
EVENTS_KEPT_FOR_IDLE: Final = EVENTS_AT_ONCE // 4
#: A wait for an environment, its start and the longest timeout together take less.
LEASE: Final = timedelta(minutes=20)
_LOOK_EVERY_SECONDS: Final = 1


class AsynchronousInvocations:
    """Takes events that are due and has their functions run, until it is stopped."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        invoker: Invoker,
        clock: Clock,
        wake: threading.Event,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._invoker = invoker
        self._clock = clock
        self._wake = wake
        self._is_stopping = threading.Event()
        self._threads = ThreadPoolExecutor(EVENTS_AT_ONCE, thread_name_prefix="event")
        #: What runs, and the id of the function that it runs for.
        self._running: dict[Future[None], int] = {}

    def run(self) -> None:
        """Look and run until ``stop``."""
        run_rounds("asynchronous-invocations", self._look, self._is_stopping)

    def stop(self) -> None:
        """Take up nothing more; the next engine gives again what this one doesn't finish."""
        self._is_stopping.set()
        self._wake.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _look(self) -> None:
        self._wake.clear()
        self.take_up_due()
        self._wake.wait(_LOOK_EVERY_SECONDS)

    def take_up_due(self) -> None:
        """Begin with as many events as there are free threads for, and each function may have."""
        self._running = {
            future: function_id
            for future, function_id in self._running.items()
            if not future.done()
        }
        for event in self._claimed():
            future = self._threads.submit(self._give, event)
            future.add_done_callback(lambda _: self._wake.set())
            self._running[future] = event.accepted.function_id

    def _claimed(self) -> list[WaitingEvent]:
        free, now = EVENTS_AT_ONCE - len(self._running), self._clock.now()
        if not free:
            return []
        with self._database.read() as connection:
            due = rows.due_ids(
                connection,
                now,
                most=free,
                of_one_function_max=EVENTS_OF_ONE_FUNCTION_AT_ONCE,
                running=Counter(self._running.values()),
                kept_for_idle=EVENTS_KEPT_FOR_IDLE,
            )
        if not due:
            return []
        with self._database.write() as connection:
            return rows.claim(connection, due, now, lease_until=now + LEASE)

    def _give(self, event: WaitingEvent) -> None:
        # Whatever goes wrong with it, the lease ends, and it is tried again.
        succeeds("asynchronous-invocations", lambda: self.give(event))

    def give(self, event: WaitingEvent) -> None:
        """Give an event to its function, and note what comes of that."""
        config = self._config(event)
        if event_queue.is_too_old(event, config, self._clock.now()):
            self._drop(event, "it is too old")
            return
        if not self._can_ever_run(event):
            self._drop(event, "its function is gone, or has no concurrency")
            return
        payload = event_queue.payload_of(self._keyring, event.accepted)
        try:
            invocation = self._invoker.invoke(event.accepted.function_arn, payload.reveal())
        except ServiceError as error:
            self._note_refusal(event, config, error)
            return
        if invocation.function_error is None:
            self._finish(event)
        elif not self._is_stopping.is_set():
            # Functions end with the engine: such an end is no failure of theirs.
            self._note_failure(event, config)

    def _can_ever_run(self, event: WaitingEvent) -> bool:
        # AWS: with a reserved concurrency of 0, events aren't tried at all.
        try:
            with self._database.read() as connection:
                function = registry.resolve(connection, event.accepted.function_arn)
        except FunctionNotFoundError:
            return False
        return function.reserved_concurrency != 0

    def _note_failure(self, event: WaitingEvent, config: EventInvokeConfig | None) -> None:
        due_at = event_queue.next_after_failure(event, config, self._clock.now())
        if due_at is None:
            self._drop(event, "its function failed on it too often")
            return
        with self._database.write() as connection:
            rows.put_off(
                connection, event, due_at, failures=event.failures + 1, refusals=event.refusals
            )

    def _note_refusal(
        self, event: WaitingEvent, config: EventInvokeConfig | None, error: ServiceError
    ) -> None:
        due_at = event_queue.next_after_refusal(event, config, self._clock.now())
        if due_at is None:
            self._drop(event, f"it couldn't be given to its function: {type(error).__name__}")
            return
        with self._database.write() as connection:
            rows.put_off(
                connection, event, due_at, failures=event.failures, refusals=event.refusals + 1
            )

    def _drop(self, event: WaitingEvent, reason: str) -> None:
        accepted = event.accepted
        _log.warning(
            "an asynchronous invocation is given up",
            function=accepted.function_arn,
            request_id=accepted.request_id,
            reason=reason,
        )
        self._finish(event)

    def _finish(self, event: WaitingEvent) -> None:
        with self._database.write() as connection:
            rows.finish(connection, event)

    def _config(self, event: WaitingEvent) -> EventInvokeConfig | None:
        accepted = event.accepted
        with self._database.read() as connection:
            return event_invoke_configs.find(connection, accepted.function_id, accepted.qualifier)
