"""How often is too often, and who is counted together: by threads, by processes, after a death."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import accumulate
import math
import os
from pathlib import Path
import signal

from hypothesis import given, strategies as st
import pytest

from keyturn.api.common_faults import common_fault
from keyturn.api.rate_limit import SLOTS, RateLimit
from keyturn.api.refusals import ThrottledError
from keyturn.api.request_rate import (
    REQUESTS_PER_SECOND_MAX,
    REQUESTS_PER_SECOND_MIN,
    RequestRate,
)
from keyturn.config import DEFAULT_ACCOUNT, SettingError, Settings, check

SECOND_NS = 1_000_000_000
# Some time after the machine was started.
NOW_NS = 86_400 * SECOND_NS
ALICE = "arn:aws:iam::123456789012:user/alice"
BOB = "arn:aws:iam::123456789012:user/bob"

# Slow ones mostly: only they refuse anything within as few requests as an example has.
RATES = st.one_of(
    st.floats(REQUESTS_PER_SECOND_MIN, 1),
    st.floats(1, 20),
    st.floats(20, REQUESTS_PER_SECOND_MAX),
)
PAUSES_NS = st.one_of(st.just(0), st.integers(0, SECOND_NS // 4), st.integers(0, 10 * SECOND_NS))


class Bucket:
    """What one principal is admitted with."""

    def __init__(self, requests_per_second: float) -> None:
        self.rate = RequestRate.per_second(requests_per_second)
        self.arrival_ns = 0

    def admits(self, now_ns: int) -> bool:
        charged_ns = self.rate.charged(self.arrival_ns, now_ns)
        self.arrival_ns = self.arrival_ns if charged_ns is None else charged_ns
        return charged_ns is not None

    def admitted(self, instants_ns: Iterable[int]) -> list[int]:
        return [at_ns for at_ns in instants_ns if self.admits(at_ns)]


@pytest.mark.parametrize(
    ("requests_per_second", "burst"),
    [(0.001, 1), (0.5, 1), (1, 1), (1.9, 1), (2, 2), (3, 3), (7, 7), (1000, 1000)],
)
def test_a_second_s_worth_passes_at_once_and_never_less_than_one(
    requests_per_second: float, burst: int
) -> None:
    bucket = Bucket(requests_per_second)

    assert len(bucket.admitted([NOW_NS] * (burst + 5))) == burst


def test_highest_rate_lets_a_million_pass_at_once() -> None:
    rate = RequestRate.per_second(REQUESTS_PER_SECOND_MAX)

    assert (rate.interval_ns, rate.burst_requests) == (1_000, 1_000_000)


@given(RATES)
def test_intervals_are_rounded_up_to_whole_nanoseconds(requests_per_second: float) -> None:
    interval_ns = RequestRate.per_second(requests_per_second).interval_ns

    exact_ns = SECOND_NS / Fraction(requests_per_second)
    assert exact_ns <= interval_ns < exact_ns + 1


def test_one_more_passes_for_each_interval() -> None:
    bucket = Bucket(4)
    bucket.admitted([NOW_NS] * 4)
    quarter_ns = SECOND_NS // 4

    later = bucket.admitted(
        at_ns
        for number in range(1, 4)
        for at_ns in (
            NOW_NS + number * quarter_ns - 1,
            NOW_NS + number * quarter_ns,
            NOW_NS + number * quarter_ns,
        )
    )

    assert later == [NOW_NS + number * quarter_ns for number in range(1, 4)]


def test_what_is_refused_is_not_charged() -> None:
    bucket = Bucket(1)
    bucket.admitted([NOW_NS] * 1000)

    assert bucket.admits(NOW_NS + SECOND_NS)


def test_rest_earns_no_more_than_a_burst() -> None:
    bucket = Bucket(3)
    bucket.admitted([NOW_NS] * 3)

    assert len(bucket.admitted([NOW_NS + 3600 * SECOND_NS] * 10)) == 3


@given(RATES, st.lists(PAUSES_NS, max_size=40), st.integers(1, 5))
def test_no_window_admits_more_than_its_share_and_a_burst(
    requests_per_second: float, pauses_ns: list[int], times_each: int
) -> None:
    instants_ns = accumulate(pauses_ns, initial=NOW_NS)
    asked = [at_ns for at_ns in instants_ns for _ in range(times_each)]

    admitted = Bucket(requests_per_second).admitted(asked)

    burst = max(Fraction(requests_per_second), Fraction(1))
    for first, opens_ns in enumerate(admitted):
        for last, closes_ns in enumerate(admitted[first:], first):
            share = Fraction(requests_per_second) * Fraction(closes_ns - opens_ns, SECOND_NS)
            assert last - first + 1 <= share + burst


@given(RATES, st.lists(PAUSES_NS, min_size=1, max_size=40))
def test_whoever_keeps_to_the_rate_is_never_refused(
    requests_per_second: float, delays_ns: list[int]
) -> None:
    bucket = Bucket(requests_per_second)
    interval_ns = bucket.rate.interval_ns

    instants_ns = list(accumulate((interval_ns + delay for delay in delays_ns), initial=NOW_NS))

    assert bucket.admitted(instants_ns) == instants_ns


def standing_still() -> int:
    return NOW_NS


def limit_of(requests_per_second: float, slots: int = SLOTS) -> RateLimit:
    return RateLimit(RequestRate.per_second(requests_per_second), standing_still, slots)


def admitted_of(limit: RateLimit, principal_arn: str, attempts: int) -> int:
    """Return how many of so many requests are admitted."""

    def is_admitted() -> bool:
        try:
            limit.admit(principal_arn)
        except ThrottledError:
            return False
        return True

    return sum(is_admitted() for _ in range(attempts))


def test_refusal_names_the_principal() -> None:
    limit = limit_of(1)
    limit.admit(ALICE)

    with pytest.raises(ThrottledError) as refused:
        limit.admit(ALICE)

    assert refused.value.principal_arn == ALICE


def test_principals_have_a_limit_each() -> None:
    limit = limit_of(5)
    admitted_of(limit, ALICE, 10)

    assert admitted_of(limit, BOB, 10) == 5


def test_principals_that_meet_in_a_slot_share_its_limit() -> None:
    limit = limit_of(5, slots=1)
    admitted_of(limit, ALICE, 3)

    assert admitted_of(limit, BOB, 10) == 2


def test_limit_follows_the_clock_it_is_given() -> None:
    instants_ns = iter([NOW_NS, NOW_NS, NOW_NS + SECOND_NS])
    limit = RateLimit(RequestRate.per_second(1), lambda: next(instants_ns))

    assert [admitted_of(limit, ALICE, 1) for _ in range(3)] == [1, 0, 1]


def test_nobody_can_know_beforehand_who_meets_whom() -> None:
    names = [f"arn:aws:iam::123456789012:user/u{number}" for number in range(20)]
    one, other = limit_of(1), limit_of(1)

    assert [one._slot_of(name) for name in names] != [other._slot_of(name) for name in names]


def test_table_takes_8_mib_and_only_where_somebody_has_a_slot() -> None:
    limit = limit_of(1)
    for number in range(20):
        limit.admit(f"arn:aws:iam::123456789012:user/u{number}")

    file = os.fstat(limit._file)
    assert file.st_size == 8 * 1024 * 1024
    assert 0 < file.st_blocks * 512 <= 20 * os.sysconf("SC_PAGESIZE")


def test_threads_share_the_limit_to_the_last_request() -> None:
    def letting_others_run() -> int:
        # For the system calls, which let go of Python's own lock.
        for _ in range(3):
            os.stat(os.curdir)  # noqa: PTH116
        return NOW_NS

    limit = RateLimit(RequestRate.per_second(6000), letting_others_run)

    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(lambda _: admitted_of(limit, ALICE, 1000), range(8)))

    assert sum(counts) == 6000


def forked(act: Callable[[], int], start: int) -> tuple[int, int]:
    """Fork a process that acts when there is a byte to read; return it and its answer's pipe."""
    answer_read, answer_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.read(start, 1)
            os.write(answer_write, str(act()).encode())
        finally:
            os._exit(0)
    os.close(answer_write)
    return pid, answer_read


