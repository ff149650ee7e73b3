"""A packaged function: the same bytes each time, complete, and good for Lambda."""

import io
import json
from pathlib import Path
import subprocess
import sys
from zipfile import ZipFile

import boto3
import pytest

from keyturn.functions import distributions, packaging
from keyturn.functions.distributions import (
    Architecture,
    DependencyError,
    Platform,
    Runtime,
    files_of,
)
from keyturn.functions.packaging import (
    PackageTooLargeError,
    Template,
    UnknownTemplateError,
    build,
    find_template,
    templates,
)
from keyturn_rotators.steps import Step
from support.platform_here import HERE
from support.rotation_bench import Bench

# What a Lambda runtime brings along.
PROVIDED = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")
# Engines whose tests run no package, for there is no server; and a compiled part of their drivers.
SIMULATED = [
    ("oracle", "oracledb/thin_impl.cpython-312-"),
    ("sqlserver", "pymssql/_pymssql.cpython-312-"),
]
RUN_STEPS = """
import json, logging, sys
import lambda_function
for event in json.load(sys.stdin):
    lambda_function.lambda_handler(event, None)
import psycopg, psycopg_binary
print(json.dumps({name: sys.modules[name].__file__ for name in sys.modules
    if name.partition(".")[0] in ("keyturn_rotators", "psycopg", "psycopg_binary", "keyturn")}))
"""


@pytest.fixture(scope="module")
def package() -> bytes:
    return build(find_template("postgres", "single-user"), HERE)


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    """A lock file that pins what nobody has."""
    file = tmp_path / "some.lock"
    file.write_text(f"typing-extensions==0.0.0 \\\n    --hash=sha256:{'0' * 64}\n")
    return file


def names_in(package: bytes) -> list[str]:
    with ZipFile(io.BytesIO(package)) as archive:
        return archive.namelist()


def test_the_same_template_gives_the_same_bytes(package: bytes) -> None:
    assert build(find_template("postgres", "single-user"), HERE) == package


def test_installed_and_downloaded_drivers_are_the_same() -> None:
    lock_file = packaging._rotators() / "engines" / "postgres.lock"

    installed = distributions._installed_files(lock_file, HERE)

    assert installed is not None, "requirements.lock and postgres.lock pin different versions"
    assert installed == distributions._downloaded_files(lock_file, HERE)


def test_a_package_holds_what_its_template_needs_and_nothing_of_the_server(
    package: bytes,
) -> None:
    names = names_in(package)

    assert {"lambda_function.py", "keyturn_rotators/engines/postgres.py"} <= set(names)
    assert names == sorted(names)
    assert not [name for name in names if name.startswith(("keyturn/", "boto")) or ".pyc" in name]
    assert [name for name in names if name.endswith("licenses/LICENSE.txt")]


def test_entries_carry_no_date_and_can_be_read_by_anyone(package: bytes) -> None:
    with ZipFile(io.BytesIO(package)) as archive:
        entries = archive.infolist()

    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


@pytest.mark.engine
def test_a_package_rotates_with_nothing_but_boto3_beside_it(
    package: bytes, bench: Bench, tmp_path: Path
) -> None:
    task, provided = tmp_path / "task", tmp_path / "provided"
    with ZipFile(io.BytesIO(package)) as archive:
        archive.extractall(task)
    _link_provided(provided)
    login = bench.login()
    token = bench.secrets_manager.begin_rotation(login.arn)
    events = [
        {"Step": step.value, "SecretId": login.arn, "ClientRequestToken": token} for step in Step
    ]

    answer = subprocess.run(
        [sys.executable, "-S", "-c", RUN_STEPS],
        input=json.dumps(events),
        check=True,
        capture_output=True,
        text=True,
        cwd=task,
        env={
            "PYTHONPATH": f"{task}:{provided}",
            "AWS_ACCESS_KEY_ID": "AKIDSIMULATED",
            "AWS_SECRET_ACCESS_KEY": "simulated",
            "AWS_DEFAULT_REGION": "us-east-1",
            "SECRETS_MANAGER_ENDPOINT": bench.secrets_manager.endpoint,
        },
    )

    loaded = json.loads(answer.stdout)
    assert {"keyturn_rotators", "psycopg", "psycopg_binary._psycopg"} <= set(loaded)
    assert all(file.startswith(str(task)) for file in loaded.values())
    assert bench.secrets_manager.secrets[login.arn].stages["AWSCURRENT"] == token
    assert bench.is_live(login.arn)


