"""What the MySQL engine makes of accounts and servers that are not the usual ones."""

from collections.abc import Iterator
from contextlib import closing
import json
import re
import socket
from threading import Thread
from typing import Any
import uuid

import pytest

from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines import mysql_connection
from keyturn_rotators.engines.mysql import Mysql
from keyturn_rotators.engines.mysql_grants import parse as parse_grant
from keyturn_rotators.engines.mysql_hashes import (
    SHA2_PASSWORD_BYTES_MAX,
    caching_sha2,
    native,
    sha256_in_rounds,
)
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingRightError,
    NotPairedError,
    PasswordRefusedError,
    ReadOnlyTargetError,
    RightsDifferError,
    StatementFailedError,
    UnreachableError,
    UsernameTooLongError,
)
from keyturn_rotators.rights import Right, compare
from keyturn_rotators.strategies.alternating_users import _follow
from support import mysql_server
from support.certificates import Certificate, make_certificate
from support.cutting_proxy import CuttingProxy
from support.given_versions import NEXT_PASSWORD, GivenVersions, set_other
from support.mysql_server import ADMIN, ADMIN_PASSWORD, MysqlServer

pytestmark = pytest.mark.engine
PASSWORD = "canary-password"
NEW_PASSWORD = "canary-new-password"
MARK = '(, )?"keyturn_alternating_user": "NAME"'


@pytest.fixture(scope="session")
def mysql_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("mysql-certificates"), "127.0.0.1")


@pytest.fixture(scope="session")
def mysql(
    mysql_certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MysqlServer]:
    if not mysql_server.is_installed():
        pytest.skip("NO MYSQL SERVER HERE: scripts/install-mysql")
    folder = tmp_path_factory.mktemp("mysql") / "server"
    with MysqlServer.start(
        folder, certificate=mysql_certificate, settings=["--partial-revokes=ON"]
    ) as started:
        started.execute("CREATE TABLE shop.orders (id int, price int)")
        started.execute("CREATE PROCEDURE shop.pay() SELECT 1")
        started.execute("CREATE ROLE reader, writer")
        yield started


@pytest.fixture
def user(mysql: MysqlServer) -> str:
    """A user of the test's own."""
    name = f"app-{uuid.uuid4().hex[:8]}"
    mysql.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", name, PASSWORD)
    return name


def credential(port: int, username: str, password: str = PASSWORD, **keys: object) -> Credential:
    document = {
        "engine": "mysql",
        "host": "127.0.0.1",
        "port": port,
        "username": username,
        "password": password,
        **keys,
    }
    return parse(json.dumps(document), "AWSCURRENT", Mysql().defaults)


def administrator(server: MysqlServer) -> Credential:
    return credential(server.port, ADMIN, ADMIN_PASSWORD)


def log_in(login: Credential) -> None:
    with Mysql().login(login) as session:
        session.probe()


def change(login: Credential, password: str = NEW_PASSWORD) -> None:
    with Mysql().login(login) as session:
        session.change_own_password(password)


def accepts(server: MysqlServer, username: str, password: str) -> bool:
    try:
        log_in(credential(server.port, username, password))
    except LoginRefusedError:
        return False
    return True


def follow(server: MysqlServer, username: str) -> str:
    """Make a user's clone, or make it alike again; return its name."""
    admin, clone = administrator(server), f"{username}_clone"
    with Mysql().administer(admin, admin) as administration:
        _follow(administration, username, clone)
        administration.set_password(clone, NEW_PASSWORD)
        assert not compare(administration.rights_of(username), administration.rights_of(clone))
    return clone


def described(server: MysqlServer, username: str, host: str = "%") -> list[str]:
    """Return what the server says of an account, without its name, its password and its mark."""
    # It goes on showing an expiry that was set back to the default, until it reads its tables.
    server.execute("FLUSH PRIVILEGES")
    lines = [
        line
        for statement in ("SHOW CREATE USER", "SHOW GRANTS FOR")
        for (line,) in server.execute(f"{statement} `{username}`@`{host}`")
    ]
    lines = [line.replace(username, "NAME") for line in lines]
    account = re.sub(MARK, "", lines[0].partition(" AS ")[2].partition("' ")[2])
    account = account.removesuffix(" ATTRIBUTE '{}'")
    return sorted([account, *lines[1:]])


