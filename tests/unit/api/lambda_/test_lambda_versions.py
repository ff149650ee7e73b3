from pathlib import Path
from typing import Any

import pytest

from keyturn.api.lambda_.functions import LIST_PAGE_MAX
from support.function_bench import zipped
from support.iam_bench import policy
from support.lambda_bench import LambdaBench

OTHER_CODE = zipped({"lambda_function.py": "# something else"})
PARAMETER = "InvalidParameterValueException"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> LambdaBench:
    return LambdaBench(tmp_path_factory.mktemp("lambda"))


@pytest.fixture
def bench(shared: LambdaBench) -> LambdaBench:
    return shared.fresh()


def listed_pages(bench: LambdaBench, most: int) -> list[list[str]]:
    """The pages of all versions of all functions, as ARNs."""
    pages, request = list[list[str]](), dict[str, str]()
    while True:
        answer = bench.do("ListFunctions", FunctionVersion="ALL", MaxItems=most, **request)
        pages.append([function["FunctionArn"] for function in answer["Functions"]])
        if "NextMarker" not in answer:
            return pages
        request = {"Marker": answer["NextMarker"]}


def arn(name: str, qualifier: str = "") -> str:
    of_function = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    return f"{of_function}:{qualifier}" if qualifier else of_function


def test_a_published_version_is_the_function_as_it_was(bench: LambdaBench) -> None:
    name = bench.function(Timeout=30, Environment={"Variables": {"AB": "c"}})
    published = bench.do("PublishVersion", FunctionName=name)

    bench.do("UpdateFunctionCode", FunctionName=name, ZipFile=OTHER_CODE)
    bench.do(
        "UpdateFunctionConfiguration",
        FunctionName=name,
        Timeout=60,
        Environment={"Variables": {"AB": "d"}},
    )

    found = bench.do("GetFunctionConfiguration", FunctionName=name, Qualifier="1")
    assert found == published
    assert published["Version"] == "1"
    assert published["FunctionArn"] == arn(name, "1")
    assert published["Timeout"] == 30
    assert published["Environment"] == {"Variables": {"AB": "c"}}


def test_publishing_what_did_not_change_gives_the_last_version_again(bench: LambdaBench) -> None:
    name = bench.function(Environment={"Variables": {"AB": "c"}})
    first = bench.do("PublishVersion", FunctionName=name)
    # The same values, sealed anew, under a new revision.
    bench.do(
        "UpdateFunctionConfiguration", FunctionName=name, Environment={"Variables": {"AB": "c"}}
    )

    again = bench.do("PublishVersion", FunctionName=name)

    assert again == first


@pytest.mark.parametrize(
    ("operation", "change"),
    [
        ("UpdateFunctionCode", {"ZipFile": OTHER_CODE}),
        ("UpdateFunctionConfiguration", {"Timeout": 30}),
        ("UpdateFunctionConfiguration", {"Environment": {"Variables": {"AB": "d"}}}),
        ("UpdateFunctionConfiguration", {"LoggingConfig": {"LogGroup": "/other"}}),
    ],
)
def test_publishing_after_a_change_gives_the_next_number(
    bench: LambdaBench, operation: str, change: dict[str, Any]
) -> None:
    name = bench.function(Environment={"Variables": {"AB": "c"}})
    bench.do("PublishVersion", FunctionName=name)

    bench.do(operation, FunctionName=name, **change)

    assert bench.do("PublishVersion", FunctionName=name)["Version"] == "2"


def test_a_version_has_a_description_of_its_own_or_the_function_s(bench: LambdaBench) -> None:
    name = bench.function(Description="the function's")
    inherited = bench.do("PublishVersion", FunctionName=name)
    bench.do("UpdateFunctionConfiguration", FunctionName=name, Timeout=30)

    own = bench.do("PublishVersion", FunctionName=name, Description="its own")

    assert (inherited["Description"], own["Description"]) == ("the function's", "its own")


def test_a_function_can_be_published_as_it_is_made(bench: LambdaBench) -> None:
    name = "published"
    made = bench.create_function(name, Publish=True)

    found = bench.do("GetFunction", FunctionName=name, Qualifier=made["Version"])

    assert made["Version"].isdecimal()
    assert found["Configuration"]["CodeSha256"] == made["CodeSha256"]


def test_new_code_can_be_published_as_it_comes(bench: LambdaBench) -> None:
    name = bench.function()

    changed = bench.do("UpdateFunctionCode", FunctionName=name, ZipFile=OTHER_CODE, Publish=True)

    assert (changed["Version"], changed["FunctionArn"]) == ("1", arn(name, "1"))


def test_a_dry_run_publishes_nothing(bench: LambdaBench) -> None:
    name = bench.function()

    bench.do(
        "UpdateFunctionCode", FunctionName=name, ZipFile=OTHER_CODE, Publish=True, DryRun=True
    )

    assert len(bench.do("ListVersionsByFunction", FunctionName=name)["Versions"]) == 1


