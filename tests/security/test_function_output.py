"""What functions print of secret values, and a search for them everywhere that output goes."""

import base64
from collections.abc import Iterator
import json
import secrets
from typing import Any

import pytest

from keyturn.commands import rotation_history
from keyturn.functions.output.redaction import REDACTED, RUN_LETTERS
from support.keyturn_server import KeyturnServer
from support.live_api import Caller, LiveApi, allow, policy, unique
from support.live_rotation import Bench
from support.waiting import until

pytestmark = pytest.mark.server

REGION = "us-east-1"
BEFORE, AFTER = "no login at db.example.com with", "today"

#: Prints a value that it reads, in the way that the event says, between words that may stay.
PRINTS = """
import base64, boto3, html, json, logging, re, sys, urllib.parse
client = boto3.client("secretsmanager")
log = logging.getLogger()

def spelled(value, way):
    octets = value if isinstance(value, bytes) else value.encode()
    document = json.dumps({"user": "app", "password": octets.decode("latin-1")})
    return {
        "plain": lambda: value,
        "json": lambda: json.dumps(value),
        "json_in_json": lambda: json.dumps(json.dumps({"p": value}, ensure_ascii=False)),
        "url": lambda: urllib.parse.quote(octets, safe=""),
        "url_of_form": lambda: re.sub(
            "%..", lambda code: code[0].lower(), urllib.parse.quote_plus(octets)
        ),
        "json_in_url": lambda: urllib.parse.quote(json.dumps(value)),
        "base64": lambda: base64.b64encode(octets).decode(),
        "base64_of_login": lambda: base64.b64encode(b"app:" + octets).decode(),
        "base64_of_more": lambda: base64.b64encode(b"user=app;" + octets + b";x").decode(),
        "base64_of_document": lambda: base64.b64encode(document.encode()).decode(),
        "base64url": lambda: base64.urlsafe_b64encode(octets).decode().rstrip("="),
        "base64_of_utf_16": lambda: base64.b64encode(value.encode("utf-16-le")).decode(),
        "hex": octets.hex,
        "upper_hex": lambda: octets.hex(":").upper(),
        "c": lambda: "".join(f"\\\\x{octet:02x}" for octet in octets),
        "repr": lambda: repr(value),
        "ascii": lambda: ascii(value),
        "repr_of_bytes": lambda: repr(octets),
        "list_of_letters": lambda: list(value),
        "spaces": lambda: " ".join(value),
        "html": lambda: html.escape(value),
        "half": lambda: value[:len(value) // 2],
        "other_half": lambda: value[len(value) // 2:],
    }[way]()

def get(secret):
    answer = client.get_secret_value(SecretId=secret)
    return answer.get("SecretString") or answer["SecretBinary"]

def lambda_handler(event, context):
    value = get(event["secret"])
    if event["way"] == "letters":
        print(*value, sep="\\n")
    elif event["way"] == "logged_letters":
        for letter in value:
            log.warning(letter)
    elif event["way"] == "raw":
        sys.stdout.buffer.write(b"BEFORE " + value + b" AFTER\\n")
        sys.stdout.buffer.flush()
    else:
        print("BEFORE", spelled(value, event["way"]), "AFTER")
""".replace("BEFORE", BEFORE).replace("AFTER", AFTER)
#: Makes values in every way, and prints each before anybody could know it.
WRITES = """
import boto3, secrets
client = boto3.client("secretsmanager")

def lambda_handler(event, context):
    values = {name: secrets.token_hex(12) for name in ("put", "updated", "created", "refused")}
    for name, value in values.items():
        print(name, value)
    values["random"] = client.get_random_password(ExcludePunctuation=True)["RandomPassword"]
    print("random", values["random"])
    client.put_secret_value(SecretId=event["secret"], SecretString=values["put"])
    client.update_secret(SecretId=event["secret"], SecretBinary=values["updated"].encode())
    client.create_secret(Name=event["new"], SecretString=values["created"])
    try:
        client.create_secret(Name=event["new"], SecretString=values["refused"])
    except client.exceptions.ResourceExistsException:
        pass
    return values
"""
READS_BATCH = """
import boto3
client = boto3.client("secretsmanager")

def lambda_handler(event, context):
    for value in client.batch_get_secret_value(SecretIdList=event)["SecretValues"]:
        print(value["SecretString"])
"""
#: Fails with the value that it has read, and with one that nobody else ever sees.
RAISES = """
import base64, boto3
client = boto3.client("secretsmanager")

def lambda_handler(event, context):
    value = client.get_secret_value(SecretId=event["SecretId"])["SecretString"]
    password = client.get_random_password(ExcludePunctuation=True)["RandomPassword"]
    spelled = base64.b64encode(value.encode()).decode()
    raise ValueError(f"no login with {spelled} nor with {password}.")
"""
#: Of a value in a document in base64: the rest of that.
LEFT_CHARACTERS_MAX = 48
WAYS = [
    *("plain", "json", "json_in_json", "url", "url_of_form", "json_in_url", "base64"),
    *("base64_of_login", "base64_of_more", "base64_of_document", "base64url", "base64_of_utf_16"),
    *("hex", "upper_hex", "c", "repr", "ascii", "repr_of_bytes", "list_of_letters", "spaces"),
    *("html", "half", "other_half"),
]
BINARY_WAYS = ["raw", "repr_of_bytes", "base64", "base64_of_login", "hex", "c"]


