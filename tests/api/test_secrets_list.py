"""ListSecrets, against a running server.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html and
https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_search-secret.html
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.keyturn_server import KeyturnServer
from support.live_api import Caller, LiveApi, refusal, unique_region

pytestmark = pytest.mark.server

KEYS = ("created-date", "last-accessed-date", "last-changed-date", "name")


def names(listed: Any) -> list[str]:  # noqa: ANN401 - an answer of the client
    return [entry["Name"] for entry in listed["SecretList"]]


def found(api: LiveApi, *filters: tuple[str, list[str]], **params: Any) -> list[str]:  # noqa: ANN401 - as the client takes them
    asked = [{"Key": key, "Values": values} for key, values in filters]
    return names(api.post("ListSecrets", {"Filters": asked, **params}).document)


def pages_of(api: LiveApi, **params: Any) -> Iterator[list[str]]:  # noqa: ANN401 - as the client takes them
    """Yield each page's names; the next is asked for when it is wanted."""
    token: dict[str, str] = {}
    while True:
        listed = api.post("ListSecrets", {**params, **token}).document
        yield names(listed)
        if "NextToken" not in listed:
            return
        token = {"NextToken": listed["NextToken"]}


@pytest.fixture
def two_pages(api: LiveApi) -> str:
    """Two secrets, and the token of the second page of one."""
    for name in ("visible-one", "visible-two"):
        api.secrets.create_secret(Name=name)
    return api.secrets.list_secrets(MaxResults=1)["NextToken"]


def test_listed_secret_has_its_labels_under_another_name(api: LiveApi) -> None:
    created = api.secrets.create_secret(Name="a", SecretString="x")

    [entry] = api.post("ListSecrets", {}).document["SecretList"]

    assert entry["SecretVersionsToStages"] == {created["VersionId"]: ["AWSCURRENT"]}
    assert "VersionIdsToStages" not in entry


def test_listed_secret_has_no_member_without_a_value(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a")

    [entry] = api.post("ListSecrets", {}).document["SecretList"]

    assert set(entry) == {"ARN", "Name", "LastChangedDate", "CreatedDate"}


def test_deleted_secret_is_listed_only_when_asked_for(api: LiveApi) -> None:
    api.secrets.create_secret(Name="gone", SecretString="x")
    api.secrets.create_secret(Name="alive", SecretString="x")
    api.secrets.delete_secret(SecretId="gone")

    planned = api.secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]

    assert names(api.secrets.list_secrets()) == ["alive"]
    assert [entry["Name"] for entry in planned] == ["gone", "alive"]
    assert "DeletedDate" in planned[0]
    assert found(api, ("name", ["g"])) == []
    assert found(api, ("name", ["g"]), IncludePlannedDeletion=True) == ["gone"]


def test_replica_is_listed_in_its_region_with_its_primarys_labels(api: LiveApi) -> None:
    elsewhere = LiveApi(api.endpoint, api.caller, unique_region())
    created = api.secrets.create_secret(
        Name="shared", SecretString="x", AddReplicaRegions=[{"Region": elsewhere.region}]
    )
    elsewhere.secrets.create_secret(Name="own", SecretString="x")

    listed = elsewhere.secrets.list_secrets(
        Filters=[{"Key": "primary-region", "Values": [api.region]}]
    )["SecretList"]

    assert [entry["Name"] for entry in listed] == ["shared"]
    assert listed[0]["PrimaryRegion"] == api.region
    assert listed[0]["SecretVersionsToStages"] == {created["VersionId"]: ["AWSCURRENT"]}
    assert found(elsewhere, ("primary-region", ["!us-"])) == ["own"]
    assert found(api, ("primary-region", [api.region])) == ["shared"]
    elsewhere.close()


def test_name_filter_is_a_prefix_in_its_case(api: LiveApi) -> None:
    for name in ("DatabaseSecret", "databaseSecret", "MyData"):
        api.secrets.create_secret(Name=name)

    assert found(api, ("name", ["Data"])) == ["DatabaseSecret"]
    assert found(api, ("name", ["!Data"])) == ["databaseSecret", "MyData"]
    assert found(api, ("name", ["My", "data"])) == ["databaseSecret", "MyData"]


def test_description_filter_matches_words_in_any_case(api: LiveApi) -> None:
    for name, description in [("a", "My basic description"), ("b", "Another"), ("c", "")]:
        api.secrets.create_secret(Name=name, Description=description)

    assert found(api, ("description", ["description my"])) == ["a"]
    assert found(api, ("description", ["!my"])) == ["b", "c"]


