"""What the MariaDB engine makes of accounts and servers that are not the usual ones."""

from collections.abc import Iterator
from contextlib import suppress
import json
from pathlib import Path
import uuid

import pytest

from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines.mariadb import Mariadb
from keyturn_rotators.engines.mysql_hashes import native
from keyturn_rotators.errors import (
    EncryptionError,
    LoginRefusedError,
    MissingRightError,
    NotPairedError,
    PasswordNotAskedError,
    PasswordRefusedError,
    ReadOnlyTargetError,
    RightsDifferError,
    StatementFailedError,
    UsernameTooLongError,
)
from keyturn_rotators.rights import Right, compare
from keyturn_rotators.strategies.alternating_users import _follow
from support import mariadb_server
from support.certificates import Certificate, make_certificate
from support.given_versions import NEXT_PASSWORD, GivenVersions, set_other
from support.mariadb_server import ADMIN, ADMIN_PASSWORD, MariadbServer

pytestmark = pytest.mark.engine
PASSWORD = "canary-password"
NEW_PASSWORD = "canary-new-password"
MARK = "*6B65797475726E3A20616C7465726E6174696E67"


@pytest.fixture(scope="session")
def mariadb_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("mariadb-certificates"), "127.0.0.1")


@pytest.fixture(scope="session")
def mariadb(
    mariadb_certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MariadbServer]:
    if not mariadb_server.is_installed():
        pytest.skip("NO MARIADB SERVER HERE: install mariadb-server-core mariadb-client-core")
    folder = tmp_path_factory.mktemp("mariadb") / "server"
    with MariadbServer.start(folder, certificate=mariadb_certificate) as started:
        started.execute("CREATE TABLE shop.orders (id int, price int)")
        started.execute("CREATE PROCEDURE shop.pay() SELECT 1")
        started.execute("CREATE ROLE reader")
        started.execute("CREATE ROLE writer")
        yield started


@pytest.fixture
def user(mariadb: MariadbServer) -> str:
    """A user of the test's own."""
    name = f"app-{uuid.uuid4().hex[:8]}"
    mariadb.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", name, PASSWORD)
    return name


def credential(port: int, username: str, password: str = PASSWORD, **keys: object) -> Credential:
    document = {
        "engine": "mariadb",
        "host": "127.0.0.1",
        "port": port,
        "username": username,
        "password": password,
        **keys,
    }
    return parse(json.dumps(document), "AWSCURRENT", Mariadb().defaults)


def administrator(server: MariadbServer) -> Credential:
    return credential(server.port, ADMIN, ADMIN_PASSWORD)


def log_in(login: Credential) -> None:
    with Mariadb().login(login) as session:
        session.probe()


def change(login: Credential, password: str = NEW_PASSWORD) -> None:
    with Mariadb().login(login) as session:
        session.change_own_password(password)


def accepts(server: MariadbServer, username: str, password: str) -> bool:
    with suppress(LoginRefusedError):
        log_in(credential(server.port, username, password))
        return True
    return False


def follow(server: MariadbServer, username: str) -> str:
    """Make a user's clone, or make it alike again; return its name."""
    admin, clone = administrator(server), f"{username}_clone"
    with Mariadb().administer(admin, admin) as administration:
        _follow(administration, username, clone)
        administration.set_password(clone, NEW_PASSWORD)
        assert not compare(administration.rights_of(username), administration.rights_of(clone))
    return clone


def described(server: MariadbServer, username: str, password: str, host: str = "%") -> list[str]:
    """Return what the server says of an account, without its name, its password and its mark."""
    by_mark = f"VIA mysql_native_password USING 'HASH' OR mysql_native_password USING '{MARK}'"
    return sorted(
        line.replace(username, "NAME")
        .replace(native(password), "HASH")
        .replace(by_mark, "BY PASSWORD 'HASH'")
        for statement in ("SHOW CREATE USER", "SHOW GRANTS FOR")
        for (line,) in server.execute(f"{statement} `{username}`@`{host}`")
    )


