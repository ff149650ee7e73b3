from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
import json
from pathlib import Path
import threading

import pytest
from sqlalchemy import select
from typing_extensions import override

from keyturn.engine.async_invocations import (
    EVENTS_AT_ONCE,
    EVENTS_KEPT_FOR_IDLE,
    EVENTS_OF_ONE_FUNCTION_AT_ONCE,
    LEASE,
    AsynchronousInvocations,
)
from keyturn.functions.invocation import Invocation
from keyturn.functions.refusals import EnvironmentsBusyError
from keyturn.model.asynchronous import WaitingEvent
from keyturn.model.errors import ServiceError
from keyturn.store import asynchronous_invocations as rows
from support.lambda_bench import LambdaBench, ScriptedInvoker

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function"
FAILED = Invocation(request_id="r", function_error="Unhandled", payload=b"{}", log_tail=b"")


class SlowInvoker(ScriptedInvoker):
    """One whose functions run until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Semaphore(0)

    @override
    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        assert self.let_go.acquire(timeout=30)
        return super().invoke(function_arn, payload)


class Bench(LambdaBench):
    """A function, and the job that gives it its events, one look at a time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.name = self.function()
        self.wake = threading.Event()
        self.job = self.job_with(self.invoker)

    def job_with(self, invoker: ScriptedInvoker) -> AsynchronousInvocations:
        return AsynchronousInvocations(self.database, self.keyring, invoker, self.clock, self.wake)

    def send(self, payload: object = None, qualifier: str = "$LATEST", name: str = "") -> None:
        self.do(
            "Invoke",
            FunctionName=name or self.name,
            Qualifier=qualifier,
            InvocationType="Event",
            Payload=json.dumps(payload).encode(),
        )

    def claim(self) -> list[WaitingEvent]:
        """Take what is due, as the job does."""
        now = self.clock.now()
        with self.database.write() as connection:
            due = rows.due_ids(connection, now, most=100, of_one_function_max=100, running={})
            return rows.claim(connection, due, now, lease_until=now + LEASE)

    def look(self) -> int:
        """Give all that is due; return how many events that were."""
        claimed = self.claim()
        for event in claimed:
            self.job.give(event)
        return len(claimed)

    def look_after(self, **pause: float) -> int:
        self.clock.advance(timedelta(**pause))
        return self.look()

    def held(self) -> dict[str, int]:
        """How many events somebody has, by the names of their functions."""
        query = select(rows.events.c.function_arn).where(rows.events.c.lease_until.is_not(None))
        with self.database.read() as connection:
            return Counter(held.split(":")[6] for held in connection.execute(query).scalars())

    def waiting(self) -> int:
        with self.database.read() as connection:
            return len(connection.execute(rows.events.select()).all())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_an_event_is_given_as_it_came_and_then_gone(bench: Bench) -> None:
    bench.send({"a": 1})

    bench.look()

    assert bench.invoker.asked == [(f"{FUNCTION}:{bench.name}:$LATEST", b'{"a": 1}')]
    assert bench.waiting() == 0


def test_an_event_for_an_alias_is_given_to_the_alias(bench: Bench) -> None:
    bench.do("CreateAlias", FunctionName=bench.name, Name="live", FunctionVersion="$LATEST")
    bench.send(qualifier="live")

    bench.look()

    assert bench.invoker.asked == [(f"{FUNCTION}:{bench.name}:live", b"null")]


def test_a_function_that_fails_gets_its_event_twice_more(bench: Bench) -> None:
    bench.invoker.answer = FAILED
    bench.send()

    looks = [
        bench.look(),
        bench.look_after(seconds=59),
        bench.look_after(seconds=1),
        bench.look_after(seconds=119),
        bench.look_after(seconds=1),
    ]

    assert looks == [1, 0, 1, 0, 1]
    assert bench.waiting() == 0


def test_an_event_is_tried_again_as_often_as_the_qualifier_s_settings_say(bench: Bench) -> None:
    bench.do("PutFunctionEventInvokeConfig", FunctionName=bench.name, MaximumRetryAttempts=0)
    bench.invoker.answer = FAILED
    bench.send()

    bench.look()

    assert bench.waiting() == 0


