"""What a principal's policies say, ready to be decided on, and its tags.

* Kept in memory under the revision of the IAM tables that it was read at, so never stale.
* A policy that can't be read denies everything. It could have been one that denies, and nobody
  would know what.
* A principal whose user or role is gone, or is another one of the same name, may do nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import structlog

from keyturn.iam import managed_policies
from keyturn.iam.policy.document import DENY_EVERYTHING, MalformedPolicyError, Policy, parse
from keyturn.iam.principal import Principal
from keyturn.store import identities, identity_policies
from keyturn.store.database import Connection, Database
from keyturn.store.iam_revision import RevisionReader

GRANTS_CACHED_MAX: Final = 1024

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Grants:
    """All that the policies of a user or a role say.

    Attributes:
        unique_id: of the user or the role.
    """

    unique_id: str
    policies: tuple[Policy, ...]
    tags: Mapping[str, str]


_NOBODY: Final = Grants("", (DENY_EVERYTHING,), {})


class GrantReader:
    """Finds what principals' policies say."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._revision = RevisionReader(database)
        self._compiled = lru_cache(GRANTS_CACHED_MAX)(self._compile)

    def of(self, principal: Principal) -> Grants:
        """Return what the policies of the user or the role behind a principal say."""
        grants = self._compiled(principal.identity_arn, self._revision.get())
        is_the_same = principal.unique_id.partition(":")[0] == grants.unique_id
        return grants if is_the_same else _NOBODY

    def _compile(self, identity_arn: str, _revision: int) -> Grants:
        with self._database.read() as connection:
            identity = identities.find_by_arn(connection, identity_arn)
            if identity is None:
                return _NOBODY
            documents = dict(_documents(connection, identity.id))
        policies = tuple(_compiled(identity_arn, documents))
        return Grants(identity.unique_id, policies, identity.tags)


def _documents(connection: Connection, identity_id: int) -> Iterator[tuple[str, str]]:
    yield from identity_policies.inline_of(connection, identity_id).items()
    for arn in identity_policies.attached_to(connection, identity_id):
        policy = managed_policies.find(arn)
        yield arn, "" if policy is None else policy.document


def _compiled(identity_arn: str, documents: Mapping[str, str]) -> Iterable[Policy]:
    for name, text in documents.items():
        try:
            yield parse(text, kind="identity")
        except MalformedPolicyError:
            _log.error("a policy can't be read: all is denied", identity=identity_arn, policy=name)
            yield DENY_EVERYTHING
