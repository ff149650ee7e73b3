"""Whatever anybody asks Secrets Manager, the answer is modelled, and a refusal changes nothing.

Every request is signed by the administrator and goes through the dispatcher as an API process
has it: routing, signature, decoding, policies, handler, store. Every batch begins with the same
store, so a failure needs no more than its own batch, and its message shows what that changed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
import gc
from io import StringIO
import json
import logging
from pathlib import Path
import sqlite3
from typing import Any, Final
from unittest.mock import patch
import warnings

import botocore.auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SigningKey
from botocore.model import ListShape, Shape, StructureShape
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, Phase, given, settings
import pytest
import structlog

from keyturn import app
from keyturn.api import dispatch
from keyturn.api.dispatch import Dispatcher
from keyturn.core import Core
from keyturn.data_dir import DataDir
from keyturn.functions import package, permission, registry
from keyturn.functions.names import read_reference
from keyturn.functions.runtimes import OWN_PYTHON, Runtimes
from keyturn.iam import access_keys, policies, users
from keyturn.iam.access_keys import AccessKeyPair
from keyturn.iam.authority import Authority
from keyturn.iam.credentials import Credentials
from keyturn.iam.managed_policies import ADMINISTRATOR_ACCESS
from keyturn.keys.keyring import Keyring
from keyturn.model.http import HttpRequest, HttpResponse
from keyturn.model.limits import STAGES_PER_SECRET_MAX, TAGS_PER_SECRET_MAX
from keyturn.model.plaintext import Plaintext
from keyturn.store.database import Database
from support.aws_client import AwsClient
from support.clock import FixedClock
from support.function_bench import HANDLER, zipped
from support.iam_bench import ACCOUNT, START
from support.policies import OTHER_ACCOUNT, make_document, make_statement
from support.request_fuzz import (
    CANARY,
    CANARY_BASE64,
    FUNCTION_NAMES,
    LABEL,
    SECRET_NAMES,
    Batch,
    batches,
    big_batches,
    mixed_batches,
    shapes_without_values,
    token,
)
from support.store import make_database

REQUESTS_MIN: Final = 20_000
BATCH: Final = 20

KEYRING: Final = Keyring(Plaintext(b"k" * 32))
CLIENT: Final = AwsClient("secretsmanager")

# What anyone who signs properly can meet, whatever the operation's model says. All else must be
# among the operation's own errors.
COMMON_ERRORS: Final = {"ValidationException", "SerializationException", "AccessDeniedException"}
OUR_OWN_FAULT: Final = "InternalServiceError"

PERMISSION: Final = {
    "StatementId": "SecretsManager",
    "Action": "lambda:InvokeFunction",
    "Principal": "secretsmanager.amazonaws.com",
}
ANY: Final = [{"Key": "all", "Values": ["l"]}]
POLICY: Final = make_document(
    make_statement(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Resource="*")
)


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who may do everything in an account, in one region."""

    account: str
    region: str
    key: SigningKey = field(repr=False)


US: Final = Asker(ACCOUNT, "us-east-1", SigningKey("AKIAOURSOURSOURSOURS", "our-secret-key"))
ELSEWHERE: Final = replace(US, region="us-west-2")
THEM: Final = Asker(
    OTHER_ACCOUNT, US.region, SigningKey("AKIATHEIRSTHEIRSTHEI", "their-secret-key")
)


def core_on(database: Database) -> Core:
    clock = FixedClock(START)
    authority = Authority(database, clock)
    return Core(database=database, keyring=KEYRING, clock=clock, authority=authority)


def served_operations() -> tuple[str, ...]:
    services = app._services(
        core_on(Database(Path("never-opened"))), DataDir(Path("nowhere")), Runtimes()
    )
    (table,) = (service.operations for service in services if service.name == "secretsmanager")
    return tuple(operation.name for operation in table)