def test_a_hash_is_that_of_other_programs() -> None:
    # As glibc's crypt and MariaDB's PASSWORD have it.
    digest = "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"
    longer = "LLwuX3tuy7rfdYFWi9k7CcKlt/uVYx7kl9l0Hkfafh8"

    assert sha256_in_rounds(b"Hello world!", b"saltstring", 5000) == digest
    assert sha256_in_rounds(b"x" * 70, b"saltstring", 10_000) == longer
    assert native("one") == "*74445CD742AF268FD22866DA0D12758951D638F7"


def test_a_hash_has_a_salt_of_its_own() -> None:
    assert caching_sha2(PASSWORD, 5000) != caching_sha2(PASSWORD, 5000)


def test_an_administrator_sends_a_hash_in_the_rounds_of_the_server(
    mysql: MysqlServer, user: str
) -> None:
    with CuttingProxy.start((mysql.host, mysql.port)) as proxy:
        # The server remembers the administrator, who therefore gets in without TLS.
        admin = credential(proxy.port, ADMIN, ADMIN_PASSWORD, ssl=False)
        with Mysql().administer(admin, admin) as administration:
            administration.set_password(user, NEW_PASSWORD)

        assert b"ALTER USER" in proxy.sent
        assert NEW_PASSWORD.encode() not in proxy.sent
    ((stored,),) = mysql.execute(
        "SELECT authentication_string FROM mysql.user WHERE User = %s", user
    )
    assert stored.startswith("$A$00A$")
    assert accepts(mysql, user, NEW_PASSWORD)


def test_no_statement_log_holds_a_password(mysql: MysqlServer, user: str) -> None:
    change(credential(mysql.port, user))

    log = mysql.log.read_text(errors="replace")
    assert "IDENTIFIED BY <secret> REPLACE <secret>" in log
    assert "canary" not in log


@pytest.mark.parametrize("plugin", ["caching_sha2_password", "sha256_password"])
def test_the_plugin_of_an_account_stays(mysql: MysqlServer, user: str, plugin: str) -> None:
    mysql.execute(f"ALTER USER %s@'%%' IDENTIFIED WITH {plugin} BY %s", user, PASSWORD)

    change(credential(mysql.port, user))
    admin = administrator(mysql)
    with Mysql().administer(admin, admin) as administration:
        administration.set_password(user, "canary-third")

    ((kept,),) = mysql.execute("SELECT plugin FROM mysql.user WHERE User = %s", user)
    assert kept == plugin
    assert accepts(mysql, user, "canary-third")


def test_a_password_that_is_too_long_to_log_in_with_is_refused_before_it_is_set(
    mysql: MysqlServer, user: str
) -> None:
    admin = administrator(mysql)
    longest = "p" * SHA2_PASSWORD_BYTES_MAX
    with Mysql().administer(admin, admin) as administration:
        with pytest.raises(PasswordRefusedError, match="257 bytes"):
            administration.set_password(user, longest + "p")
        administration.set_password(user, longest)

    assert accepts(mysql, user, longest)


def test_a_password_of_the_history_is_refused(mysql: MysqlServer, user: str) -> None:
    mysql.execute("ALTER USER %s@'%%' PASSWORD HISTORY 3", user)
    change(credential(mysql.port, user))

    with pytest.raises(PasswordRefusedError, match="history") as error:
        change(credential(mysql.port, user, NEW_PASSWORD), NEW_PASSWORD)

    assert "canary" not in str(error.value)


def test_a_user_that_has_to_name_its_current_password_does(mysql: MysqlServer, user: str) -> None:
    mysql.execute("ALTER USER %s@'%%' PASSWORD REQUIRE CURRENT", user)

    change(credential(mysql.port, user))

    assert accepts(mysql, user, NEW_PASSWORD)


