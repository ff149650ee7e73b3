"""What every request meets before any operation: its signature, its shape, its rights.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import http.client
import json
import re
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
import pytest

from support.aws_client import load_model
from support.live_api import (
    ACCOUNT,
    Answer,
    Caller,
    LiveApi,
    allow,
    deny,
    policy,
    refusal,
    send,
    unique,
)

pytestmark = pytest.mark.server

MISMATCH = (
    400,
    "InvalidSignatureException",
    (
        "The request signature we calculated does not match the signature you provided. "
        "Check your "
        "AWS Secret Access Key and signing method. Consult the service documentation for details."
    ),
)
UNKNOWN_KEY = (
    400,
    "UnrecognizedClientException",
    "The security token included in the request is invalid.",
)
LIST = "secretsmanager.ListSecrets"
BODY_BYTES_MAX = 70 * 1024 * 1024


def listing(api: LiveApi) -> AWSRequest:
    """Return a signed ListSecrets."""
    return api.sign("secretsmanager", api.request({}, target=LIST))


def test_request_that_is_signed_as_the_sdks_do_is_answered(api: LiveApi) -> None:
    assert send(listing(api)).document == {"SecretList": []}


def test_wrong_secret_key_is_a_mismatch(api: LiveApi) -> None:
    forger = api.acting_as(Caller(api.caller.access_key_id, "not the secret key"))

    assert send(listing(forger)).refusal == MISMATCH


def test_changed_body_is_a_mismatch(api: LiveApi) -> None:
    request = listing(api)
    request.data = b'{"MaxResults": 1}'

    assert send(request).refusal == MISMATCH


def test_changed_target_is_a_mismatch(api: LiveApi) -> None:
    request = listing(api)
    request.headers.replace_header("X-Amz-Target", "secretsmanager.DeleteSecret")

    assert send(request).refusal == MISMATCH


@pytest.mark.parametrize("minutes", [-20, 20])
def test_date_more_than_15_minutes_away_is_refused(
    api: LiveApi, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_at = datetime.now(UTC) + timedelta(minutes=minutes)  # noqa: TID251 - the client's clock
    monkeypatch.setattr(
        "botocore.auth.get_current_datetime", lambda: signed_at.replace(tzinfo=None)
    )

    status, code, text = send(listing(api)).refusal

    expected = (
        rf"Signature expired: {signed_at:%Y%m%dT%H%M%SZ} is now earlier than \d+T\d+Z "
        r"\(\d+T\d+Z - 15 min\.\)"
        if minutes < 0
        else rf"Signature not yet current: {signed_at:%Y%m%dT%H%M%SZ} is still later than "
        r"\d+T\d+Z \(\d+T\d+Z \+ 15 min\.\)"
    )
    assert (status, code) == (400, "InvalidSignatureException")
    assert re.fullmatch(expected, text)


def test_request_without_a_signature_is_refused(api: LiveApi) -> None:
    assert send(api.request({}, target=LIST)).refusal == (
        400,
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    )


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic YTpi",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=00",
        "AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=",
        "AWS4-HMAC-SHA256 " + "x" * 5000,
    ],
)
def test_half_a_signature_is_incomplete(api: LiveApi, header: str) -> None:
    request = api.request({}, target=LIST, headers={"Authorization": header})

    assert send(request).refusal[:2] == (400, "IncompleteSignatureException")


def test_unknown_access_key_is_refused(api: LiveApi) -> None:
    stranger = api.acting_as(Caller("AKIAIOSFODNN7EXAMPLE", "x"))

    assert send(listing(stranger)).refusal == UNKNOWN_KEY


@pytest.mark.parametrize("session_token", ["forged", "A" * 400])
def test_forged_session_token_is_refused(api: LiveApi, session_token: str) -> None:
    stranger = api.acting_as(Caller("ASIAIOSFODNN7EXAMPLE", "x", session_token))

    assert send(listing(stranger)).refusal == UNKNOWN_KEY


def test_access_key_of_a_user_with_a_session_token_is_refused(api: LiveApi) -> None:
    caller = api.caller
    odd = api.acting_as(Caller(caller.access_key_id, caller.secret_access_key, "left over"))

    assert send(listing(odd)).refusal == UNKNOWN_KEY


def test_access_key_that_was_switched_off_is_refused_at_once(api: LiveApi) -> None:
    user = api.user(policy(allow("*")))
    assert send(listing(user)).status == 200
    name = user.sts.get_caller_identity()["Arn"].rpartition("/")[2]

    api.iam.update_access_key(
        UserName=name, AccessKeyId=user.caller.access_key_id, Status="Inactive"
    )

    assert send(listing(user)).refusal == UNKNOWN_KEY


def test_unsigned_target_is_refused(api: LiveApi) -> None:
    request = api.sign("secretsmanager", api.request({}))
    request.headers["X-Amz-Target"] = LIST

    assert send(request).refusal[:2] == (400, "InvalidSignatureException")


def test_presigned_url_is_answered(api: LiveApi) -> None:
    assert sts_identity(presigned(api, expires_seconds=60)).status == 200


def test_presigned_url_with_another_action_is_refused(api: LiveApi) -> None:
    request = presigned(api, expires_seconds=60)
    request.url = str(request.url).replace("GetCallerIdentity", "GetSessionToken")

    answer = sts_identity(request)

    assert answer.status in (400, 403)
    assert b"<Arn>" not in answer.body


def test_presigned_url_that_has_expired_is_refused(
    api: LiveApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = datetime.now(UTC) - timedelta(minutes=2)  # noqa: TID251 - the client's clock
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: earlier.replace(tzinfo=None))

    answer = sts_identity(presigned(api, expires_seconds=60))

    assert answer.status == 403
    assert b"Signature expired" in answer.body


def presigned(api: LiveApi, *, expires_seconds: int) -> AWSRequest:
    """Return a presigned GetCallerIdentity, as EKS and Vault use it."""
    url = f"{api.endpoint}/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest(method="GET", url=url)
    credentials = Credentials(api.caller.access_key_id, api.caller.secret_access_key)
    SigV4QueryAuth(credentials, "sts", api.region, expires=expires_seconds).add_auth(request)
    return request


def sts_identity(request: AWSRequest) -> Answer:
    """Send a presigned request."""
    prepared = AWSRequest(method="GET", url=str(request.url))
    return send(prepared)


def test_credentials_of_an_assumed_role_work(api: LiveApi) -> None:
    role = unique("role")
    trust = policy(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "sts:AssumeRole",
        }
    )
    arn = api.iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))["Role"][
        "Arn"
    ]
    api.iam.put_role_policy(
        RoleName=role,
        PolicyName="p",
        PolicyDocument=json.dumps(policy(allow("secretsmanager:ListSecrets"))),
    )
    keys = api.sts.assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    session = api.acting_as(
        Caller(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    )

    assert session.secrets.list_secrets()["SecretList"] == []
    assert session.sts.get_caller_identity()["Arn"] == (
        f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/me"
    )
    assert refusal(session.secrets.create_secret, Name="a") == (
        400,
        "AccessDeniedException",
        (
            f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{role}/me is not authorized to perform: "
            "secretsmanager:CreateSecret on resource: a because no identity-based policy allows "
            "the secretsmanager:CreateSecret action"
        ),
    )


def test_session_keys_without_their_token_are_refused(api: LiveApi) -> None:
    role = unique("role")
    trust = policy(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "sts:AssumeRole",
        }
    )
    arn = api.iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))["Role"][
        "Arn"
    ]
    keys = api.sts.assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]

    bare = api.acting_as(Caller(keys["AccessKeyId"], keys["SecretAccessKey"]))

    assert send(listing(bare)).refusal == UNKNOWN_KEY


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"Name": "a", "Name": "b"}',
        b'{"Name": 1}',
        b'{"Name": "a", "Tags": {}}',
        b'{"Name": NaN}',
        b'{"Name": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"MaxResults": 1e400}',
        b'{"MaxResults": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_malformed_body_is_refused_and_the_server_goes_on(api: LiveApi, body: bytes) -> None:
    operation = "ListSecrets" if b"MaxResults" in body else "CreateSecret"
    answer = api.post(operation, body)

    assert answer.status == 400
    assert answer.document["__type"] in (
        "SerializationException",
        "ValidationException",
        "InvalidRequestException",
    )
    assert send(listing(api)).status == 200


def test_value_of_the_wrong_type_is_not_quoted_in_the_answer(api: LiveApi) -> None:
    answer = api.post("CreateSecret", b'{"Name": "a", "SecretString": {"password": "hunter2"}}')

    assert answer.status == 400
    assert b"hunter2" not in answer.body


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("secretsmanager.MakeCoffee", 400),
        ("secretsmanager.", 400),
        ("Other.ListSecrets", 400),
        ("ListSecrets", 400),
        ("secretsmanager.ListSecrets.x", 400),
    ],
)
def test_unknown_operation_is_refused(api: LiveApi, target: str, status: int) -> None:
    answer = send(api.sign("secretsmanager", api.request({}, target=target)))

    assert answer.refusal[:2] == (status, "UnknownOperationException")


def test_operation_of_aws_that_is_not_served_is_refused_by_its_name(api: LiveApi) -> None:
    request = api.sign("logs", api.request({}, target="Logs_20140328.StartQuery"))

    assert send(request).refusal == (
        400,
        "UnknownOperationException",
        "Keyturn doesn't serve the operation StartQuery.",
    )


@pytest.mark.parametrize("operation", sorted(load_model("secretsmanager").operation_names))
def test_every_operation_of_secrets_manager_is_served(api: LiveApi, operation: str) -> None:
    answer = api.post(operation, {})

    assert answer.status == 200 or answer.refusal[1] != "UnknownOperationException"


def test_service_that_is_not_served_is_refused_by_its_name(api: LiveApi) -> None:
    request = api.sign("s3", api.request({}, target=LIST))

    status, code, text = send(request).refusal

    assert (status, code) == (404, "UnknownOperationException")
    assert text.startswith("Keyturn doesn't serve s3; it serves ")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(api: LiveApi, method: str) -> None:
    request = AWSRequest(method=method, url=api.endpoint + "/", headers={"X-Amz-Target": LIST})

    assert send(api.sign("secretsmanager", request)).status in (400, 404)


def test_body_over_the_limit_is_refused_with_413(api: LiveApi) -> None:
    url = urlsplit(api.endpoint)
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    block = b" " * (1024 * 1024)

    try:
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", str(BODY_BYTES_MAX + 1))
        connection.putheader("X-Amz-Target", LIST)
        connection.endheaders()
        for _ in range(70):
            connection.send(block)
        connection.send(b" ")
        response = connection.getresponse()

        assert response.status == 413
        assert json.loads(response.read())["__type"] == "RequestEntityTooLargeException"
    finally:
        connection.close()


def calls_of(api: LiveApi) -> dict[str, tuple[Callable[..., object], dict[str, Any], str]]:
    """Return calls of each service: the call, its members, and the resource it is about."""
    function = f"arn:aws:lambda:{api.region}:{ACCOUNT}:function:f"
    return {
        "secretsmanager:ListSecrets": (api.secrets.list_secrets, {}, ""),
        "secretsmanager:GetRandomPassword": (api.secrets.get_random_password, {}, ""),
        "secretsmanager:CreateSecret": (api.secrets.create_secret, {"Name": "a"}, "a"),
        "secretsmanager:GetSecretValue": (api.secrets.get_secret_value, {"SecretId": "a"}, "a"),
        "secretsmanager:RotateSecret": (api.secrets.rotate_secret, {"SecretId": "a"}, "a"),
        "secretsmanager:DeleteSecret": (
            api.secrets.delete_secret,
            {"SecretId": "a", "ForceDeleteWithoutRecovery": True},
            "a",
        ),
        "lambda:ListFunctions": (api.functions.list_functions, {}, "*"),
        "lambda:GetFunction": (api.functions.get_function, {"FunctionName": "f"}, function),
        "lambda:InvokeFunction": (api.functions.invoke, {"FunctionName": "f"}, function),
        "lambda:DeleteFunction": (api.functions.delete_function, {"FunctionName": "f"}, function),
        "iam:CreateUser": (
            api.iam.create_user,
            {"UserName": "u"},
            f"arn:aws:iam::{ACCOUNT}:user/u",
        ),
        "iam:GetRole": (api.iam.get_role, {"RoleName": "r"}, f"arn:aws:iam::{ACCOUNT}:role/r"),
        "sts:AssumeRole": (
            api.sts.assume_role,
            {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/nobody", "RoleSessionName": "me"},
            f"arn:aws:iam::{ACCOUNT}:role/nobody",
        ),
        "logs:FilterLogEvents": (
            api.logs.filter_log_events,
            {"logGroupName": "g"},
            f"arn:aws:logs:{api.region}:{ACCOUNT}:log-group:g:log-stream:",
        ),
    }


STATUS_AND_CODE = {
    "secretsmanager": (400, "AccessDeniedException"),
    "logs": (400, "AccessDeniedException"),
    "lambda": (403, "AccessDeniedException"),
    "iam": (403, "AccessDenied"),
    "sts": (403, "AccessDenied"),
}


def test_user_without_policies_may_do_nothing_in_any_service(api: LiveApi) -> None:
    user = api.user()
    arn = user.sts.get_caller_identity()["Arn"]

    for action, (call, members, resource) in calls_of(user).items():
        status, code, text = refusal(call, **members)

        assert (status, code) == STATUS_AND_CODE[action.partition(":")[0]], action
        start = f"User: {arn} is not authorized to perform: {action} "
        about = f"on resource: {resource} " if resource else ""
        assert text.startswith(start), action
        assert text == (
            f"{start}{about}because no identity-based policy allows the {action} action"
        )


def test_explicit_deny_wins_and_is_named(api: LiveApi) -> None:
    user = api.user(policy(allow("*")), policy(deny("secretsmanager:ListSecrets")))
    arn = user.sts.get_caller_identity()["Arn"]

    assert refusal(user.secrets.list_secrets) == (
        400,
        "AccessDeniedException",
        (
            f"User: {arn} is not authorized to perform: secretsmanager:ListSecrets "
            "with an explicit deny in an identity-based policy"
        ),
    )


def may(call: Callable[..., object], **members: Any) -> bool:  # noqa: ANN401 - as the clients take them
    """Return whether policies allow a call, however it ends."""
    try:
        call(**members)
    except ClientError as error:
        return error.response["Error"]["Code"] not in ("AccessDenied", "AccessDeniedException")
    return True


def test_not_action_allows_everything_else(api: LiveApi) -> None:
    everything_else = {"Effect": "Allow", "NotAction": "secretsmanager:Get*", "Resource": "*"}
    user = api.user(policy(everything_else))

    assert may(user.secrets.list_secrets)
    assert may(user.iam.get_role, RoleName="nobody")
    assert not may(user.secrets.get_random_password)
    assert not may(user.secrets.get_secret_value, SecretId="a")


def test_not_resource_allows_every_other_resource(api: LiveApi) -> None:
    kept = f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:kept-*"
    statement = {"Effect": "Allow", "Action": "secretsmanager:*", "NotResource": kept}
    for name in ("kept", "open"):
        api.secrets.create_secret(Name=name, SecretString="x")
    user = api.user(policy(statement))

    assert may(user.secrets.get_secret_value, SecretId="open")
    assert not may(user.secrets.get_secret_value, SecretId="kept")


def test_six_question_marks_stand_for_the_ending_of_a_secret_s_arn(api: LiveApi) -> None:
    pattern = f"arn:aws:secretsmanager:{api.region}:{ACCOUNT}:secret:shop-??????"
    for name in ("shop", "shop-keeper", "shopping"):
        api.secrets.create_secret(Name=name, SecretString="x")
    user = api.user(policy(allow("secretsmanager:GetSecretValue", pattern)))

    reachable = [
        name
        for name in ("shop", "shop-keeper", "shopping")
        if may(user.secrets.get_secret_value, SecretId=name)
    ]

    assert reachable == ["shop"]


def test_secret_is_created_under_a_pattern_with_six_question_marks(api: LiveApi) -> None:
    pattern = f"arn:aws:secretsmanager:{api.region}:{ACCOUNT}:secret:shop-??????"
    user = api.user(policy(allow("secretsmanager:CreateSecret", pattern)))

    assert may(user.secrets.create_secret, Name="shop")
    assert not may(user.secrets.create_secret, Name="other")


def test_tags_at_creation_need_the_right_to_tag(api: LiveApi) -> None:
    user = api.user(policy(allow("secretsmanager:CreateSecret")))

    status, code, text = refusal(
        user.secrets.create_secret, Name="a", Tags=[{"Key": "k", "Value": "v"}]
    )

    assert (status, code) == (400, "AccessDeniedException")
    assert "secretsmanager:TagResource" in text
    assert api.secrets.list_secrets()["SecretList"] == []


def test_whoever_may_not_read_a_secret_can_not_learn_whether_it_exists(api: LiveApi) -> None:
    user = api.user()
    arn = api.secrets.create_secret(Name="there", SecretString="x")["ARN"]
    partial, missing = arn[:-7], arn.replace("there", "missing")[:-7]

    for asked in ("there", "missing", partial, missing):
        status, code, text = refusal(user.secrets.get_secret_value, SecretId=asked)

        assert (status, code) == (400, "AccessDeniedException")
        # AWS: what was asked for is repeated, and no more is said.
        assert f"on resource: {asked} because" in text


def test_policy_is_in_force_as_soon_as_it_is_stored(api: LiveApi) -> None:
    user = api.user()
    name = user.sts.get_caller_identity()["Arn"].rpartition("/")[2]
    assert not may(user.secrets.list_secrets)

    api.iam.put_user_policy(
        UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy(allow("*")))
    )
    allowed = [may(user.secrets.list_secrets) for _ in range(8)]
    api.iam.delete_user_policy(UserName=name, PolicyName="p")
    allowed_later = [may(user.secrets.list_secrets) for _ in range(8)]

    assert (allowed, allowed_later) == ([True] * 8, [False] * 8)


def test_signature_for_another_region_does_not_reach_this_one(api: LiveApi) -> None:
    api.secrets.create_secret(Name="a", SecretString="x")
    request = api.request({"SecretId": "a"}, target="secretsmanager.GetSecretValue")
    credentials = Credentials(api.caller.access_key_id, api.caller.secret_access_key)
    # A region of this test's own: others have secrets of that name in AWS's.
    SigV4Auth(credentials, "secretsmanager", f"{api.region}0").add_auth(request)

    assert send(request).refusal[1] == "ResourceNotFoundException"
