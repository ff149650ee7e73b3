"""What the OpenLDAP engine makes of directories, rules and logins that are not the usual ones."""

from collections.abc import Iterator
import json
from pathlib import Path
import socket
from typing import TYPE_CHECKING, cast
import uuid

from ldap3.core.exceptions import LDAPSocketReceiveError
import pytest
from typing_extensions import override

from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines import openldap
from keyturn_rotators.engines.openldap import Openldap
from keyturn_rotators.engines.openldap_connection import LdapConnection, hashed, login_error
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingRightError,
    PasswordNotAskedError,
    PasswordRefusedError,
    ReadOnlyTargetError,
    SecretValueError,
    StatementFailedError,
    TargetError,
    UnreachableError,
)
from support.certificates import Certificate, make_certificate
from support.cutting_proxy import CuttingProxy
from support.openldap_server import ADMIN, ADMIN_PASSWORD, SUFFIX, OpenldapServer, is_installed

if TYPE_CHECKING:
    from ldap3 import Connection

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not is_installed(), reason="NO OPENLDAP HERE: install slapd"),
]
PASSWORD = "canary-password"
NEW_PASSWORD = "canary-new-password"
POLICY = f"cn=policy,{SUFFIX}"
USER = f"uid=app,{SUFFIX}"


def credential(port: int, username: str = USER, **keys: object) -> Credential:
    document = {
        "engine": "openldap",
        "host": "127.0.0.1",
        "port": port,
        "username": username,
        "password": PASSWORD,
        "ssl": False,
        **keys,
    }
    return parse(json.dumps(document), "AWSCURRENT", Openldap().defaults)


def log_in(login: Credential, ca_file: str | None = None) -> None:
    with Openldap(ca_file=ca_file).login(login) as session:
        session.probe()


def change(login: Credential, password: str = NEW_PASSWORD) -> None:
    with Openldap().login(login) as session:
        session.change_own_password(password)


def make_user(server: OpenldapServer, username: str, password: str = PASSWORD) -> None:
    with server.administered() as connection:
        entry = {"userPassword": hashed(password)}
        assert connection.add(username, ["account", "simpleSecurityObject"], entry)


def passwords(server: OpenldapServer, username: str) -> list[bytes]:
    with server.administered() as connection:
        connection.search(username, "(objectClass=*)", "BASE", attributes=["userPassword"])
        return list(connection.entries[0].entry_raw_attributes["userPassword"])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenldapServer]:
    with OpenldapServer.start(tmp_path_factory.mktemp("openldap") / "server") as started:
        yield started


@pytest.fixture
def user(server: OpenldapServer) -> str:
    """An entry of the test's own."""
    name = f"uid=app-{uuid.uuid4().hex[:8]},{SUFFIX}"
    make_user(server, name)
    return name


@pytest.mark.parametrize("username", [f"uid=nobody,{SUFFIX}", "no DN", f"o=elsewhere,{SUFFIX}"])
def test_an_entry_that_is_not_there_is_a_refused_login(
    server: OpenldapServer, username: str
) -> None:
    with pytest.raises(LoginRefusedError, match="AWSCURRENT") as error:
        log_in(credential(server.port, username))

    assert "canary" not in str(error.value)


def test_a_wrong_password_is_a_refused_login(server: OpenldapServer, user: str) -> None:
    with pytest.raises(LoginRefusedError, match="invalidCredentials"):
        log_in(credential(server.port, user, password="canary-wrong"))


def test_what_is_stored_is_a_hash_and_no_two_are_the_same(
    server: OpenldapServer, user: str
) -> None:
    change(credential(server.port, user))
    (first,) = passwords(server, user)
    change(credential(server.port, user, password=NEW_PASSWORD))
    (second,) = passwords(server, user)

    assert server.accepts(user, NEW_PASSWORD)
    assert first.startswith(b"{SSHA}")
    assert first != second