def test_a_user_that_is_changed_keeps_no_retained_password(mysql: MysqlServer, user: str) -> None:
    mysql.execute("GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO %s@'%%'", user)
    mysql.execute("ALTER USER %s@'%%' IDENTIFIED BY 'second' RETAIN CURRENT PASSWORD", user)

    change(credential(mysql.port, user))

    assert [accepts(mysql, user, each) for each in (PASSWORD, "second", NEW_PASSWORD)] == [
        False,
        False,
        True,
    ]


def test_an_administrator_keeps_the_password_in_use_whichever_of_the_two_it_is(
    mysql: MysqlServer, user: str
) -> None:
    admin = administrator(mysql)
    with Mysql().administer(admin, admin) as administration:
        for fresh in ("abandoned", "abandoned too", NEW_PASSWORD):
            administration.keep_two_passwords(user, PASSWORD, fresh)
            assert accepts(mysql, user, PASSWORD)
            assert accepts(mysql, user, fresh)

    assert not accepts(mysql, user, "abandoned too")


def test_a_user_without_the_right_to_two_passwords_is_told_so(
    mysql: MysqlServer, user: str
) -> None:
    with (
        Mysql().login(credential(mysql.port, user)) as session,
        pytest.raises(MissingRightError, match="APPLICATION_PASSWORD_ADMIN"),
    ):
        session.keep_two_passwords(PASSWORD, NEW_PASSWORD)


def test_a_wrong_password_is_a_refused_login(mysql: MysqlServer, user: str) -> None:
    with pytest.raises(LoginRefusedError, match="Access denied") as error:
        log_in(credential(mysql.port, user, "canary-wrong"))

    assert "canary" not in str(error.value)


def test_a_locked_account_and_a_database_that_is_not_there_are_refused_logins(
    mysql: MysqlServer, user: str
) -> None:
    with pytest.raises(LoginRefusedError, match="nowhere"):
        log_in(credential(mysql.port, user, dbname="nowhere"))

    mysql.execute("ALTER USER %s@'%%' ACCOUNT LOCK", user)

    with pytest.raises(LoginRefusedError, match="locked"):
        log_in(credential(mysql.port, user))


def test_a_limit_that_is_reached_is_no_refused_password(mysql: MysqlServer, user: str) -> None:
    mysql.execute("ALTER USER %s@'%%' WITH MAX_USER_CONNECTIONS 1", user)

    with (
        Mysql().login(credential(mysql.port, user)),
        pytest.raises(StatementFailedError, match="max_user_connections"),
    ):
        log_in(credential(mysql.port, user))


def test_an_anonymous_account_that_lets_a_user_in_is_not_the_user(mysql: MysqlServer) -> None:
    # It comes before the administrator's account, too: one connection does both.
    with mysql.connect() as connection:
        connection.query(f"CREATE USER ''@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
        try:
            with pytest.raises(LoginRefusedError, match=r"lets it in as @127\.0\.0\.1"):
                log_in(credential(mysql.port, "nobody"))
        finally:
            connection.query("DROP USER ''@'127.0.0.1'")


def test_a_server_that_is_read_only_is_told_also_to_whom_it_does_not_stop(
    mysql: MysqlServer, user: str
) -> None:
    admin = administrator(mysql)
    mysql.execute("SET GLOBAL read_only = ON")
    try:
        with pytest.raises(ReadOnlyTargetError):
            change(credential(mysql.port, user))
        with (
            Mysql().administer(admin, admin) as administration,
            pytest.raises(ReadOnlyTargetError),
        ):
            administration.set_password(user, NEW_PASSWORD)
    finally:
        mysql.execute("SET GLOBAL read_only = OFF")

    assert accepts(mysql, user, PASSWORD)


def test_a_connection_that_breaks_is_told_from_one_that_was_never_made(
    mysql: MysqlServer, user: str
) -> None:
    with Mysql().login(credential(mysql.port, user)) as session:
        ((number,),) = mysql.execute(
            "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = %s", user
        )
        mysql.execute(f"KILL {number}")

        with pytest.raises(ConnectionLostError):
            session.probe()

    with pytest.raises(UnreachableError, match="refused"):
        log_in(credential(1, user))


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mysql_connection, "STATEMENT_SECONDS", 0.1)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(UnreachableError, match="timed out"),
    ):
        log_in(credential(silent.getsockname()[1], "app"))