def test_only_the_code_that_is_expected_is_published(bench: LambdaBench) -> None:
    name = bench.function()
    actual = bench.do("GetFunctionConfiguration", FunctionName=name)["CodeSha256"]
    other = "A" * 43 + "="

    code, _, text = bench.refused("PublishVersion", FunctionName=name, CodeSha256=other)

    assert code == PARAMETER
    assert text == (
        f"CodeSHA256 ({other}) is different from current CodeSHA256 in $LATEST ({actual}). "
        "Please try again with the CodeSHA256 in $LATEST."
    )
    assert bench.do("PublishVersion", FunctionName=name, CodeSha256=actual)["Version"] == "1"


def test_only_the_revision_that_is_expected_is_published(bench: LambdaBench) -> None:
    name = bench.function()

    refused = bench.refused("PublishVersion", FunctionName=name, RevisionId="older")

    assert refused[:2] == ("PreconditionFailedException", 412)


def test_capacity_providers_versions_are_refused_in_words(bench: LambdaBench) -> None:
    name = bench.function()

    _, _, text = bench.refused("PublishVersion", FunctionName=name, PublishTo="LATEST_PUBLISHED")

    assert "PublishTo" in text


def test_versions_are_listed_by_age_the_changeable_one_first(bench: LambdaBench) -> None:
    name = bench.function()
    bench.published(name, "1", "2", "3")

    first = bench.do("ListVersionsByFunction", FunctionName=name, MaxItems=2)
    second = bench.do(
        "ListVersionsByFunction", FunctionName=name, MaxItems=2, Marker=first["NextMarker"]
    )

    assert [version["FunctionArn"] for version in first["Versions"]] == [
        arn(name, "$LATEST"),
        arn(name, "1"),
    ]
    assert [version["Version"] for version in second["Versions"]] == ["2", "3"]
    assert "NextMarker" not in second


def test_one_version_a_page_leaves_none_out(bench: LambdaBench) -> None:
    name = bench.function()
    bench.published(name, "1", "2")
    seen: list[str] = []
    marker: dict[str, str] = {}

    while True:
        page = bench.do("ListVersionsByFunction", FunctionName=name, MaxItems=1, **marker)
        seen += [version["Version"] for version in page["Versions"]]
        if "NextMarker" not in page:
            break
        marker = {"Marker": page["NextMarker"]}

    assert seen == ["$LATEST", "1", "2"]


def test_a_marker_of_one_s_own_making_is_refused(bench: LambdaBench) -> None:
    name = bench.function()

    refused = bench.refused("ListVersionsByFunction", FunctionName=name, Marker="x")

    assert refused[0] == PARAMETER


def test_functions_are_listed_with_all_versions_when_that_is_asked(bench: LambdaBench) -> None:
    name = bench.function()
    bench.published(name, "1")

    listed = bench.do("ListFunctions", FunctionVersion="ALL")["Functions"]

    assert [function["FunctionArn"] for function in listed] == [
        arn(name, "$LATEST"),
        arn(name, "1"),
    ]


@pytest.mark.parametrize("most", [1, 2, 3, 50])
def test_a_page_of_all_versions_has_no_more_than_is_asked_for_and_each_once(
    bench: LambdaBench, most: int
) -> None:
    # The first name with a colon behind it sorts after the second.
    versions = {"f": ["1", "2"], "f-1": [], "f-2": ["1", "2", "3"], "g": ["1"], "h": []}
    for name in versions:
        bench.create_function(name)
    published = {name: bench.published(name, *versions[name]) for name in versions}

    pages = listed_pages(bench, most)

    assert max(len(page) for page in pages) <= most
    assert all(len(page) == most for page in pages[:-1])
    assert [found for page in pages for found in page] == [
        arn(name, version) for name in versions for version in ["$LATEST", *published[name]]
    ]


def test_a_page_of_all_versions_has_at_most_fifty(bench: LambdaBench) -> None:
    name = bench.function()
    bench.published(name, *(str(number) for number in range(LIST_PAGE_MAX)))

    pages = listed_pages(bench, 10_000)

    assert [len(page) for page in pages] == [LIST_PAGE_MAX, 1]


@pytest.mark.parametrize("marked_version", ["$LATEST", "1", "2"])
def test_a_listing_of_all_versions_goes_on_where_its_last_one_was(
    bench: LambdaBench, marked_version: str
) -> None:
    names = sorted(bench.function() for _ in range(3))
    for name in names:
        bench.published(name, "1", "2")
    seen = ["$LATEST", "1", "2"].index(marked_version) + 1
    marker = bench.do("ListFunctions", FunctionVersion="ALL", MaxItems=3 + seen)["NextMarker"]

    bench.do("DeleteFunction", FunctionName=names[0])
    if marked_version == "$LATEST":
        bench.do("DeleteFunction", FunctionName=names[1])
    else:
        bench.do("DeleteFunction", FunctionName=names[1], Qualifier=marked_version)
    bench.published(names[2], "3")

    left = bench.do("ListFunctions", FunctionVersion="ALL", Marker=marker)["Functions"]
    of_middle = [] if marked_version == "$LATEST" else ["1", "2"][seen - 1 :]
    assert [function["FunctionArn"] for function in left] == [
        *(arn(names[1], version) for version in of_middle),
        *(arn(names[2], version) for version in ("$LATEST", "1", "2", "3")),
    ]