@pytest.mark.parametrize("error", [EnvironmentsBusyError(60), ServiceError("anything")])
def test_an_event_that_can_not_be_given_waits_and_counts_no_failure(
    bench: Bench, error: ServiceError
) -> None:
    bench.invoker.answer = error
    bench.send()
    looks = [bench.look(), bench.look(), bench.look_after(seconds=1), bench.look_after(seconds=2)]

    bench.invoker.answer = FAILED
    looks += [
        bench.look_after(seconds=4),
        bench.look_after(minutes=1),
        bench.look_after(minutes=2),
    ]

    assert looks == [1, 0, 1, 1, 1, 1, 1]
    assert bench.waiting() == 0


def test_an_event_that_is_too_old_is_given_up(bench: Bench) -> None:
    bench.do("PutFunctionEventInvokeConfig", FunctionName=bench.name, MaximumEventAgeInSeconds=60)
    bench.send()

    bench.look_after(seconds=61)

    assert bench.invoker.asked == []
    assert bench.waiting() == 0


def test_an_event_is_not_tried_again_when_it_would_be_too_old(bench: Bench) -> None:
    bench.do("PutFunctionEventInvokeConfig", FunctionName=bench.name, MaximumEventAgeInSeconds=60)
    bench.invoker.answer = FAILED
    bench.send()

    bench.look_after(seconds=1)

    assert len(bench.invoker.asked) == 1
    assert bench.waiting() == 0


def test_events_go_with_their_function(bench: Bench) -> None:
    bench.send()

    bench.do("DeleteFunction", FunctionName=bench.name)
    bench.create_function(bench.name)

    assert bench.look() == 0
    assert bench.waiting() == 0


def test_an_event_for_a_version_that_is_gone_is_given_up(bench: Bench) -> None:
    (version,) = bench.published(bench.name, "1")
    bench.send(qualifier=version)
    bench.do("DeleteFunction", FunctionName=bench.name, Qualifier=version)

    bench.look()

    assert bench.invoker.asked == []
    assert bench.waiting() == 0


def test_events_of_a_function_that_may_never_run_are_given_up(bench: Bench) -> None:
    bench.do("PutFunctionConcurrency", FunctionName=bench.name, ReservedConcurrentExecutions=0)
    bench.send()

    bench.look()

    assert bench.invoker.asked == []
    assert bench.waiting() == 0


def test_an_event_that_somebody_holds_is_nobody_else_s(bench: Bench) -> None:
    bench.send()
    held = bench.claim()

    assert len(held) == 1
    assert bench.look() == 0


def test_what_an_engine_that_died_held_is_given_again(bench: Bench) -> None:
    bench.send()
    bench.claim()

    with bench.database.write() as connection:
        rows.release_all(connection)

    assert bench.look() == 1


def test_a_function_that_ends_with_its_engine_gets_the_event_from_the_next(bench: Bench) -> None:
    bench.do("PutFunctionEventInvokeConfig", FunctionName=bench.name, MaximumRetryAttempts=0)
    bench.invoker.answer = FAILED
    bench.send()

    bench.job.stop()
    bench.look()
    with bench.database.write() as connection:
        rows.release_all(connection)

    assert bench.look() == 1


def test_a_lease_that_ends_lets_the_event_go(bench: Bench) -> None:
    bench.send()
    bench.claim()

    assert bench.look_after(minutes=20) == 0
    assert bench.look_after(seconds=1) == 1


def test_whoever_held_an_event_too_long_can_not_end_it(bench: Bench) -> None:
    bench.send()
    (stale,) = bench.claim()
    bench.clock.advance(LEASE + timedelta(seconds=1))
    (current,) = bench.claim()

    with bench.database.write() as connection:
        rows.finish(connection, stale)
        rows.put_off(connection, stale, bench.clock.now(), failures=9, refusals=9)
    kept = bench.waiting()
    with bench.database.write() as connection:
        rows.finish(connection, current)

    assert (kept, bench.waiting()) == (1, 0)


