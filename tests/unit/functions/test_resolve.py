from collections import Counter
from pathlib import Path

import pytest

from keyturn.functions import registry
from keyturn.functions.refusals import FunctionNotFoundError
from keyturn.model.function import Function
from support.lambda_bench import LambdaBench

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> LambdaBench:
    return LambdaBench(tmp_path_factory.mktemp("lambda"))


@pytest.fixture
def name(bench: LambdaBench) -> str:
    """A function with the versions 1 and 2, of different code, and a third unpublished."""
    name = bench.function()
    bench.published(name, "1", "2")
    bench.do("UpdateFunctionConfiguration", FunctionName=name, Timeout=77)
    return name


def resolved(bench: LambdaBench, arn: str) -> Function:
    with bench.database.read() as connection:
        return registry.resolve(connection, arn)


@pytest.mark.parametrize("qualifier", ["", ":$LATEST"])
def test_a_function_without_a_qualifier_is_the_changeable_one(
    bench: LambdaBench, name: str, qualifier: str
) -> None:
    function = resolved(bench, f"{FUNCTION}:{name}{qualifier}")

    assert (function.version, function.timeout_seconds) == ("$LATEST", 77)


def test_a_version_is_itself_under_the_function_s_arn(bench: LambdaBench, name: str) -> None:
    first, second = (resolved(bench, f"{FUNCTION}:{name}:{number}") for number in (1, 2))

    assert (first.version, second.version) == ("1", "2")
    assert first.arn == second.arn == f"{FUNCTION}:{name}"
    assert first.code_sha256 != second.code_sha256
    assert first.timeout_seconds == 3


def test_an_alias_is_the_version_that_it_leads_to(bench: LambdaBench, name: str) -> None:
    bench.do("CreateAlias", FunctionName=name, Name="live", FunctionVersion="1")
    before = resolved(bench, f"{FUNCTION}:{name}:live")

    bench.do("UpdateAlias", FunctionName=name, Name="live", FunctionVersion="2")

    assert (before.version, resolved(bench, f"{FUNCTION}:{name}:live").version) == ("1", "2")


@pytest.mark.parametrize(("share", "always"), [(0.0, "1"), (1.0, "2")])
def test_none_and_all_are_shares_too(
    bench: LambdaBench, name: str, share: float, always: str
) -> None:
    bench.do(
        "CreateAlias",
        FunctionName=name,
        Name="split",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": share}},
    )

    versions = {resolved(bench, f"{FUNCTION}:{name}:split").version for _ in range(50)}

    assert versions == {always}


def test_each_version_is_drawn_as_often_as_its_share_says(bench: LambdaBench, name: str) -> None:
    bench.do(
        "CreateAlias",
        FunctionName=name,
        Name="split",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.25}},
    )

    drawn = Counter(resolved(bench, f"{FUNCTION}:{name}:split").version for _ in range(1000))

    # More than seven standard deviations on either side.
    assert 150 < drawn["2"] < 350
    assert drawn.total() == drawn["1"] + drawn["2"]


def test_a_function_s_layers_and_log_group_come_with_it(bench: LambdaBench) -> None:
    layer = bench.layer()
    name = bench.function(Layers=[layer], LoggingConfig={"LogGroup": "/own"})

    function = resolved(bench, f"{FUNCTION}:{name}")

    assert [each.arn for each in function.layers] == [layer]
    assert function.log_group == "/own"
    assert resolved(bench, f"{FUNCTION}:{bench.function()}").log_group.startswith("/aws/lambda/f")


@pytest.mark.parametrize(
    "qualifier",
    [":7", ":01", ":absent", ":9999999999999999999999", ":\N{SUPERSCRIPT TWO}"],
)
def test_what_does_not_exist_is_not_found(bench: LambdaBench, name: str, qualifier: str) -> None:
    with pytest.raises(FunctionNotFoundError):
        resolved(bench, f"{FUNCTION}:{name}{qualifier}")


@pytest.mark.parametrize(
    "arn", [f"{FUNCTION}:absent", "rotate", "", f"{FUNCTION}:", "arn:aws:s3:::bucket"]
)
def test_what_is_no_function_s_arn_is_not_found(bench: LambdaBench, arn: str) -> None:
    with pytest.raises(FunctionNotFoundError):
        resolved(bench, arn)


def test_code_is_found_by_the_hash_of_each_version(tmp_path: Path) -> None:
    bench = LambdaBench(tmp_path)
    name = bench.function()
    bench.published(name, "1", "2")

    hashes = {
        resolved(bench, f"{FUNCTION}:{name}:{qualifier}").code_sha256
        for qualifier in ("1", "2", "$LATEST")
    }

    assert hashes == bench.code_hashes()