@contextmanager
def letting_go() -> Iterator[None]:
    """Collect what an API process keeps for as long as it lives: its socket to the engine."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


with letting_go():
    OPERATIONS: Final = served_operations()
EXAMPLES: Final = -(-REQUESTS_MIN // (len(OPERATIONS) * BATCH))

many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    # A failure names the request and what came before it; to shrink a batch takes minutes.
    phases=[Phase.generate],
    # A batch is large by design, and its texts are what they are about.
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)


class Bench:
    """Secrets Manager on a store that can be put back to how it began."""

    def __init__(self, folder: Path, log: StringIO) -> None:
        self.database = make_database(folder)
        self._path = folder / "keyturn.db"
        self._log = log
        core = core_on(self.database)
        credentials = Credentials(core.database, core.keyring, core.clock)
        services = app._services(core, DataDir(folder), Runtimes())
        self._dispatcher = Dispatcher(services, credentials, core.authority, core.clock)
        self._changes: list[str] = []
        make_administrators(self.database)
        make_functions(self.database)
        self._known: Mapping[str, str] = self._make_secrets()
        self._beginning = sqlite3.connect(":memory:")
        live = sqlite3.connect(self._path)
        live.backup(self._beginning)
        live.close()

    def close(self) -> None:
        with letting_go():
            del self._dispatcher
        self._beginning.close()
        self.database.close()

    def ask(self, batch: Batch) -> list[int]:
        """Send a batch to the store as it was at first; return the statuses of the answers."""
        self.begin_again()
        return [self.check(operation, body) for operation, body in batch.requests]

    def begin_again(self) -> None:
        live = sqlite3.connect(self._path)
        self._beginning.backup(live)
        live.close()
        self._log.seek(0)
        self._log.truncate()
        self._changes.clear()

    def check(self, operation: str, body: bytes) -> int:
        """Send one request, check its answer and what it left behind, and return the status."""
        sent = self._filled(body)
        stamp = self.database.stamp()
        response = self._answer(signed(operation, sent, US))
        asked = f"{operation} {sent[:2000]!r}"
        before = "\n  ".join(self._changes)
        shown = f"{asked} -> {response.status} {response.body[:2000]!r} after\n  {before}"
        logged = self._log.getvalue()
        assert logged == "", f"{shown}\n{logged}"
        if response.status == 200:
            self._check_output(operation, response, shown)
            self._changes.append(asked)
        else:
            self._check_refusal(operation, response, shown)
            assert self.database.stamp() == stamp, f"the store changed: {shown}"
        return response.status

    def _answer(self, request: HttpRequest) -> HttpResponse:
        routed = self._dispatcher.route(request, "127.0.0.1")
        return routed if isinstance(routed, HttpResponse) else self._dispatcher.answer(routed)

    def _filled(self, body: bytes) -> bytes:
        for name, text in self._known.items():
            body = body.replace(f"{{{{{name}}}}}".encode(), text.encode())
        return body

    def _make_secrets(self) -> dict[str, str]:
        """Make secrets in every state that one can be in; return what only the store knows."""
        arns = {name: self._make(name) for name in SECRET_NAMES if name not in {"copy", "mirror"}}
        self._do("UpdateSecret", "partner", ClientRequestToken=token(1), Type="SomebodysSecret")
        self._fill("live")
        self._do("UpdateSecretVersionStage", "live", VersionStage=LABEL, MoveToVersionId=token(0))
        stages = ["AWSCURRENT", LABEL, *(f"label-{n}" for n in range(STAGES_PER_SECRET_MAX - 3))]
        self._fill("crowded", VersionStages=stages)
        tags = [{"Key": f"tag-{n}", "Value": "prod"} for n in range(TAGS_PER_SECRET_MAX)]
        self._do("TagResource", "crowded", Tags=tags)
        self._do("DeleteSecret", "gone")
        self._rotate("rotating")
        self._rotate("cancelled")
        self._do("CancelRotateSecret", "cancelled")
        self._do("PutResourcePolicy", "binary", ResourcePolicy=POLICY)
        arns |= self._make_replicas(arns)
        values = self._do("BatchGetSecretValue", None, Filters=ANY, MaxResults=1)
        return {
            **{f"arn:{name}": arn for name, arn in arns.items()},
            "next:secrets": self._do("ListSecrets", None, MaxResults=1)["NextToken"],
            "next:versions": self._do("ListSecretVersionIds", "live", MaxResults=1)["NextToken"],
            "next:values": values["NextToken"],
            "rotation-token": KEYRING.mark("rotation", arns["rotating"], token(2)),
        }

    def _make_replicas(self, arns: Mapping[str, str]) -> dict[str, str]:
        """Make replicas, here and elsewhere."""
        there = [{"Region": ELSEWHERE.region}]
        self._do("ReplicateSecretToRegions", "replicated", AddReplicaRegions=there)
        source = self._make("copy", ELSEWHERE)
        here = [{"Region": US.region}]
        self._do("ReplicateSecretToRegions", "copy", ELSEWHERE, AddReplicaRegions=here)
        theirs = self._make("theirs", THEM)
        mirror = self._make("mirror", CrossAccountPrimaryARN=theirs)
        linked = self._make("linked-there", THEM, CrossAccountPrimaryARN=arns["linked"])
        waiting = self._make("waiting", THEM, CrossAccountPrimaryARN=arns["live"])
        self._do("AssociateCrossAccountReplica", "theirs", THEM, CrossAccountReplicaARN=mirror)
        self._do("AssociateCrossAccountReplica", "linked", CrossAccountReplicaARN=linked)
        copy = source.replace(ELSEWHERE.region, US.region)
        found = {"copy": copy, "theirs": theirs, "mirror": mirror}
        return {**found, "linked-there": linked, "waiting": waiting}

    def _make(self, name: str, asker: Asker = US, /, **params: object) -> str:
        values = {"empty": {}, "binary": {"SecretBinary": CANARY_BASE64}}
        value = {} if params else values.get(name, {"SecretString": CANARY})
        members = {"Name": name, "KmsKeyId": "alias/ours", "ClientRequestToken": token(0)}
        made = self._do("CreateSecret", None, asker, **members, **value, **params)
        return str(made["ARN"])

    def _fill(self, name: str, **params: object) -> None:
        members = {"ClientRequestToken": token(1), "SecretString": CANARY, **params}
        self._do("PutSecretValue", name, **members)

    def _rotate(self, name: str) -> None:
        function = f"arn:aws:lambda:{US.region}:{ACCOUNT}:function:permitted"
        rules = {"ScheduleExpression": "rate(10 days)"}
        members = {"RotationLambdaARN": function, "RotationRules": rules}
        self._do("RotateSecret", name, ClientRequestToken=token(2), **members)

    def _do(
        self, operation: str, secret_id: str | None, asker: Asker = US, /, **params: object
    ) -> dict[str, Any]:
        about = {} if secret_id is None else {"SecretId": secret_id}
        response = self._answer(signed(operation, json.dumps({**about, **params}).encode(), asker))
        assert response.status == 200, response.body
        return CLIENT.output(operation, response)

    def _check_output(self, operation: str, response: HttpResponse, shown: str) -> None:
        shape = CLIENT.operation(operation).output_shape
        output = CLIENT.output(operation, response)
        if shape is not None:
            report = ParamValidator().validate(output, shape)
            assert not report.has_errors(), f"{shown}\n{report.generate_report()}"
        if not has_secrets(shape):
            self._check_no_secret(response.body.decode(), shown)

    def _check_refusal(self, operation: str, response: HttpResponse, shown: str) -> None:
        own = {shape.name for shape in CLIENT.operation(operation).error_shapes}
        # Every error of a client's making is HTTP 400, as AWS's API reference has it.
        assert response.status == 400, shown
        document = json.loads(response.body)
        allowed = own | COMMON_ERRORS
        assert document["__type"] in allowed - {OUR_OWN_FAULT}, shown
        assert isinstance(document.get("Message", document.get("message")), str), shown
        self._check_no_secret(response.body.decode(), shown)

    def _check_no_secret(self, text: str, shown: str) -> None:
        for secret in (CANARY, CANARY_BASE64, self._known["rotation-token"]):
            assert secret not in text, shown


def make_administrators(database: Database) -> None:
    """Make an administrator in each of two accounts."""
    with database.write() as connection:
        for asker in (US, THEM):
            user = users.create(connection, asker.account, "admin", path="/", tags={}, now=START)
            policies.attach(connection, user, ADMINISTRATOR_ACCESS)
            key = asker.key
            pair = AccessKeyPair(key.access_key, Plaintext(key.secret_key.encode()))
            access_keys.create(connection, KEYRING, user, pair, START)


def make_functions(database: Database) -> None:
    """Make a function that Secrets Manager may invoke, and one that it may not."""
    code = package.check(zipped({"lambda_function.py": ""}))
    request = {
        "Role": f"arn:aws:iam::{ACCOUNT}:role/rotation",
        "Runtime": OWN_PYTHON,
        "Handler": HANDLER,
        "Code": {"ZipFile": code.zipped},
    }
    with database.write() as connection:
        for name in FUNCTION_NAMES:
            reference = read_reference(name, region=US.region, account=ACCOUNT)
            made = registry.create(connection, KEYRING, reference, request, code, START)
            if name == "permitted":
                permission.add(connection, made, PERMISSION)


def signed(operation: str, body: bytes, asker: Asker) -> HttpRequest:
    """Return what the SDKs would send."""
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"secretsmanager.{operation}",
    }
    request = AWSRequest("POST", "http://localhost/", headers, body)
    with patch.object(botocore.auth, "get_current_datetime", lambda: START.replace(tzinfo=None)):
        SigV4Auth(asker.key, "secretsmanager", asker.region).add_auth(request)
    received = {name.lower(): str(value) for name, value in request.headers.items()}
    return HttpRequest("POST", "/", "", {"host": "localhost", **received}, body)


def has_secrets(shape: Shape | None) -> bool:
    """Tell whether an answer of this shape may hold a secret value."""
    match shape:
        case StructureShape():
            return any(has_secrets(member) for member in shape.members.values())
        case ListShape():
            return has_secrets(shape.member)
        case _:
            return shape is not None and bool(shape.metadata.get("sensitive"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    log = StringIO()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(log),
    )
    bench = Bench(tmp_path_factory.mktemp("fuzz"), log)
    yield bench
    bench.close()
    structlog.reset_defaults()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_whatever_is_asked_is_answered_as_modelled_and_a_refusal_changes_nothing(
    bench: Bench, operation: str
) -> None:
    answered: Counter[int] = Counter()

    @many
    @given(batches(CLIENT.operation(operation), BATCH))
    def ask(batch: Batch) -> None:
        answered.update(bench.ask(batch))

    ask()

    assert answered.total() >= REQUESTS_MIN / len(OPERATIONS)
    # An operation that refuses nearly everything has hardly been asked.
    assert answered[200] >= 0.01 * answered.total(), answered


def test_whatever_happened_before_the_answer_is_as_modelled(bench: Bench) -> None:
    @settings(many, max_examples=50)
    @given(mixed_batches(map(CLIENT.operation, OPERATIONS), 2 * BATCH))
    def ask(batch: Batch) -> None:
        bench.ask(batch)

    ask()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_body_of_megabytes_is_answered_as_modelled(bench: Bench, operation: str) -> None:
    @settings(many, max_examples=3)
    @given(big_batches(CLIENT.operation(operation)))
    def ask(batch: Batch) -> None:
        bench.ask(batch)

    ask()


def test_every_shape_with_a_pattern_has_values() -> None:
    assert [name for name in OPERATIONS if shapes_without_values(CLIENT.operation(name))] == []


def test_the_stamp_tells_of_a_write_and_of_nothing_else(bench: Bench) -> None:
    bench.begin_again()
    before = bench.database.stamp()

    bench.check("DescribeSecret", b'{"SecretId": "live"}')
    after_reading = bench.database.stamp()
    bench.check("TagResource", b'{"SecretId": "live", "Tags": [{"Key": "a"}]}')

    assert after_reading == before
    assert bench.database.stamp() != before


def test_a_line_in_the_log_does_not_go_unseen(bench: Bench) -> None:
    bench.begin_again()
    dispatch._log.error("request failed")

    with pytest.raises(AssertionError, match="request failed"):
        bench.check("DescribeSecret", b'{"SecretId": "live"}')
