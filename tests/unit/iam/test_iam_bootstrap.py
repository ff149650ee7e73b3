"""The first administrator."""

from pathlib import Path

import pytest

from keyturn.iam import access_keys
from keyturn.iam.access_keys import AccessKeyPair, new_pair
from keyturn.iam.bootstrap import administrator_credentials, make_administrator
from keyturn.iam.refusals import InvalidNameError
from keyturn.model.plaintext import Plaintext
from keyturn.store import access_keys as key_rows, identities
from support.iam_bench import ACCOUNT, IamBench


@pytest.fixture
def bench(tmp_path: Path) -> IamBench:
    return IamBench(tmp_path)


def make(bench: IamBench, pair: AccessKeyPair | None = None) -> bool:
    return make_administrator(bench.database, bench.keyring, bench.clock, ACCOUNT, pair)


def credentials(bench: IamBench) -> AccessKeyPair | None:
    return administrator_credentials(bench.database, bench.keyring, ACCOUNT)


def test_an_empty_store_gets_an_administrator_who_may_do_everything(bench: IamBench) -> None:
    assert make(bench)

    administrator = bench.administrator()
    assert administrator.arn == "arn:aws:iam::123456789012:user/administrator"
    bench.authority.require(administrator, "secretsmanager:DeleteSecret", "*")


def test_the_given_access_key_is_the_administrators(bench: IamBench) -> None:
    pair = AccessKeyPair("AKIAIOSFODNN7EXAMPLE", Plaintext(b"secret"))

    make(bench, pair)

    assert credentials(bench) == pair


def test_a_second_start_changes_nothing(bench: IamBench) -> None:
    make(bench)
    before = credentials(bench)

    assert not make(bench, new_pair())

    assert credentials(bench) == before


def test_a_store_that_has_anyone_gets_no_administrator(bench: IamBench) -> None:
    bench.user("ann")

    assert not make(bench)

    assert credentials(bench) is None


def test_an_access_key_that_can_be_none_leaves_the_store_empty(bench: IamBench) -> None:
    with pytest.raises(InvalidNameError):
        make(bench, AccessKeyPair("short", Plaintext(b"secret")))

    with bench.database.read() as connection:
        assert identities.is_empty(connection)


def test_a_key_that_is_switched_off_is_not_given_back(bench: IamBench) -> None:
    make(bench)
    with bench.database.write() as connection:
        user = identities.find_user(connection, ACCOUNT, "administrator")
        assert user is not None
        (key,) = key_rows.of_user(connection, user.id)
        access_keys.switch(connection, user, key.access_key_id, is_active=False)

    assert credentials(bench) is None
