"""How a credential is changed: who changes whose password, and what keeps working meanwhile.

* ``SingleUser``: one user, one password. Between the database's change and the secret's, a login
  with AWSCURRENT is refused.
* ``AlternatingUsers``: two users with the same rights; the one that isn't in use is changed.
* ``DualCredential``: one user, two passwords at once. No login is ever refused.
* ``IssuedCredential``: the same for keys and tokens, which the target makes.

A strategy decides on logins alone. It asks ``Versions`` for them and a ``target.Engine`` for the
acts, and each of its methods may be repeated after a crash at any line.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotation-strategy.html
"""

from keyturn_rotators.strategies.alternating_users import AlternatingUsers
from keyturn_rotators.strategies.dual_credential import DualCredential
from keyturn_rotators.strategies.issued_credential import IssuedCredential
from keyturn_rotators.strategies.single_user import SingleUser
from keyturn_rotators.strategies.strategy import Strategy, Versions

__all__ = [
    "AlternatingUsers",
    "DualCredential",
    "IssuedCredential",
    "SingleUser",
    "Strategy",
    "Versions",
]
