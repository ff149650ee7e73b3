"""Tagging secrets.

AWS: API reference, TagResource and UntagResource. "If the completion of this operation would
result in you losing your permissions for this secret, then Secrets Manager blocks the operation
and returns an Access Denied error."
"""

from collections.abc import Mapping
from dataclasses import replace

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output
from keyturn.api.permission import require
from keyturn.api.secretsmanager import condition_keys
from keyturn.api.secretsmanager.found import alive
from keyturn.api.secretsmanager.resources import resource_of
from keyturn.iam.authority import Authority
from keyturn.model.secret import Secret, Tags
from keyturn.secrets import ownership, tagging
from keyturn.store import secrets as rows
from keyturn.store.database import Connection, Database


class Tagging:
    """The operations that change tags."""

    def __init__(self, database: Database, authority: Authority) -> None:
        self._database = database
        self._authority = authority

    def tag_resource(self, call: AuthorisedCall) -> Output:
        added = tags_of(call.params["Tags"])
        with self._database.write() as connection:
            secret = alive(connection, call)
            tags = tagging.with_tags(secret.tags, added)
            self._replace(connection, call, "TagResource", secret, tags)
        return {}

    def untag_resource(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            secret = alive(connection, call)
            tags = tagging.without_tags(secret.tags, call.params["TagKeys"])
            self._replace(connection, call, "UntagResource", secret, tags)
        return {}

    def _replace(
        self,
        connection: Connection,
        call: AuthorisedCall,
        operation: str,
        secret: Secret,
        tags: Tags | None,
    ) -> None:
        ownership.require_own_metadata(secret)
        tagged = resource_of(replace(secret, tags=tags), shown=call.params["SecretId"])
        keys = condition_keys.of_request(operation, call.params)
        action = f"secretsmanager:{operation}"
        require(self._authority, call, action, tagged.with_context(keys))
        if tags != secret.tags:
            rows.save(connection, secret.id, tags=tags, last_changed_at=call.received_at)


def tags_of(members: list[Mapping[str, str]]) -> dict[str, str]:
    """Return tags as we keep them; the last of two with the same key counts."""
    return {member.get("Key", ""): member.get("Value", "") for member in members}
