"""DescribeDBClusters.

What isn't known of a target is left out, as a list that has nothing in it is.

AWS: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusters.html
"""

from typing import Any, Final

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output
from keyturn.api.rds import filters
from keyturn.api.rds.asked import Asked
from keyturn.api.rds.pages import page_of
from keyturn.model.target import Target, TargetKind
from keyturn.store import targets as rows
from keyturn.store.database import Connection, Database

ASKED: Final = Asked(TargetKind.DB_CLUSTER, "DBClusterIdentifier")


class DescribeDBClusters:
    """The operation DescribeDBClusters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            found = ASKED.found(connection, call)
            wanted = filters.filtered(found, call.params, filters.OF_CLUSTERS)
            page, marker = page_of(wanted, call.params)
            shown = [_shown(connection, target) for target in page]
        return {"DBClusters": shown, "Marker": marker}


def _shown(connection: Connection, target: Target) -> dict[str, Any]:
    return {
        "DBClusterIdentifier": target.name,
        "DBClusterArn": target.arn,
        "Status": "available",
        "Engine": target.engine,
        "Endpoint": target.host,
        "ReaderEndpoint": target.reader_host,
        "Port": target.port,
        "DBClusterMembers": [
            {"DBInstanceIdentifier": member.name, "IsClusterWriter": member.is_writer}
            for member in rows.members(connection, target)
        ],
    }
