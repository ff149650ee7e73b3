"""Where RDS says that a database is, and whether one is a replica of another.

* A secret that RDS made holds a username and a password. Its system tag, which no user can set,
  names the DB instance or the cluster that they are for.
* A host is an instance's or a cluster's only if RDS says so of the whole endpoint. Its first label
  alone, by which AWS's functions go, is anybody's who can name a host.
* What RDS refuses is told, and is never taken for "no".

AWS: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html,
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html and API_DBCluster.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import re
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from keyturn_rotators.errors import without_values

Described = Mapping[str, Any]

_INSTANCE_TAG: Final = "aws:rds:primarydbinstancearn"
_CLUSTER_TAG: Final = "aws:rds:primarydbclusterarn"
_NOT_FOUND: Final = frozenset(
    {
        *("DBInstanceNotFound", "DBInstanceNotFoundFault"),
        *("DBClusterNotFound", "DBClusterNotFoundFault"),
    }
)
# What begins otherwise, such as an IP address, is no endpoint of RDS's.
_IDENTIFIER: Final = re.compile(r"(?=.{1,63}\Z)[a-z](?:-?[a-z0-9])*")


class RdsError(Exception):
    """RDS doesn't say where something is; the message says why."""


class RdsClient(Protocol):
    """What is asked of boto3's client."""

    def describe_db_instances(self, **members: str) -> Described:
        """Describe DB instances."""
        ...

    def describe_db_clusters(self, **members: str) -> Described:
        """Describe DB clusters."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a port; hosts are compared without their case."""

    host: str
    port: int


class Rds:
    """RDS's API, to which a client is made when it is first asked."""

    def __init__(self, connect: Callable[[], RdsClient]) -> None:
        self._connect = connect

    def place(self, tags: Mapping[str, str]) -> Described | None:
        """Return the engine, host and port of the database that a secret's system tags name.

        Returns:
            None if they name none.

        Raises:
            RdsError: they can't be had.
        """
        arns = {key.lower(): value for key, value in tags.items()}
        if _INSTANCE_TAG in arns:
            database = _existing(self._instance, arns[_INSTANCE_TAG])
            endpoint = _of_instance(database)
        elif _CLUSTER_TAG in arns:
            database = _existing(self._cluster, arns[_CLUSTER_TAG])
            endpoint = _of_cluster(database, "Endpoint")
        else:
            return None
        if endpoint is None:
            raise RdsError("RDS says no endpoint yet: it is being made, or gone")
        return {"engine": database["Engine"], "host": endpoint.host, "port": endpoint.port}

    def is_replica(self, replica: Endpoint, primary: Endpoint) -> bool:
        """Return whether the database at one endpoint is a replica of that at the other.

        Raises:
            RdsError: it can't be told.
        """
        identifier = replica.host.partition(".")[0].lower()
        if _IDENTIFIER.fullmatch(identifier) is None:
            return False
        instance = self._instance(identifier)
        if instance is not None and _are_one(_of_instance(instance), replica):
            return self._is_source(instance, primary)
        cluster = self._cluster(identifier)
        if cluster is not None and _are_one(_of_cluster(cluster, "ReaderEndpoint"), replica):
            return self._is_writer(cluster, primary)
        return False

    def _is_source(self, instance: Described, primary: Endpoint) -> bool:
        source = instance.get("ReadReplicaSourceDBInstanceIdentifier")
        if source:
            return _are_one(_of_instance(_existing(self._instance, source)), primary)
        cluster = instance.get("DBClusterIdentifier", "")
        return bool(cluster) and self._is_writer(_existing(self._cluster, cluster), primary)

    def _is_writer(self, cluster: Described, primary: Endpoint) -> bool:
        if _are_one(_of_cluster(cluster, "Endpoint"), primary):
            return True
        return any(
            _are_one(_of_instance(_existing(self._instance, member)), primary)
            for member in _writers(cluster)
        )

    def _instance(self, identifier: str) -> Described | None:
        answer = _asked(
            lambda: self._connect().describe_db_instances(DBInstanceIdentifier=identifier)
        )
        return answer and _first(answer["DBInstances"])

    def _cluster(self, identifier: str) -> Described | None:
        answer = _asked(
            lambda: self._connect().describe_db_clusters(DBClusterIdentifier=identifier)
        )
        return answer and _first(answer["DBClusters"])


def _existing(find: Callable[[str], Described | None], identifier: str) -> Described:
    found = find(identifier)
    if found is None:
        raise RdsError(f"RDS has no {identifier}")
    return found


def _asked(ask: Callable[[], Described]) -> Described | None:
    try:
        return ask()
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_FOUND:
            return None
        raise RdsError(without_values(str(error))) from error
    except BotoCoreError as error:
        raise RdsError(without_values(f"RDS can't be asked: {error}")) from error


def _first(found: list[Described]) -> Described | None:
    return found[0] if found else None


def _of_instance(instance: Described) -> Endpoint | None:
    endpoint = instance.get("Endpoint") or {}
    address, port = endpoint.get("Address"), endpoint.get("Port")
    return Endpoint(address, port) if address and port else None


def _of_cluster(cluster: Described, member: str) -> Endpoint | None:
    address, port = cluster.get(member), cluster.get("Port")
    return Endpoint(address, port) if address and port else None


def _are_one(one: Endpoint | None, other: Endpoint) -> bool:
    return one is not None and one.port == other.port and one.host.lower() == other.host.lower()


def _writers(cluster: Described) -> list[str]:
    return [
        member["DBInstanceIdentifier"]
        for member in cluster.get("DBClusterMembers", ())
        if member.get("IsClusterWriter")
    ]
