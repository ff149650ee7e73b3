"""What the MongoDB engine makes of users, servers and refusals that are not the usual ones.

SecantusDB stands for MongoDB where it can; what only MongoDB has is simulated.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
import json
import logging
import socket
from threading import Event
from typing import TYPE_CHECKING, Any, cast
import uuid

from bson import ObjectId
from pymongo.errors import AutoReconnect, NotPrimaryError, OperationFailure, PyMongoError
import pytest
from typing_extensions import override

from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines import mongodb as mongodb_engine
from keyturn_rotators.engines.mongodb import USERNAME_BYTES_MAX, Mongodb
from keyturn_rotators.engines.mongodb_users import MongoAdministration
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingRightError,
    NotPairedError,
    PasswordRefusedError,
    ReadOnlyTargetError,
    SecretValueError,
    StatementFailedError,
    TargetError,
    UnreachableError,
    UsernameTooLongError,
)
from keyturn_rotators.rights import Right
from keyturn_rotators.strategies.alternating_users import _drift, _follow
from support.certificates import Certificate, make_certificate
from support.cutting_proxy import CuttingProxy
from support.given_versions import NEXT_PASSWORD, GivenVersions, set_other
from support.kits import mongodb
from support.kits.mongodb import MongodbKit
from support.mongo_server import DATABASE, MongoServer
from support.simulated_mongo_users import MECHANISMS, SimulatedMongoUsers, User
from support.wheels import NoWheelError

if TYPE_CHECKING:
    from pymongo.database import Database

PASSWORD = "canary-password"
NEW_PASSWORD = "canary-new-password"
ENGINE = Mongodb(connect_seconds=2)
MARK = {"role": "keyturnAlternatingUser", "db": DATABASE}


def credential(port: int, username: str = "app", **keys: object) -> Credential:
    document = {
        "engine": "mongo",
        "host": "127.0.0.1",
        "port": port,
        "dbname": DATABASE,
        "username": username,
        "password": PASSWORD,
        "ssl": False,
        **keys,
    }
    return parse(json.dumps(document), "AWSCURRENT", ENGINE.defaults)


def log_in(login: Credential, engine: Mongodb = ENGINE) -> None:
    with engine.login(login) as session:
        session.probe()


def change(login: Credential, password: str = NEW_PASSWORD) -> None:
    with ENGINE.login(login) as session:
        session.change_own_password(password)


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongodbKit]:
    with mongodb.start(tmp_path_factory.mktemp("mongodb") / "server") as started:
        yield started


@pytest.fixture
def user(kit: MongodbKit) -> str:
    """A user of the test's own."""
    name = f"app-{uuid.uuid4().hex[:8]}"
    kit.make_user(name, PASSWORD)
    return name


@pytest.mark.engine
def test_a_wrong_password_is_a_refused_login(kit: MongodbKit, user: str) -> None:
    with pytest.raises(LoginRefusedError, match="AWSCURRENT") as error:
        log_in(credential(kit.server.port, user, password="canary-wrong"))

    assert "canary" not in str(error.value)


@pytest.mark.engine
def test_a_user_logs_in_to_the_database_that_knows_it(kit: MongodbKit, user: str) -> None:
    log_in(credential(kit.server.port, user))

    with pytest.raises(LoginRefusedError):
        log_in(credential(kit.server.port, user, dbname="admin"))


@pytest.mark.engine
def test_an_administrator_logs_in_to_its_own_database_and_changes_users_of_another(
    kit: MongodbKit, user: str
) -> None:
    admin = parse(json.dumps(kit.admin_document()), "admin", ENGINE.defaults)
    assert admin.dbname != DATABASE

    with ENGINE.administer(admin, credential(kit.server.port, user)) as administration:
        administration.set_password(user, NEW_PASSWORD)

    assert kit.accepts(user, NEW_PASSWORD)
    assert not kit.accepts(user, PASSWORD)


@pytest.mark.engine
def test_a_user_that_may_not_change_its_own_password_is_told_what_it_needs(
    kit: MongodbKit,
) -> None:
    kit.root[DATABASE].command("createUser", "reader", pwd=PASSWORD, roles=["read"])

    with pytest.raises(MissingRightError, match=r"changeOwnPassword .*masterarn"):
        change(credential(kit.server.port, "reader"))

    assert kit.accepts("reader", PASSWORD)


@pytest.mark.engine
def test_a_connection_that_breaks_is_told_from_one_that_was_never_made(
    kit: MongodbKit, user: str
) -> None:
    with (
        CuttingProxy.start(kit.address) as proxy,
        ENGINE.login(credential(proxy.port, user)) as session,
    ):
        proxy.arm(0)

        with pytest.raises(ConnectionLostError):
            session.probe()


