"""RDS's operations: each with its action, its resource and its handler.

They only tell; targets are the operator's to name (``keyturn target``).

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html
"""

from keyturn.api.operation import Operation, ServiceApi
from keyturn.api.rds import clusters, instances
from keyturn.api.rds.faults import fault_of
from keyturn.store.database import Database


def rds_api(database: Database) -> ServiceApi:
    """Return RDS as far as it is served."""
    operations = (
        Operation(
            "DescribeDBClusters",
            "rds:DescribeDBClusters",
            clusters.ASKED.resource,
            clusters.DescribeDBClusters(database),
        ),
        Operation(
            "DescribeDBInstances",
            "rds:DescribeDBInstances",
            instances.ASKED.resource,
            instances.DescribeDBInstances(database),
        ),
    )
    return ServiceApi("rds", operations, fault_of)
