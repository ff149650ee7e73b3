import io
import json
from pathlib import Path
import secrets
from typing import Any
import zipfile

import pytest

from keyturn.functions import policy_text
from keyturn.functions.layers import LAYERS_PER_FUNCTION_MAX
from keyturn.functions.package import UNZIPPED_BYTES_MAX, ZIP_BYTES_MAX, base64_of, sha256_of
from keyturn.functions.policy_text import POLICY_BYTES_MAX
from keyturn.iam.principal import Principal
from support.function_bench import zipped
from support.iam_bench import policy
from support.lambda_bench import LAYER_CODE, LambdaBench

PARAMETER = "InvalidParameterValueException"
LAYER = "arn:aws:lambda:us-east-1:123456789012:layer"
ELSEWHERE = "arn:aws:lambda:eu-west-1:123456789012:layer:l"
NOT_FOUND = ("ResourceNotFoundException", 404, "The resource you requested does not exist.")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> LambdaBench:
    return LambdaBench(tmp_path_factory.mktemp("lambda"))


@pytest.fixture
def bench(shared: LambdaBench) -> LambdaBench:
    return shared.fresh()


def name_and_version(arn: str) -> dict[str, Any]:
    """Return what requests name a layer version by."""
    *_, name, version = arn.split(":")
    return {"LayerName": name, "VersionNumber": int(version)}


