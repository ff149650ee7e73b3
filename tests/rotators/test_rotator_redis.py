"""What the Redis engine makes of servers, users and rights that are not the usual ones."""

from collections.abc import Iterator
import json
from pathlib import Path
import shutil
import socket
import uuid

import pytest

from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines import redis_connection
from keyturn_rotators.engines.redis import USERNAME_BYTES_MAX, Redis
from keyturn_rotators.engines.redis_connection import hash_of
from keyturn_rotators.engines.redis_rules import Rules
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingRightError,
    NotPairedError,
    NotSavedError,
    SecretValueError,
    StatementFailedError,
    UnreachableError,
    UsernameTooLongError,
)
from keyturn_rotators.rights import Right, compare
from support.certificates import Certificate, make_certificate
from support.cutting_proxy import CuttingProxy
from support.given_versions import NEXT_PASSWORD, GivenVersions, set_other
from support.redis_server import (
    ADMIN,
    ADMIN_PASSWORD,
    RedisServer,
    SavesTo,
    has_valkey,
    redis_program,
    valkey_program,
)

pytestmark = pytest.mark.engine
PASSWORD = "canary-password"
NEW_PASSWORD = "canary-new-password"
# What a user needs to change itself.
MAY_CHANGE = ("+acl|setuser", "+acl|save", "+config|rewrite")


def _programs() -> Iterator[object]:
    for name, is_here in (("redis", redis_program() is not None), ("valkey", has_valkey())):
        reason = f"NO {name.upper()} SERVER HERE: see tests/support/redis_server.py"
        yield pytest.param(name, marks=pytest.mark.skipif(not is_here, reason=reason))


def _program(name: str) -> Path:
    program = redis_program() if name == "redis" else valkey_program()
    assert program is not None
    return program


@pytest.fixture(scope="session", params=_programs())
def program(request: pytest.FixtureRequest) -> Path:
    return _program(request.param)


@pytest.fixture(scope="session")
def server(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    folder = tmp_path_factory.mktemp("redis") / "server"
    with RedisServer.start(folder, program, saves_to="acl-file") as started:
        yield started


@pytest.fixture
def user(server: RedisServer) -> str:
    """A user of the test's own, who may change itself."""
    name = f"app-{uuid.uuid4().hex[:8]}"
    server.run("ACL", "SETUSER", name, "on", f">{PASSWORD}", "~app:*", "+get", *MAY_CHANGE)
    return name


def credential(port: int, username: str, password: str = PASSWORD, **keys: object) -> Credential:
    document = {
        "engine": "redis",
        "host": "127.0.0.1",
        "port": port,
        "username": username,
        "password": password,
        "ssl": False,
        **keys,
    }
    return parse(json.dumps(document), "AWSCURRENT", Redis().defaults)


def log_in(login: Credential, ca_file: str | None = None) -> None:
    with Redis(ca_file=ca_file).login(login) as session:
        session.probe()


def change(login: Credential, password: str = NEW_PASSWORD) -> None:
    with Redis().login(login) as session:
        session.change_own_password(password)


def rules_of(server: RedisServer, username: str) -> list[str]:
    """Return a user's line of ACL LIST, without its name and passwords."""
    lines: list[str] = server.run("ACL", "LIST")
    (line,) = [line for line in lines if line.startswith(f"user {username} ")]
    return [word for word in line.split(" ")[2:] if not word.startswith("#")]


def alike(server: RedisServer, model: str, follower: str) -> None:
    """Give a user the rights of another, as the strategy does."""
    admin = credential(server.port, ADMIN, ADMIN_PASSWORD)
    with Redis().administer(admin, admin) as administration:
        drift = compare(administration.rights_of(model), administration.rights_of(follower))
        for right in drift.surplus:
            administration.revoke(follower, right)
        for right in drift.missing:
            administration.grant(follower, right)
        administration.set_password(follower, NEW_PASSWORD)


def test_wrong_password_is_a_refused_login(server: RedisServer, user: str) -> None:
    with pytest.raises(LoginRefusedError, match="invalid username-password") as error:
        log_in(credential(server.port, user, "canary-wrong"))

    assert "canary" not in str(error.value)


def test_user_that_is_off_is_refused_and_stays_off(server: RedisServer, user: str) -> None:
    server.run("ACL", "SETUSER", user, "off")

    with pytest.raises(LoginRefusedError):
        change(credential(server.port, user))

    assert "off" in rules_of(server, user)


def test_port_that_nothing_listens_on_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match="Connection refused"):
        log_in(credential(1, "app"))


