"""What a conformance test needs: a kit's server behind a proxy, a strategy, a Secrets Manager."""

from dataclasses import dataclass
import json
import uuid

from types_boto3_secretsmanager import SecretsManagerClient

from keyturn_rotators.credential import parse
from keyturn_rotators.passwords import PasswordPolicy
from keyturn_rotators.steps import Rotation, Step
from keyturn_rotators.strategies import Strategy
from keyturn_rotators.versions import SecretVersions
from support.cutting_proxy import HOST, CuttingProxy
from support.kits.kit import Document, Kit, StrategyName
from support.no_rds import NO_RDS
from support.simulated_secretsmanager import SimulatedSecretsManager


@dataclass(frozen=True, kw_only=True)
class ConformanceBench:
    """One engine with one strategy."""

    kit: Kit
    name: StrategyName
    proxy: CuttingProxy
    secrets_manager: SimulatedSecretsManager
    client: SecretsManagerClient

    @property
    def strategy(self) -> Strategy:
        """The strategy, for the kit's engine."""
        return self.kit.strategy(self.name, self.proxy.port)

    @property
    def is_alternating(self) -> bool:
        """Whether each rotation changes the user."""
        return self.name is StrategyName.ALTERNATING_USERS

    @property
    def needs_admin(self) -> bool:
        """Whether an administrator makes the change."""
        return self.is_alternating or self.name in self.kit.changed_by_admin

    def secret(
        self,
        username: str = "",
        password: str = "",
        *,
        admin: Document | None = None,
        **keys: object,
    ) -> str:
        """Make a user and its secret; return the secret's ARN.

        Args:
            admin: the administrator's login, instead of the usual one where one is needed.
            keys: in place of the document's.
        """
        username = _unique(username or "ap")
        password = password or self.kit.first_password
        self.kit.make_user(username, password)
        document = self.behind_proxy(self.kit.document(username, password))
        if self.needs_admin or admin:
            login = self.behind_proxy(admin or self.kit.admin_document())
            document["masterarn"] = self.secrets_manager.create(login)
        return self.secrets_manager.create({**document, **keys})

    def behind_proxy(self, document: Document) -> Document:
        """Return a login that goes through the proxy, wherever the server is."""
        place = {"host": HOST} if "host" in document else {}
        return {**document, **place, "port": self.proxy.port}

    def versions(self, arn: str, token: str = "") -> SecretVersions:
        """Return the versions of a secret, as a rotation sees them."""
        return SecretVersions(
            client=self.client,
            secret_id=arn,
            token=token,
            rotation_token=None,
            defaults=self.strategy.engine.defaults,
            rds=NO_RDS,
        )

    def run(self, arn: str, token: str, step: Step) -> None:
        """Do a step, as the function's handler does."""
        versions = self.versions(arn, token)
        Rotation(
            versions=versions,
            strategy=self.strategy,
            make_password=lambda current: PasswordPolicy().make_for(
                current, versions.defaults, self.client
            ),
        ).run(step)

    def rotate(self, arn: str, token: str | None = None) -> str:
        """Do all steps; return the token."""
        token = token or self.secrets_manager.begin_rotation(arn)
        for step in Step:
            self.run(arn, token, step)
        return token

    def proposed(self, arn: str, password: str = "") -> Document:
        """Return what the strategy would store as AWSPENDING, with this password."""
        text = json.dumps(self.secrets_manager.document(arn))
        current = parse(text, "AWSCURRENT", self.strategy.engine.defaults)
        versions, made = self.versions(arn), password or self.kit.first_password
        return dict(self.strategy.propose(current, lambda: made, versions).document)

    def login(self, arn: str, stage: str = "AWSCURRENT") -> tuple[str, str]:
        """Return the username and password of a version, or what stands for them."""
        return self.names_in(self.secrets_manager.document(arn, stage))

    def names_in(self, document: Document) -> tuple[str, str]:
        """Return who a secret's value lets in, and with what."""
        defaults = self.strategy.engine.defaults
        return document[defaults.username_key], document[defaults.password_key]

    def is_live(self, arn: str, stage: str = "AWSCURRENT") -> bool:
        """Return whether the server takes the login of a version, if the version has one."""
        document = self.secrets_manager.document(arn, stage)
        return bool(document) and self.kit.accepts(*self.names_in(document))


def _unique(username: str) -> str:
    """Return a name that nobody has yet; one of the longest keeps its length."""
    letters = uuid.uuid4().hex[:8]
    return (
        username[: -len(letters)] + letters
        if len(username) > 2 * len(letters)
        else username + letters
    )
