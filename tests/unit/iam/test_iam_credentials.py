"""Whose access key it is, through every change that can end it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from keyturn.iam import access_keys, roles
from keyturn.iam.access_keys import AccessKeyPair, new_pair
from keyturn.iam.assume import SessionCredentials
from keyturn.iam.credential_refusals import (
    ExpiredTokenError,
    InactiveAccessKeyError,
    InvalidTokenError,
    UnknownAccessKeyError,
)
from keyturn.iam.credentials import USER_KEYS_CACHED_MAX
from keyturn.iam.session import seal
from keyturn.keys.envelope import DecryptionError
from keyturn.keys.keyring import Keyring
from keyturn.model.plaintext import Plaintext
from keyturn.store import access_keys as key_rows
from support.iam_bench import ACCOUNT, IamBench


@pytest.fixture
def bench(tmp_path: Path) -> IamBench:
    return IamBench(tmp_path)


def session_of(bench: IamBench, role_name: str = "r") -> SessionCredentials:
    role_arn = f"arn:aws:iam::{ACCOUNT}:role/{role_name}"
    return bench.assumption.issue_service_session(role_arn, "s1")


def test_a_users_key_names_the_user(bench: IamBench) -> None:
    user = bench.user("ann", path="/team/")
    pair = bench.key(user)

    principal, secret = bench.credentials.find(pair.access_key_id, None)

    assert principal == bench.principal(user)
    assert principal.arn == "arn:aws:iam::123456789012:user/team/ann"
    assert secret == pair.secret_access_key


def test_an_unknown_key_is_nobodys(bench: IamBench) -> None:
    with pytest.raises(UnknownAccessKeyError):
        bench.credentials.find("AKIAAAAAAAAAAAAAAAAA", None)


def test_a_key_that_is_made_after_it_was_asked_for_works_at_once(bench: IamBench) -> None:
    user, pair = bench.user("ann"), new_pair()
    with pytest.raises(UnknownAccessKeyError):
        bench.credentials.find(pair.access_key_id, None)

    bench.key(user, pair)

    assert bench.credentials.find(pair.access_key_id, None)[1] == pair.secret_access_key


def test_a_key_that_is_switched_off_stops_at_once_and_on_again_works(bench: IamBench) -> None:
    user = bench.user("ann")
    pair = bench.key(user)
    bench.credentials.find(pair.access_key_id, None)

    with bench.database.write() as connection:
        access_keys.switch(connection, user, pair.access_key_id, is_active=False)

    with pytest.raises(InactiveAccessKeyError):
        bench.credentials.find(pair.access_key_id, None)

    with bench.database.write() as connection:
        access_keys.switch(connection, user, pair.access_key_id, is_active=True)

    assert bench.credentials.find(pair.access_key_id, None)[1] == pair.secret_access_key


def test_a_key_that_is_deleted_stops_at_once(bench: IamBench) -> None:
    user = bench.user("ann")
    pair = bench.key(user)
    bench.credentials.find(pair.access_key_id, None)

    with bench.database.write() as connection:
        access_keys.delete(connection, user, pair.access_key_id)

    with pytest.raises(UnknownAccessKeyError):
        bench.credentials.find(pair.access_key_id, None)


def test_guessed_keys_are_not_kept(bench: IamBench) -> None:
    for number in range(3):
        with pytest.raises(UnknownAccessKeyError):
            bench.credentials.find(f"AKIA{number}", None)

    info = bench.credentials._user_key.cache_info()
    assert (info.currsize, info.maxsize) == (0, USER_KEYS_CACHED_MAX)


def test_a_sessions_key_names_the_session(bench: IamBench) -> None:
    role = bench.role("r")
    issued = session_of(bench)

    principal, secret = bench.credentials.find(issued.key.access_key_id, issued.session_token)

    assert principal == issued.principal
    assert principal.arn == "arn:aws:sts::123456789012:assumed-role/r/s1"
    assert principal.unique_id == f"{role.unique_id}:s1"
    assert principal.identity_arn == role.arn
    assert secret == issued.key.secret_access_key


def test_a_sessions_key_without_its_token_is_nobodys(bench: IamBench) -> None:
    bench.role("r")

    with pytest.raises(UnknownAccessKeyError):
        bench.credentials.find(session_of(bench).key.access_key_id, None)


def test_a_session_ends_to_the_millisecond(bench: IamBench) -> None:
    bench.role("r")
    issued = session_of(bench)
    bench.clock.advance(timedelta(hours=1, milliseconds=-1))
    bench.credentials.find(issued.key.access_key_id, issued.session_token)

    bench.clock.advance(timedelta(milliseconds=1))

    with pytest.raises(ExpiredTokenError):
        bench.credentials.find(issued.key.access_key_id, issued.session_token)


def test_a_token_of_another_key_is_refused(bench: IamBench) -> None:
    bench.role("r")
    one, other = session_of(bench), session_of(bench)
    user_key = bench.key(bench.user("ann"))

    for key in (other.key, user_key):
        with pytest.raises(InvalidTokenError):
            bench.credentials.find(key.access_key_id, one.session_token)


@pytest.mark.parametrize(
    "forge",
    [
        lambda _: "",
        lambda _: "not base64!",
        lambda _: "naïve",
        lambda token: token[:-4],
        lambda token: token[:60] + ("A" if token[60] != "A" else "B") + token[61:],
    ],
    ids=["empty", "no-base64", "no-ascii", "cut", "changed"],
)
def test_a_token_that_we_did_not_make_is_refused(
    bench: IamBench, forge: Callable[[str], str]
) -> None:
    bench.role("r")
    issued = session_of(bench)

    with pytest.raises(InvalidTokenError):
        bench.credentials.find(issued.key.access_key_id, forge(issued.session_token))


def test_a_token_that_was_made_under_another_master_key_is_refused(bench: IamBench) -> None:
    role = bench.role("r")
    issued = session_of(bench)
    session = bench.credentials._session(issued.session_token)
    forged = seal(Keyring(Plaintext(b"x" * 32)), session)

    with pytest.raises(InvalidTokenError):
        bench.credentials.find(issued.key.access_key_id, forged)
    assert session.role_arn == role.arn


def test_a_token_that_we_made_for_something_else_is_refused(bench: IamBench) -> None:
    other_use = bench.keyring.seal_token({"key_id": "ASIA", "after": "b"})

    with pytest.raises(InvalidTokenError):
        bench.credentials.find("ASIA", other_use)


def test_a_session_ends_with_its_role(bench: IamBench) -> None:
    bench.role("r")
    issued = session_of(bench)
    bench.credentials.find(issued.key.access_key_id, issued.session_token)

    with bench.database.write() as connection:
        roles.delete(connection, ACCOUNT, "r")

    with pytest.raises(InvalidTokenError):
        bench.credentials.find(issued.key.access_key_id, issued.session_token)


def test_a_session_is_not_one_of_a_later_role_of_the_same_name(bench: IamBench) -> None:
    bench.role("r")
    issued = session_of(bench)
    with bench.database.write() as connection:
        roles.delete(connection, ACCOUNT, "r")

    bench.role("r")

    with pytest.raises(InvalidTokenError):
        bench.credentials.find(issued.key.access_key_id, issued.session_token)


def test_no_repr_tells_a_secret(bench: IamBench) -> None:
    bench.role("r")
    issued = session_of(bench)
    session = bench.credentials._session(issued.session_token)
    secret = issued.key.secret_access_key.reveal().decode()

    found = bench.credentials.find(issued.key.access_key_id, issued.session_token)
    for value in (issued, session, issued.key, found):
        assert secret not in repr(value)
        assert issued.session_token not in repr(value)


def test_no_secret_access_key_is_on_the_disk(bench: IamBench, tmp_path: Path) -> None:
    marked = AccessKeyPair("AKIACANARYCANARYCAN1", Plaintext(b"canary" * 6))
    bench.key(bench.user("ann"), marked)
    bench.role("r")
    session_of(bench)

    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())

    assert b"AKIACANARYCANARYCAN1" in written
    assert b"canarycanary" not in written


def test_one_keys_sealed_secret_does_not_open_as_anothers(bench: IamBench) -> None:
    user = bench.user("ann")
    one, other = bench.key(user), bench.key(user)

    with bench.database.read() as connection:
        row = key_rows.find(connection, one.access_key_id)
    assert row is not None
    moved = replace(row, access_key_id=other.access_key_id)

    with pytest.raises(DecryptionError):
        access_keys.open_secret(bench.keyring, moved)
