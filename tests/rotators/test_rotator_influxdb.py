"""InfluxDB 2, simulated: sessions that end, and tokens that are copied from none but their own."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
import json
from typing import Any

import pytest

from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines.influxdb import Influxdb
from keyturn_rotators.engines.influxdb_tokens import InfluxdbTokens
from keyturn_rotators.errors import (
    LoginRefusedError,
    MissingRightError,
    PasswordRefusedError,
    SecretValueError,
    StatementFailedError,
    UnreachableError,
)
from keyturn_rotators.strategies import IssuedCredential
from keyturn_rotators.strategies.issued_credential import mark_of
from support.api_key_server import ApiKeyServer
from support.given_versions import GivenVersions
from support.kits.influxdb_tokens import OWN_TOKENS, document
from support.simulated_influxdb import Authorization, SimulatedInfluxdb, permission

PASSWORD = "canary-password"
READS = permission("read", "buckets", "sales")


@pytest.fixture
def server() -> Iterator[SimulatedInfluxdb]:
    with SimulatedInfluxdb.start() as simulation:
        simulation.passwords |= {"app": PASSWORD, "admin": "admin's password"}
        yield simulation


def user(server: SimulatedInfluxdb, name: str, **keys: Any) -> Credential:  # noqa: ANN401 - JSON
    value = {
        "engine": "influxdb",
        "host": "127.0.0.1",
        "port": server.port,
        "username": name,
        "password": server.passwords.get(name, "none"),
        "ssl": False,
        **keys,
    }
    return parse(json.dumps(value), "AWSCURRENT", Influxdb().defaults)


def token(server: SimulatedInfluxdb, made: Authorization, **keys: Any) -> Credential:  # noqa: ANN401 - JSON
    value = {**document(made, server.port), **keys}
    return parse(json.dumps(value), "AWSCURRENT", InfluxdbTokens().defaults)


def propose(current: Credential, admin: Credential) -> Credential:
    versions = GivenVersions(now=current, admin=admin)
    return IssuedCredential(InfluxdbTokens()).propose(current, lambda: "", versions)


def test_session_ends_with_the_login(server: SimulatedInfluxdb) -> None:
    with Influxdb().login(user(server, "app")) as session:
        session.probe()
        assert set(server.sessions.values()) == {"app"}

    assert server.sessions == {}


def test_administrator_changes_a_user_whose_tokens_may_write_none(
    server: SimulatedInfluxdb,
) -> None:
    server.make_token("admin", "", [permission(each, "users") for each in ("read", "write")])
    admin = user(server, "admin")

    with Influxdb().administer(admin, user(server, "app")) as administration:
        administration.set_password("app", "another password")

    assert server.passwords["app"] == "another password"


def test_administrator_without_a_right_is_told_so(server: SimulatedInfluxdb) -> None:
    server.make_token("admin", "", [permission("read", "users")])
    admin = user(server, "admin")

    with (
        Influxdb().administer(admin, user(server, "app")) as administration,
        pytest.raises(MissingRightError, match="write:users"),
    ):
        administration.set_password("app", "another password")

    assert server.passwords["app"] == PASSWORD


def test_user_that_the_administrator_does_not_see_is_named(server: SimulatedInfluxdb) -> None:
    admin = user(server, "admin")

    with (
        Influxdb().administer(admin, user(server, "app")) as administration,
        pytest.raises(StatementFailedError, match="sees no user nobody"),
    ):
        administration.set_password("nobody", "another password")


def test_refused_password_is_not_in_the_message(server: SimulatedInfluxdb) -> None:
    short = "canary!"

    with (
        Influxdb().login(user(server, "app")) as session,
        pytest.raises(PasswordRefusedError, match="between 8 and 72") as caught,
    ):
        session.change_own_password(short)

    assert short not in str(caught.value)


def test_name_that_basic_authentication_would_cut_is_refused(server: SimulatedInfluxdb) -> None:
    with (
        pytest.raises(SecretValueError, match="colon"),
        Influxdb().login(user(server, "app:b")),
    ):
        pass


def test_what_is_no_influxdb_is_named() -> None:
    simulation = SimulatedInfluxdb()
    made = simulation.make_token("app", "", [])
    with ApiKeyServer.start() as other:
        key = other.make("app", "takes the token, and has no such pages")
        other.keys[key.id] = replace(key, secret=f"Token {made.token}")
        simulation.port = other.port

        with (
            pytest.raises(UnreachableError, match="no InfluxDB 2"),
            InfluxdbTokens().login(token(simulation, made)),
        ):
            pass


def test_header_that_a_server_repeats_is_not_in_the_message() -> None:
    with ApiKeyServer.start() as other:
        login = user(SimulatedInfluxdb(port=other.port), "app", password=PASSWORD)

        with pytest.raises(LoginRefusedError) as caught, Influxdb().login(login):
            pass

    assert b64encode(f"app:{PASSWORD}".encode()).decode() not in str(caught.value)
    assert "unknown key" in str(caught.value)


def test_administrator_makes_a_token_of_the_same_user_with_the_same_permissions(
    server: SimulatedInfluxdb,
) -> None:
    admin = server.make_token("admin", "admin", [*OWN_TOKENS, READS])
    made = server.make_token("app", "by hand", [READS])
    current = token(server, made, masterarn="arn:admin")

    pending = propose(current, token(server, admin))

    fresh = server.authorizations[pending.username]
    assert (fresh.token, fresh.user, fresh.permissions) == (pending.password, "app", [READS])
    assert fresh.description.startswith("keyturn-")


def test_administrator_does_not_copy_a_token_that_the_secret_merely_names(
    server: SimulatedInfluxdb,
) -> None:
    admin = server.make_token("admin", "admin", [*OWN_TOKENS, READS])
    mine = server.make_token("app", "by hand", [])
    forged = replace(token(server, mine, masterarn="arn:admin"), username=admin.id)

    with pytest.raises(StatementFailedError, match="doesn't show"):
        propose(forged, token(server, admin))

    assert set(server.authorizations) == {admin.id, mine.id}


@pytest.mark.parametrize("is_marked", [True, False])
def test_server_that_shows_no_tokens_is_believed_where_the_token_has_the_secrets_mark(
    server: SimulatedInfluxdb, *, is_marked: bool
) -> None:
    server.hides_tokens = True
    admin = server.make_token("admin", "admin", [*OWN_TOKENS, READS])
    made = server.make_token("app", "by hand", [READS])
    current = token(server, made, masterarn="arn:admin")
    mark = mark_of(GivenVersions(now=current, admin=current))
    if is_marked:
        made.description = mark
        propose(current, token(server, admin))
    else:
        with pytest.raises(StatementFailedError, match=f"description be {mark}"):
            propose(current, token(server, admin))

    assert len(server.authorizations) == (3 if is_marked else 2)


def test_permissions_that_the_administrator_has_not_are_not_given(
    server: SimulatedInfluxdb,
) -> None:
    admin = server.make_token("admin", "admin", OWN_TOKENS)
    current = token(server, server.make_token("app", "", [READS]), masterarn="arn:admin")

    with pytest.raises(MissingRightError, match="is not allowed"):
        propose(current, token(server, admin))
