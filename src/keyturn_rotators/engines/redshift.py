"""Amazon Redshift, with psycopg 3: Redshift speaks PostgreSQL's protocol.

* The password never leaves the function: what is sent is its md5 hash (``redshift_words``).
* ``"ssl": true`` is TLS with the server's name and CA verified; false is none. Without the key TLS
  is used if the server has it, unverified; a password is never sent in the clear then.
* A login counts only if the server asked for the password.
* psycopg is told the encoding, for Redshift calls it UNICODE, which psycopg doesn't know; and to
  prepare nothing, for Redshift has no DEALLOCATE ALL.

Amazon's CA is in the system's store of most; where it isn't, name its bundle in TLS_CA_FILE.

Redshift: https://docs.aws.amazon.com/redshift/latest/mgmt/connecting-ssl-support.html
psycopg: https://github.com/psycopg/psycopg/issues/122
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.postgres import Postgres
from keyturn_rotators.errors import EncryptionError, LoginRefusedError, UnreachableError
from keyturn_rotators.target import CloneNames

if TYPE_CHECKING:
    import psycopg

    from keyturn_rotators.engines.redshift_users import RedshiftAdministration, RedshiftSession

# https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
NAME_BYTES_MAX: Final = 127
_DEFAULTS: Final = Defaults(
    engines=frozenset({"redshift"}), port=5439, dbname="dev", unusable_letters="'\"\\/@ "
)
# What libpq says to authentication method 13, by which of its options are set.
_DIGEST_ASKED: Final = ("authentication method 13", "unknown authentication type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Redshift:
    """Amazon Redshift, a cluster or serverless.

    Attributes:
        ca_file: the CAs that may vouch for a server; None for the system's.
    """

    ca_file: str | None = None

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @property
    def clone_names(self) -> CloneNames:
        return CloneNames(length_max=NAME_BYTES_MAX, is_in_bytes=True)

    @contextmanager
    def login(self, credential: Credential) -> Iterator["RedshiftSession"]:
        """Log in, and out at the end; see ``target.Engine``."""
        # With the driver, which takes longest to load: two of the four steps do without it.
        from keyturn_rotators.engines.redshift_users import RedshiftSession

        with self._connected(credential) as connection:
            yield RedshiftSession(connection, credential)

    @contextmanager
    def administer(
        self, admin: Credential, current: Credential
    ) -> Iterator["RedshiftAdministration"]:
        """Log in to the database that ``current`` uses; see ``target.Engine``."""
        from keyturn_rotators.engines.redshift_users import RedshiftAdministration

        there = replace(admin, dbname=current.dbname)
        suffix = self.clone_names.suffix
        with self._connected(there) as connection:
            yield RedshiftAdministration(connection, there, suffix)

    @contextmanager
    def _connected(self, credential: Credential) -> Iterator["psycopg.Connection"]:
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(
                    _Protocol(ca_file=self.ca_file).connected(credential)
                )
            except (EncryptionError, UnreachableError) as error:
                if any(words in str(error) for words in _DIGEST_ASKED):
                    raise _digest_asked(credential) from None
                raise
            yield connection


@dataclass(frozen=True, slots=True, kw_only=True)
class _Protocol(Postgres):
    """PostgreSQL's protocol, without its roles."""

    def connected(self, credential: Credential) -> "AbstractContextManager[psycopg.Connection]":
        return self._connected(credential)


def _digest_asked(credential: Credential) -> LoginRefusedError:
    said = (
        "Redshift keeps this user's password as a sha256 hash, with which only Redshift's own "
        "drivers log in; set it once as text or as an md5 hash: ALTER USER ... PASSWORD"
    )
    return LoginRefusedError(credential.where, credential.stage, said)
