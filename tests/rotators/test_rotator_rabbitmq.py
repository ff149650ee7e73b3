"""What the RabbitMQ engine makes of servers, users and rights that are not the usual ones."""

from base64 import b64encode
from collections.abc import Iterator
import json
import socket
from typing import Any
import uuid

import pytest

from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines import json_http
from keyturn_rotators.engines.rabbitmq import USERNAME_BYTES_MAX, Rabbitmq
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingRightError,
    NotPairedError,
    SecretValueError,
    StatementFailedError,
    UnreachableError,
    UsernameTooLongError,
)
from keyturn_rotators.rights import Right, compare
from support.certificates import Certificate, make_certificate
from support.cutting_proxy import CuttingProxy
from support.given_versions import NEXT_PASSWORD, GivenVersions, set_other
from support.rabbitmq_server import ADMIN, ADMIN_PASSWORD, RabbitmqServer, is_installed
from support.scripted_http import scripted_http

PASSWORD = "canary-password"
NEW_PASSWORD = "canary-new-password"
MARK = "keyturn-alternating-user"
pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not is_installed(), reason="NO RABBITMQ HERE: install rabbitmq-server"),
]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitmqServer]:
    with RabbitmqServer.start(tmp_path_factory.mktemp("rabbitmq") / "server") as started:
        yield started


@pytest.fixture
def user(server: RabbitmqServer) -> str:
    """A user of the test's own."""
    name = f"app-{uuid.uuid4().hex[:8]}"
    server.change("PUT", f"users/{name}", {"password": PASSWORD, "tags": ""})
    return name


def credential(port: int, username: str, password: str = PASSWORD, **keys: object) -> Credential:
    document = {
        "engine": "rabbitmq",
        "host": "127.0.0.1",
        "port": port,
        "username": username,
        "password": password,
        "ssl": False,
        **keys,
    }
    return parse(json.dumps(document), "AWSCURRENT", Rabbitmq().defaults)


def administrator(port: int) -> Credential:
    return credential(port, ADMIN, ADMIN_PASSWORD)


def log_in(login: Credential, ca_file: str | None = None) -> None:
    with Rabbitmq(ca_file=ca_file).login(login) as session:
        session.probe()


def alike(server: RabbitmqServer, model: str, follower: str) -> None:
    """Give a user the rights of another, as the strategy does."""
    admin = administrator(server.port)
    with Rabbitmq().administer(admin, admin) as administration:
        drift = compare(administration.rights_of(model), administration.rights_of(follower))
        for right in drift.surplus:
            administration.revoke(follower, right)
        for right in drift.missing:
            administration.grant(follower, right)
        administration.set_password(follower, NEW_PASSWORD)


def everything_of(server: RabbitmqServer, username: str) -> list[Any]:
    """Return what the server says of a user, without its name, password and mark."""
    found = [
        server.call("GET", f"users/{username}")[1],
        *server.call("GET", f"users/{username}/permissions")[1],
        *server.call("GET", f"users/{username}/topic-permissions")[1],
    ]
    for each in found:
        for name in ("name", "user", "password_hash"):
            each.pop(name, None)
        if "tags" in each:
            each["tags"] = [tag for tag in each["tags"] if tag != MARK]
    return found


def give_everything(server: RabbitmqServer, username: str) -> None:
    server.change("PUT", f"users/{username}", {"password": PASSWORD, "tags": "monitoring,own"})
    server.change("PUT", "vhosts/shop")
    server.change(
        "PUT", f"permissions/shop/{username}", {"configure": "^$", "write": "a|b", "read": ".*"}
    )
    server.change(
        "PUT",
        f"topic-permissions/shop/{username}",
        {"exchange": "amq.topic", "write": "^a", "read": "^b"},
    )
    server.change("PUT", f"user-limits/{username}/max-connections", {"value": 3})


def test_wrong_password_is_a_refused_login(server: RabbitmqServer, user: str) -> None:
    with pytest.raises(LoginRefusedError, match="Login failed") as error:
        log_in(credential(server.port, user, "canary-wrong"))

    assert "canary" not in str(error.value)


def test_user_that_may_not_use_the_api_logs_in_all_the_same(
    server: RabbitmqServer, user: str
) -> None:
    log_in(credential(server.port, user))

    assert server.call("GET", "whoami", username=user, password=PASSWORD)[0] == 401


def test_user_without_a_password_is_refused(server: RabbitmqServer, user: str) -> None:
    server.change("PUT", f"users/{user}", {"password_hash": "", "tags": ""})

    with pytest.raises(LoginRefusedError):
        log_in(credential(server.port, user))


def test_name_with_a_colon_is_not_taken_for_another_user(server: RabbitmqServer) -> None:
    server.change("PUT", "users/short", {"password": "rest:x", "tags": ""})

    with pytest.raises(SecretValueError, match="colon"):
        log_in(credential(server.port, "short:rest", "x"))