@dataclass(kw_only=True)
class StallingProxy(CuttingProxy):
    """A proxy that holds messages back while ``flowing`` isn't set."""

    flowing: Event = field(default_factory=Event)

    @override
    def _note(self, message: bytes) -> None:
        super()._note(message)
        self.flowing.wait()


@pytest.mark.engine
def test_a_command_that_is_not_answered_is_given_up(
    kit: MongodbKit, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongodb_engine, "COMMAND_SECONDS", 0.2)
    with StallingProxy.start(kit.address) as proxy:
        assert isinstance(proxy, StallingProxy)
        proxy.flowing.set()
        with ENGINE.login(credential(proxy.port, user)) as session:
            proxy.flowing.clear()

            with pytest.raises(ConnectionLostError, match="timed out"):
                session.probe()

            proxy.flowing.set()


def test_a_port_that_nothing_listens_on_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match="Connection refused"):
        log_in(credential(1), Mongodb(connect_seconds=0.1))


def test_a_host_that_has_no_address_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match=r"nowhere\.invalid"):
        log_in(credential(27017, host="nowhere.invalid"), Mongodb(connect_seconds=0.1))


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_address_of_ipv6_is_a_host(host: str) -> None:
    with pytest.raises(UnreachableError, match=r"::1.*(refused|unreachable|assign)"):
        log_in(credential(1, host=host), Mongodb(connect_seconds=0.1))


@pytest.mark.engine
def test_a_database_that_cannot_be_is_a_refused_login(kit: MongodbKit, user: str) -> None:
    with pytest.raises(LoginRefusedError, match="cannot contain"):
        log_in(credential(kit.server.port, user, dbname="sh.op"))


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        with pytest.raises(UnreachableError, match="timed out"):
            log_in(credential(port), Mongodb(connect_seconds=0.1))


@pytest.mark.parametrize(
    "host",
    ["mongodb://elsewhere", "one,two", "user@elsewhere", "/run/mongodb.sock", "h?tls=false"],
)
def test_a_host_is_one_server_and_no_uri(host: str) -> None:
    with pytest.raises(SecretValueError, match="no URI"):
        log_in(credential(27017, host=host))


@pytest.mark.parametrize("password", ["bell\a", "\N{SOFT HYPHEN}", "\N{KEY}"])
def test_a_password_that_no_driver_prepares_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(LoginRefusedError, match="SASLprep") as error:
        log_in(credential(27017, password=password))

    assert password not in str(error.value)


def test_a_name_has_room_for_the_suffix_or_is_refused() -> None:
    names = ENGINE.clone_names
    longest = "a" * (USERNAME_BYTES_MAX - len("_clone"))

    assert names.other(names.other(longest)) == longest
    with pytest.raises(UsernameTooLongError):
        names.other(longest + "a")


@pytest.mark.engine
def test_a_secret_without_ssl_insists_on_tls(kit: MongodbKit, user: str) -> None:
    login = credential(kit.server.port, user, ssl=None)

    with pytest.raises(EncryptionError, match='"ssl": false'):
        log_in(login)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"), "127.0.0.1")


@pytest.fixture(scope="session")
def tls_server(
    certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MongoServer]:
    folder = tmp_path_factory.mktemp("mongodb-tls") / "server"
    try:
        with MongoServer.start(folder, certificate=certificate) as started:
            started.make_user("app", PASSWORD)
            yield started
    except NoWheelError as error:
        pytest.skip(f"NO SERVER OF MONGODB'S PROTOCOL HERE: pip install secantusdb: {error}")


@pytest.mark.engine
@pytest.mark.parametrize("ssl", [True, "true", None])
def test_tls_is_verified_with_the_secrets_own_ca(
    tls_server: MongoServer, certificate: Certificate, ssl: object
) -> None:
    ca = certificate.ca_file.read_text()

    log_in(credential(tls_server.port, ssl=ssl, caCertificate=ca))


@pytest.mark.engine
def test_tls_is_verified_with_the_functions_ca(
    tls_server: MongoServer, certificate: Certificate
) -> None:
    log_in(
        credential(tls_server.port, ssl=True),
        Mongodb(ca_file=str(certificate.ca_file), connect_seconds=2),
    )


@pytest.mark.engine
@pytest.mark.parametrize("ssl", [True, None])
def test_a_server_that_no_known_ca_vouches_for_is_refused(
    tls_server: MongoServer, ssl: object
) -> None:
    with pytest.raises(EncryptionError, match="certificate verify failed"):
        log_in(credential(tls_server.port, ssl=ssl))


@pytest.mark.engine
def test_a_server_by_another_name_is_refused(
    tls_server: MongoServer, certificate: Certificate
) -> None:
    ca = certificate.ca_file.read_text()

    with pytest.raises(EncryptionError, match="Hostname mismatch"):
        log_in(credential(tls_server.port, host="localhost", ssl=True, caCertificate=ca))


