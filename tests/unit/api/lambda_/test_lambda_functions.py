from datetime import timedelta
from pathlib import Path
import platform
from typing import Any

import pytest

from keyturn.functions.package import ZIP_BYTES_MAX
from keyturn.functions.runtimes import OWN_PYTHON
from support.function_bench import zipped
from support.iam_bench import policy, trust
from support.lambda_bench import LambdaBench

ARN = "arn:aws:lambda:us-east-1:123456789012:function:rotate"
PARAMETER = "InvalidParameterValueException"
NOT_FOUND = ("ResourceNotFoundException", 404, f"Function not found: {ARN}")
ROLE = "The role defined for the function cannot be assumed by Lambda."
OTHER_CODE = zipped({"lambda_function.py": "# something else"})


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> LambdaBench:
    return LambdaBench(tmp_path_factory.mktemp("lambda"))


@pytest.fixture
def bench(shared: LambdaBench) -> LambdaBench:
    return shared.fresh()


def test_a_new_function_has_aws_s_defaults(bench: LambdaBench) -> None:
    made = bench.create_function("rotate")

    assert {
        name: made[name]
        for name in made.keys() - {"RevisionId", "CodeSha256", "CodeSize", "LastModified", "Role"}
    } == {
        "FunctionName": "rotate",
        "FunctionArn": ARN,
        "Runtime": OWN_PYTHON,
        "Handler": "lambda_function.lambda_handler",
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [platform.machine().replace("aarch64", "arm64")],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/rotate"},
        "RuntimeVersionConfig": made["RuntimeVersionConfig"],
    }
    assert ":runtime:" in made["RuntimeVersionConfig"]["RuntimeVersionArn"]
    assert made["LastModified"] == bench.clock.now().strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def test_a_function_is_described_as_it_was_made(bench: LambdaBench) -> None:
    variables = {"Variables": {"EXCLUDE_CHARACTERS": "/@"}}
    made = bench.create_function(
        "rotate", Timeout=30, MemorySize=256, Environment=variables, Tags={"team": "data"}
    )

    found = bench.do("GetFunction", FunctionName="rotate")

    assert found["Configuration"] == made
    assert found["Configuration"]["Environment"] == variables
    assert found["Tags"] == {"team": "data"}
    assert bench.do("GetFunctionConfiguration", FunctionName="rotate") == made


def test_environment_variables_are_sealed_in_the_store(tmp_path: Path) -> None:
    bench = LambdaBench(tmp_path)
    bench.create_function("rotate", Environment={"Variables": {"PASSWORD": "a-marked-value"}})

    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())

    assert b"rotate" in stored
    assert b"a-marked-value" not in stored


@pytest.mark.parametrize(
    "reference",
    [
        "rotate",
        "function:rotate",
        "123456789012:function:rotate",
        "us-east-1:123456789012:function:rotate",
        ARN,
    ],
)
def test_a_function_is_found_by_every_name_that_aws_takes(
    bench: LambdaBench, reference: str
) -> None:
    bench.create_function("rotate")

    found = bench.do("GetFunctionConfiguration", FunctionName=reference)

    assert found["FunctionArn"] == ARN


@pytest.mark.parametrize("reference", ["rotate:$LATEST", f"{ARN}:$LATEST"])
def test_a_function_that_is_named_with_a_qualifier_is_described_with_it(
    bench: LambdaBench, reference: str
) -> None:
    bench.create_function("rotate")

    found = bench.do("GetFunctionConfiguration", FunctionName=reference)

    assert found["FunctionArn"] == f"{ARN}:$LATEST"


def test_a_log_group_of_one_s_own_is_kept_and_given_back(bench: LambdaBench) -> None:
    bench.create_function("rotate", LoggingConfig={"LogGroup": "/rotation/all"})

    found = bench.do("GetFunctionConfiguration", FunctionName="rotate")
    reset = bench.do(
        "UpdateFunctionConfiguration", FunctionName="rotate", LoggingConfig={"LogFormat": "Text"}
    )

    assert found["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/rotation/all"}
    assert reset["LoggingConfig"]["LogGroup"] == "/aws/lambda/rotate"


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("GetFunction", {}),
        ("GetFunctionConfiguration", {}),
        ("DeleteFunction", {}),
        ("UpdateFunctionCode", {"ZipFile": OTHER_CODE}),
        ("UpdateFunctionConfiguration", {"Timeout": 30}),
        ("GetPolicy", {}),
    ],
)
def test_a_function_that_does_not_exist_is_not_found(
    bench: LambdaBench, operation: str, params: dict[str, Any]
) -> None:
    assert bench.refused(operation, FunctionName="rotate", **params) == NOT_FOUND


def test_a_version_does_not_exist(bench: LambdaBench) -> None:
    bench.create_function("rotate")

    refused = bench.refused("GetFunction", FunctionName="rotate", Qualifier="3")

    assert refused == ("ResourceNotFoundException", 404, f"Function not found: {ARN}:3")


def test_two_qualifiers_that_differ_are_refused(bench: LambdaBench) -> None:
    code, status, _ = bench.refused("GetFunction", FunctionName=f"{ARN}:1", Qualifier="2")

    assert (code, status) == (PARAMETER, 400)