def test_user_that_is_no_administrator_may_not_change_itself(
    server: RabbitmqServer, user: str
) -> None:
    with (
        Rabbitmq().login(credential(server.port, user)) as session,
        pytest.raises(MissingRightError, match="masterarn"),
    ):
        session.change_own_password(NEW_PASSWORD)

    assert server.accepts(user, PASSWORD)


def test_administrator_changes_itself_and_stays_one(server: RabbitmqServer, user: str) -> None:
    server.change("PUT", f"users/{user}", {"password": PASSWORD, "tags": "administrator,own"})

    with Rabbitmq().login(credential(server.port, user)) as session:
        session.change_own_password(NEW_PASSWORD)

    assert server.accepts(user, NEW_PASSWORD)
    assert server.call("GET", f"users/{user}")[1]["tags"] == ["administrator", "own"]


def test_change_of_a_password_keeps_everything_else(server: RabbitmqServer, user: str) -> None:
    give_everything(server, user)
    before = everything_of(server, user)
    admin = administrator(server.port)

    with Rabbitmq().administer(admin, admin) as administration:
        administration.set_password(user, NEW_PASSWORD)

    assert server.accepts(user, NEW_PASSWORD)
    assert everything_of(server, user) == before


def test_user_of_another_backend_is_not_made(server: RabbitmqServer) -> None:
    admin = administrator(server.port)

    with (
        Rabbitmq().administer(admin, admin) as administration,
        pytest.raises(StatementFailedError, match="no user of RabbitMQ's own"),
    ):
        administration.set_password("of-ldap", NEW_PASSWORD)

    assert server.call("GET", "users/of-ldap")[0] == 404


def test_new_password_is_sent_as_its_salted_hash_alone(server: RabbitmqServer, user: str) -> None:
    with CuttingProxy.start((server.host, server.port)) as proxy:
        admin = administrator(proxy.port)
        with Rabbitmq().administer(admin, admin) as administration:
            administration.set_password(user, NEW_PASSWORD)

        assert b"password_hash" in proxy.sent
        assert NEW_PASSWORD.encode() not in proxy.sent
        assert b64encode(NEW_PASSWORD.encode()).rstrip(b"=") not in proxy.sent


def test_clone_has_everything_that_its_user_has(server: RabbitmqServer, user: str) -> None:
    give_everything(server, user)

    alike(server, user, f"{user}_clone")

    assert everything_of(server, f"{user}_clone") == everything_of(server, user)
    assert server.accepts(f"{user}_clone", NEW_PASSWORD)


def test_what_its_user_has_not_is_taken_from_a_clone(server: RabbitmqServer, user: str) -> None:
    give_everything(server, f"{user}_clone")

    alike(server, user, f"{user}_clone")

    assert everything_of(server, f"{user}_clone") == everything_of(server, user)
    assert not server.accepts(f"{user}_clone", PASSWORD)


def test_clone_without_a_password_yet_cannot_log_in(server: RabbitmqServer, user: str) -> None:
    give_everything(server, user)
    admin = administrator(server.port)
    with Rabbitmq().administer(admin, admin) as administration:
        for right in administration.rights_of(user):
            administration.grant(f"{user}_clone", right)

    assert server.call("GET", f"users/{user}_clone")[1]["password_hash"] == ""
    assert not server.accepts(f"{user}_clone", "")


def test_clone_is_restricted_before_it_is_permitted(server: RabbitmqServer, user: str) -> None:
    give_everything(server, user)
    admin = administrator(server.port)

    with Rabbitmq().administer(admin, admin) as administration:
        kinds = [right.subject[0] for right in administration.rights_of(user)]

    assert list(dict.fromkeys(kinds)) == ["user", "limit", "topic permission", "tag", "permission"]


def test_name_of_a_clone_has_a_longest() -> None:
    longest = "a" * (USERNAME_BYTES_MAX - len("_clone"))

    assert Rabbitmq().clone_names.other(longest) == f"{longest}_clone"
    with pytest.raises(UsernameTooLongError):
        Rabbitmq().clone_names.other(f"{longest}a")


def test_port_that_nothing_listens_on_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match="Connection refused"):
        log_in(credential(1, "app"))


