"""Reading and writing a secret's values and labels.

AWS: API reference, GetSecretValue, PutSecretValue, UpdateSecret, UpdateSecretVersionStage.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output
from keyturn.keys.keyring import Keyring
from keyturn.model.plaintext import Plaintext
from keyturn.model.secret import Secret, SecretValue
from keyturn.rotation import plan
from keyturn.secrets import lookup, versions
from keyturn.secrets.refusals import (
    MemberNotServedError,
    TokenMissingError,
    TwoValuesError,
    ValueMissingError,
)
from keyturn.store import secret_versions as version_rows, secrets as rows
from keyturn.store.database import Connection, Database
from keyturn.store.read_cache import ReadCache

VERSIONS_CACHED_MAX: Final = 10_000


class Values:
    """The operations that touch values."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        # Versions are kept sealed: each read opens its own.
        self._found: ReadCache[tuple[str | None, ...], versions.Found] = ReadCache(
            database, VERSIONS_CACHED_MAX
        )

    def get_secret_value(self, call: AuthorisedCall) -> Output:
        found = self._find(call)
        value = versions.open_value(self._keyring, found.secret, found.version)
        self._note_access(found, call.received_at)
        return {
            "ARN": found.secret.arn,
            "Name": found.secret.name,
            "VersionId": found.version.version_id,
            **value_members(value),
            "VersionStages": found.stages,
            "CreatedDate": found.version.created_at,
        }

    def put_secret_value(self, call: AuthorisedCall) -> Output:
        new = versions.NewVersion(
            token=required_token(call.params),
            value=required_value(call.params),
            stages=call.params.get("VersionStages"),
        )
        with self._database.write() as connection:
            secret = alive(connection, call)
            stored = self._stored(connection, secret, new, call.received_at)
        return {
            "ARN": secret.arn,
            "Name": secret.name,
            "VersionId": stored.version_id,
            "VersionStages": stored.stages,
        }

    def update_secret(self, call: AuthorisedCall) -> Output:
        value = optional_value(call.params)
        token = required_token(call.params)
        with self._database.write() as connection:
            secret = alive(connection, call)
            _update_description(connection, secret, call)
            if value is None:
                return {"ARN": secret.arn, "Name": secret.name}
            new = versions.NewVersion(token=token, value=value)
            stored = self._stored(connection, secret, new, call.received_at)
        return {"ARN": secret.arn, "Name": secret.name, "VersionId": stored.version_id}

    def update_secret_version_stage(self, call: AuthorisedCall) -> Output:
        params = call.params
        with self._database.write() as connection:
            secret = alive(connection, call)
            moved = versions.move_stage(
                connection,
                secret,
                params["VersionStage"],
                remove_from=params.get("RemoveFromVersionId"),
                move_to=params.get("MoveToVersionId"),
                now=call.received_at,
            )
            if moved:
                plan.plan_next(connection, secret.id, call.received_at, has_rotated=True)
        return {"ARN": secret.arn, "Name": secret.name}

    def _stored(
        self,
        connection: Connection,
        secret: Secret,
        new: versions.NewVersion,
        now: datetime,
    ) -> versions.Stored:
        stored = versions.store_value(connection, self._keyring, secret, new, now)
        if stored.current_moved:
            # AWS: a new AWSCURRENT by hand counts as a rotation for NextRotationDate.
            plan.plan_next(connection, secret.id, now, has_rotated=True)
        return stored

    def _find(self, call: AuthorisedCall) -> versions.Found:
        asked = (call.params["SecretId"], *map(call.params.get, ("VersionId", "VersionStage")))
        return self._found.get((call.account, call.region, *asked), lambda: self._read(call))

    def _read(self, call: AuthorisedCall) -> versions.Found:
        with self._database.read() as connection:
            return versions.find_value(
                connection,
                alive(connection, call),
                version_id=call.params.get("VersionId"),
                stage=call.params.get("VersionStage"),
            )

    def _note_access(self, found: versions.Found, now: datetime) -> None:
        # AWS keeps the day, not the moment; so a value that is read all day is noted once.
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if found.secret.last_accessed_at == found.version.last_accessed_at == day:
            return
        with self._database.write() as connection:
            version_rows.mark_accessed(connection, found.secret.id, found.version.version_id, day)


def alive(connection: Connection, call: AuthorisedCall) -> Secret:
    """Return the secret that the call names, unless it is scheduled for deletion."""
    return lookup.find_alive(connection, call.account, call.region, call.params["SecretId"])


def refuse_unserved(params: Mapping[str, Any], *members: str) -> None:
    """Refuse members that would otherwise be left out without a word."""
    for member in members:
        if member in params:
            raise MemberNotServedError(member)


def required_token(params: Mapping[str, Any]) -> str:
    """Return the ClientRequestToken. AWS asks for it before it looks for the secret."""
    token = params.get("ClientRequestToken")
    if not token:
        raise TokenMissingError
    return str(token)


def required_value(params: Mapping[str, Any]) -> SecretValue:
    """Return the one value that the request must hold."""
    value = optional_value(params)
    if value is None:
        raise ValueMissingError
    return value


def optional_value(params: Mapping[str, Any]) -> SecretValue | None:
    """Return the value that the request holds, if any."""
    text, binary = params.get("SecretString"), params.get("SecretBinary")
    if text is not None and binary is not None:
        raise TwoValuesError
    if text is not None:
        return SecretValue("string", Plaintext(text.encode()))
    return None if binary is None else SecretValue("binary", Plaintext(binary))


def value_members(value: SecretValue) -> Output:
    """Return the member that carries a value in an answer."""
    revealed = value.plaintext.reveal()
    if value.kind == "string":
        return {"SecretString": revealed.decode()}
    return {"SecretBinary": revealed}


def _update_description(connection: Connection, secret: Secret, call: AuthorisedCall) -> None:
    changes: dict[str, Any] = {}
    if "Description" in call.params:
        changes["description"] = call.params["Description"]
    if "KmsKeyId" in call.params:
        changes["kms_key_id"] = call.params["KmsKeyId"] or None
    if changes:
        rows.save(connection, secret.id, last_changed_at=call.received_at, **changes)