def test_a_verified_server_is_one_that_the_ca_of_the_secret_vouches_for(
    mysql: MysqlServer, user: str, mysql_certificate: Certificate
) -> None:
    ca = mysql_certificate.ca_file.read_text()

    log_in(credential(mysql.port, user, ssl=True, caCertificate=ca))

    with pytest.raises(EncryptionError, match="verify failed"):
        log_in(credential(mysql.port, user, ssl=True))
    with pytest.raises(EncryptionError, match="localhost"):
        log_in(credential(mysql.port, user, ssl=True, caCertificate=ca, host="localhost"))


def test_a_password_that_a_server_without_tls_asks_for_is_not_sent(
    mysql: MysqlServer, user: str
) -> None:
    with CuttingProxy.start((mysql.host, mysql.port)) as proxy:
        # The server has forgotten the account, and so wants the password itself.
        mysql.execute("FLUSH PRIVILEGES")

        with pytest.raises(EncryptionError, match='"ssl" to true'):
            log_in(credential(proxy.port, user, ssl=False))

        assert user.encode() in proxy.sent
        assert PASSWORD.encode() not in proxy.sent


def test_a_server_that_insists_on_tls_gets_no_password_without(
    mysql: MysqlServer, user: str
) -> None:
    mysql.execute("SET GLOBAL require_secure_transport = ON")
    try:
        with pytest.raises(EncryptionError):
            log_in(credential(mysql.port, user, ssl=False))
    finally:
        mysql.execute("SET GLOBAL require_secure_transport = OFF")


def test_a_user_sends_no_password_to_be_hashed_without_tls(mysql: MysqlServer, user: str) -> None:
    log_in(credential(mysql.port, user))

    with pytest.raises(EncryptionError, match="in the clear"):
        change(credential(mysql.port, user, ssl=False))

    assert accepts(mysql, user, PASSWORD)


@pytest.mark.parametrize("plugin", ["mysql_clear_password", "dialog"])
def test_a_server_that_asks_for_the_password_itself_does_not_get_it(plugin: str) -> None:
    asked = b"\xfe" + plugin.encode() + b"\0\2Password: "
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answering = Thread(target=_greet_and_ask, args=(listener, asked))
        answering.start()

        with pytest.raises(EncryptionError, match="asks for the password itself"):
            log_in(credential(listener.getsockname()[1], "app"))

        answering.join()


def _greet_and_ask(listener: socket.socket, asked: bytes) -> None:
    """Be a server without TLS, of protocol 10, that switches to another plugin."""
    capabilities = 0x000F_F7FF & ~0x800
    greeting = b"".join(
        (
            b"\n9.7.4\0",
            (1).to_bytes(4, "little"),
            b"12345678\0",
            (capabilities & 0xFFFF).to_bytes(2, "little"),
            b"\xff\2\0",
            (capabilities >> 16).to_bytes(2, "little"),
            b"\x15" + bytes(10),
            b"123456789012\0",
            b"caching_sha2_password\0",
        )
    )
    with closing(listener.accept()[0]) as connection:
        connection.sendall(_packet(greeting, 0))
        assert PASSWORD.encode() not in connection.recv(1 << 16)
        connection.sendall(_packet(asked, 2))
        assert connection.recv(1 << 16) == b""


