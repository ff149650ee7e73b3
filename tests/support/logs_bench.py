"""CloudWatch Logs on a store of its own, called as the dispatcher calls it, without HTTP.

bench = LogsBench(tmp_path)
bench.do("CreateLogGroup", logGroupName="/aws/lambda/rotate")
bench.log("one line", stream="s")
"""

from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
import secrets
from typing import Any, Final

from typing_extensions import override

from keyturn.api.calls import AuthenticatedCall, AuthorisedCall
from keyturn.api.logs.table import logs_api
from keyturn.iam.principal import Principal
from keyturn.store import log_removal, logs
from keyturn.store.logs import StreamName
from keyturn.wire.service import load_service
from support.aws_client import AwsClient
from support.iam_bench import ACCOUNT, IamBench

REGION: Final = "us-east-1"
GROUP: Final = "/aws/lambda/rotate"
GROUP_ARN: Final = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}"
STREAM: Final = "2026/01/02/[$LATEST]aaaa"


class LogsBench(IamBench):
    """Everything that CloudWatch Logs needs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.services = {"logs": logs_api(self.database, self.authority)}
        self.root = self.administrator()

    def fresh(self) -> "LogsBench":
        """Return this bench without what tests before put into it, but for identities."""
        while groups := self.do("DescribeLogGroups")["logGroups"]:
            for group in groups:
                self.do("DeleteLogGroup", logGroupName=group["logGroupName"])
        with self.database.write() as connection:
            while log_removal.sweep(connection, 1000):
                continue
        return self

    def somebody(self, *policies: str) -> Principal:
        """Return a new user with inline policies."""
        return self.principal(self.user(f"user-{secrets.token_hex(6)}", *policies))

    def log(
        self, *messages: str, stream: str = STREAM, group: str = GROUP, later_ms: int = 0
    ) -> datetime:
        """Log messages a millisecond apart; return when the first was."""
        began = self.clock.now() + timedelta(milliseconds=later_ms)
        lines = [
            (began + timedelta(milliseconds=number), message)
            for number, message in enumerate(messages)
        ]
        name = StreamName(account=ACCOUNT, region=REGION, group=group, stream=stream)
        assert logs.store(self.database, {name: lines}, self.clock.now())
        return began

    def do(self, operation: str, **params: object) -> dict[str, Any]:
        """Call an operation as the administrator."""
        return self.call(self.root, operation, **params)

    def refused(self, operation: str, **params: object) -> tuple[str, int, str]:
        """Return how a call of the administrator is refused."""
        return self.fault(self.root, operation, **params)

    @override
    def call(self, caller: Principal, name: str, **params: object) -> dict[str, Any]:
        service, operation = self._found(name)
        client, wire = _client(), load_service(service.name).operation(name)
        members: dict[str, Any] = {
            "caller": caller,
            "region": REGION,
            "request_id": "r",
            "received_at": self.clock.now(),
            "source_ip": "127.0.0.1",
            "params": wire.decode(client.request(name, params)),
        }
        resource = operation.resource(AuthenticatedCall(**members))
        self.authority.require(caller, operation.action, resource.arn, context=resource.context)
        output = operation.handler(AuthorisedCall(**members))
        response = wire.encode(output, "r")
        assert response.status == 200
        return client.output(name, response) if client.operation(name).output_shape else {}


@cache
def _client() -> AwsClient:
    # Reading the model takes longer than any of the tests.
    return AwsClient("logs")
