"""The versions of the one secret that is rotated, through the API.

The only module that reads or writes the secret. It knows labels, tokens and tags; what a value
means is ``credential``'s business, and where a database is that a tag names, ``rds``'s.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
import logging
from typing import TYPE_CHECKING, Any, Final

from keyturn_rotators.credential import Credential, Defaults, parse
from keyturn_rotators.errors import AdminSecretError, NotRotatableError, SecretValueError
from keyturn_rotators.logs import LOGGER_NAME
from keyturn_rotators.rds import Endpoint, Rds, RdsError

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_secretsmanager.type_defs import (
        GetSecretValueRequestTypeDef,
        ListSecretVersionIdsRequestTypeDef,
        PutSecretValueRequestTypeDef,
        SecretVersionsListEntryTypeDef,
    )

CURRENT: Final = "AWSCURRENT"
PENDING: Final = "AWSPENDING"
PREVIOUS: Final = "AWSPREVIOUS"
#: What messages call the login of the administrator.
ADMIN: Final = "the admin secret's AWSCURRENT"

_log = logging.getLogger(LOGGER_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretVersions:
    """One secret, and the version of it that a rotation is about.

    Attributes:
        token: the rotation's ClientRequestToken, which is its version's id.
        rotation_token: proves to Secrets Manager which rotation this is, where the function calls
            from another account; None where the event brought none.
    """

    client: "SecretsManagerClient" = field(repr=False)
    secret_id: str
    token: str
    rotation_token: str | None = field(repr=False)
    defaults: Defaults
    rds: Rds

    def stages(self) -> Mapping[str, Sequence[str]]:
        """Return the labels on each version.

        Raises:
            NotRotatableError: rotation isn't turned on.
        """
        description = self.client.describe_secret(SecretId=self.secret_id)
        if not description.get("RotationEnabled"):
            raise NotRotatableError(
                f"Rotation isn't turned on for {self.secret_id}, so nothing was done. "
                "Turn it on with: aws secretsmanager rotate-secret."
            )
        return description.get("VersionIdsToStages", {})

    def current(self) -> Credential:
        """Return the login that applications use."""
        found = self._read({"SecretId": self.secret_id, "VersionStage": CURRENT}, CURRENT)
        if found is None:
            raise NotRotatableError(
                f"{self.secret_id} has no AWSCURRENT value to start from. Put the login that "
                "works today with: aws secretsmanager put-secret-value; then rotate again."
            )
        return found

    def previous(self) -> Credential | None:
        """Return the login that was AWSCURRENT before, if there is one."""
        return self._read({"SecretId": self.secret_id, "VersionStage": PREVIOUS}, PREVIOUS)

    def pending(self) -> Credential | None:
        """Return the login that this rotation made, if it already has."""
        return self._read(
            {"SecretId": self.secret_id, "VersionId": self.token, "VersionStage": PENDING}, PENDING
        )

    def administrator(self, current: Credential) -> Credential | None:
        """Return the login of the administrator whose secret ``current`` names.

        It is of the same place, or of the primary of which that is a replica: an administrator of
        elsewhere has no business here.

        Raises:
            AdminSecretError: there is no such secret, or it is for another place.
        """
        if current.masterarn is None:
            return None
        admin = self._read({"SecretId": current.masterarn, "VersionStage": CURRENT}, ADMIN)
        if admin is None:
            raise AdminSecretError(current.masterarn, "it has no AWSCURRENT value, or isn't there")
        if admin.where != current.where:
            self._require_replica(current, admin, current.masterarn)
        # The user's secret can make the administrator's connection safer, and not less safe.
        return replace(admin, ssl=True) if admin.ssl is None and current.ssl else admin

    def began_at(self) -> datetime:
        """Return when this rotation began: when its version was made, without a value."""
        for version in self._all():
            if version.get("VersionId") == self.token and "CreatedDate" in version:
                return version["CreatedDate"]
        raise NotRotatableError(f"{self.secret_id} has no version {self.token} any more.")

    def held(self, username: str) -> Credential | None:
        """Return the login of this name that any version of the secret has that there still is.

        Also those without a label, such as an abandoned rotation's.
        """
        for version in self._all():
            try:
                held = self._read(
                    {"SecretId": self.secret_id, "VersionId": version["VersionId"]}, "former"
                )
            except SecretValueError:
                continue
            if held is not None and held.username == username:
                return held
        return None

    def _all(self) -> Iterator["SecretVersionsListEntryTypeDef"]:
        request: ListSecretVersionIdsRequestTypeDef = {
            "SecretId": self.secret_id,
            "IncludeDeprecated": True,
        }
        while True:
            page = self.client.list_secret_version_ids(**request)
            yield from page["Versions"]
            if "NextToken" not in page:
                return
            request["NextToken"] = page["NextToken"]

    def store_pending(self, credential: Credential) -> None:
        """Keep a login as this rotation's, unless the rotation has one already."""
        request: PutSecretValueRequestTypeDef = {
            "SecretId": self.secret_id,
            "ClientRequestToken": self.token,
            "SecretString": credential.to_json(),
            "VersionStages": [PENDING],
        }
        if self.rotation_token and self._takes_rotation_token():
            request["RotationToken"] = self.rotation_token
        try:
            self.client.put_secret_value(**request)
        except self.client.exceptions.ResourceExistsException:
            # Another run of this very step came first. A token stores one value for ever, and
            # the later steps read it back, so either value will do.
            _log.info("createSecret: token=%s has a value already", self.token)

    def promote(self, *, current_version_id: str | None) -> None:
        """Make this rotation's version AWSCURRENT, then take AWSPENDING off it."""
        if current_version_id is None:
            raise NotRotatableError(f"{self.secret_id} has no version with AWSCURRENT to replace.")
        try:
            self.client.update_secret_version_stage(
                SecretId=self.secret_id,
                VersionStage=CURRENT,
                MoveToVersionId=self.token,
                RemoveFromVersionId=current_version_id,
            )
            self.client.update_secret_version_stage(
                SecretId=self.secret_id, VersionStage=PENDING, RemoveFromVersionId=self.token
            )
        except self.client.exceptions.InvalidParameterException:
            # A label isn't where it was a moment ago.
            if CURRENT not in self.stages().get(self.token, ()):
                raise
            _log.info("finishSecret: token=%s was made AWSCURRENT by another run", self.token)

    def _read(self, request: "GetSecretValueRequestTypeDef", stage: str) -> Credential | None:
        try:
            answer = self.client.get_secret_value(**request)
        except self.client.exceptions.ResourceNotFoundException:
            # Nothing else means that it isn't there: after a refusal or a failure it may be.
            return None
        if "SecretString" not in answer:
            raise SecretValueError(
                f"The {stage} version is binary. This function needs a JSON text: put one with "
                "aws secretsmanager put-secret-value --secret-string."
            )
        secret_id = request["SecretId"]
        return parse(
            answer["SecretString"], stage, self.defaults, lambda: self._place(secret_id, stage)
        )

    def _place(self, secret_id: str, stage: str) -> Mapping[str, Any] | None:
        tags = self.client.describe_secret(SecretId=secret_id).get("Tags", ())
        try:
            return self.rds.place({tag["Key"]: tag["Value"] for tag in tags})
        except RdsError as error:
            reason = f"it names no host, and where its system tag leads isn't known: {error}"
            if stage == ADMIN:
                raise AdminSecretError(secret_id, reason) from error
            raise SecretValueError(f"The {stage} version can't be used: {reason}.") from error

    def _require_replica(self, current: Credential, admin: Credential, arn: str) -> None:
        differs = f"it is for {admin.where}, and the secret for {current.where}"
        replica, primary = (Endpoint(each.host, each.port) for each in (current, admin))
        try:
            is_replica = self.rds.is_replica(replica, primary)
        except RdsError as error:
            reason = f"{differs}, and whether that is its replica isn't known: {error}"
            raise AdminSecretError(arn, reason) from error
        if not is_replica:
            raise AdminSecretError(arn, differs)

    def _takes_rotation_token(self) -> bool:
        # The boto3 that a Lambda runtime brings may be older than this member.
        shape = self.client.meta.service_model.operation_model("PutSecretValue").input_shape
        return shape is not None and "RotationToken" in shape.members