def test_a_name_that_is_taken_is_a_conflict(bench: LambdaBench) -> None:
    bench.create_function("rotate")

    refused = bench.refused("CreateFunction", **bench.request("rotate"))

    assert refused == ("ResourceConflictException", 409, "Function already exist: rotate")


def test_a_role_that_does_not_trust_lambda_is_refused(bench: LambdaBench) -> None:
    other = bench.role("other", trust("arn:aws:iam::123456789012:root")).arn

    refused = bench.refused("CreateFunction", **bench.request("rotate", Role=other))

    assert refused == (PARAMETER, 400, ROLE)
    assert bench.do("ListFunctions")["Functions"] == []


def test_a_role_that_does_not_exist_is_refused(bench: LambdaBench) -> None:
    missing = "arn:aws:iam::123456789012:role/missing"

    refused = bench.refused("CreateFunction", **bench.request("rotate", Role=missing))

    assert refused == (PARAMETER, 400, ROLE)


@pytest.mark.parametrize("operation", ["CreateFunction", "UpdateFunctionConfiguration"])
def test_whoever_gives_a_function_a_role_must_be_allowed_to_pass_it(
    bench: LambdaBench, operation: str
) -> None:
    bench.create_function("there")
    developer = bench.somebody(policy("lambda:*"))
    params = {
        "CreateFunction": bench.request("rotate"),
        "UpdateFunctionConfiguration": {"FunctionName": "there", "Role": bench.role_arn},
    }[operation]

    code, status, text = bench.fault(developer, operation, **params)

    assert (code, status) == ("AccessDeniedException", 403)
    assert f"is not authorized to perform: iam:PassRole on resource: {bench.role_arn}" in text


def test_the_role_may_be_passed_to_lambda_alone(bench: LambdaBench) -> None:
    passing = policy("iam:PassRole", StringEquals={"iam:PassedToService": "lambda.amazonaws.com"})
    developer = bench.somebody(policy("lambda:*"), passing)

    made = bench.call(developer, "CreateFunction", **bench.request("rotate"))

    assert made["Role"] == bench.role_arn


def test_a_runtime_that_is_not_here_is_refused_by_name(bench: LambdaBench) -> None:
    code, _, text = bench.refused("CreateFunction", **bench.request("rotate", Runtime="java21"))

    assert code == PARAMETER
    assert "java21" in text
    assert OWN_PYTHON in text


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:l:1"]}, "does not exist"),
        ({"Tags": {"aws:team": "data"}}, "aws:"),
        ({"TracingConfig": {"Mode": "Active"}}, "TracingConfig"),
        ({"LoggingConfig": {"LogFormat": "JSON"}}, "LoggingConfig"),
        ({"Architectures": ["arm64" if platform.machine() == "x86_64" else "x86_64"]}, "machine"),
        ({"Code": {"S3Bucket": "bucket", "S3Key": "key"}}, "S3"),
        ({"PackageType": "Image"}, "Zip"),
        ({"Timeout": 901}, "less than or equal to 900"),
        ({"MemorySize": 10_241}, "less than or equal to 10240"),
        ({"EphemeralStorage": {"Size": 10_241}}, "less than or equal to 10240"),
        ({"Environment": {"Variables": {"AWS_REGION": "eu-west-1"}}}, "reserved keys"),
        ({"Environment": {"Variables": {"AB": "x" * 4096}}}, "4KB"),
        ({"Environment": {"Variables": {"AB": "\0"}}}, "NUL"),
        ({"Handler": "a\0b.c"}, "NUL"),
    ],
)
def test_what_is_not_done_here_is_refused_and_stores_nothing(
    bench: LambdaBench, params: dict[str, Any], word: str
) -> None:
    code, status, text = bench.refused("CreateFunction", **bench.request("rotate", **params))

    assert (code, status) == (PARAMETER, 400)
    assert word in text
    assert bench.do("ListFunctions")["Functions"] == []


def test_members_that_say_what_is_done_anyway_are_taken(bench: LambdaBench) -> None:
    bench.create_function(
        "rotate",
        Layers=[],
        Publish=False,
        TracingConfig={"Mode": "PassThrough"},
        SnapStart={"ApplyOn": "None"},
        DeadLetterConfig={"TargetArn": ""},
        LoggingConfig={"LogFormat": "Text", "LogGroup": "/aws/lambda/rotate"},
    )

    assert bench.do("GetFunction", FunctionName="rotate")


def test_what_is_no_zip_is_refused_and_changes_nothing(bench: LambdaBench) -> None:
    made = bench.create_function("rotate")

    code, status, text = bench.refused(
        "UpdateFunctionCode", FunctionName="rotate", ZipFile=b"not a ZIP"
    )

    assert (code, status) == (PARAMETER, 400)
    assert text.startswith(
        "Could not unzip uploaded file. Please check your file, then try to upload again."
    )
    assert bench.do("GetFunctionConfiguration", FunctionName="rotate") == made


