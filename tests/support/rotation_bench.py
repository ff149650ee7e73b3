"""What a test of a rotation function needs: a database, a Secrets Manager, and the four steps."""

from dataclasses import dataclass
from typing import Any
import uuid

from types_boto3_secretsmanager import SecretsManagerClient

from keyturn_rotators.engines.postgres import Postgres
from keyturn_rotators.passwords import PasswordPolicy
from keyturn_rotators.rds import Rds
from keyturn_rotators.steps import Rotation, Step
from keyturn_rotators.strategies import SingleUser, Strategy
from keyturn_rotators.versions import SecretVersions
from support.no_rds import NO_RDS
from support.postgres_server import PostgresServer
from support.simulated_secretsmanager import SimulatedSecretsManager

FIRST_PASSWORD = "first 'password' \\ of \"ünïcode\" \N{KEY}"


@dataclass(frozen=True, kw_only=True)
class Login:
    """A database role of a test's own, and the secret that holds its password."""

    server: PostgresServer
    username: str
    arn: str


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a test needs to rotate: a database, a Secrets Manager and a client for it."""

    server: PostgresServer
    secrets_manager: SimulatedSecretsManager
    client: SecretsManagerClient
    rds: Rds = NO_RDS

    def login(self, username: str = "", password: str = FIRST_PASSWORD, **keys: object) -> Login:
        """Make a role and its secret."""
        username = username or f"app-{uuid.uuid4().hex[:8]}"
        self.server.make_role(username, password)
        document = self.document(username, password, **keys)
        return Login(
            server=self.server, username=username, arn=self.secrets_manager.create(document)
        )

    def document(self, username: str, password: str, **keys: object) -> dict[str, Any]:
        """Return what a secret holds."""
        return {
            "engine": "postgres",
            "host": self.server.host,
            "port": self.server.port,
            "username": username,
            "password": password,
            **keys,
        }

    def rotation(self, arn: str, token: str, strategy: Strategy | None = None) -> Rotation:
        """Return a rotation as the function's handler makes it."""
        strategy = strategy or SingleUser(Postgres())
        return Rotation(
            versions=SecretVersions(
                client=self.client,
                secret_id=arn,
                token=token,
                rotation_token=None,
                defaults=strategy.engine.defaults,
                rds=self.rds,
            ),
            strategy=strategy,
            make_password=lambda current: PasswordPolicy().make_for(
                current, strategy.engine.defaults, self.client
            ),
        )

    def rotate(self, arn: str, token: str | None = None) -> str:
        """Do all steps; return the token."""
        token = token or self.secrets_manager.begin_rotation(arn)
        for step in Step:
            self.rotation(arn, token).run(step)
        return token

    def is_live(self, arn: str) -> bool:
        """Return whether AWSCURRENT is the login that the database takes."""
        current = self.secrets_manager.document(arn)
        return self.server.accepts(current["username"], current["password"])