def test_a_ca_that_is_none_is_named() -> None:
    with pytest.raises(EncryptionError, match="CA file is unusable"):
        log_in(credential(1, ssl=True, caCertificate="nothing of the kind"))


def users_of(**users: User) -> SimulatedMongoUsers:
    made = {name: {"mechanisms": MECHANISMS, "roles": [], **user} for name, user in users.items()}
    return SimulatedMongoUsers(name=DATABASE, users=deepcopy(made))


def administration_of(database: SimulatedMongoUsers) -> MongoAdministration:
    as_real = cast("Database[dict[str, Any]]", database)
    return MongoAdministration(as_real, credential(1, "admin"), "Ask userAdmin.")


def follow(database: SimulatedMongoUsers) -> None:
    """Make a user's clone, or make it alike again."""
    administration = administration_of(database)
    _follow(administration, "app", "app_clone")
    administration.set_password("app_clone", NEW_PASSWORD)


def what_it_is(user: User) -> User:
    """Return what isn't a user's own."""
    roles = [role for role in user["roles"] if role != MARK]
    told = {**user, "roles": roles}
    kept = {key: value for key, value in told.items() if key != "pwd" and value not in ([], {})}
    return {**kept, "mechanisms": sorted(kept["mechanisms"])}


EVERYTHING: User = {
    "mechanisms": ["SCRAM-SHA-256"],
    "authenticationRestrictions": [
        {"clientSource": ["192.0.2.0/24"], "serverAddress": ["198.51.100.1"]}
    ],
    "customData": {
        "id": ObjectId("0123456789abcdef01234567"),
        # As the driver reads it.
        "since": datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None),
        "note": "canary",
    },
    "roles": [
        {"role": "readWrite", "db": DATABASE},
        {"role": "read", "db": "elsewhere"},
        {"role": 'odd"role', "db": DATABASE},
    ],
}


def test_a_clone_is_all_that_its_user_is() -> None:
    database = users_of(app=EVERYTHING)

    follow(database)

    assert what_it_is(database.users["app_clone"]) == EVERYTHING


def test_a_clone_is_made_whole_with_its_password_in_one_command() -> None:
    database = users_of(app=EVERYTHING)

    follow(database)

    changes = [name for name in database.said if name not in {"usersInfo", "rolesInfo"}]
    assert changes == ["createRole", "createUser"]
    assert database.users["app_clone"]["pwd"] == NEW_PASSWORD


def test_a_user_that_is_there_is_restricted_before_it_gets_a_role() -> None:
    database = users_of(app=EVERYTHING, app_clone={})

    follow(database)

    changes = [name for name in database.said if name not in {"usersInfo", "isMaster"}]
    roles = ["grantRolesToUser"] * len(EVERYTHING["roles"])
    assert changes == ["updateUser", "updateUser", *roles, "updateUser"]


def test_other_mechanisms_come_with_the_password_that_they_need() -> None:
    database = users_of(app=EVERYTHING, app_clone={**EVERYTHING, "mechanisms": ["SCRAM-SHA-1"]})
    administration = administration_of(database)

    _follow(administration, "app", "app_clone")
    assert database.users["app_clone"]["mechanisms"] == ["SCRAM-SHA-1"]
    administration.set_password("app_clone", NEW_PASSWORD)

    assert database.users["app_clone"]["mechanisms"] == EVERYTHING["mechanisms"]


def test_a_mark_is_known_and_not_passed_on_and_made_once() -> None:
    database = users_of(app=EVERYTHING)
    follow(database)
    administration = administration_of(database)

    _follow(administration, "app_clone", "app")
    administration.set_password("app", NEW_PASSWORD)
    database.users.pop("app_clone")
    follow(database)

    assert administration.is_made_for("app_clone", "app")
    assert not administration.is_made_for("app", "app_clone")
    assert what_it_is(database.users["app"]) == EVERYTHING
    assert database.roles == [MARK["role"]]


def test_a_right_of_no_known_kind_changes_nothing() -> None:
    database = users_of(app=EVERYTHING)
    administration = administration_of(database)

    with pytest.raises(RuntimeError, match="pwd"):
        administration.grant("app", Right(("pwd",), '"x"'))
    with pytest.raises(RuntimeError, match="roles"):
        administration.revoke("app", Right(("roles",)))

    assert not database.said


@pytest.mark.parametrize("key", EVERYTHING)
def test_what_changed_since_is_changed_for_the_other_user_both_ways(key: str) -> None:
    plain: User = {"mechanisms": list(MECHANISMS), "roles": []}
    database = users_of(app=EVERYTHING, app_clone=EVERYTHING)

    database.users["app"].pop(key)
    database.users["app"] = {**plain, **database.users["app"]}
    follow(database)
    assert what_it_is(database.users["app_clone"]) == what_it_is(database.users["app"])

    database.users["app"][key] = deepcopy(EVERYTHING[key])
    follow(database)
    assert what_it_is(database.users["app_clone"]) == EVERYTHING


