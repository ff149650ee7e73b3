"""What it takes to describe a secret."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keyturn.api.calls import AuthorisedCall
from keyturn.api.secretsmanager.catalogue import Catalogue
from keyturn.iam.authority import Authority
from keyturn.iam.principal import Principal
from keyturn.keys.keyring import Keyring
from keyturn.model.plaintext import Plaintext
from keyturn.model.secret import SecretValue
from keyturn.secrets import lifecycle, replication, versions
from support.clock import FixedClock
from support.statements import noting_statements
from support.store import make_database

ACCOUNT, REGION = "123456789012", "us-east-1"
NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
KEYRING = Keyring(Plaintext(b"k" * 32))
USER = f"arn:aws:iam::{ACCOUNT}:user/bob"
DESCRIBE = AuthorisedCall(
    caller=Principal("user", ACCOUNT, USER, "AIDA", USER),
    region=REGION,
    request_id="r",
    received_at=NOW,
    source_ip="127.0.0.1",
    params={"SecretId": "a"},
)


@pytest.mark.parametrize(("regions", "reads"), [((), 3), (("us-west-2", "eu-west-1"), 4)])
def test_secret_is_described_in_three_reads_and_one_more_if_it_has_replicas(
    tmp_path: Path, regions: Sequence[str], reads: int
) -> None:
    database = make_database(tmp_path)
    catalogue = Catalogue(database, KEYRING, Authority(database, FixedClock(NOW)))
    new = lifecycle.NewSecret(
        account=ACCOUNT,
        region=REGION,
        name="a",
        first_version=versions.NewVersion(
            token="t" * 32, value=SecretValue("string", Plaintext(b"x"))
        ),
        description=None,
        kms_key_id=None,
        tags=None,
    )
    wanted = [replication.NewReplica(region=each, kms_key_id=None) for each in regions]
    with database.write() as connection:
        secret, _ = lifecycle.create(connection, KEYRING, new, NOW)
        if wanted:
            replication.replicate(connection, secret, wanted, is_forced=False, now=NOW)

    with noting_statements(database) as noted:
        described = catalogue.describe_secret(DESCRIBE)

    assert len(described["ReplicationStatus"] or ()) == len(regions)
    assert len(noted) == reads
