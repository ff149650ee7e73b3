"""ListSecretVersionIds.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html
"""

from typing import Final

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output
from keyturn.api.secretsmanager.found import any_secret
from keyturn.api.secretsmanager.pages import page_of, read_page
from keyturn.keys.keyring import Keyring
from keyturn.model.secret import Secret
from keyturn.secrets import stages as labels
from keyturn.store import secret_versions as version_rows
from keyturn.store.database import Database
from keyturn.store.secret_versions import ListedVersion

# AWS's name for the key aws/secretsmanager here.
_DEFAULT_KEY: Final = "DefaultEncryptionKey"


class VersionIds:
    """Lists the versions of a secret that have a value, the oldest first."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def list_secret_version_ids(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            secret = any_secret(connection, call)
            page = read_page(self._keyring, call.params, f"ListSecretVersionIds {secret.arn}")
            stages = labels.by_version(version_rows.stages_of(connection, secret.values_id))
            found = version_rows.page_with_values(
                connection,
                secret.values_id,
                after=page.after,
                most=page.most + 1,
                among=None if call.params.get("IncludeDeprecated", False) else set(stages),
            )
        entries = [_entry(secret, version, stages.get(version.version_id)) for version in found]
        positions = [version.position for version in found]
        versions_page = page_of(self._keyring, page, "Versions", entries, positions)
        return {"ARN": secret.arn, "Name": secret.name, **versions_page}


def _entry(secret: Secret, version: ListedVersion, stages: list[str] | None) -> Output:
    return {
        "VersionId": version.version_id,
        "VersionStages": stages,
        "LastAccessedDate": (
            None if secret.shows_another_accounts_values else version.last_accessed_at
        ),
        "CreatedDate": version.created_at,
        "KmsKeyIds": [secret.kms_key_id or _DEFAULT_KEY],
    }