def _packet(payload: bytes, number: int) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def everything_granted(mysql: MysqlServer, user: str) -> None:
    name = f"`{user}`@`%`"
    for statement in (
        f"ALTER USER {name} REQUIRE SUBJECT '/CN=it''s' AND ISSUER '/CN=ca'",
        f"ALTER USER {name} WITH MAX_QUERIES_PER_HOUR 900 MAX_USER_CONNECTIONS 9",
        f"ALTER USER {name} PASSWORD EXPIRE INTERVAL 90 DAY PASSWORD HISTORY 4",
        f"ALTER USER {name} PASSWORD REUSE INTERVAL 3 DAY PASSWORD REQUIRE CURRENT OPTIONAL",
        f"ALTER USER {name} FAILED_LOGIN_ATTEMPTS 5 PASSWORD_LOCK_TIME UNBOUNDED",
        f'ALTER USER {name} ATTRIBUTE \'{{"comment": "it\\\'s", "owner": {{"a": [1]}}}}\'',
        f"GRANT SELECT, INSERT, CREATE USER ON *.* TO {name}",
        f"REVOKE SELECT ON mysql.* FROM {name}",  # noqa: S608 - no query
        f"REVOKE SELECT ON sys.* FROM {name}",  # noqa: S608 - no query
        f"GRANT BACKUP_ADMIN ON *.* TO {name}",
        f"GRANT ROLE_ADMIN ON *.* TO {name} WITH GRANT OPTION",
        f"GRANT ALL ON `sh\\_p`.* TO {name} WITH GRANT OPTION",
        f"GRANT SELECT (id), UPDATE (id, price) ON shop.orders TO {name}",
        f"GRANT EXECUTE ON PROCEDURE shop.pay TO {name} WITH GRANT OPTION",
        f"GRANT reader TO {name}",
        f"GRANT writer TO {name} WITH ADMIN OPTION",
        f"SET DEFAULT ROLE reader, writer TO {name}",
        f"GRANT PROXY ON other TO {name} WITH GRANT OPTION",
    ):
        mysql.execute(statement)


def test_a_clone_has_everything_that_its_user_has_and_loses_what_that_loses(
    mysql: MysqlServer, user: str
) -> None:
    plain = described(mysql, user)
    everything_granted(mysql, user)
    everything = described(mysql, user)
    clone = follow(mysql, user)
    assert described(mysql, clone) == everything

    mysql.execute(f"CREATE USER `{user}-plain`")
    with Mysql().administer(administrator(mysql), administrator(mysql)) as administration:
        _follow(administration, f"{user}-plain", clone)

    assert described(mysql, clone) == plain


@pytest.mark.parametrize("change_", ["REVOKE SELECT ON shop.* FROM", "GRANT SELECT ON sys.* TO"])
def test_partial_revokes_of_a_user_are_followed(
    mysql: MysqlServer, user: str, change_: str
) -> None:
    name = f"`{user}`@`%`"
    mysql.execute(f"GRANT SELECT ON *.* TO {name}")
    mysql.execute(f"REVOKE SELECT ON sys.* FROM {name}")  # noqa: S608 - no query
    follow(mysql, user)

    mysql.execute(f"{change_} {name}")
    clone = follow(mysql, user)

    assert described(mysql, clone) == described(mysql, user)


def test_a_clone_has_an_account_at_each_host_of_its_user_and_others_are_locked(
    mysql: MysqlServer, user: str
) -> None:
    mysql.execute(f"CREATE USER `{user}`@`10.%` IDENTIFIED BY 'another' REQUIRE X509")
    mysql.execute(f"GRANT SELECT ON shop.* TO `{user}`@`10.%`")
    clone = follow(mysql, user)
    assert described(mysql, clone, "10.%") == described(mysql, user, "10.%")

    mysql.execute(f"CREATE USER `{clone}`@`127.%` IDENTIFIED BY 'wider'")
    mysql.execute(f"GRANT SELECT ON *.* TO `{clone}`@`127.%`")
    follow(mysql, user)

    rows = mysql.execute("SELECT Host, account_locked FROM mysql.user WHERE User = %s", clone)
    assert sorted(rows) == [("%", "N"), ("10.%", "N"), ("127.%", "Y")]
    assert not accepts(mysql, clone, "wider")


