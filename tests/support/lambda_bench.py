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

from typing_extensions import override

from keyturn.api.calls import AuthenticatedCall, AuthorisedCall
from keyturn.api.lambda_.functions import Functions
from keyturn.api.lambda_.invoking import Invoking
from keyturn.api.lambda_.table import lambda_api
from keyturn.api.logs.reading import Reading
from keyturn.api.logs.table import logs_api
from keyturn.functions.invocation import Invocation
from keyturn.functions.runtimes import OWN_PYTHON, Runtimes
from keyturn.iam.principal import Principal
from keyturn.model.errors import ServiceError
from keyturn.wire.service import load_service
from support.aws_client import AwsClient
from support.function_bench import HANDLER, REGION, zipped
from support.iam_bench import IamBench

_NOTHING = Invocation(
    request_id="r", function_error=None, payload=b"null", log_tail=b"START\nEND\n"
)


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
        self.services = {
            "lambda": lambda_api(
                self.database,
                Functions(self.database, self.keyring, self.authority, Runtimes()),
                Invoking(self.database, self.invoker),
            ),
            "logs": logs_api(Reading(self.database)),
        }
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
        self.invoker.reset()
        return self

    def somebody(self, *policies: str) -> Principal:
        """Return a new user with inline policies."""
        return self.principal(self.user(f"user-{secrets.token_hex(6)}", *policies))

    def create_function(self, name: str, **params: object) -> dict[str, Any]:
        """Make a function, by default one that does nothing."""
        return self.do("CreateFunction", **self.request(name, **params))

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

    def do(self, operation: str, **params: object) -> dict[str, Any]:
        """Call an operation as the administrator."""
        return self.call(self.root, operation, **params)

    def refused(self, operation: str, **params: object) -> tuple[str, int, str]:
        """Return how a call of the administrator is refused."""
        return self.fault(self.root, operation, **params)

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
        resource = operation.resource(call)
        self.authority.require(
            caller, operation.action, resource.arn, resource_policy=resource.policy
        )
        output = operation.handler(AuthorisedCall(**_members(call)))
        response = wire.encode(output, "r")
        assert response.status in (200, 201, 204)
        return client.output(name, response) if client.operation(name).output_shape else {}


@cache
def _client(service: str) -> AwsClient:
    # Reading a model takes longer than any of these tests.
    return AwsClient(service)


def _members(call: AuthenticatedCall) -> dict[str, Any]:
    return {field.name: getattr(call, field.name) for field in fields(call)}
