"""Access keys of IAM users, with boto3: the target issues them, two of a user at most.

* A secret access key is shown once, when it is made, and is never sent: requests are signed.
* Who logs in has shown by STS which user of which account the key is of; it must be the secret's
  ``userName``, and an administrator's must be of the same account.
* Where IAM is, is not the secret's to say: AWS's, or what AWS_ENDPOINT_URL names. With
  ``"ssl": true`` that must be https.
* Nothing is sent again by the SDK: a key that was made, and whose answer was lost, would take the
  user's second place. The step that is repeated finds it, and withdraws it.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html,
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html (eventual consistency)
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    SSLError,
)

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.errors import (
    AdminSecretError,
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingKeyError,
    MissingRightError,
    NoRoomError,
    StatementFailedError,
    TargetError,
    UnreachableError,
    without_values,
)
from keyturn_rotators.target import Issued
from keyturn_rotators.tls import ca_file

if TYPE_CHECKING:
    from types_boto3_iam import IAMClient
    from types_boto3_sts import STSClient
    from types_boto3_sts.type_defs import GetCallerIdentityResponseTypeDef

CONNECT_SECONDS: Final = 3
ANSWER_SECONDS: Final = 8
#: A fresh key is known everywhere within seconds. Together less than a Lambda's usual timeout.
PAUSES_SECONDS: Final = (1.0, 2.0, 4.0, 8.0)
_USER_NAME: Final = "userName"
_DEFAULTS: Final = Defaults(
    engines=frozenset({"iam"}),
    host="iam.amazonaws.com",
    port=443,
    username_key="accessKeyId",
    password_key="secretAccessKey",  # noqa: S106 - a key's name
    own_keys=(_USER_NAME,),
)
_ADVICE: Final = (
    "Allow iam:ListAccessKeys, iam:CreateAccessKey and iam:DeleteAccessKey on the user, to itself "
    'or to the user whose secret the secret names as "masterarn".'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Iam:
    """IAM, AWS's or Keyturn's.

    Attributes:
        endpoint_url, region: where IAM and STS are; None for what the environment says.
        ca_file: the CAs that may vouch for it; None for botocore's.
    """

    endpoint_url: str | None = None
    region: str | None = None
    ca_file: str | None = None
    pauses_seconds: Sequence[float] = PAUSES_SECONDS

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @property
    def shows_names(self) -> bool:
        """A signature is good with the access key's own id alone."""
        return True

    @contextmanager
    def login(self, credential: Credential) -> Iterator["IamIssuer"]:
        """Show whose key it is; see ``target.IssuingEngine``.

        Raises:
            LoginRefusedError: it is nobody's, or another user's than the secret says.
        """
        with self._issuer(credential) as issuer:
            expected, found = _user_name(credential), issuer.caller()
            if not found.startswith("user/") or found.rpartition("/")[2] != expected:
                said = f"the access key is of {found}, and the secret's {_USER_NAME} is {expected}"
                raise LoginRefusedError(credential.where, credential.stage, said)
            yield issuer

    @contextmanager
    def administer(self, admin: Credential, current: Credential) -> Iterator["IamIssuer"]:
        """Show that the administrator is of the user's account; see ``target.IssuingEngine``.

        Raises:
            AdminSecretError: it is of another one, which may have a user of the same name.
        """
        with self._issuer(admin) as issuer, self._issuer(current) as user:
            if issuer.account() != user.account():
                reason = "its access key is of another account than the secret's"
                raise AdminSecretError(current.masterarn or "", reason)
            yield issuer

    @contextmanager
    def _issuer(self, credential: Credential) -> Iterator["IamIssuer"]:
        with (
            closing(self._client("iam", credential)) as iam,
            closing(self._client("sts", credential)) as sts,
        ):
            for client in (iam, sts):
                where = client.meta.endpoint_url
                if credential.ssl and not where.startswith("https:"):
                    said = "the endpoint is not https, and the secret wants TLS"
                    raise EncryptionError(where, said)
            yield IamIssuer(iam, sts, credential, iam.meta.endpoint_url)

    def _client(self, name: str, credential: Credential) -> Any:  # noqa: ANN401 - two types
        own_ca = credential.ca_certificate is not None or self.ca_file is not None
        return boto3.client(
            name,
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=credential.username,
            aws_secret_access_key=credential.password,
            # The function's own session is not the user's.
            aws_session_token="",
            verify=ca_file(credential, self.ca_file) if own_ca else None,
            config=Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=ANSWER_SECONDS,
                retries={"total_max_attempts": 1},
            ),
        )


class IamIssuer:
    """A user's login; see ``target.Issuer``."""

    def __init__(
        self, iam: "IAMClient", sts: "STSClient", credential: Credential, where: str
    ) -> None:
        self._iam = iam
        self._sts = sts
        self._credential = credential
        self._where = where

    def caller(self) -> str:
        """Return who it is, as in an ARN: ``user/NAME``, with the path that the user has.

        Raises:
            LoginRefusedError: the key is nobody's, or is inactive.
        """
        return self._identity()["Arn"].split(":", 5)[5]

    def account(self) -> str:
        """Return whose account it is; see ``caller``."""
        return self._identity()["Account"]

    def probe(self) -> None:
        """Ask who it is."""
        self._identity()

    def issued(self, whose: Credential) -> Sequence[Issued]:
        """Return the user's access keys, also those that are inactive."""
        with self._refusals():
            listed = self._iam.list_access_keys(UserName=_user_name(whose))
        return [
            Issued(name=each["AccessKeyId"], issued_at=each["CreateDate"])
            for each in listed["AccessKeyMetadata"]
        ]

    def issue(self, whose: Credential, _mark: str) -> tuple[str, str]:
        """Make an access key. IAM keeps no word beside it.

        Raises:
            NoRoomError: the user has two, of which one isn't this secret's.
        """
        with self._refusals():
            key = self._iam.create_access_key(UserName=_user_name(whose))["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def withdraw(self, whose: Credential, name: str) -> None:
        """Delete an access key."""
        with self._refusals(), suppress(self._iam.exceptions.NoSuchEntityException):
            self._iam.delete_access_key(UserName=_user_name(whose), AccessKeyId=name)

    def _identity(self) -> "GetCallerIdentityResponseTypeDef":
        with self._refusals():
            return self._sts.get_caller_identity()

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Raise what AWS and its SDK say as our errors."""
        try:
            yield
        except ClientError as error:
            raise self._refusal(error) from None
        except SSLError as error:
            raise EncryptionError(self._where, self._said(error)) from None
        except (EndpointConnectionError, ConnectTimeoutError) as error:
            raise UnreachableError(self._where, self._said(error)) from None
        except HTTPClientError as error:
            raise ConnectionLostError(self._where, self._said(error)) from None

    def _refusal(self, error: ClientError) -> TargetError:
        code, said = error.response["Error"]["Code"], self._said(error)
        match code:
            case "InvalidClientTokenId" | "InvalidAccessKeyId" | "SignatureDoesNotMatch":
                return LoginRefusedError(self._where, self._credential.stage, said)
            case "AccessDenied" | "AccessDeniedException":
                return MissingRightError(self._where, said, _ADVICE)
            case "LimitExceeded":
                return NoRoomError(self._where, said)
            case _:
                return StatementFailedError(self._where, said)

    def _said(self, error: Exception) -> str:
        return without_values(str(error), self._credential.password)


def _user_name(credential: Credential) -> str:
    name = credential.own.get(_USER_NAME)
    if not isinstance(name, str) or not name:
        raise MissingKeyError(_USER_NAME, needed=(*_DEFAULTS.needed, _USER_NAME))
    return name
