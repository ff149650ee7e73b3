"""What a test does in its account before it begins: clients, a role, a rotation function."""

import json
from typing import Any

import boto3
from botocore.config import Config

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
ROTATE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}],
}
ACCOUNT = "123456789012"


def client(variables: dict[str, str], service: str) -> Any:  # noqa: ANN401 - boto3 makes the type
    """Return a boto3 client that doesn't repeat what was refused."""
    return boto3.client(
        service,
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name=variables["AWS_DEFAULT_REGION"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def make_rotation_function(
    variables: dict[str, str], name: str, package: bytes, *, timeout: int = 30
) -> str:
    """Make a role, a function that it runs as, and the permission; return the function's ARN."""
    iam, functions = client(variables, "iam"), client(variables, "lambda")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(RoleName=name, PolicyName="rotate", PolicyDocument=json.dumps(ROTATE))
    made = functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="lambda_function.lambda_handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": package},
        Timeout=timeout,
    )
    functions.add_permission(
        FunctionName=name,
        StatementId="SecretsManager",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
        SourceAccount=ACCOUNT,
    )
    return str(made["FunctionArn"])
