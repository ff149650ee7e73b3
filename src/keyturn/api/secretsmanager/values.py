"""Reading and writing a secret's values and labels.

AWS: API reference, GetSecretValue, PutSecretValue, UpdateSecret, UpdateSecretVersionStage.
"""

from collections.abc import Sequence
from datetime import datetime
from sys import getsizeof
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
from keyturn.api.secretsmanager.rotation_writes import require_writer
from keyturn.keys.keyring import Keyring
from keyturn.model.secret import Secret, SecretValue
from keyturn.rotation import abandon, plan
from keyturn.rotation.writers import Change
from keyturn.secrets import encryption_key, lookup, versions
from keyturn.store import secret_versions as version_rows
from keyturn.store.database import Connection, Database
from keyturn.store.read_cache import ReadCache

#: A process's; about 30,000 versions of ordinary length.
VERSIONS_CACHED_BYTES_MAX: Final = 67_108_864

_BYTES_BESIDES: Final = 1_500


class Values:
    """The operations that touch values."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        # Versions are kept sealed: each read opens its own.
        self._found: ReadCache[tuple[str | None, ...], versions.Found] = ReadCache(
            database, VERSIONS_CACHED_BYTES_MAX, _bytes_of
        )

    def get_secret_value(self, call: AuthorisedCall) -> Output:
        found = self.find(call, call.params["SecretId"], call.resource_arn)
        answer = self.open(found)
        self.note_accesses([found], call.received_at)
        return answer

    def find(
        self, call: AuthorisedCall, secret_id: str, decided_arn: str | None
    ) -> versions.Found:
        """Return the version that the call's ``VersionId`` and ``VersionStage`` name.

        Args:
            decided_arn: the secret that the caller may read.
        """
        found = self._find(call, secret_id)
        require_decided(found.secret, decided_arn)
        encryption_key.require_reach(found.secret, call.account)
        return found

    def open(self, found: versions.Found) -> Output:
        """Return a version with its value, as GetSecretValue does."""
        value = versions.open_value(self._keyring, found.secret, found.version)
        return {
            "ARN": found.secret.arn,
            "Name": found.secret.name,
            "VersionId": found.version.version_id,
            **value_members(value),
            "VersionStages": found.stages,
            "CreatedDate": found.version.created_at,
        }

    def note_accesses(self, read: Sequence[versions.Found], now: datetime) -> None:
        """Note that these versions were read, in one write, and in none if it is noted already."""
        # AWS keeps the day, not the moment; so a value that is read all day is noted once.
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        unnoted = [found for found in read if not _is_noted(found, day)]
        if not unnoted:
            return
        # A read doesn't fail, nor wait for long writes, for its date: the next one notes it.
        with self._database.write_if_free() as connection:
            if connection is None:
                return
            for found in unnoted:
                version_rows.mark_accessed(connection, found.secret, found.version.version_id, day)

    def put_secret_value(self, call: AuthorisedCall) -> Output:
        new = versions.NewVersion(
            token=required_token(call.params),
            value=required_value(call.params),
            stages=call.params.get("VersionStages"),
        )
        with self._database.write() as connection:
            secret = to_be_written(connection, call)
            change = Change.storing(new.token, new.stages)
            require_writer(connection, self._keyring, secret, call, change)
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
            if value is not None:
                require_writer(connection, self._keyring, secret, call, Change.storing(token))
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
            change = Change.moving(params["VersionStage"], params.get("MoveToVersionId"))
            require_writer(connection, self._keyring, secret, call, change)
            moved = versions.move_stage(
                connection,
                secret,
                params["VersionStage"],
                remove_from=params.get("RemoveFromVersionId"),
                move_to=params.get("MoveToVersionId"),
                now=call.received_at,
            )
            if moved:
                _note_new_current(connection, secret, call.received_at)
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
            _note_new_current(connection, secret, now)
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


def _is_noted(found: versions.Found, day: datetime) -> bool:
    secret, version = found.secret, found.version
    is_version_noted = secret.shows_another_accounts_values or version.last_accessed_at == day
    return is_version_noted and secret.last_accessed_at == day


def _bytes_of(found: versions.Found) -> int:
    """Return about how many bytes of memory a version takes, with its secret."""
    secret = found.secret
    tags = secret.tags or {}
    texts = (secret.description, secret.resource_policy, secret.policy_in_force, *tags)
    return _BYTES_BESIDES + sum(map(getsizeof, (found.version.sealed, *texts, *tags.values())))


def _note_new_current(connection: Connection, secret: Secret, now: datetime) -> None:
    # AWS: a new AWSCURRENT by hand counts as a rotation for NextRotationDate, and abandons the one
    # under way, unless that is whose function set it.
    abandon.if_pointless(connection, secret, now)
    plan.note_valid_rotation(connection, secret.id, now)


def value_members(value: SecretValue) -> Output:
    """Return the member that carries a value in an answer."""
    revealed = value.plaintext.reveal()
    if value.kind == "string":
        return {"SecretString": revealed.decode()}
    return {"SecretBinary": revealed}