def test_every_template_is_listed_with_what_it_does() -> None:
    listed = templates()

    single_user = "PostgreSQL, single user: the role in the secret changes its own password."
    assert Template("postgres", "single-user", single_user) in listed
    assert listed == sorted(listed)
    assert [template for template in listed if ": " not in template.summary] == []


@pytest.mark.parametrize(("engine", "driver"), SIMULATED)
@pytest.mark.parametrize("architecture", Architecture)
def test_a_package_of_a_simulated_engine_has_its_driver_for_lambda(
    engine: str, driver: str, architecture: Architecture
) -> None:
    target = Platform(runtime=Runtime.PYTHON_3_12, architecture=architecture)

    names = names_in(build(find_template(engine, "single-user"), target))

    assert "lambda_function.py" in names
    assert [name for name in names if name.startswith(driver) and name.endswith(".so")]


def test_an_unknown_template_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownTemplateError, match=r"there is: .*postgres single-user"):
        find_template("postgres", "double-user")


def test_a_package_larger_than_lambda_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaging, "ZIP_BYTES_MAX", 1_000_000)

    with pytest.raises(PackageTooLargeError, match="at most 1000000"):
        build(find_template("postgres", "single-user"), HERE)


def test_a_wheel_for_a_later_c_library_is_not_packed_for_an_earlier_one() -> None:
    older = Platform(runtime=Runtime.PYTHON_3_11, architecture=Architecture.ARM64)
    later = Platform(runtime=Runtime.PYTHON_3_12, architecture=Architecture.ARM64)

    assert "manylinux_2_28_aarch64" not in older.wheel_tags()
    assert "manylinux_2_28_aarch64" in later.wheel_tags()
    assert "manylinux_2_17_aarch64" in older.wheel_tags()


def test_a_distribution_that_was_changed_after_its_installation_is_not_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_file = tmp_path / "some.lock"
    lock_file.write_text("some==1.0\n")
    info = tmp_path / "some-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some\nVersion: 1.0\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nTag: py3-none-any\n")
    (info / "RECORD").write_text("some.py,sha256=SHQRmrzvH9_GUY0aEKZ0Ex-pWcIQLLDOqMUJxQ9BhIo,3\n")
    (tmp_path / "some.py").write_text("changed")
    monkeypatch.syspath_prepend(tmp_path)

    assert distributions._installed_files(lock_file, HERE) is None


def test_a_driver_that_cannot_be_had_is_named_with_what_to_do(lock_file: Path) -> None:
    with pytest.raises(DependencyError, match=f"typing-extensions 0.0.0 for {HERE.runtime}"):
        files_of(lock_file, HERE)


def test_a_download_that_does_not_end_is_given_up(
    lock_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributions, "DOWNLOAD_SECONDS_MAX", 0.01)

    with pytest.raises(DependencyError, match="no end after"):
        files_of(lock_file, HERE)


def test_no_lock_file_names_where_it_was_made() -> None:
    for lock_file in (packaging._rotators() / "engines").glob("*.lock"):
        assert "://" not in lock_file.read_text()


def _link_provided(folder: Path) -> None:
    folder.mkdir()
    site_packages = Path(boto3.__file__).parents[1]
    for name in PROVIDED:
        (folder / name).symlink_to(site_packages / name)
