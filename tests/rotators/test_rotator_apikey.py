"""Keys of an HTTP API: what it may be told of, whose a key is, and what is never sent or said."""

from collections.abc import Iterator
from dataclasses import replace
import json
from pathlib import Path
from typing import Any

import pytest

from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines.apikey import ApiKey
from keyturn_rotators.engines.apikey_description import ApiDescription
from keyturn_rotators.errors import (
    EncryptionError,
    LoginRefusedError,
    MissingKeyError,
    MissingRightError,
    SettingError,
    StatementFailedError,
    UnreachableError,
)
from keyturn_rotators.strategies import IssuedCredential
from support.api_key_server import DESCRIPTION, ApiKeyServer
from support.certificates import Certificate, make_certificate
from support.given_versions import GivenVersions
from support.kits.apikey import document

OWNER = "app/ü 1"


@pytest.fixture
def api() -> Iterator[ApiKeyServer]:
    with ApiKeyServer.start() as server:
        yield server


def described(**members: Any) -> ApiKey:  # noqa: ANN401 - JSON
    text = json.dumps({**DESCRIPTION, **members})
    return ApiKey(description=ApiDescription.from_text(text), pauses_seconds=())


def with_member(name: str, **members: Any) -> ApiKey:  # noqa: ANN401 - JSON
    return described(**{name: {**DESCRIPTION[name], **members}})


def current_of(api: ApiKeyServer, whose: str = OWNER, **keys: Any) -> Credential:  # noqa: ANN401 - JSON
    value = {**document(api.make(whose, "first"), api.port), **keys}
    return parse(json.dumps(value), "AWSCURRENT", described().defaults)


def propose(engine: ApiKey, current: Credential, admin: Credential | None = None) -> Credential:
    versions = GivenVersions(now=current, admin=admin or current)
    return IssuedCredential(engine).propose(current, lambda: "", versions)


def test_values_are_put_into_paths_and_bodies_so_that_they_stay_values(api: ApiKeyServer) -> None:
    api.managers.add(OWNER)

    pending = propose(described(), current_of(api))

    assert {key.owner for key in api.keys.values()} == {OWNER}
    assert str(api.of(pending.password).id) == pending.username  # type: ignore[union-attr]
    assert [body["scopes"] for body in api.bodies] == [[OWNER]]
    assert [body["days"] for body in api.bodies] == [90]


def test_administrator_makes_the_key_of_a_user_who_may_not(api: ApiKeyServer) -> None:
    api.administrators.add("admin")
    current = current_of(api, masterarn="arn:admin")

    pending = propose(described(), current, current_of(api, "admin"))

    key = api.of(pending.password)
    assert key is not None
    assert key.owner == OWNER


def test_secret_that_names_somebody_elses_owner_gets_no_key_of_theirs(api: ApiKeyServer) -> None:
    api.administrators.add("admin")
    current = current_of(api, "mine", owner="theirs", masterarn="arn:admin")

    with pytest.raises(LoginRefusedError, match="owner is mine"):
        propose(described(), current, current_of(api, "admin"))

    assert [key for key in api.keys.values() if key.owner == "theirs"] == []


@pytest.mark.parametrize("shows_id", [True, False])
def test_administrator_withdraws_what_a_version_names_only_if_the_key_is_shown_to_be_it(
    api: ApiKeyServer, *, shows_id: bool
) -> None:
    api.administrators.add("admin")
    admin = current_of(api, "admin")
    test = DESCRIPTION["test"] | ({} if shows_id else {"id": None})
    engine = described(test={name: value for name, value in test.items() if value})
    current, mine = (current_of(api, masterarn="arn:admin") for _ in range(2))
    theirs = api.make(OWNER, "of another application")
    forged = replace(mine, username=str(theirs.id))

    for before in (forged, mine):
        versions = GivenVersions(now=current, before=before, admin=admin)
        IssuedCredential(engine).propose(current, lambda: "", versions)

    assert theirs.id in api.keys
    assert (int(mine.username) in api.keys) is not shows_id


def test_user_who_may_not_is_told_so(api: ApiKeyServer) -> None:
    with pytest.raises(MissingRightError, match="not your keys"):
        propose(described(), current_of(api))


def test_secret_without_its_owner_is_named(api: ApiKeyServer) -> None:
    with pytest.raises(MissingKeyError, match="owner"):
        propose(described(), current_of(api, owner=""))


