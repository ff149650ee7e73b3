from typing import Any

import pytest

from keyturn.functions.concurrency import CONCURRENT_EXECUTIONS_MAX, UNRESERVED_CONCURRENCY_MIN
from keyturn.functions.execution.pool import ENVIRONMENTS_MAX
from keyturn.functions.tagging import TAGS_MAX
from support.iam_bench import policy
from support.lambda_bench import LAYER_CODE, LambdaBench

PARAMETER = "InvalidParameterValueException"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function"
RESERVABLE = CONCURRENT_EXECUTIONS_MAX - UNRESERVED_CONCURRENCY_MIN
TOO_FEW_LEFT = (
    "Specified ReservedConcurrentExecutions for function decreases account's "
    f"UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_CONCURRENCY_MIN}]."
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> LambdaBench:
    return LambdaBench(tmp_path_factory.mktemp("lambda"))


@pytest.fixture
def bench(shared: LambdaBench) -> LambdaBench:
    return shared.fresh()


@pytest.fixture
def arn(bench: LambdaBench) -> str:
    """A function."""
    return f"{FUNCTION}:{bench.function()}"


def tags_of(bench: LambdaBench, arn: str) -> dict[str, str]:
    tags: dict[str, str] = bench.do("ListTags", Resource=arn)["Tags"]
    return tags


def reserve(bench: LambdaBench, name: str, reserved: int) -> dict[str, Any]:
    return bench.do(
        "PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=reserved
    )


def test_tags_are_added_changed_and_taken_away(bench: LambdaBench, arn: str) -> None:
    bench.do("TagResource", Resource=arn, Tags={"team": "data", "stage": "test"})
    bench.do("TagResource", Resource=arn, Tags={"stage": "live"})
    both = tags_of(bench, arn)

    bench.do("UntagResource", Resource=arn, TagKeys=["team", "absent"])

    assert both == {"team": "data", "stage": "live"}
    assert tags_of(bench, arn) == {"stage": "live"}
    assert bench.do("GetFunction", FunctionName=arn)["Tags"] == {"stage": "live"}


def test_a_function_without_tags_has_none(bench: LambdaBench, arn: str) -> None:
    assert tags_of(bench, arn) == {}


def test_a_function_has_so_many_tags_and_no_more(bench: LambdaBench, arn: str) -> None:
    bench.do("TagResource", Resource=arn, Tags={f"k{n}": "v" for n in range(TAGS_MAX)})

    bench.do("TagResource", Resource=arn, Tags={"k0": "changed"})

    assert bench.refused("TagResource", Resource=arn, Tags={"more": "v"}) == (
        PARAMETER,
        400,
        "Number of tags exceeds resource tag limit.",
    )


@pytest.mark.parametrize(
    "tags",
    [
        {"aws:team": "v"},
        {"AWS:team": "v"},
        {"": "v"},
        {"k" * 129: "v"},
        {"k": "v" * 257},
        {},
    ],
)
def test_a_tag_that_can_not_be_is_refused(
    bench: LambdaBench, arn: str, tags: dict[str, str]
) -> None:
    assert bench.refused("TagResource", Resource=arn, Tags=tags)[1] == 400
    assert tags_of(bench, arn) == {}


def test_the_longest_tag_is_taken(bench: LambdaBench, arn: str) -> None:
    tags = {"k" * 128: "v" * 256}

    bench.do("TagResource", Resource=arn, Tags=tags)

    assert tags_of(bench, arn) == tags


def test_only_functions_themselves_have_tags(bench: LambdaBench, arn: str) -> None:
    of_layer = bench.refused("ListTags", Resource="arn:aws:lambda:us-east-1:123456789012:layer:l")
    of_version = bench.refused("ListTags", Resource=f"{arn}:1")
    of_absent = bench.refused("ListTags", Resource=f"{FUNCTION}:absent")

    assert of_layer[1] == 400
    assert of_version[2].startswith("Tags on function aliases and versions are not supported.")
    assert of_absent[2] == f"Function not found: {FUNCTION}:absent"


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("ListTags", {}),
        ("TagResource", {"Tags": {"k": "v"}}),
        ("UntagResource", {"TagKeys": ["k"]}),
    ],
)
def test_tags_of_another_region_are_not_reached(
    bench: LambdaBench, arn: str, operation: str, params: dict[str, object]
) -> None:
    elsewhere = arn.replace("us-east-1", "eu-west-1")

    assert bench.refused(operation, Resource=elsewhere, **params) == (
        "ResourceNotFoundException",
        404,
        "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
    )


def test_whoever_may_tag_one_function_may_not_tag_another(bench: LambdaBench, arn: str) -> None:
    tagger = bench.somebody(policy("lambda:TagResource", resource=arn))
    other = f"{FUNCTION}:{bench.function()}"

    bench.call(tagger, "TagResource", Resource=arn, Tags={"k": "v"})

    assert bench.fault(tagger, "TagResource", Resource=other, Tags={"k": "v"})[1] == 403


def test_reserved_concurrency_is_kept_shown_and_given_back(bench: LambdaBench) -> None:
    name = bench.function()
    limits = bench.do("GetAccountSettings")["AccountLimit"]

    assert reserve(bench, name, 3) == {"ReservedConcurrentExecutions": 3}

    shown = bench.do("GetFunctionConcurrency", FunctionName=name)
    less = bench.do("GetAccountSettings")["AccountLimit"]
    assert shown == {"ReservedConcurrentExecutions": 3}
    assert bench.do("GetFunction", FunctionName=name)["Concurrency"] == shown
    unreserved = "UnreservedConcurrentExecutions"
    assert less[unreserved] == limits[unreserved] - 3
    bench.do("DeleteFunctionConcurrency", FunctionName=name)
    assert bench.do("GetFunctionConcurrency", FunctionName=name) == {}
    assert "Concurrency" not in bench.do("GetFunction", FunctionName=name)


def test_some_concurrency_is_left_for_all_others(bench: LambdaBench) -> None:
    first, second = bench.function(), bench.function()
    reserve(bench, first, RESERVABLE - 2)
    reserve(bench, second, 2)

    refused = bench.refused(
        "PutFunctionConcurrency", FunctionName=second, ReservedConcurrentExecutions=3
    )

    assert refused == (PARAMETER, 400, TOO_FEW_LEFT)


def test_what_a_function_has_reserved_itself_is_not_in_its_way(bench: LambdaBench) -> None:
    name = bench.function()
    reserve(bench, name, RESERVABLE - 1)

    assert reserve(bench, name, RESERVABLE)


def test_a_function_can_be_switched_off_however_little_is_left(bench: LambdaBench) -> None:
    reserve(bench, bench.function(), RESERVABLE)

    assert reserve(bench, bench.function(), 0) == {"ReservedConcurrentExecutions": 0}


def test_the_account_s_concurrency_is_what_this_server_runs_at_once(bench: LambdaBench) -> None:
    limits = bench.do("GetAccountSettings")["AccountLimit"]

    assert limits["ConcurrentExecutions"] == ENVIRONMENTS_MAX


def test_the_account_s_usage_is_what_there_is(bench: LambdaBench) -> None:
    name = bench.function()
    size = bench.do("GetFunctionConfiguration", FunctionName=name)["CodeSize"]
    bench.do("PublishVersion", FunctionName=name)
    bench.layer()

    usage = bench.do("GetAccountSettings")["AccountUsage"]

    assert usage == {"TotalCodeSize": 2 * size + len(LAYER_CODE), "FunctionCount": 1}