class Place:
    """A server of its own, and what was stored by it."""

    def __init__(self, server: KeyturnServer) -> None:
        self.server = server
        variables = server.environment()
        caller = Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
        self.api = LiveApi(server.endpoint, caller, REGION)
        self.bench = Bench(self.api, "")

    def make_function(self, code: str) -> str:
        name = unique("role")
        role = self.bench.make_role(may_rotate=False)
        self.api.iam.put_role_policy(
            RoleName=role.rpartition("/")[2],
            PolicyName=name,
            PolicyDocument=json.dumps(policy(allow("secretsmanager:*"))),
        )
        return self.bench.make_function(code, role=role)

    def make_secret(self, value: str | bytes) -> str:
        name = unique("secret")
        if isinstance(value, str):
            self.api.secrets.create_secret(Name=name, SecretString=value)
        else:
            self.api.secrets.create_secret(Name=name, SecretBinary=value)
        return name

    def invoke(self, function: str, event: object) -> tuple[str, list[str], Any]:
        """Return the log tail, the lines that were stored, and the answer."""
        answer = self.api.functions.invoke(
            FunctionName=function, Payload=json.dumps(event).encode(), LogType="Tail"
        )
        tail = base64.b64decode(answer["LogResult"]).decode()
        request_id = tail.rpartition("REPORT RequestId: ")[2][:36]
        payload = json.loads(answer["Payload"].read())
        assert not answer.get("FunctionError"), payload
        return tail, self.stored(function, request_id), payload

    def stored(self, function: str, request_id: str) -> list[str]:
        """Return what an invocation printed, as FilterLogEvents and GetLogEvents answer it."""
        group = f"/aws/lambda/{function.rpartition(':')[2]}"
        logs = self.api.logs

        def report() -> str | None:
            pattern = f'"REPORT RequestId: {request_id}"'
            try:
                events = logs.filter_log_events(logGroupName=group, filterPattern=pattern)[
                    "events"
                ]
            except logs.exceptions.ResourceNotFoundException:
                return None
            return events[0]["logStreamName"] if events else None

        stream = until(report, "the REPORT line")
        got = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
        found = logs.filter_log_events(logGroupName=group, logStreamNames=[stream])
        lines = [event["message"] for event in got["events"]]
        assert lines == [event["message"] for event in found["events"]]
        after_start = lines[lines.index(f"START RequestId: {request_id} Version: $LATEST") + 1 :]
        return after_start[: after_start.index(f"END RequestId: {request_id}")]

    def at_rest(self) -> bytes:
        """Return what every file below the data directory holds, but for AWS's own modules."""
        files = [
            path
            for path in self.server.data_dir.rglob("*")
            if path.is_file() and not path.is_symlink() and "runtimes" not in path.parts
        ]
        return b"\n".join(path.read_bytes() for path in files)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("keyturn") / "data"
    with KeyturnServer.start(folder, arguments=("--api-processes", "2")) as server:
        made = Place(server)
        yield made
        made.api.close()


@pytest.fixture(scope="module")
def printer(place: Place) -> str:
    return place.make_function(PRINTS)


def new_value() -> str:
    # Quotes, blanks, what URLs and entities escape, and letters that aren't ASCII.
    return f'{secrets.token_urlsafe(9)}"<&p% /wörd\\{secrets.token_urlsafe(9)}'


def left_of(line: str) -> str:
    """Return what is left of a line besides the words that may stay."""
    assert line.startswith(BEFORE), line
    assert line.rstrip().endswith(AFTER), line
    return line.removeprefix(BEFORE).rstrip().removesuffix(AFTER).replace(REDACTED, "").strip()


def assert_nowhere(place: Place, value: str, *texts: str) -> None:
    """Assert that neither these texts nor any file holds eight letters in a row of a value."""
    at_rest = place.at_rest()
    for at in range(len(value) - RUN_LETTERS + 1):
        run = value[at : at + RUN_LETTERS]
        assert not [text for text in texts if run in text]
        octets = run.encode()
        for spelled in (octets, octets.hex().encode(), base64.b64encode(octets)[:10]):
            assert spelled not in at_rest


