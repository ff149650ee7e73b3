"""Targets as tests name them: where nothing else is said, a PostgreSQL instance ``orders``."""

from typing import Any

from keyturn.model.target import Target, TargetKind
from support.iam_bench import ACCOUNT

REGION = "us-east-1"


def target(name: str = "orders", **fields: Any) -> Target:  # noqa: ANN401 - whatever a field may be
    """Return a target."""
    usual: dict[str, Any] = {
        "account": ACCOUNT,
        "region": REGION,
        "kind": TargetKind.DB_INSTANCE,
        "engine": "postgres",
        "host": f"{name}.db.internal",
        "port": 5432,
    }
    return Target(name=name, **{**usual, **fields})


def cluster(name: str = "shop", **fields: Any) -> Target:  # noqa: ANN401 - ditto
    """Return an Aurora cluster."""
    usual: dict[str, Any] = {
        "kind": TargetKind.DB_CLUSTER,
        "engine": "aurora-postgresql",
        "reader_host": f"{name}-ro.db.internal",
    }
    return target(name, **{**usual, **fields})


def member(name: str, **fields: Any) -> Target:  # noqa: ANN401 - ditto
    """Return a member of the cluster ``shop``."""
    return target(name, **{"engine": "aurora-postgresql", "cluster": "shop", **fields})


def workgroup(name: str = "visits", **fields: Any) -> Target:  # noqa: ANN401 - ditto
    """Return a workgroup of Redshift Serverless, with its namespace."""
    return warehouse(name, **{"kind": TargetKind.REDSHIFT_SERVERLESS, **fields})


def warehouse(name: str = "facts", **fields: Any) -> Target:  # noqa: ANN401 - ditto
    """Return a cluster of Redshift."""
    usual: dict[str, Any] = {
        "kind": TargetKind.REDSHIFT_CLUSTER,
        "engine": "redshift",
        "port": 5439,
    }
    return target(name, **{**usual, **fields})