def test_custom_data_is_an_applications_own_and_in_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    database = users_of(app=EVERYTHING)
    administration = administration_of(database)

    drift = _drift(administration, "app", "app_clone")
    _follow(administration, "app", "app_clone")

    assert "customData" in str(drift)
    assert "canary" not in f"{caplog.text} {drift} {drift!r}"


def test_a_user_keeps_its_mechanisms_when_its_password_changes() -> None:
    database = users_of(app={"mechanisms": ["SCRAM-SHA-256"]})

    administration_of(database).set_password("app", NEW_PASSWORD)

    assert database.users["app"]["pwd"] == NEW_PASSWORD
    assert database.users["app"]["mechanisms"] == ["SCRAM-SHA-256"]


def test_a_server_that_has_no_restrictions_and_tells_no_mechanisms_is_sent_none() -> None:
    roles = [{"role": "readWrite", "db": DATABASE}]
    database = users_of(app={"roles": roles})
    database.knows_restrictions = False
    administration = administration_of(database)

    _follow(administration, "app", "app_clone")
    administration.set_password("app_clone", NEW_PASSWORD)

    clone = {"mechanisms": MECHANISMS, "roles": [*roles, MARK], "pwd": NEW_PASSWORD}
    assert database.users["app_clone"] == clone


def test_a_clone_that_may_not_be_given_a_role_is_not_made() -> None:
    database = users_of(app=EVERYTHING)
    database.failures["createUser"] = OperationFailure("", 13, {"errmsg": "not authorized"})

    with pytest.raises(MissingRightError, match=r"not authorized.*userAdmin"):
        follow(database)

    assert "app_clone" not in database.users


@pytest.mark.engine
@pytest.mark.parametrize(("current", "stranger"), [("{}", "{}_clone"), ("{}_clone", "{}")])
def test_a_strangers_user_of_the_other_name_is_left_alone(
    kit: MongodbKit, current: str, stranger: str
) -> None:
    name = f"app-{uuid.uuid4().hex[:8]}"
    current, stranger = current.format(name), stranger.format(name)
    kit.make_user(current, PASSWORD)
    kit.make_user(stranger, "of-a-stranger")
    asked = {"usersInfo": {"user": stranger, "db": DATABASE}}
    before = kit.root[DATABASE].command(asked)
    admin = parse(json.dumps(kit.admin_document()), "admin", ENGINE.defaults)
    now = credential(kit.server.port, current)

    with pytest.raises(NotPairedError, match="nothing links the two"):
        set_other(ENGINE, GivenVersions(now=now, admin=admin))

    assert kit.accepts(stranger, "of-a-stranger")
    assert kit.root[DATABASE].command(asked) == before


@pytest.mark.engine
def test_a_clone_is_known_by_its_mark_though_its_password_was_lost(
    kit: MongodbKit, user: str
) -> None:
    admin = parse(json.dumps(kit.admin_document()), "admin", ENGINE.defaults)
    versions = GivenVersions(now=credential(kit.server.port, user), admin=admin)
    set_other(ENGINE, versions)
    kit.set_password(f"{user}_clone", "lost")

    set_other(ENGINE, versions)

    assert kit.accepts(f"{user}_clone", NEXT_PASSWORD)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (NotPrimaryError("not primary", {"code": 10107}), ReadOnlyTargetError),
        (NotPrimaryError("shutting down", {"code": 11600}), ConnectionLostError),
        (AutoReconnect("connection closed"), ConnectionLostError),
        (OperationFailure("", 13, {"errmsg": "not authorized"}), MissingRightError),
        (OperationFailure("", 2, {"errmsg": f"{NEW_PASSWORD} is bad"}), PasswordRefusedError),
        (OperationFailure("", 50, {"errmsg": f"{NEW_PASSWORD} is slow"}), StatementFailedError),
        (OperationFailure(""), StatementFailedError),
    ],
)
def test_what_a_server_says_is_told_by_its_code_without_the_password(
    said: PyMongoError, expected: type[TargetError]
) -> None:
    database = users_of(app={})
    database.failures["updateUser"] = said

    with pytest.raises(expected) as caught:
        administration_of(database).set_password("app", NEW_PASSWORD)

    assert type(caught.value) is expected
    assert NEW_PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_password_that_no_driver_could_log_in_with_is_not_set() -> None:
    database = users_of(app={})

    with pytest.raises(PasswordRefusedError, match="SASLprep"):
        administration_of(database).set_password("app", "bell\a")

    assert not database.said
