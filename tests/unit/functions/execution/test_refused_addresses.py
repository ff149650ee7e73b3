from ipaddress import IPv4Address

import pytest
from structlog.testing import capture_logs

from keyturn.functions.execution.refused_addresses import (
    MINUTE_SECONDS,
    TOLD_MAX,
    RefusedAddresses,
)

METADATA = IPv4Address("169.254.169.254")


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 5.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def refused(watch: Watch) -> RefusedAddresses:
    return RefusedAddresses(watch)


def test_a_refusal_says_who_was_kept_from_what(refused: RefusedAddresses) -> None:
    with capture_logs() as lines:
        refused.tell("f", METADATA, 80)

    [line] = lines
    assert (line["function"], line["address"], line["port"]) == ("f", "169.254.169.254", 80)
    assert line["log_level"] == "warning"


def test_an_address_is_told_once_a_minute_and_then_how_often_it_was(
    refused: RefusedAddresses, watch: Watch
) -> None:
    with capture_logs() as lines:
        for _ in range(1_000):
            refused.tell("f", METADATA, 80)
        before = len(lines)
        watch.seconds += MINUTE_SECONDS
        refused.tell("f", METADATA, 80)

    assert before == 1
    assert [line.get("times") for line in lines] == [None, 999, None]


def test_many_addresses_of_one_function_are_told_up_to_the_limit(
    refused: RefusedAddresses, watch: Watch
) -> None:
    with capture_logs() as lines:
        for port in range(1_000):
            refused.tell("f", METADATA, port)
        before = [line["port"] for line in lines]
        watch.seconds += MINUTE_SECONDS
        refused.tell("another", METADATA, 80)

    assert before == list(range(TOLD_MAX))
    assert [(line["function"], line.get("times")) for line in lines[TOLD_MAX:]] == [
        ("f", 1_000 - TOLD_MAX),
        ("another", None),
    ]


def test_what_one_function_is_refused_takes_no_line_from_another(
    refused: RefusedAddresses,
) -> None:
    with capture_logs() as lines:
        for port in range(TOLD_MAX + 1):
            refused.tell("f", METADATA, port)
        refused.tell("another", METADATA, 0)

    assert lines[-1]["function"] == "another"