def test_tag_filters_are_prefixes_in_their_case(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", Tags=[{"Key": "Stage", "Value": "Prod1"}])
    api.secrets.create_secret(Name="b", Tags=[{"Key": "stage", "Value": "prod"}])
    api.secrets.create_secret(Name="c")

    assert found(api, ("tag-key", ["St"])) == ["a"]
    assert found(api, ("tag-value", ["Prod"])) == ["a"]
    assert found(api, ("tag-value", ["prod"])) == ["b"]
    assert found(api, ("tag-key", ["!St"])) == ["b", "c"]


def test_all_filter_looks_at_name_description_and_tags(api: LiveApi) -> None:
    api.secrets.create_secret(Name="prod/AppBeta")
    api.secrets.create_secret(Name="b", Description="of the beta")
    api.secrets.create_secret(Name="c", Tags=[{"Key": "Beta", "Value": "1"}])
    api.secrets.create_secret(Name="d", Tags=[{"Key": "1", "Value": "beta"}])
    api.secrets.create_secret(Name="alphabeta")

    assert found(api, ("all", ["beta"])) == ["prod/AppBeta", "b", "c", "d"]


def test_nothing_is_owned_by_a_service_unless_one_made_it(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a")

    assert found(api, ("owning-service", ["rds"])) == []
    assert found(api, ("owning-service", ["!rds"])) == ["a"]


def test_filters_all_hold_and_of_their_values_one(api: LiveApi) -> None:
    for name in ("app/one", "app/two", "web/one"):
        api.secrets.create_secret(Name=name, Description=name)

    assert found(api, ("name", ["app", "web"]), ("description", ["one"])) == ["app/one", "web/one"]
    assert found(api, ("name", ["!app"]), ("name", ["!web"])) == []


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"Values": ["foo"]}, "Invalid filter key"),
        ({"Key": "name"}, "Invalid filter values for key: name"),
    ],
)
def test_incomplete_filter_is_refused(api: LiveApi, members: dict[str, object], text: str) -> None:
    answer = api.post("ListSecrets", {"Filters": [members]})

    assert answer.refusal == (400, "InvalidParameterException", text)


@pytest.mark.parametrize(
    ("filters", "path", "constraint"),
    [
        ([{"Key": "name", "Values": ["a"]}] * 11, "filters", "length less than or equal to 10"),
        ([{"Key": "name", "Values": []}], "filters.1.member.values", "greater than or equal to 1"),
        (
            [{"Key": "name", "Values": ["a"] * 11}],
            "filters.1.member.values",
            "length less than or equal to 10",
        ),
        (
            [{"Key": "name", "Values": ["a" * 513]}],
            "filters.1.member.values",
            "length less than or equal to 512",
        ),
        (
            [{"Key": "name", "Values": ["a#b"]}],
            "filters.1.member.values",
            "regular expression pattern",
        ),
        ([{"Key": "invalid", "Values": ["a"]}], "filters.1.member.key", "enum value set"),
    ],
)
def test_filter_beyond_a_limit_is_refused(
    api: LiveApi, filters: list[object], path: str, constraint: str
) -> None:
    status, code, text = api.post("ListSecrets", {"Filters": filters}).refusal

    assert (status, code) == (400, "ValidationException")
    assert f"at '{path}' failed to satisfy constraint" in text
    assert constraint in text


def test_filters_at_their_limits_are_served(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a")
    values = ["a", "b" * 512, *("!" + "c" * number for number in range(8))]

    assert found(api, *[("name", values)] * 10) == ["a"]


@pytest.mark.parametrize(("member", "value"), [("SortBy", "Name"), ("SortOrder", "up")])
def test_order_that_is_unknown_is_refused(api: LiveApi, member: str, value: str) -> None:
    status, code, text = api.post("ListSecrets", {member: value}).refusal

    assert (status, code) == (400, "ValidationException")
    assert f"Value '{value}' at '{member[0].lower()}{member[1:]}' failed" in text


@pytest.fixture
def with_different_dates(api: LiveApi) -> LiveApi:
    """Made as c, a, b, d; changed last as a, then c; read: b."""
    for name in ("c", "a", "b", "d"):
        api.secrets.create_secret(Name=name, SecretString="x")
    for name in ("a", "c"):
        api.secrets.update_secret(SecretId=name, Description="changed")
    api.secrets.get_secret_value(SecretId="b")
    return api


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("created-date", ["c", "a", "b", "d"]),
        ("last-accessed-date", ["c", "a", "d", "b"]),
        ("last-changed-date", ["b", "d", "a", "c"]),
        ("name", ["a", "b", "c", "d"]),
    ],
)
def test_secrets_are_listed_by_any_key_in_both_directions(
    with_different_dates: LiveApi, key: str, order: list[str]
) -> None:
    api = with_different_dates

    assert found(api, SortBy=key) == order
    assert found(api, SortBy=key, SortOrder="asc") == order
    assert found(api, SortBy=key, SortOrder="desc") == order[::-1]


