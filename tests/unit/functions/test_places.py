"""Which places a function's code can be at, and how they are stored."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keyturn.functions import places
from keyturn.functions.names import FunctionRef
from keyturn.functions.places import (
    INVOCATIONS_PATH,
    PROFILE_LETTERS_MAX,
    URL_LETTERS_MAX,
    PlaceError,
    http_place,
    lambda_place,
)
from keyturn.functions.refusals import FunctionNotFoundError, ParameterError
from keyturn.keys.keyring import Keyring
from keyturn.model.function_place import HttpPlace, LambdaPlace
from keyturn.model.plaintext import Plaintext
from keyturn.store import function_places as rows, functions
from keyturn.store.database import Database
from support.store import make_database

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:rotator"
ROLE = "arn:aws:iam::123456789012:role/rotation"
ROTATOR = FunctionRef(region="eu-west-1", account="123456789012", name="rotator")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEYRING = Keyring(Plaintext(b"k" * 32))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = make_database(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://rotator.default.svc:8080",
        "https://rotator",
        "http://my_container:9000/",
        "http://10.0.0.7:8080",
        "http://[::1]:8080",
        "http://Rotator.Example.:80",
    ],
)
def test_a_url_without_a_path_gets_the_emulator_s(url: str) -> None:
    assert http_place(url) == HttpPlace(url.rstrip("/") + INVOCATIONS_PATH)


def test_a_url_with_a_path_keeps_it() -> None:
    url = "https://gateway.example/rotators/postgres/invoke"

    assert http_place(url) == HttpPlace(url)


@pytest.mark.parametrize(
    "url",
    [
        *("", "rotator:8080", "ftp://rotator", "file:///etc/passwd", "//rotator", "http:rotator"),
        *("http://", "http://:8080", "http:///path", "http://a..b", "http://-a"),
        *("http://rotator:0", "http://rotator:65536", "http://rotator:x", "http://[::1"),
        *("http://a b", "http://a/\r\nHost: b", "http://a\x00", "http://a\\b", "http://ä"),
        *("http://user@a", "http://user:password@a", "http://a/?x=1", "http://a/#x", "http://a?"),
        *(f"http://{'a' * 64}", f"http://{'a.' * 127}ab"),
    ],
)
def test_a_url_that_names_no_host_or_more_than_a_place_is_refused(url: str) -> None:
    with pytest.raises(PlaceError) as refused:
        http_place(url)

    assert "password@" not in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_url_may_be_as_long_as_the_limit_and_no_longer() -> None:
    longest = "http://a/".ljust(URL_LETTERS_MAX, "b")

    assert http_place(longest) == HttpPlace(longest)
    with pytest.raises(PlaceError, match=str(URL_LETTERS_MAX)):
        http_place(longest + "b")


@pytest.mark.parametrize("qualifier", ["", ":$LATEST", ":7", ":prod"])
def test_a_function_of_lambda_is_named_by_its_arn_with_or_without_a_qualifier(
    qualifier: str,
) -> None:
    place = lambda_place(ARN + qualifier, profile="rotation", endpoint_url="http://other:8585")

    assert place == LambdaPlace(
        arn=ARN + qualifier, profile="rotation", endpoint_url="http://other:8585"
    )


@pytest.mark.parametrize(
    "arn", ["", "rotator", "function:rotator", "arn:aws:s3:::bucket", ARN + ":a:b", ARN + "\n"]
)
def test_anything_but_the_arn_of_a_function_is_refused(arn: str) -> None:
    with pytest.raises(PlaceError, match="isn't the ARN"):
        lambda_place(arn)


@pytest.mark.parametrize("profile", ["", "a b", "a\x1b", "p" * (PROFILE_LETTERS_MAX + 1)])
def test_a_profile_that_no_file_could_name_is_refused(profile: str) -> None:
    with pytest.raises(PlaceError, match="profile"):
        lambda_place(ARN, profile=profile)


def test_an_endpoint_follows_the_rules_of_urls() -> None:
    with pytest.raises(PlaceError, match="no password"):
        lambda_place(ARN, endpoint_url="http://user:password@other")


def test_an_endpoint_that_aws_s_sdk_would_not_take_is_refused() -> None:
    with pytest.raises(PlaceError, match="AWS's SDK"):
        lambda_place(ARN, endpoint_url="http://my_server:8585")


@pytest.mark.parametrize(
    "place",
    [
        HttpPlace("http://rotator:8080/path"),
        LambdaPlace(arn=ARN),
        LambdaPlace(arn=ARN, profile="rotation", endpoint_url="https://other"),
    ],
)
def test_a_place_is_stored_whole_and_taken_back(
    database: Database, place: HttpPlace | LambdaPlace
) -> None:
    with database.write() as connection:
        function = places.make_function(connection, KEYRING, ROTATOR, ROLE, NOW)
        places.put(connection, ROTATOR, HttpPlace("http://earlier/path"))

        places.put(connection, ROTATOR, place)

        assert rows.find(connection, function.id) == place
        assert rows.all_by_function(connection) == [(function.arn, place)]
        places.put(connection, ROTATOR, None)
        assert rows.find(connection, function.id) is None


def test_a_deleted_function_takes_its_place_with_it(database: Database) -> None:
    with database.write() as connection:
        function = places.make_function(connection, KEYRING, ROTATOR, ROLE, NOW)
        places.put(connection, ROTATOR, HttpPlace("http://rotator/path"))
        functions.delete_function(connection, function)

        again = places.make_function(connection, KEYRING, ROTATOR, ROLE, NOW)

        assert rows.find(connection, again.id) is None
        assert rows.all_by_function(connection) == []


def test_a_function_that_is_not_there_has_no_place(database: Database) -> None:
    with database.write() as connection, pytest.raises(FunctionNotFoundError):
        places.put(connection, ROTATOR, None)


def test_one_version_alone_has_no_place_of_its_own(database: Database) -> None:
    version = FunctionRef(region="eu-west-1", account="123456789012", name="r", qualifier="1")

    with database.write() as connection, pytest.raises(ParameterError):
        places.put(connection, version, None)
