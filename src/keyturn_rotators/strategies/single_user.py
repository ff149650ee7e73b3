"""Single user: the one user in the secret gets another password in place of its own.

Open connections stay. Between the database's change and the secret's, a login with AWSCURRENT is
refused.
"""

from dataclasses import dataclass

from keyturn_rotators.credential import Credential
from keyturn_rotators.strategies.one_user import OneUser
from keyturn_rotators.target import Engine


@dataclass(frozen=True, slots=True)
class SingleUser(OneUser):
    """Replaces the password of the user in the secret."""

    engine: Engine

    def _change_oneself(self, working: Credential, fresh: str) -> None:
        with self.engine.login(working) as session:
            session.change_own_password(fresh)

    def _change_by_admin(self, admin: Credential, working: Credential, fresh: str) -> None:
        with self.engine.administer(admin, working) as administration:
            administration.set_password(working.username, fresh)
