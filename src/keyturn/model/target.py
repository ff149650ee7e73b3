"""A database that the operator has named, as RDS and Redshift would describe it.

Nothing here makes, starts or watches a database: a target is what the operator says of one.

AWS: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html and
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBCluster.html
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from keyturn.model.arn import partition_of


class TargetKind(StrEnum):
    """What a target is, in AWS's words."""

    DB_INSTANCE = "db-instance"
    DB_CLUSTER = "db-cluster"
    REDSHIFT_CLUSTER = "redshift-cluster"
    REDSHIFT_SERVERLESS = "redshift-serverless"


#: The service of each kind's ARN, and what is before its name there.
ARN_WORDS: Final = {
    TargetKind.DB_INSTANCE: ("rds", "db:"),
    TargetKind.DB_CLUSTER: ("rds", "cluster:"),
    TargetKind.REDSHIFT_CLUSTER: ("redshift", "cluster:"),
    TargetKind.REDSHIFT_SERVERLESS: ("redshift-serverless", "namespace/"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One target.

    Attributes:
        name: its identifier, unique to its kind in an account and region.
        engine: RDS's name for it, such as ``postgres`` or ``aurora-mysql``.
        reader_host: a cluster's reader endpoint.
        cluster: the name of the cluster that an instance is a member of.
        is_writer: whether it is that cluster's writer.
        replica_of: the name of the instance that an instance is a read replica of.
    """

    account: str
    region: str
    kind: TargetKind
    name: str
    engine: str
    host: str
    port: int
    reader_host: str | None = None
    cluster: str | None = None
    is_writer: bool = False
    replica_of: str | None = None

    @property
    def arn(self) -> str:
        """Its ARN."""
        return target_arn(self.account, self.region, self.kind, self.name)

    @property
    def where(self) -> str:
        """Its endpoint, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def target_arn(account: str, region: str, kind: TargetKind, name: str) -> str:
    """Return the ARN of a target of this name, whether or not there is one."""
    service, prefix = ARN_WORDS[kind]
    return f"arn:{partition_of(region)}:{service}:{region}:{account}:{prefix}{name}"
