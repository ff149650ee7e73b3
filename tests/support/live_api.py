"""AWS's own client library against a running server, as one user in one region.

api = LiveApi(endpoint, caller, "us-east-1")
api.secrets.create_secret(Name="a", SecretString="x")
assert refusal(api.secrets.describe_secret, SecretId="b")[1] == "ResourceNotFoundException"
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
import http.client
import json
import secrets
import string
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
import uuid

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
import botocore.session

if TYPE_CHECKING:
    from types_boto3_iam import IAMClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sts import STSClient

ACCOUNT = "123456789012"
OTHER_ACCOUNT = "210987654321"
JSON_1_1 = "application/x-amz-json-1.1"
TIMEOUT_SECONDS = 60

Refusal = tuple[int, str, str]
"""The HTTP status, AWS's code and AWS's text."""

# Its loaded models are shared; a client of its own for each test costs little then.
_SESSION = botocore.session.Session()
# Refusals are what many tests are about: the client neither checks nor repeats anything.
_CONFIG = Config(
    retries={"total_max_attempts": 1}, parameter_validation=False, read_timeout=TIMEOUT_SECONDS
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody's access key."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The body, read as JSON."""
        document: dict[str, Any] = json.loads(self.body)
        return document

    @property
    def refusal(self) -> Refusal:
        """The status, code and text of an error in JSON."""
        text = self.document.get("Message", self.document.get("message", ""))
        return self.status, self.document["__type"], text


@dataclass
class LiveApi:
    """What one user can do in one region."""

    endpoint: str
    caller: Caller
    region: str
    _clients: list[Any] = field(default_factory=list, repr=False)

    @cached_property
    def secrets(self) -> "SecretsManagerClient":
        client: SecretsManagerClient = self.client("secretsmanager")
        return client

    @cached_property
    def functions(self) -> "LambdaClient":
        client: LambdaClient = self.client("lambda")
        return client

    @cached_property
    def iam(self) -> "IAMClient":
        client: IAMClient = self.client("iam")
        return client

    @cached_property
    def sts(self) -> "STSClient":
        client: STSClient = self.client("sts")
        return client

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        client: CloudWatchLogsClient = self.client("logs")
        return client

    def client(self, service: str) -> Any:  # noqa: ANN401 - one type for each service
        """Return a client for a service."""
        client = _SESSION.create_client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.caller.access_key_id,
            aws_secret_access_key=self.caller.secret_access_key,
            aws_session_token=self.caller.session_token,
            config=_CONFIG,
        )
        self._clients.append(client)
        return client

    def acting_as(self, caller: Caller) -> "LiveApi":
        """Return the same server and region for somebody else; closed with this one."""
        return LiveApi(self.endpoint, caller, self.region, self._clients)

    def in_region(self, region: str) -> "LiveApi":
        """Return the same server and user in another region; closed with this one."""
        return LiveApi(self.endpoint, self.caller, region, self._clients)

    def user(self, *policies: Mapping[str, Any]) -> "LiveApi":
        """Return the API for a new user who has these policies and no others."""
        name = unique("user")
        self.iam.create_user(UserName=name)
        for number, policy in enumerate(policies):
            self.iam.put_user_policy(
                UserName=name, PolicyName=f"p{number}", PolicyDocument=json.dumps(policy)
            )
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return self.acting_as(Caller(key["AccessKeyId"], key["SecretAccessKey"]))

    def request(
        self,
        body: bytes | Mapping[str, Any],
        *,
        target: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AWSRequest:
        """Return a POST to the server, without a signature."""
        return AWSRequest(
            method="POST",
            url=self.endpoint + "/",
            data=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers={
                "Content-Type": JSON_1_1,
                **({} if target is None else {"X-Amz-Target": target}),
                **(headers or {}),
            },
        )

    def sign(self, service: str, request: AWSRequest) -> AWSRequest:
        """Sign a request as the SDKs do."""
        caller = self.caller
        credentials = Credentials(
            caller.access_key_id, caller.secret_access_key, caller.session_token
        )
        SigV4Auth(credentials, service, self.region).add_auth(request)
        return request

    def post(
        self, operation: str, body: bytes | Mapping[str, Any], *, service: str = "secretsmanager"
    ) -> Answer:
        """Send exactly this body, signed: no member is added to it."""
        request = self.request(body, target=f"secretsmanager.{operation}")
        return send(self.sign(service, request))

    def close(self) -> None:
        """Close every connection."""
        for client in self._clients:
            client.close()


def send(request: AWSRequest) -> Answer:
    """Send a request as it stands."""
    url = urlsplit(str(request.url))
    connection = http.client.HTTPConnection(str(url.netloc), timeout=TIMEOUT_SECONDS)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        connection.request(
            str(request.method), path, body=request.data, headers=dict(request.headers.items())
        )
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())
    finally:
        connection.close()


def refusal(call: Callable[..., object], **params: Any) -> Refusal:  # noqa: ANN401 - as the clients take them
    """Return how a call is refused; it's an error when it isn't."""
    try:
        call(**params)
    except ClientError as error:
        details = error.response["Error"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status, details["Code"], details["Message"]
    raise AssertionError("the call was not refused")


def policy(*statements: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions: str | list[str], resources: str | list[str] = "*") -> dict[str, Any]:
    """Return a statement that allows something."""
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def deny(actions: str | list[str], resources: str | list[str] = "*") -> dict[str, Any]:
    """Return a statement that denies something."""
    return {"Effect": "Deny", "Action": actions, "Resource": resources}


def token() -> str:
    """Return a fresh ClientRequestToken."""
    return str(uuid.uuid4())


def unique(stem: str) -> str:
    """Return a name that nothing else has. It doesn't look like a secret's ARN ending."""
    return f"{stem}{secrets.token_hex(6)}"


def unique_region() -> str:
    """Return a region that no other test works in."""
    letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(10))
    return f"us-{letters}-1"
