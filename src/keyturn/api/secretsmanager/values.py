"""Reading and writing a secret's values and labels.

AWS: API reference, GetSecretValue, PutSecretValue, UpdateSecret, UpdateSecretVersionStage.
"""

from datetime import datetime
from typing import Final

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output
from keyturn.api.secretsmanager import update
from keyturn.api.secretsmanager.found import (
    alive,
    require_decided,
    to_be_written,
    with_own_values,
)
from keyturn.api.secretsmanager.request import optional_value, required_token, required_value
from keyturn.keys.keyring import Keyring
from keyturn.model.secret import Secret, SecretValue
from keyturn.rotation import plan
from keyturn.secrets import encryption_key, lookup, versions
from keyturn.store import secret_versions as version_rows
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
        return self.read(call, call.params["SecretId"], call.resource_arn)

    def read(self, call: AuthorisedCall, secret_id: str, decided_arn: str | None) -> Output:
        """Return a value; the call's ``VersionId`` and ``VersionStage`` say which.

        Args:
            decided_arn: the secret that the caller may read.
        """
        found = self._find(call, secret_id)
        require_decided(found.secret, decided_arn)
        encryption_key.require_reach(found.secret, call.account)
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
            secret = to_be_written(connection, call)
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
            update.require_changeable(secret, call)
            update.save_members(connection, secret, call)
            if value is None:
                return {"ARN": secret.arn, "Name": secret.name}
            new = versions.NewVersion(token=token, value=value)
            stored = self._stored(connection, secret, new, call.received_at)
        return {"ARN": secret.arn, "Name": secret.name, "VersionId": stored.version_id}

    def update_secret_version_stage(self, call: AuthorisedCall) -> Output:
        params = call.params
        with self._database.write() as connection:
            secret = with_own_values(connection, call)
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

    def _find(self, call: AuthorisedCall, secret_id: str) -> versions.Found:
        asked = (secret_id, *map(call.params.get, ("VersionId", "VersionStage")))
        return self._found.get(
            (call.account, call.region, *asked), lambda: self._read(call, secret_id)
        )

    def _read(self, call: AuthorisedCall, secret_id: str) -> versions.Found:
        with self._database.read() as connection:
            return versions.find_value(
                connection,
                lookup.find_alive(connection, call.account, call.region, secret_id),
                version_id=call.params.get("VersionId"),
                stage=call.params.get("VersionStage"),
            )

    def _note_access(self, found: versions.Found, now: datetime) -> None:
        # AWS keeps the day, not the moment; so a value that is read all day is noted once.
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        is_version_noted = (
            found.secret.shows_another_accounts_values or found.version.last_accessed_at == day
        )
        if is_version_noted and found.secret.last_accessed_at == day:
            return
        # A read doesn't fail, nor wait for long writes, for its date: the next one notes it.
        with self._database.write_if_free() as connection:
            if connection is None:
                return
            version_rows.mark_accessed(connection, found.secret, found.version.version_id, day)


def value_members(value: SecretValue) -> Output:
    """Return the member that carries a value in an answer."""
    revealed = value.plaintext.reveal()
    if value.kind == "string":
        return {"SecretString": revealed.decode()}
    return {"SecretBinary": revealed}
