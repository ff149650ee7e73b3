"""Dual credential: one user with two passwords at once, the one in use and the one to come.

The password that is replaced goes on working until the next rotation: no login is refused, also of
an application that looks at its secret seldom. What is sent to the database is the same whatever
an earlier attempt came to; a password that one made, and that no version of the secret has any
more, is thereby gone.
"""

from dataclasses import dataclass

from keyturn_rotators.credential import Credential
from keyturn_rotators.strategies.one_user import OneUser
from keyturn_rotators.target import DualEngine


@dataclass(frozen=True, slots=True)
class DualCredential(OneUser):
    """Gives the user in the secret a second password."""

    engine: DualEngine

    def _change_oneself(self, working: Credential, fresh: str) -> None:
        with self.engine.login(working) as session:
            session.keep_two_passwords(working.password, fresh)

    def _change_by_admin(self, admin: Credential, working: Credential, fresh: str) -> None:
        with self.engine.administer(admin, working) as administration:
            administration.keep_two_passwords(working.username, working.password, fresh)