def test_a_clone_at_no_wider_host_than_its_user(mysql: MysqlServer, user: str) -> None:
    mysql.execute(f"RENAME USER `{user}` TO `{user}`@`127.0.0.1`")

    clone = follow(mysql, user)

    rows = mysql.execute("SELECT Host FROM mysql.user WHERE User = %s", clone)
    assert rows == [("127.0.0.1",)]


def test_a_locked_account_comes_back_without_its_old_password(
    mysql: MysqlServer, user: str
) -> None:
    clone = follow(mysql, user)
    mysql.execute(f"ALTER USER `{clone}` ACCOUNT LOCK")
    admin = administrator(mysql)

    with Mysql().administer(admin, admin) as administration:
        _follow(administration, user, clone)

    assert not accepts(mysql, clone, NEW_PASSWORD)


def test_an_administrator_without_the_right_to_grant_leaves_no_wider_clone(
    mysql: MysqlServer, user: str
) -> None:
    weak = f"weak-{uuid.uuid4().hex[:8]}"
    mysql.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", weak, PASSWORD)
    mysql.execute("GRANT CREATE USER ON *.* TO %s@'%%'", weak)
    mysql.execute("GRANT SELECT ON mysql.* TO %s@'%%'", weak)
    mysql.execute("GRANT SELECT ON shop.* TO %s@'%%'", user)
    admin = credential(mysql.port, weak)

    with (
        Mysql().administer(admin, admin) as administration,
        pytest.raises((MissingRightError, RightsDifferError), match="GRANT OPTION"),
    ):
        _follow(administration, user, f"{user}_clone")

    assert mysql.execute(f"SHOW GRANTS FOR `{user}_clone`") == [
        (f"GRANT USAGE ON *.* TO `{user}_clone`@`%`",)
    ]


def test_the_rights_in_the_documentation_are_enough(mysql: MysqlServer, user: str) -> None:
    admin = f"admin-{uuid.uuid4().hex[:8]}"
    mysql.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", admin, PASSWORD)
    for statement in (
        f"GRANT CREATE USER ON *.* TO `{admin}`",
        f"GRANT SELECT ON mysql.* TO `{admin}`",
        f"GRANT ALL ON shop.* TO `{admin}` WITH GRANT OPTION",
        f"GRANT reader TO `{admin}` WITH ADMIN OPTION",
        f"GRANT ALL ON shop.* TO `{user}`",
        f"GRANT reader TO `{user}`",
        f"ALTER USER `{user}` DEFAULT ROLE reader",
        f"ALTER USER `{user}` COMMENT 'an app'",
    ):
        mysql.execute(statement)
    login = credential(mysql.port, admin)

    with Mysql().administer(login, login) as administration:
        _follow(administration, user, f"{user}_clone")
        administration.set_password(f"{user}_clone", NEW_PASSWORD)
        administration.keep_two_passwords(user, PASSWORD, "second")

    assert described(mysql, f"{user}_clone") == described(mysql, user)


def test_names_of_clones_are_no_longer_than_the_server_takes() -> None:
    names = Mysql().clone_names

    assert len(names.other("a" * 26)) == 32
    with pytest.raises(UsernameTooLongError, match="may be 26"):
        names.other("a" * 27)


def test_words_within_names_are_no_words_of_a_grant() -> None:
    line = (
        "GRANT SELECT (`a TO b`, ` ON `), INSERT ON `x``ON`.* TO `GRANT``TO`@`%` "
        "REQUIRE SUBJECT 'WITH GRANT OPTION' WITH MAX_QUERIES_PER_HOUR 1"
    )

    grant = parse_grant(line)

    assert grant is not None
    names: Any = ("SELECT (`a TO b`)", "SELECT (` ON `)", "INSERT")
    assert (grant.names, grant.where, grant.grantee, grant.is_grantable) == (
        names,
        "`x``ON`.*",
        "`GRANT``TO`@`%`",
        False,
    )
    assert parse_grant("SET DEFAULT ROLE `r` FOR `u`@`%`") is None