def test_refused_key_is_not_in_the_message_though_the_api_repeats_it(api: ApiKeyServer) -> None:
    current = current_of(api, apiKey="canary-wrong")

    with pytest.raises(LoginRefusedError, match="unknown key") as caught:
        propose(described(), current)

    assert "canary-wrong" not in str(caught.value)


def test_server_that_is_not_the_api_is_named(api: ApiKeyServer) -> None:
    engine = with_member("test", path="/elsewhere")

    with pytest.raises(UnreachableError, match="no such page"):
        propose(engine, current_of(api))


@pytest.mark.parametrize("place", [{"id": "number"}, {"key": "token"}])
def test_answer_without_a_key_where_it_should_be_is_named(
    api: ApiKeyServer, place: dict[str, str]
) -> None:
    api.managers.add(OWNER)

    with pytest.raises(StatementFailedError, match="no id and key"):
        propose(with_member("issue", **place), current_of(api))


def test_key_that_is_gone_already_is_withdrawn(api: ApiKeyServer) -> None:
    api.managers.add(OWNER)
    current = current_of(api)

    with described().login(current) as issuer:
        issuer.withdraw(current, "123456789")


def test_key_of_somebody_else_is_not_withdrawn_by_its_name(api: ApiKeyServer) -> None:
    api.managers.add(OWNER)
    theirs = api.make("theirs", "made by hand")
    current = current_of(api)

    with described().login(current) as issuer:
        issuer.withdraw(current, str(theirs.id))

    assert theirs.id in api.keys


WRONG: list[tuple[object, str]] = [
    ("", "JSON object"),
    ("[]", "object of authorization"),
    ({**DESCRIPTION, "revoke": {}}, "object of authorization"),
    ({**DESCRIPTION, "authorization": {"header": "A\r\nB", "value": "{key}"}}, "names a header"),
    ({**DESCRIPTION, "authorization": {"header": "A", "value": "none"}}, "names a header"),
    ({**DESCRIPTION, "authorization": {"header": "A"}}, "a header and a value"),
    ({**DESCRIPTION, "test": {"method": "TRACE", "path": "/"}}, "methods are"),
    ({**DESCRIPTION, "test": {"method": "GET", "path": "http://x/"}}, "begins with a slash"),
    ({**DESCRIPTION, "list": {"method": "GET", "path": "/"}}, "where its keys is"),
    ({**DESCRIPTION, "issue": {"method": "POST", "path": "/", "id": "i"}}, "where its key is"),
    ({**DESCRIPTION, "withdraw": {"method": "GET", "path": "/", "when": 1}}, "has no when"),
    ({**DESCRIPTION, "test": {"method": "GET", "path": "/", "owner": "a["}}, "JMESPath"),
    ({**DESCRIPTION, "test": {"method": "GET", "path": "/"}}, 'reads the "owner"'),
]


@pytest.mark.parametrize(("description", "rule"), WRONG, ids=[rule for _, rule in WRONG])
def test_description_that_is_not_one_is_refused_by_the_rule(
    description: object, rule: str
) -> None:
    text = description if isinstance(description, str) else json.dumps(description)

    with pytest.raises(SettingError, match=rule):
        ApiDescription.from_text(text)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"), "127.0.0.1")


@pytest.fixture
def encrypted(certificate: Certificate) -> Iterator[ApiKeyServer]:
    with ApiKeyServer.start(certificate) as server:
        server.managers.add(OWNER)
        yield server


def over_tls(api: ApiKeyServer, **keys: Any) -> Credential:  # noqa: ANN401 - JSON
    value = {**document(api.make(OWNER, "first"), api.port), **keys}
    del value["ssl"]
    return parse(json.dumps(value), "AWSCURRENT", described().defaults)


def test_tls_is_used_unless_the_secret_says_otherwise_with_the_secrets_ca(
    encrypted: ApiKeyServer, certificate: Certificate
) -> None:
    pem = Path(certificate.ca_file).read_text()

    propose(described(), over_tls(encrypted, caCertificate=pem))

    assert len(encrypted.keys) == 2


def test_server_that_no_known_ca_vouches_for_is_sent_no_key(encrypted: ApiKeyServer) -> None:
    with pytest.raises(EncryptionError, match="certificate"):
        propose(described(), over_tls(encrypted))


def test_server_by_another_name_is_sent_no_key(
    encrypted: ApiKeyServer, certificate: Certificate
) -> None:
    pem = Path(certificate.ca_file).read_text()

    with pytest.raises(EncryptionError, match="certificate is not valid for 'localhost'"):
        propose(described(), over_tls(encrypted, caCertificate=pem, host="localhost"))
