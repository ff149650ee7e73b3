"""Whatever comes, the answer is parameters or a fault, and never anything else."""

import json
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from keyturn.model.http import HttpRequest
from keyturn.wire.fault import Fault
from keyturn.wire.service import load_service

many = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))

NAMES = [
    "SecretId",
    "SecretBinary",
    "Tags",
    "Filters",
    "Key",
    "Value",
    "RotationRules",
    "MaxResults",
]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=15,
)
JSON_BODIES = JSON_VALUES.map(lambda value: json.dumps(value).encode())
BODIES = st.binary(max_size=40) | JSON_BODIES

PARTS = st.sampled_from(
    ["RoleName", "Tags", "member", "entry", "1", "2", "Key", "Value", "MaxItems", "", "key"]
)
FORMS = st.lists(
    st.tuples(st.lists(PARTS, min_size=1, max_size=5).map(".".join), st.text(max_size=4)),
    max_size=6,
).map(urlencode)


def answers(service: str, request: HttpRequest) -> None:
    """Decode a request; only a fault may come in the way, and it can be written."""
    loaded = load_service(service)
    try:
        operation = loaded.route(request)
        assert isinstance(operation.decode(request), dict)
    except Fault as fault:
        response = loaded.encode_fault(fault, "id-1")
        assert 400 <= response.status < 500


@many
@given(
    operation=st.sampled_from(sorted(load_service("secretsmanager").operation_names)), body=BODIES
)
def test_any_json_body_is_answered(operation: str, body: bytes) -> None:
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": f"secretsmanager.{operation}",
    }

    answers("secretsmanager", HttpRequest("POST", "/", "", headers, body))


@many
@given(
    action=st.sampled_from(["TagRole", "ListRoles", "CreateRole", "SimulateCustomPolicy"]),
    form=FORMS | st.text(max_size=30),
)
def test_any_form_is_answered(action: str, form: str) -> None:
    body = f"Action={action}&Version=2010-05-08&{form}".encode()

    answers("iam", HttpRequest("POST", "/", "", {}, body))


@many
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=st.lists(
        st.sampled_from(["2015-03-31", "functions", "f", "policy", "invocations", "%FF", "%", ""])
    ).map("/".join),
    query=FORMS | st.text(max_size=20),
    body=BODIES,
)
def test_any_rest_request_is_answered(method: str, path: str, query: str, body: bytes) -> None:
    answers("lambda", HttpRequest(method, f"/{path}", query, {}, body))


@pytest.mark.parametrize("service", ["secretsmanager", "logs", "lambda", "iam", "sts"])
@many
@given(
    request=st.builds(
        HttpRequest,
        method=st.sampled_from(["GET", "POST", "HEAD", "x"]),
        path=st.text(max_size=20),
        query=st.text(max_size=20),
        headers=st.dictionaries(
            st.sampled_from(["content-type", "x-amz-target", "x-amz-log-type"]),
            st.text(max_size=10),
        ),
        body=st.binary(max_size=30),
    )
)
def test_any_request_at_all_is_answered(service: str, request: HttpRequest) -> None:
    answers(service, request)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":['])
def test_a_bomb_of_nesting_is_answered(opening: bytes) -> None:
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "secretsmanager.ListSecrets",
    }
    bomb = b'{"a":' + opening * 200_000

    answers("secretsmanager", HttpRequest("POST", "/", "", headers, bomb))
