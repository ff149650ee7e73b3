"""SIMULATED: the six operations that a rotation function calls, over HTTP, and nothing else.

It keeps labels, placeholders and tokens as AWS does. It checks no signature and no permission: it
is for tests of rotation functions alone, where what matters is the other end.

with SimulatedSecretsManager.start() as secrets_manager:
    arn = secrets_manager.create({"engine": "postgres", ...})
    token = secrets_manager.begin_rotation(arn)
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import secrets
import string
from threading import Thread
from typing import Any, Final
import uuid

import boto3
from types_boto3_secretsmanager import SecretsManagerClient
from typing_extensions import override

from keyturn.model.clock import SystemClock

CURRENT: Final = "AWSCURRENT"
PENDING: Final = "AWSPENDING"
PREVIOUS: Final = "AWSPREVIOUS"
_ARN: Final = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"


class SimulatedError(Exception):
    """An error that AWS has a name for."""

    def __init__(self, code: str, message: str = "simulated") -> None:
        super().__init__(message)
        self.code = code


@dataclass
class SimulatedSecret:
    """One secret: the values of its versions, None for a placeholder, and where each label is."""

    values: dict[str, str | None] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    created_at: dict[str, float] = field(default_factory=dict)
    is_rotated: bool = True
    tags: dict[str, str] = field(default_factory=dict)

    def labels(self, version_id: str) -> list[str]:
        """Return a version's labels."""
        return sorted(stage for stage, holder in self.stages.items() if holder == version_id)

    def move(self, stage: str, version_id: str) -> None:
        """Put a label on a version; AWSPREVIOUS follows AWSCURRENT."""
        self.created_at.setdefault(version_id, SystemClock().now().timestamp())
        if stage == CURRENT and self.stages.get(CURRENT, version_id) != version_id:
            self.stages[PREVIOUS] = self.stages[CURRENT]
        self.stages[stage] = version_id


