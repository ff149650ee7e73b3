"""CloudWatch Logs with AWS's own library for Python, unmodified, against a live server."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from support.live_api import ACCOUNT, Caller, LiveApi, allow, policy, refusal

pytestmark = pytest.mark.server

GROUP, STREAM = "/aws/lambda/rotate", "2026/01/02/[$LATEST]aaaa"
PLACE: Any = {"logGroupName": GROUP, "logStreamName": STREAM}
WRITERS = 8
FUNCTIONS_POLICY = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)  # noqa: TID251 - the server's clock is the machine's


def put(api: LiveApi, *messages: str, stream: str = STREAM) -> int:
    """Put messages, a millisecond apart; return when the first was."""
    first = now_ms() - 1000
    events: Any = [
        {"timestamp": first + number, "message": message}
        for number, message in enumerate(messages)
    ]
    api.logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)
    return first


@pytest.fixture
def logged(api: LiveApi) -> LiveApi:
    """A group with a stream."""
    api.logs.create_log_group(logGroupName=GROUP)
    api.logs.create_log_stream(**PLACE)
    return api


def test_a_group_lives_from_its_making_to_its_end(api: LiveApi) -> None:
    arn = f"arn:aws:logs:{api.region}:{ACCOUNT}:log-group:{GROUP}"

    api.logs.create_log_group(logGroupName=GROUP, tags={"team": "a"})
    api.logs.put_retention_policy(logGroupName=GROUP, retentionInDays=30)
    api.logs.create_log_stream(**PLACE)
    put(api, "one", "two")
    [group] = api.logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    [stream] = api.logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
    tags = api.logs.list_tags_for_resource(resourceArn=arn)["tags"]
    api.logs.delete_log_stream(**PLACE)
    api.logs.delete_log_group(logGroupName=GROUP)

    assert (group["retentionInDays"], group["storedBytes"]) == (30, 2 * (3 + 26))
    assert (stream["logStreamName"], tags) == (STREAM, {"team": "a"})
    assert api.logs.describe_log_groups()["logGroups"] == []


def test_paginators_read_every_event_once(logged: LiveApi) -> None:
    messages = [f"line {number}" for number in range(95)]
    put(logged, *messages)

    pages = logged.logs.get_paginator("filter_log_events").paginate(
        logGroupName=GROUP, filterPattern="line", PaginationConfig={"PageSize": 10}
    )
    found = [event["message"] for page in pages for event in page["events"]]

    assert found == messages


def test_whoever_follows_by_time_and_event_id_sees_every_event_once(logged: LiveApi) -> None:
    """As ``aws logs tail --follow`` of version 2 does."""
    seen: dict[str, str] = {}
    start = now_ms() - 60_000
    for batch in (["a", "b"], ["c"], [], ["d", "e", "f"]):
        if batch:
            put(logged, *batch)
        for page in logged.logs.get_paginator("filter_log_events").paginate(
            logGroupName=GROUP, interleaved=True, startTime=start
        ):
            for event in page["events"]:
                seen.setdefault(event["eventId"], event["message"])
                start = max(start, event["timestamp"])

    assert sorted(seen.values()) == list("abcdef")


def test_writers_of_one_stream_at_once_lose_nothing(logged: LiveApi) -> None:
    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(lambda number: put(logged, *[str(number)] * 50), range(WRITERS)))

    page = logged.logs.get_log_events(**PLACE, startFromHead=True)
    found = [event["message"] for event in page["events"]]
    assert sorted(found) == sorted(str(number) for number in range(WRITERS) for _ in range(50))
    [group] = logged.logs.describe_log_groups()["logGroups"]
    assert group["storedBytes"] == len(found) * 27


def test_of_those_who_make_a_group_at_once_one_makes_it(api: LiveApi) -> None:
    def create(_: int) -> str:
        try:
            api.logs.create_log_group(logGroupName=GROUP)
        except api.logs.exceptions.ResourceAlreadyExistsException:
            return "exists"
        return "made"

    with ThreadPoolExecutor(WRITERS) as threads:
        outcomes = list(threads.map(create, range(WRITERS)))

    assert sorted(outcomes) == ["exists"] * (WRITERS - 1) + ["made"]


def test_a_function_s_role_writes_its_log_by_aws_s_policy(api: LiveApi) -> None:
    trust = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},'
    name = f"logger-{api.region}"
    role = api.iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=trust + '"Action":"sts:AssumeRole"}]}'
    )["Role"]
    api.iam.attach_role_policy(RoleName=name, PolicyArn=FUNCTIONS_POLICY)
    session = api.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="function")["Credentials"]
    function = api.acting_as(
        Caller(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    )

    function.logs.create_log_group(logGroupName=GROUP)
    function.logs.create_log_stream(**PLACE)
    put(function, "of a function")

    assert refusal(function.logs.get_log_events, **PLACE)[1] == "AccessDeniedException"
    events = api.logs.get_log_events(**PLACE)["events"]
    assert [event["message"] for event in events] == ["of a function"]


def test_a_reader_of_one_stream_reads_no_other(logged: LiveApi) -> None:
    logged.logs.create_log_stream(logGroupName=GROUP, logStreamName="other")
    arn = f"arn:aws:logs:{logged.region}:{ACCOUNT}:log-group:{GROUP}:log-stream:{STREAM}"
    reader = logged.user(policy(allow("logs:GetLogEvents", arn)))
    put(logged, "mine")

    events = reader.logs.get_log_events(**PLACE)["events"]

    assert [event["message"] for event in events] == ["mine"]
    code = refusal(reader.logs.get_log_events, logGroupName=GROUP, logStreamName="other")[1]
    assert code == "AccessDeniedException"


def test_another_account_has_groups_of_its_own(logged: LiveApi, other: LiveApi) -> None:
    assert other.logs.describe_log_groups()["logGroups"] == []
    assert refusal(other.logs.filter_log_events, logGroupName=GROUP)[1] == (
        "ResourceNotFoundException"
    )
    arn = f"arn:aws:logs:{logged.region}:{ACCOUNT}:log-group:{GROUP}"
    assert refusal(other.logs.filter_log_events, logGroupIdentifier=arn)[1] == (
        "AccessDeniedException"
    )


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("ERROR", ['{"level": "ERROR", "n": 1}', "[ERROR] it failed"]),
        ('{ $.level = "ERROR" && $.n < 2 }', ['{"level": "ERROR", "n": 1}']),
        ("[level = ERROR, it, what = f*]", ["[ERROR] it failed"]),
        ("%[Ff]ail%", ["[ERROR] it failed"]),
    ],
)
def test_every_kind_of_pattern_finds_its_events(
    logged: LiveApi, pattern: str, found: list[str]
) -> None:
    put(logged, '{"level": "ERROR", "n": 1}', "[ERROR] it failed", "[INFO] it went well")

    events = logged.logs.filter_log_events(logGroupName=GROUP, filterPattern=pattern)["events"]

    assert [event["message"] for event in events] == found


def test_what_breaks_the_model_is_an_invalid_parameter(api: LiveApi) -> None:
    status, code, text = refusal(api.logs.create_log_group, logGroupName="no spaces")

    assert (status, code) == (400, "InvalidParameterException")
    assert text.startswith("1 validation error detected: Value 'no spaces' at 'logGroupName'")