def test_secrets_are_listed_as_they_were_made_unless_said_otherwise(
    with_different_dates: LiveApi,
) -> None:
    assert found(with_different_dates) == ["c", "a", "b", "d"]
    assert found(with_different_dates, SortOrder="desc") == ["d", "b", "a", "c"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_pages_together_are_the_listing(
    with_different_dates: LiveApi, key: str, direction: str
) -> None:
    api, order = with_different_dates, {"SortBy": key, "SortOrder": direction}
    whole = found(api, **order)

    assert list(pages_of(api, MaxResults=3, **order)) == [whole[:3], whole[3:]]
    assert list(pages_of(api, MaxResults=1, **order)) == [[name] for name in whole]


def test_secrets_come_in_pages_with_the_clients_paginator(api: LiveApi) -> None:
    made = [f"secret{number}" for number in (3, 1, 2, 5, 4)]
    for name in made:
        api.secrets.create_secret(Name=name)

    paginator = api.secrets.get_paginator("list_secrets")
    pages = [
        [entry["Name"] for entry in page["SecretList"]]
        for page in paginator.paginate(PaginationConfig={"PageSize": 2})
    ]

    assert pages == [made[:2], made[2:4], made[4:]]


def test_filtered_listing_comes_in_pages_of_what_matches(api: LiveApi) -> None:
    for number in range(6):
        api.secrets.create_secret(Name=f"{'odd' if number % 2 else 'even'}/{number}")
    filters = [{"Key": "name", "Values": ["odd"]}]

    assert list(pages_of(api, MaxResults=2, Filters=filters)) == [["odd/1", "odd/3"], ["odd/5"]]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_what_comes_or_goes_between_pages_neither_repeats_nor_hides_another(
    api: LiveApi, key: str, direction: str
) -> None:
    made = [f"m{number}" for number in range(6)]
    for name in made:
        api.secrets.create_secret(Name=name)
    pages = pages_of(api, MaxResults=2, SortBy=key, SortOrder=direction)

    first = next(pages)
    # The page's last secret, whose place the token holds, and one of a page to come.
    gone = [first[-1], next(name for name in made if name not in first)]
    for name in gone:
        api.secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    for name in ("a-new", "z-new"):
        api.secrets.create_secret(Name=name)
    listed = first + [name for page in pages for name in page]

    assert len(listed) == len(set(listed))
    assert set(made) - set(gone) <= set(listed)


def test_exactly_full_page_is_the_last(api: LiveApi) -> None:
    for name in ("a", "b"):
        api.secrets.create_secret(Name=name)

    assert "NextToken" not in api.secrets.list_secrets(MaxResults=2)


@pytest.mark.parametrize("most", [0, 101])
def test_page_of_none_or_of_more_than_100_is_refused(api: LiveApi, most: int) -> None:
    status, code, text = refusal(api.secrets.list_secrets, MaxResults=most)

    assert (status, code) == (400, "ValidationException")
    assert f"Value '{most}' at 'maxResults' failed to satisfy constraint" in text


def test_next_token_says_nothing_about_the_listing(two_pages: str) -> None:
    assert "visible" not in two_pages
    assert "ListSecrets" not in two_pages
    assert not two_pages.isdecimal()


@pytest.mark.parametrize("forge", ["2", "AAAA", "{}", "last-letter"])
def test_forged_next_token_is_refused(api: LiveApi, two_pages: str, forge: str) -> None:
    changed = two_pages[:-2] + ("A" if two_pages[-2] != "A" else "B") + two_pages[-1]

    answer = api.post("ListSecrets", {"NextToken": changed if forge == "last-letter" else forge})

    assert answer.refusal[:2] == (400, "InvalidNextTokenException")


@pytest.mark.parametrize(
    "changed",
    [
        {"Filters": [{"Key": "name", "Values": ["visible"]}]},
        {"SortBy": "name"},
        {"SortOrder": "desc"},
    ],
)
def test_next_token_of_another_search_is_refused(
    api: LiveApi, two_pages: str, changed: dict[str, object]
) -> None:
    answer = api.post("ListSecrets", {**changed, "NextToken": two_pages})

    assert answer.refusal[:2] == (400, "InvalidNextTokenException")


def test_next_token_of_another_region_or_listing_is_refused(api: LiveApi, two_pages: str) -> None:
    elsewhere = LiveApi(api.endpoint, api.caller, unique_region())

    refusals = [
        elsewhere.post("ListSecrets", {"NextToken": two_pages}).refusal[:2],
        api.post(
            "ListSecretVersionIds", {"SecretId": "visible-one", "NextToken": two_pages}
        ).refusal[:2],
    ]

    assert refusals == [(400, "InvalidNextTokenException")] * 2


def test_next_token_of_versions_is_refused(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="1")
    api.secrets.put_secret_value(SecretId="a", SecretString="2")
    token = api.secrets.list_secret_version_ids(SecretId="a", MaxResults=1)["NextToken"]

    answer = api.post("ListSecrets", {"NextToken": token})

    assert answer.refusal[:2] == (400, "InvalidNextTokenException")


def test_next_token_is_good_after_a_restart(tmp_path: Path) -> None:
    folder, region = tmp_path / "data", unique_region()
    with KeyturnServer.start(folder) as server:
        before = administrators_api(server, region)
        for name in ("a", "b", "c"):
            before.secrets.create_secret(Name=name)
        token = before.secrets.list_secrets(MaxResults=1)["NextToken"]
        before.close()

    with KeyturnServer.start(folder) as server:
        after = administrators_api(server, region)
        listed = after.secrets.list_secrets(NextToken=token)
        after.close()

    assert names(listed) == ["b", "c"]


def administrators_api(server: KeyturnServer, region: str) -> LiveApi:
    variables = server.environment()
    caller = Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
    return LiveApi(server.endpoint, caller, region)
