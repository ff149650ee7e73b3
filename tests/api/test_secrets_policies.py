"""PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy, ListResourcePolicies and
ValidateResourcePolicy, against a running server.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html
"""

import json
from typing import Any

import pytest

from support.live_api import (
    ACCOUNT,
    OTHER_ACCOUNT,
    Answer,
    Caller,
    LiveApi,
    allow,
    policy,
    refusal,
    token,
    unique,
)

pytestmark = pytest.mark.server

READ = "secretsmanager:GetSecretValue"
PUT = "secretsmanager:PutResourcePolicy"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ABSENT_ACCOUNT = "999999999999"

INVALID_SYNTAX = (400, "MalformedPolicyDocumentException", "This policy has invalid syntax.")
UNSUPPORTED_PRINCIPAL = (
    400,
    "MalformedPolicyDocumentException",
    "This resource policy contains an unsupported principal.",
)
PUBLIC = (400, "PublicPolicyException")
OTHER_POLICY_NAME = (
    400,
    "InvalidParameterException",
    "You can only change the resource policy that is called default.",
)
NO_SUCH_POLICY = (
    400,
    "ResourceNotFoundException",
    "The secret has no resource policy that is called spare.",
)

# The five operations, with what each needs besides the secret.
OPERATIONS: dict[str, dict[str, Any]] = {
    "PutResourcePolicy": {
        "ResourcePolicy": json.dumps(
            policy(
                {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": READ, "Resource": "*"}
            )
        )
    },
    "GetResourcePolicy": {},
    "DeleteResourcePolicy": {},
    "ListResourcePolicies": {},
    "ValidateResourcePolicy": {
        "ResourcePolicy": json.dumps(
            policy(
                {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": READ, "Resource": "*"}
            )
        )
    },
}


def on_secret(principal: object = "*", effect: str = "Allow", **members: object) -> dict[str, Any]:
    """Return a statement about reading the secret that the policy is on."""
    return {
        "Effect": effect,
        "Principal": principal,
        "Action": READ,
        "Resource": "*",
        **members,
    }


def document(*statements: dict[str, Any]) -> str:
    """Return a policy as a text."""
    return json.dumps(policy(*statements))


def put(api: LiveApi, text: str, **members: object) -> Answer:
    """Put a policy on the secret ``a``."""
    return api.post("PutResourcePolicy", {"SecretId": "a", "ResourcePolicy": text, **members})


def shown(api: LiveApi) -> str | None:
    """Return the policy on the secret ``a``."""
    text: str | None = api.post("GetResourcePolicy", {"SecretId": "a"}).document.get(
        "ResourcePolicy"
    )
    return text


def arn_of(api: LiveApi) -> str:
    """Return who calls."""
    return api.sts.get_caller_identity()["Arn"]


def access_denied(
    api: LiveApi, action: str, reason: str, about: str = "on resource: a "
) -> tuple[int, str, str]:
    """Return how a caller is refused, who is told of the secret what it asked for: ``a``."""
    text = f"User: {arn_of(api)} is not authorized to perform: {action} {about}{reason}"
    return 400, "AccessDeniedException", text


@pytest.fixture
def arn(api: LiveApi) -> str:
    """The ARN of the secret ``a``."""
    return api.secrets.create_secret(Name="a", SecretString="x")["ARN"]


def test_policy_comes_back_to_the_letter(api: LiveApi, arn: str) -> None:
    text = (
        '{ "Statement" : {"Resource":"*",\n\t"Action":"secretsmanager:Get\\u0053ecretValue",'
        f'"Sid":"gr\u00fc\u00df", "Principal":{{"AWS":"{ROOT}"}},"Effect":"Allow"}},'
        '"Version":"2012-10-17"}  '
    )

    stored = put(api, text)
    read = api.post("GetResourcePolicy", {"SecretId": "a"})

    assert (stored.status, stored.document) == (200, {"ARN": arn, "Name": "a"})
    assert read.document == {"ARN": arn, "Name": "a", "ResourcePolicy": text}


@pytest.mark.usefixtures("arn")
def test_policy_that_names_a_user_comes_back_to_the_letter(api: LiveApi) -> None:
    text = document(on_secret({"AWS": [arn_of(api.user())]})).replace(",", " ,\n")

    put(api, text)

    assert shown(api) == text


def test_secret_without_a_policy_shows_none(api: LiveApi, arn: str) -> None:
    assert api.post("GetResourcePolicy", {"SecretId": "a"}).document == {"ARN": arn, "Name": "a"}
    assert api.post("ListResourcePolicies", {"SecretId": "a"}).document == {"ResourcePolicies": []}


@pytest.mark.usefixtures("arn")
def test_policy_is_replaced_as_a_whole(api: LiveApi) -> None:
    user = api.user()
    put(api, document(on_secret({"AWS": arn_of(user)})))
    second = document(on_secret({"AWS": ROOT}))

    put(api, second)

    assert shown(api) == second
    assert refusal(user.secrets.get_secret_value, SecretId="a")[1] == "AccessDeniedException"


@pytest.mark.parametrize(
    "operation", ["PutResourcePolicy", "GetResourcePolicy", "DeleteResourcePolicy"]
)
def test_answers_tell_the_policy_s_name_to_those_who_gave_it(
    api: LiveApi, arn: str, operation: str
) -> None:
    body = {"SecretId": "a", **OPERATIONS[operation]}

    plain = api.post(operation, body)
    named = api.post(operation, {**body, "PolicyName": "default"})

    assert plain.document == {"ARN": arn, "Name": "a"}
    assert named.document == {"ARN": arn, "Name": "a", "PolicyName": "default"}


def test_deleted_policy_is_gone_and_can_be_deleted_again(api: LiveApi, arn: str) -> None:
    user = api.user()
    put(api, document(on_secret({"AWS": arn_of(user)})))

    answers = [api.post("DeleteResourcePolicy", {"SecretId": "a"}) for _ in range(2)]

    gone = {"ARN": arn, "Name": "a"}
    assert [(answer.status, answer.document) for answer in answers] == [(200, gone), (200, gone)]
    assert shown(api) is None
    assert refusal(user.secrets.get_secret_value, SecretId="a")[1] == "AccessDeniedException"


@pytest.mark.usefixtures("arn")
def test_change_of_the_policy_is_a_change_of_the_secret_and_deleting_none_is_not(
    api: LiveApi,
) -> None:
    def changed_at() -> float:
        when: float = api.post("DescribeSecret", {"SecretId": "a"}).document["LastChangedDate"]
        return when

    made_at = changed_at()
    api.secrets.delete_resource_policy(SecretId="a")
    still_at = changed_at()
    put(api, document(on_secret({"AWS": ROOT})))
    put_at = changed_at()
    api.secrets.delete_resource_policy(SecretId="a")

    assert made_at == still_at < put_at < changed_at()


def test_policies_are_listed_by_name_without_their_texts(api: LiveApi, arn: str) -> None:
    put(api, document(on_secret({"AWS": ROOT})))

    answer = api.post("ListResourcePolicies", {"SecretId": arn, "MaxResults": 1})

    assert answer.document == {"ResourcePolicies": [{"PolicyName": "default"}]}


def test_policies_of_a_cross_account_replica_are_listed_in_pages_and_shown_by_name(
    api: LiveApi, other: LiveApi
) -> None:
    primary = other.secrets.create_secret(Name="p", SecretString="x", KmsKeyId="alias/theirs")
    replica = {"KmsKeyId": "alias/mine", "CrossAccountPrimaryARN": primary["ARN"]}
    api.post("CreateSecret", {"Name": "a", "ClientRequestToken": token(), **replica})
    put(api, document(on_secret({"AWS": ROOT})))
    linking = {"SecretId": "a", "PolicyName": "cross-account-replication"}
    one = {"SecretId": "a", "MaxResults": 1}

    first = api.post("ListResourcePolicies", one).document
    second = api.post("ListResourcePolicies", {**one, "NextToken": first["NextToken"]}).document
    read = api.post("GetResourcePolicy", linking).document
    deleted = api.post("DeleteResourcePolicy", linking)

    assert first["ResourcePolicies"] == [{"PolicyName": "default"}]
    assert second == {"ResourcePolicies": [{"PolicyName": linking["PolicyName"]}]}
    assert read["PolicyName"] == linking["PolicyName"]
    assert OTHER_ACCOUNT in read["ResourcePolicy"]
    assert deleted.refusal == OTHER_POLICY_NAME


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("next_token", ["x", "bm8gdG9rZW4="])
def test_next_token_that_was_not_given_is_refused(api: LiveApi, next_token: str) -> None:
    answer = api.post("ListResourcePolicies", {"SecretId": "a", "NextToken": next_token})

    assert answer.refusal[:2] == (400, "InvalidNextTokenException")


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("operation", ["PutResourcePolicy", "DeleteResourcePolicy"])
def test_only_the_policy_called_default_is_changed(api: LiveApi, operation: str) -> None:
    text = document(on_secret({"AWS": ROOT}, Sid="first"))
    put(api, text)

    answer = api.post(operation, {"SecretId": "a", "PolicyName": "spare", **OPERATIONS[operation]})

    assert answer.refusal == OTHER_POLICY_NAME
    assert shown(api) == text


@pytest.mark.usefixtures("arn")
def test_policy_of_another_name_is_not_found(api: LiveApi) -> None:
    answer = api.post("GetResourcePolicy", {"SecretId": "a", "PolicyName": "spare"})

    assert answer.refusal == NO_SUCH_POLICY


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("name", ["", "a b", "d\u00e9faut", "n" * 65])
@pytest.mark.parametrize(
    "operation", ["PutResourcePolicy", "GetResourcePolicy", "DeleteResourcePolicy"]
)
def test_name_that_no_policy_can_have_is_refused(api: LiveApi, operation: str, name: str) -> None:
    body = {"SecretId": "a", "PolicyName": name, **OPERATIONS[operation]}

    assert api.post(operation, body).refusal[:2] == (400, "ValidationException")


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_deleted_secret_is_refused(api: LiveApi, operation: str) -> None:
    api.secrets.delete_secret(SecretId="a")

    answer = api.post(operation, {"SecretId": "a", **OPERATIONS[operation]})

    assert answer.refusal == (
        400,
        "InvalidRequestException",
        "You can't perform this operation on the secret because it was marked for deletion.",
    )


@pytest.mark.parametrize("operation", OPERATIONS)
def test_missing_secret_is_not_found(api: LiveApi, operation: str) -> None:
    answer = api.post(operation, {"SecretId": "nothing", **OPERATIONS[operation]})

    assert answer.refusal == (
        400,
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret.",
    )


@pytest.mark.parametrize("operation", OPERATIONS)
def test_name_that_no_secret_can_have_is_refused(api: LiveApi, operation: str) -> None:
    answer = api.post(operation, {"SecretId": "no name", **OPERATIONS[operation]})

    status, code, text = answer.refusal
    assert (status, code) == (400, "ValidationException")
    assert text.startswith("Invalid name.")


@pytest.mark.usefixtures("arn")
def test_20480_characters_are_accepted_and_20481_are_refused(api: LiveApi) -> None:
    text = document(on_secret({"AWS": ROOT})).ljust(20_480)

    assert put(api, text).status == 200
    status, code, message = put(api, text + " ").refusal

    assert (status, code) == (400, "ValidationException")
    assert "at 'resourcePolicy'" in message
    assert "less than or equal to 20480" in message
    assert shown(api) == text


def changed(**members: object) -> str:
    """Return a policy whose only statement has other members; one that is None is left out."""
    statement = on_secret({"AWS": ROOT}) | members
    return document({name: value for name, value in statement.items() if value is not None})


MALFORMED = {
    "not JSON": "allow everything",
    "cut off": document(on_secret())[:-1],
    "two documents": document(on_secret()) * 2,
    "a list": json.dumps([policy(on_secret())]),
    "a text": json.dumps("policy"),
    "null": "null",
    "empty": "{}",
    "a byte order mark": "\ufeff" + document(on_secret()),
    "single quotes": document(on_secret()).replace('"', "'"),
    "nothing but spaces": "   ",
    "not a number": changed(Condition={"NumericEquals": {"aws:x": float("nan")}}),
    "unknown version": json.dumps({**policy(on_secret()), "Version": "2012-10-18"}),
    "version as a number": json.dumps({**policy(on_secret()), "Version": 20121017}),
    "version null": json.dumps({**policy(on_secret()), "Version": None}),
    "unknown element": json.dumps({**policy(on_secret()), "Comment": "x"}),
    "element in small letters": json.dumps({"version": "2012-10-17", "Statement": on_secret()}),
    "no statement": json.dumps({"Version": "2012-10-17"}),
    "empty statements": json.dumps(policy()),
    "statement null": json.dumps({"Version": "2012-10-17", "Statement": None}),
    "statement as a text": json.dumps({"Version": "2012-10-17", "Statement": ["Allow"]}),
    "same member twice": document(on_secret())[:-1] + ',"Version":"2012-10-17"}',
    "same statement member twice": document(on_secret()).replace(
        '"Effect": "Allow"', '"Effect": "Deny", "Effect": "Allow"'
    ),
    "same sid twice": document(on_secret(Sid="s"), on_secret(Sid="s")),
    "unknown statement element": changed(Comment="x"),
    "no effect": changed(Effect=None),
    "effect in small letters": changed(Effect="allow"),
    "no principal": changed(Principal=None),
    "principal and NotPrincipal": changed(NotPrincipal="*"),
    "NotPrincipal with Allow": changed(Principal=None, NotPrincipal={"AWS": ROOT}),
    "principal as a list": changed(Principal=[ROOT]),
    "nobody": changed(Principal={}),
    "empty list of principals": changed(Principal={"AWS": []}),
    "principal as a number": changed(Principal={"AWS": 123456789012}),
    "principal of an unknown type": changed(Principal={"Azure": "x"}),
    "no action": changed(Action=None),
    "action without a service": changed(Action="GetSecretValue"),
    "action and NotAction": changed(NotAction=READ),
    "no resource": changed(Resource=None),
    "resource that isn't an ARN": changed(Resource="a"),
    "resource and NotResource": changed(NotResource="*"),
    "unknown operator": changed(Condition={"Equals": {"aws:SourceIp": "10.0.0.1"}}),
    "condition without a service": changed(Condition={"Bool": {"SecureTransport": True}}),
    "value of the wrong type": changed(Condition={"IpAddress": {"aws:SourceIp": "everywhere"}}),
    "unfinished variable": changed(Resource="arn:aws:secretsmanager:*:*:secret:${aws:username"),
    "nested lists": "[" * 10_000,
    "nested objects": '{"Statement":' * 1_500,
    "nested values": changed(Condition="@").replace('"@"', "[" * 9_000 + "]" * 9_000),
}


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_malformed_policy_is_refused_and_not_stored(api: LiveApi, text: str) -> None:
    assert put(api, text).refusal == INVALID_SYNTAX
    assert shown(api) is None


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize(
    "text",
    [
        json.dumps({**policy(on_secret({"AWS": ROOT})), "Id": ["x"]}),
        changed(Condition={"StringEquals": {"aws:x": "@"}}).replace('"@"', "1e400"),
    ],
    ids=["Id as a list", "number beyond all numbers"],
)
def test_policy_that_could_not_be_read_again_is_refused(api: LiveApi, text: str) -> None:
    assert put(api, text).refusal == INVALID_SYNTAX


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:role/nobody"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:role/path/nobody"},
        {"AWS": f"arn:aws-cn:iam::{ACCOUNT}:user/admin"},
        {"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:user/nobody"},
        {"AWS": [ROOT, f"arn:aws:iam::{ACCOUNT}:user/nobody"]},
        {"AWS": "AIDA" + "A" * 17},
        {"AWS": "AROA" + "A" * 17},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:user/*"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:group/developers"},
        {"AWS": f"arn:aws:iam::{ACCOUNT[:-1]}:root"},
        {"AWS": ACCOUNT[:-1]},
        {"AWS": "arn:aws:s3:::bucket"},
        {"AWS": "somebody"},
        {"AWS": "**"},
        {"Service": "lambda"},
        {"Service": "*"},
        {"CanonicalUser": "somebody"},
    ],
    ids=str,
)
@pytest.mark.usefixtures("other")
def test_whoever_is_not_there_can_not_be_named(api: LiveApi, principal: object) -> None:
    assert put(api, document(on_secret(principal))).refusal == UNSUPPORTED_PRINCIPAL
    assert shown(api) is None


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize(
    "spared",
    [f"arn:aws:iam::{ACCOUNT}:user/nobody", [ROOT, f"arn:aws:iam::{ACCOUNT}:role/nobody"]],
    ids=str,
)
def test_whoever_is_not_there_can_not_be_spared(api: LiveApi, spared: object) -> None:
    statement = {
        "Effect": "Deny",
        "NotPrincipal": {"AWS": spared},
        "Action": READ,
        "Resource": "*",
    }

    assert put(api, document(statement)).refusal == UNSUPPORTED_PRINCIPAL
    assert shown(api) is None


@pytest.mark.usefixtures("arn")
def test_case_of_a_user_s_name_counts(api: LiveApi) -> None:
    user = arn_of(api.user())

    answer = put(api, document(on_secret({"AWS": user.replace("user/u", "user/U")})))

    assert answer.refusal == UNSUPPORTED_PRINCIPAL


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": ACCOUNT},
        {"AWS": [ROOT, f"arn:aws:iam::{OTHER_ACCOUNT}:root"]},
        {"AWS": f"arn:aws:iam::{ABSENT_ACCOUNT}:user/of/another/deployment"},
        {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/role/session"},
        {"Service": ["lambda.amazonaws.com", "rds.amazonaws.com"]},
        {"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/staff"},
        {"CanonicalUser": "0" * 64},
        {"AWS": "*"},
        "*",
    ],
    ids=str,
)
def test_these_can_be_named(api: LiveApi, principal: object) -> None:
    text = document(on_secret(principal))

    assert put(api, text).status == 200
    assert shown(api) == text


BROAD = {
    "everyone": on_secret(),
    "everyone by type": on_secret({"AWS": ["*"]}),
    "everyone and somebody": on_secret({"AWS": [ROOT, "*"]}),
    "every action": on_secret(Action="*"),
    "all but one action": {**on_secret(), "NotAction": READ, "Action": None},
    "web identities": on_secret({"Federated": "graph.facebook.com"}),
    "all addresses": on_secret(Condition={"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
    "any organisation": on_secret(Condition={"StringLike": {"aws:PrincipalOrgID": "o-*"}}),
    "accounts, if known": on_secret(
        Condition={"StringEqualsIfExists": {"aws:PrincipalAccount": ACCOUNT}}
    ),
    "a tag of the secret": on_secret(
        Condition={"StringEquals": {"secretsmanager:ResourceTag/open": "yes"}}
    ),
}
NARROW = {
    "the account": [on_secret({"AWS": ACCOUNT})],
    "a service": [on_secret({"Service": "lambda.amazonaws.com"})],
    "another action": [on_secret(Action="s3:GetObject")],
    "everyone of an account": [
        on_secret(Condition={"StringEquals": {"aws:PrincipalAccount": ACCOUNT}})
    ],
    "everyone of an organisation": [
        on_secret(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3"}})
    ],
    "everyone of a network": [on_secret(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})],
    "everyone denied": [on_secret(effect="Deny")],
    "everyone, and all denied": [on_secret(), on_secret(effect="Deny")],
    "another secret": [
        on_secret(Resource=f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:b-a1B2c3")
    ],
}


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("statement", BROAD.values(), ids=BROAD)
def test_policy_for_strangers_is_refused_where_public_policies_are_blocked(
    api: LiveApi, statement: dict[str, Any]
) -> None:
    text = document({name: value for name, value in statement.items() if value is not None})

    blocked = put(api, text, BlockPublicPolicy=True)
    shown_then = shown(api)
    unblocked = [put(api, text), put(api, text, BlockPublicPolicy=False)]

    assert blocked.refusal[:2] == PUBLIC
    assert shown_then is None
    assert [answer.status for answer in unblocked] == [200, 200]
    assert shown(api) == text


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("statements", NARROW.values(), ids=NARROW)
def test_policy_that_only_looks_public_is_not_refused(
    api: LiveApi, statements: list[dict[str, Any]]
) -> None:
    text = document(*statements)

    assert put(api, text, BlockPublicPolicy=True).status == 200
    assert shown(api) == text


def test_policy_for_everyone_lets_in_a_user_who_has_no_other(api: LiveApi, arn: str) -> None:
    user = api.user()
    put(api, document(on_secret()))

    assert user.secrets.get_secret_value(SecretId=arn)["SecretString"] == "x"
    assert refusal(user.secrets.describe_secret, SecretId=arn)[1] == "AccessDeniedException"


LOCKING = {
    "everything": on_secret(effect="Deny", Action="*"),
    "that very action": on_secret(effect="Deny", Action=PUT),
    "the account": on_secret({"AWS": ROOT}, effect="Deny", Action="secretsmanager:*"),
    "everyone elsewhere": on_secret(
        effect="Deny", Action=PUT, Condition={"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    ),
    "everyone but another": {
        "Effect": "Deny",
        "NotPrincipal": {"AWS": f"arn:aws:iam::{ABSENT_ACCOUNT}:root"},
        "Action": "secretsmanager:*",
        "Resource": "*",
    },
}


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("statement", LOCKING.values(), ids=LOCKING)
def test_policy_that_locks_out_who_puts_it_is_refused_and_not_stored(
    api: LiveApi, statement: dict[str, Any]
) -> None:
    first = document(on_secret({"AWS": ROOT}))
    put(api, first)

    answer = put(api, document(statement))

    assert answer.refusal == (
        400,
        "InvalidRequestException",
        "This resource policy would keep you from calling PutResourcePolicy on the secret again.",
    )
    assert shown(api) == first


@pytest.mark.usefixtures("arn")
def test_policy_may_deny_everything_but_putting_another(api: LiveApi) -> None:
    everything_else = {
        "Effect": "Deny",
        "Principal": "*",
        "NotAction": PUT,
        "Resource": "*",
    }

    answer = put(api, document(everything_else))
    reading = refusal(api.secrets.get_resource_policy, SecretId="a")
    put_again = put(api, document(on_secret({"AWS": ROOT})))

    assert (answer.status, put_again.status) == (200, 200)
    assert reading[1] == "AccessDeniedException"
    assert "with an explicit deny in a resource-based policy" in reading[2]


@pytest.mark.usefixtures("arn")
def test_user_who_may_put_by_the_policy_alone_can_not_put_one_without_it(api: LiveApi) -> None:
    user = api.user()
    letting_in = on_secret({"AWS": arn_of(user)}, Action="secretsmanager:*")
    put(api, document(letting_in))

    refused = put(user, document(on_secret({"AWS": ROOT})))
    accepted = put(user, document(letting_in, on_secret({"AWS": ROOT})))

    assert refused.refusal[1] == "InvalidRequestException"
    assert accepted.status == 200


@pytest.mark.usefixtures("arn")
def test_policy_lets_a_user_read_who_has_no_policies(api: LiveApi) -> None:
    user, stranger = api.user(), api.user()
    put(api, document(on_secret({"AWS": arn_of(user)})))

    assert user.secrets.get_secret_value(SecretId="a")["SecretString"] == "x"
    assert refusal(user.secrets.describe_secret, SecretId="a") == access_denied(
        user,
        "secretsmanager:DescribeSecret",
        "because no identity-based policy allows the secretsmanager:DescribeSecret action",
    )
    assert refusal(stranger.secrets.get_secret_value, SecretId="a") == access_denied(
        stranger, READ, f"because no identity-based policy allows the {READ} action"
    )


def test_policy_on_one_secret_says_nothing_of_another(api: LiveApi, arn: str) -> None:
    other = api.secrets.create_secret(Name="b", SecretString="y")["ARN"]
    user = api.user()

    put(api, document(on_secret({"AWS": arn_of(user)}, Resource=["*", arn, other])))

    assert user.secrets.get_secret_value(SecretId="a")["SecretString"] == "x"
    assert refusal(user.secrets.get_secret_value, SecretId="b")[1] == "AccessDeniedException"


@pytest.mark.usefixtures("arn")
def test_policy_about_another_resource_lets_nobody_in(api: LiveApi) -> None:
    other = api.secrets.create_secret(Name="b", SecretString="y")["ARN"]
    user = api.user()

    put(api, document(on_secret({"AWS": arn_of(user)}, Resource=other)))

    assert refusal(user.secrets.get_secret_value, SecretId="a")[1] == "AccessDeniedException"
    assert refusal(user.secrets.get_secret_value, SecretId="b")[1] == "AccessDeniedException"


def test_account_in_a_policy_lets_in_those_alone_whom_the_account_allows(
    api: LiveApi, arn: str
) -> None:
    user, allowed = api.user(), api.user(policy(allow(READ, arn)))

    put(api, document(on_secret({"AWS": ROOT})))

    assert allowed.secrets.get_secret_value(SecretId="a")["SecretString"] == "x"
    assert refusal(user.secrets.get_secret_value, SecretId="a")[1] == "AccessDeniedException"


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("named", ["user", "account", "everyone"])
def test_deny_in_a_policy_wins_over_what_identities_are_allowed(api: LiveApi, named: str) -> None:
    user = api.user(policy(allow("*")))
    principals = {"user": {"AWS": arn_of(user)}, "account": {"AWS": ROOT}, "everyone": "*"}

    put(api, document(on_secret(principals[named], effect="Deny")))

    assert refusal(user.secrets.get_secret_value, SecretId="a") == access_denied(
        user, READ, "with an explicit deny in a resource-based policy"
    )
    assert user.secrets.describe_secret(SecretId="a")["Name"] == "a"


@pytest.mark.usefixtures("arn")
def test_deny_of_an_identity_wins_over_the_policy(api: LiveApi) -> None:
    user = api.user(policy({"Effect": "Deny", "Action": READ, "Resource": "*"}))

    put(api, document(on_secret({"AWS": arn_of(user)})))

    assert refusal(user.secrets.get_secret_value, SecretId="a") == access_denied(
        user, READ, "with an explicit deny in an identity-based policy"
    )


@pytest.mark.usefixtures("arn")
def test_everyone_but_the_named_is_denied(api: LiveApi) -> None:
    named, unnamed = api.user(policy(allow(READ))), api.user(policy(allow(READ)))
    deny = on_secret(effect="Deny")
    del deny["Principal"]

    put(api, document({**deny, "NotPrincipal": {"AWS": [arn_of(named), ROOT]}}))

    assert named.secrets.get_secret_value(SecretId="a")["SecretString"] == "x"
    assert refusal(unnamed.secrets.get_secret_value, SecretId="a")[1] == "AccessDeniedException"


def made_user(api: LiveApi, name: str) -> tuple[LiveApi, str]:
    """Return a new user of this name, and the user's unique id."""
    user_id = api.iam.create_user(UserName=name)["User"]["UserId"]
    key = api.iam.create_access_key(UserName=name)["AccessKey"]
    return api.acting_as(Caller(key["AccessKeyId"], key["SecretAccessKey"])), user_id


def delete_user(api: LiveApi, name: str, user: LiveApi) -> None:
    """Delete a user and the user's key."""
    api.iam.delete_access_key(UserName=name, AccessKeyId=user.caller.access_key_id)
    api.iam.delete_user(UserName=name)


@pytest.mark.usefixtures("arn")
def test_user_made_again_under_the_same_name_gets_nothing(api: LiveApi) -> None:
    name = unique("user")
    first, first_id = made_user(api, name)
    text = document(on_secret({"AWS": [ROOT, arn_of(first)]}))
    put(api, text)
    read = first.secrets.get_secret_value(SecretId="a")["SecretString"]

    delete_user(api, name, first)
    shown_without = json.loads(shown(api) or "")
    second, _ = made_user(api, name)
    shown_with_the_second = json.loads(shown(api) or "")

    gone = policy(on_secret({"AWS": [ROOT, first_id]}))
    assert read == "x"
    assert shown_without == shown_with_the_second == gone
    assert refusal(second.secrets.get_secret_value, SecretId="a")[1] == "AccessDeniedException"


@pytest.mark.usefixtures("arn")
def test_denied_user_made_again_under_the_same_name_is_not_denied(api: LiveApi) -> None:
    name = unique("user")
    first, _ = made_user(api, name)
    put(api, document(on_secret({"AWS": arn_of(first)}, effect="Deny"), on_secret({"AWS": ROOT})))

    delete_user(api, name, first)
    second, _ = made_user(api, name)
    api.iam.put_user_policy(
        UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy(allow(READ)))
    )

    assert second.secrets.get_secret_value(SecretId="a")["SecretString"] == "x"


@pytest.mark.usefixtures("arn")
def test_policy_that_shows_whoever_is_gone_can_not_be_put_back(api: LiveApi) -> None:
    name = unique("user")
    user, _ = made_user(api, name)
    put(api, document(on_secret({"AWS": arn_of(user)})))
    delete_user(api, name, user)

    answer = put(api, shown(api) or "")

    assert answer.refusal == UNSUPPORTED_PRINCIPAL


@pytest.mark.usefixtures("arn")
def test_user_can_be_named_by_unique_id(api: LiveApi) -> None:
    user, user_id = made_user(api, unique("user"))
    text = document(on_secret({"AWS": user_id}))

    put(api, text)

    assert user.secrets.get_secret_value(SecretId="a")["SecretString"] == "x"
    assert shown(api) == text


def role_session(api: LiveApi, name: str) -> tuple[LiveApi, str, str]:
    """Return a session of a new role, and the role's ARN and unique id."""
    trust = policy({"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"})
    role = api.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    keys = api.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me")["Credentials"]
    caller = Caller(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    return api.acting_as(caller), role["Arn"], role["RoleId"]


@pytest.mark.usefixtures("arn")
def test_session_of_a_named_role_reads_and_of_one_made_again_does_not(api: LiveApi) -> None:
    name = unique("role")
    first, role_arn, role_id = role_session(api, name)
    put(api, document(on_secret({"AWS": role_arn})))
    read = first.secrets.get_secret_value(SecretId="a")["SecretString"]

    api.iam.delete_role(RoleName=name)
    second, _, _ = role_session(api, name)

    assert read == "x"
    assert json.loads(shown(api) or "") == policy(on_secret({"AWS": role_id}))
    assert refusal(second.secrets.get_secret_value, SecretId="a")[1] == "AccessDeniedException"


@pytest.mark.usefixtures("arn")
def test_named_session_reads_and_another_of_the_same_role_does_not(api: LiveApi) -> None:
    session, role_arn, _ = role_session(api, unique("role"))
    keys = api.sts.assume_role(RoleArn=role_arn, RoleSessionName="you")["Credentials"]
    another = api.acting_as(
        Caller(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    )

    put(api, document(on_secret({"AWS": arn_of(session)})))

    assert session.secrets.get_secret_value(SecretId="a")["SecretString"] == "x"
    assert refusal(another.secrets.get_secret_value, SecretId="a")[1] == "AccessDeniedException"


def validated(api: LiveApi, text: str, **members: object) -> dict[str, Any]:
    """Return how a policy is judged."""
    return api.post("ValidateResourcePolicy", {"ResourcePolicy": text, **members}).document


def failed_checks(verdict: dict[str, Any]) -> list[str]:
    """Return which checks a policy failed, after a look at the verdict's form."""
    assert set(verdict) == {"PolicyValidationPassed", "ValidationErrors"}
    assert verdict["PolicyValidationPassed"] is (not verdict["ValidationErrors"])
    for error in verdict["ValidationErrors"]:
        assert set(error) == {"CheckName", "ErrorMessage"}
        assert error["ErrorMessage"]
    return [error["CheckName"] for error in verdict["ValidationErrors"]]


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("members", [{}, {"SecretId": "a"}], ids=["no secret", "a secret"])
@pytest.mark.parametrize(
    ("statement", "checks"),
    [
        (on_secret({"AWS": ROOT}), []),
        (on_secret(), ["PublicAccess"]),
        (on_secret(effect="Deny", Action=PUT), ["LockOut"]),
        (on_secret(Comment="x"), ["Syntax"]),
        (on_secret(Effect="allow"), ["Syntax"]),
    ],
    ids=str,
)
def test_policy_is_validated_and_not_stored(
    api: LiveApi, members: dict[str, str], statement: dict[str, Any], checks: list[str]
) -> None:
    verdict = validated(api, document(statement), **members)

    assert failed_checks(verdict) == checks
    assert shown(api) is None


def test_policy_can_fail_several_checks(api: LiveApi, arn: str) -> None:
    text = document(on_secret(), on_secret(effect="Deny", Action=PUT))

    assert failed_checks(validated(api, text, SecretId=arn)) == ["PublicAccess", "LockOut"]


def test_policy_is_judged_for_any_secret_where_none_is_named(api: LiveApi, arn: str) -> None:
    text = document(on_secret(Resource=arn))
    about_another = document(on_secret(Resource=arn + "x"))

    assert failed_checks(validated(api, text)) == ["PublicAccess"]
    assert failed_checks(validated(api, text, SecretId="a")) == ["PublicAccess"]
    assert failed_checks(validated(api, about_another)) == ["PublicAccess"]
    assert failed_checks(validated(api, about_another, SecretId="a")) == []


@pytest.mark.parametrize("text", ["{", "allow everything", "[" * 10_000, '{"\\ud800": 1}'])
def test_text_that_is_not_json_is_not_validated(api: LiveApi, text: str) -> None:
    answer = api.post("ValidateResourcePolicy", {"ResourcePolicy": text})

    assert answer.refusal == INVALID_SYNTAX


def test_policy_for_whoever_is_not_there_is_not_validated(api: LiveApi) -> None:
    nobody = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"}

    answer = api.post("ValidateResourcePolicy", {"ResourcePolicy": document(on_secret(nobody))})

    assert answer.refusal == UNSUPPORTED_PRINCIPAL


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_nobody_may_without_the_operation_s_own_permission(api: LiveApi, operation: str) -> None:
    text = document(on_secret({"AWS": ROOT}, Sid="first"))
    put(api, text)
    action = f"secretsmanager:{operation}"
    user = api.user(policy({"Effect": "Allow", "NotAction": action, "Resource": "*"}))

    answer = user.post(operation, {"SecretId": "a", **OPERATIONS[operation]})

    reason = f"because no identity-based policy allows the {action} action"
    assert answer.refusal == access_denied(user, action, reason)
    assert shown(api) == text


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_s_permission_on_the_secret_is_enough(
    api: LiveApi, arn: str, operation: str
) -> None:
    actions = [f"secretsmanager:{operation}"]
    if operation == "ValidateResourcePolicy":
        actions.append(PUT)
    user = api.user(policy(allow(actions, arn)))

    assert user.post(operation, {"SecretId": "a", **OPERATIONS[operation]}).status == 200


@pytest.mark.usefixtures("arn")
@pytest.mark.parametrize("members", [{}, {"SecretId": "a"}], ids=["no secret", "a secret"])
def test_whoever_may_not_put_a_policy_may_not_validate_one(
    api: LiveApi, members: dict[str, str]
) -> None:
    user = api.user(policy(allow("secretsmanager:ValidateResourcePolicy")))

    answer = user.post(
        "ValidateResourcePolicy", {**OPERATIONS["ValidateResourcePolicy"], **members}
    )

    reason = f"because no identity-based policy allows the {PUT} action"
    assert answer.refusal == access_denied(user, PUT, reason, "on resource: a " if members else "")
