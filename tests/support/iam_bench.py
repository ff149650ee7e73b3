"""IAM and STS on a store of their own, called as the dispatcher calls them, without HTTP.

bench = IamBench(tmp_path)
admin = bench.administrator()
bench.call(admin, "CreateUser", UserName="ann")
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import chain
import json
from pathlib import Path
from typing import Any, Final

from botocore.model import ListShape, Shape, StructureShape

from keyturn.api.calls import AuthenticatedCall, AuthorisedCall
from keyturn.api.common_faults import common_fault
from keyturn.api.iam.table import iam_api
from keyturn.api.operation import Operation, ServiceApi
from keyturn.api.sts.table import sts_api
from keyturn.iam import access_keys, policies, roles, users
from keyturn.iam.access_keys import AccessKeyPair
from keyturn.iam.assume import Assumption
from keyturn.iam.authority import Authority
from keyturn.iam.bootstrap import administrator_credentials, make_administrator
from keyturn.iam.credentials import Credentials
from keyturn.iam.principal import Principal
from keyturn.keys.keyring import Keyring
from keyturn.model.errors import ServiceError
from keyturn.model.identity import Role, User
from keyturn.model.plaintext import Plaintext
from keyturn.wire.fault import Fault
from keyturn.wire.service import load_service
from support.aws_client import AwsClient
from support.clock import FixedClock
from support.store import make_database

ACCOUNT: Final = "123456789012"
START: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

LAMBDA_TRUST: Final = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def policy(
    *actions: str, effect: str = "Allow", resource: str = "*", **condition: Mapping[str, str]
) -> str:
    """Return an identity's policy of one statement; a condition by its operator."""
    statement: dict[str, object] = {
        "Effect": effect,
        "Action": list(actions),
        "Resource": resource,
    }
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(
    *arns: str,
    effect: str = "Allow",
    actions: tuple[str, ...] = ("sts:AssumeRole",),
    **condition: Mapping[str, str],
) -> str:
    """Return a trust policy of one statement that names AWS principals."""
    statement: dict[str, object] = {
        "Effect": effect,
        "Principal": {"AWS": list(arns)},
        "Action": list(actions),
    }
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class IamBench:
    """Everything that IAM and STS need, and short ways to what tests need."""

    def __init__(self, folder: Path) -> None:
        self.clock = FixedClock(START)
        self.keyring = Keyring(Plaintext(b"k" * 32))
        self.database = make_database(folder)
        self.authority = Authority(self.database, self.clock)
        self.credentials = Credentials(self.database, self.keyring, self.clock)
        self.assumption = Assumption(self.keyring, self.clock, self.authority)
        self.services = {
            "iam": iam_api(self.database, self.keyring),
            "sts": sts_api(self.assumption),
        }

    def administrator(self) -> Principal:
        """Return the administrator, made if need be."""
        make_administrator(self.database, self.keyring, self.clock, ACCOUNT)
        pair = administrator_credentials(self.database, self.keyring, ACCOUNT)
        assert pair is not None
        return self.credentials.find(pair.access_key_id, None)[0]

    def user(self, name: str, *documents: str, path: str = "/", account: str = ACCOUNT) -> User:
        """Make a user with inline policies."""
        with self.database.write() as connection:
            made = users.create(
                connection, account, name, path=path, tags={}, now=self.clock.now()
            )
            for number, document in enumerate(documents):
                policies.put_inline(connection, made, f"p{number}", document)
        return made

    def role(
        self, name: str, trust_policy: str = LAMBDA_TRUST, documents: tuple[str, ...] = ()
    ) -> Role:
        """Make a role with inline policies."""
        new = roles.NewRole(account=ACCOUNT, name=name, trust_policy=trust_policy)
        with self.database.write() as connection:
            made = roles.create(connection, new, self.clock.now())
            for number, document in enumerate(documents):
                policies.put_inline(connection, made, f"p{number}", document)
        return made

    def key(self, user: User, pair: AccessKeyPair | None = None) -> AccessKeyPair:
        """Give a user an access key."""
        pair = pair or access_keys.new_pair()
        with self.database.write() as connection:
            access_keys.create(connection, self.keyring, user, pair, self.clock.now())
        return pair

    def principal(self, user: User) -> Principal:
        """Return the principal that a user's requests come from."""
        return Principal("user", user.account, user.arn, user.unique_id, user.arn)

    def call(self, caller: Principal, name: str, **params: object) -> dict[str, Any]:
        """Return what botocore reads from the answer; refusals are raised."""
        service, operation = self._found(name)
        authorised = self._authorised(service, operation, caller, params)
        output = operation.handler(authorised)
        client = AwsClient(service.name)
        output_shape = client.operation(name).output_shape
        assert undeclared(output_shape, output) == []
        response = load_service(service.name).operation(name).encode(output, "r")
        assert response.status == 200
        return client.output(name, response) if output_shape else {}

    def fault(self, caller: Principal, name: str, **params: object) -> tuple[str, int, str]:
        """Return the code, the status and the text of the error that a call meets."""
        try:
            self.call(caller, name, **params)
        except Fault as fault:
            return fault.code, fault.status, fault.message
        except ServiceError as error:
            service, _ = self._found(name)
            known = common_fault(service.name, error) or service.fault_of(error)
            assert known is not None
            return known.code, known.status, known.message
        raise AssertionError("nothing was refused")

    def _found(self, name: str) -> tuple[ServiceApi, Operation]:
        return next(
            (service, operation)
            for service in self.services.values()
            for operation in service.operations
            if operation.name == name
        )

    def _authorised(
        self,
        service: ServiceApi,
        operation: Operation,
        caller: Principal,
        params: Mapping[str, object],
    ) -> AuthorisedCall:
        sent = AwsClient(service.name).request(operation.name, params)
        decoded = load_service(service.name).route(sent).decode(sent)
        members: dict[str, Any] = {
            "caller": caller,
            "region": "us-east-1",
            "request_id": "r",
            "received_at": self.clock.now(),
            "source_ip": "127.0.0.1",
            "params": decoded,
        }
        resource = operation.resource(AuthenticatedCall(**members))
        self.authority.require(
            caller,
            operation.action,
            resource.arn,
            resource_policy=resource.policy,
            context=resource.context,
        )
        return AuthorisedCall(**members)


def undeclared(shape: Shape | None, value: object) -> list[str]:
    """Return the members of an output that the model doesn't have."""
    if isinstance(value, Mapping):
        members = shape.members if isinstance(shape, StructureShape) else {}
        unknown = [name for name in value if name not in members]
        known = [undeclared(members[name], value[name]) for name in value if name in members]
        return [*unknown, *chain.from_iterable(known)]
    if isinstance(value, list) and isinstance(shape, ListShape):
        return list(chain.from_iterable(undeclared(shape.member, item) for item in value))
    return []
