"""Active Directory, Samba's: whose password is changed, and what stops users alone."""

from collections.abc import Iterator
import json
import logging
from typing import Any
import uuid

import pytest

from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines.activedirectory import ActiveDirectory
from keyturn_rotators.errors import (
    EncryptionError,
    LoginRefusedError,
    MissingRightError,
    PasswordRefusedError,
    SecretValueError,
    UnreachableError,
)
from keyturn_rotators.strategies import SingleUser
from support import samba_server
from support.certificates import Certificate, make_certificate
from support.given_versions import GivenVersions
from support.samba_server import (
    ADMIN,
    ADMIN_PASSWORD,
    DOMAIN,
    LDAP_PORT,
    LDAPS_PORT,
    SUFFIX,
    SambaServer,
)

PASSWORD = "canary-password"
NEW_PASSWORD = "canary-new"
# A day, in 100 ns.
DAY = "-864000000000"

needs_server = [
    pytest.mark.engine,
    pytest.mark.skipif(
        bool(samba_server.missing()), reason=f"NO SAMBA HERE: install {samba_server.missing()}"
    ),
]


def credential(host: str, port: int, username: str, **keys: Any) -> Credential:  # noqa: ANN401 - JSON
    value = {
        "engine": "activedirectory",
        "host": host,
        "port": port,
        "username": username,
        "password": PASSWORD,
        **keys,
    }
    return parse(json.dumps(value), "AWSCURRENT", ActiveDirectory().defaults)


def test_secret_that_wants_no_tls_is_refused_before_anything_is_sent() -> None:
    with (
        pytest.raises(SecretValueError, match="by TLS alone"),
        ActiveDirectory().login(credential("127.0.0.1", 1, "app", ssl=False)),
    ):
        pass


def test_nobody_there_is_named() -> None:
    with (
        pytest.raises(UnreachableError, match=":1:"),
        ActiveDirectory().login(credential("127.0.0.1", 1, "app")),
    ):
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SambaServer]:
    with SambaServer.start(tmp_path_factory.mktemp("samba") / "server") as started:
        yield started


@pytest.fixture
def name(server: SambaServer) -> str:
    """A user."""
    name = f"app-{uuid.uuid4().hex[:8]}"
    server.make_user(name, PASSWORD)
    return name


def login_to(
    server: SambaServer,
    username: str,
    port: int = LDAPS_PORT,
    **keys: Any,  # noqa: ANN401 - JSON
) -> Credential:
    ca = server.certificate.ca_file.read_text()
    return credential(server.host, port, username, **{"caCertificate": ca, **keys})


FORMS = [f"{{name}}@{DOMAIN}", "EXAMPLE\\{name}", f"CN={{name}},CN=Users,{SUFFIX}"]


