import subprocess
import sys

import pytest

from keyturn.wire.fault import Fault, internal_failure
from keyturn.wire.service import load_service

VERSIONS = {
    "secretsmanager": "2017-10-17",
    "logs": "2014-03-28",
    "lambda": "2015-03-31",
    "iam": "2010-05-08",
    "sts": "2011-06-15",
    "rds": "2014-10-31",
    "redshift": "2012-12-01",
    "redshift-serverless": "2021-04-21",
}


@pytest.mark.parametrize(("name", "version"), VERSIONS.items())
def test_a_service_is_read_from_its_current_model_once(name: str, version: str) -> None:
    service = load_service(name)

    assert service.name == name
    assert service._model.api_version == version
    assert service is load_service(name)


def test_a_service_that_we_do_not_speak_for_is_not_there() -> None:
    with pytest.raises(KeyError):
        load_service("s3")


def test_operations_are_named_as_in_the_model_and_kept() -> None:
    service = load_service("secretsmanager")

    assert len(service.operation_names) >= 26
    assert service.operation("GetSecretValue") is service.operation("GetSecretValue")


def test_a_fault_s_repr_has_its_code_and_its_text_alone() -> None:
    fault = Fault("InvalidRequestException", "Why.", members={"Secret": "hunter2"})

    assert repr(fault) == "Fault('InvalidRequestException', 'Why.')"
    assert (fault.status, fault.is_sender) == (400, True)


def test_an_internal_failure_has_no_detail() -> None:
    fault = internal_failure()

    assert (fault.status, fault.is_sender) == (500, False)
    assert fault.members == {}


def test_an_internal_failure_is_the_service_s_own_error() -> None:
    response = load_service("lambda").encode_fault(internal_failure(), "id-1")

    assert response.status == 500
    assert response.body.startswith(b'{"Type":"Service","Message":')


def test_loading_brings_none_of_the_client_s_machinery() -> None:
    program = (
        "import sys; from keyturn.wire.service import load_service; load_service('iam');"
        "print([name for name in ('botocore.session', 'botocore.client', 'botocore.credentials',"
        "'botocore.endpoint', 'boto3') if name in sys.modules])"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert run.stdout == "[]\n"


def test_a_model_in_a_home_directory_is_not_read(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = tmp_path_factory.mktemp("home")
    models = home / ".aws" / "models" / "sts" / "2999-01-01"
    models.mkdir(parents=True)
    (models / "service-2.json").write_text("{}")
    program = (
        "from keyturn.wire.service import load_service;"
        "print(load_service('sts')._model.api_version)"
    )

    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(home)},
    )

    assert run.stdout == "2011-06-15\n"
