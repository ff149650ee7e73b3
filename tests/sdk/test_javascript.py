"""AWS's SDK for JavaScript, version 3, as npm has it, against a running server.

``javascript/round_trip.mjs`` leads the life of two secrets; the claims here are about what the SDK
made of the answers. AWS: https://docs.aws.amazon.com/AWSJavaScriptSDK/v3/latest/client/secrets-manager/
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
import json
from pathlib import Path
import shutil
import subprocess
from typing import Any

import pytest

from support.keyturn_server import KeyturnServer
from support.live_api import Caller, LiveApi, unique_region

SCRIPT = Path(__file__).parent / "javascript" / "round_trip.mjs"
SDK = SCRIPT.parent / "node_modules" / "@aws-sdk" / "client-secrets-manager"
NODE = shutil.which("node")

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(
        NODE is None or not SDK.exists(),
        reason="NO JAVASCRIPT SDK HERE: run scripts/install-node-client",
    ),
]

FIRST = 'Füchse & "Hähne" \\ 🔑'
SECOND = json.dumps({"username": "app", "password": "another one"})
EVERY_BYTE = bytes(range(256))
SCRIPT_SECONDS_MAX = 60

Answers = Mapping[str, Any]


@pytest.fixture(scope="module")
def region() -> str:
    return unique_region()


@pytest.fixture(scope="module")
def answers(
    region: str, shell_variables: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Answers:
    """Run the script, once for all the claims about it."""
    values = {"first": FIRST, "second": SECOND, "bytes": b64encode(EVERY_BYTE).decode()}
    done = subprocess.run(
        [str(NODE), str(SCRIPT)],
        input=json.dumps(values),
        env={
            **shell_variables,
            # This SDK doesn't read AWS_DEFAULT_REGION.
            "AWS_REGION": region,
            "HOME": str(tmp_path_factory.mktemp("home")),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=SCRIPT_SECONDS_MAX,
    )
    assert done.returncode == 0, done.stderr
    read: Answers = json.loads(done.stdout)
    return read


@pytest.fixture
def botocore_api(server: KeyturnServer, administrator: Caller, region: str) -> Iterator[LiveApi]:
    live = LiveApi(server.endpoint, administrator, region)
    yield live
    live.close()


def version_of(answer: Mapping[str, Any]) -> str:
    return str(answer["VersionId"])


def instant(text: str) -> datetime:
    """Return a JavaScript Date, which prints itself in this one way."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def test_string_is_read_back_with_its_version(answers: Answers, region: str) -> None:
    created, read = answers["created"], answers["read"]

    assert created["ARN"].startswith(f"arn:aws:secretsmanager:{region}:123456789012:secret:app/")
    assert read["SecretString"] == FIRST
    assert "SecretBinary" not in read
    assert (read["ARN"], read["Name"]) == (created["ARN"], "app/string")
    assert (version_of(read), read["VersionStages"]) == (version_of(created), ["AWSCURRENT"])


def test_binary_value_is_read_back_byte_for_byte(answers: Answers) -> None:
    read = answers["readBinary"]

    assert b64decode(read["SecretBinary"]) == EVERY_BYTE
    assert "SecretString" not in read
    assert version_of(read) == version_of(answers["createdBinary"])


def test_put_value_is_current_and_the_old_one_previous(answers: Answers) -> None:
    current, previous = answers["readCurrent"], answers["readPrevious"]

    assert answers["put"]["VersionStages"] == ["AWSCURRENT"]
    assert (current["SecretString"], version_of(current)) == (SECOND, version_of(answers["put"]))
    assert (previous["SecretString"], previous["VersionStages"]) == (FIRST, ["AWSPREVIOUS"])
    assert answers["readVersion"]["SecretString"] == FIRST


def test_description_has_what_was_given_and_its_dates(answers: Answers) -> None:
    described = answers["described"]

    assert (described["Name"], described["Description"]) == ("app/string", "Made by JavaScript")
    assert described["VersionIdsToStages"] == {
        version_of(answers["created"]): ["AWSPREVIOUS"],
        version_of(answers["put"]): ["AWSCURRENT"],
    }
    created_at, changed_at = (
        instant(described["CreatedDate"]),
        instant(described["LastChangedDate"]),
    )
    assert created_at == instant(answers["read"]["CreatedDate"])
    assert created_at <= changed_at < created_at + timedelta(seconds=SCRIPT_SECONDS_MAX)