class TestOnAServer:
    """The directory itself."""

    pytestmark = needs_server

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("port", [LDAP_PORT, LDAPS_PORT])
    def test_user_is_itself_however_it_is_called(
        self, server: SambaServer, name: str, form: str, port: int
    ) -> None:
        with ActiveDirectory().login(
            login_to(server, form.format(name=name), port=port)
        ) as session:
            session.probe()
            session.change_own_password(NEW_PASSWORD)

        assert server.sids_of_login(f"{name}@{DOMAIN}", NEW_PASSWORD)
        assert not server.sids_of_login(f"{name}@{DOMAIN}", PASSWORD)

    def test_administrator_changes_who_logs_in_and_not_who_is_called_so(
        self, server: SambaServer, name: str
    ) -> None:
        # Somebody's account name is what another one's login begins with.
        other = f"o{uuid.uuid4().hex[:8]}"
        dn = server.make_user(other, PASSWORD)
        server.change(dn, {"userPrincipalName": f"{name}@elsewhere.test"})
        current = login_to(server, f"{name}@elsewhere.test")
        admin = login_to(server, ADMIN, password=ADMIN_PASSWORD)

        with ActiveDirectory().administer(admin, current) as administration:
            administration.set_password(current.username, NEW_PASSWORD)

        assert server.sids_of_login(f"EXAMPLE\\{other}", NEW_PASSWORD)
        assert server.sids_of_login(f"EXAMPLE\\{name}", PASSWORD)

    def test_password_that_is_too_young_is_left_to_the_administrator(
        self, server: SambaServer, name: str
    ) -> None:
        current = login_to(server, f"{name}@{DOMAIN}", masterarn="arn:admin")
        pending = current.with_password(NEW_PASSWORD)
        admin = login_to(server, ADMIN, password=ADMIN_PASSWORD)
        server.change(SUFFIX, {"minPwdAge": DAY})
        try:
            with (
                ActiveDirectory().login(current) as session,
                pytest.raises(MissingRightError, match="minimum age"),
            ):
                session.change_own_password(NEW_PASSWORD)
            SingleUser(ActiveDirectory()).apply(pending, GivenVersions(now=current, admin=admin))
        finally:
            server.change(SUFFIX, {"minPwdAge": "0"})

        assert server.sids_of_login(f"{name}@{DOMAIN}", NEW_PASSWORD)

    def test_password_that_the_policy_refuses_is_not_in_the_message(
        self, server: SambaServer, name: str
    ) -> None:
        with (
            ActiveDirectory().login(login_to(server, f"{name}@{DOMAIN}")) as session,
            pytest.raises(PasswordRefusedError, match="0000052D") as caught,
        ):
            session.change_own_password("canary")

        assert "canary" not in str(caught.value)

    def test_disabled_user_is_refused(self, server: SambaServer, name: str) -> None:
        server.change(f"CN={name},CN=Users,{SUFFIX}", {"userAccountControl": "514"})

        with (
            pytest.raises(LoginRefusedError, match="AWSCURRENT"),
            ActiveDirectory().login(login_to(server, f"{name}@{DOMAIN}")),
        ):
            pass

    @pytest.mark.parametrize("port", [LDAP_PORT, LDAPS_PORT])
    def test_server_that_no_known_ca_vouches_for_is_sent_no_password(
        self, server: SambaServer, name: str, port: int, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        other: Certificate = make_certificate(tmp_path_factory.mktemp("ca"), server.host)
        login = login_to(
            server, f"{name}@{DOMAIN}", port=port, caCertificate=other.ca_file.read_text()
        )

        with (
            pytest.raises(EncryptionError, match="certificate verify failed"),
            ActiveDirectory().login(login),
        ):
            pass

    def test_password_is_in_no_log(
        self, server: SambaServer, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with (
            caplog.at_level(logging.DEBUG),
            ActiveDirectory().login(login_to(server, f"{name}@{DOMAIN}")) as session,
        ):
            session.change_own_password(NEW_PASSWORD)

        assert NEW_PASSWORD not in caplog.text
        assert NEW_PASSWORD not in (server.folder / "log").read_text(errors="replace")

    def test_repeated_change_is_done_where_the_old_password_still_logs_in(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        # The directory's own defaults: an hour, a day, and a history that keeps the old one.
        folder = tmp_path_factory.mktemp("samba") / "default"
        with SambaServer.start(folder, old_password_minutes=60) as server:
            server.change(SUFFIX, {"pwdHistoryLength": "24"})
            server.make_user("app", PASSWORD)
            current = login_to(server, f"app@{DOMAIN}")
            pending = current.with_password(NEW_PASSWORD)
            with ActiveDirectory().login(current) as session:
                session.change_own_password(NEW_PASSWORD)
            server.change(SUFFIX, {"minPwdAge": DAY})
            assert server.sids_of_login(f"app@{DOMAIN}", PASSWORD)

            versions = GivenVersions(now=current, admin=current, has_admin=False)
            SingleUser(ActiveDirectory()).apply(pending, versions)

            assert server.sids_of_login(f"app@{DOMAIN}", NEW_PASSWORD)
