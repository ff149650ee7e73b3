"""CloudWatch Logs with the AWS CLI, unmodified, against a live server."""

import json
import os
from pathlib import Path
import shlex
import subprocess
import sys
from typing import Any

import pytest

from support.live_api import LiveApi

pytestmark = pytest.mark.server

AWS = Path(sys.executable).with_name("aws")
COMMAND_SECONDS_MAX = 120
GROUP, STREAM = "/aws/lambda/rotate", "2026/01/02/a"


@pytest.fixture
def aws(api: LiveApi, tmp_path: Path) -> "Cli":
    return Cli(api, tmp_path)


class Cli:
    """``aws logs`` as the administrator, in a home directory of its own."""

    def __init__(self, api: LiveApi, home: Path) -> None:
        self.home = home
        self._variables = {
            **os.environ,  # noqa: TID251 - what a shell passes on
            "HOME": str(home),
            "AWS_ENDPOINT_URL": api.endpoint,
            "AWS_ACCESS_KEY_ID": api.caller.access_key_id,
            "AWS_SECRET_ACCESS_KEY": api.caller.secret_access_key,
            "AWS_DEFAULT_REGION": api.region,
            "AWS_PAGER": "",
        }

    def __call__(self, command: str) -> dict[str, Any]:
        done = subprocess.run(
            [str(AWS), "logs", *shlex.split(command), "--output", "json"],
            cwd=self.home,
            env=self._variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS_MAX,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
        return answer


def test_a_group_is_made_filled_searched_and_deleted(aws: Cli, api: LiveApi) -> None:
    aws(f"create-log-group --log-group-name {GROUP} --tags team=a")
    aws(f"put-retention-policy --log-group-name {GROUP} --retention-in-days 7")
    aws(f"create-log-stream --log-group-name {GROUP} --log-stream-name {STREAM}")
    [described] = aws(f"describe-log-groups --log-group-name-prefix {GROUP}")["logGroups"]
    first = described["creationTime"]
    events = [{"timestamp": first + n, "message": f'{{"n": {n}}}'} for n in range(5)]
    (aws.home / "events.json").write_text(json.dumps(events))

    put = aws(
        f"put-log-events --log-group-name {GROUP} --log-stream-name {STREAM}"
        " --log-events file://events.json"
    )
    found = aws(
        f"filter-log-events --log-group-name {GROUP} --page-size 2"
        " --filter-pattern '{ $.n > 1 && $.n != 3 }'"
    )
    tail = aws(f"get-log-events --log-group-name {GROUP} --log-stream-name {STREAM} --limit 1")
    tags = aws(f"list-tags-for-resource --resource-arn {described['logGroupArn']}")
    aws(f"delete-log-group --log-group-name {GROUP}")

    assert described["retentionInDays"] == 7
    assert "rejectedLogEventsInfo" not in put
    assert [event["message"] for event in found["events"]] == ['{"n": 2}', '{"n": 4}']
    assert [event["message"] for event in tail["events"]] == ['{"n": 4}']
    assert tags == {"tags": {"team": "a"}}
    assert api.logs.describe_log_groups()["logGroups"] == []
