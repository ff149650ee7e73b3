"""Making, describing, listing, tagging and deleting secrets.

AWS: API reference, CreateSecret, DescribeSecret, ListSecrets, ListSecretVersionIds, TagResource,
UntagResource, DeleteSecret.
"""

from collections.abc import Mapping
from typing import Any

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output
from keyturn.api.secretsmanager.pages import Page, page_of, read_page
from keyturn.api.secretsmanager.values import (
    alive,
    optional_value,
    refuse_unserved,
    required_token,
)
from keyturn.iam.authority import Authority
from keyturn.keys.keyring import Keyring
from keyturn.model.secret import RotationSettings, Secret, Version
from keyturn.secrets import lifecycle, lookup, names, stages as labels, tagging, versions
from keyturn.secrets.refusals import SecretNotFoundError
from keyturn.store import secret_versions as version_rows, secrets as rows
from keyturn.store.database import Connection, Database

# AWS's name for the key aws/secretsmanager in ListSecretVersionIds.
_DEFAULT_KEY = "DefaultEncryptionKey"


class Catalogue:
    """The operations that touch secrets, and none of their values."""

    def __init__(self, database: Database, keyring: Keyring, authority: Authority) -> None:
        self._database = database
        self._keyring = keyring
        self._authority = authority

    def create_secret(self, call: AuthorisedCall) -> Output:
        refuse_unserved(call.params, "AddReplicaRegions", "CrossAccountPrimaryARN", "Type")
        new = _new_secret(call)
        if new.tags is not None:
            resource = names.secret_arn(call.region, call.account, new.name, "??????")
            self._authority.require(call.caller, "secretsmanager:TagResource", resource)
        with self._database.write() as connection:
            secret, stored = lifecycle.create(connection, self._keyring, new, call.received_at)
        return {
            "ARN": secret.arn,
            "Name": secret.name,
            "VersionId": None if stored is None else stored.version_id,
        }

    def describe_secret(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            secret = _any(connection, call)
            stages = version_rows.stages_of(connection, secret.id)
        return {
            **description_of(secret),
            "VersionIdsToStages": labels.by_version(stages) or None,
        }

    def list_secrets(self, call: AuthorisedCall) -> Output:
        refuse_unserved(call.params, "Filters", "SortBy", "SortOrder")
        page = read_page(self._keyring, call.params, "ListSecrets")
        with self._database.read() as connection:
            found = rows.page(
                connection,
                account=call.account,
                region=call.region,
                after_id=page.after,
                most=page.most + 1,
                with_deleted=call.params.get("IncludePlannedDeletion", False),
            )
            stages = version_rows.labelled_versions(connection, [secret.id for secret in found])
        entries = [
            {
                **description_of(secret),
                "SecretVersionsToStages": labels.by_version(stages[secret.id]) or None,
            }
            for secret in found
        ]
        return page_of(self._keyring, page, "SecretList", entries, [secret.id for secret in found])

    def list_secret_version_ids(self, call: AuthorisedCall) -> Output:
        page = read_page(self._keyring, call.params, "ListSecretVersionIds")
        with_deprecated = call.params.get("IncludeDeprecated", False)
        with self._database.read() as connection:
            secret = _any(connection, call)
            stages = labels.by_version(version_rows.stages_of(connection, secret.id))
            entries = [
                _version_entry(secret, version, stages.get(version.version_id))
                for version in version_rows.versions_of(connection, secret.id)
                if version.sealed is not None and (with_deprecated or version.version_id in stages)
            ]
        versions_page = _versions_page(self._keyring, page, entries)
        return {"ARN": secret.arn, "Name": secret.name, **versions_page}

    def delete_secret(self, call: AuthorisedCall) -> Output:
        is_forced = call.params.get("ForceDeleteWithoutRecovery", False)
        days = call.params.get("RecoveryWindowInDays")
        lifecycle.check_deletion_options(is_forced=is_forced, recovery_days=days)
        if is_forced:
            return self._delete_now(call)
        with self._database.write() as connection:
            secret = _any(connection, call)
            purge_at = lifecycle.schedule_deletion(
                connection, secret, recovery_days=days, now=call.received_at
            )
        return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": purge_at}

    def restore_secret(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            secret = _any(connection, call)
            lifecycle.restore(connection, secret, call.received_at)
        return {"ARN": secret.arn, "Name": secret.name}

    def tag_resource(self, call: AuthorisedCall) -> Output:
        added = _tags(call.params["Tags"])
        with self._database.write() as connection:
            secret = alive(connection, call)
            tags = tagging.with_tags(secret.tags, added)
            rows.save(connection, secret.id, tags=tags, last_changed_at=call.received_at)
        return {}

    def untag_resource(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            secret = alive(connection, call)
            tags = tagging.without_tags(secret.tags, call.params["TagKeys"])
            rows.save(connection, secret.id, tags=tags, last_changed_at=call.received_at)
        return {}

    def _delete_now(self, call: AuthorisedCall) -> Output:
        asked = call.params["SecretId"]
        with self._database.write() as connection:
            try:
                secret = _any(connection, call)
            except SecretNotFoundError:
                # AWS answers a force-delete of nothing with success and an ARN it makes up.
                arn = lifecycle.invented_arn(call.account, call.region, asked)
                return {"ARN": arn, "Name": asked, "DeletionDate": call.received_at}
            lifecycle.delete_now(connection, secret)
        return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": call.received_at}


def description_of(secret: Secret) -> dict[str, Any]:
    """Return the members that DescribeSecret and ListSecrets share; None is left out."""
    window = secret.next_window
    return {
        "ARN": secret.arn,
        "Name": secret.name,
        "Description": secret.description or None,
        "KmsKeyId": secret.kms_key_id,
        **_rotation_members(secret.rotation),
        "LastRotatedDate": secret.last_rotated_at,
        "LastChangedDate": secret.last_changed_at,
        "LastAccessedDate": secret.last_accessed_at,
        "DeletedDate": secret.deleted_at,
        "NextRotationDate": None if window is None else window.last_second,
        "Tags": None if secret.tags is None else _tag_list(secret.tags),
        "CreatedDate": secret.created_at,
    }


def _rotation_members(rotation: RotationSettings | None) -> Output:
    if rotation is None:
        return {}
    rules = {
        "AutomaticallyAfterDays": rotation.automatically_after_days,
        "ScheduleExpression": rotation.schedule_expression,
        "Duration": rotation.duration,
    }
    has_rules = any(member is not None for member in rules.values())
    return {
        "RotationEnabled": rotation.is_enabled,
        "RotationLambdaARN": rotation.lambda_arn,
        "RotationRules": rules if has_rules else None,
    }


def _new_secret(call: AuthorisedCall) -> lifecycle.NewSecret:
    params = call.params
    token = required_token(params)
    value = optional_value(params)
    tags = params.get("Tags")
    return lifecycle.NewSecret(
        account=call.account,
        region=call.region,
        name=params["Name"],
        first_version=None if value is None else versions.NewVersion(token=token, value=value),
        description=params.get("Description"),
        kms_key_id=params.get("KmsKeyId"),
        tags=None if tags is None else _tags(tags),
    )


def _any(connection: Connection, call: AuthorisedCall) -> Secret:
    return lookup.find(connection, call.account, call.region, call.params["SecretId"])


def _version_entry(secret: Secret, version: Version, stages: list[str] | None) -> Output:
    return {
        "VersionId": version.version_id,
        "VersionStages": stages,
        "LastAccessedDate": version.last_accessed_at,
        "CreatedDate": version.created_at,
        "KmsKeyIds": [secret.kms_key_id or _DEFAULT_KEY],
    }


def _versions_page(keyring: Keyring, page: Page, entries: list[Output]) -> Output:
    first = page.after
    some = entries[first : first + page.most + 1]
    return page_of(keyring, page, "Versions", some, range(first + 1, first + len(some) + 1))


def _tags(members: list[Mapping[str, str]]) -> dict[str, str]:
    return {member.get("Key", ""): member.get("Value", "") for member in members}


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
