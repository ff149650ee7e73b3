"""The search behind ListSecrets and BatchGetSecretValue, on a store of its own."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
import json
from pathlib import Path
from typing import Any

import pytest

from keyturn.api.calls import AuthorisedCall
from keyturn.api.secretsmanager.listing import ListedPage, Listing
from keyturn.api.secretsmanager.pages import NextTokenError
from keyturn.iam.principal import Principal
from keyturn.keys.keyring import Keyring
from keyturn.model.limits import LIST_PAGE_MAX, LIST_SECRETS_LOOKED_AT_MAX
from keyturn.model.listing import Outline, Position
from keyturn.model.plaintext import Plaintext
from keyturn.secrets.listing import STEPS_PER_PAGE_MAX, look, parse
from keyturn.store.database import Database
from support.hardest_search import hardest_filters, long_members
from support.secret_rows import insert_secrets
from support.store import make_database

ACCOUNT, OTHER_ACCOUNT = "123456789012", "999999999999"
REGION, OTHER_REGION = "us-east-1", "eu-west-1"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return make_database(tmp_path)


@pytest.fixture
def listing(database: Database) -> Listing:
    return Listing(database, Keyring(Plaintext(b"k" * 32)))


def call(account: str = ACCOUNT, region: str = REGION, **params: object) -> AuthorisedCall:
    arn = f"arn:aws:iam::{account}:user/u"
    return AuthorisedCall(
        caller=Principal("user", account, arn, "AIDAEXAMPLE", arn),
        region=region,
        request_id="r",
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        source_ip="127.0.0.1",
        params=params,
    )


def fill(database: Database, *names: str, **columns: object) -> None:
    insert_secrets(
        database,
        ({"account": ACCOUNT, "region": REGION, "name": name, **columns} for name in names),
    )


def names(page: ListedPage) -> list[str]:
    return [secret.name for secret in page.secrets]


def pages(listing: Listing, filters: list[dict[str, Any]]) -> Iterator[list[str]]:
    """Yield the names of each page, as large as a page may be."""
    params: dict[str, Any] = {"Filters": filters}
    while True:
        page = listing.page(call(**params), listing="ListSecrets", most=LIST_PAGE_MAX)
        yield names(page)
        if page.next_token is None:
            return
        params["NextToken"] = page.next_token


def by_name(*values: str) -> list[Mapping[str, Any]]:
    return [{"Key": "name", "Values": list(values)}]


def test_page_is_the_same_whoever_lists(database: Database, listing: Listing) -> None:
    fill(database, "a", "b", "ab")

    page = listing.page(call(Filters=by_name("a")), listing="BatchGetSecretValue", most=20)

    assert (names(page), page.next_token) == (["a", "ab"], None)


def test_page_may_be_empty_and_go_on(database: Database, listing: Listing) -> None:
    fill(database, *(f"s{number}" for number in range(LIST_SECRETS_LOOKED_AT_MAX)))
    fill(database, "last", description="wanted")
    filters = [{"Key": "description", "Values": ["wanted"]}]

    first = listing.page(call(Filters=filters), listing="ListSecrets", most=10)
    second = listing.page(
        call(Filters=filters, NextToken=first.next_token), listing="ListSecrets", most=10
    )

    assert names(first) == []
    assert first.next_token is not None
    assert (names(second), second.next_token) == (["last"], None)


@pytest.mark.parametrize("key", ["created-date", "last-accessed-date", "name"])
def test_few_with_a_prefix_are_found_at_once_among_any_number(
    database: Database, listing: Listing, key: str
) -> None:
    fill(database, *(f"s{number}" for number in range(LIST_SECRETS_LOOKED_AT_MAX + 1)))
    fill(database, "wanted/b", "wanted/a")

    page = listing.page(
        call(Filters=by_name("wanted/"), SortBy=key), listing="ListSecrets", most=10
    )

    assert sorted(names(page)) == ["wanted/a", "wanted/b"]
    assert page.next_token is None


def test_secrets_that_are_scheduled_for_deletion_count_as_looked_at(
    database: Database, listing: Listing
) -> None:
    gone = (f"gone{number}" for number in range(LIST_SECRETS_LOOKED_AT_MAX))
    fill(database, *gone, deleted_at=1)
    insert_secrets(database, [{"account": ACCOUNT, "region": REGION, "name": "alive"}])

    first = listing.page(call(), listing="ListSecrets", most=10)
    second = listing.page(call(NextToken=first.next_token), listing="ListSecrets", most=10)

    assert (names(first), names(second)) == ([], ["alive"])


def test_search_that_is_much_work_comes_in_short_pages_that_hold_everything(
    database: Database, listing: Listing
) -> None:
    members = long_members()
    made = [f"s{number:02}" for number in range(50)]
    fill(database, *made, **{**members, "tags": json.dumps(members["tags"])})
    filters = hardest_filters()
    outline = Outline(position=Position(0, 1), name=made[0], **members)
    steps = look(parse(filters), outline).steps

    found = list(pages(listing, filters))

    assert [name for page in found for name in page] == made
    assert len(found) > 1
    assert all((len(page) - 1) * steps < STEPS_PER_PAGE_MAX for page in found)


@pytest.mark.parametrize(
    ("changed", "listed_by"),
    [
        ({"account": OTHER_ACCOUNT}, "ListSecrets"),
        ({"region": OTHER_REGION}, "ListSecrets"),
        ({"Filters": by_name("s", "t")}, "ListSecrets"),
        ({"Filters": [{"Key": "all", "Values": ["s"]}]}, "ListSecrets"),
        ({"Filters": by_name("!s")}, "ListSecrets"),
        ({"SortBy": "name"}, "ListSecrets"),
        ({"SortBy": "last-changed-date"}, "ListSecrets"),
        ({"SortOrder": "desc"}, "ListSecrets"),
        ({}, "BatchGetSecretValue"),
    ],
)
def test_token_is_good_for_one_search_only(
    database: Database, listing: Listing, changed: Mapping[str, Any], listed_by: str
) -> None:
    fill(database, "s1", "s2")
    asked: dict[str, Any] = {"Filters": by_name("s")}
    token = listing.page(call(**asked), listing="ListSecrets", most=1).next_token

    with pytest.raises(NextTokenError):
        listing.page(call(**{**asked, **changed, "NextToken": token}), listing=listed_by, most=1)


def test_order_that_is_the_default_may_be_said_or_left_out(
    database: Database, listing: Listing
) -> None:
    fill(database, "s1", "s2")
    token = listing.page(call(), listing="ListSecrets", most=1).next_token

    page = listing.page(
        call(SortBy="created-date", SortOrder="asc", NextToken=token),
        listing="ListSecrets",
        most=1,
    )

    assert names(page) == ["s2"]


def test_token_of_another_master_key_is_refused(database: Database, listing: Listing) -> None:
    fill(database, "s1", "s2")
    other = Listing(database, Keyring(Plaintext(b"o" * 32)))
    token = other.page(call(), listing="ListSecrets", most=1).next_token

    with pytest.raises(NextTokenError):
        listing.page(call(NextToken=token), listing="ListSecrets", most=1)


def test_longest_token_is_shorter_than_the_longest_that_is_taken(
    database: Database, listing: Listing
) -> None:
    fill(database, "n" * 512, "n" * 511 + "o")

    token = listing.page(call(SortBy="name"), listing="ListSecrets", most=1).next_token

    assert token is not None
    # AWS: NextTokenType in botocore's service model.
    assert len(token) <= 4096
