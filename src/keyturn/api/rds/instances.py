"""DescribeDBInstances.

What isn't known of a target is left out, as a list that has nothing in it is.

AWS: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBInstances.html
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

ASKED: Final = Asked(TargetKind.DB_INSTANCE, "DBInstanceIdentifier")


class DescribeDBInstances:
    """The operation DescribeDBInstances."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            found = ASKED.found(connection, call)
            wanted = filters.filtered(found, call.params, filters.OF_INSTANCES)
            page, marker = page_of(wanted, call.params)
            shown = [_shown(connection, target) for target in page]
        return {"DBInstances": shown, "Marker": marker}


def _shown(connection: Connection, target: Target) -> dict[str, Any]:
    return {
        "DBInstanceIdentifier": target.name,
        "DBInstanceArn": target.arn,
        "DBInstanceStatus": "available",
        "Engine": target.engine,
        "Endpoint": {"Address": target.host, "Port": target.port},
        "DBClusterIdentifier": target.cluster,
        "ReadReplicaSourceDBInstanceIdentifier": target.replica_of,
        "ReadReplicaDBInstanceIdentifiers": [
            replica.name for replica in rows.replicas(connection, target)
        ],
    }
