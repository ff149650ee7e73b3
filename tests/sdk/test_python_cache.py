"""AWS's caching client for Python, as PyPI has it, against a running server.

Its guide: https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_cache-python.html
"""

from collections.abc import Iterator, Mapping
import json
from pathlib import Path
from typing import cast

from aws_secretsmanager_caching import (
    InjectKeywordedSecretString,
    InjectSecretString,
    SecretCache,
    SecretCacheConfig,
)
from botocore.exceptions import ClientError
import botocore.session
import pytest
from types_boto3_secretsmanager import SecretsManagerClient

from support.live_api import LiveApi, allow, policy

pytestmark = pytest.mark.server

FIRST = 'Füchse & "Hähne" 🔑'
SECOND = "another one"
EVERY_BYTE = bytes(range(256))


@pytest.fixture
def session(
    api: LiveApi,
    shell_variables: Mapping[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> botocore.session.Session:
    """botocore in a shell after ``eval "$(keyturn env)"``, with a home of its own."""
    for name in ("AWS_CONFIG_FILE", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    own = {"HOME": str(tmp_path), "AWS_DEFAULT_REGION": api.region}
    for name, value in {**shell_variables, **own}.items():
        monkeypatch.setenv(name, value)
    return botocore.session.get_session()


@pytest.fixture
def client(session: botocore.session.Session) -> Iterator[SecretsManagerClient]:
    client = session.create_client("secretsmanager")
    yield cast("SecretsManagerClient", client)
    client.close()


@pytest.fixture
def cache(client: SecretsManagerClient) -> SecretCache:
    return SecretCache(SecretCacheConfig(), client)


@pytest.mark.usefixtures("session")
def test_cache_that_is_given_nothing_reads_a_secret(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString=FIRST)
    cache = SecretCache()

    value = cache.get_secret_string("a")

    assert value == FIRST
    cache._client.close()


def test_string_is_read_back_by_name_and_by_arn(
    client: SecretsManagerClient, cache: SecretCache
) -> None:
    created = client.create_secret(Name="a", SecretString=FIRST)

    values = [cache.get_secret_string(created["Name"]), cache.get_secret_string(created["ARN"])]

    assert values == [FIRST, FIRST]
    assert cache.get_secret_binary("a") is None


def test_binary_value_is_read_back_byte_for_byte(
    client: SecretsManagerClient, cache: SecretCache
) -> None:
    client.create_secret(Name="a", SecretBinary=EVERY_BYTE)

    value = cache.get_secret_binary("a")

    assert value == EVERY_BYTE
    assert cache.get_secret_string("a") is None


def test_new_value_is_seen_once_the_cache_refreshes(
    client: SecretsManagerClient, cache: SecretCache
) -> None:
    refreshed_each_time = SecretCache(SecretCacheConfig(secret_refresh_interval=0), client)
    client.create_secret(Name="a", SecretString=FIRST)
    before = (cache.get_secret_string("a"), refreshed_each_time.get_secret_string("a"))
    client.put_secret_value(SecretId="a", SecretString=SECOND)

    after = (cache.get_secret_string("a"), refreshed_each_time.get_secret_string("a"))

    assert before == (FIRST, FIRST)
    assert after == (FIRST, SECOND)


def test_previous_value_is_read_by_its_stage(
    client: SecretsManagerClient, cache: SecretCache
) -> None:
    client.create_secret(Name="a", SecretString=FIRST)
    client.put_secret_value(SecretId="a", SecretString=SECOND)

    previous = cache.get_secret_string("a", version_stage="AWSPREVIOUS")

    assert previous == FIRST
    assert cache.get_secret_string("a") == SECOND


def test_stage_that_no_version_has_gives_nothing(
    client: SecretsManagerClient, cache: SecretCache
) -> None:
    client.create_secret(Name="a", SecretString=FIRST)

    assert cache.get_secret_string("a", version_stage="AWSPREVIOUS") is None


def test_secret_is_given_to_a_decorated_function(
    client: SecretsManagerClient, cache: SecretCache
) -> None:
    client.create_secret(Name="a", SecretString=FIRST)

    @InjectSecretString("a", cache)  # type: ignore[untyped-decorator] # it has no types
    def connect(password: str, host: str) -> tuple[str, str]:
        return password, host

    assert connect("db.example") == (FIRST, "db.example")


def test_members_of_a_secret_are_given_to_a_decorated_function(
    client: SecretsManagerClient, cache: SecretCache
) -> None:
    credential = {"username": "app", "password": FIRST}
    client.create_secret(Name="a", SecretString=json.dumps(credential))

    inject = InjectKeywordedSecretString("a", cache, user="username", password="password")

    @inject  # type: ignore[untyped-decorator] # it has no types
    def connect(host: str, *, user: str, password: str) -> tuple[str, str, str]:
        return host, user, password

    assert connect("db.example") == ("db.example", "app", FIRST)


def test_missing_secret_raises_until_it_is_there(client: SecretsManagerClient) -> None:
    cache = SecretCache(SecretCacheConfig(exception_retry_delay_base=0), client)

    with pytest.raises(client.exceptions.ResourceNotFoundException) as refused:
        cache.get_secret_string("a")
    client.create_secret(Name="a", SecretString=FIRST)

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert cache.get_secret_string("a") == FIRST


def test_secret_that_is_marked_for_deletion_raises(
    client: SecretsManagerClient, cache: SecretCache
) -> None:
    client.create_secret(Name="a", SecretString=FIRST)
    client.delete_secret(SecretId="a")

    with pytest.raises(client.exceptions.InvalidRequestException, match="marked for deletion"):
        cache.get_secret_string("a")


def test_two_permissions_of_the_guide_are_needed_and_enough(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString=FIRST)
    get, describe = "secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"
    reader, half_a_reader = api.user(policy(allow([get, describe]))), api.user(policy(allow(get)))

    value = SecretCache(SecretCacheConfig(), reader.secrets).get_secret_string("a")
    with pytest.raises(ClientError) as refused:
        SecretCache(SecretCacheConfig(), half_a_reader.secrets).get_secret_string("a")

    assert value == FIRST
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert describe in refused.value.response["Error"]["Message"]
