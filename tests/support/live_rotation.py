"""A secret on a running server, and what it takes to rotate it.

bench = Bench(api, version_id)
bench.wait_until_rotated(bench.rotate(bench.make_function()))
"""

from dataclasses import dataclass
import json
from typing import TYPE_CHECKING, Any

from support.live_api import ACCOUNT, LiveApi, allow, policy, unique
from support.polling import wait_until
from support.rotation_functions import FOUR_STEPS, zipped

if TYPE_CHECKING:
    from types_boto3_secretsmanager.type_defs import RotationRulesTypeTypeDef

LOGGING = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
TRUST = policy(
    {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
)
ROTATES = allow(
    [
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
        "secretsmanager:GetRandomPassword",
    ]
)
DAILY: "RotationRulesTypeTypeDef" = {"AutomaticallyAfterDays": 1}


@dataclass(frozen=True)
class Bench:
    """A secret ``a`` with the value ``old``, and whatever of the walkthrough a test leaves in."""

    api: LiveApi
    version_id: str

    def make_role(self, *, trust: dict[str, Any] = TRUST, may_rotate: bool = True) -> str:
        name = unique("role")
        role = self.api.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))[
            "Role"
        ]
        self.api.iam.attach_role_policy(RoleName=name, PolicyArn=LOGGING)
        if may_rotate:
            self.api.iam.put_role_policy(
                RoleName=name, PolicyName="rotate", PolicyDocument=json.dumps(policy(ROTATES))
            )
        return role["Arn"]

    def make_function(
        self,
        code: str = FOUR_STEPS,
        *,
        role: str | None = None,
        is_permitted: bool = True,
        timeout: int = 30,
    ) -> str:
        name = unique("function")
        made = self.api.functions.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=role or self.make_role(),
            Handler="lambda_function.lambda_handler",
            Code={"ZipFile": zipped(code)},
            Timeout=timeout,
        )
        if is_permitted:
            self.permit(name)
        return made["FunctionArn"]

    def permit(self, name: str, *, source_account: str = ACCOUNT) -> None:
        self.api.functions.add_permission(
            FunctionName=name,
            StatementId="SecretsManager",
            Action="lambda:InvokeFunction",
            Principal="secretsmanager.amazonaws.com",
            SourceAccount=source_account,
        )

    def rotate(self, function: str, **members: Any) -> str:  # noqa: ANN401 - as boto3 takes them
        answer = self.api.secrets.rotate_secret(
            SecretId="a", RotationLambdaARN=function, RotationRules=DAILY, **members
        )
        return answer["VersionId"]

    def rotate_to_the_end(self, function: str) -> None:
        """Rotate once, also right after another rotation.

        That moves AWSCURRENT in its last step, and is over a moment later.
        """
        started: list[str] = []

        def starts() -> bool:
            try:
                started.append(self.rotate(function))
            except self.api.secrets.exceptions.InvalidRequestException:
                return False
            return True

        wait_until(starts, what="the end of the rotation before")
        self.wait_until_rotated(started[0])

    def described(self) -> dict[str, Any]:
        described = dict(self.api.secrets.describe_secret(SecretId="a"))
        del described["ResponseMetadata"]
        return described

    def stages(self) -> dict[str, list[str]]:
        stages: dict[str, list[str]] = self.described()["VersionIdsToStages"]
        return stages

    def current(self) -> str:
        return self.api.secrets.get_secret_value(SecretId="a")["SecretString"]

    def log(self, function: str) -> str:
        group = f"/aws/lambda/{function.rpartition(':')[2]}"
        try:
            events = self.api.logs.filter_log_events(logGroupName=group)["events"]
        except self.api.logs.exceptions.ResourceNotFoundException:
            return ""
        return "\n".join(event["message"] for event in events)

    def wait_for_log(self, function: str, text: str) -> None:
        wait_until(
            lambda: text in self.log(function),
            what=f"{text!r} in the function's log",
            seconds_max=20,
        )

    def wait_until_rotated(self, version_id: str) -> None:
        wait_until(
            lambda: (
                self.stages().get(version_id) == ["AWSCURRENT"]
                and "LastRotatedDate" in self.described()
            ),
            what="the rotation",
        )

    def assert_never_configured(self) -> None:
        described = self.described()
        assert not {"RotationEnabled", "RotationRules", "RotationLambdaARN"} & set(described)
        assert described["VersionIdsToStages"] == {self.version_id: ["AWSCURRENT"]}
        assert "NextRotationDate" not in described