@dataclass
class SimulatedSecretsManager:
    """A server for rotation functions to talk to.

    Attributes:
        requests: every request since the start, as (operation, members).
    """

    endpoint: str = ""
    secrets: dict[str, SimulatedSecret] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @classmethod
    @contextmanager
    def start(cls) -> "Iterator[SimulatedSecretsManager]":
        """Answer requests until the end of the block."""
        simulation = cls()
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(simulation))
        simulation.endpoint = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield simulation
        finally:
            server.shutdown()
            server.server_close()

    def create(self, document: Mapping[str, Any] | str) -> str:
        """Make a secret whose rotation is turned on; return its ARN."""
        arn = f"{_ARN}test-{uuid.uuid4()}"
        self.secrets[arn] = SimulatedSecret()
        self.put(arn, document)
        return arn

    def put(self, arn: str, document: Mapping[str, Any] | str) -> str:
        """Store a value as AWSCURRENT, which abandons a rotation; return the version's id."""
        secret, version_id = self.secrets[arn], str(uuid.uuid4())
        secret.values[version_id] = document if isinstance(document, str) else json.dumps(document)
        secret.move(CURRENT, version_id)
        secret.stages.pop(PENDING, None)
        return version_id

    def begin_rotation(self, arn: str, document: Mapping[str, Any] | None = None) -> str:
        """Make the version that a rotation is about; return its token.

        Args:
            document: the value that the version has already; by default it has none yet.
        """
        token = str(uuid.uuid4())
        secret = self.secrets[arn]
        secret.values[token] = None if document is None else json.dumps(document)
        secret.move(PENDING, token)
        return token

    def document(self, arn: str, stage: str = CURRENT) -> dict[str, Any]:
        """Return the value that a label names."""
        secret = self.secrets[arn]
        document: dict[str, Any] = json.loads(secret.values[secret.stages[stage]] or "null")
        return document

    def client(self) -> SecretsManagerClient:
        """Return a boto3 client."""
        client: SecretsManagerClient = boto3.client(
            "secretsmanager",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="AKIDSIMULATED",
            aws_secret_access_key="simulated",
        )
        return client

    def answer(self, operation: str, members: dict[str, Any]) -> dict[str, Any]:
        """Do an operation."""
        self.requests.append((operation, members))
        match operation:
            case "GetRandomPassword":
                return {"RandomPassword": _random_password(members)}
            case "DescribeSecret":
                return self._describe(self._find(members))
            case "GetSecretValue":
                return self._get(self._find(members), members)
            case "PutSecretValue":
                return self._put_version(self._find(members), members)
            case "UpdateSecretVersionStage":
                return self._update_stage(self._find(members), members)
            case "ListSecretVersionIds":
                return self._list(self._find(members))
            case _:
                raise SimulatedError("UnknownOperationException")

    def _find(self, members: dict[str, Any]) -> SimulatedSecret:
        try:
            return self.secrets[members["SecretId"]]
        except KeyError:
            raise SimulatedError("ResourceNotFoundException") from None

    def _describe(self, secret: SimulatedSecret) -> dict[str, Any]:
        described = {version_id: secret.labels(version_id) for version_id in secret.values}
        return {
            "RotationEnabled": secret.is_rotated,
            "Tags": [{"Key": key, "Value": value} for key, value in secret.tags.items()],
            "VersionIdsToStages": {key: labels for key, labels in described.items() if labels},
        }

    def _list(self, secret: SimulatedSecret) -> dict[str, Any]:
        versions = [
            {
                "VersionId": version_id,
                "VersionStages": secret.labels(version_id),
                "CreatedDate": secret.created_at[version_id],
            }
            for version_id in secret.values
        ]
        return {"Versions": versions}

    def _get(self, secret: SimulatedSecret, members: dict[str, Any]) -> dict[str, Any]:
        by_id = members.get("VersionId")
        labelled = secret.stages.get(members.get("VersionStage", CURRENT))
        version_id = by_id if by_id and "VersionStage" not in members else labelled
        value = None if version_id is None else secret.values.get(version_id)
        if value is None or by_id not in {None, version_id}:
            # As AWS answers for a placeholder, which is what createSecret goes by.
            raise SimulatedError("ResourceNotFoundException")
        return {"VersionId": version_id, "SecretString": value}

    def _put_version(self, secret: SimulatedSecret, members: dict[str, Any]) -> dict[str, Any]:
        token, value = members["ClientRequestToken"], members["SecretString"]
        if secret.values.get(token) not in {None, value}:
            raise SimulatedError("ResourceExistsException")
        secret.values[token] = value
        for stage in members.get("VersionStages", [CURRENT]):
            secret.move(stage, token)
        return {"VersionId": token}

    def _update_stage(self, secret: SimulatedSecret, members: dict[str, Any]) -> dict[str, Any]:
        stage = members["VersionStage"]
        if secret.stages.get(stage) != members.get("RemoveFromVersionId"):
            raise SimulatedError("InvalidParameterException")
        if "MoveToVersionId" in members:
            secret.move(stage, members["MoveToVersionId"])
        else:
            del secret.stages[stage]
        return {}


def _random_password(members: dict[str, Any]) -> str:
    kinds = {
        "ExcludeLowercase": string.ascii_lowercase,
        "ExcludeUppercase": string.ascii_uppercase,
        "ExcludeNumbers": string.digits,
        "ExcludePunctuation": string.punctuation,
    }
    letters = "".join(kind for name, kind in kinds.items() if not members.get(name))
    allowed = [letter for letter in letters if letter not in members.get("ExcludeCharacters", "")]
    return "".join(secrets.choice(allowed) for _ in range(members.get("PasswordLength", 32)))


def _handler_of(simulation: SimulatedSecretsManager) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave together, or the client's side waits before it acknowledges.
        wbufsize = -1

        def do_POST(self) -> None:
            members = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].partition(".")[2]
            try:
                self._reply(200, simulation.answer(operation, members))
            except SimulatedError as error:
                self._reply(400, {"__type": error.code, "Message": str(error)})

        @override
        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

        def _reply(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