@pytest.mark.parametrize("way", WAYS)
def test_value_that_was_read_is_in_no_log_however_it_is_spelled(
    place: Place, printer: str, way: str
) -> None:
    value = new_value()
    secret = place.make_secret(value)

    tail, [line], _ = place.invoke(printer, {"secret": secret, "way": way})

    assert REDACTED in line
    # Quotes around it, a key before it, and in base64 what stands before and after it.
    assert len(left_of(line)) <= LEFT_CHARACTERS_MAX
    assert line in tail
    assert_nowhere(place, value, line, tail)


@pytest.mark.parametrize("way", BINARY_WAYS)
def test_binary_value_is_in_no_log_however_it_is_spelled(
    place: Place, printer: str, way: str
) -> None:
    value = secrets.token_bytes(24)
    # What ends a line would make two of it.
    secret = place.make_secret(value.translate(bytes.maketrans(b"\r\n", b"..")))

    tail, [line], _ = place.invoke(printer, {"secret": secret, "way": way})

    assert REDACTED in line
    assert len(left_of(line)) <= LEFT_CHARACTERS_MAX
    assert line in tail


@pytest.mark.parametrize("way", ["letters", "logged_letters"])
def test_value_that_is_printed_letter_by_letter_is_in_no_log(
    place: Place, printer: str, way: str
) -> None:
    value = secrets.token_urlsafe(18)

    tail, lines, _ = place.invoke(printer, {"secret": place.make_secret(value), "way": way})

    assert [line.rpartition("\t")[2] for line in lines] == [REDACTED] * len(value)
    assert [line for line in lines if line not in tail] == []


def test_members_of_a_secret_are_redacted_and_the_name_of_its_target_is_not(
    place: Place, printer: str
) -> None:
    secret = {"host": "db.example.com", "username": "app-user", "password": secrets.token_hex(12)}
    name = place.make_secret(json.dumps(secret))

    _, [line], _ = place.invoke(printer, {"secret": name, "way": "plain"})

    expected = json.dumps({**secret, "password": REDACTED})
    assert line == f"{BEFORE} {expected} {AFTER}"


def test_values_that_a_function_makes_are_redacted_also_before_they_are_stored(
    place: Place,
) -> None:
    function = place.make_function(WRITES)
    secret, other = place.make_secret("first-value"), unique("secret")

    tail, lines, values = place.invoke(function, {"secret": secret, "new": other})

    assert lines == [f"{name} {REDACTED}" for name in values]
    for value in values.values():
        assert_nowhere(place, value, tail)


def test_values_of_a_batch_are_redacted(place: Place) -> None:
    function = place.make_function(READS_BATCH)
    values = [secrets.token_hex(12) for _ in range(20)]
    names = [place.make_secret(value) for value in values]

    tail, lines, _ = place.invoke(function, names)

    assert lines == [REDACTED] * len(values)
    assert_nowhere(place, values[7], tail)


def test_credentials_of_its_session_are_redacted(place: Place) -> None:
    function = place.make_function(
        """
import os
def lambda_handler(event, context):
    print(os.environ["AWS_SECRET_ACCESS_KEY"])
    print(os.environ["AWS_SESSION_TOKEN"])
    print(os.environ["AWS_ACCESS_KEY_ID"])
"""
    )

    _, lines, _ = place.invoke(function, None)

    assert lines[:2] == [REDACTED] * 2
    assert lines[2].startswith("ASIA")


def test_value_that_another_function_has_read_is_not_looked_for(
    place: Place, printer: str
) -> None:
    value = secrets.token_hex(12)
    place.invoke(printer, {"secret": place.make_secret(value), "way": "plain"})
    function = place.make_function("def lambda_handler(event, context): print(event)")

    _, lines, _ = place.invoke(function, f"version {value}")

    assert lines == [f"version {value}"]


def test_value_in_an_error_is_redacted_in_the_log_and_in_the_history(place: Place) -> None:
    value = secrets.token_hex(12)
    name = place.make_secret(value)
    function = place.make_function(RAISES)

    place.api.secrets.rotate_secret(
        SecretId=name, RotationLambdaARN=function, RotationRules={"AutomaticallyAfterDays": 1}
    )

    def history() -> str | None:
        told = str(rotation_history(place.server.data_dir, name, 1, region=REGION))
        return told if "no login with" in told else None

    told = until(history, "the failure")
    assert f"no login with {REDACTED} nor with {REDACTED}." in told
    place.bench.wait_for_log(function, "ValueError")
    log = place.bench.log(function)
    assert f"no login with {REDACTED} nor with {REDACTED}." in log
    assert_nowhere(place, value, told, log)


def test_socket_is_its_owners_alone(place: Place) -> None:
    [mode] = [path.stat().st_mode for path in place.server.data_dir.glob("seen.sock")]

    assert mode & 0o077 == 0