def large_zip(length: int) -> bytes:
    """Return a short ZIP that is this long when it is unpacked."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("large", bytes(length))
    return buffer.getvalue()


def test_a_layer_version_is_described_as_it_was_published(bench: LambdaBench) -> None:
    arn = bench.layer(
        Description="drivers",
        CompatibleRuntimes=["python3.11", "python3.12"],
        CompatibleArchitectures=["x86_64"],
        LicenseInfo="MIT",
    )
    name = name_and_version(arn)["LayerName"]

    found = bench.do("GetLayerVersion", **name_and_version(arn))

    assert found == {
        "Content": {
            "Location": found["Content"]["Location"],
            "CodeSha256": base64_of(sha256_of(LAYER_CODE)),
            "CodeSize": len(LAYER_CODE),
        },
        "LayerArn": f"{LAYER}:{name}",
        "LayerVersionArn": f"{LAYER}:{name}:1",
        "Version": 1,
        "Description": "drivers",
        "CreatedDate": bench.clock.now().strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "CompatibleRuntimes": ["python3.11", "python3.12"],
        "CompatibleArchitectures": ["x86_64"],
        "LicenseInfo": "MIT",
    }
    by_name = bench.do("GetLayerVersion", LayerName=f"{LAYER}:{name}", VersionNumber=1)
    for same in (by_name, bench.do("GetLayerVersionByArn", Arn=arn)):
        # Each answer has a link of its own.
        assert {**same, "Content": found["Content"]} == found


def test_a_layer_counts_its_versions_and_gives_no_number_again(bench: LambdaBench) -> None:
    first = bench.layer()
    name = name_and_version(first)["LayerName"]
    bench.do("DeleteLayerVersion", LayerName=name, VersionNumber=1)

    second = bench.layer(name)

    assert second == f"{LAYER}:{name}:2"
    assert bench.refused("GetLayerVersion", **name_and_version(first)) == NOT_FOUND


def test_the_versions_of_a_layer_are_listed_the_latest_first(bench: LambdaBench) -> None:
    name = name_and_version(bench.layer())["LayerName"]
    bench.layer(name)
    bench.layer(name)

    first = bench.do("ListLayerVersions", LayerName=name, MaxItems=2)
    second = bench.do("ListLayerVersions", LayerName=name, MaxItems=2, Marker=first["NextMarker"])

    assert [item["Version"] for item in first["LayerVersions"]] == [3, 2]
    assert [item["Version"] for item in second["LayerVersions"]] == [1]
    assert "NextMarker" not in second


def test_layers_are_listed_by_name_with_their_latest_version(bench: LambdaBench) -> None:
    for name in ("b", "a", "c"):
        bench.layer(name)
    latest = bench.layer("a")

    first = bench.do("ListLayers", MaxItems=2)
    second = bench.do("ListLayers", MaxItems=2, Marker=first["NextMarker"])

    assert [layer["LayerName"] for layer in first["Layers"]] == ["a", "b"]
    assert first["Layers"][0]["LatestMatchingVersion"]["LayerVersionArn"] == latest
    assert [layer["LayerName"] for layer in second["Layers"]] == ["c"]


def test_lists_leave_out_what_does_not_fit_the_runtime(bench: LambdaBench) -> None:
    bench.layer("old", CompatibleRuntimes=["python3.11"], CompatibleArchitectures=["arm64"])
    bench.layer("new", CompatibleRuntimes=["python3.12"])

    by_runtime = bench.do("ListLayers", CompatibleRuntime="python3.12")["Layers"]
    by_architecture = bench.do("ListLayers", CompatibleArchitecture="arm64")["Layers"]
    versions = bench.do("ListLayerVersions", LayerName="old", CompatibleRuntime="python3.12")

    assert [layer["LayerName"] for layer in by_runtime] == ["new"]
    assert [layer["LayerName"] for layer in by_architecture] == ["old"]
    assert versions["LayerVersions"] == []


@pytest.mark.parametrize("number", [0, -1])
def test_a_version_s_number_begins_with_1(bench: LambdaBench, number: int) -> None:
    refused = bench.refused("GetLayerVersion", LayerName="l", VersionNumber=number)

    assert refused == (PARAMETER, 400, "Layer Version Cannot be less than 1.")


def test_a_version_that_does_not_exist_is_as_good_as_deleted(bench: LambdaBench) -> None:
    bench.do("DeleteLayerVersion", LayerName="absent", VersionNumber=7)

    assert bench.refused("GetLayerVersion", LayerName="absent", VersionNumber=7) == NOT_FOUND


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"S3Bucket": "bucket", "S3Key": "key"}, "S3"),
        ({"ZipFile": b"not a ZIP"}, "Could not unzip"),
        ({"ZipFile": b"x" * (ZIP_BYTES_MAX + 1)}, str(ZIP_BYTES_MAX)),
    ],
)
def test_content_that_can_not_be_used_is_refused_and_takes_no_number(
    bench: LambdaBench, content: dict[str, Any], text: str
) -> None:
    code, _, said = bench.refused("PublishLayerVersion", LayerName="l", Content=content)

    assert code == PARAMETER
    assert text in said
    assert bench.do("ListLayers")["Layers"] == []


def test_a_function_has_the_layers_that_it_names_in_their_order(bench: LambdaBench) -> None:
    layers = [bench.layer(), bench.layer()]
    name = bench.function(Layers=layers)

    found = bench.do("GetFunctionConfiguration", FunctionName=name)

    assert found["Layers"] == [{"Arn": arn, "CodeSize": len(LAYER_CODE)} for arn in layers]


def test_layers_can_be_changed_and_taken_away(bench: LambdaBench) -> None:
    name, layer = bench.function(), bench.layer()

    given = bench.do("UpdateFunctionConfiguration", FunctionName=name, Layers=[layer])
    kept = bench.do("UpdateFunctionConfiguration", FunctionName=name, Timeout=9)
    taken = bench.do("UpdateFunctionConfiguration", FunctionName=name, Layers=[])

    assert [item["Arn"] for item in given["Layers"]] == [layer]
    assert kept["Layers"] == given["Layers"]
    assert "Layers" not in taken


def test_a_function_keeps_a_layer_whose_version_is_deleted(tmp_path: Path) -> None:
    bench = LambdaBench(tmp_path)
    layer = bench.layer()
    name = bench.function(Layers=[layer])
    other = bench.layer()

    bench.do("DeleteLayerVersion", **name_and_version(layer))
    changed = bench.do("UpdateFunctionConfiguration", FunctionName=name, Layers=[other, layer])

    assert [item["Arn"] for item in changed["Layers"]] == [other, layer]
    assert sha256_of(LAYER_CODE) in bench.code_hashes()


def test_a_layer_s_code_goes_with_the_last_that_has_it(tmp_path: Path) -> None:
    bench = LambdaBench(tmp_path)
    layer = bench.layer()
    name = bench.function(Layers=[layer])
    bench.published(name, "1")
    hashes = [sha256_of(LAYER_CODE) in bench.code_hashes()]

    bench.do("DeleteLayerVersion", **name_and_version(layer))
    bench.do("UpdateFunctionConfiguration", FunctionName=name, Layers=[])
    hashes.append(sha256_of(LAYER_CODE) in bench.code_hashes())
    bench.do("DeleteFunction", FunctionName=name, Qualifier="1")
    hashes.append(sha256_of(LAYER_CODE) in bench.code_hashes())

    assert hashes == [True, True, False]


def test_a_version_keeps_the_layers_that_it_was_published_with(bench: LambdaBench) -> None:
    layer = bench.layer()
    name = bench.function(Layers=[layer], Publish=True)

    bench.do("UpdateFunctionConfiguration", FunctionName=name, Layers=[])

    version = bench.do("GetFunctionConfiguration", FunctionName=name, Qualifier="1")
    assert [item["Arn"] for item in version["Layers"]] == [layer]


def test_a_function_has_so_many_layers_and_no_more(bench: LambdaBench) -> None:
    layers = [bench.layer() for _ in range(LAYERS_PER_FUNCTION_MAX + 1)]

    bench.function(Layers=layers[:-1])

    refused = bench.refused("CreateFunction", **bench.request("more", Layers=layers))
    assert refused == (PARAMETER, 400, "Cannot reference more than 5 layers.")


def test_two_versions_of_one_layer_are_too_many(bench: LambdaBench) -> None:
    first = bench.layer()
    second = bench.layer(name_and_version(first)["LayerName"])

    refused = bench.refused("CreateFunction", **bench.request("f", Layers=[first, second]))

    text = (
        "Two different versions of the same layer are not allowed to be referenced in the same "
        f"function. {first} and {second}."
    )
    assert refused == (PARAMETER, 400, text)


@pytest.mark.parametrize(
    ("arn", "text"),
    [
        (f"{LAYER}:absent:1", f"Layer version {LAYER}:absent:1 does not exist."),
        (f"{LAYER}:l:1".replace("us-east-1", "eu-west-1"), "not in the same region"),
    ],
)
def test_a_layer_that_is_not_here_is_refused(bench: LambdaBench, arn: str, text: str) -> None:
    code, _, said = bench.refused("CreateFunction", **bench.request("f", Layers=[arn]))

    assert code == PARAMETER
    assert text in said
    assert bench.do("ListFunctions")["Functions"] == []


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("GetLayerVersion", {"LayerName": ELSEWHERE, "VersionNumber": 1}),
        ("DeleteLayerVersion", {"LayerName": ELSEWHERE, "VersionNumber": 1}),
        ("GetLayerVersionPolicy", {"LayerName": ELSEWHERE, "VersionNumber": 1}),
        ("GetLayerVersionByArn", {"Arn": f"{ELSEWHERE}:1"}),
        ("ListLayerVersions", {"LayerName": ELSEWHERE}),
        ("PublishLayerVersion", {"LayerName": ELSEWHERE, "Content": {"ZipFile": LAYER_CODE}}),
    ],
)
def test_a_layer_of_another_region_is_not_reached(
    bench: LambdaBench, operation: str, params: dict[str, object]
) -> None:
    assert bench.refused(operation, **params) == (
        "ResourceNotFoundException",
        404,
        "Layers from 'eu-west-1' are not reachable in this region ('us-east-1')",
    )


@pytest.mark.parametrize("operation", ["CreateFunction", "UpdateFunctionConfiguration"])
def test_code_and_layers_have_a_length_together(bench: LambdaBench, operation: str) -> None:
    half = UNZIPPED_BYTES_MAX // 2 + 1
    layer = bench.layer(Content={"ZipFile": large_zip(half)})
    code = {"ZipFile": large_zip(half)}
    name = bench.function(Code=code)
    request = {
        "CreateFunction": bench.request("f", Code=code, Layers=[layer]),
        "UpdateFunctionConfiguration": {"FunctionName": name, "Layers": [layer]},
    }[operation]

    refused = bench.refused(operation, **request)

    text = (
        "Function code combined with layers exceeds the maximum allowed size of "
        f"{UNZIPPED_BYTES_MAX} bytes. The actual size is {2 * half} bytes."
    )
    assert refused == (PARAMETER, 400, text)


def test_new_code_counts_together_with_the_layers_that_are_there(bench: LambdaBench) -> None:
    half = UNZIPPED_BYTES_MAX // 2 + 1
    name = bench.function(Layers=[bench.layer(Content={"ZipFile": large_zip(half)})])

    refused = bench.refused("UpdateFunctionCode", FunctionName=name, ZipFile=large_zip(half))

    assert refused[0] == PARAMETER
    assert "combined with layers" in refused[2]


def test_layers_count_as_much_when_their_code_went_and_came_again(bench: LambdaBench) -> None:
    half = {"ZipFile": large_zip(UNZIPPED_BYTES_MAX // 2 + 1)}
    bench.layer("gone", Content=half)
    bench.do("DeleteLayerVersion", LayerName="gone", VersionNumber=1)
    layers = [bench.layer(Content=half), bench.layer(Content=half)]
    bench.create_function("rotate")

    refused = bench.refused("UpdateFunctionConfiguration", FunctionName="rotate", Layers=layers)

    assert refused[0] == PARAMETER
    assert "combined with layers" in refused[2]


def test_whoever_gives_a_function_a_layer_must_be_allowed_to_get_it(bench: LambdaBench) -> None:
    layer, name = bench.layer(), bench.function()
    developer = bench.somebody(policy("lambda:UpdateFunctionConfiguration"))
    request = {"FunctionName": name, "Layers": [layer]}

    code, status, text = bench.fault(developer, "UpdateFunctionConfiguration", **request)

    assert (code, status) == ("AccessDeniedException", 403)
    assert f"lambda:GetLayerVersion on resource: {layer}" in text


def test_layers_that_a_function_has_already_need_no_permission_again(bench: LambdaBench) -> None:
    layer = bench.layer()
    name = bench.function(Layers=[layer])
    developer = bench.somebody(policy("lambda:UpdateFunctionConfiguration"))

    changed = bench.call(
        developer, "UpdateFunctionConfiguration", FunctionName=name, Layers=[layer], Timeout=9
    )

    assert changed["Timeout"] == 9


def foreigner(bench: LambdaBench) -> Principal:
    """Return somebody of another account who may do everything there."""
    name = f"user-{secrets.token_hex(6)}"
    return bench.principal(bench.user(name, policy("*"), account="210987654321"))


def test_a_layer_of_another_account_must_allow_it(bench: LambdaBench) -> None:
    layer, other = bench.layer(), foreigner(bench)

    before = bench.fault(other, "GetLayerVersionByArn", Arn=layer)
    bench.do(
        "AddLayerVersionPermission",
        **name_and_version(layer),
        StatementId="s",
        Action="lambda:GetLayerVersion",
        Principal="210987654321",
    )

    assert before[:2] == ("AccessDeniedException", 403)
    assert bench.call(other, "GetLayerVersionByArn", Arn=layer)["LayerVersionArn"] == layer


def test_a_layer_s_policy_is_written_as_aws_writes_it(bench: LambdaBench) -> None:
    layer = bench.layer()
    named = name_and_version(layer)

    added = bench.do(
        "AddLayerVersionPermission",
        **named,
        StatementId="everyone",
        Action="lambda:GetLayerVersion",
        Principal="*",
    )

    statement = {
        "Sid": "everyone",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "lambda:GetLayerVersion",
        "Resource": layer,
    }
    found = bench.do("GetLayerVersionPolicy", **named)
    assert added["Statement"] == json.dumps(statement, separators=(",", ":"))
    assert json.loads(found["Policy"])["Statement"] == [statement]
    assert found["RevisionId"] == added["RevisionId"]


def test_a_statement_of_a_layer_can_be_removed_once(bench: LambdaBench) -> None:
    named = name_and_version(bench.layer())
    params = {"Action": "lambda:GetLayerVersion", "Principal": "*"}
    without_policy = bench.refused("RemoveLayerVersionPermission", **named, StatementId="s")
    bench.do("AddLayerVersionPermission", **named, StatementId="s", **params)

    taken = bench.refused("AddLayerVersionPermission", **named, StatementId="s", **params)
    unknown = bench.refused("RemoveLayerVersionPermission", **named, StatementId="x")
    bench.do("RemoveLayerVersionPermission", **named, StatementId="s")

    assert without_policy[:2] == ("ResourceNotFoundException", 404)
    assert taken[:2] == ("ResourceConflictException", 409)
    assert unknown[2] == "Statement x is not found in resource policy."
    assert bench.refused("GetLayerVersionPolicy", **named) == (
        "ResourceNotFoundException",
        404,
        "No policy is associated with the given resource.",
    )


def test_a_layer_s_policy_changes_under_its_revision(bench: LambdaBench) -> None:
    named = name_and_version(bench.layer())

    refused = bench.refused(
        "AddLayerVersionPermission",
        **named,
        StatementId="s",
        Action="lambda:GetLayerVersion",
        Principal="*",
        RevisionId="older",
    )

    assert refused[:2] == ("PreconditionFailedException", 412)
    assert "GetLayerPolicy" in refused[2]


def test_a_layer_s_policy_has_a_length_that_it_keeps(bench: LambdaBench) -> None:
    named = name_and_version(bench.layer())
    params = {"Action": "lambda:GetLayerVersion", "Principal": "210987654321"}

    def add(number: int) -> dict[str, Any]:
        return {**named, **params, "StatementId": f"{number:0>99}"}

    each = len(bench.do("AddLayerVersionPermission", **add(0))["Statement"]) + len(",")
    fit = (POLICY_BYTES_MAX - len(policy_text.document()) + len(",")) // each
    for number in range(1, fit):
        bench.do("AddLayerVersionPermission", **add(number))

    refused = bench.refused("AddLayerVersionPermission", **add(fit))

    assert refused[0] == "PolicyLengthExceededException"


def test_organizations_are_refused_by_name(bench: LambdaBench) -> None:
    refused = bench.refused(
        "AddLayerVersionPermission",
        **name_and_version(bench.layer()),
        StatementId="s",
        Action="lambda:GetLayerVersion",
        Principal="*",
        OrganizationId="o-0123456789",
    )

    assert "Organizations" in refused[2]


def test_two_layers_may_share_their_code(tmp_path: Path) -> None:
    bench = LambdaBench(tmp_path)
    first, second = bench.layer(), bench.layer()

    bench.do("DeleteLayerVersion", **name_and_version(first))
    shared = bench.code_hashes()
    bench.do("DeleteLayerVersion", **name_and_version(second))

    assert (len(shared), len(bench.code_hashes())) == (1, 0)


def test_a_layer_of_the_function_s_own_code_is_kept_once(tmp_path: Path) -> None:
    bench = LambdaBench(tmp_path)
    code = {"ZipFile": zipped({"lambda_function.py": "# both"})}

    bench.function(Code=code, Layers=[bench.layer(Content=code)])

    assert len(bench.code_hashes()) == 1