def test_an_entry_has_exactly_the_two_passwords_that_it_is_to_keep(
    server: OpenldapServer, user: str
) -> None:
    for fresh, kept in ((NEW_PASSWORD, PASSWORD), ("third", NEW_PASSWORD)):
        with Openldap().login(credential(server.port, user, password=kept)) as session:
            session.keep_two_passwords(kept, fresh)

        assert len(passwords(server, user)) == 2
        assert server.accepts(user, fresh)
        assert server.accepts(user, kept)
    assert not server.accepts(user, PASSWORD)


def test_an_administrator_changes_whom_it_may(server: OpenldapServer, user: str) -> None:
    admin = credential(server.port, ADMIN, password=ADMIN_PASSWORD)

    with Openldap().administer(admin, credential(server.port, user)) as administration:
        administration.set_password(user, NEW_PASSWORD)

    assert len(passwords(server, user)) == 1
    assert server.accepts(user, NEW_PASSWORD)


def test_who_may_not_change_another_is_told_what_it_needs(
    server: OpenldapServer, user: str
) -> None:
    other = f"uid=other-{uuid.uuid4().hex[:8]},{SUFFIX}"
    make_user(server, other)
    admin = credential(server.port, other)

    with (
        Openldap().administer(admin, credential(server.port, user)) as administration,
        pytest.raises(MissingRightError, match=f"{other} must have the right.*of {user}"),
    ):
        administration.set_password(user, NEW_PASSWORD)

    assert server.accepts(user, PASSWORD)


def test_a_directory_whose_entries_may_not_change_themselves_says_what_it_needs(
    tmp_path: Path,
) -> None:
    rules = ["access to attrs=userPassword by anonymous auth", "access to * by * read"]
    with OpenldapServer.start(tmp_path / "server", rules=rules) as started:
        make_user(started, USER)

        with pytest.raises(MissingRightError, match=r"by self write.*masterarn"):
            change(credential(started.port))

        assert started.accepts(USER, PASSWORD)


def test_a_directory_that_is_read_only_says_so(tmp_path: Path) -> None:
    with OpenldapServer.start(tmp_path / "server", more="restrict modify extended") as started:
        make_user(started, USER)

        # Nothing may be asked for by an extended operation there, so nobody can be probed.
        admin = credential(started.port, ADMIN, password=ADMIN_PASSWORD)
        with (
            Openldap().administer(admin, credential(started.port)) as administration,
            pytest.raises(ReadOnlyTargetError, match="replica"),
        ):
            administration.set_password(USER, NEW_PASSWORD)


@pytest.fixture(scope="session")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenldapServer]:
    """A directory with a password policy that sees passwords itself."""
    folder = tmp_path_factory.mktemp("openldap-strict") / "server"
    more = f"overlay ppolicy\nppolicy_default {POLICY}\nppolicy_hash_cleartext"
    with OpenldapServer.start(folder, more=more) as started:
        with started.administered() as connection:
            policy = {
                "pwdAttribute": "userPassword",
                "pwdCheckQuality": 2,
                "pwdMinLength": 12,
                "pwdSafeModify": "TRUE",
            }
            assert connection.add(POLICY, ["organizationalRole", "pwdPolicy"], policy)
        yield started


@pytest.fixture
def strict_user(strict_server: OpenldapServer) -> str:
    name = f"uid=app-{uuid.uuid4().hex[:8]},{SUFFIX}"
    make_user(strict_server, name)
    return name


def test_a_policy_that_wants_the_old_password_and_no_hash_gets_them(
    strict_server: OpenldapServer, strict_user: str
) -> None:
    change(credential(strict_server.port, strict_user))

    assert strict_server.accepts(strict_user, NEW_PASSWORD)
    assert passwords(strict_server, strict_user)[0].startswith(b"{SSHA}")


def test_a_password_that_the_policy_finds_too_short_is_refused(
    strict_server: OpenldapServer, strict_user: str
) -> None:
    with pytest.raises(PasswordRefusedError, match=r"(?i)quality") as caught:
        change(credential(strict_server.port, strict_user), "canary")

    assert "canary" not in str(caught.value)
    assert strict_server.accepts(strict_user, PASSWORD)