def test_an_event_that_was_changed_in_the_store_is_never_given(bench: Bench) -> None:
    bench.send({"to": "one"})
    (event,) = bench.claim()
    accepted = replace(event.accepted, function_arn=f"{FUNCTION}:{bench.function()}:$LATEST")

    with pytest.raises(ServiceError):
        bench.job.give(replace(event, accepted=accepted))

    assert bench.invoker.asked == []


@contextmanager
def slow_functions(bench: Bench) -> Iterator[threading.Semaphore]:
    """Have invocations wait until they are let go, at the latest at the end of the block."""
    invoker = SlowInvoker()
    bench.job = bench.job_with(invoker)
    try:
        yield invoker.let_go
    finally:
        bench.job.stop()
        invoker.let_go.release(EVENTS_AT_ONCE)


def test_the_job_takes_up_no_more_than_it_has_threads_for(bench: Bench) -> None:
    names = [bench.function() for _ in range(EVENTS_AT_ONCE + 1)]
    for name in names:
        bench.send(name=name)

    with slow_functions(bench):
        bench.job.take_up_due()
        bench.job.take_up_due()

        assert bench.held() == dict.fromkeys(names[:EVENTS_AT_ONCE], 1)


def test_a_function_with_many_events_leaves_threads_to_the_others(bench: Bench) -> None:
    slow, other, late = (bench.function() for _ in range(3))
    for _ in range(EVENTS_AT_ONCE + 1):
        bench.send(name=slow)
    bench.send(name=other)

    with slow_functions(bench):
        bench.job.take_up_due()
        at_first = bench.held()
        bench.send(name=late)
        bench.job.take_up_due()

        assert at_first == {slow: EVENTS_OF_ONE_FUNCTION_AT_ONCE, other: 1}
        assert bench.held() == {**at_first, late: 1}


def test_two_functions_with_many_events_leave_threads_to_those_of_which_none_runs(
    bench: Bench,
) -> None:
    slow, as_slow, late, later, last = (bench.function() for _ in range(5))
    for name in (slow, as_slow):
        for _ in range(EVENTS_AT_ONCE):
            bench.send(name=name)

    with slow_functions(bench):
        bench.job.take_up_due()
        at_first = bench.held()
        for name in (late, late, later, last):
            bench.send(name=name)
        bench.job.take_up_due()

        assert at_first == {slow: EVENTS_OF_ONE_FUNCTION_AT_ONCE, as_slow: 2}
        assert sum(at_first.values()) == EVENTS_AT_ONCE - EVENTS_KEPT_FOR_IDLE
        assert bench.held() == {**at_first, late: 1, later: 1}


def test_a_function_with_many_events_gets_the_next_when_it_is_done_with_one(
    bench: Bench,
) -> None:
    for _ in range(EVENTS_AT_ONCE):
        bench.send()

    with slow_functions(bench) as let_go:
        bench.job.take_up_due()
        let_go.release()
        assert bench.wake.wait(30)
        left = bench.waiting()
        bench.job.take_up_due()

        assert left == EVENTS_AT_ONCE - 1
        assert bench.held() == {bench.name: EVENTS_OF_ONE_FUNCTION_AT_ONCE}


def test_versions_and_aliases_of_a_function_share_what_it_may_have_at_once(bench: Bench) -> None:
    bench.do("CreateAlias", FunctionName=bench.name, Name="live", FunctionVersion="$LATEST")
    for qualifier in ("$LATEST", "live") * EVENTS_OF_ONE_FUNCTION_AT_ONCE:
        bench.send(qualifier=qualifier)

    with slow_functions(bench):
        bench.job.take_up_due()

        assert bench.held() == {bench.name: EVENTS_OF_ONE_FUNCTION_AT_ONCE}


def test_events_that_were_claimed_meanwhile_are_not_taken_too(bench: Bench) -> None:
    bench.send()
    bench.send()
    now = bench.clock.now()
    with bench.database.read() as connection:
        due = rows.due_ids(connection, now, most=2, of_one_function_max=2, running={})

    with bench.database.write() as connection:
        first = rows.claim(connection, due[:1], now, lease_until=now + LEASE)
        second = rows.claim(connection, due, now, lease_until=now + LEASE)

    assert [[event.id for event in taken] for taken in (first, second)] == [due[:1], due[1:]]
