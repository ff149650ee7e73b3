"""Lambda and CloudWatch Logs on a store of their own, called as the dispatcher calls them.

bench = LambdaBench(tmp_path)
bench.create_function("rotate")
bench.do("GetFunction", FunctionName="rotate")
"""

from pathlib import Path
from typing import Any

from typing_extensions import override

from keyturn.api.lambda_.functions import Functions
from keyturn.api.lambda_.invoking import Invoking
from keyturn.api.lambda_.table import lambda_api
from keyturn.api.logs.reading import Reading
from keyturn.api.logs.table import logs_api
from keyturn.functions.invocation import Invocation
from keyturn.functions.runtime_dir import RUNTIME
from keyturn.iam.principal import Principal
from keyturn.model.errors import ServiceError
from keyturn.wire.service import load_service
from support.aws_client import AwsClient
from support.function_bench import HANDLER, zipped
from support.iam_bench import IamBench, undeclared


class ScriptedInvoker:
    """An invoker that answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.answer: Invocation | ServiceError = Invocation(
            request_id="r", function_error=None, payload=b"null", log_tail=b"START\nEND\n"
        )

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
                Functions(self.database, self.keyring, self.authority),
                Invoking(self.database, self.invoker),
            ),
            "logs": logs_api(Reading(self.database)),
        }
        self.root = self.administrator()
        self.role_arn = self.role("rotation-lambda-role").arn

    def create_function(self, name: str, **params: Any) -> dict[str, Any]:
        """Make a function, by default one that does nothing."""
        return self.do("CreateFunction", **self.request(name, **params))

    def request(self, name: str, **params: Any) -> dict[str, Any]:
        """Return what CreateFunction is sent."""
        return {
            "FunctionName": name,
            "Role": self.role_arn,
            "Runtime": RUNTIME,
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
        output = operation.handler(self._authorised(service, operation, caller, params))
        client = AwsClient(service.name)
        shape = client.operation(name).output_shape
        assert undeclared(shape, output) == []
        response = load_service(service.name).operation(name).encode(output, "r")
        assert response.status in (200, 201, 204)
        return client.output(name, response) if shape else {}