def test_the_statement_log_holds_hashes_and_no_password(mariadb: MariadbServer) -> None:
    name = f"app-{uuid.uuid4().hex[:8]}"
    first = f"first-{name}"
    mariadb.execute(f"CREATE USER `{name}` IDENTIFIED BY PASSWORD '{native(first)}'")
    change(credential(mariadb.port, name, first), f"own-{name}")
    admin = administrator(mariadb)
    with Mariadb().administer(admin, admin) as administration:
        administration.set_password(name, f"admins-{name}")
        administration.keep_two_passwords(name, f"admins-{name}", f"second-{name}")

    log = mariadb.log.read_text(errors="replace")
    for password in (f"own-{name}", f"admins-{name}", f"second-{name}"):
        assert native(password) in log
        assert password not in log


def test_a_user_with_two_passwords_is_changed_by_an_administrator(
    mariadb: MariadbServer, user: str
) -> None:
    admin = administrator(mariadb)
    with Mariadb().administer(admin, admin) as administration:
        administration.keep_two_passwords(user, PASSWORD, "second")

        # The server would let it change the first of the two alone.
        with pytest.raises(MissingRightError, match="other methods"):
            change(credential(mariadb.port, user))
        administration.set_password(user, NEW_PASSWORD)

    assert [accepts(mariadb, user, each) for each in (PASSWORD, "second", NEW_PASSWORD)] == [
        False,
        False,
        True,
    ]


def test_a_user_cannot_give_itself_a_second_password(mariadb: MariadbServer, user: str) -> None:
    with (
        Mariadb().login(credential(mariadb.port, user)) as session,
        pytest.raises(MissingRightError, match="masterarn"),
    ):
        session.keep_two_passwords(PASSWORD, NEW_PASSWORD)


def test_another_method_of_an_account_stays(mariadb: MariadbServer, user: str) -> None:
    mariadb.execute(
        f"ALTER USER `{user}` IDENTIFIED VIA unix_socket OR mysql_native_password USING %s",
        native(PASSWORD),
    )
    admin = administrator(mariadb)
    with Mariadb().administer(admin, admin) as administration:
        administration.set_password(user, NEW_PASSWORD)

    assert accepts(mariadb, user, NEW_PASSWORD)
    assert not accepts(mariadb, user, PASSWORD)
    ((line,),) = mariadb.execute(f"SHOW CREATE USER `{user}`")
    assert "unix_socket" in line


def test_an_account_that_no_password_is_kept_for_is_left_alone(
    mariadb: MariadbServer, user: str
) -> None:
    mariadb.execute(f"CREATE USER `{user}`@`localhost` IDENTIFIED VIA unix_socket")
    before = described(mariadb, user, PASSWORD, "localhost")
    admin = administrator(mariadb)
    with Mariadb().administer(admin, admin) as administration:
        administration.set_password(user, NEW_PASSWORD)

        assert administration.rights_of(f"{user}_clone") == []
        assert {right.subject[1] for right in administration.rights_of(user)} == {"%", "localhost"}
    assert described(mariadb, user, PASSWORD, "localhost") == before
    clone = follow(mariadb, user)
    assert mariadb.execute("SELECT Host FROM mysql.user WHERE User = %s", clone) == [("%",)]


def test_a_user_without_an_account_to_change_is_named(mariadb: MariadbServer) -> None:
    admin = administrator(mariadb)
    with (
        Mariadb().administer(admin, admin) as administration,
        pytest.raises(StatementFailedError, match="no account of nobody"),
    ):
        administration.set_password("nobody", NEW_PASSWORD)


def test_a_server_that_wants_to_see_passwords_takes_no_hash(
    mariadb: MariadbServer, user: str
) -> None:
    mariadb.execute("INSTALL SONAME 'simple_password_check'")
    try:
        with pytest.raises(PasswordRefusedError, match="hashed by the client"):
            change(credential(mariadb.port, user))
    finally:
        mariadb.execute("UNINSTALL SONAME 'simple_password_check'")

    assert accepts(mariadb, user, PASSWORD)


def test_a_locked_account_is_a_refused_login_that_says_so(
    mariadb: MariadbServer, user: str
) -> None:
    mariadb.execute("ALTER USER %s@'%%' ACCOUNT LOCK", user)

    with pytest.raises(LoginRefusedError, match="locked"):
        log_in(credential(mariadb.port, user))


