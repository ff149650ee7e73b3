"""DescribeClusters.

The clusters here have no tags: one that is asked for by a tag isn't found.

AWS: https://docs.aws.amazon.com/redshift/latest/APIReference/API_DescribeClusters.html
"""

from typing import Any, Final

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output
from keyturn.api.rds.asked import Asked
from keyturn.api.rds.pages import page_of
from keyturn.api.rds.refusals import IdentifierWithMarkerError
from keyturn.model.target import Target, TargetKind
from keyturn.store.database import Database

ASKED: Final = Asked(TargetKind.REDSHIFT_CLUSTER, "ClusterIdentifier")


class DescribeClusters:
    """The operation DescribeClusters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, call: AuthorisedCall) -> Output:
        if ASKED.member in call.params and "Marker" in call.params:
            raise IdentifierWithMarkerError
        with self._database.read() as connection:
            found = ASKED.found(connection, call)
        by_tag = call.params.get("TagKeys") or call.params.get("TagValues")
        page, marker = page_of([] if by_tag else found, call.params)
        return {"Clusters": [_shown(target) for target in page], "Marker": marker}


def _shown(target: Target) -> dict[str, Any]:
    return {
        "ClusterIdentifier": target.name,
        "ClusterStatus": "available",
        "ClusterAvailabilityStatus": "Available",
        "Endpoint": {"Address": target.host, "Port": target.port},
    }