def answer_of(pid: int, answer: int) -> int:
    with os.fdopen(answer) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return int(text)


def test_processes_share_the_limit_to_the_last_request() -> None:
    limit = limit_of(20_000)
    start_read, start_write = os.pipe()

    children = [forked(lambda: admitted_of(limit, ALICE, 15_000), start_read) for _ in range(2)]
    os.write(start_write, b"go")
    counts = [answer_of(*child) for child in children]
    os.close(start_read)
    os.close(start_write)

    assert sum(counts) == 20_000


def test_process_that_dies_on_a_slot_holds_up_nobody_and_leaves_what_was_charged() -> None:
    limit = limit_of(5)
    slot = limit._slot_of(ALICE)
    admitted_of(limit, ALICE, 2)

    pid = os.fork()
    if pid == 0:
        with limit._holding(slot):
            os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(pid, 0)

    assert os.WTERMSIG(status) == signal.SIGKILL
    assert admitted_of(limit, ALICE, 10) == 3


@pytest.mark.parametrize(
    ("service", "code", "status", "members"),
    [
        ("secretsmanager", "ThrottlingException", 400, {}),
        ("logs", "ThrottlingException", 400, {}),
        (
            "lambda",
            "TooManyRequestsException",
            429,
            {"Type": "User", "Reason": "CallerRateLimitExceeded"},
        ),
        ("iam", "Throttling", 400, {}),
        ("sts", "Throttling", 400, {}),
    ],
)
def test_each_service_says_it_in_its_own_words(
    service: str, code: str, status: int, members: dict[str, str]
) -> None:
    fault = common_fault(service, ThrottledError(ALICE))

    assert fault is not None
    assert (fault.code, fault.message, fault.status) == (code, "Rate exceeded", status)
    assert (fault.members, fault.is_sender) == (members, True)


def settings_with(requests_per_second: float | None) -> Settings:
    return Settings(
        host="127.0.0.1",
        port=0,
        data_dir=Path("nowhere"),
        account=DEFAULT_ACCOUNT,
        requests_per_second=requests_per_second,
    )


@pytest.mark.parametrize(
    "requests_per_second", [0, -1, 0.000_999, 1_000_001, math.inf, -math.inf, math.nan]
)
def test_setting_that_is_no_rate_is_refused(requests_per_second: float) -> None:
    with pytest.raises(SettingError, match=r"requests per second .* from 0\.001 to 1000000"):
        check(settings_with(requests_per_second))


@pytest.mark.parametrize(
    "requests_per_second", [None, REQUESTS_PER_SECOND_MIN, 0.5, 1, 100, REQUESTS_PER_SECOND_MAX]
)
def test_setting_that_is_a_rate_or_none_is_taken(requests_per_second: float | None) -> None:
    check(settings_with(requests_per_second))