def test_a_marker_of_all_versions_leads_a_listing_of_functions_to_the_next(
    bench: LambdaBench,
) -> None:
    for name in ("f", "f-1"):
        bench.create_function(name)
    marker = bench.do("ListFunctions", FunctionVersion="ALL", MaxItems=1)["NextMarker"]

    left = bench.do("ListFunctions", Marker=marker)["Functions"]

    assert [function["FunctionName"] for function in left] == ["f-1"]


@pytest.mark.parametrize("marker", ["f:x", "f:-1", "f:1:1", "f:1234567890"])
def test_a_marker_of_one_s_own_making_is_refused_where_all_versions_are_listed(
    bench: LambdaBench, marker: str
) -> None:
    refused = bench.refused("ListFunctions", FunctionVersion="ALL", Marker=marker)

    assert refused[0] == PARAMETER


def test_a_deleted_version_is_gone_and_its_number_is_not_given_again(bench: LambdaBench) -> None:
    name = bench.function()
    bench.published(name, "1", "2")

    bench.do("DeleteFunction", FunctionName=name, Qualifier="2")
    bench.do("DeleteFunction", FunctionName=name, Qualifier="2")

    refused = bench.refused("GetFunction", FunctionName=name, Qualifier="2")
    assert refused[2] == f"Function not found: {arn(name, '2')}"
    assert bench.published(name, "3") == ["3"]


def test_a_function_of_an_earlier_one_s_name_numbers_on(bench: LambdaBench) -> None:
    name = bench.function()
    bench.published(name, "1", "2")

    bench.do("DeleteFunction", FunctionName=name)
    made = bench.create_function(name, Publish=True)

    assert made["Version"] == "3"


def test_a_version_that_an_alias_leads_to_stays(bench: LambdaBench) -> None:
    name = bench.function()
    bench.published(name, "1", "2")
    bench.do(
        "CreateAlias",
        FunctionName=name,
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}},
    )

    refusals = [
        bench.refused("DeleteFunction", FunctionName=name, Qualifier=version)
        for version in ("1", "2")
    ]

    text = "Unable to delete version because the following aliases reference it: [live]"
    assert refusals == [("ResourceConflictException", 409, text)] * 2


@pytest.mark.parametrize("qualifier", ["$LATEST", "live"])
def test_only_a_version_s_number_can_be_deleted(bench: LambdaBench, qualifier: str) -> None:
    name = bench.function()

    refused = bench.refused("DeleteFunction", FunctionName=name, Qualifier=qualifier)

    assert refused[:2] == (PARAMETER, 400)
    assert bench.do("GetFunction", FunctionName=name)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("UpdateFunctionCode", {"ZipFile": OTHER_CODE}),
        ("UpdateFunctionConfiguration", {"Timeout": 30}),
        ("PublishVersion", {}),
        ("CreateAlias", {"Name": "live", "FunctionVersion": "1"}),
        ("PutFunctionConcurrency", {"ReservedConcurrentExecutions": 1}),
    ],
)
def test_a_version_can_not_be_changed(
    bench: LambdaBench, operation: str, params: dict[str, Any]
) -> None:
    name = bench.function()
    (version,) = bench.published(name, "1")

    code, _, text = bench.refused(operation, FunctionName=arn(name, version), **params)

    assert code == PARAMETER
    assert "permitted on Lambda functions only" in text


def test_code_stays_while_a_version_has_it_and_goes_with_the_last(tmp_path: Path) -> None:
    bench = LambdaBench(tmp_path)
    name = bench.function()
    bench.do("PublishVersion", FunctionName=name)
    bench.do("UpdateFunctionCode", FunctionName=name, ZipFile=OTHER_CODE)
    before = bench.code_hashes()

    bench.do("DeleteFunction", FunctionName=name, Qualifier="1")
    after = bench.code_hashes()
    bench.do("DeleteFunction", FunctionName=name)

    assert (len(before), len(after), len(bench.code_hashes())) == (2, 1, 0)


def test_whoever_may_see_the_function_may_not_see_its_versions_by_that(
    bench: LambdaBench,
) -> None:
    name = bench.function()
    bench.published(name, "1")
    reader = bench.somebody(policy("lambda:GetFunction", resource=arn(name)))

    assert bench.call(reader, "GetFunction", FunctionName=name)
    assert bench.fault(reader, "GetFunction", FunctionName=name, Qualifier="1")[1] == 403
