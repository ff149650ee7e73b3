"""Redshift's operation: its action, its resource and its handler.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonredshift.html
"""

from keyturn.api.operation import Operation, ServiceApi
from keyturn.api.rds.faults import fault_of
from keyturn.api.redshift.clusters import ASKED, DescribeClusters
from keyturn.store.database import Database


def redshift_api(database: Database) -> ServiceApi:
    """Return Redshift as far as it is served."""
    describe = Operation(
        "DescribeClusters",
        "redshift:DescribeClusters",
        ASKED.resource,
        DescribeClusters(database),
    )
    return ServiceApi("redshift", (describe,), fault_of)
