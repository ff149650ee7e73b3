"""Functions from their first version to their last invocation, through AWS's own clients."""

from collections.abc import Callable, Mapping
import io
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
from typing import Any
import zipfile

from botocore.awsrequest import AWSRequest
import pytest

from support.keyturn_server import KeyturnServer
from support.live_api import Caller, LiveApi, allow, deny, policy, refusal, send, unique
from support.live_rotation import Bench
from support.polling import wait_until
from support.rotation_functions import FOUR_STEPS, zipped

SAYS_ITS_VERSION = """
import os

def lambda_handler(event, context):
    return [{number}, context.function_version, os.environ["AWS_LAMBDA_FUNCTION_VERSION"]]
"""
ECHO = """
def lambda_handler(event, context):
    print("got", event["word"])
"""
USES_A_LAYER = """
import shared

def lambda_handler(event, context):
    return shared.WORD
"""
#: Waits until a secret called ``go`` is there. The first that it does is to say so.
WAITS_FOR_A_SECRET = """
import time
import boto3

def lambda_handler(event, context):
    print("attempt", event["word"])
    client = boto3.client("secretsmanager")
    while True:
        try:
            client.get_secret_value(SecretId="go")
            break
        except client.exceptions.ResourceNotFoundException:
            time.sleep(0.1)
    print("done", event["word"])
"""


def versioned(bench: Bench) -> tuple[str, list[str]]:
    """Return a function, and its versions: the first answers 1, the second 2."""
    functions = bench.api.functions
    arn = bench.make_function(SAYS_ITS_VERSION.format(number=1), is_permitted=False)
    first = functions.publish_version(FunctionName=arn)["Version"]
    functions.update_function_code(
        FunctionName=arn, ZipFile=zipped(SAYS_ITS_VERSION.format(number=2))
    )
    second = functions.publish_version(FunctionName=arn)["Version"]
    functions.update_function_code(
        FunctionName=arn, ZipFile=zipped(SAYS_ITS_VERSION.format(number=3))
    )
    return arn, [first, second]


def answer(api: LiveApi, arn: str, qualifier: str | None = None) -> Any:  # noqa: ANN401 - it is JSON
    """Return what a function answers."""
    invoked = api.functions.invoke(FunctionName=f"{arn}:{qualifier}" if qualifier else arn)
    return json.loads(invoked["Payload"].read())


def is_denied(call: Callable[..., object], **params: object) -> bool:
    """Return whether policies are what keeps somebody from a call."""
    return refusal(call, **params)[:2] == (403, "AccessDeniedException")


def logged(api: LiveApi, arn: str) -> str:
    """Return everything that a function has printed so far."""
    group = f"/aws/lambda/{arn.split(':')[6]}"
    try:
        events = api.logs.filter_log_events(logGroupName=group)["events"]
    except api.logs.exceptions.ResourceNotFoundException:
        return ""
    return "\n".join(event["message"] for event in events)