def test_a_server_that_is_read_only_is_told(mariadb: MariadbServer, user: str) -> None:
    mariadb.execute("SET GLOBAL read_only = ON")
    try:
        with pytest.raises(ReadOnlyTargetError):
            change(credential(mariadb.port, user))
    finally:
        mariadb.execute("SET GLOBAL read_only = OFF")


def test_a_verified_server_is_one_that_the_ca_of_the_secret_vouches_for(
    mariadb: MariadbServer, user: str, mariadb_certificate: Certificate
) -> None:
    ca = mariadb_certificate.ca_file.read_text()
    mariadb.execute("ALTER USER %s@'%%' REQUIRE SSL", user)

    change(credential(mariadb.port, user, ssl=True, caCertificate=ca))

    with pytest.raises(EncryptionError, match="verify failed"):
        log_in(credential(mariadb.port, user, NEW_PASSWORD, ssl=True))
    with pytest.raises(EncryptionError, match="localhost"):
        log_in(
            credential(
                mariadb.port, user, NEW_PASSWORD, ssl=True, caCertificate=ca, host="localhost"
            )
        )


def test_a_secret_without_ssl_uses_tls_where_the_server_has_it(
    mariadb: MariadbServer, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    mariadb.execute("ALTER USER %s@'%%' REQUIRE SSL", user)

    log_in(credential(mariadb.port, user))

    assert not caplog.records


def test_a_secret_without_ssl_warns_of_a_connection_that_is_not_encrypted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with MariadbServer.start(tmp_path / "server") as plain:
        log_in(credential(plain.port, ADMIN, ADMIN_PASSWORD, ssl=False))
        assert not caplog.records

        log_in(credential(plain.port, ADMIN, ADMIN_PASSWORD))

    assert "is not encrypted" in caplog.text


def test_a_server_that_asks_for_no_password_proves_nothing(tmp_path: Path) -> None:
    with (
        MariadbServer.start(
            tmp_path / "server", settings=["--skip-grant-tables", "--init-file="]
        ) as open_server,
        pytest.raises(PasswordNotAskedError, match="without asking"),
    ):
        log_in(credential(open_server.port, "app"))


def test_a_login_without_tls_that_is_refused_may_be_refused_for_that(
    mariadb: MariadbServer, user: str
) -> None:
    with mariadb.connect() as connection:
        connection.query("SET GLOBAL require_secure_transport = ON")
        try:
            with pytest.raises(LoginRefusedError, match="insists on TLS"):
                log_in(credential(mariadb.port, user, ssl=False))
        finally:
            connection.query("SET GLOBAL require_secure_transport = OFF")


def everything_granted(mariadb: MariadbServer, user: str) -> None:
    name = f"`{user}`@`%`"
    for statement in (
        f"ALTER USER {name} REQUIRE SUBJECT '/CN=it''s' AND CIPHER 'X'",
        f"ALTER USER {name} WITH MAX_QUERIES_PER_HOUR 900 MAX_USER_CONNECTIONS 9",
        f"ALTER USER {name} WITH MAX_STATEMENT_TIME 4.5 PASSWORD EXPIRE INTERVAL 90 DAY",
        f"GRANT SELECT, CREATE USER, BINLOG ADMIN ON *.* TO {name} WITH GRANT OPTION",
        f"GRANT ALL ON `sh\\_p`.* TO {name} WITH GRANT OPTION",
        f"GRANT SELECT (id), UPDATE (id, price) ON shop.orders TO {name}",
        f"GRANT EXECUTE ON PROCEDURE shop.pay TO {name} WITH GRANT OPTION",
        f"GRANT reader TO {name}",
        f"GRANT writer TO {name} WITH ADMIN OPTION",
        f"SET DEFAULT ROLE reader FOR {name}",
    ):
        mariadb.execute(statement)


def test_a_clone_has_everything_that_its_user_has_and_loses_what_that_loses(
    mariadb: MariadbServer, user: str
) -> None:
    everything_granted(mariadb, user)
    clone = follow(mariadb, user)
    assert described(mariadb, clone, NEW_PASSWORD) == described(mariadb, user, PASSWORD)

    mariadb.execute(f"DROP USER `{user}`")
    mariadb.execute(f"CREATE USER `{user}` IDENTIFIED BY %s", PASSWORD)
    follow(mariadb, user)

    plain = [
        line
        for line in described(mariadb, clone, NEW_PASSWORD)
        if line not in described(mariadb, user, PASSWORD)
    ]
    assert plain == []


def test_a_clone_has_an_account_at_each_host_of_its_user_and_others_are_locked(
    mariadb: MariadbServer, user: str
) -> None:
    mariadb.execute(f"CREATE USER `{user}`@`10.%` IDENTIFIED BY 'another' REQUIRE X509")
    mariadb.execute(f"GRANT SELECT ON shop.* TO `{user}`@`10.%`")
    clone = follow(mariadb, user)
    assert described(mariadb, clone, NEW_PASSWORD, "10.%") == described(
        mariadb, user, "another", "10.%"
    )

    mariadb.execute(f"CREATE USER `{clone}`@`127.%` IDENTIFIED BY 'wider'")
    mariadb.execute(f"GRANT SELECT ON *.* TO `{clone}`@`127.%`")
    follow(mariadb, user)

    ((line,),) = mariadb.execute(f"SHOW CREATE USER `{clone}`@`127.%`")
    assert line.endswith("ACCOUNT LOCK")
    assert not accepts(mariadb, clone, "wider")


def test_a_clone_that_was_dropped_meanwhile_is_not_made_by_a_grant(
    mariadb: MariadbServer, user: str
) -> None:
    admin = administrator(mariadb)
    mariadb.execute(f"GRANT SELECT ON shop.* TO `{user}`")
    with Mariadb().administer(admin, admin) as administration:
        privilege = next(
            right for right in administration.rights_of(user) if right.subject[0] == "privilege"
        )

        with pytest.raises(StatementFailedError):
            administration.grant("nobody", privilege)

    assert mariadb.execute("SELECT 1 FROM mysql.user WHERE User = 'nobody'") == []


def test_an_administrator_without_the_right_to_grant_leaves_no_wider_clone(
    mariadb: MariadbServer, user: str
) -> None:
    weak = f"weak-{uuid.uuid4().hex[:8]}"
    mariadb.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", weak, PASSWORD)
    mariadb.execute("GRANT CREATE USER ON *.* TO %s@'%%'", weak)
    mariadb.execute("GRANT SELECT ON mysql.* TO %s@'%%'", weak)
    mariadb.execute("GRANT SELECT ON shop.* TO %s@'%%'", user)
    admin = credential(mariadb.port, weak)

    with (
        Mariadb().administer(admin, admin) as administration,
        pytest.raises((MissingRightError, RightsDifferError)),
    ):
        _follow(administration, user, f"{user}_clone")

    ((line,),) = mariadb.execute(f"SHOW GRANTS FOR `{user}_clone`")
    assert line.startswith("GRANT USAGE ON *.*")


def test_the_rights_in_the_documentation_are_enough(mariadb: MariadbServer, user: str) -> None:
    admin = f"admin-{uuid.uuid4().hex[:8]}"
    mariadb.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", admin, PASSWORD)
    for statement in (
        f"GRANT CREATE USER ON *.* TO `{admin}`",
        f"GRANT SELECT ON mysql.* TO `{admin}`",
        f"GRANT ALL ON shop.* TO `{admin}` WITH GRANT OPTION",
        f"GRANT reader TO `{admin}` WITH ADMIN OPTION",
        f"GRANT UPDATE ON mysql.* TO `{admin}`",
        f"GRANT ALL ON shop.* TO `{user}`",
        f"GRANT reader TO `{user}`",
        f"SET DEFAULT ROLE reader FOR `{user}`",
    ):
        mariadb.execute(statement)
    login = credential(mariadb.port, admin)

    with Mariadb().administer(login, login) as administration:
        _follow(administration, user, f"{user}_clone")
        administration.set_password(f"{user}_clone", NEW_PASSWORD)
        administration.keep_two_passwords(user, PASSWORD, "second")

    assert accepts(mariadb, f"{user}_clone", NEW_PASSWORD)
    ((line,),) = mariadb.execute("SHOW GRANTS FOR %s@'%%'", f"{user}_clone")[-1:]
    assert line.startswith("SET DEFAULT ROLE `reader`")


def test_names_of_clones_are_no_longer_than_the_server_takes() -> None:
    names = Mariadb().clone_names

    assert len(names.other("a" * 74)) == 80
    with pytest.raises(UsernameTooLongError, match="may be 74"):
        names.other("a" * 75)


def test_a_strangers_user_that_is_locked_stays_so(mariadb: MariadbServer, user: str) -> None:
    stranger = f"{user}_clone"
    mariadb.execute("CREATE USER %s@'%%' IDENTIFIED BY 'a stranger' ACCOUNT LOCK", stranger)
    before = mariadb.execute(f"SHOW CREATE USER `{stranger}`")
    now, admin = credential(mariadb.port, user), administrator(mariadb)

    with pytest.raises(NotPairedError, match="nothing links the two"):
        set_other(Mariadb(), GivenVersions(now=now, admin=admin))

    assert mariadb.execute(f"SHOW CREATE USER `{stranger}`") == before


def test_second_user_that_somebody_locked_takes_its_turn(
    mariadb: MariadbServer, user: str
) -> None:
    admin = administrator(mariadb)
    now = credential(mariadb.port, user)
    clone = set_other(Mariadb(), GivenVersions(now=now, admin=admin))
    mariadb.execute("ALTER USER %s@'%%' ACCOUNT LOCK", user)

    first = set_other(Mariadb(), GivenVersions(now=clone, admin=admin))

    assert accepts(mariadb, first.username, first.password)


@pytest.mark.parametrize(("current", "stranger"), [("{}", "{}_clone"), ("{}_clone", "{}")])
def test_a_strangers_user_of_the_other_name_is_left_alone(
    mariadb: MariadbServer, user: str, current: str, stranger: str
) -> None:
    current, stranger = current.format(user), stranger.format(user)
    mariadb.execute("DROP USER %s", user)
    mariadb.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", current, PASSWORD)
    mariadb.execute("CREATE USER %s@'%%' IDENTIFIED BY 'of a stranger'", stranger)
    mariadb.execute("GRANT SELECT ON shop.orders TO %s@'%%'", stranger)
    before = mariadb.execute(f"SHOW GRANTS FOR `{stranger}`")
    now, admin = credential(mariadb.port, current), administrator(mariadb)

    with pytest.raises(NotPairedError, match="nothing links the two"):
        set_other(Mariadb(), GivenVersions(now=now, admin=admin))

    assert accepts(mariadb, stranger, "of a stranger")
    assert mariadb.execute(f"SHOW GRANTS FOR `{stranger}`") == before


def test_a_clone_is_known_by_its_mark_though_its_password_was_lost(
    mariadb: MariadbServer, user: str
) -> None:
    clone = follow(mariadb, user)
    follow(mariadb, user)
    versions = GivenVersions(now=credential(mariadb.port, user), admin=administrator(mariadb))

    pending = set_other(Mariadb(), versions)

    assert pending.username == clone
    assert accepts(mariadb, clone, NEXT_PASSWORD)
    assert not accepts(mariadb, clone, NEW_PASSWORD)


def test_a_mark_is_not_passed_on(mariadb: MariadbServer, user: str) -> None:
    clone = follow(mariadb, user)
    admin = administrator(mariadb)
    now, before = credential(mariadb.port, clone, NEW_PASSWORD), credential(mariadb.port, user)

    set_other(Mariadb(), GivenVersions(now=now, admin=admin, before=before))

    with Mariadb().administer(admin, admin) as administration:
        assert administration.is_made_for(clone, user)
        assert not administration.is_made_for(user, clone)


def test_a_right_of_no_known_kind_changes_nothing(mariadb: MariadbServer, user: str) -> None:
    admin = administrator(mariadb)
    unknown = Right(("unknown", "%", "SELECT", "*.*"))

    with Mariadb().administer(admin, admin) as administration:
        with pytest.raises(RuntimeError, match="unknown"):
            administration.grant(user, unknown)
        with pytest.raises(RuntimeError, match="unknown"):
            administration.revoke(user, unknown)
