"""However many invocations wait for a function, others are answered."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from botocore.awsrequest import AWSRequest
import pytest

from support.keyturn_server import KeyturnServer
from support.live_api import Answer, Caller, LiveApi, send
from support.live_rotation import Bench
from support.polling import wait_until
from support.shared_folder import SharedFolder

pytestmark = pytest.mark.server

#: More than an API process has threads.
INVOCATIONS = 70
WAITS = """
import time

def lambda_handler(event, context):
    FOLDER.write("begun", "")
    while not FOLDER.has("go"):
        time.sleep(0.05)
"""


def invoke(api: LiveApi, function: str) -> Answer:
    url = f"{api.endpoint}/2015-03-31/functions/{function.rpartition(':')[2]}/invocations"
    return send(api.sign("lambda", AWSRequest(method="POST", url=url, data=b"{}")))


def test_a_write_is_answered_while_more_invocations_wait_than_there_are_threads(
    tmp_path: Path,
) -> None:
    shared = SharedFolder(tmp_path / "shared")
    with KeyturnServer.start(tmp_path / "data", arguments=("--api-processes", "1")) as server:
        variables = server.environment()
        caller = Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
        api = LiveApi(server.endpoint, caller, "us-east-1")
        function = Bench(api, "").make_function(
            shared.client + WAITS, is_permitted=False, timeout=120
        )
        with ThreadPoolExecutor(INVOCATIONS) as threads:
            waiting = [threads.submit(invoke, api, function) for _ in range(INVOCATIONS)]
            wait_until((tmp_path / "shared" / "begun").exists, what="the first invocation")

            made = api.secrets.create_secret(Name="a", SecretString="b")

            done = sum(each.done() for each in waiting)
            (tmp_path / "shared" / "go").touch()
        api.close()

    assert made["Name"] == "a"
    assert done == 0
    assert {each.result().status for each in waiting} == {200}