def test_host_that_has_no_address_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match=r"nowhere\.invalid"):
        log_in(credential(6379, "app", host="nowhere.invalid"))


@pytest.mark.parametrize(
    ("ssl", "error"), [(True, EncryptionError), (None, EncryptionError), (False, UnreachableError)]
)
def test_server_that_says_nothing_is_given_up(
    ssl: bool | None, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_connection, "CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(redis_connection, "ANSWER_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        with pytest.raises(error, match=r"no answer|Timeout"):
            log_in(credential(port, "app", ssl=ssl))


def test_secret_without_ssl_sends_no_password_to_a_server_without_tls(
    server: RedisServer, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_connection, "CONNECT_SECONDS", 0.1)
    with CuttingProxy.start((server.host, server.port)) as proxy:
        with pytest.raises(EncryptionError, match='"ssl": false'):
            log_in(credential(proxy.port, user, ssl=None))

        assert proxy.sent
        assert PASSWORD.encode() not in proxy.sent


def test_user_that_may_not_change_itself_is_told_what_to_allow(
    server: RedisServer, user: str
) -> None:
    server.run("ACL", "SETUSER", user, "-acl|setuser")

    with pytest.raises(MissingRightError, match=r"\+acl\|setuser"):
        change(credential(server.port, user))

    assert server.accepts(user, PASSWORD)


def test_user_that_may_not_save_changes_nothing(server: RedisServer, user: str) -> None:
    server.run("ACL", "SETUSER", user, "-acl|save")

    with pytest.raises(MissingRightError, match=r"\+acl\|save"):
        change(credential(server.port, user))

    assert server.accepts(user, PASSWORD)


def test_user_that_needed_no_password_needs_its_own_after_a_change(
    server: RedisServer, user: str
) -> None:
    server.run("ACL", "SETUSER", user, "nopass")

    change(credential(server.port, user))

    assert server.accepts(user, NEW_PASSWORD)
    assert not server.accepts(user, "anything")


def test_two_passwords_replace_all_that_there_were(server: RedisServer, user: str) -> None:
    server.run("ACL", "SETUSER", user, ">of-an-attempt")

    with Redis().login(credential(server.port, user)) as session:
        session.keep_two_passwords(PASSWORD, NEW_PASSWORD)

    assert server.accepts(user, PASSWORD)
    assert server.accepts(user, NEW_PASSWORD)
    assert not server.accepts(user, "of-an-attempt")


def test_new_password_is_sent_as_its_hash_alone(server: RedisServer, user: str) -> None:
    with CuttingProxy.start((server.host, server.port)) as proxy:
        change(credential(proxy.port, user))

        assert hash_of(NEW_PASSWORD).encode() in proxy.sent
        assert NEW_PASSWORD.encode() not in proxy.sent


def test_watcher_of_all_commands_sees_no_password(server: RedisServer, user: str) -> None:
    with server.connect() as client, client.monitor() as watched:
        change(credential(server.port, user))
        change(credential(server.port, user, NEW_PASSWORD), PASSWORD)
        server.run("GET", "the-end")
        seen: list[str] = []
        while not seen or "the-end" not in seen[-1]:
            seen.append(watched.next_command()["command"])

    assert "canary" not in "".join(seen)


def test_change_that_was_sent_is_saved_although_the_function_died(
    program: Path, tmp_path: Path
) -> None:
    with (
        RedisServer.start(tmp_path, program, saves_to="acl-file") as server,
        CuttingProxy.start((server.host, server.port)) as proxy,
    ):
        # The login and a first saving have gone before: each of two places.
        proxy.arm(5)
        with pytest.raises(ConnectionLostError):
            change(credential(proxy.port, ADMIN, ADMIN_PASSWORD))
        assert proxy.has_cut
        shutil.copy(server.acl_file, tmp_path / "saved")

    assert hash_of(NEW_PASSWORD) in (tmp_path / "saved").read_text()


@pytest.mark.parametrize("saves_to", ["acl-file", "configuration"])
def test_both_passwords_outlast_a_restart(
    program: Path, tmp_path: Path, saves_to: SavesTo
) -> None:
    with RedisServer.start(tmp_path, program, saves_to=saves_to) as server:
        login = credential(server.port, ADMIN, ADMIN_PASSWORD)
        with Redis().login(login) as session:
            session.keep_two_passwords(ADMIN_PASSWORD, NEW_PASSWORD)

    with RedisServer.start(tmp_path, program, saves_to=saves_to) as restarted:
        assert restarted.accepts(ADMIN, ADMIN_PASSWORD)
        assert restarted.accepts(ADMIN, NEW_PASSWORD)


def test_password_of_requirepass_is_replaced_for_good(program: Path, tmp_path: Path) -> None:
    with RedisServer.start(tmp_path, program, saves_to="configuration") as server:
        assert server.run("CONFIG", "GET", "requirepass")[1] == ADMIN_PASSWORD
        change(credential(server.port, "default", ADMIN_PASSWORD))

    with RedisServer.start(tmp_path, program, saves_to="configuration") as restarted:
        assert restarted.accepts("default", NEW_PASSWORD)
        assert not restarted.accepts("default", ADMIN_PASSWORD)


def test_server_that_can_save_nowhere_is_not_changed(program: Path, tmp_path: Path) -> None:
    with RedisServer.start(tmp_path, program, saves_to="nothing") as server:
        login = credential(server.port, ADMIN, ADMIN_PASSWORD)

        with pytest.raises(NotSavedError, match="without a config file"):
            change(login)

        assert server.accepts(ADMIN, ADMIN_PASSWORD)
        change(credential(server.port, ADMIN, ADMIN_PASSWORD, persist=False), "another")
        assert not server.accepts(ADMIN, ADMIN_PASSWORD)


def test_acl_file_that_cannot_be_written_is_not_gone_around(program: Path, tmp_path: Path) -> None:
    with RedisServer.start(tmp_path, program, saves_to="acl-file") as server:
        # A folder in its place can't be replaced by a file.
        server.acl_file.unlink()
        server.acl_file.mkdir()

        with pytest.raises(NotSavedError, match="error trying to save"):
            change(credential(server.port, ADMIN, ADMIN_PASSWORD))

        assert server.accepts(ADMIN, ADMIN_PASSWORD)


def test_persist_that_is_no_truth_value_is_refused() -> None:
    with pytest.raises(SecretValueError, match='"persist" must be true or false'):
        log_in(credential(1, "app", persist="no"))


def test_name_with_a_space_is_refused_by_the_server(server: RedisServer) -> None:
    admin = credential(server.port, ADMIN, ADMIN_PASSWORD)

    with (
        Redis().administer(admin, admin) as administration,
        pytest.raises(StatementFailedError, match="spaces") as error,
    ):
        administration.set_password("a user", NEW_PASSWORD)

    assert hash_of(NEW_PASSWORD) not in str(error.value)


def test_name_of_a_clone_has_a_longest() -> None:
    longest = "a" * (USERNAME_BYTES_MAX - len("_clone"))

    assert Redis().clone_names.other(longest) == f"{longest}_clone"
    with pytest.raises(UsernameTooLongError):
        Redis().clone_names.other(f"{longest}a")


def test_rule_of_a_later_server_is_a_right_like_any() -> None:
    rules = Rules.of("app", ["user app2 on", "user app on #ab later=1 ~a (~(b)b c) -@all +get"])

    assert rules is not None
    later = Right(("rule", "later=1"))
    assert [later, Right(("keys", "~a")), Right(("selector", "(~(b)b c)"))] == [
        right for right in rules.rights() if len(right.subject) > 1
    ]
    assert "later=1" not in rules.without(later).rules
    assert rules.without(later).having(later).rights()[-1] == later


def test_clone_has_every_kind_of_right_of_its_user(server: RedisServer, user: str) -> None:
    odd = (
        *("+@all", "-@dangerous", "+config|get", "-flushall", "%R~read:*", "%W~write:*", "&ch:*"),
        *("skip-sanitize-payload", "(~one:* -@all +get)", "(&two:* %R~two +@read -keys)"),
    )
    server.run("ACL", "SETUSER", user, *odd)

    alike(server, user, f"{user}_clone")

    assert sorted(rules_of(server, f"{user}_clone")) == sorted(rules_of(server, user))
    assert server.accepts(f"{user}_clone", NEW_PASSWORD)


def test_right_of_every_kind_that_its_user_has_not_is_taken_from_a_clone(
    server: RedisServer, user: str
) -> None:
    wide = ("on", ">x", "+@all", "allkeys", "allchannels", "skip-sanitize-payload", "(~x +@all)")
    server.run("ACL", "SETUSER", f"{user}_clone", *wide)

    alike(server, user, f"{user}_clone")

    wanted, has = set(rules_of(server, user)), set(rules_of(server, f"{user}_clone"))
    assert has - {"sanitize-payload"} == wanted - {"sanitize-payload"}
    assert not server.accepts(f"{user}_clone", "x")


@pytest.mark.skipif(not has_valkey(), reason="NO VALKEY SERVER HERE")
def test_clone_may_use_the_databases_of_its_user(tmp_path: Path) -> None:
    with RedisServer.start(tmp_path, valkey_program(), saves_to="acl-file") as server:
        server.run("ACL", "SETUSER", "app", "on", f">{PASSWORD}", "db=1,2", "+@all")

        alike(server, "app", "app_clone")
        narrow = rules_of(server, "app_clone")
        server.run("ACL", "SETUSER", "app", "alldbs")
        alike(server, "app", "app_clone")

        assert "db=1,2" in narrow
        assert not [rule for rule in rules_of(server, "app_clone") if rule.startswith("db")]


def test_key_that_is_no_text_is_copied(server: RedisServer, user: str) -> None:
    with server.connect() as client:
        client.execute_command("ACL", "SETUSER", user, b"~\xff\xfe*", "allcommands")

    alike(server, user, f"{user}_clone")

    with server.connect(f"{user}_clone", NEW_PASSWORD) as client:
        assert client.execute_command("GET", b"\xff\xfe1") is None


def test_clone_without_a_password_yet_cannot_log_in(server: RedisServer, user: str) -> None:
    admin = credential(server.port, ADMIN, ADMIN_PASSWORD)
    with Redis().administer(admin, admin) as administration:
        for right in administration.rights_of(user):
            administration.grant(f"{user}_clone", right)

    assert "off" in rules_of(server, f"{user}_clone")
    assert not server.accepts(f"{user}_clone", "")


def test_replica_has_an_acl_of_its_own_and_the_log_says_so(
    program: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"replicaof": "127.0.0.1 1"}
    with RedisServer.start(tmp_path, program, saves_to="acl-file", settings=settings) as replica:
        change(credential(replica.port, ADMIN, ADMIN_PASSWORD), "another")

        assert replica.accepts(ADMIN, "another")
    assert "no other node is changed" in caplog.text


def _tls_program() -> Path:
    program = redis_program()
    if program is None:
        pytest.skip("NO REDIS SERVER WITH TLS HERE: install redis-tools")
    return program


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"), "127.0.0.1")


@pytest.fixture(scope="session")
def tls_server(
    certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    folder = tmp_path_factory.mktemp("tls") / "server"
    with RedisServer.start(
        folder, _tls_program(), saves_to="acl-file", certificate=certificate
    ) as started:
        yield started


@pytest.mark.parametrize("ssl", [True, None])
def test_server_that_the_ca_vouches_for_is_trusted(
    tls_server: RedisServer, certificate: Certificate, ssl: bool | None
) -> None:
    login = credential(tls_server.tls_port, ADMIN, ADMIN_PASSWORD, ssl=ssl)

    log_in(login, str(certificate.ca_file))


def test_server_is_verified_by_the_ca_of_the_secret_and_no_other(
    tls_server: RedisServer, certificate: Certificate, tmp_path: Path
) -> None:
    other = make_certificate(tmp_path, "127.0.0.1")
    its_own, another = (each.ca_file.read_text() for each in (certificate, other))
    where = (tls_server.tls_port, ADMIN, ADMIN_PASSWORD)

    log_in(credential(*where, ssl=True, caCertificate=its_own))
    with pytest.raises(EncryptionError, match="certificate"):
        log_in(credential(*where, ssl=True, caCertificate=another), str(certificate.ca_file))


def test_server_that_no_known_ca_vouches_for_is_refused(tls_server: RedisServer) -> None:
    with pytest.raises(EncryptionError, match="certificate"):
        log_in(credential(tls_server.tls_port, ADMIN, ADMIN_PASSWORD, ssl=True))


def test_server_by_another_name_is_refused(
    tls_server: RedisServer, certificate: Certificate
) -> None:
    login = credential(tls_server.tls_port, ADMIN, ADMIN_PASSWORD, host="localhost", ssl=True)

    with pytest.raises(EncryptionError, match="localhost"):
        log_in(login, str(certificate.ca_file))


def test_server_that_wants_a_certificate_of_the_client_is_named(
    certificate: Certificate, tmp_path: Path
) -> None:
    with RedisServer.start(
        tmp_path / "server",
        _tls_program(),
        saves_to="acl-file",
        certificate=certificate,
        settings={"tls-auth-clients": "yes"},
    ) as server:
        login = credential(server.tls_port, ADMIN, ADMIN_PASSWORD, ssl=True)

        with pytest.raises(EncryptionError, match="tls-auth-clients"):
            log_in(login, str(certificate.ca_file))


def test_server_that_speaks_only_tls_is_not_logged_in_to_without(
    tls_server: RedisServer,
) -> None:
    with pytest.raises(UnreachableError):
        log_in(credential(tls_server.tls_port, ADMIN, ADMIN_PASSWORD, ssl=False))


@pytest.mark.parametrize(("current", "stranger"), [("{}", "{}_clone"), ("{}_clone", "{}")])
@pytest.mark.parametrize("state", ["on", "off"])
def test_strangers_user_of_the_other_name_is_left_alone(
    server: RedisServer, user: str, current: str, stranger: str, state: str
) -> None:
    current, stranger = current.format(user), stranger.format(user)
    server.run("ACL", "SETUSER", current, "reset", "on", f">{PASSWORD}")
    server.run("ACL", "SETUSER", stranger, "reset", state, ">of-a-stranger", "~theirs:*", "+get")
    before = server.run("ACL", "GETUSER", stranger)
    now = credential(server.port, current)
    admin = credential(server.port, ADMIN, ADMIN_PASSWORD)

    with pytest.raises(NotPairedError, match="nothing links the two"):
        set_other(Redis(), GivenVersions(now=now, admin=admin))

    assert server.run("ACL", "GETUSER", stranger) == before


def test_user_that_takes_any_password_is_not_known_by_the_secrets(
    server: RedisServer, user: str
) -> None:
    server.run("ACL", "SETUSER", f"{user}_clone", "on", "nopass", "~theirs:*")
    before = server.run("ACL", "GETUSER", f"{user}_clone")
    now = credential(server.port, user)
    admin = credential(server.port, ADMIN, ADMIN_PASSWORD)

    with pytest.raises(NotPairedError, match="nopass"):
        set_other(Redis(), GivenVersions(now=now, admin=admin))

    assert server.run("ACL", "GETUSER", f"{user}_clone") == before


def test_clone_is_known_by_its_mark_which_is_not_passed_on(server: RedisServer, user: str) -> None:
    now = credential(server.port, user)
    admin = credential(server.port, ADMIN, ADMIN_PASSWORD)
    set_other(Redis(), GivenVersions(now=now, admin=admin))
    server.run("ACL", "SETUSER", f"{user}_clone", f"<{NEXT_PASSWORD}", ">lost")

    pending = set_other(Redis(), GivenVersions(now=now, admin=admin))
    assert server.accepts(pending.username, NEXT_PASSWORD)
    set_other(Redis(), GivenVersions(now=pending, admin=admin, before=now))

    with Redis().administer(admin, admin) as administration:
        assert administration.is_made_for(f"{user}_clone", user)
        assert not administration.is_made_for(user, f"{user}_clone")
