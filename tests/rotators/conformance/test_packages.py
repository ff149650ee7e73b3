"""The same ZIP rotates by Lambda's own runtime client alone, and in the sandbox of a server."""

from functools import cache
import io
import json
from pathlib import Path
from zipfile import ZipFile

import pytest

from keyturn.functions.deployment import Wanted, deploy
from keyturn.functions.packaging import build, find_template
from keyturn_rotators.steps import Step
from support.conformance_bench import ConformanceBench
from support.emulator import Emulator
from support.live_api import LiveApi, unique
from support.live_fixtures import administrator, api, server
from support.live_rotation import Bench
from support.platform_here import HERE

__all__ = ["administrator", "api", "server"]

ROTATIONS = 3


@cache
def package(template: str, strategy: str) -> bytes:
    return build(find_template(template, strategy), HERE)


@pytest.mark.kit_has("is_packaged")
def test_package_rotates_by_lambdas_runtime_client_alone(
    bench: ConformanceBench, tmp_path: Path
) -> None:
    with ZipFile(io.BytesIO(package(bench.kit.template, bench.name))) as archive:
        archive.extractall(tmp_path)
    arn = bench.secret()
    variables = {
        "AWS_ACCESS_KEY_ID": "AKIDSIMULATED",
        "AWS_SECRET_ACCESS_KEY": "simulated",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "SECRETS_MANAGER_ENDPOINT": bench.secrets_manager.endpoint,
        **bench.kit.variables,
    }

    with Emulator.run(tmp_path, variables) as emulator:
        for _ in range(ROTATIONS):
            token = bench.secrets_manager.begin_rotation(arn)
            for step in Step:
                event = {"Step": step, "SecretId": arn, "ClientRequestToken": token}
                assert emulator.invoke(event) is None

            assert bench.secrets_manager.secrets[arn].stages["AWSCURRENT"] == token
            assert bench.is_live(arn)


@pytest.mark.kit_has("is_packaged")
@pytest.mark.server
def test_package_rotates_in_the_sandbox_of_a_server(bench: ConformanceBench, api: LiveApi) -> None:
    username = unique("app")
    bench.kit.make_user(username, bench.kit.first_password)
    document = bench.kit.document(username, bench.kit.first_password)
    if bench.needs_admin:
        admin = api.secrets.create_secret(
            Name="admin", SecretString=json.dumps(bench.kit.admin_document())
        )
        document["masterarn"] = admin["ARN"]
    live = Bench(
        api, api.secrets.create_secret(Name="a", SecretString=json.dumps(document))["VersionId"]
    )
    function = deployed(live, package(bench.kit.template, bench.name))
    live.api.functions.update_function_configuration(
        FunctionName=function, Environment={"Variables": dict(bench.kit.variables)}
    )

    for _ in range(ROTATIONS):
        live.rotate_to_the_end(function)

        current = json.loads(live.current())
        assert bench.kit.accepts(*bench.names_in(current))


def deployed(live: Bench, zipped: bytes) -> str:
    wanted = Wanted(
        name=unique("packaged"),
        zipped=zipped,
        runtime=HERE.runtime,
        architecture=HERE.architecture,
        description="",
        role_arn=live.make_role(),
    )
    return deploy(live.api.functions, wanted, lambda _: None).arn
