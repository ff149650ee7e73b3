"""IAM: a Keyturn server's own, whose users change their access keys themselves."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
import json
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from typing_extensions import override

from keyturn_rotators.engines.iam import Iam
from keyturn_rotators.strategies import IssuedCredential, Strategy
from support.keyturn_server import KeyturnServer
from support.kits.kit import Document, IssuingKit, StrategyName
from support.live_api import Caller, LiveApi, allow, policy

REGION = "us-east-1"
OWN_KEYS = ["iam:ListAccessKeys", "iam:CreateAccessKey", "iam:DeleteAccessKey"]
_WEAK_ADMIN = "weak-admin"


def missing() -> str:
    """Return what has to be installed."""
    return ""


@contextmanager
def start(folder: Path) -> Iterator["IamKit"]:
    """Run a server until the end of the block."""
    with KeyturnServer.start(folder) as server:
        variables = server.environment()
        caller = Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
        api = LiveApi(server.endpoint, caller, REGION)
        try:
            yield IamKit(api)
        finally:
            api.close()


class IamKit(IssuingKit):
    """A running server; see ``Kit``."""

    template = "iam"
    engine = Iam(endpoint_url="unused: see strategy")
    strategies = (StrategyName.DUAL_CREDENTIAL,)
    powers = ("iam:ListUsers", "iam:ListRoles")
    elsewhere = MappingProxyType({"userName": "other", "masterarn": "arn:x"})
    is_full_with_two = True
    # Its users are in the server that also runs the function: see test_rotator_iam.py.
    is_packaged = False

    def __init__(self, api: LiveApi) -> None:
        self.api = api
        self._made: dict[str, Caller] = {}

    @property
    @override
    def address(self) -> tuple[str, int]:
        url = urlsplit(self.api.endpoint)
        assert url.hostname
        assert url.port
        return url.hostname, url.port

    @override
    def strategy(self, _name: StrategyName, port: int) -> Strategy:
        url = f"http://127.0.0.1:{port}"
        engine = Iam(endpoint_url=url, region=REGION, pauses_seconds=())
        return IssuedCredential(engine)

    @override
    def document(self, username: str, _password: str) -> Document:
        return document(username, self._made[username])

    @override
    def admin_document(self) -> Document:
        return document("admin", self.api.caller)

    @override
    def weak_admin_document(self) -> Document:
        if _WEAK_ADMIN not in self._made:
            self.make_user(_WEAK_ADMIN, "")
        return self.document(_WEAK_ADMIN, "")

    @override
    def make_user(self, username: str, _password: str) -> None:
        arn = self.api.iam.create_user(UserName=username)["User"]["Arn"]
        may = json.dumps(policy(allow(OWN_KEYS, arn), allow(self.powers[0])))
        self.api.iam.put_user_policy(UserName=username, PolicyName="p", PolicyDocument=may)
        self._made[username] = self._issue(username)

    @override
    def issued(self, document: Document) -> set[str]:
        listed = self.api.iam.list_access_keys(UserName=document["userName"])
        return {key["AccessKeyId"] for key in listed["AccessKeyMetadata"]}

    @override
    def issue_another(self, document: Document) -> tuple[str, str]:
        caller = self._issue(document["userName"])
        return caller.access_key_id, caller.secret_access_key

    @override
    def withdraw(self, document: Document) -> None:
        self.api.iam.delete_access_key(
            UserName=document["userName"], AccessKeyId=document["accessKeyId"]
        )

    @override
    def accepts(self, username: str, password: str) -> bool:
        try:
            with self._acting_as(username, password) as caller:
                caller.sts.get_caller_identity()
        except ClientError as error:
            if error.response["Error"]["Code"] not in {
                "InvalidClientTokenId",
                "SignatureDoesNotMatch",
            }:
                raise
            return False
        return True

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        try:
            with self._acting_as(username, password) as caller:
                if power == self.powers[0]:
                    caller.iam.list_users()
                else:
                    caller.iam.list_roles()
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return False
        return True

    def _acting_as(self, username: str, password: str) -> closing[LiveApi]:
        """Return somebody's API, closed at the end: a prober asks for very many."""
        return closing(LiveApi(self.api.endpoint, Caller(username, password), REGION))

    def _issue(self, username: str) -> Caller:
        key = self.api.iam.create_access_key(UserName=username)["AccessKey"]
        return Caller(key["AccessKeyId"], key["SecretAccessKey"])


def document(username: str, caller: Caller) -> Document:
    """Return the value of the secret of a user's access key."""
    return {
        "engine": "iam",
        "userName": username,
        "accessKeyId": caller.access_key_id,
        "secretAccessKey": caller.secret_access_key,
    }


KIT = IamKit