def test_a_strangers_user_that_is_locked_stays_so(mysql: MysqlServer, user: str) -> None:
    stranger = f"{user}_clone"
    mysql.execute("CREATE USER %s@'%%' IDENTIFIED BY 'a stranger' ACCOUNT LOCK", stranger)
    before = mysql.execute(f"SHOW CREATE USER `{stranger}`")
    now, admin = credential(mysql.port, user), administrator(mysql)

    with pytest.raises(NotPairedError, match="nothing links the two"):
        set_other(Mysql(), GivenVersions(now=now, admin=admin))

    assert mysql.execute(f"SHOW CREATE USER `{stranger}`") == before


def test_second_user_that_somebody_locked_takes_its_turn(mysql: MysqlServer, user: str) -> None:
    admin = administrator(mysql)
    now = credential(mysql.port, user)
    clone = set_other(Mysql(), GivenVersions(now=now, admin=admin))
    mysql.execute("ALTER USER %s@'%%' ACCOUNT LOCK", user)

    first = set_other(Mysql(), GivenVersions(now=clone, admin=admin))

    assert accepts(mysql, first.username, first.password)


@pytest.mark.parametrize(("current", "stranger"), [("{}", "{}_clone"), ("{}_clone", "{}")])
def test_a_strangers_user_of_the_other_name_is_left_alone(
    mysql: MysqlServer, user: str, current: str, stranger: str
) -> None:
    current, stranger = current.format(user), stranger.format(user)
    mysql.execute("DROP USER %s", user)
    mysql.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", current, PASSWORD)
    mysql.execute("CREATE USER %s@'%%' IDENTIFIED BY 'of a stranger'", stranger)
    mysql.execute("GRANT SELECT ON shop.orders TO %s@'%%'", stranger)
    before = mysql.execute(f"SHOW GRANTS FOR `{stranger}`")
    now, admin = credential(mysql.port, current), administrator(mysql)

    with pytest.raises(NotPairedError, match="nothing links the two"):
        set_other(Mysql(), GivenVersions(now=now, admin=admin))

    assert accepts(mysql, stranger, "of a stranger")
    assert mysql.execute(f"SHOW GRANTS FOR `{stranger}`") == before


def test_a_clone_is_known_by_its_mark_though_its_password_was_lost(
    mysql: MysqlServer, user: str
) -> None:
    clone = follow(mysql, user)
    follow(mysql, user)
    versions = GivenVersions(now=credential(mysql.port, user), admin=administrator(mysql))

    pending = set_other(Mysql(), versions)

    assert pending.username == clone
    assert accepts(mysql, clone, NEXT_PASSWORD)
    assert not accepts(mysql, clone, NEW_PASSWORD)


def test_a_mark_is_not_passed_on(mysql: MysqlServer, user: str) -> None:
    clone = follow(mysql, user)
    admin = administrator(mysql)
    now, before = credential(mysql.port, clone, NEW_PASSWORD), credential(mysql.port, user)

    set_other(Mysql(), GivenVersions(now=now, admin=admin, before=before))

    with Mysql().administer(admin, admin) as administration:
        assert administration.is_made_for(clone, user)
        assert not administration.is_made_for(user, clone)


def test_a_right_of_no_known_kind_changes_nothing(mysql: MysqlServer, user: str) -> None:
    admin = administrator(mysql)
    unknown = Right(("unknown", "%", "SELECT", "*.*"))

    with Mysql().administer(admin, admin) as administration:
        with pytest.raises(RuntimeError, match="unknown"):
            administration.grant(user, unknown)
        with pytest.raises(RuntimeError, match="unknown"):
            administration.revoke(user, unknown)


def test_an_accounts_attributes_are_an_applications_own_and_not_told(
    mysql: MysqlServer, user: str
) -> None:
    mysql.execute("ALTER USER %s@'%%' ATTRIBUTE '{\"note\": \"theirs\"}'", user)
    admin = administrator(mysql)

    with Mysql().administer(admin, admin) as administration:
        drift = compare(administration.rights_of(user), ())

    assert "attribute % note" in str(drift)
    assert "theirs" not in f"{drift} {drift!r}"
