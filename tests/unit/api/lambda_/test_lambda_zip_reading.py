"""A ZIP is read while no write is under way: a hostile one takes seconds, and writes queue up.

What reads ZIPs is Python's own ``ZipFile``: these tests look around whenever it begins to.
"""

from collections.abc import Callable
from typing import Any
import zipfile

import pytest

from support.function_bench import zipped
from support.lambda_bench import LAYER_CODE, LambdaBench

PARAMETER = "InvalidParameterValueException"
CODE = zipped({"lambda_function.py": "# one"})
OTHER_CODE = zipped({"lambda_function.py": "# another"})
GONE = "arn:aws:lambda:us-east-1:123456789012:layer:gone:9"
DAMAGED = b"PK\x03\x04 and nothing that follows from it"

Request = tuple[str, dict[str, Any]]
Watch = Callable[[Callable[[], object]], None]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> LambdaBench:
    return LambdaBench(tmp_path_factory.mktemp("lambda"))


@pytest.fixture
def bench(shared: LambdaBench) -> LambdaBench:
    return shared.fresh()


@pytest.fixture
def on_reading(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Have something happen whenever a ZIP, or a file in one, is opened."""

    def watch(look: Callable[[], object]) -> None:
        for name in ("__init__", "open"):
            monkeypatch.setattr(zipfile.ZipFile, name, after(look, getattr(zipfile.ZipFile, name)))

    return watch


def after(look: Callable[[], object], method: Callable[..., Any]) -> Callable[..., Any]:
    def opened(archive: zipfile.ZipFile, *args: object, **kwargs: object) -> object:
        look()
        return method(archive, *args, **kwargs)

    return opened


def once(act: Callable[[], object]) -> Callable[[], None]:
    """Have ``act`` happen the first time alone: it may read a ZIP itself."""
    left = [act]

    def look() -> None:
        if left:
            left.pop()()

    return look


def requests(bench: LambdaBench) -> dict[str, Request]:
    """Every request that brings a ZIP."""
    bench.create_function("there", Layers=[bench.layer()])
    of_code = {"FunctionName": "there", "ZipFile": OTHER_CODE}
    return {
        "create": ("CreateFunction", bench.request("new", Code={"ZipFile": CODE})),
        "update": ("UpdateFunctionCode", of_code),
        "update and publish": ("UpdateFunctionCode", {**of_code, "Publish": True}),
        "dry run": ("UpdateFunctionCode", {**of_code, "DryRun": True}),
        "layer": ("PublishLayerVersion", {"LayerName": "l", "Content": {"ZipFile": LAYER_CODE}}),
    }


@pytest.mark.parametrize("which", ["create", "update", "update and publish", "dry run", "layer"])
def test_nobody_s_write_waits_while_a_zip_is_read(
    bench: LambdaBench, on_reading: Watch, which: str
) -> None:
    operation, request = requests(bench)[which]
    can_write: list[bool] = []

    def try_to_write() -> None:
        with bench.database.write_if_free() as connection:
            can_write.append(connection is not None)

    on_reading(try_to_write)

    bench.do(operation, **request)

    assert len(can_write) >= 2
    assert all(can_write)


def test_layers_are_laid_under_a_function_without_reading_a_zip(
    bench: LambdaBench, on_reading: Watch
) -> None:
    bench.create_function("rotate", Layers=[bench.layer()])
    layers = [bench.layer(), bench.layer()]
    read: list[None] = []
    on_reading(lambda: read.append(None))

    bench.do("UpdateFunctionConfiguration", FunctionName="rotate", Layers=layers)

    assert read == []


def test_what_can_be_refused_without_reading_the_zip_is(
    bench: LambdaBench, on_reading: Watch
) -> None:
    bench.create_function("rotate")
    damaged, nobody = {"ZipFile": DAMAGED}, bench.somebody()
    new = bench.request("new", Code=damaged)
    read: list[None] = []
    on_reading(lambda: read.append(None))

    refused = [
        bench.fault(nobody, "CreateFunction", **new)[0],
        bench.refused("CreateFunction", **{**new, "FunctionName": "rotate"})[0],
        bench.refused("CreateFunction", **{**new, "TracingConfig": {"Mode": "Active"}})[0],
        bench.refused("CreateFunction", **{**new, "Layers": [GONE]})[0],
        bench.fault(nobody, "UpdateFunctionCode", FunctionName="rotate", **damaged)[0],
        bench.refused("UpdateFunctionCode", FunctionName="absent", **damaged)[0],
        bench.refused("UpdateFunctionCode", FunctionName="rotate", RevisionId="x", **damaged)[0],
        bench.fault(nobody, "PublishLayerVersion", LayerName="l", Content=damaged)[0],
    ]

    assert refused == [
        "AccessDeniedException",
        "ResourceConflictException",
        PARAMETER,
        PARAMETER,
        "AccessDeniedException",
        "ResourceNotFoundException",
        "PreconditionFailedException",
        "AccessDeniedException",
    ]
    assert read == []


def test_a_zip_that_can_not_be_read_is_told_of_before_what_the_function_lacks(
    bench: LambdaBench,
) -> None:
    request = bench.request("new", Code={"ZipFile": DAMAGED}, Timeout=901)

    refused = bench.refused("CreateFunction", **request)

    assert refused[0] == PARAMETER
    assert "unzip" in refused[2]


def test_a_function_that_comes_to_be_while_its_zip_is_read_is_not_replaced(
    bench: LambdaBench, on_reading: Watch
) -> None:
    theirs = bench.request("rotate", Description="theirs")
    on_reading(once(lambda: bench.do("CreateFunction", **theirs)))

    refused = bench.refused("CreateFunction", **{**theirs, "Description": "mine"})

    assert refused[0] == "ResourceConflictException"
    described = bench.do("GetFunctionConfiguration", FunctionName="rotate")["Description"]
    assert described == "theirs"


@pytest.mark.parametrize(
    ("operation", "request_", "error"),
    [
        ("DeleteFunction", {}, "ResourceNotFoundException"),
        ("UpdateFunctionConfiguration", {"Timeout": 9}, "PreconditionFailedException"),
    ],
)
def test_a_function_that_changes_while_its_new_zip_is_read_is_not_overwritten(
    bench: LambdaBench,
    on_reading: Watch,
    operation: str,
    request_: dict[str, Any],
    error: str,
) -> None:
    looked_at = bench.create_function("rotate")["RevisionId"]
    on_reading(once(lambda: bench.do(operation, FunctionName="rotate", **request_)))

    refused = bench.refused(
        "UpdateFunctionCode", FunctionName="rotate", ZipFile=OTHER_CODE, RevisionId=looked_at
    )

    assert refused[0] == error


def test_layers_that_go_while_a_zip_is_read_are_not_given(
    bench: LambdaBench, on_reading: Watch
) -> None:
    layer = bench.layer("mine")
    request = bench.request("rotate", Layers=[layer])
    on_reading(
        once(
            lambda: bench.do("DeleteLayerVersion", LayerName="mine", VersionNumber=int(layer[-1]))
        )
    )

    refused = bench.refused("CreateFunction", **request)

    assert refused[0] == PARAMETER
    assert layer in refused[2]