def test_added_tag_is_there_and_the_removed_one_is_not(answers: Answers) -> None:
    assert answers["described"]["Tags"] == [{"Key": "stage", "Value": "test"}]


def test_versions_are_listed_with_their_stages(answers: Answers) -> None:
    listed = {
        version_of(version): version["VersionStages"]
        for version in answers["versions"]["Versions"]
    }

    assert listed == answers["described"]["VersionIdsToStages"]


def test_paginator_finds_every_secret_one_a_page(answers: Answers) -> None:
    names = [[secret["Name"] for secret in page["SecretList"]] for page in answers["pages"]]

    assert sorted(names) == [["app/binary"], ["app/string"]]


def test_moved_stage_brings_the_first_value_back(answers: Answers) -> None:
    read = answers["readMoved"]

    assert answers["moved"]["Name"] == "app/string"
    assert (read["SecretString"], version_of(read)) == (FIRST, version_of(answers["created"]))


def test_random_password_keeps_its_rules(answers: Answers) -> None:
    password = answers["password"]["RandomPassword"]

    assert len(password) == 40
    assert password.isascii()
    assert password.isalnum()


def test_deletion_comes_at_the_end_of_its_window(answers: Answers) -> None:
    deleted, described = answers["deleted"], answers["describedDeleted"]

    window = instant(deleted["DeletionDate"]) - instant(described["DeletedDate"])
    assert window == timedelta(days=7)


@pytest.mark.parametrize(
    ("what", "name", "words"),
    [
        ("missing", "ResourceNotFoundException", "can't find the specified secret"),
        ("existing", "ResourceExistsException", "already exists"),
        ("deleted", "InvalidRequestException", "marked for deletion"),
        ("unreasonable", "InvalidParameterException", "between 7 and 30 days"),
    ],
)
def test_refusal_is_an_instance_of_the_sdk_s_class(
    answers: Answers, what: str, name: str, words: str
) -> None:
    refusal = answers["refusals"][what]

    assert refusal["name"] == name
    assert refusal["isOfItsClass"]
    assert refusal["isOfTheService"]
    assert words in refusal["message"]
    assert (refusal["fault"], refusal["$metadata"]["httpStatusCode"]) == ("client", 400)


def test_unknown_access_key_is_a_refusal_of_the_service(answers: Answers) -> None:
    refusal = answers["refusals"]["stranger"]

    assert refusal["name"] == "UnrecognizedClientException"
    assert refusal["isOfTheService"]
    assert refusal["$metadata"]["httpStatusCode"] == 400


def test_every_request_was_answered_at_the_first_attempt(answers: Answers) -> None:
    several = {"pages", "refusals"}
    single = [answer for name, answer in answers.items() if name not in several]
    succeeded = [answer["$metadata"] for answer in [*single, *answers["pages"]]]
    refused = [refusal["$metadata"] for refusal in answers["refusals"].values()]
    request_ids = {metadata["requestId"] for metadata in succeeded + refused}

    assert {metadata["httpStatusCode"] for metadata in succeeded} == {200}
    assert {metadata["attempts"] for metadata in succeeded + refused} == {1}
    assert len(request_ids) == len(succeeded + refused)


def test_botocore_reads_what_javascript_wrote(answers: Answers, botocore_api: LiveApi) -> None:
    binary = botocore_api.secrets.get_secret_value(SecretId="app/binary")
    described = botocore_api.secrets.describe_secret(SecretId="app/string")

    assert binary["SecretBinary"] == EVERY_BYTE
    assert described["ARN"] == answers["created"]["ARN"]
    # JavaScript's dates end at the millisecond.
    difference = described["DeletedDate"] - instant(answers["describedDeleted"]["DeletedDate"])
    assert abs(difference) < timedelta(milliseconds=1)
