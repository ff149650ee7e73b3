"""Lambda and CloudWatch Logs on a store of their own, called as the dispatcher calls them.

bench = LambdaBench(tmp_path)
bench.create_function("rotate")
bench.do("GetFunction", FunctionName="rotate")
"""

from dataclasses import fields
from functools import cache
from pathlib import Path
import secrets
from typing import Any

from sqlalchemy import select
from typing_extensions import override

from keyturn.api.calls import AuthenticatedCall, AuthorisedCall
from keyturn.api.lambda_.code_links import CodeLinks
from keyturn.api.lambda_.table import Means, lambda_api
from keyturn.api.logs.table import logs_api
from keyturn.api.permission import require
from keyturn.functions.invocation import Invocation
from keyturn.functions.runtimes import OWN_PYTHON, Runtimes
from keyturn.iam.principal import Principal
from keyturn.model.errors import NotAllowedError, ServiceError
from keyturn.store.functions import code
from keyturn.wire.service import load_service
from support.aws_client import AwsClient
from support.function_bench import ENDPOINT, HANDLER, REGION, zipped
from support.iam_bench import IamBench

_NOTHING = Invocation(
    request_id="r", function_error=None, payload=b"null", log_tail=b"START\nEND\n"
)

LAYER_CODE = zipped({"python/shared.py": "# nothing"})


class ScriptedInvoker:
    """An invoker that answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.answer: Invocation | ServiceError = _NOTHING

    def reset(self) -> None:
        self.asked = []
        self.answer = _NOTHING

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        self.asked.append((function_arn, payload))
        if isinstance(self.answer, ServiceError):
            raise self.answer
        return self.answer


class LambdaBench(IamBench):
    """Everything that Lambda and CloudWatch Logs need."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.invoker = ScriptedInvoker()
        self.links = CodeLinks(self.database, self.keyring, self.clock, lambda: ENDPOINT)
        self.services = {
            "lambda": lambda_api(
                Means(
                    database=self.database,
                    keyring=self.keyring,
                    authority=self.authority,
                    runtimes=Runtimes(),
                    invoker=self.invoker,
                    links=self.links,
                    wake=self._wake,
                )
            ),
            "logs": logs_api(self.database, self.authority),
        }
        self.wakes = 0
        self.root = self.administrator()
        self.role_arn = self.role("rotation-lambda-role").arn

    def fresh(self) -> "LambdaBench":
        """Return this bench as it was at first, but for identities: those have names of their own.

        A store of its own for each test would cost more than the test.
        """
        for function in self.do("ListFunctions")["Functions"]:
            self.do("DeleteFunction", FunctionName=function["FunctionName"])
        for group in self.do("DescribeLogGroups")["logGroups"]:
            self.do("DeleteLogGroup", logGroupName=group["logGroupName"])
        for layer in self.do("ListLayers")["Layers"]:
            self._delete_layer(layer["LayerName"])
        self.invoker.reset()
        self.wakes = 0
        return self

    def somebody(self, *policies: str) -> Principal:
        """Return a new user with inline policies."""
        return self.principal(self.user(f"user-{secrets.token_hex(6)}", *policies))

    def denies(self, caller: Principal, operation: str, **params: object) -> bool:
        """Return whether policies keep the caller from it; what else keeps it is no matter."""
        try:
            self.call(caller, operation, **params)
        except NotAllowedError:
            return True
        except ServiceError:
            return False
        return False

    def create_function(self, name: str, **params: object) -> dict[str, Any]:
        """Make a function, by default one that does nothing."""
        return self.do("CreateFunction", **self.request(name, **params))

    def function(self, **params: object) -> str:
        """Make a function under a name that none ever had: its first version is 1."""
        name = f"f{secrets.token_hex(6)}"
        self.create_function(name, **params)
        return name

    def published(self, name: str, *sources: str) -> list[str]:
        """Publish a version with each of these as its code; return their numbers."""
        return [
            self.do(
                "UpdateFunctionCode",
                FunctionName=name,
                ZipFile=zipped({"lambda_function.py": source}),
                Publish=True,
            )["Version"]
            for source in sources
        ]

    def layer(self, name: str = "", **params: object) -> str:
        """Publish a version of a layer, by default of a new one; return the version's ARN."""
        published = self.do(
            "PublishLayerVersion",
            LayerName=name or f"l{secrets.token_hex(6)}",
            **{"Content": {"ZipFile": LAYER_CODE}, **params},
        )
        return str(published["LayerVersionArn"])

    def code_hashes(self) -> set[str]:
        """Return the hashes of the packages that the store has."""
        with self.database.read() as connection:
            return set(connection.execute(select(code.c.sha256)).scalars())

    def request(self, name: str, **params: object) -> dict[str, Any]:
        """Return what CreateFunction is sent."""
        return {
            "FunctionName": name,
            "Role": self.role_arn,
            "Runtime": OWN_PYTHON,
            "Handler": HANDLER,
            "Code": {"ZipFile": zipped({"lambda_function.py": "# nothing"})},
            **params,
        }

    def new_request(self, **params: object) -> dict[str, Any]:
        """Return what CreateFunction is sent for a name that no function ever had."""
        return self.request(f"f{secrets.token_hex(6)}", **params)

    def do(self, operation: str, **params: object) -> dict[str, Any]:
        """Call an operation as the administrator."""
        return self.call(self.root, operation, **params)

    def refused(self, operation: str, **params: object) -> tuple[str, int, str]:
        """Return how a call of the administrator is refused."""
        return self.fault(self.root, operation, **params)

    def _wake(self) -> None:
        self.wakes += 1

    def _delete_layer(self, name: str) -> None:
        for version in self.do("ListLayerVersions", LayerName=name)["LayerVersions"]:
            self.do("DeleteLayerVersion", LayerName=name, VersionNumber=version["Version"])

    @override
    def call(self, caller: Principal, name: str, **params: object) -> dict[str, Any]:
        service, operation = self._found(name)
        client, wire = _client(service.name), load_service(service.name).operation(name)
        sent = client.request(name, params)
        call = AuthenticatedCall(
            caller=caller,
            region=REGION,
            request_id="r",
            received_at=self.clock.now(),
            source_ip="127.0.0.1",
            params=wire.decode(sent),
        )
        require(self.authority, call, operation.action, operation.resource(call))
        output = operation.handler(AuthorisedCall(**_members(call)))
        response = wire.encode(output, "r")
        assert response.status in (200, 201, 202, 204)
        return client.output(name, response) if client.operation(name).output_shape else {}


@cache
def _client(service: str) -> AwsClient:
    # Reading a model takes longer than any of these tests.
    return AwsClient(service)


def _members(call: AuthenticatedCall) -> dict[str, Any]:
    return {field.name: getattr(call, field.name) for field in fields(call)}