@pytest.mark.parametrize(
    ("ssl", "error"), [(True, EncryptionError), (None, EncryptionError), (False, UnreachableError)]
)
def test_server_that_says_nothing_is_given_up(
    ssl: bool | None, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_http, "CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(json_http, "ANSWER_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        with pytest.raises(error, match=r"no answer|timed out"):
            log_in(credential(port, "app", ssl=ssl))


@pytest.mark.parametrize(
    "answer",
    [
        b"AMQP\x00\x00\x09\x01",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhtml",
        b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    ],
)
def test_what_is_no_management_api_is_named(answer: bytes) -> None:
    with scripted_http(answer) as port, pytest.raises(UnreachableError):
        log_in(credential(port, "app"))


def test_connection_that_is_closed_is_not_made_again_behind_the_callers_back() -> None:
    answer = b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 12\r\n\r\n{"name":"a"}'
    with (
        scripted_http(answer) as port,
        Rabbitmq().administer(administrator(port), administrator(port)) as administration,
        pytest.raises(ConnectionLostError),
    ):
        administration.rights_of("app")


def test_secret_without_ssl_sends_no_password_to_a_server_without_tls(
    server: RabbitmqServer, user: str
) -> None:
    with CuttingProxy.start((server.host, server.port)) as proxy:
        with pytest.raises(EncryptionError, match='"ssl": false'):
            log_in(credential(proxy.port, user, ssl=None))

        assert proxy.sent
        assert b"Basic" not in proxy.sent


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"), "127.0.0.1")


@pytest.fixture(scope="session")
def tls_server(
    certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RabbitmqServer]:
    folder = tmp_path_factory.mktemp("rabbitmq-tls") / "server"
    with RabbitmqServer.start(folder, certificate=certificate) as started:
        yield started


def test_server_that_the_ca_vouches_for_is_trusted_and_no_other(
    tls_server: RabbitmqServer,
    certificate: Certificate,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    other = make_certificate(tmp_path_factory.mktemp("others"), "127.0.0.1")
    its_own, another = (each.ca_file.read_text() for each in (certificate, other))
    where = (tls_server.port, ADMIN, ADMIN_PASSWORD)

    log_in(credential(*where, ssl=None), str(certificate.ca_file))
    log_in(credential(*where, ssl=True, caCertificate=its_own))
    with pytest.raises(EncryptionError, match="certificate"):
        log_in(credential(*where, ssl=True, caCertificate=another), str(certificate.ca_file))
    with pytest.raises(EncryptionError, match="certificate"):
        log_in(credential(*where, ssl=True))


def test_server_by_another_name_is_refused(
    tls_server: RabbitmqServer, certificate: Certificate
) -> None:
    login = credential(tls_server.port, ADMIN, ADMIN_PASSWORD, host="localhost", ssl=True)

    with pytest.raises(EncryptionError, match="localhost"):
        log_in(login, str(certificate.ca_file))


@pytest.mark.parametrize(("current", "stranger"), [("{}", "{}_clone"), ("{}_clone", "{}")])
@pytest.mark.parametrize("password", [{"password": "of a stranger"}, {"password_hash": ""}])
def test_strangers_user_of_the_other_name_is_left_alone(
    server: RabbitmqServer, user: str, current: str, stranger: str, password: dict[str, str]
) -> None:
    current, stranger = current.format(user), stranger.format(user)
    server.change("PUT", f"users/{current}", {"password": PASSWORD, "tags": ""})
    # One without a password may log in by a certificate.
    give_everything(server, stranger)
    server.change("PUT", f"users/{stranger}", {**password, "tags": "monitoring"})
    login = server.call("GET", f"users/{stranger}")[1]
    before = everything_of(server, stranger)
    now, admin = credential(server.port, current), administrator(server.port)

    with pytest.raises(NotPairedError, match="nothing links the two"):
        set_other(Rabbitmq(), GivenVersions(now=now, admin=admin))

    assert server.call("GET", f"users/{stranger}")[1] == login
    assert everything_of(server, stranger) == before


def test_clone_is_known_by_its_mark_which_is_not_passed_on(
    server: RabbitmqServer, user: str
) -> None:
    now, admin = credential(server.port, user), administrator(server.port)
    set_other(Rabbitmq(), GivenVersions(now=now, admin=admin))
    server.change("PUT", f"users/{user}_clone", {"password": "lost", "tags": MARK})

    pending = set_other(Rabbitmq(), GivenVersions(now=now, admin=admin))
    assert server.accepts(pending.username, NEXT_PASSWORD)
    set_other(Rabbitmq(), GivenVersions(now=pending, admin=admin, before=now))

    assert server.call("GET", f"users/{user}")[1]["tags"] == []
    assert server.call("GET", f"users/{user}_clone")[1]["tags"] == [MARK]


def test_right_of_no_known_kind_changes_nothing(server: RabbitmqServer, user: str) -> None:
    give_everything(server, user)
    before = everything_of(server, user)
    admin = administrator(server.port)

    with Rabbitmq().administer(admin, admin) as administration:
        with pytest.raises(RuntimeError, match="unknown"):
            administration.grant(user, Right(("unknown", "shop"), "{}"))
        with pytest.raises(RuntimeError, match="unknown"):
            administration.revoke(user, Right(("unknown", "shop")))

    assert everything_of(server, user) == before