def aws(server: KeyturnServer, api: LiveApi, *arguments: str) -> Mapping[str, Any]:
    """Return what the AWS CLI prints as the administrator."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("aws")), "lambda", *arguments, "--output", "json"],
        env={
            **os.environ,  # noqa: TID251 - as a person runs it
            **server.environment(),
            "AWS_REGION": api.region,
            "AWS_DEFAULT_REGION": api.region,
        },
        check=True,
        capture_output=True,
        text=True,
    )
    printed: Mapping[str, Any] = json.loads(done.stdout or "{}")
    return printed


def test_each_version_runs_as_it_was_published(bench: Bench) -> None:
    arn, (first, second) = versioned(bench)

    answers = [answer(bench.api, arn, qualifier) for qualifier in (first, second, None)]

    assert answers == [
        [1, first, first],
        [2, second, second],
        [3, "$LATEST", "$LATEST"],
    ]


def test_the_version_that_ran_is_told(bench: Bench) -> None:
    arn, (first, _) = versioned(bench)
    functions = bench.api.functions
    functions.create_alias(FunctionName=arn, Name="live", FunctionVersion=first)

    told = [
        functions.invoke(FunctionName=f"{arn}:{qualifier}")["ExecutedVersion"]
        for qualifier in ("live", first, "$LATEST")
    ]

    assert told == [first, first, "$LATEST"]


def test_an_alias_runs_the_version_that_it_leads_to(bench: Bench) -> None:
    arn, (first, second) = versioned(bench)
    functions = bench.api.functions
    alias = functions.create_alias(FunctionName=arn, Name="live", FunctionVersion=first)
    before = answer(bench.api, alias["AliasArn"])

    functions.update_alias(
        FunctionName=arn,
        Name="live",
        RoutingConfig={"AdditionalVersionWeights": {second: 1.0}},
    )

    assert before == [1, first, first]
    assert answer(bench.api, alias["AliasArn"]) == [2, second, second]


def test_a_function_finds_what_is_in_its_layers(bench: Bench) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("python/shared.py", "WORD = 'from the layer'")
    functions = bench.api.functions
    layer = functions.publish_layer_version(
        LayerName="shared", Content={"ZipFile": content.getvalue()}
    )
    arn = bench.make_function(USES_A_LAYER, is_permitted=False)

    functions.update_function_configuration(FunctionName=arn, Layers=[layer["LayerVersionArn"]])
    functions.delete_layer_version(LayerName="shared", VersionNumber=layer["Version"])

    assert answer(bench.api, arn) == "from the layer"


@pytest.mark.parametrize(
    "waiter",
    [
        "function_exists",
        "function_active",
        "function_active_v2",
        "function_updated",
        "function_updated_v2",
    ],
)
def test_every_waiter_for_a_function_is_content_at_once(bench: Bench, waiter: Any) -> None:  # noqa: ANN401 - a literal of its own
    arn = bench.make_function(is_permitted=False)
    patient = bench.api.functions.get_waiter(waiter)

    patient.wait(FunctionName=arn, WaiterConfig={"MaxAttempts": 1})


def test_the_waiter_for_a_version_is_content_at_once(bench: Bench) -> None:
    arn, (first, _) = versioned(bench)
    patient = bench.api.functions.get_waiter("published_version_active")

    patient.wait(FunctionName=arn, Qualifier=first, WaiterConfig={"MaxAttempts": 1})


def test_a_user_of_one_team_has_that_team_s_functions_alone(bench: Bench) -> None:
    ours, theirs = (bench.make_function(SAYS_ITS_VERSION.format(number=1)) for _ in range(2))
    for arn, team in ((ours, "data"), (theirs, "web")):
        bench.api.functions.tag_resource(Resource=arn, Tags={"team": team})
    is_ours = {"StringEquals": {"aws:ResourceTag/team": "data"}}
    of_team = {"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}}
    user = bench.api.user(
        policy({**allow(["lambda:InvokeFunction", "lambda:*Resource"]), "Condition": is_ours}),
        policy({**deny("lambda:*"), "Condition": of_team}),
    )

    user.functions.tag_resource(Resource=ours, Tags={"stage": "test"})

    assert answer(user, ours)[0] == 1
    assert is_denied(user.functions.invoke, FunctionName=theirs)
    assert is_denied(user.functions.tag_resource, Resource=theirs, Tags={"stage": "test"})
    assert is_denied(user.functions.tag_resource, Resource=ours, Tags={"team": "web"})
    assert is_denied(user.functions.untag_resource, Resource=ours, TagKeys=["team"])


def test_a_secret_rotates_with_an_alias_that_secrets_manager_may_invoke(bench: Bench) -> None:
    functions = bench.api.functions
    arn = bench.make_function(FOUR_STEPS)
    version = functions.publish_version(FunctionName=arn)["Version"]
    alias = functions.create_alias(FunctionName=arn, Name="live", FunctionVersion=version)
    without = refusal(
        bench.api.secrets.rotate_secret,
        SecretId="a",
        RotationLambdaARN=alias["AliasArn"],
        RotationRules={"AutomaticallyAfterDays": 1},
    )

    functions.add_permission(
        FunctionName=arn,
        Qualifier="live",
        StatementId="SecretsManager",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )
    token = bench.rotate(alias["AliasArn"])

    assert without[1] == "AccessDeniedException"
    bench.wait_until_rotated(token)


def test_an_event_is_accepted_now_and_given_to_its_function_later(bench: Bench) -> None:
    arn = bench.make_function(ECHO, is_permitted=False)

    accepted = bench.api.functions.invoke(
        FunctionName=arn, InvocationType="Event", Payload=b'{"word": "blue"}'
    )

    assert accepted["StatusCode"] == 202
    assert accepted["Payload"].read() == b""
    wait_until(lambda: "got blue" in logged(bench.api, arn), what="the event's line")


def test_an_event_survives_the_engine_that_was_at_it(tmp_path: Path) -> None:
    with KeyturnServer.start(tmp_path / "data", arguments=("--api-processes", "1")) as server:
        variables = server.environment()
        caller = Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
        api = LiveApi(server.endpoint, caller, "us-east-1")
        arn = Bench(api, "").make_function(WAITS_FOR_A_SECRET, is_permitted=False, timeout=60)
        api.functions.invoke(FunctionName=arn, InvocationType="Event", Payload=b'{"word": "blue"}')
        wait_until(lambda: "attempt blue" in logged(api, arn), what="the first attempt")

        os.kill(server.child_pids()["keyturn-engine"], signal.SIGKILL)
        wait_until(lambda: logged(api, arn).count("attempt blue") == 2, what="the second attempt")
        api.secrets.create_secret(Name="go", SecretString="x")

        wait_until(lambda: "done blue" in logged(api, arn), what="the event's end")
        api.close()


def test_a_function_without_concurrency_is_throttled(bench: Bench) -> None:
    arn = bench.make_function(ECHO, is_permitted=False)
    functions = bench.api.functions

    functions.put_function_concurrency(FunctionName=arn, ReservedConcurrentExecutions=0)
    refused = refusal(functions.invoke, FunctionName=arn)
    functions.delete_function_concurrency(FunctionName=arn)
    invoked = functions.invoke(FunctionName=arn, Payload=b'{"word": "blue"}')

    assert refused[:2] == (429, "TooManyRequestsException")
    assert invoked["StatusCode"] == 200


def test_the_reason_for_a_throttle_is_told(bench: Bench) -> None:
    arn = bench.make_function(ECHO, is_permitted=False)
    functions = bench.api.functions
    functions.put_function_concurrency(FunctionName=arn, ReservedConcurrentExecutions=0)

    with pytest.raises(functions.exceptions.TooManyRequestsException) as raised:
        functions.invoke(FunctionName=arn)

    error: Mapping[str, Any] = {**raised.value.response}
    assert error["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_code_can_be_fetched_from_where_it_is_said_to_be(bench: Bench) -> None:
    arn = bench.make_function(ECHO, is_permitted=False)
    location = bench.api.functions.get_function(FunctionName=arn)["Code"]["Location"]

    fetched = send(AWSRequest("GET", location))
    posted = send(AWSRequest("POST", location))
    changed = send(AWSRequest("GET", location[:-8] + "AAAAAAAA"))

    assert (fetched.status, fetched.body) == (200, zipped(ECHO))
    assert (posted.status, changed.status) == (404, 403)


def test_the_command_line_deploys_publishes_and_invokes(
    server: KeyturnServer, bench: Bench, tmp_path: Path
) -> None:
    package, name = tmp_path / "f.zip", unique("cli")
    package.write_bytes(zipped(SAYS_ITS_VERSION.format(number=1)))
    aws(
        server,
        bench.api,
        *("create-function", "--function-name", name, "--runtime", "python3.11"),
        *("--role", bench.make_role(), "--handler", "lambda_function.lambda_handler"),
        *("--zip-file", f"fileb://{package}", "--publish", "--tags", "team=data"),
    )
    aws(server, bench.api, "wait", "function-active-v2", "--function-name", name)
    aws(
        server,
        bench.api,
        *("create-alias", "--function-name", name, "--name", "live"),
        *("--function-version", "1"),
    )

    versions = aws(server, bench.api, "list-versions-by-function", "--function-name", name)
    invoked = aws(
        server,
        bench.api,
        *("invoke", "--function-name", f"{name}:live", "--payload", "{}"),
        str(tmp_path / "answer"),
    )

    assert [version["Version"] for version in versions["Versions"]] == ["$LATEST", "1"]
    assert invoked["StatusCode"] == 200
    assert json.loads((tmp_path / "answer").read_text()) == [1, "1", "1"]


def test_the_command_line_publishes_and_lists_layers(
    server: KeyturnServer, bench: Bench, tmp_path: Path
) -> None:
    package = tmp_path / "layer.zip"
    package.write_bytes(zipped("# nothing"))

    published = aws(
        server,
        bench.api,
        *("publish-layer-version", "--layer-name", "shared"),
        *("--zip-file", f"fileb://{package}", "--compatible-runtimes", "python3.11"),
    )
    listed = aws(server, bench.api, "list-layers", "--compatible-runtime", "python3.11")

    (layer,) = listed["Layers"]
    assert layer["LatestMatchingVersion"]["LayerVersionArn"] == published["LayerVersionArn"]