def test_a_zip_that_is_too_large_is_refused(bench: LambdaBench) -> None:
    request = bench.request("rotate", Code={"ZipFile": b"x" * (ZIP_BYTES_MAX + 1)})

    code, status, text = bench.refused("CreateFunction", **request)

    assert (code, status) == (PARAMETER, 400)
    assert text == "Zipped size must be smaller than 52428800 bytes"


def test_other_code_has_another_hash_and_revision(bench: LambdaBench) -> None:
    made = bench.create_function("rotate")
    bench.clock.advance(timedelta(minutes=1))

    changed = bench.do("UpdateFunctionCode", FunctionName="rotate", ZipFile=OTHER_CODE)

    assert changed["CodeSha256"] != made["CodeSha256"]
    assert changed["RevisionId"] != made["RevisionId"]
    assert changed["LastModified"] > made["LastModified"]


def test_a_dry_run_of_other_code_changes_nothing(bench: LambdaBench) -> None:
    made = bench.create_function("rotate")

    answer = bench.do("UpdateFunctionCode", FunctionName="rotate", ZipFile=OTHER_CODE, DryRun=True)

    assert answer == made


def test_a_change_keeps_what_it_does_not_name(bench: LambdaBench) -> None:
    variables = {"Variables": {"AB": "c"}}
    made = bench.create_function("rotate", Environment=variables, Description="before")

    changed = bench.do("UpdateFunctionConfiguration", FunctionName="rotate", Timeout=30)

    names = made.keys() - {"Timeout", "RevisionId"}
    assert {name: changed[name] for name in names} == {name: made[name] for name in names}
    assert changed["Timeout"] == 30


def test_no_variables_takes_them_away(bench: LambdaBench) -> None:
    bench.create_function("rotate", Environment={"Variables": {"AB": "c"}})

    changed = bench.do(
        "UpdateFunctionConfiguration", FunctionName="rotate", Environment={"Variables": {}}
    )

    assert "Environment" not in changed


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("UpdateFunctionCode", {"ZipFile": OTHER_CODE}),
        ("UpdateFunctionConfiguration", {"Timeout": 30}),
        (
            "AddPermission",
            {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"},
        ),
        ("RemovePermission", {"StatementId": "s"}),
    ],
)
def test_a_change_under_an_older_revision_is_refused(
    bench: LambdaBench, operation: str, params: dict[str, Any]
) -> None:
    made = bench.create_function("rotate")
    bench.do("UpdateFunctionConfiguration", FunctionName="rotate", Description="changed")

    code, status, _ = bench.refused(
        operation, FunctionName="rotate", RevisionId=made["RevisionId"], **params
    )

    assert (code, status) == ("PreconditionFailedException", 412)


def test_a_deleted_function_is_gone_with_its_policy_and_its_code(bench: LambdaBench) -> None:
    bench.create_function("rotate")
    bench.do(
        "AddPermission",
        FunctionName="rotate",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )

    bench.do("DeleteFunction", FunctionName="rotate")
    bench.create_function("rotate", Code={"ZipFile": OTHER_CODE})

    assert bench.refused("GetPolicy", FunctionName="rotate")[0] == "ResourceNotFoundException"


def test_code_that_two_functions_share_stays_with_the_second(bench: LambdaBench) -> None:
    bench.create_function("first")
    bench.create_function("second")

    bench.do("DeleteFunction", FunctionName="first")

    again = bench.do("UpdateFunctionConfiguration", FunctionName="second", Timeout=4)
    assert again["CodeSha256"]


def test_a_function_s_code_need_not_be_signed(bench: LambdaBench) -> None:
    bench.create_function("rotate")

    assert bench.do("GetFunctionCodeSigningConfig", FunctionName="rotate") == {}
    assert bench.refused("GetFunctionCodeSigningConfig", FunctionName="absent")[1] == 404


def test_functions_are_listed_by_name_a_page_at_a_time(bench: LambdaBench) -> None:
    for name in ("b", "c", "a"):
        bench.create_function(name)

    first = bench.do("ListFunctions", MaxItems=2)
    second = bench.do("ListFunctions", MaxItems=2, Marker=first["NextMarker"])

    assert [function["FunctionName"] for function in first["Functions"]] == ["a", "b"]
    assert [function["FunctionName"] for function in second["Functions"]] == ["c"]
    assert "NextMarker" not in second


def test_whoever_may_do_nothing_is_not_told_what_exists(bench: LambdaBench) -> None:
    bench.create_function("rotate")
    nobody = bench.somebody()

    refusals = [
        bench.fault(nobody, "GetFunction", FunctionName=name) for name in ("rotate", "absent")
    ]

    assert {code for code, _, _ in refusals} == {"AccessDeniedException"}
    assert refusals[0][2].replace("rotate", "absent") == refusals[1][2]


def test_a_policy_that_names_one_function_allows_no_other(bench: LambdaBench) -> None:
    bench.create_function("rotate")
    bench.create_function("other")
    reader = bench.somebody(policy("lambda:GetFunction", resource=ARN))

    assert bench.call(reader, "GetFunction", FunctionName="rotate")
    assert bench.fault(reader, "GetFunction", FunctionName="other")[1] == 403