def test_a_policy_that_allows_one_password_keeps_it_and_names_the_other_strategy(
    strict_server: OpenldapServer, strict_user: str
) -> None:
    admin = credential(strict_server.port, ADMIN, password=ADMIN_PASSWORD)
    current = credential(strict_server.port, strict_user)

    with (
        Openldap().administer(admin, current) as administration,
        pytest.raises(StatementFailedError, match="single user"),
    ):
        administration.keep_two_passwords(strict_user, PASSWORD, NEW_PASSWORD)

    assert strict_server.accepts(strict_user, PASSWORD)


def test_a_port_that_nothing_listens_on_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match="refused"):
        log_in(credential(1))


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_address_of_ipv6_is_a_host(host: str) -> None:
    with pytest.raises(UnreachableError, match=r"(?i)socket"):
        log_in(credential(1, host=host))


def test_a_host_that_has_no_address_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match="invalid server address"):
        log_in(credential(389, host="nowhere.invalid"))


@pytest.mark.parametrize("ssl", [False, True])
def test_a_server_that_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch, *, ssl: bool
) -> None:
    monkeypatch.setattr(openldap, "ANSWER_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        with pytest.raises((UnreachableError, EncryptionError), match="timed out"):
            log_in(credential(port, ssl=ssl))


def test_a_connection_that_breaks_is_told_from_one_that_was_never_made(
    server: OpenldapServer, user: str
) -> None:
    with (
        CuttingProxy.start((server.host, server.port)) as proxy,
        Openldap().login(credential(proxy.port, user)) as session,
    ):
        proxy.arm(0)

        with pytest.raises(ConnectionLostError):
            session.probe()


@pytest.mark.parametrize("host", ["ldap://elsewhere", "/run/ldapi", "elsewhere:389"])
def test_a_host_is_one_server_and_no_url(host: str) -> None:
    with pytest.raises(SecretValueError, match="no URL"):
        log_in(credential(389, host=host))


@pytest.mark.parametrize("ldaps", ["yes", 1, None])
def test_ldaps_is_true_or_false(ldaps: object) -> None:
    with pytest.raises(SecretValueError, match='"ldaps" must be true or false'):
        log_in(credential(389, ssl=True, ldaps=ldaps))


@pytest.mark.parametrize("ssl", [True, None])
@pytest.mark.parametrize("ldaps", [True, False])
def test_without_tls_nothing_is_sent_unless_the_secret_says_so(
    server: OpenldapServer, user: str, *, ssl: bool | None, ldaps: bool
) -> None:
    with CuttingProxy.start((server.host, server.port)) as proxy:
        with pytest.raises(EncryptionError, match='"ssl": false'):
            log_in(credential(proxy.port, user, ssl=ssl, ldaps=ldaps))

        assert b"canary" not in proxy.sent


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"), "127.0.0.1")


@pytest.fixture(scope="session")
def tls_server(
    certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenldapServer]:
    folder = tmp_path_factory.mktemp("openldap-tls") / "server"
    with OpenldapServer.start(folder, certificate=certificate) as started:
        make_user(started, USER)
        yield started


@pytest.fixture(params=["StartTLS", "LDAPS"])
def tls_login(
    request: pytest.FixtureRequest, tls_server: OpenldapServer, monkeypatch: pytest.MonkeyPatch
) -> Credential:
    """A login by either way, chosen by its port as by 389 and 636."""
    monkeypatch.setattr(openldap, "LDAPS_PORT", tls_server.tls_port)
    is_ldaps = request.param == "LDAPS"
    return credential(tls_server.tls_port if is_ldaps else tls_server.port, ssl=True)


def with_keys(login: Credential, **keys: object) -> Credential:
    document = {**login.document, **keys}
    return parse(json.dumps(document), "AWSCURRENT", Openldap().defaults)


@pytest.mark.parametrize("ssl", [True, "true", None])
def test_tls_is_verified_with_the_secrets_own_ca(
    tls_login: Credential, certificate: Certificate, ssl: object
) -> None:
    log_in(with_keys(tls_login, ssl=ssl, caCertificate=certificate.ca_file.read_text()))


def test_tls_is_verified_with_the_functions_ca(
    tls_login: Credential, certificate: Certificate
) -> None:
    log_in(tls_login, str(certificate.ca_file))


@pytest.mark.parametrize("ssl", [True, None])
def test_a_server_that_no_known_ca_vouches_for_is_refused(
    tls_login: Credential, ssl: object
) -> None:
    with pytest.raises(EncryptionError, match="certificate verify failed"):
        log_in(with_keys(tls_login, ssl=ssl))


def test_a_server_by_another_name_is_refused(
    tls_login: Credential, certificate: Certificate
) -> None:
    # A name of 127.0.0.1 that isn't one of ::1 as well.
    with pytest.raises(EncryptionError, match="Hostname mismatch"):
        log_in(with_keys(tls_login, host="127.1"), str(certificate.ca_file))


def test_a_port_of_ldaps_that_is_not_the_usual_one_is_named_by_the_secret(
    tls_server: OpenldapServer, certificate: Certificate
) -> None:
    login = credential(tls_server.tls_port, ssl=True, ldaps=True)

    log_in(login, str(certificate.ca_file))


class SaysNothingOfWho:
    """A connection whose server takes a login for nobody's, and fails as it is told."""

    def __init__(self, code: int = 0, message: str = "") -> None:
        self.result = {
            "result": code,
            "description": "said",
            "message": message,
            "authzid": None,
        }
        self.extend = self
        self.standard = self

    def who_am_i(self) -> None:
        """Answer."""

    def modify(self, _dn: str, _changes: object) -> None:
        """Answer."""

    def modify_password(self, _dn: str, _old: object, _new: object) -> None:
        """Answer."""


def test_a_login_that_is_nobodys_proves_nothing() -> None:
    connection = cast("Connection", SaysNothingOfWho())

    with pytest.raises(PasswordNotAskedError):
        openldap.LdapSession(connection, credential(1), "").probe()


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (10, "", ReadOnlyTargetError),
        (19, f"{NEW_PASSWORD} is bad", PasswordRefusedError),
        (32, "", MissingRightError),
        (50, "", MissingRightError),
        (52, "", ConnectionLostError),
        (53, "shadow context; no update referral", ReadOnlyTargetError),
        (53, f"not {NEW_PASSWORD}", StatementFailedError),
        (80, "", StatementFailedError),
    ],
)
def test_what_a_server_says_is_told_by_its_code_without_the_password(
    code: int, message: str, expected: type[TargetError]
) -> None:
    connection = cast("Connection", SaysNothingOfWho(code, message))

    with pytest.raises(TargetError) as caught:
        LdapConnection(connection, credential(1), "")._set_password(USER, NEW_PASSWORD)

    assert type(caught.value) is expected
    assert NEW_PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (8, EncryptionError),
        (13, EncryptionError),
        (34, LoginRefusedError),
        (49, LoginRefusedError),
        (51, UnreachableError),
        (52, UnreachableError),
        (53, LoginRefusedError),
    ],
)
def test_a_refused_bind_is_told_by_its_code(code: int, expected: type[TargetError]) -> None:
    assert type(login_error(code, "", credential(1))) is expected


def test_what_breaks_a_connection_is_told_without_the_password() -> None:
    class Broken(SaysNothingOfWho):
        @override
        def who_am_i(self) -> None:
            raise LDAPSocketReceiveError(f"broken at {PASSWORD}")

    with pytest.raises(ConnectionLostError) as caught:
        openldap.LdapSession(cast("Connection", Broken()), credential(1), "").probe()

    assert PASSWORD not in str(caught.value)
