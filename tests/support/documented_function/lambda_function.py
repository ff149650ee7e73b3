"""Rotate the password of a database user, who changes it: PostgreSQL, MySQL, MariaDB, MongoDB.

The secret is JSON with ``engine``, ``host``, ``port``, ``dbname``, ``username`` and ``password``,
as AWS's database secrets have them. Every step may be repeated.

Written from AWS's documentation of the four steps alone, as its reader would:
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
and https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
"""

from collections.abc import Callable, Mapping
from contextlib import closing
import json
import logging
import os
from typing import TYPE_CHECKING, Any, Final, Protocol

import boto3
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import encrypt_password
import pymongo
import pymongo.errors
import pymysql

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

logger = logging.getLogger()
logger.setLevel(logging.INFO)

PASSWORD_LENGTH: Final = 32
#: What connection strings and shells take for something else.
EXCLUDED: Final = "/@\"'\\"
CONNECT_SECONDS_MAX: Final = 5

Secret = dict[str, Any]


def lambda_handler(event: Mapping[str, str], context: object) -> None:  # noqa: ARG001 - Lambda's
    """Do the step that Secrets Manager asks for."""
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    client = boto3.client("secretsmanager", endpoint_url=os.environ["SECRETS_MANAGER_ENDPOINT"])
    stages = client.describe_secret(SecretId=arn)["VersionIdsToStages"].get(token, [])
    if "AWSCURRENT" in stages:
        logger.info("%s: version %s of %s is AWSCURRENT already.", step, token, arn)
        return
    if "AWSPENDING" not in stages:
        raise ValueError(f"Version {token} of {arn} is not AWSPENDING.")
    STEPS[step](client, arn, token)
    logger.info("%s: done for version %s of %s.", step, token, arn)


def create_secret(client: "SecretsManagerClient", arn: str, token: str) -> None:
    """Store a new password as AWSPENDING, unless an earlier attempt has."""
    try:
        read(client, arn, "AWSPENDING", token)
    except client.exceptions.ResourceNotFoundException:
        logger.info("createSecret: version %s has no value; a password is made for it.", token)
    else:
        return
    secret = read(client, arn, "AWSCURRENT")
    secret["password"] = client.get_random_password(
        PasswordLength=PASSWORD_LENGTH, ExcludeCharacters=EXCLUDED
    )["RandomPassword"]
    client.put_secret_value(
        SecretId=arn,
        ClientRequestToken=token,
        SecretString=json.dumps(secret),
        VersionStages=["AWSPENDING"],
    )


def set_secret(client: "SecretsManagerClient", arn: str, token: str) -> None:
    """Change the password in the database, if it isn't the new one already."""
    current, pending = read(client, arn, "AWSCURRENT"), read(client, arn, "AWSPENDING", token)
    # The function may do more than who writes the secret: it isn't led to another database.
    if {**current, "password": ""} != {**pending, "password": ""}:
        raise ValueError(f"AWSPENDING and AWSCURRENT of {arn} are not of the same user.")
    try:
        log_in(pending).close()
    except LOGIN_ERRORS:
        logger.info("setSecret: the database doesn't take the new password yet.")
    else:
        return
    with closing(log_in(current)) as database:
        database.change_password(pending["password"])


def test_secret(client: "SecretsManagerClient", arn: str, token: str) -> None:
    """Read from the database with the new password."""
    with closing(log_in(read(client, arn, "AWSPENDING", token))) as database:
        database.read()


def finish_secret(client: "SecretsManagerClient", arn: str, token: str) -> None:
    """Make the new version AWSCURRENT; Secrets Manager moves the other labels."""
    versions = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    current = next(version for version, stages in versions.items() if "AWSCURRENT" in stages)
    client.update_secret_version_stage(
        SecretId=arn,
        VersionStage="AWSCURRENT",
        MoveToVersionId=token,
        RemoveFromVersionId=current,
    )


STEPS: Final[Mapping[str, Callable[["SecretsManagerClient", str, str], None]]] = {
    "createSecret": create_secret,
    "setSecret": set_secret,
    "testSecret": test_secret,
    "finishSecret": finish_secret,
}


def read(
    client: "SecretsManagerClient", arn: str, stage: str, version_id: str | None = None
) -> Secret:
    """Return the secret's value."""
    version = {} if version_id is None else {"VersionId": version_id}
    answer = client.get_secret_value(SecretId=arn, VersionStage=stage, **version)
    secret: Secret = json.loads(answer["SecretString"])
    return secret


class Database(Protocol):
    """A database that somebody has logged in to."""

    def change_password(self, password: str) -> None: ...
    def read(self) -> None: ...
    def close(self) -> None: ...


class PostgreSQL:
    """PostgreSQL, by psycopg2."""

    def __init__(self, secret: Secret) -> None:
        self._user = secret["username"]
        self._connection = psycopg2.connect(
            host=secret["host"],
            port=secret["port"],
            dbname=secret["dbname"],
            user=self._user,
            password=secret["password"],
            connect_timeout=CONNECT_SECONDS_MAX,
        )
        self._connection.autocommit = True

    def change_password(self, password: str) -> None:
        # Hashed here, the password is in no log of the server's statements.
        verifier = encrypt_password(password, self._user, self._connection, "scram-sha-256")
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
        with self._connection.cursor() as cursor:
            cursor.execute(statement.format(sql.Identifier(self._user), sql.Literal(verifier)))

    def read(self) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            cursor.fetchone()

    def close(self) -> None:
        self._connection.close()


class MySQL:
    """MySQL, by PyMySQL."""

    CHANGE = "ALTER USER USER() IDENTIFIED BY %s"

    def __init__(self, secret: Secret) -> None:
        self._connection = pymysql.connect(
            host=secret["host"],
            port=secret["port"],
            database=secret["dbname"],
            user=secret["username"],
            password=secret["password"],
            connect_timeout=CONNECT_SECONDS_MAX,
        )

    def change_password(self, password: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(self.CHANGE, (password,))

    def read(self) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT CURRENT_USER()")
            cursor.fetchone()

    def close(self) -> None:
        self._connection.close()


class MariaDB(MySQL):
    """MariaDB, where ALTER USER is an administrator's."""

    CHANGE = "SET PASSWORD = PASSWORD(%s)"


class MongoDB:
    """MongoDB, by pymongo; ``dbname`` is the database that knows the user."""

    def __init__(self, secret: Secret) -> None:
        self._user = secret["username"]
        self._client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            host=secret["host"],
            port=secret["port"],
            username=self._user,
            password=secret["password"],
            authSource=secret["dbname"],
            serverSelectionTimeoutMS=CONNECT_SECONDS_MAX * 1000,
        )
        self._database = self._client[secret["dbname"]]
        try:
            # The client connects, and logs in, when it is first used.
            self._database.command("connectionStatus")
        except pymongo.errors.PyMongoError:
            self._client.close()
            raise

    def change_password(self, password: str) -> None:
        self._database.command("updateUser", self._user, pwd=password)

    def read(self) -> None:
        self._database.list_collection_names()

    def close(self) -> None:
        self._client.close()


ENGINES: Final[Mapping[str, Callable[[Secret], Database]]] = {
    "postgres": PostgreSQL,
    "mysql": MySQL,
    "mariadb": MariaDB,
    "mongo": MongoDB,
}
LOGIN_ERRORS: Final = (
    psycopg2.OperationalError,
    pymysql.err.OperationalError,
    pymongo.errors.OperationFailure,
)


def log_in(secret: Secret) -> Database:
    """Log in to the database as the secret says."""
    return ENGINES[secret["engine"]](secret)
