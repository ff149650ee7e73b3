"""ListNamespaces and ListWorkgroups: a target is one of each, of the same name.

A token is the last name of the page before it. A page has 100 unless fewer are asked for: AWS's
functions ask for 100, and for no second page.

AWS: https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_ListNamespaces.html
and API_ListWorkgroups.html
"""

from collections.abc import Callable
from typing import Any, Final

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output
from keyturn.model.arn import partition_of
from keyturn.model.errors import InvalidInputError
from keyturn.model.target import Target, TargetKind
from keyturn.secrets import targets
from keyturn.store import targets as rows
from keyturn.store.database import Database

RESULTS_MAX: Final = 100


class InvalidTokenError(InvalidInputError):
    """The token isn't one that an earlier page ended with."""


class Listing:
    """One of the two operations.

    Args:
        member: the name of the list in an answer.
        shown: what is told of a target.
    """

    def __init__(
        self, database: Database, member: str, shown: Callable[[Target], dict[str, Any]]
    ) -> None:
        self._database = database
        self._member = member
        self._shown = shown

    def __call__(self, call: AuthorisedCall) -> Output:
        token, most = call.params.get("nextToken", ""), call.params.get("maxResults", RESULTS_MAX)
        if token and not targets.is_name(token):
            raise InvalidTokenError
        behind = [target for target in self._found(call) if target.name > token]
        page = behind[:most]
        return {
            self._member: [self._shown(target) for target in page],
            "nextToken": page[-1].name if len(behind) > most else None,
        }

    def _found(self, call: AuthorisedCall) -> list[Target]:
        kind = TargetKind.REDSHIFT_SERVERLESS
        # Nothing here is shared by another account.
        if call.params.get("ownerAccount", call.account) != call.account:
            return []
        with self._database.read() as connection:
            return rows.in_region(connection, call.account, call.region, kind)


def namespace(target: Target) -> dict[str, Any]:
    """Return what ListNamespaces tells of a target."""
    return {
        "namespaceArn": target.arn,
        "namespaceName": target.name,
        "status": "AVAILABLE",
    }


def workgroup(target: Target) -> dict[str, Any]:
    """Return what ListWorkgroups tells of a target."""
    place = f"{partition_of(target.region)}:redshift-serverless:{target.region}:{target.account}"
    return {
        "workgroupArn": f"arn:{place}:workgroup/{target.name}",
        "workgroupName": target.name,
        "namespaceName": target.name,
        "status": "AVAILABLE",
        "endpoint": {"address": target.host, "port": target.port},
        "port": target.port,
    }
